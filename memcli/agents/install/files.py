"""Other programs' files: read only where they should be, replaced whole or not at all.

A file is written beside itself, synced and renamed, with its mode; what lay there must still be what was read. Several files
belong together: the manifest notes what is about to be done, so that a process that was killed half-way is undone by the
next one (`manifest.opened`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from memcli.errors import Conflict, SettingsRefused, WriteFailed
from memcli.places import NotRegular, open_regular

MAX_BYTES = 4 * 1024 * 1024
NEW_MODE = 0o666  # cut by the user's umask, as an editor would


class Found(NamedTuple):
    """A file as it is: `path` is where it really lies, `link` the name that led there; `data` is None where none is."""

    path: str
    data: bytes | None
    mode: int | None
    link: str | None


class Change(NamedTuple):
    """What becomes of one file: `after` is None where it is deleted.

    For the manifest: `origin` is the file without our part, `made` what in it was not there before.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int | None = None
    origin: bytes | None = None
    made: frozenset[tuple[str | int, ...]] = frozenset()


def look(path: str, roots: Iterable[str]) -> Found:
    """The file at `path`. A link is followed to where it leads, if that is below one of `roots`.

    Raises SettingsRefused for a link that leads elsewhere, for what is no file, and for one over MAX_BYTES.
    """
    real = os.path.realpath(path)
    home = [os.path.realpath(root) for root in roots if root]
    if not any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in home):
        raise SettingsRefused(f"{path} leads to {real}, outside the folder that it should be in")
    link = path if os.path.islink(path) or os.path.islink(os.path.dirname(path)) else None
    try:
        with open_regular(real) as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Found(real, None, None, link)
    except NotRegular:
        raise SettingsRefused(f"{path} is a folder" if os.path.isdir(real) else f"{path} is not a file") from None
    except OSError as error:
        raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise SettingsRefused(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return Found(real, data, stat.S_IMODE(status.st_mode), link)


def digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def current(path: str) -> bytes | None:
    """What is in a file now."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(change: Change) -> list[str]:
    """Make one change; returns the folders that had to be made, the outermost first.

    Raises Conflict where the file is not what was read any more, WriteFailed where it cannot be written.
    """
    try:
        if current(change.path) != change.before:
            raise Conflict(f"{change.path} has just been changed by another program; nothing was written to it",
                           hint="the same command again")  # fmt: skip
        if change.after is None:
            os.unlink(change.path)
            return []
        folders = _make_folders(os.path.dirname(change.path))
        _replace(change.path, change.after, change.mode)
        if current(change.path) != change.after:
            raise Conflict(f"{change.path} was changed by another program at the same time", hint="mem hooks status")
    except OSError as error:
        raise WriteFailed(f"cannot write {change.path}: {error.strerror}", hint="mem hooks print") from None
    return folders


def _replace(path: str, data: bytes, mode: int | None) -> None:
    if os.path.lexists(path) and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is not writable")
    beside = drop_unfinished(path)
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, NEW_MODE if mode is None else 0o600
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.chmod(beside, mode)
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        if os.path.lexists(beside):
            os.unlink(beside)
        raise
    _sync_folder(os.path.dirname(path))


def drop_unfinished(path: str) -> str:
    """Remove what a process that was killed left beside `path`, of which there is one at a time; returns its name."""
    beside = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.mem-new")
    if os.path.lexists(beside):
        os.unlink(beside)
    return beside


def _sync_folder(path: str) -> None:
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_folders(path: str) -> list[str]:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder)
    return missing[::-1]


def drop_folders(folders: Iterable[str]) -> list[str]:
    """Remove folders that we made, the innermost first, as far as they are empty; returns those that are still needed."""
    needed = []
    for folder in sorted(set(folders), key=len, reverse=True):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            needed.append(folder)
    return needed
