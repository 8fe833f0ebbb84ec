"""How often memories were put before an agent: counted in the user's state, and good for one thing, to ask about those that
come often and are never of use (the refinement of ReMe). Exposure is no use: it moves no rank, tier or strength.

One file for each store, append-only JSON Lines, never in the store itself: what an agent saw is nobody else's business. The
hooks append; `mem gc` reads. Lean: what only `mem gc` needs is loaded there.
"""

from __future__ import annotations

import os

from memcli.encode import days
from memcli.errors import WriteFailed
from memcli.places import Place, private_dir, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from json.encoder import encode_basestring_ascii as quoted
else:
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:  # another Python than CPython
        from json.encoder import encode_basestring_ascii as quoted

MOST_BYTES = 1 << 20  # of which the older half is dropped when there are more
OFTEN = 8  # different days on which a memory came up


def note(place: Place, names: Iterable[str], now: float) -> None:
    """Count these memories as shown, on the day of `now` (seconds). Raises WriteFailed."""
    line = _line(days.EPOCH + int(now // 86_400), list(names))
    path = _path(place)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as file:
            file.write(f"{line}\n".encode())
            grown = file.tell() > MOST_BYTES
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror}") from None
    if grown:
        _rewrite(place, lambda lines: lines[len(lines) // 2 :])


def days_shown(place: Place) -> dict[str, int]:
    """On how many different days each memory was shown."""
    shown: dict[str, set[int]] = {}
    for day, names in map(_parse, _lines(_path(place))):
        for name in names:
            shown.setdefault(name, set()).add(day)
    return {name: len(found) for name, found in shown.items()}


def erase(place: Place, names: Iterable[str]) -> None:
    """Forget that these memories were ever shown."""
    unwanted = set(names)

    def without(lines: list[str]) -> list[str]:
        kept = [(day, [name for name in ids if name not in unwanted]) for day, ids in map(_parse, lines)]
        return [_line(day, ids) for day, ids in kept if ids]

    if os.path.exists(_path(place)):
        _rewrite(place, without)


def _rewrite(place: Place, change: Callable[[list[str]], list[str]]) -> None:
    """Put other lines in place of a store's. What a hook adds at this very moment may be lost: a day is no great loss."""
    from memcli import lock, tree

    path = _path(place)
    with lock.write_lock(place, name="exposure"):
        tree.rewrite_private(path, "".join(f"{line}\n" for line in change(_lines(path))).encode())


def _line(day: int, names: list[str]) -> str:
    return f'{{"day":{day},"ids":[{",".join(map(quoted, names))}]}}'


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
    import json

    try:
        row = json.loads(line)
        return int(row["day"]), [name for name in row["ids"] if isinstance(name, str)]
    except (ValueError, KeyError, TypeError):
        return 0, []
