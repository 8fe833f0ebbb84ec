"""Where the watcher and its warm server are to be found: one of each for a user, or rather for a user's state folder.

The socket lies in the user's runtime folder (`$XDG_RUNTIME_DIR/mem`) where the system gives one that is the user's alone;
where it gives none, or the user moved their state elsewhere (a test, a second profile), in that state folder. Everything
else (locks, logs, what says whether it runs) lies in the state folder, so that no two environments of one user can disagree
about it. Lean: imported by every recall.
"""

from __future__ import annotations

import os
import stat
import sys

from memcli.places import private_dir, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = 1  # of requests and replies (`serve.protocol`); server and client speak only with their own

_LONGEST = 103  # bytes of a socket's address: 108 on Linux, 104 on macOS, less the closing zero


def caller() -> list[str]:
    """Whose stores and whose clock this process goes by; a server answers only those for whom it is the same."""
    zone = os.environ.get("TZ")
    folders = [user_dir("data"), user_dir("state"), user_dir("config")]
    return [os.path.expanduser("~"), *folders, "" if zone is None else f"TZ={zone}"]


def state_folder() -> str:
    """The folder of the watcher's lock, pid and status; it may not exist yet."""
    return os.path.join(user_dir("state"), "run")


def log_path() -> str:
    return os.path.join(user_dir("state"), "log", "watch.log")


def lock_path() -> str:
    """What the one watcher of a user holds a lock on; the process id is written in it."""
    return os.path.join(state_folder(), "watch.lock")


def socket_folder() -> str:
    """The folder of the server's socket; it may not exist yet."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and not os.environ.get("XDG_STATE_HOME") and is_private(runtime):
        return os.path.join(runtime, "mem")
    return state_folder()


def socket_path() -> str:
    """The server's socket."""
    return os.path.join(socket_folder(), "server.sock")


def make_private(folder: str) -> str:
    """Make a folder that is the user's alone, mode 0700; one that is there already is made so. Raises OSError."""
    private_dir(folder)
    os.chmod(folder, 0o700)
    if not is_private(folder):
        raise PermissionError(f"{folder} is not yours alone")
    return folder


def is_private(folder: str) -> bool:
    """Whether a folder is the user's and open to nobody else. A symbolic link is not."""
    try:
        info = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o077


def is_our_socket(path: str) -> bool:
    """Whether `path` is a socket of the user's, which nobody else can open, in a folder that is the user's alone."""
    try:
        info = os.lstat(path)
    except OSError:
        return False
    ours = stat.S_ISSOCK(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o077
    return ours and is_private(os.path.dirname(path))


def at(path: str, call: Callable[[str], object]) -> None:
    """Call a socket's `bind` or `connect` with the address of `path`, which may be longer than an address can be.

    Raises OSError; on systems other than Linux, for every path that is too long.
    """
    if len(os.fsencode(path)) <= _LONGEST or not sys.platform.startswith("linux"):
        call(path)
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
