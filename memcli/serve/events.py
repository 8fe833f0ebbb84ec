"""Where to look again: the system's events for the trees of a store, or, where it gives none, a poll.

Both only name folders of a store that something happened in, from threads of their own: what is named is kept until it is
taken. Events come through watchdog; polling compares the walk with the one before. Nothing here reads a memory or an index.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from watchdog import events as kinds
from watchdog.observers import Observer

from memcli import walk
from memcli.errors import MemError
from memcli.places import Place

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

POLL_S = 2.0
_POLL_SHARE = 20  # a poll that takes long is repeated after this many times as long
_POLL_MOST_S = 60.0

_LOGGER = logging.getLogger("watchdog")

_SILENT = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "drvfs", "afs", "ceph", "lustre", "glusterfs", "vboxsf", "vmhgfs",
           "virtiofs", "prl_fs"}  # fmt: skip
"""File systems on which somebody else's changes make no event here; and those of FUSE, whatever they are called."""


_WANTED = (
    kinds.FileCreatedEvent, kinds.FileModifiedEvent, kinds.FileDeletedEvent, kinds.FileMovedEvent,
    kinds.DirCreatedEvent, kinds.DirDeletedEvent, kinds.DirMovedEvent,
)  # fmt: skip
"""The events that tell of a change; opening and reading, which the indexer does itself, are none."""


class Touched:
    """What was touched and not taken yet, by store: folders, or None for everything. Any thread may add."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._found: dict[str, set[str] | None] = {}

    def add(self, store: str, folders: Iterable[str] | None) -> None:
        with self._lock:
            first = not self._found
            known = self._found.setdefault(store, set())
            if folders is None:
                self._found[store] = None
            elif known is not None:
                known.update(folders)
        if first:
            self._wake()

    def take(self) -> dict[str, set[str] | None]:
        with self._lock:
            found, self._found = self._found, {}
        return found


class Events:
    """The system's events for the trees of stores. Not started before a store is watched."""

    def __init__(self, touched: Touched) -> None:
        self._touched = touched
        self._observer: BaseObserver | None = None
        self._lost = _Lost(self._everything)
        self._watches: dict[str, list[ObservedWatch]] = {}

    def watch(self, place: Place, roots: Iterable[tuple[str, str]]) -> str | None:
        """Watch a store's trees, (prefix, folder) each; returns why that cannot be, where it cannot."""
        watched = self._watches.setdefault(place.folder, [])
        try:
            observer = self._started()
            for prefix, root in roots:
                handler = _Handler(place.folder, prefix, root, self._touched)
                watched.append(observer.schedule(handler, root, recursive=True, event_filter=[*_WANTED]))
        except OSError as error:
            self.unwatch(place.folder)
            return _limit(error) or f"the system refuses to watch: {error.strerror or error}"
        return self.limit_reached(place.local)

    def unwatch(self, store: str) -> None:
        for watch in self._watches.pop(store, ()):
            if self._observer is not None:
                try:
                    self._observer.unschedule(watch)
                except KeyError:
                    pass  # its tree was deleted, and it ended by itself

    def limit_reached(self, folder: str) -> str | None:
        """Why no more folders can be watched; None where they can. watchdog says it of the top of a tree alone."""
        try:
            observer = self._started()
            observer.unschedule(observer.schedule(kinds.FileSystemEventHandler(), folder, event_filter=[*_WANTED]))
        except OSError as error:
            return _limit(error)
        return None

    def close(self) -> None:
        _LOGGER.removeHandler(self._lost)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=2.0)

    def _started(self) -> BaseObserver:
        if self._observer is None:
            _LOGGER.propagate = False
            _LOGGER.addHandler(self._lost)
            self._observer = Observer()
            self._observer.start()
        return self._observer

    def _everything(self) -> None:
        for store in list(self._watches):
            self._touched.add(store, None)


def _limit(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EMFILE):
        return "the system's limit of watches is reached (fs.inotify.max_user_watches)"
    return None


class _Lost(logging.Handler):
    """Hears of events that the system dropped. watchdog tells no handler of it, but writes a warning to its log."""

    def __init__(self, everything: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._everything = everything

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():  # not all that it warns of: ending a watch is warned of, too
            self._everything()


class _Handler(kinds.FileSystemEventHandler):
    """What watchdog calls for each event below one tree."""

    def __init__(self, store: str, prefix: str, root: str, touched: Touched) -> None:
        self._store, self._prefix, self._root = store, prefix, root
        self._touched = touched

    def dispatch(self, event: kinds.FileSystemEvent) -> None:
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        folders = touched_folders(self._prefix, self._root, paths, is_folder=event.is_directory)
        if folders is None or folders:
            self._touched.add(self._store, folders)


def touched_folders(prefix: str, root: str, paths: Iterable[str], *, is_folder: bool) -> set[str] | None:
    """The folders to look at again after an event at these paths, as `index.touched` names them; None: everything.

    Hidden names and files that are no Markdown are nobody's memories.
    """
    found = set()
    for path in paths:
        inside = path[len(root) + 1 :].replace(os.sep, "/") if path.startswith(root + os.sep) else ""
        if inside == walk.IGNORE_FILE or path == root:
            return None
        if not inside or inside.startswith(".") or "/." in inside:
            continue
        above = f"{prefix}/{inside}".rpartition("/")[0]
        if is_folder:
            found |= {above, f"{prefix}/{inside}/"}
        elif inside.lower().endswith(walk.SUFFIXES):
            found.add(above)
    return found


def silent_file_system(path: str) -> str | None:
    """The type of the file system below a path, where its events cannot be relied on. Asked of Linux alone."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return _silent(file.read().splitlines(), os.path.realpath(path))
    except OSError:
        return None


def _silent(mounts: list[str], path: str) -> str | None:
    best, kind = "", ""
    for line in mounts:
        before, _, after = line.partition(" - ")
        mounted = before.split(" ")[4].encode("latin-1", "surrogateescape").decode("unicode_escape") if before else ""
        if len(mounted) >= len(best) and (path + "/").startswith(mounted.rstrip("/") + "/"):
            best, kind = mounted, after.split(" ")[0]
    return kind if kind in _SILENT or kind.startswith("fuse") else None


class Poller:
    """Compares the walk of each of its stores with the one before, every few seconds, in a thread of its own."""

    def __init__(self, touched: Touched, *, every_s: float = POLL_S) -> None:
        self._touched = touched
        self._every_s = every_s
        self._stores: dict[str, _Polled] = {}
        self._changed = threading.Condition()
        self._leaving = False
        self._thread: threading.Thread | None = None

    def watch(self, place: Place) -> None:
        """Poll a store. Once the first walk is known, everything counts as touched."""
        with self._changed:
            self._stores[place.folder] = _Polled(place)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mem-polls", daemon=True)
            self._thread.start()

    def unwatch(self, store: str) -> None:
        with self._changed:
            self._stores.pop(store, None)

    def close(self) -> None:
        with self._changed:
            self._leaving = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [polled for polled in self._stores.values() if polled.due <= now]
                if not due and not self._leaving:
                    soonest = min((polled.due for polled in self._stores.values()), default=now + _POLL_MOST_S)
                    self._changed.wait(soonest - now)
                if self._leaving:
                    return
            for polled in due:
                self._poll(polled)

    def _poll(self, polled: _Polled) -> None:
        began = time.monotonic()
        try:
            folders = polled.changed()
        except (OSError, MemError):
            folders = set()  # it comes back, or it does not
        if folders is None or folders:
            self._touched.add(polled.place.folder, folders)
        took = time.monotonic() - began
        polled.due = time.monotonic() + max(self._every_s, min(_POLL_SHARE * took, _POLL_MOST_S))


class _Polled:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.due = 0.0
        self._known: set[walk.Found] | None = None

    def changed(self) -> set[str] | None:
        """The folders whose files are others than at the last walk; None the first time."""
        before, self._known = self._known, set(walk.walk(self.place))
        if before is None:
            return None
        return {found.path.rpartition("/")[0] for found in before ^ self._known}
