"""The only writer of memory files: durable, and never over what it did not read.

Promises: when a function that writes returns, the bytes and their folder are on disk; a reader sees the old file or the
new one, never a part; a file that appeared or changed meanwhile is never overwritten (Conflict). Symbolic links are
neither followed nor written through. Knows nothing of indexes or journals.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from memcli.errors import Conflict, InvalidMemory, NotFound, StoreUnsafe, WriteFailed
from memcli.guard import limits
from memcli.places import Place, private_dir
from memcli.text import digest

TEMPORARY = ".mem-tmp-"


# --- reading ---------------------------------------------------------------------------------------------------------


def read(place: Place, path: str) -> bytes:
    """The bytes of a memory file. Raises NotFound, or InvalidMemory for what is no regular, bounded text file."""
    _refuse_detour(place, path)
    return read_file(place.absolute(path), place.shown(path))


def read_file(absolute: str, shown: str) -> bytes:
    """`read` for a file of any folder; messages call it `shown`."""
    try:
        descriptor = os.open(
            absolute, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except FileNotFoundError:
        raise NotFound(f"there is no file {shown}", hint="mem ls") from None
    except OSError as error:
        reason = "a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise InvalidMemory(f"{shown} cannot be read: {reason}", hint="mem doctor") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidMemory(f"{shown} is not a regular file", hint="mem doctor")
    with open(descriptor, "rb") as file:
        data = file.read(limits.MAX_FILE_BYTES + 1)
    problem = limits.problem(data)
    if problem:
        raise InvalidMemory(f"{shown} cannot be a memory: {problem}", hint="mem doctor")
    return data


def _refuse_detour(place: Place, path: str) -> None:
    """Raise StoreUnsafe for a path that leads out of the trees, by its words or through a linked folder."""
    folder = os.path.dirname(place.absolute(path))
    while folder not in (place.tree, place.private_tree):
        if ".." in path.split("/") or os.path.islink(folder) or folder == os.path.dirname(folder):
            raise StoreUnsafe(f"{place.shown(path)} leads out of the store", hint="mem doctor")
        folder = os.path.dirname(folder)


# --- writing ---------------------------------------------------------------------------------------------------------


def create(place: Place, path: str, data: bytes, *, sync_folder: bool = True) -> None:
    """Write a new file. Raises Conflict when something is already there."""
    check(data)
    absolute = place.absolute(path)
    folder = _make_folder(place, os.path.dirname(absolute))
    temporary = _write_temporary(folder, data)
    try:
        _link_new(temporary, absolute)
    except FileExistsError:
        raise Conflict(
            f"{place.shown(path)} already exists", hint="mem add … --overwrite, or --supersedes ID"
        ) from None
    except OSError as error:
        raise WriteFailed(f"cannot write {place.shown(path)}: {error.strerror}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    if sync_folder:
        _sync_folder(folder)


def create_unique(place: Place, path: str, data: bytes, *, sync_folder: bool = True) -> str:
    """`create` at the first free of `name.md`, `name-2.md`, …; returns the path taken.

    Names that differ only in case count as taken, so that the tree survives a case-insensitive disk.
    """
    stem, suffix = os.path.splitext(path)
    for n in range(1, 10_000):
        candidate = path if n == 1 else f"{stem}-{n}{suffix}"
        if os.path.lexists(place.absolute(candidate)):
            continue
        try:
            create(place, candidate, data, sync_folder=sync_folder)
        except Conflict:
            continue
        return candidate
    raise Conflict(f"10,000 files are already called {place.shown(path)}", hint="choose another title or --topic")


def replace(place: Place, path: str, data: bytes, *, expected: str) -> None:
    """Put `data` in place of the file whose exact bytes hash to `expected`; the caller holds the write lock.

    Raises Conflict, with the present text, when the file is another by now.
    """
    check(data)
    _expect(place, path, expected)
    absolute = place.absolute(path)
    folder = os.path.dirname(absolute)
    mode = stat.S_IMODE(os.stat(absolute).st_mode)
    temporary = _write_temporary(folder, data, mode)
    try:
        os.replace(temporary, absolute)
    except OSError as error:
        os.unlink(temporary)
        raise WriteFailed(f"cannot write {place.shown(path)}: {error.strerror}") from None
    _sync_folder(folder)


def move(place: Place, path: str, target: str, *, expected: str | None = None) -> None:
    """Rename a file within the store. Raises Conflict when the target exists or the file is not the expected one."""
    if expected is not None:
        _expect(place, path, expected)
    source, destination = place.absolute(path), place.absolute(target)
    if not os.path.lexists(source):
        raise NotFound(f"there is no file {place.shown(path)}", hint="mem ls")
    folder = _make_folder(place, os.path.dirname(destination))
    if os.path.lexists(destination) and not _same_file(source, destination):
        raise Conflict(f"{place.shown(target)} already exists", hint="choose another name")
    try:
        os.rename(source, destination)
    except OSError as error:
        raise WriteFailed(f"cannot move {place.shown(path)}: {error.strerror}") from None
    _sync_folder(folder)
    _sync_folder(os.path.dirname(source))
    _drop_empty_folders(place, os.path.dirname(source))


def to_trash(place: Place, path: str, *, expected: str) -> None:
    """Move a file to the trash, where it keeps its path below a folder named by its digest.

    Raises Conflict when it is not the file with the expected digest.
    """
    _expect(place, path, expected)
    absolute = place.absolute(path)
    kept = trash_path(place, expected, path)
    try:
        private_dir(os.path.dirname(kept))
        try:
            os.rename(absolute, kept)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            write_private(kept, read(place, path))  # the tree is a vault on another disk
            os.unlink(absolute)
    except OSError as error:
        raise WriteFailed(f"cannot move {place.shown(path)} to the trash: {error.strerror}") from None
    _sync_folder(os.path.dirname(kept))
    _sync_folder(os.path.dirname(absolute))
    _drop_empty_folders(place, os.path.dirname(absolute))


def trash_path(place: Place, digest_: str, path: str) -> str:
    return os.path.join(place.local, "trash", digest_[:16], *path.split("/"))


def trash(place: Place) -> list[tuple[str, str]]:
    """What the trash holds, as (path the memory had, file in the trash), sorted."""
    top = os.path.join(place.local, "trash")
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            absolute = os.path.join(folder, name)
            path = absolute[len(top) + 1 :].replace(os.sep, "/").partition("/")[2]
            if path.startswith(("tree/", "local/tree/")):
                found.append((path, absolute))
    return sorted(found)


def empty_trash(place: Place, file: str) -> None:
    """Delete one file of the trash for good, and the folders that leaves empty."""
    os.unlink(file)
    folder = os.path.dirname(file)
    while folder.startswith(os.path.join(place.local, "trash") + os.sep):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def sync_folders(place: Place, paths: Iterator[str]) -> None:
    """Make a batch of `create(…, sync_folder=False)` durable: one fsync for each folder they went to."""
    for folder in {os.path.dirname(place.absolute(path)) for path in paths}:
        _sync_folder(folder)


def write_private(path: str, data: bytes) -> None:
    """Durably write a file of the store's own bookkeeping (objects, trash); a file already there stays."""
    folder = private_dir(os.path.dirname(path))
    temporary = _write_temporary(folder, data)
    try:
        _link_new(temporary, path)
    except FileExistsError:
        return
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    _sync_folder(folder)


def rewrite_private(path: str, data: bytes) -> None:
    """Durably put `data` in place of a file of the store's own bookkeeping."""
    folder = os.path.dirname(path)
    os.replace(_write_temporary(folder, data), path)
    _sync_folder(folder)


def delete(place: Place, path: str) -> None:
    """Delete a memory file for good."""
    absolute = place.absolute(path)
    _refuse_detour(place, path)
    os.unlink(absolute)
    _sync_folder(os.path.dirname(absolute))
    _drop_empty_folders(place, os.path.dirname(absolute))


def check(data: bytes) -> None:
    """Raise InvalidMemory for bytes that could not be read back as a memory."""
    problem = limits.problem(data)
    if problem:
        raise InvalidMemory(f"this text cannot be kept: {problem}", hint="split it into smaller memories")


def _expect(place: Place, path: str, expected: str) -> None:
    present = read(place, path)
    if digest(present) != expected:
        raise Conflict(
            f"{place.shown(path)} changed since it was read; nothing was written",
            present=present.decode("utf-8"),
            hint="read it again and repeat the edit",
        )


def _make_folder(place: Place, folder: str) -> str:
    """Create a folder of a tree, refusing a way that leads through a symbolic link out of the store.

    New folders are as open as the one above them: private in a private tree, as the umask says in a shared one.
    """
    above = folder
    while not os.path.isdir(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    real = os.path.realpath(above) + os.sep
    if not any(real.startswith(os.path.realpath(root) + os.sep) for root in (place.tree, place.folder)):
        raise StoreUnsafe(f"{folder} leads out of the store through a symbolic link", hint="choose another --topic")
    try:
        mode = stat.S_IMODE(os.stat(above).st_mode) & 0o777 | 0o700
        for missing in reversed(_between(above, folder)):
            os.makedirs(missing, exist_ok=True)
            os.chmod(missing, mode)
    except OSError as error:
        raise WriteFailed(f"cannot make the folder {folder}: {error.strerror}") from None
    return folder


def _between(above: str, folder: str) -> list[str]:
    """The folders from `folder` up to, not including, `above`."""
    missing = []
    while folder != above:
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _write_temporary(folder: str, data: bytes, mode: int | None = None) -> str:
    """A new synced file in `folder`, as readable as the folder is unless `mode` says otherwise."""
    temporary = os.path.join(folder, TEMPORARY + os.urandom(8).hex())
    try:
        if mode is None:
            mode = stat.S_IMODE(os.stat(folder).st_mode) & 0o666 | 0o600
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(descriptor)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise WriteFailed(
            f"cannot write in {folder}: {error.strerror}", hint="is the disk full or read-only?"
        ) from None
    return temporary


def _link_new(temporary: str, target: str) -> None:
    """Give `temporary` the name `target` unless that exists (FileExistsError)."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: reserve the name, then rename over the empty reservation.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(temporary, target)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise WriteFailed(f"cannot sync {folder}: {error.strerror}") from None
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same_file(a: str, b: str) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False


def _drop_empty_folders(place: Place, folder: str) -> None:
    """Remove folders that a removal left empty, as git does, up to the top of the tree."""
    tops = (place.tree, place.private_tree)
    while folder not in tops and any(folder.startswith(top + os.sep) for top in tops):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def remove_leftovers(place: Place, older_than_s: float, now: float) -> int:
    """Remove temporary files that a killed process left; returns how many."""
    removed = 0
    for root in (place.tree, place.private_tree, os.path.join(place.folder, "local")):
        for folder, _, names in os.walk(root):
            for name in names:
                if name.startswith(TEMPORARY):
                    path = os.path.join(folder, name)
                    try:
                        if now - os.stat(path).st_mtime > older_than_s:
                            os.unlink(path)
                            removed += 1
                    except OSError:
                        continue
    return removed
