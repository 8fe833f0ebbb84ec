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
from typing import NamedTuple, TypedDict, Unpack

from memcli import batch, config, journal, layout, lock, tree, undo
from memcli import purge as purging
from memcli.batch import FileChange
from memcli.caller import author, session
from memcli.errors import Conflict, IndexUnavailable, InvalidMemory, NotFound, SecretFound, UsageError
from memcli.frontmatter import set_front_matter, split_front_matter, with_appended, with_body
from memcli.guard import secrets
from memcli.index.reconcile import Report
from memcli.index.update import Progress, update
from memcli.journal import Change, Event
from memcli.lifecycle import exposure, history, standing
from memcli.memory import DEFAULT_TYPE, Memory, entry_body, first_line, parse, serialise
from memcli.places import Place, is_personal
from memcli.purge import Purged
from memcli.text import digest, new_id, path_id, slug, utc_iso
from memcli.trust import record

WRITERS = 4  # threads that write files during an import


class Said(TypedDict, total=False):
    """What may be said of a new memory besides its text."""

    type_: str
    title: str | None
    topic: str | None
    tags: Sequence[str]
    links: Sequence[str]
    supersedes: Sequence[str]
    created: str | None
    valid_from: str | None
    valid_to: str | None
    pinned: bool
    private: bool


@dataclass(frozen=True, slots=True)
class Written:
    """A write that is safe on disk: the memory's id and path, and the rules of the secrets that were masked in it."""

    id: str
    path: str
    masked: tuple[str, ...] = ()


class Draft(NamedTuple):
    """A new memory that is not written yet, the path that it asks for, and the rules of the secrets masked in it."""

    path: str
    memory: Memory
    masked: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the memory is called: its title, or the first line that says something."""
        return self.memory.title or first_line(self.memory.body)


class Edited(NamedTuple):
    """A change to a memory that is not written yet: its bytes and path afterwards, the rules of the secrets masked."""

    data: bytes
    path: str
    masked: tuple[str, ...] = ()


class Store:
    """One store and what can be done to it. `now` is a clock in seconds since the epoch."""

    def __init__(self, place: Place, *, now: Callable[[], float] | None = None) -> None:
        self.place = place
        self.repaired = batch.repair(place)  # an operation that was killed half-way was taken back
        self.config = config.load(place)
        self._now = now or time.time

    # --- making one ---

    @classmethod
    def init(cls, place: Place, *, shared: bool = False, tree_folder: str | None = None) -> Store:
        """Make the folders of a store; safe to repeat. `tree_folder` uses an existing folder as the tree, unchanged."""
        is_new = not os.path.lexists(place.folder)
        made = layout.make(place, shared=shared, tree_folder=tree_folder)
        if is_new and not is_personal(made):
            record.begin(made)
        return cls(made)

    @property
    def shared(self) -> bool:
        """Whether `tree/` may be committed: the store's .gitignore does not ignore everything."""
        return layout.is_shared(self.place)

    # --- writing ---

    def add(self, text: str, *, overwrite: bool = False, redact: bool = False, **said: Unpack[Said]) -> Written:
        """Keep a new memory.

        Raises SecretFound (unless `redact`), InvalidMemory for text that cannot be kept, Conflict when a memory of that
        name exists (unless `overwrite`, or `supersedes` is given).
        """
        draft = self.draft(text, redact=redact, **said)
        existing = self.same_name(draft) if not draft.memory.supersedes else None
        if existing is not None and overwrite:
            return self._overwrite(draft, existing)
        if existing is not None:
            raise Conflict(
                f"{self.place.shown(draft.path)} already holds a memory of that name",
                present=body_of(existing),
                hint=f"repeat with --overwrite, or with --supersedes {parse(existing, name=draft.path).id or draft.path}",
            )
        data = serialise(draft.memory)
        path = tree.create_unique(self.place, draft.path, data)
        self._record("add", [Change(path, None, digest(data))])
        assert draft.memory.id is not None
        return Written(draft.memory.id, path, draft.masked)

    def draft(self, text: str, *, redact: bool = False, **said: Unpack[Said]) -> Draft:
        """A new memory as `add` would keep it. Raises SecretFound (unless `redact`) and UsageError for no text."""
        title, topic = said.get("title"), said.get("topic")
        tags, links = tuple(said.get("tags") or ()), tuple(said.get("links") or ())
        clean, masked = self._guard([text, title or "", topic or "", *tags, *links], redact)
        text, title, topic = clean[0], clean[1] or None, topic and clean[2]
        tags, links = tuple(clean[3 : 3 + len(tags)]), tuple(clean[3 + len(tags) :])
        if not text.strip():
            raise UsageError("there is nothing to remember", hint='mem add "what you want to keep"')
        memory = Memory(
            body=entry_body(text, title, links),
            id=new_id(),
            type=said.get("type_") or DEFAULT_TYPE,
            title=title or "",
            created=said.get("created") or utc_iso(self._now()),
            tags=tuple(tag.lstrip("#") for tag in tags),
            source=None if author() == "you" else author(),
            supersedes=tuple(said.get("supersedes") or ()),
            valid_from=said.get("valid_from"),
            valid_to=said.get("valid_to"),
            pinned=said.get("pinned") or False,
        )
        return Draft(
            self._path_for(title or first_line(memory.body), topic, said.get("private") or False), memory, masked
        )

    def same_name(self, draft: Draft) -> bytes | None:
        """The file at the draft's path if it holds a memory of the very same name, not just one with the same slug."""
        try:
            present = tree.read(self.place, draft.path)
        except (NotFound, InvalidMemory):
            return None
        memory = parse(present, name=draft.path)
        return present if draft.name in (memory.title, first_line(memory.body)) else None

    def edit(
        self,
        path: str,
        *,
        text: str | None = None,
        append: str | None = None,
        front_matter: Mapping[str, object] | None = None,
        topic: str | None = None,
        expected: str | None = None,
        redact: bool = False,
    ) -> Written:
        """Change a memory: its body, something appended to it, keys of its front matter, its topic.

        `expected` is the digest of the bytes that the caller read (Conflict if the file is another by now); without it
        the change applies to what is there. Everything else in the file stays byte for byte.
        """
        with lock.write_lock(self.place):
            before = tree.read(self.place, path)
            self._expect(path, before, expected)
            after = self.edited(
                path, before, text=text, append=append, front_matter=front_matter or {}, topic=topic, redact=redact
            )
            moved = after.path if after.path != path else None
            self._apply([FileChange(path, before, after.data, moved)], "move" if moved else "edit")
        return Written(parse(after.data, name=after.path).id or "", after.path, after.masked)

    def edited(
        self,
        path: str,
        before: bytes,
        *,
        text: str | None = None,
        append: str | None = None,
        front_matter: Mapping[str, object],
        topic: str | None = None,
        redact: bool = False,
    ) -> Edited:
        """What `edit` would make of the bytes `before`. Raises SecretFound (unless `redact`)."""
        front, masked = self._guard_front_matter(front_matter, redact)
        (new, topic_), rules = self._guard([text if text is not None else append or "", topic or ""], redact)
        after = before
        if text is not None or append is not None:
            after = with_body(after, new) if text is not None else with_appended(after, new)
        if front:
            after = set_front_matter(after, front)
        return Edited(after, path if topic is None else self._moved(path, topic_), masked + rules)

    def replace_file(self, path: str, data: bytes, *, expected: str, redact: bool = False) -> Written:
        """Put a whole edited file in place (the way of `mem edit` in an editor)."""
        (clean,), masked = self._guard([data.decode("utf-8")], redact)
        after = clean.encode("utf-8")
        with lock.write_lock(self.place):
            before = tree.read(self.place, path)
            self._expect(path, before, expected)
            self._apply([FileChange(path, before, after)], "edit")
        return Written(parse(after, name=path).id or "", path, masked)

    def forget(self, paths: Iterable[str]) -> list[str]:
        """Move memories to the trash, all of them or none."""
        wanted = list(dict.fromkeys(paths))
        with lock.write_lock(self.place):
            self._apply([FileChange(path, tree.read(self.place, path), None) for path in wanted], "forget")
        return wanted

    def purge(self, path: str) -> Purged:
        """Delete a memory and every earlier version of it for good."""
        with lock.write_lock(self.place):
            name = parse(tree.read(self.place, path), name=path).id or path_id(path)
            purged = purging.purge(self.place, path)
            self._record("forget", [], note="purged")
        exposure.erase(self.place, [name])
        return purged

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
                    self._apply([FileChange(path, None, data)], "restore")
                    batch.leave_trash(self.place, path, digest(data))
                return Written(memory.id or "", path)
        raise NotFound(f"the trash holds nothing called {wanted!r}", hint="mem restore (lists the trash)")

    def apply(self, files: Iterable[FileChange], *, verb: str, note: str | None = None) -> Event | None:
        """Make many changes as one operation (one undo): all of them or, where one fails, none.

        Each file must still be what its `before` says (Conflict); see `batch.apply`.
        """
        with lock.write_lock(self.place):
            return self._apply(files, verb, note)

    def undo(self, op: str | None = None) -> tuple[Event, list[str]]:
        """Revert one operation, the newest that was not undone if none is named. Raises UndoImpossible."""
        event = journal.undoable(self.place, op)
        return event, self._revert([event])

    def undo_last(self, count: int) -> tuple[list[Event], list[str]]:
        """Revert the last `count` operations, newest first, all or none; returns them and the paths that were touched."""
        events = undo.last(self.place, count)
        return events, self._revert(events)

    def undo_session(self, wanted: str) -> tuple[list[Event], list[str]]:
        """Revert all that was done in the agent session that `wanted` begins, newest first, all or none."""
        events = undo.of_session(self.place, wanted)
        return events, self._revert(events)

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
        at_most = None if embed else 0
        report, problem = update(self.place, self.config, paths=paths, embed_at_most=at_most, progress=progress)
        standing.renew_where_new(self.place, self.config, history.day_of(self._now()))
        return report, problem

    def renew_standing(self) -> None:
        """Bring the index to the tiers and outcomes that the journal tells of (`lifecycle.standing`)."""
        standing.renew(self.place, self.config, history.day_of(self._now()))

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

    def _overwrite(self, draft: Draft, existing: bytes) -> Written:
        old = parse(existing, name=draft.path)
        identity = old.id or draft.memory.id
        data = serialise(replace(draft.memory, id=identity, created=old.created or draft.memory.created))
        self.apply([FileChange(draft.path, existing, data)], verb="edit")
        return Written(identity or "", draft.path, draft.masked)

    def _moved(self, path: str, topic: str) -> str:
        name = path.rsplit("/", 1)[1]
        return self._path_for("x", topic, path.startswith("local/")).rsplit("/", 1)[0] + "/" + name

    def _expect(self, path: str, present: bytes, expected: str | None) -> None:
        if expected is not None and digest(present) != expected:
            raise Conflict(
                f"{self.place.shown(path)} changed since it was read; nothing was written",
                present=present.decode("utf-8"),
                hint="read it again and repeat the edit",
            )

    def _apply(self, files: Iterable[FileChange], verb: str, note: str | None = None) -> Event | None:
        """`apply` for one who holds the lock."""
        return batch.apply(
            self.place, files, verb=verb, note=note, by=author(), origin=os.getcwd(), now=self._now(),
            session=session(),
        )  # fmt: skip

    def _revert(self, events: Sequence[Event]) -> list[str]:
        paths = undo.revert(self.place, events, by=author(), origin=os.getcwd(), now=self._now(), session=session())
        if any(event.about for event in events):
            try:
                self.renew_standing()
            except IndexUnavailable:
                pass  # an index that is made anew asks the journal
        return paths

    def _record(self, verb: str, changes: Sequence[Change], note: str | None = None) -> Event:
        return journal.record(
            self.place, verb, changes, note=note, by=author(), origin=os.getcwd(), now=self._now(),
            session=session(),
        )  # fmt: skip


def body_of(data: bytes) -> str:
    """The text of a memory file without its front matter; of a file that is nothing else, all of it."""
    opening, _, rest = split_front_matter(data.decode("utf-8"))
    return rest.partition("\n")[2] if opening else rest
