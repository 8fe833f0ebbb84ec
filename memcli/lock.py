"""One advisory lock per store for everything that writes, kept in the user's state so that deleting a cache cannot
split it in two.

Held for milliseconds: embedding and fsyncs of new files happen outside it. A process that dies releases it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from memcli.errors import StoreError, WriteFailed
from memcli.places import Place, private_dir, user_dir

TIMEOUT_S = 60.0


@contextmanager
def write_lock(place: Place, *, name: str = "write", timeout: float = TIMEOUT_S) -> Iterator[None]:
    """Hold the lock `name` of a store. Raises StoreError when another process keeps it longer than `timeout` seconds."""
    with named_lock(f"{place.state_key()}.{name}", place.folder, timeout=timeout):
        yield


@contextmanager
def named_lock(name: str, what: str, *, timeout: float = TIMEOUT_S) -> Iterator[None]:
    """Hold a lock of the user's, which guards `what`. Raises StoreError as `write_lock` does."""
    folder = os.path.join(user_dir("state"), "locks")
    try:
        descriptor = os.open(os.path.join(private_dir(folder), name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WriteFailed(f"cannot open the lock in {folder}: {error.strerror}") from None
    try:
        _acquire(descriptor, timeout, what)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    pause = 0.001
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            raise StoreError(
                f"another mem process has been writing to {what} for over {timeout:.0f} seconds",
                hint="look for it with: ps aux | grep mem",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
