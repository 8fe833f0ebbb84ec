"""The stores that are watched: their trees, how each is watched (by events or a poll), and what is known of its index."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from memcli.errors import MemError
from memcli.places import Place
from memcli.serve.debounce import Debounce
from memcli.serve.events import POLL_S, Events, Poller, Touched, silent_file_system

MOST_STORES = 16
EVENTS, POLLING, NOTHING = "events", "polling", "nothing yet"
"""The ways in which a store is watched: by the system's events, by comparing walks, not before it has a tree."""

_TOLD = {EVENTS: "watched by the system's events", POLLING: "polled", NOTHING: "nothing to watch yet"}


class Watched:
    """A store that is watched: how, and what is known of it."""

    def __init__(self, place: Place, *, asked_for: bool) -> None:
        self.place = place
        self.asked_for = asked_for  # by the user; others were heard of from the server, and may be forgotten
        self.used = time.monotonic()
        self.roots: dict[str, tuple[int, int]] = {}  # the trees that there are, with what tells one from its successor
        self.stale = True  # whether the trees must be watched anew
        self.mode, self.why = NOTHING, ""
        self.waiting: int | None = None  # passages without a vector
        self.words_only: str | None = None  # why they wait for more than their turn
        self.problem: str | None = None  # why the last look failed
        self.failures = 0
        self.looked_at: float | None = None
        self.checked = -1e9  # when all of it was looked at last, on the monotonic clock

    def facts(self, *, behind: bool) -> dict[str, Any]:
        """What the status says of it; `behind`: it waits to be looked at, or is."""
        return {
            "folder": self.place.folder, "label": self.place.label, "tree": self.place.tree, "mode": self.mode,
            "why": self.why, "behind": behind, "waiting": self.waiting, "problem": self.problem or self.words_only,
            "looked_at": self.looked_at,
        }  # fmt: skip

    def told(self) -> str:
        """How it is watched, in a sentence."""
        return f"{self.place.folder}: {_TOLD[self.mode]}{f' ({self.why})' if self.why else ''}"

    def refresh(self) -> str | None:
        """See which trees there are now; returns why the store may not be read, if so. `stale` is set where they differ."""
        try:
            place, refused = Place(self.place.folder, self.place.label), None
        except MemError as error:
            place, refused = self.place, error.message
        roots = {} if refused else _identities(place)
        if roots != self.roots or place.tree != self.place.tree:
            self.stale = True
        self.place, self.roots = place, roots
        return refused

    def trees(self) -> list[tuple[str, str]]:
        """The trees that there are: what the index calls each, and its folder."""
        return [(prefix, root) for prefix, root in _trees(self.place) if root in self.roots]


class Stores:
    """All stores that are watched. `tell` gets a sentence whenever one is watched in another way."""

    def __init__(
        self, touched: Touched, debounce: Debounce, tell: Callable[[str], None], *, poll_seconds: float
    ) -> None:
        self._debounce = debounce
        self._tell = tell
        self._poll_all = poll_seconds > 0
        self._events = Events(touched)
        self._poller = Poller(touched, every_s=poll_seconds or POLL_S)
        self._known: dict[str, Watched] = {}

    def __iter__(self) -> Iterator[Watched]:
        return iter(list(self._known.values()))

    def get(self, folder: str) -> Watched | None:
        return self._known.get(folder)

    def add(self, place: Place, *, asked_for: bool) -> None:
        """Watch a store from its next `tend` on. Of those that nobody asked for, the one unused for longest makes room."""
        store = self._known.get(place.folder)
        if store is not None:
            store.used = time.monotonic()
            return
        others = [store for store in self._known.values() if not store.asked_for]
        if len(self._known) >= MOST_STORES and others:
            self._drop(min(others, key=lambda store: store.used))
        if len(self._known) < MOST_STORES or asked_for:
            self._known[place.folder] = Watched(place, asked_for=asked_for)

    def tend(self, store: Watched, now: float) -> None:
        """Watch a store's trees as they are now: there may be others than a second ago, or none."""
        refused = store.refresh()
        if not store.stale:
            return
        store.stale = False
        self._unwatch(store)
        before, was = store.told(), store.mode
        if store.roots:
            self._begin(store)
        else:
            store.mode, store.why = NOTHING, refused or ""
        if store.told() != before:
            self._tell(store.told())
        if store.roots or was != NOTHING:
            self.look_at_all(store, now)

    def look_at_all(self, store: Watched, now: float) -> None:
        """Have all of a store looked at; and see whether its events can still be relied on."""
        store.checked = now
        if store.mode == EVENTS and (why := self._events.limit_reached(store.place.local)):
            self._poll(store, why)
            self._tell(store.told())
        self._debounce.everything(store.place.folder, now)

    def close(self) -> None:
        self._poller.close()
        self._events.close()

    def _begin(self, store: Watched) -> None:
        """Watch by events, or poll where there are none."""
        why: str | None = "as watch.poll_seconds asks"
        if not self._poll_all:
            kind = next(filter(None, map(silent_file_system, store.roots)), None)
            why = f"{kind} tells of no changes" if kind else self._events.watch(store.place, store.trees())
        store.mode, store.why = EVENTS, ""
        if why is not None:
            self._poll(store, why)

    def _poll(self, store: Watched, why: str) -> None:
        self._events.unwatch(store.place.folder)
        self._poller.watch(store.place)
        store.mode, store.why = POLLING, why

    def _unwatch(self, store: Watched) -> None:
        self._events.unwatch(store.place.folder)
        self._poller.unwatch(store.place.folder)

    def _drop(self, store: Watched) -> None:
        self._unwatch(store)
        self._debounce.forget(store.place.folder)
        del self._known[store.place.folder]


def _trees(place: Place) -> tuple[tuple[str, str], ...]:
    return (("tree", place.tree), ("local/tree", place.private_tree))


def _identities(place: Place) -> dict[str, tuple[int, int]]:
    """The trees of a store that there are, each with its device and inode."""
    found = {}
    for _, root in _trees(place):
        try:
            info = os.stat(root)
        except OSError:
            continue
        found[root] = (info.st_dev, info.st_ino)
    return found
