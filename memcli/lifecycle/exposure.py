"""How often memories were put before an agent: counted in the user's state, and good for one thing, to ask about those that
come often and are never of use (the refinement of ReMe). Exposure is no use: it moves no rank, tier or strength.

One file for each store, append-only JSON Lines, never in the store itself: what an agent saw is nobody else's business. The
hooks append; `mem gc` reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from memcli import lock, tree
from memcli.errors import WriteFailed
from memcli.lifecycle import history
from memcli.places import Place, private_dir, user_dir

MOST_BYTES = 1 << 20  # of which the older half is dropped when there are more
OFTEN = 8  # different days on which a memory came up


def note(place: Place, names: Iterable[str], now: float) -> None:
    """Count these memories as shown, on the day of `now` (seconds)."""
    line = _line(int(history.day_of(now)), list(names))
    path = _path(place)
    with lock.write_lock(place, name="exposure"):
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as file:
                file.write(f"{line}\n".encode())
                grown = file.tell() > MOST_BYTES
        except OSError as error:
            raise WriteFailed(f"cannot write {path}: {error.strerror}") from None
        if grown:
            lines = _lines(path)
            tree.rewrite_private(path, "".join(f"{one}\n" for one in lines[len(lines) // 2 :]).encode())


def days_shown(place: Place) -> dict[str, int]:
    """On how many different days each memory was shown."""
    days: dict[str, set[int]] = {}
    for row in map(_parse, _lines(_path(place))):
        for name in row[1]:
            days.setdefault(name, set()).add(row[0])
    return {name: len(found) for name, found in days.items()}


def erase(place: Place, names: Iterable[str]) -> None:
    """Forget that these memories were ever shown."""
    unwanted = set(names)
    path = _path(place)
    with lock.write_lock(place, name="exposure"):
        kept = []
        for line in _lines(path):
            day, ids = _parse(line)
            left = [name for name in ids if name not in unwanted]
            if left:
                kept.append(_line(day, left))
        if os.path.exists(path):
            tree.rewrite_private(path, "".join(f"{one}\n" for one in kept).encode())


def _line(day: int, names: list[str]) -> str:
    return json.dumps({"day": day, "ids": names}, separators=(",", ":"))


def _path(place: Place) -> str:
    return os.path.join(private_dir(os.path.join(user_dir("state"), "exposure")), f"{place.state_key()}.jsonl")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2 * MOST_BYTES).splitlines()
    except FileNotFoundError:
        return []


def _parse(line: str) -> tuple[int, list[str]]:
    """(day, ids) of a line; nothing of one that is damaged."""
    try:
        row = json.loads(line)
        return int(row["day"]), [name for name in row["ids"] if isinstance(name, str)]
    except (ValueError, KeyError, TypeError):
        return 0, []
