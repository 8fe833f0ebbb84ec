"""Where a long session is cut: at a pause. What comes after one is another piece of work, gets a file of its own, and with it a
title and a date.

A topic that shifts without a pause is not looked for: by the words alone it is found too seldom, and where nothing shifted too
often (tests/bench/segments.py measures both; docs/capture.md has the figures).
"""

from __future__ import annotations

from memcli.encode import days
from memcli.importers import Item

PAUSE_HOURS = 4.0


def begins_anew(item: Item, before: str | None) -> bool:
    """Whether a new piece of work begins with this turn, when the turn before it was written at `before` (ISO)."""
    if item.speaker != "user" or not before or not item.created:
        return False
    return _hours(item.created) - _hours(before) >= PAUSE_HOURS


def _hours(at: str) -> float:
    """An ISO time in hours; times without a clock count as midnight."""
    day = days.day_of(at) or 0
    clock = at[11:16]
    if len(clock) == 5 and clock[:2].isdigit() and clock[3:].isdigit():
        return day * 24.0 + int(clock[:2]) + int(clock[3:]) / 60
    return day * 24.0
