"""Taking in what hooks noted of sessions: each transcript is read from where it was left, and what is new in it becomes turns
of an episode, in the store nearest to where the session ran.

`take_in` is the whole of it, for `mem import --captured` and for the process that hooks start (`agents.ingester`); one at a
time, by a lock. What cannot be read or written now is noted again and tried later, a few times. A transcript that was replaced
or cut is read from its beginning: what is known already is known by its refs, and comes once. Nothing here runs unless a hook
noted something, and no hook does unless the user asked for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from memcli import lock, places, tree
from memcli.agents import capture, outcomes
from memcli.errors import MemError, StoreError
from memcli.importers import Imported, Item, bring, gemini, opencode, registry
from memcli.importers.transcripts import ASSISTANT, USER, Reading, kept
from memcli.lifecycle import takeaways
from memcli.places import Place, open_regular
from memcli.store import Store
from memcli.text import utc_iso

TRIES = 3  # times that a transcript which cannot be read is tried
MOST_KNOWN = 2_000  # transcripts whose place is remembered, those read last
MOST_LOG = 64 * 1024
_HEAD = 1024  # bytes by which a transcript is known to be the same


class Taken(NamedTuple):
    """What was taken in: turns, sessions that had new ones, what went wrong, and the stores with the files that changed."""

    turns: int
    sessions: int
    problems: list[str]
    paths: list[str]


class _Noted(NamedTuple):
    """One transcript, or one session without, as hooks noted it: the last of its lines, and the texts of all."""

    host: str
    session: str
    cwd: str
    transcript: str
    texts: tuple[tuple[float, str, str], ...]  # (when, who, what)
    tries: int


def main() -> None:
    """Take in what there is, where nobody looks."""
    try:
        _log(take_in(time.time(), patience=0.0).problems)
    except MemError as error:
        _log([error.message])
    except Exception as error:  # nobody sees this process end: what it failed of must be told some other way
        _log([f"it failed ({type(error).__name__}: {error})"])


def episodes_folder(store: Store) -> str:
    """Where episodes of a store go: to its private tree, unless its user has them shared."""
    shared = store.shared and store.place.label == "project" and store.config.number("capture.shared") == 1
    return bring.SHARED_EPISODES if shared else bring.EPISODES


def take_in(now: float, *, patience: float = 60.0) -> Taken:
    """Take in all that was noted until now (`now` in seconds). Waits `patience` seconds for another process that does so.

    Raises StoreError where that goes on for longer.
    """
    try:
        with lock.named_lock("capture", "sessions that were noted", timeout=patience):
            return _take_in(now)
    except StoreError:
        if patience:
            raise
        return Taken(0, 0, [], [])


def _take_in(now: float) -> Taken:
    places_known = _Places()
    turns, sessions, problems, paths = 0, 0, _logged(), list[str]()
    waiting = _taken_bytes()
    for noted in _noted(waiting):
        try:
            store, brought = _bring(noted, places_known, now)
        except (MemError, OSError) as error:
            said = error.message if isinstance(error, MemError) else f"{error.strerror}: {noted.transcript}"
            problems.append(f"{noted.host}, session {noted.session[:8]}: {said}")
            _again(noted, now)
            continue
        places_known.save()
        turns, sessions = turns + brought.turns, sessions + bool(brought.turns)
        problems += [f"{noted.host}, session {noted.session[:8]}: {problem}" for problem in brought.problems]
        paths += [store.place.shown(path) for path in brought.paths]
        _index(store, brought.paths, now)
        _credit(store, noted, now)
    _forget(len(waiting))
    return Taken(turns, sessions, problems, paths)


def _bring(noted: _Noted, known: _Places, now: float) -> tuple[Store, bring.Brought]:
    store = _store(noted.cwd)
    form = capture.TRANSCRIBED.get(noted.host, noted.host)
    place = None
    if noted.texts:
        found: Iterator[Imported] = _of_payloads(noted)
    elif noted.host in capture.IN_A_DATABASE:
        found = opencode.read(opencode.database(Path.home()), session=noted.session)
    elif noted.transcript.endswith(".json"):
        found = gemini.read(Path(noted.transcript))
    else:
        place = known.of(noted.transcript)
        found = _of_transcript(form, noted.transcript, place)
    brought = bring.bring_in(
        store, found, origin=form, topic="captured", now=now, episodes=episodes_folder(store), verb=bring.CAPTURE
    )
    if place is not None:
        place.at = now
        known.keep(noted.transcript, place)
    return store, brought


def _store(cwd: str) -> Store:
    """The store nearest to where a session ran; the personal one where there is none."""
    while cwd and not os.path.isdir(cwd) and os.path.dirname(cwd) != cwd:
        cwd = os.path.dirname(cwd)
    place: Place = places.locate(root=None, personal_only=not cwd, start=cwd or None)[0]
    return Store(place) if place.exists() else Store.init(place)


def _index(store: Store, paths: Sequence[str], now: float) -> None:
    """Make what was taken in findable, and propose what it says; what fails here is mended by the next command, or `mem gc`."""
    try:
        if paths:
            store.sync(paths)
            takeaways.propose(store.place, paths, now)
    except MemError:
        pass


def _credit(store: Store, noted: _Noted, now: float) -> None:
    """Note which memories were of use in this session; what fails here is noticed with the next answer."""
    try:
        if noted.session:
            outcomes.credit(store.place, noted.host, noted.session, noted.cwd, now)
    except MemError:
        pass


# --- what was noted --------------------------------------------------------------------------------------------------


def _taken_path() -> str:
    return os.path.join(capture.folder(), "taken.jsonl")


def _taken_bytes() -> bytes:
    """What waits, out of the way of hooks. What a process left that died while taking it in comes first."""
    if not os.path.exists(_taken_path()):
        try:
            os.rename(capture.spool_path(), _taken_path())
        except FileNotFoundError:
            return b""
    with open(_taken_path(), "rb") as file:
        return file.read()


def _forget(size: int) -> None:
    """Drop what was taken in, which is so many bytes; a hook that opened the file before it was renamed may have added some."""
    try:
        with open(_taken_path(), "rb") as file:
            file.seek(size)
            if late := file.read():
                _append(late)
        os.unlink(_taken_path())
    except FileNotFoundError:
        pass


def _append(lines: bytes) -> None:
    with open(
        os.open(capture.spool_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab"
    ) as file:
        file.write(lines)


def _noted(waiting: bytes) -> list[_Noted]:
    """What waits, a session each, those noted last at the end."""
    found: dict[tuple[str, str], _Noted] = {}
    for row in _rows(waiting):
        host, session, cwd, transcript = (str(row.get(name) or "") for name in ("host", "session", "cwd", "transcript"))
        at = row.get("at")
        when = float(at) if isinstance(at, int | float) else 0.0
        texts = [
            (when, who, str(row[name])) for who, name in ((USER, "prompt"), (ASSISTANT, "answer")) if row.get(name)
        ]
        key = (host, transcript or session or cwd)
        before = found.pop(key, None)
        tries = row.get("tries")
        found[key] = _Noted(
            host, session, cwd or (before.cwd if before else ""), transcript, ((before.texts if before else ()) + tuple(texts)),
            tries if isinstance(tries, int) else before.tries if before else 0,
        )  # fmt: skip
    return [one for one in found.values() if one.texts or one.transcript or one.host in capture.IN_A_DATABASE]


def _again(noted: _Noted, now: float) -> None:
    """Note once more what could not be taken in, unless it was tried often enough."""
    if noted.tries + 1 >= TRIES:
        return
    row: dict[str, Any] = {
        "at": now,
        "host": noted.host,
        "session": noted.session,
        "cwd": noted.cwd,
        "tries": noted.tries + 1,
    }
    rows = [{**row, "transcript": noted.transcript}] if not noted.texts else []
    rows += [{**row, "at": at, "prompt" if who == USER else "answer": text} for at, who, text in noted.texts]
    _append(b"".join(json.dumps(one).encode() + b"\n" for one in rows))


def _rows(waiting: bytes) -> Iterator[dict[str, Any]]:
    for line in waiting.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # torn
        if isinstance(row, dict):
            yield row


# --- what it says ----------------------------------------------------------------------------------------------------


def _of_payloads(noted: _Noted) -> Iterator[Imported]:
    """The turns of a session without a transcript. Agents tell an answer at more than one event: each once."""
    session = noted.session or hashlib.sha256(noted.cwd.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    last: dict[str, str] = {}
    for at, who, text in noted.texts:
        said = kept(text)
        if said and last.get(who) != said:
            last = {who: said}
            yield Item(said, ref=f"hook-{at:.3f}-{who}", created=utc_iso(at), session=session, speaker=who, live=True)


def _of_transcript(form: str, path: str, place: _Place) -> Iterator[Imported]:
    """What is new in a transcript. `place` is afterwards where the next reading begins."""
    importer = next(one for one in registry.SESSIONS if form == one.NAME)
    with open_regular(path, follow=True) as file:
        head = file.read(_HEAD)
        if os.fstat(file.fileno()).st_size < place.offset or not place.is_same(head):
            place.restart()
        reading = Reading(importer.FORM, offset=place.offset, facts=place.facts)
        yield from reading.items(file)
    yield from reading.skipped(os.path.basename(path), whole=False)
    place.offset, place.facts = reading.offset, reading.facts
    place.head_bytes, place.head = len(head), hashlib.sha256(head).hexdigest()


class _Place:
    """How far a transcript was read, and by what it is known to be the same file."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.offset = int(row.get("offset") or 0)
        self.facts = {str(name): str(value) for name, value in (row.get("facts") or {}).items()}
        self.head = str(row.get("head") or "")
        self.head_bytes = int(row.get("head_bytes") or 0)
        self.at = float(row.get("at") or 0.0)

    def is_same(self, head: bytes) -> bool:
        return not self.head_bytes or (
            len(head) >= self.head_bytes and hashlib.sha256(head[: self.head_bytes]).hexdigest() == self.head
        )

    def restart(self) -> None:
        self.offset, self.facts, self.head_bytes = 0, {}, 0


class _Places:
    """How far each transcript was read: one file in the user's state, written whole."""

    def __init__(self) -> None:
        self._path = os.path.join(capture.folder(), "offsets.json")
        try:
            with open(self._path, encoding="utf-8") as file:
                rows = json.load(file)
        except (OSError, ValueError, RecursionError):
            rows = {}
        self._rows: dict[str, Any] = rows if isinstance(rows, dict) else {}

    def of(self, transcript: str) -> _Place:
        try:
            return _Place(self._rows.get(transcript) or {})
        except (ValueError, TypeError, AttributeError):
            return _Place({})

    def keep(self, transcript: str, place: _Place) -> None:
        self._rows.pop(transcript, None)
        self._rows[transcript] = vars(place)
        for old in list(self._rows)[:-MOST_KNOWN]:
            del self._rows[old]

    def save(self) -> None:
        tree.rewrite_private(self._path, json.dumps(self._rows).encode())


# --- what went wrong while nobody looked -----------------------------------------------------------------------------


def _log(problems: Sequence[str]) -> None:
    if not problems:
        return
    lines = [line for line in _read_log() if line] + [" ".join(one.split()) for one in problems]
    text = "\n".join(dict.fromkeys(lines))[-MOST_LOG:]
    tree.rewrite_private(os.path.join(places.private_dir(capture.folder()), "log"), text.encode("utf-8", "replace"))


def _read_log() -> list[str]:
    try:
        with open(os.path.join(capture.folder(), "log"), encoding="utf-8", errors="replace") as file:
            return file.read(MOST_LOG).splitlines()
    except OSError:
        return []


def _logged() -> list[str]:
    """What went wrong earlier; told once."""
    lines = _read_log()
    if lines:
        os.unlink(os.path.join(capture.folder(), "log"))
    return lines
