"""A real watcher for tests: started, waited for, and gone afterwards with everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from memcli import walk
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.places import Place
from memcli.serve import address, detached, lifetime

SERVER = (sys.executable, "-P", "-m", "memcli.cli.serving")


def until(holds: Callable[[], object], *, seconds: float = 30.0, every: float = 0.02) -> float:
    """Wait until something holds; returns how long that took, in seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it does not come to hold"
        time.sleep(every)
    return time.monotonic() - began


def in_step(place: Place) -> bool:
    """Whether the index knows each file as it is now, going by what the file system says of it."""
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return False
    try:
        rows = {
            row[0]: row[1:] for row in connection.execute("SELECT path, size, mtime_ns, inode, problem FROM entries")
        }
    except db.DatabaseError:
        return False
    finally:
        connection.close()
    files = {found.path: found for found in walk.walk(place)}
    return rows.keys() == files.keys() and all(
        (size, inode) == (files[path].size, files[path].inode) and mtime_ns in (0, files[path].mtime_ns)
        for path, (size, mtime_ns, inode, _) in rows.items()
    )


def words(place: Place) -> set[str]:
    """The texts of the index, each passage's, as far as there is one."""
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return set()
    try:
        return {text for (text,) in connection.execute("SELECT text FROM passages")}
    finally:
        connection.close()


def settled(place: Place) -> bool:
    """Whether the watcher has nothing more to look at, and the index is in step."""
    status = lifetime.read_status() or {"stores": []}
    mine = [store for store in status["stores"] if store["folder"] == place.folder]
    return bool(mine) and mine[0]["looked_at"] is not None and not mine[0]["behind"] and in_step(place)


@contextlib.contextmanager
def watching(*places: Place, server: Sequence[str] | None = None) -> Iterator[int]:
    """A watcher in the background, stopped at the end; what it left behind fails the test. Gives its process id."""
    pid = detached.launch(places, server)
    try:
        yield pid
    finally:
        children = descendants(pid)
        lifetime.stop()
        until(lambda: not alive([pid, *children]), seconds=10)
        assert left_behind() == []


def left_behind() -> list[str]:
    """What says that a watcher runs, though none does."""
    found = []
    for folder in {address.state_folder(), address.socket_folder()}:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if name != "autostart" and (path != address.lock_path() or os.path.getsize(path)):
                found.append(path)
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="latin-1") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, above in parents.items() if above == parent]
    return found[1:]


def alive(pids: Sequence[int]) -> list[int]:
    """Those of these processes that still run."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            if file.read().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
