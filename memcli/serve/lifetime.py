"""That there is one watcher for a user: its lock, what it says of itself, starting one that nobody looks at, stopping it.

Whether a watcher runs is answered by its lock alone, which the system releases however a process ends; what is written in the
lock and in the status file counts only while the lock is held. Lean: a recall that found no server may start the watcher.
"""

from __future__ import annotations

import json
import os
import sys
import time

from memcli.errors import StoreError
from memcli.serve import address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    import fcntl
except ImportError:  # Windows, where nothing watches
    fcntl = None  # type: ignore[assignment]

AUTOSTART_EVERY_S = 60.0  # a watcher that does not stay up is not started at every recall
_TAKE_S = 0.5  # for a look at the lock by another process to be over
_STOP_S, _KILL_S, _END_S = 15.0, 5.0, 2.0


def status_path() -> str:
    """What the watcher says of itself, for `mem watch status`; it counts while the lock is held."""
    return os.path.join(address.state_folder(), "watch.json")


def autostart_path() -> str:
    """Touched when a recall started the watcher."""
    return os.path.join(address.state_folder(), "autostart")


# --- the lock --------------------------------------------------------------------------------------------------------


def take_lock() -> int:
    """Become the one watcher: returns the descriptor that holds the lock. Raises StoreError where there is another."""
    if fcntl is None:
        raise StoreError("mem watch works on Linux and macOS alone", hint="mem index")
    address.make_private(address.state_folder())
    descriptor = os.open(address.lock_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _TAKE_S
    while not _locked(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > until:
            os.close(descriptor)
            pid = holder()
            raise StoreError(
                f"mem watch runs already{f' (process {pid})' if pid else ''}",
                hint="mem watch status, or mem watch stop",
            )
        time.sleep(0.02)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    return descriptor


def release_lock(descriptor: int) -> None:
    """Leave nothing that says there is a watcher."""
    _unlink(status_path())
    os.ftruncate(descriptor, 0)
    os.close(descriptor)


def holder() -> int | None:
    """The process that watches; None where none does."""
    try:
        descriptor = os.open(address.lock_path(), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared, so that two who look do not see each other; given back at once.
        if fcntl is None or _locked(descriptor, fcntl.LOCK_SH):
            return None
        said = os.read(descriptor, 32).strip()
        return int(said) if said.isdigit() else 0
    finally:
        os.close(descriptor)


def tidy() -> None:
    """Take away what a watcher that was killed left behind; nothing where another runs by now. For its children."""
    try:
        descriptor = os.open(address.lock_path(), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if fcntl is not None and _locked(descriptor, fcntl.LOCK_EX):
            _unlink(status_path())
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


# --- what it says of itself ------------------------------------------------------------------------------------------


def write_status(status: dict[str, Any]) -> None:
    """Say how the watcher is doing; whole or not at all."""
    path = status_path()
    temporary = f"{path}.new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        json.dump(status, file)
    os.replace(temporary, path)


def read_status() -> dict[str, Any] | None:
    """What the watcher that runs said last; None where none runs."""
    pid = holder()
    if pid is None:
        return None
    try:
        with open(status_path(), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        found = None  # it has only just come, or is going
    return found if isinstance(found, dict) and found.get("pid") == pid else {"pid": pid, "stores": []}


# --- starting and stopping -------------------------------------------------------------------------------------------


def start_detached() -> bool:
    """Start a watcher without waiting for it, where there is none and none was started a moment ago; whether it did.

    For a recall that was answered cold, where the user's `watch.autostart` asks for it.
    """
    marker = autostart_path()
    try:
        if time.time() - os.stat(marker).st_mtime < AUTOSTART_EVERY_S:
            return False
    except OSError:
        pass
    if fcntl is None or holder() is not None:
        return False
    try:
        address.make_private(address.state_folder())
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        os.utime(marker)
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "memcli", "watch", "--detach"],
                child_environment(),
                file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, descriptor) for descriptor in (0, 1, 2)],
            )
        finally:
            os.close(nowhere)
    except OSError:
        return False  # a recall must not fail for what makes the next one faster
    return True


def child_environment() -> dict[str, str]:
    """The environment of a Python that shall find this package where we found it, and nothing in a working directory (-P)."""
    environment = dict(os.environ)
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    known = environment.get("PYTHONPATH", "").split(os.pathsep)
    if os.path.basename(top) not in ("site-packages", "dist-packages") and top not in known:
        environment["PYTHONPATH"] = os.pathsep.join([*filter(None, known), top])
    return environment


def _wait_for_end(pid: int) -> None:
    """The lock is gone a moment before the process."""
    until = time.monotonic() + _END_S
    try:
        while time.monotonic() < until:
            os.kill(pid, 0)
            time.sleep(0.01)
    except ProcessLookupError:
        pass


def stop() -> int | None:
    """Stop the watcher and wait until it and its children are gone; returns its process id, None where none ran.

    Raises StoreError where it does not go.
    """
    import signal

    pid = holder()
    if pid is None:
        return None
    for number, patience in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _KILL_S)):
        until = time.monotonic() + patience
        signalled = None
        while (now := holder()) is not None:
            if now and now != signalled:  # 0: it has only just taken the lock
                signalled = now
                try:
                    os.kill(now, number)
                except ProcessLookupError:
                    pass
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        else:
            _wait_for_end(pid)
            return pid
    raise StoreError(f"mem watch (process {pid}) does not stop", hint=f"kill -9 {pid}")
