"""The only writer of the journal: what was done to a store, by whom, when and from where; undo is read from it.

Append-only JSON Lines under `local/journal/`, one file per writer id (a random name kept in the user's state), so that
two machines that share a synced store never write one file. An event holds the changes of one operation as
(path, hash before, hash after); the bytes behind "before" lie in `local/objects/` by hash. It may also say something about
memories without changing a file, as (id, word): that one was useful, that it faded. A torn last line, which a kill can leave,
is skipped by readers and closed off by the next writer.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from memcli import lock, tree
from memcli.errors import UndoImpossible, UsageError, WriteFailed
from memcli.places import Place, private_dir, user_dir
from memcli.text import digest, new_id, utc_iso
from memcli.trust import origin, written

MAX_EVENT_LINE = 64 * 1024 * 1024  # an import of 300,000 files is one event
SEEN = "seen"
"""The verb of an event that notes how a memory was found, written by hand or edited by hand; nothing to undo."""
CAPTURE = written.CAPTURE
"""The verb of an event that kept what was new in an agent's session, which nobody asked for just then."""
OUTCOME = "outcome"
"""The note of an event that was concluded from what an agent did, likewise."""
_DIGEST = re.compile(r"[0-9a-f]{64}")  # becomes a file name, so nothing else may stand in its place


class Change(NamedTuple):
    """What happened to one path: `before` and `after` are digests of exact bytes, None where there was no file."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One operation. `by` is who ("you" or an agent's name), `origin` the folder or source it came from, `session` the
    agent's session where one is known; `about`, what it says of memories, by id, besides changing files."""

    op: str
    verb: str
    at: str
    by: str
    origin: str
    changes: tuple[Change, ...]
    undoes: str | None = None
    note: str | None = None
    about: tuple[tuple[str, str], ...] = ()
    session: str | None = None


def record(
    place: Place,
    verb: str,
    changes: Iterable[Change],
    *,
    by: str,
    origin: str,
    now: float,
    undoes: str | None = None,
    note: str | None = None,
    about: Iterable[tuple[str, str]] = (),
    session: str | None = None,
) -> Event:
    """Append one event durably and return it. Whose the texts are that it wrote is noted before, in the user's state."""
    event = Event(new_id(), verb, utc_iso(now), by, origin, tuple(changes), undoes, note, tuple(about), session)
    written.note(place, verb, event.changes, moves(event), by)
    line = json.dumps(
        {
            "v": 1,
            "op": event.op,
            "verb": verb,
            "at": event.at,
            "by": by,
            "from": origin,
            "changes": [list(change) for change in event.changes],
            **({"undoes": undoes} if undoes else {}),
            **({"note": note} if note else {}),
            **({"about": [list(pair) for pair in event.about]} if event.about else {}),
            **({"session": session} if session else {}),
        },
        ensure_ascii=True,
        separators=(",", ":"),
    )
    folder = private_dir(os.path.join(place.local, "journal"))
    with lock.write_lock(place, name="journal"):
        _append(os.path.join(folder, f"{writer_id()}.jsonl"), line)
    return event


def events(place: Place) -> list[Event]:
    """Every readable event of the store, oldest first."""
    found: list[tuple[str, int, Event]] = []
    for path in _files(place):
        latest = ""
        for number, line in enumerate(_lines(path)):
            event = _parse(line)
            if event:
                # Times have whole seconds, and a clock may be set back: within a file, its order is what happened.
                latest = max(latest, event.at)
                found.append((latest, number, event))
    found.sort(key=lambda item: item[:2])
    return [event for _, _, event in found]


def moves(event: Event) -> dict[str, str]:
    """The memories that an event moved, as {path now: path before}.

    A removal with a creation right after it is a move: `batch` writes and `undo` reverts in an order that has no others.
    """
    pairs = zip(event.changes, event.changes[1:], strict=False)
    return {new.path: old.path for old, new in pairs if old.before and not old.after and new.after and not new.before}


def lineage(history: Iterable[Event], path: str) -> list[tuple[Event, Change]]:
    """What happened to the memory that is, or was last, at `path`, under all the names that it had; newest first."""
    names = {path}
    found = []
    for event in reversed(list(history)):
        mine = [change for change in event.changes if change.path in names]
        moved = moves(event) if mine else {}
        for change in [change for change in mine if change.before is None]:
            if change.path in moved:
                names = names - {change.path} | {moved[change.path]}
                mine += [left for left in event.changes if left.path == moved[change.path]]
            elif event.verb not in ("restore", "undo"):
                names -= {change.path}  # what was there before it was another memory
        found += [(event, change) for change in mine]
    return found


def erase(
    place: Place,
    changes: Iterable[tuple[Event, Change]],
    *,
    ids: Collection[str] = (),
    tells: Callable[[str], bool] = lambda text: False,
) -> None:
    """Take these changes out of the journal for good, and what events say about memories with these ids.

    Paths tell what a purged memory was called; so may other words: those that `tells` knows go too.
    """
    unwanted = {(event.op, change) for event, change in changes}
    with lock.write_lock(place, name="journal"):
        for path in _files(place):
            lines = [_without(line, unwanted, ids, tells) for line in _lines(path)]
            tree.rewrite_private(path, b"".join(lines))


def _without(
    line: bytes, unwanted: Collection[tuple[str, Change]], ids: Collection[str], tells: Callable[[str], bool]
) -> bytes:
    event = _parse(line)
    if event is None:
        return b"" if tells(line.decode("utf-8", "replace")) else line
    changes = [change for change in event.changes if (event.op, change) not in unwanted]
    about = [pair for pair in event.about if pair[0] not in ids and not tells(pair[1])]
    note = None if event.note and event.verb != "undo" and tells(event.note) else event.note
    if len(changes) == len(event.changes) and len(about) == len(event.about) and note == event.note:
        return line
    raw = {**json.loads(line), "changes": changes, "about": about, "note": note}
    kept = {key: value for key, value in raw.items() if value or key not in ("about", "note")}
    return json.dumps(kept, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def left_to_undo(history: Iterable[Event]) -> list[Event]:
    """The operations that did something and were not undone, oldest first."""
    events = list(history)
    undone = {event.undoes for event in events if event.undoes}
    return [
        event
        for event in events
        if event.verb not in ("undo", SEEN) and event.op not in undone and (event.changes or event.about)
    ]


def asked_for(event: Event) -> bool:
    """Whether somebody asked for an operation. The others happen beside what people do: they are undone by name or session,
    and are not what somebody means who undoes the last thing."""
    return event.verb != CAPTURE and event.note != OUTCOME


def undoable(place: Place, op: str | None = None) -> Event:
    """The operation that begins with `op`, or else the newest that was asked for, among those that did something and were not
    undone.

    Raises UndoImpossible when there is none, UsageError when `op` names several.
    """
    left = left_to_undo(events(place))
    if op is not None:
        left = [event for event in left if event.op.startswith(op)]
        if len(left) > 1:
            raise UsageError(f"{op!r} names {len(left)} operations", hint="repeat with more letters of it; mem log")
        if not left:
            raise UndoImpossible(f"there is no operation {op!r} left to undo", hint="mem log")
        return left[-1]
    left = [event for event in left if asked_for(event)]
    if not left:
        raise UndoImpossible("there is nothing to undo", hint="mem log")
    return left[-1]


def keep(place: Place, data: bytes) -> str:
    """Keep a before-image; returns its digest."""
    name = digest(data)
    tree.write_private(_object_path(place, name), data)
    return name


def kept(place: Place, name: str) -> bytes:
    """A before-image by digest. Raises UndoImpossible when it is gone or is not what its name says."""
    try:
        with open(_object_path(place, name), "rb") as file:
            data = file.read()
    except OSError:
        raise UndoImpossible("the earlier text is no longer kept (it was purged)", hint="mem log") from None
    if digest(data) != name:
        raise UndoImpossible("the earlier text that was kept is damaged", hint="mem doctor")
    return data


def objects(place: Place) -> Iterator[tuple[str, bytes]]:
    """Every before-image that is kept, as (digest, bytes); what is not what its name says is left out."""
    for folder, _, names in os.walk(os.path.join(place.local, "objects")):
        for name in names:
            path = os.path.join(folder, name)
            if _DIGEST.fullmatch(name) and stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    data = file.read()
                if digest(data) == name:
                    yield name, data


def purge_object(place: Place, name: str) -> None:
    """Drop a before-image for good."""
    try:
        os.unlink(_object_path(place, name))
    except FileNotFoundError:
        pass


def writer_id() -> str:
    """This user's random writer name, made once and kept in the user's state."""
    name = _known_writer()
    if not name:
        tree.write_private(os.path.join(private_dir(user_dir("state")), "writer"), new_id().encode())
        name = _known_writer()
    return name


def _known_writer() -> str:
    """This user's writer name, "" before they wrote anything."""
    try:
        with open(os.path.join(user_dir("state"), "writer"), encoding="ascii") as file:
            name = file.read(64).strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name.isalnum() else ""


def _object_path(place: Place, name: str) -> str:
    return os.path.join(place.local, "objects", name[:2], name)


def _append(path: str, line: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            # One write call: lines of several processes that append at once do not mix.
            data = f"{chr(10) if torn else ''}{line}\n".encode()
            written = os.write(descriptor, data)
            while written < len(data):
                written += os.write(descriptor, data[written:])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise WriteFailed(f"cannot write the journal {path}: {error.strerror}") from None


def _files(place: Place) -> list[str]:
    """The journal's files, of every writer. A pipe or a link, which somebody's archive may hold, is none; nor is a journal of
    another writer that git brought: a store's history is never committed by us."""
    folder = os.path.join(place.local, "journal")
    try:
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".jsonl")]
    except OSError:
        return []
    own = f"{_known_writer()}.jsonl"
    return [
        path
        for path in paths
        if stat.S_ISREG(os.lstat(path).st_mode)
        and (os.path.basename(path) == own or not origin.came_with_git(place, path))
    ]


def _lines(path: str) -> Iterator[bytes]:
    """Lines with their ends; of one that is far too long, nothing."""
    with open(path, "rb") as file:
        while line := file.readline(MAX_EVENT_LINE):
            if len(line) < MAX_EVENT_LINE:
                yield line
            else:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_EVENT_LINE)


def _parse(line: bytes) -> Event | None:
    try:
        raw = json.loads(line)
        return Event(
            op=str(raw["op"]),
            verb=str(raw["verb"]),
            at=str(raw["at"]),
            by=str(raw["by"]),
            origin=str(raw["from"]),
            changes=tuple(
                Change(_string(path), _text(before, _DIGEST), _text(after, _DIGEST))
                for path, before, after in raw["changes"]
            ),
            undoes=_text(raw.get("undoes")),
            note=_text(raw.get("note")),
            about=tuple((_string(name), _string(word)) for name, word in raw.get("about", ())),
            session=_text(raw.get("session")),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _text(value: object, pattern: re.Pattern[str] | None = None) -> Any:
    """`value` if it is None or a string (that matches). Raises ValueError."""
    if value is None or (isinstance(value, str) and (pattern is None or pattern.fullmatch(value))):
        return value
    raise ValueError
