"""The façade: the verbs that every front end calls on a store.

Every verb that writes goes: guards → files (fsynced) → journal → *acknowledged*; the index follows and may fail without
losing anything. Prints nothing; time comes in as `now`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from memcli import config, journal, lock, tree, undo
from memcli import purge as purging
from memcli.errors import Conflict, InvalidMemory, NotFound, SecretFound, UsageError
from memcli.frontmatter import set_front_matter, split_front_matter, with_appended, with_body
from memcli.guard import secrets
from memcli.index.reconcile import Report
from memcli.index.update import Progress, update
from memcli.journal import Change, Event
from memcli.memory import Memory, entry_body, first_line, parse, serialise
from memcli.places import Place, private_dir
from memcli.text import digest, new_id, slug, utc_iso

_GITIGNORE = {
    True: "# memcli: tree/ is shared, everything else stays on this machine\nlocal/\n",
    False: "# memcli: private\n*\n",
}
_README = """# Memories of this project

`tree/` holds what was learnt here, one Markdown file each: read, edit, move and commit them like any other text.
`local/` is private to one machine. Written and searched with `mem` (memcli), readable without it.
"""
WRITERS = 4  # threads that write files during an import
AGENT_MARKERS = {
    "CLAUDECODE": "claude-code",
    "CODEX_SANDBOX": "codex",
    "GEMINI_CLI": "gemini-cli",
    "CURSOR_AGENT": "cursor",
    "OPENCODE": "opencode",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A write that is safe on disk: the memory's id and path, and the rules of the secrets that were masked in it."""

    id: str
    path: str
    masked: tuple[str, ...] = ()


def author() -> str:
    """Who is typing, for the journal: the coding agent that marked its environment, else "you"."""
    return next((name for marker, name in AGENT_MARKERS.items() if os.environ.get(marker)), "you")


class Store:
    """One store and what can be done to it. `now` is a clock in seconds since the epoch."""

    def __init__(self, place: Place, *, now: Callable[[], float] = time.time) -> None:
        self.place = place
        self.config = config.load(place)
        self._now = now

    # --- making one ---

    @classmethod
    def init(cls, place: Place, *, shared: bool = False, tree_folder: str | None = None) -> Store:
        """Make the folders of a store; safe to repeat. `tree_folder` uses an existing folder as the tree, unchanged."""
        if tree_folder is not None:
            folder = os.path.realpath(tree_folder)
            if not os.path.isdir(folder):
                raise UsageError(f"{tree_folder} is not a folder", hint=f"mkdir -p {tree_folder}")
            if (place.folder + os.sep).startswith(folder + os.sep) and folder != place.project:
                raise UsageError(f"{tree_folder} contains the store itself", hint="run mem init in that folder")
        private_dir(place.folder)
        private_dir(place.private_tree)
        os.chmod(place.local, 0o700)
        if tree_folder is None and not os.path.isdir(place.tree):
            os.makedirs(place.tree, mode=0o777 if shared else 0o700)
        if place.label != "personal":
            _write_if_missing(os.path.join(place.folder, ".gitignore"), _GITIGNORE[shared])
            if shared:
                _start_sharing(place)
            _write_if_missing(os.path.join(place.folder, "README.md"), _README)
        if tree_folder is not None:
            place.allow_tree(folder)
            inside = (folder + os.sep).startswith(place.project + os.sep)
            _set_tree(place.config_file, os.path.relpath(folder, place.project) if inside else folder)
        return cls(Place(place.folder, place.label))

    @property
    def shared(self) -> bool:
        """Whether `tree/` may be committed: the store's .gitignore does not ignore everything."""
        try:
            with open(os.path.join(self.place.folder, ".gitignore"), encoding="utf-8") as file:
                return "*" not in file.read().split()
        except OSError:
            return False

    # --- writing ---

    def add(
        self,
        text: str,
        *,
        type_: str = "fact",
        title: str | None = None,
        topic: str | None = None,
        tags: Sequence[str] = (),
        links: Sequence[str] = (),
        supersedes: Sequence[str] = (),
        created: str | None = None,
        valid_from: str | None = None,
        valid_to: str | None = None,
        pinned: bool = False,
        private: bool = False,
        redact: bool = False,
        overwrite: bool = False,
    ) -> Written:
        """Keep a new memory.

        Raises SecretFound (unless `redact`), InvalidMemory for text that cannot be kept, Conflict when a memory of that
        name exists (unless `overwrite`, or `supersedes` is given).
        """
        said, masked = self._guard([text, title or "", topic or "", *tags, *links], redact)
        text, tags, links = said[0], said[3 : 3 + len(tags)], said[3 + len(tags) :]
        title, topic = said[1] or None, topic and said[2]
        if not text.strip():
            raise UsageError("there is nothing to remember", hint='mem add "what you want to keep"')
        body = entry_body(text, title, links)
        memory = Memory(
            body=body,
            id=new_id(),
            type=type_,
            title=title or "",
            created=created or utc_iso(self._now()),
            tags=tuple(tag.lstrip("#") for tag in tags),
            source=None if author() == "you" else author(),
            supersedes=tuple(supersedes),
            valid_from=valid_from,
            valid_to=valid_to,
            pinned=pinned,
        )
        path = self._path_for(title or first_line(body), topic, private)
        existing = self._same_name(path, title or first_line(body)) if not supersedes else None
        if existing is not None and overwrite:
            return self._overwrite(path, existing, memory, masked)
        if existing is not None:
            shown = split_front_matter(existing.decode("utf-8"))[2].partition("\n")[2] or existing.decode("utf-8")
            raise Conflict(
                f"{self.place.shown(path)} already holds a memory of that name",
                present=shown,
                hint=f"repeat with --overwrite, or with --supersedes {parse(existing, name=path).id or path}",
            )
        data = serialise(memory)
        path = tree.create_unique(self.place, path, data)
        self._record("add", [Change(path, None, digest(data))])
        assert memory.id is not None
        return Written(memory.id, path, masked)

    def edit(
        self,
        path: str,
        *,
        text: str | None = None,
        append: str | None = None,
        front_matter: dict[str, object] | None = None,
        topic: str | None = None,
        expected: str | None = None,
        redact: bool = False,
    ) -> Written:
        """Change a memory: its body, something appended to it, keys of its front matter, its topic.

        `expected` is the digest of the bytes that the caller read (Conflict if the file is another by now); without it
        the change applies to what is there. Everything else in the file stays byte for byte.
        """
        front, masked = self._guard_front_matter(front_matter or {}, redact)
        (new, topic_), rules = self._guard([text if text is not None else append or "", topic or ""], redact)
        masked += rules
        with lock.write_lock(self.place):
            before = tree.read(self.place, path)
            if expected is not None and digest(before) != expected:
                raise Conflict(
                    f"{self.place.shown(path)} changed since it was read; nothing was written",
                    present=before.decode("utf-8"),
                    hint="read it again and repeat the edit",
                )
            after = before
            if text is not None or append is not None:
                after = with_body(after, new) if text is not None else with_appended(after, new)
            if front:
                after = set_front_matter(after, front)
            target = path if topic is None else self._moved(path, topic_)
            changes = self._apply_edit(path, target, before, after)
            if changes:
                self._record("edit" if target == path else "move", changes)
        return Written(parse(after, name=target).id or "", target, masked)

    def replace_file(self, path: str, data: bytes, *, expected: str, redact: bool = False) -> Written:
        """Put a whole edited file in place (the way of `mem edit` in an editor)."""
        (clean,), masked = self._guard([data.decode("utf-8")], redact)
        with lock.write_lock(self.place):
            changes = self._apply_edit(path, path, tree.read(self.place, path), clean.encode("utf-8"), expected)
            if changes:
                self._record("edit", changes)
        return Written(parse(clean.encode("utf-8"), name=path).id or "", path, masked)

    def forget(self, paths: Iterable[str], *, purge: bool = False) -> list[str]:
        """Move memories to the trash; with `purge`, delete them and every earlier version of them for good."""
        wanted, changes = list(paths), []
        with lock.write_lock(self.place):
            for path in wanted:
                if purge:
                    purging.purge(self.place, path)
                    continue
                name = digest(tree.read(self.place, path))
                tree.to_trash(self.place, path, expected=name)
                changes.append(Change(path, name, None))
            self._record("forget", changes, note="purged" if purge else None)
        return wanted

    def restore(self, wanted: str) -> Written:
        """Bring a memory back from the trash, by id, path or title. Raises NotFound; Conflict when its path is taken."""
        for path, file in tree.trash(self.place):
            with open(file, "rb") as handle:
                data = handle.read()
            memory = parse(data, name=path)
            stem = wanted.removeprefix(".mem/").removesuffix(".md")
            names = (path, path.removesuffix(".md"), path.partition("/")[2].removesuffix(".md"), memory.title)
            if (memory.id and len(wanted) >= 4 and memory.id.startswith(wanted)) or stem in names:
                with lock.write_lock(self.place):
                    tree.create(self.place, path, data)
                    tree.empty_trash(self.place, file)
                    self._record("restore", [Change(path, None, digest(data))])
                return Written(memory.id or "", path)
        raise NotFound(f"the trash holds nothing called {wanted!r}", hint="mem restore (lists the trash)")

    def undo(self, op: str | None = None) -> tuple[Event, list[str]]:
        """Revert one operation, the newest that was not undone if none is named. Raises UndoImpossible."""
        event = journal.undoable(self.place, op)
        return event, undo.revert(self.place, event, by=author(), origin=os.getcwd(), now=self._now())

    def write_many(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        verb: str,
        note: str,
        changed: Sequence[tuple[str, bytes, bytes]] = (),
    ) -> list[str]:
        """Keep many new files, and other bytes for files that exist, as one operation (one undo).

        `changed` is (path, bytes before, bytes after); Conflict if a file is another by now. Returns the paths that the
        new files took, in order. All are on disk when this returns; when it raises, what was written until then is
        journalled, so that undo takes it back. A few threads write, because each write waits for its fsync.
        """
        from concurrent.futures import ThreadPoolExecutor

        changes: list[Change] = []
        taken: dict[int, str] = {}

        def write(number: int) -> None:
            taken[number] = tree.create_unique(self.place, *files[number], sync_folder=False)

        try:
            with lock.write_lock(self.place):
                for path, before, after in changed:
                    journal.keep(self.place, before)
                    tree.replace(self.place, path, after, expected=digest(before))
                    changes.append(Change(path, digest(before), digest(after)))
            with ThreadPoolExecutor(WRITERS) as pool:
                for _ in pool.map(write, range(len(files))):
                    pass
        finally:
            tree.sync_folders(self.place, iter(taken.values()))
            changes += [Change(taken[number], None, digest(files[number][1])) for number in sorted(taken)]
            if changes:
                self._record(verb, changes, note=note)
        return [taken[number] for number in range(len(files))]

    # --- the index ---

    def sync(
        self, paths: Iterable[str] | None = None, *, embed: bool = True, progress: Progress | None = None
    ) -> tuple[Report, str | None]:
        """Bring the index up to date; see `index.update`."""
        return update(self.place, self.config, paths=paths, embed_at_most=None if embed else 0, progress=progress)

    # --- inside ---

    def _guard(self, texts: Sequence[str], redact: bool) -> tuple[list[str], tuple[str, ...]]:
        """Texts as they may be kept, and the rules of the secrets masked in them. Raises SecretFound."""
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        found = dict.fromkeys(finding.rule for text in clean for finding in secrets.find(text))
        if found and not redact:
            rules = ", ".join(found)
            raise SecretFound(
                f"the text seems to hold a secret ({rules}); nothing was written",
                hint="remove it, or repeat with --redact to keep the text with the secret masked",
            )
        return ([secrets.mask(text)[0] for text in clean] if found else clean), tuple(found)

    def _guard_front_matter(
        self, updates: Mapping[str, object], redact: bool
    ) -> tuple[dict[str, object], tuple[str, ...]]:
        guarded: dict[str, object] = {}
        masked: tuple[str, ...] = ()
        for key, value in updates.items():
            guarded[key] = value
            if isinstance(value, str | list):
                texts, rules = self._guard([value] if isinstance(value, str) else value, redact)
                guarded[key] = texts[0] if isinstance(value, str) else texts
                masked += rules
        return guarded, masked

    def _path_for(self, name: str, topic: str | None, private: bool) -> str:
        topic = topic if topic is not None else self.config.text("add.topic")
        parts = [slug(part) for part in re.split(r"[/\\]", topic) if part.strip(" .")]
        return "/".join(["local/tree" if private else "tree", *parts, f"{slug(name)}.md"])

    def _same_name(self, path: str, name: str) -> bytes | None:
        """The file at `path` if it holds a memory of the very same name, not just one with the same slug."""
        try:
            present = tree.read(self.place, path)
        except (NotFound, InvalidMemory):
            return None
        memory = parse(present, name=path)
        return present if name in (memory.title, first_line(memory.body)) else None

    def _overwrite(self, path: str, existing: bytes, memory: Memory, masked: tuple[str, ...]) -> Written:
        old = parse(existing, name=path)
        data = serialise(replace(memory, id=old.id or memory.id, created=old.created or memory.created))
        with lock.write_lock(self.place):
            self._record("edit", self._apply_edit(path, path, existing, data))
        return Written(old.id or memory.id or "", path, masked)

    def _moved(self, path: str, topic: str) -> str:
        name = path.rsplit("/", 1)[1]
        return self._path_for("x", topic, path.startswith("local/")).rsplit("/", 1)[0] + "/" + name

    def _apply_edit(
        self, path: str, target: str, before: bytes, after: bytes, expected: str | None = None
    ) -> list[Change]:
        """Replace and move one file; returns the changes to journal. The caller holds the lock."""
        old, new = digest(before), digest(after)
        if after == before and target == path:
            return []
        journal.keep(self.place, before)
        if target != path:  # first, because it fails where the target exists, and then nothing must have changed
            tree.move(self.place, path, target, expected=expected or old)
        if after != before:
            tree.replace(self.place, target, after, expected=expected or old)
        return [Change(path, old, new)] if target == path else [Change(path, old, None), Change(target, None, new)]

    def _record(self, verb: str, changes: Sequence[Change], note: str | None = None) -> Event:
        return journal.record(self.place, verb, changes, by=author(), origin=os.getcwd(), now=self._now(), note=note)


def _start_sharing(place: Place) -> None:
    """Let git see the tree of a store that was private until now; a .gitignore that somebody changed stays theirs."""
    path = os.path.join(place.folder, ".gitignore")
    with open(path, encoding="utf-8") as file:
        present = file.read()
    if present == _GITIGNORE[False]:
        with open(path, "w", encoding="utf-8") as file:
            file.write(_GITIGNORE[True])


def _write_if_missing(path: str, text: str) -> None:
    if not os.path.lexists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _set_tree(path: str, tree_folder: str) -> None:
    lines = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("tree:")]
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in [*lines, f"tree: {tree_folder}"]))
