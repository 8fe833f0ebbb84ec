"""When to look again: what events touched is gathered until it is quiet, or has gone on for long enough, then handed on.

An event only ever says where to look. While a store is being looked at nothing more of it is handed on, so that a storm of
events becomes as many looks as there is time for, and what came meanwhile is the next look: none is lost. The clock is the
caller's.
"""

from __future__ import annotations

from collections.abc import Iterable

QUIET_S = 0.08  # longer than the index's tick (`reconcile`), so that the times of files and folders can be trusted
LONGEST_S = 0.5
MOST_FOLDERS = 64  # more than these, and everything is looked at
MOST_CHARACTERS = 3000  # the same, so that what is handed on fits into a pipe


class Debounce:
    """What waits to be looked at, by store. Folders are named as the index does, with a `/` behind for all below it too."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._in_hand: set[str] = set()

    def touch(self, store: str, folders: Iterable[str], now: float) -> None:
        """Something happened in these folders."""
        waiting = self._waiting.setdefault(store, _Waiting(now))
        waiting.last = now
        if waiting.folders is not None:
            waiting.folders.update(folders)
            if len(waiting.folders) > MOST_FOLDERS or sum(map(len, waiting.folders)) > MOST_CHARACTERS:
                waiting.folders = None

    def everything(self, store: str, now: float) -> None:
        """Something happened, and nobody knows where."""
        self.touch(store, (), now)
        self._waiting[store].folders = None

    def due(self, now: float) -> list[tuple[str, list[str] | None]]:
        """What to look at now, each store with its folders or None for everything; it is in hand until `done`."""
        found = []
        for store, waiting in list(self._waiting.items()):
            if store not in self._in_hand and now >= waiting.due:
                del self._waiting[store]
                self._in_hand.add(store)
                found.append((store, None if waiting.folders is None else sorted(waiting.folders)))
        return found

    def done(self, store: str) -> None:
        """A store was looked at."""
        self._in_hand.discard(store)

    def failed(self, store: str, now: float, *, wait: float) -> None:
        """A look came to nothing: look at everything again after `wait` seconds, whatever happens until then."""
        self._in_hand.discard(store)
        self.everything(store, now)
        self._waiting[store].not_before = now + wait

    def forget(self, store: str) -> None:
        """A store is not watched any more."""
        self._waiting.pop(store, None)
        self._in_hand.discard(store)

    def next_due(self) -> float | None:
        """When `due` has something next; None where nothing waits that is not in hand."""
        return min((w.due for store, w in self._waiting.items() if store not in self._in_hand), default=None)

    def waits(self, store: str) -> bool:
        """Whether a store waits to be looked at, or is."""
        return store in self._waiting or store in self._in_hand

    @property
    def in_hand(self) -> frozenset[str]:
        """The stores that are being looked at."""
        return frozenset(self._in_hand)


class _Waiting:
    __slots__ = ("first", "folders", "last", "not_before")

    def __init__(self, now: float) -> None:
        self.first = self.last = now
        self.folders: set[str] | None = set()
        self.not_before = 0.0

    @property
    def due(self) -> float:
        return max(min(self.last + QUIET_S, self.first + LONGEST_S), self.not_before)
