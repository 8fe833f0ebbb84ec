"""Which version control a folder is under, told from files alone: no program of a repository is run and none of its settings
obeyed.

A repository may be anybody's, so whatever is not as git makes it raises Untold: then nobody can say who wrote a text. Nothing
is followed out of a repository but what git follows: a linked worktree to its main one, which must know of it; a submodule to
the repository above it; alternates, a few, of the same owner.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

from memcli.places import open_regular

OTHERS = (".hg", ".svn", ".jj", ".sl", ".bzr", "_darcs", ".pijul", ".fslckout", "_FOSSIL_", "CVS")
MAX_TEXT = 256 * 1024
MOST_DATABASES = 16
_OBJECT_FORMAT = re.compile(r"^\s*objectformat\s*=\s*\"?(\w+)", re.I | re.M)


class Untold(Exception):
    """A repository is not as git makes it, or under another program: who wrote a text cannot be told."""


class Repository(NamedTuple):
    """One git repository: its work tree, its own folder, the folder shared by its worktrees, the folders of its objects, and
    the hash that names these ("sha1" or "sha256")."""

    root: str
    gitdir: str
    common: str
    objects: tuple[str, ...]
    algorithm: str


def around(folder: str) -> list[Repository]:
    """The git repositories that a folder (a real path) lies in, nearest first. Raises Untold.

    All of them, not just the nearest: any may have brought what lies there.
    """
    found = []
    for above in _upwards(folder):
        if any(os.path.lexists(os.path.join(above, name)) for name in OTHERS):
            raise Untold(f"{above} is under a version control that is not git")
        if os.path.lexists(os.path.join(above, ".git")):
            repository = _at(above)
            found += [repository] if repository else []
    return found


def read_text(path: str) -> str | None:
    """A small regular file's text, None where there is none. Raises Untold for a link, a pipe, or one that is too large."""
    data = read_bytes(path, MAX_TEXT)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def read_bytes(path: str, most: int) -> bytes | None:
    """A regular file of at most `most` bytes, None where there is none. Raises Untold for anything else."""
    try:
        with open_regular(path) as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Untold(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > most:
        raise Untold(f"{path} is too large")
    return data


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _at(root: str) -> Repository | None:
    """The repository whose work tree is `root`; None for an empty `.git`, which git does not see either."""
    gitdir = _gitdir(root)
    if not any(os.path.lexists(os.path.join(gitdir, name)) for name in ("HEAD", "objects", "config", "commondir")):
        return None
    common = _common(root, gitdir)
    config = read_text(os.path.join(common, "config")) or ""
    formats = {name.lower() for name in _OBJECT_FORMAT.findall(config)} or {"sha1"}
    if len(formats) > 1 or not formats <= {"sha1", "sha256"}:
        raise Untold(f"{common} has objects of an unknown format")
    return Repository(root, gitdir, common, tuple(_databases(os.path.join(common, "objects"))), formats.pop())


def _gitdir(root: str) -> str:
    path = os.path.join(root, ".git")
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return path
    said = (read_text(path) or "").strip()
    if not said.startswith("gitdir: ") or "\n" in said or "\0" in said:
        raise Untold(f"{path} is no git repository")
    gitdir = os.path.realpath(os.path.join(root, said[8:]))
    modules = [os.path.join(above, ".git", "modules") + os.sep for above in _upwards(os.path.dirname(root))]
    back = read_text(os.path.join(gitdir, "gitdir"))
    is_worktree = back is not None and os.path.realpath(os.path.join(gitdir, back.strip())) == path
    if not is_worktree and not any(gitdir.startswith(folder) for folder in modules):
        raise Untold(f"{path} names a folder that does not know of it")
    return gitdir


def _common(root: str, gitdir: str) -> str:
    said = read_text(os.path.join(gitdir, "commondir"))
    if said is None:
        return gitdir
    common = os.path.realpath(os.path.join(gitdir, said.strip()))
    if os.path.dirname(gitdir) != os.path.join(common, "worktrees"):
        raise Untold(f"{root} names a main worktree that does not know of it")
    return common


def _databases(objects: str) -> Iterator[str]:
    """A folder of objects and its alternates, each once."""
    waiting, seen = [objects], set()
    owner = None
    while waiting:
        folder = waiting.pop(0)
        if folder in seen:
            continue
        seen.add(folder)
        if len(seen) > MOST_DATABASES or not stat.S_ISDIR(_mode(folder)):
            raise Untold(f"{folder} is no folder of git's objects")
        info = os.lstat(folder)
        if owner is not None and info.st_uid != owner:
            raise Untold(f"{folder} is another user's")
        owner = info.st_uid
        yield folder
        for line in (read_text(os.path.join(folder, "info", "alternates")) or "").splitlines():
            if line and not line.startswith("#"):
                waiting.append(os.path.realpath(os.path.join(folder, line)))


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except (OSError, ValueError) as error:
        raise Untold(f"{path} cannot be read: {error}") from None
