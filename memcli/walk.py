"""The walk that lists what may be a memory: every file of both trees, with the reason where one is not read.

Lists names and stats and reads no contents but `.memignore`. Follows no symbolic link.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from memcli.guard import limits
from memcli.guard.hidden import printable
from memcli.places import Place, small_text

SUFFIXES = (".md", ".markdown")
IGNORE_FILE = ".memignore"
# Syncthing, Dropbox and Nextcloud, Seafile and others, ownCloud, merge tools; no name that a person would choose.
_CONFLICT_MARK = re.compile(
    r"\.sync-conflict-\d| \((?:[^()]*['’]s )?conflicted copy\b| \((?:SF)?[Cc]onflict [^()]*\d{4}-\d|_conflict-\d|\.orig\.md$"
)


class Found(NamedTuple):
    """One file or folder of the walk. `problem` says why a file is not read (it is still listed)."""

    path: str  # `tree/…` or `local/tree/…`, `/` between parts
    size: int
    mtime_ns: int
    inode: int
    problem: str | None = None


def walk(
    place: Place,
    *,
    folders: Callable[[str, int], None] | None = None,
    unlisted: Callable[[str, int], Iterable[str] | None] | None = None,
) -> list[Found]:
    """Every file of both trees that is a memory or would like to be, sorted by path.

    Hidden names, other suffixes and what `.memignore` names are left out; links, devices, unreadable folders, names
    that are not UTF-8 and copies made by a sync conflict are listed with their problem. `folders` is called with each
    folder's path and mtime in nanoseconds. `unlisted`, given the same, answers with the names of the folder's own folders
    where it need not be listed: its files are left out then, and those folders are walked.
    """
    found: list[Found] = []
    for prefix, root in (("tree", place.tree), ("local/tree", place.private_tree)):
        if os.path.isdir(root):
            found.extend(_walk(root, prefix, _ignore_rule(root), folders, unlisted=unlisted))
    found.sort(key=itemgetter(0))
    return found


def list_folder(root: str, suffixes: tuple[str, ...] = SUFFIXES) -> list[Found]:
    """What `walk` lists, for a folder that is no store's: files with these suffixes, paths relative to `root`, sorted."""
    found = [item._replace(path=item.path[2:]) for item in _walk(root, ".", _ignore_rule(root), None, suffixes)]
    return sorted(found, key=lambda item: item.path)


def _walk(
    root: str,
    prefix: str,
    ignored: Callable[[str], bool] | None,
    folders: Callable[[str, int], None] | None,
    suffixes: tuple[str, ...] = SUFFIXES,
    unlisted: Callable[[str, int], Iterable[str] | None] | None = None,
) -> Iterator[Found]:
    pending = [(root, prefix)]
    while pending:
        folder, path = pending.pop()
        try:
            # The folder's time is taken before its entries, so that a file added meanwhile shows as a change later.
            folder_time = os.stat(folder).st_mtime_ns
            inner = unlisted(path, folder_time) if unlisted else None
            if inner is not None:
                if folders:
                    folders(path, folder_time)
                pending.extend((os.path.join(folder, name), f"{path}/{name}") for name in inner)
                continue
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as error:
            yield Found(path, 0, 0, 0, f"the folder cannot be read: {error.strerror}")
            continue
        if folders:
            folders(path, folder_time)
        for entry in entries:
            base = entry.name
            name = f"{path}/{base}"
            if base[0] == "." or (ignored and ignored(name[len(prefix) + 1 :])):
                continue
            if entry.is_dir(follow_symlinks=False):
                if ignored and ignored(name[len(prefix) + 1 :] + "/"):
                    continue
                problem = _name_problem(base)
                if problem:
                    yield Found(_spelled_out(name), 0, 0, 0, problem)
                else:
                    pending.append((entry.path, name))
            elif base.endswith(suffixes) or base.lower().endswith(suffixes):
                try:
                    yield _judged(entry.stat(follow_symlinks=False), base, name)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    yield Found(name, 0, 0, 0, f"cannot be read: {error.strerror}")


def inspect(absolute: str, path: str) -> Found | None:
    """What the walk says of one file, the index's `path` for it; None where there is none."""
    try:
        return _judged(os.lstat(absolute), os.path.basename(absolute), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Found(path, 0, 0, 0, f"cannot be read: {error.strerror}")


def _judged(info: os.stat_result, name: str, path: str) -> Found:
    """A file called `name`, the index's `path` for it, with the reason why it is not read if there is one."""
    problem = None
    if stat.S_ISLNK(info.st_mode):
        problem = "a symbolic link"
    elif not stat.S_ISREG(info.st_mode):
        problem = "not a regular file"
    elif info.st_size > limits.MAX_FILE_BYTES:
        problem = f"larger than {limits.MAX_FILE_BYTES // 2**20} MiB"
    elif _CONFLICT_MARK.search(name):
        problem = "a copy left by a sync conflict"
    named_badly = _name_problem(name)
    if named_badly:
        path, problem = _spelled_out(path), named_badly
    return Found(path, info.st_size, info.st_mtime_ns, info.st_ino, problem)


def _name_problem(name: str) -> str | None:
    """Why a name cannot be that of a memory: it is printed with every hit, and kept as text in the index."""
    if (name.isascii() and name.isprintable()) or printable(name, newlines=False) == name:
        return None
    return (
        "its name is not UTF-8" if any("\udc80" <= c <= "\udcff" for c in name) else "its name holds hidden characters"
    )


def _spelled_out(path: str) -> str:
    """A path as it can be printed and kept, another for every path: other bytes and hidden characters as escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() and printable(c) == c else c.encode("unicode_escape").decode("ascii") for c in text)


def _ignore_rule(root: str) -> Callable[[str], bool] | None:
    """What `.memignore` (the syntax of .gitignore) at the top of a tree leaves out; None without one."""
    lines = small_text(os.path.join(root, IGNORE_FILE), follow=False).splitlines()
    if not lines:
        return None
    import pathspec  # only trees with a .memignore pay for it

    spec = pathspec.GitIgnoreSpec.from_lines(lines)
    return lambda path: bool(spec.match_file(path))
