"""What happened to each memory, folded from the journal: the only source of strengths and tiers.

The journal names files by path and memories by id. A file's happenings go with it when it is moved by `mem`; what was
undone never happened. Files written or edited by hand are noted in the journal when `mem gc` first sees them (`journal.SEEN`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from memcli import journal
from memcli.encode import days
from memcli.journal import Event
from memcli.lifecycle import strength
from memcli.lifecycle.strength import Activity, Happening
from memcli.lifecycle.tiers import HOT, TIERS

FEEDBACK = "feedback"
FADE = "fade"
"""The verb of an event that puts memories into tiers."""
WORDS = (strength.USEFUL, strength.WRONG, strength.CONFIRMED)


class Known(NamedTuple):
    """A memory file as it is now: its id, path, and the hash of its text."""

    id: str
    path: str
    hash: str


class Story(NamedTuple):
    """One memory's happenings, oldest first, the tier it was last put into, and the hash of its text when last noted."""

    happenings: list[Happening]
    tier: str
    hash: str | None


EPOCH = days.EPOCH


_Happenings = list[tuple[int, Happening]]  # with the event's place in the journal: times have whole seconds
_Hash = tuple[int, str]  # likewise
_UNKNOWN: _Hash = (-1, "")


def day_of(seconds: float) -> float:
    """A time in seconds since the epoch as days and parts of one (`encode.days`)."""
    return EPOCH + seconds / 86_400


def moment(at: str) -> float:
    """An ISO time of the journal, likewise."""
    day = days.day_of(at) or 0
    clock = at[11:19].split(":")
    if len(clock) == 3 and all(part.isdigit() for part in clock):
        hours, minutes, seconds = (int(part) for part in clock)
        return day + (hours * 3600 + minutes * 60 + seconds) / 86_400
    return float(day)


def activity(history: Iterable[Event]) -> Activity:
    """When a store was in use: the days of its journal."""
    return Activity(float(int(moment(event.at))) for event in history if event.verb not in (FADE, journal.SEEN))


def stories(history: Iterable[Event], known: Iterable[Known]) -> dict[str, Story]:
    """What happened to these memories, by id. One that the journal has never heard of has no happenings."""
    events = list(history)
    undone = {event.undoes for event in events if event.undoes}
    by_path: dict[str, _Happenings] = {}
    by_id: dict[str, _Happenings] = {}
    tiers: dict[str, str] = {}
    hashes: dict[str, _Hash] = {}  # by path, as changes leave them
    seen: dict[str, _Hash] = {}  # by id, as found on disk
    for place, event in enumerate(events):
        if event.verb != "undo" and event.op in undone:
            continue
        _leave(event, place, hashes)
        if event.verb == "undo":
            continue
        day = moment(event.at)
        _follow(event, place, day, by_path)
        for name, word in event.about:
            if event.verb == FADE and word in TIERS:
                tiers[name] = word
            elif event.verb == FEEDBACK and word in WORDS:
                by_id.setdefault(name, []).append((place, Happening(day, word)))
            elif event.verb == journal.SEEN:
                what = strength.EDITED if name in seen else strength.INDEXED
                by_id.setdefault(name, []).append((place, Happening(day, what)))
                seen[name] = place, word
    return {
        one.id: Story(
            [what for _, what in sorted(by_path.get(one.path, []) + by_id.get(one.id, []))],
            tiers.get(one.id, HOT),
            max(seen.get(one.id, _UNKNOWN), hashes.get(one.path, _UNKNOWN))[1] or None,
        )
        for one in known
    }


def _follow(event: Event, place: int, day: float, by_path: dict[str, _Happenings]) -> None:
    """Take an event's changes of files into the happenings of what lies at these paths."""
    moved = journal.moves(event)
    for path, before, after in event.changes:
        if after is None:
            continue
        if path in moved:
            by_path[path] = by_path.pop(moved[path], [])
        elif before is None and event.verb != "restore":
            by_path[path] = []  # another memory than what may have been there before
        what = strength.INDEXED if before is None and path not in moved else strength.EDITED
        by_path.setdefault(path, []).append((place, Happening(day, what)))


def _leave(event: Event, place: int, hashes: dict[str, _Hash]) -> None:
    """Which texts lie where after an event."""
    for path, _, after in event.changes:
        if after is None:
            hashes.pop(path, None)
        else:
            hashes[path] = place, after


def files_left(history: Iterable[Event]) -> int:
    """How many files there should be by the journal alone."""
    hashes: dict[str, _Hash] = {}
    for place, event in enumerate(history):
        _leave(event, place, hashes)
    return len(hashes)
