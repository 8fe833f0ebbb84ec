"""Bringing imported items into a store: idempotent, one undo, every text kept.

What is already there is left alone: an item by its ref at the source, a note by its text. New turns of a known session
join its open part. The last turn of a transcript may have been going on when it was read: it is taken anew, unless somebody has
edited its file since. Nothing is written before the whole source has been read.

What comes of a session does not depend on how often it was read on the way: in one go or in pieces, the files are the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from memcli import journal, tree
from memcli.errors import InvalidMemory, NotFound
from memcli.guard import limits
from memcli.guard.hidden import printable
from memcli.importers import Imported, Item, Note, Skipped, segments
from memcli.importers.intake import MAX_TAGS, Cleaner, one_line, text_parts
from memcli.index import schema
from memcli.memory import (
    DEFAULT_TYPE,
    MAX_EPISODE_BYTES,
    MAX_TURNS,
    Memory,
    Turn,
    compose_turn,
    episode_body,
    first_line,
    parse,
    serialise,
    short_title,
)
from memcli.places import Place
from memcli.store import Store
from memcli.text import content_hash, digest, new_id, slug, utc_iso

EPISODES = "local/tree/episodes"
SHARED_EPISODES = "tree/episodes"
IMPORT, CAPTURE = "import", journal.CAPTURE
"""Verbs of the journal: brought in by somebody, or kept from a session as it went."""
_MAX_NAME_BYTES = 200  # of a file's name without suffix: file systems end at 255, and `-2` needs room
_SHOWN_REFS = 5


@dataclass(slots=True)
class Brought:
    """What an import did. `skipped` counts what was already there; `masked`, secrets by rule; `paths`, what was written.

    `problems` are sentences about what was left out or needs a look.
    """

    entries: int = 0
    turns: int = 0
    episodes: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    masked: dict[str, int] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)


def bring_in(
    store: Store,
    found: Iterable[Imported],
    *,
    origin: str,
    topic: str,
    now: float,
    private: bool = False,
    episodes: str = EPISODES,
    verb: str = IMPORT,
) -> Brought:
    """Write what an importer found, as one operation.

    `origin` says where it came from, the same at every import of a source; `topic` is where entries and notes go, below
    the private tree if `private`. Episodes go to the folder `episodes`, which is private unless the user wants it otherwise.
    Raises what reading the source raises, and Conflict when another process changed an episode meanwhile.
    """
    result = Brought()
    clean = Cleaner()
    read = [clean(item) for item in found]
    result.masked = clean.masked
    origin = one_line(origin)
    known = _Known(store)
    names = _FreeNames(store.place)
    folder = "/".join(["local/tree" if private else "tree", *(slug(part) for part in topic.split("/") if part)])
    new: list[tuple[str, bytes]] = []
    sessions: dict[str, list[Item]] = {}
    differing: list[str] = []
    for item in read:
        if isinstance(item, Skipped):
            result.problems.append(f"{item.path}: {item.reason}")
        elif isinstance(item, Note):
            new += _note_file(item, folder, known, names, result)
        elif item.live and known.repeated(item):
            result.skipped += 1
        elif (present := known.look_up(item, origin)) not in ("new", "grown"):
            result.skipped += 1
            differing += [item.ref or ""] if present == "differs" else []
        elif item.session is None:
            new += _entry_files(item, folder, origin, names, now)
            result.entries += 1
        else:
            sessions.setdefault(item.session, []).append(item)
    changed: list[tuple[str, bytes, bytes]] = []
    for session, turns in sessions.items():
        result.turns += len(turns)
        result.episodes += 1
        joined, files = _episode_files(store.place, session, turns, origin, known, names, episodes)
        changed += joined
        new += files
    if differing:
        shown = ", ".join(differing[:_SHOWN_REFS]) + (", …" if len(differing) > _SHOWN_REFS else "")
        result.problems.append(f"{len(differing)} differ by now from what is kept here, which stays: {shown}")
    written = store.write_many(new, verb=verb, note=origin, changed=changed)
    result.paths = [path for path, _, _ in changed] + written
    return result


# --- what is there ---------------------------------------------------------------------------------------------------


class _Known:
    """What the store already holds: refs and open episodes from its index, texts of notes from index and journal."""

    def __init__(self, store: Store) -> None:
        self._place = store.place
        self._parse = lru_cache(100)(lambda path: parse(tree.read(store.place, path), name=path))
        store.sync(embed=False)
        connection = schema.open_for_reading(store.place)
        try:
            # (session, ref) → (source, path, anchor)
            self._refs: dict[tuple[str | None, str], list[tuple[str | None, str, str | None]]] = {}
            for session, ref, *where in connection.execute(
                "SELECT session, ref, source, path, anchor FROM documents JOIN entries ON entries.id = entry"
                " WHERE ref IS NOT NULL"
            ):
                self._refs.setdefault((session, ref), []).append((where[0], where[1], where[2]))
            rows = connection.execute(
                "SELECT source, session, path FROM entries WHERE session IS NOT NULL AND type = 'episode' ORDER BY part"
            )
            inside = tuple(f"{folder}/" for folder in (EPISODES, SHARED_EPISODES))
            self.open_part = {(source, session): path for source, session, path in rows if path.startswith(inside)}
            self._hashes = {hash_ for (hash_,) in connection.execute("SELECT hash FROM entries")}
        finally:
            connection.close()
        events = journal.events(store.place)
        undone = {event.undoes for event in events}
        imports = [event for event in events if event.verb in (IMPORT, CAPTURE) and event.op not in undone]
        self._imported = {change.after: change.path for event in imports for change in event.changes}
        self._read: set[tuple[str | None, str | None, str]] = set()

    def look_up(self, item: Item, origin: str) -> str:
        """Whether an item is "new", "kept", kept with a text that "differs" (changed there, or edited here), or "grown": it may
        be taken anew.

        Refs are unique within a source only, so the same ref from another source counts where the text is the same.
        """
        kept = self._refs.get((item.session, item.ref or ""), [])
        if any(self._says(path, anchor, item) for _, path, anchor in kept):
            return "kept"
        if not any(source == origin for source, _, _ in kept):
            return "new"
        return "grown" if item.live and self._is_last(item, origin) else "differs"

    def repeated(self, item: Item) -> bool:
        """Whether the source has had this very turn before: resumed sessions repeat themselves."""
        key = (item.session, item.ref, item.text)
        if key in self._read:
            return True
        self._read.add(key)
        return False

    def _is_last(self, item: Item, origin: str) -> bool:
        """Whether a turn is the last that is kept of its session, in a file that is as an import left it."""
        path = self.open_part.get((origin, item.session))
        if path is None:
            return False
        data = tree.read(self._place, path)
        turns = self._parse(path).turns
        return bool(turns) and turns[-1].ref == item.ref and digest(data) in self._imported

    def _says(self, path: str, anchor: str | None, item: Item) -> bool:
        try:
            memory = self._parse(path)
        except (NotFound, InvalidMemory):
            return False
        if anchor is None:
            return memory.body in [_entry_body(item.title, part) for part in text_parts(item.text)]
        said = [turn.text for turn in memory.turns if turn.anchor == anchor]
        return any(_turn_text(part) in said for part in text_parts(_with_title(item)))

    def holds_note(self, data: bytes) -> bool:
        """Whether a note's text is here, or was brought in before and edited since."""
        imported = self._imported.get(digest(data))
        return content_hash(data) in self._hashes or (
            imported is not None and os.path.lexists(self._place.absolute(imported))
        )


class _FreeNames:
    """Paths that neither a file nor an earlier item of this import has taken; blind to case, as some disks are."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, stem: str) -> str:
        """`stem.md`, or the first free of `stem-2.md`, `stem-3.md`, …"""
        number = self._next.get(stem.lower(), 1)
        while True:
            path = f"{stem}.md" if number == 1 else f"{stem}-{number}.md"
            number += 1
            if path.lower() not in self._taken and not os.path.lexists(self._place.absolute(path)):
                self._taken.add(path.lower())
                self._next[stem.lower()] = number
                return path


# --- what is written -------------------------------------------------------------------------------------------------


def _note_file(
    note: Note, folder: str, known: _Known, names: _FreeNames, result: Brought
) -> Iterator[tuple[str, bytes]]:
    """The file for a note that is new here; a changed one comes in beside the old."""
    problem = limits.problem(note.data)
    if problem:
        result.problems.append(f"{note.path}: {problem}")
    elif known.holds_note(note.data):
        result.skipped += 1
    else:
        result.entries += 1
        parts = [_file_name(part) for part in note.path.split("/") if part not in ("", ".", "..")]
        stem = os.path.splitext(parts.pop())[0] if parts else "note"
        yield names.take("/".join([folder, *parts, stem])), note.data


def _file_name(part: str) -> str:
    """A name from a source's path as this store can hold it: not hidden, no longer than file systems take."""
    part = printable(re.sub(r"[\x00-\x1f\\\ud800-\udfff]", "-", part), newlines=False).lstrip(".") or "note"
    stem, suffix = os.path.splitext(part)
    short = stem.encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip()
    return (short or "note") + (suffix if len(suffix.encode()) < 20 else "")


def _entry_files(item: Item, folder: str, origin: str, names: _FreeNames, now: float) -> Iterator[tuple[str, bytes]]:
    for text in text_parts(item.text):
        memory = Memory(
            body=_entry_body(item.title, text),
            id=new_id(),
            type=item.type or DEFAULT_TYPE,
            title=item.title or "",
            created=item.created,
            tags=item.tags,
            source=origin,
            ref=item.ref,
            speaker=item.speaker,
        )
        name = item.title or first_line(text) or item.ref or utc_iso(now)
        yield names.take(f"{folder}/{slug(name)}"), serialise(memory)


def _entry_body(title: str | None, text: str) -> str:
    if not title or text.lstrip("\n").startswith(f"# {title}\n"):
        return f"{text}\n"
    return f"# {title}\n\n{text}\n" if text else f"# {title}\n"


def _episode_files(
    place: Place, session: str, items: Sequence[Item], origin: str, known: _Known, names: _FreeNames, folder: str
) -> tuple[list[tuple[str, bytes, bytes]], list[tuple[str, bytes]]]:
    """(changed files, new files) for the new turns of one session: what fits joins its open part."""
    texts = [(item, text) for item in items for text in text_parts(_with_title(item))]
    changed, new = [], []
    part, first_turn, day = 1, 1, None
    previous = known.open_part.get((origin, session))
    if previous:
        data = tree.read(place, previous)
        last = parse(data, name=previous)
        turns = _without_grown(last.turns, items[0])
        kept = _cut(data, last.turns[len(turns)]) if len(turns) < len(last.turns) else data
        part, first_turn = last.part + 1, 1 + max((int(turn.anchor[1:]) for turn in turns), default=0)
        day = _last_day([turn.at for turn in turns], last.created)
        room = _fitting(texts, turns)
        if room:
            joining = "\n".join(map(compose_turn, _turns(texts[:room], first_turn)))
            after = kept + (b"\n" if kept.endswith(b"\n") else b"\n\n") + joining.encode()
            day = _last_day([item.created for item, _ in texts[:room]], day)
            texts, first_turn = texts[room:], first_turn + room
        if room or kept != data:
            changed.append((previous, data, after if room else kept))
    while texts:
        room = _fitting(texts, ())
        title = _title(session, part, texts[0][0])
        live = texts[0][0].live
        stem = f"{(texts[0][0].created or '')[:10]}-{slug(title)}".lstrip("-") if live else slug(session)
        path = names.take(f"{folder}/{stem}" if part == 1 or live else f"{folder}/{stem}-part-{part}")
        new.append((path, _episode(session, title, part, texts[:room], first_turn, origin, previous, day)))
        day = _last_day([item.created for item, _ in texts[:room]], day)
        texts, first_turn, part, previous = texts[room:], first_turn + room, part + 1, path
    return changed, new


def _without_grown(turns: Sequence[Turn], item: Item) -> Sequence[Turn]:
    """These turns without the last one, with all its parts, where `item` is that turn as it has become."""
    count = len(turns)
    while item.live and count and turns[count - 1].ref == item.ref:
        count -= 1
    return turns[:count]


def _cut(data: bytes, turn: Turn) -> bytes:
    """A file of ours up to this turn and the blank line before it. A text that says the same line has a backslash before it."""
    heading = compose_turn(turn).partition("\n")[0]
    return data[: data.rindex(f"\n{heading}\n".encode())]


def _title(session: str, part: int, first: Item) -> str:
    """What a part is called: a transcript's, what it begins with; else the session and its number."""
    if first.live:
        return short_title(one_line(first_line(first.text))) or session
    return f"{session} (part {part})" if part > 1 else session


def _last_day(days: Sequence[str | None], before: str | None) -> str | None:
    """The date that a session has reached: often only its first turn has one."""
    return next((day for day in reversed(days) if day), before)


def _with_title(item: Item) -> str:
    """What a turn says: turns have no title, so that one which came with one says it first."""
    return f"{item.title}\n\n{item.text}" if item.title and not item.text.startswith(item.title) else item.text


def _turn_text(text: str) -> str:
    """`text` as a turn gives it back."""
    return text.replace("\r", "\n").strip("\n")


def _turns(texts: Sequence[tuple[Item, str]], first: int) -> list[Turn]:
    return [
        Turn(f"t{number:04}", item.speaker, item.created, item.ref, text)
        for number, (item, text) in enumerate(texts, first)
    ]


def _fitting(texts: Sequence[tuple[Item, str]], present: Sequence[Turn]) -> int:
    """How many of these turns join a file that has the turns `present`; at least one where it has none.

    It goes by what the turns say, not by the bytes of the file, so that it does not matter when they were written.
    """
    size = sum(_size(turn.text, turn.ref, turn.speaker) for turn in present)
    before = _last_day([turn.at for turn in present], None)
    for count, (item, text) in enumerate(texts):
        size += _size(text, item.ref, item.speaker)
        if count or present:
            if count + len(present) >= MAX_TURNS or size > MAX_EPISODE_BYTES:
                return count
            if item.live and segments.begins_anew(item, before):
                return count
        before = item.created or before
    return len(texts)


def _size(text: str, ref: str | None, speaker: str | None) -> int:
    return len(text.encode()) + len((ref or "").encode()) + len((speaker or "").encode()) + 80


def _episode(
    session: str,
    title: str,
    part: int,
    texts: Sequence[tuple[Item, str]],
    first_turn: int,
    origin: str,
    previous: str | None,
    day: str | None,
) -> bytes:
    """One file of a session: `previous`, the file before it; `day`, the date that the session had reached by then."""
    turns = _turns(texts, first_turn)
    body = episode_body(title, turns)
    if previous:
        heading, _, rest = body.partition("\n")
        body = f"{heading}\n\n- continues [[{previous.rsplit('/', 1)[1].removesuffix('.md')}]]\n{rest}"
    memory = Memory(
        body=body,
        id=new_id(),
        type="episode",
        title=title,
        created=turns[0].at or day,
        tags=tuple(dict.fromkeys(tag for item, _ in texts for tag in item.tags))[:MAX_TAGS],
        source=origin,
        session=session,
        part=part,
    )
    return serialise(memory)
