"""The work in hand: what the working folder, the branch, the last commits and the files changed last are called.

Git is never run: its files are read as files, bounded, and only where they are the repository's own. What they say is used
to choose among memories and never shown. Lean: a hook asks at the start of a session.
"""

from __future__ import annotations

import os
import re
from collections import Counter, namedtuple
from functools import cache

from memcli.encode.terms import STOP_WORDS
from memcli.places import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

Work = namedtuple("Work", "topics subjects files")
Work.__doc__ = """`topics`: words of the working folder below its repository and of the branch; `subjects`: for each of the last
commits, the words of its subject; `files`: the paths and names, lower-cased, of what was changed last."""

COMMITS = 5
FILES = 20
MOST_TRACKED = 10_000  # files; of a larger repository it is not looked up which changed last
MOST_LOOKED_AT = 1_000  # files whose time on disk is looked up; of more than that, git's own note of it
TOGETHER = 50  # files that changed within one minute were checked out, not written
RECENT_S = 7 * 86_400  # before the newest change: what is older belongs to other work
_DEEPEST = 64
_INDEX_BYTES, _LOG_BYTES = 4 << 20, 8192
_ENTRY = 62  # bytes of an entry of git's index before its path
_SAYING_NOTHING = """
add added app apps bug bugfix change chore cleanup cmd commit components dev develop docs feat feature features fix fixed fixes
hotfix initial internal lib main master merge minor modules new packages pkg refactor release remove revert scripts service
services src test tests trunk update wip
"""
_SAME_EVERYWHERE = """
__init__.py index.js index.ts index.tsx main.py main.go main.rs mod.rs lib.rs readme.md package.json cargo.toml
"""


def repository(here: str) -> str | None:
    """The nearest folder, from `here` upwards and below the user's home, that holds `.git`."""
    home, folder = os.path.realpath(os.path.expanduser("~")), os.path.realpath(here)
    for _ in range(_DEEPEST):
        if folder == home:
            return None
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return None


def in_hand(here: str) -> Work:
    """What the work in the folder `here` is about, as far as files tell."""
    root = repository(here)
    if root is None:
        return Work(frozenset(words(os.path.basename(os.path.realpath(here)))), (), ())
    below = os.path.relpath(os.path.realpath(here), root)
    topics = set() if below == os.curdir else words(below)
    git = _git_folder(root)
    if git is None:
        return Work(frozenset(topics), (), ())
    topics |= words(_branch(git))
    subjects = tuple(frozenset(words(subject)) for subject in _subjects(git))
    return Work(frozenset(topics), subjects, tuple(_keys(_changed_last(root, git))))


def words(text: str) -> set[str]:
    """The telling words of a name or a subject, lower-cased."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    found = {word for word in re.findall(r"[^\W_]+", spaced.lower()) if len(word) > 2 or not word.isascii()}
    return {word for word in found if not word.isdigit()} - STOP_WORDS - _saying_nothing()


def _git_folder(root: str) -> str | None:
    """The folder of git's files; None where `.git` leads elsewhere than to one that leads back."""
    path = os.path.join(root, ".git")
    if os.path.islink(path):
        return None
    if os.path.isdir(path):
        return path
    line = _read(path, 4096).partition("\n")[0].strip()
    if not line.startswith("gitdir: "):
        return None
    folder = os.path.realpath(os.path.join(root, line[8:]))
    # A `.git` file that somebody sent may name any folder; that of a linked worktree names this file in turn.
    back = _read(os.path.join(folder, "gitdir"), 4096).strip()
    return folder if back and os.path.realpath(os.path.join(folder, back)) == os.path.realpath(path) else None


def _branch(git: str) -> str:
    """The name of the branch; "" where a commit is checked out by itself."""
    head = _read(os.path.join(git, "HEAD"), 4096).strip()
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""


def _subjects(git: str) -> list[str]:
    """The subjects of the last commits made here, newest first."""
    lines = _read(os.path.join(git, "logs", "HEAD"), _LOG_BYTES, tail=True).splitlines()
    said = [line.partition("\t")[2] for line in lines]
    made = [what.partition(": ")[2] for what in said if what.startswith("commit")]
    return made[: -COMMITS - 1 : -1]


def _changed_last(root: str, git: str) -> list[str]:
    """Tracked files by when they changed, the newest first."""
    tracked = list(_tracked(git))
    if len(tracked) <= MOST_LOOKED_AT:
        tracked = [(_mtime(os.path.join(root, path)), path) for _, path in tracked]
    if not tracked:
        return []
    minutes = Counter(when // 60 for when, _ in tracked)
    newest = max(when for when, _ in tracked)
    chosen = [one for one in tracked if minutes[one[0] // 60] <= TOGETHER and newest - one[0] <= RECENT_S]
    return [path for _, path in sorted(chosen, key=lambda one: (-one[0], one[1]))[:FILES]]


def _tracked(git: str) -> Iterator[tuple[int, str]]:
    """(time of change in seconds, path) of the files in git's index, of version 2 or 3 (gitformat-index)."""
    data = _bytes(os.path.join(git, "index"), _INDEX_BYTES)
    if data[:4] != b"DIRC" or int.from_bytes(data[4:8]) not in (2, 3) or int.from_bytes(data[8:12]) > MOST_TRACKED:
        return
    at = 12
    for _ in range(int.from_bytes(data[8:12])):
        longer = 2 if data[at + 60 : at + 61] and data[at + 60] & 0x40 else 0
        end = data.find(b"\0", at + _ENTRY + longer)
        if end < 0:
            return
        yield int.from_bytes(data[at + 8 : at + 12]), data[at + _ENTRY + longer : end].decode("utf-8", "replace")
        at += (end - at + 8) & ~7  # entries are padded with one to eight zeros


def _keys(paths: list[str]) -> Iterator[str]:
    """What the index calls these files, as entities (`encode.entities`)."""
    for path in paths:
        key = path.lower()
        name = key.rsplit("/", 1)[-1]
        yield key
        if name != key and name not in _SAME_EVERYWHERE.split():
            yield name


def _mtime(path: str) -> int:
    try:
        return int(os.lstat(path).st_mtime)
    except OSError:
        return 0


def _read(path: str, most: int, *, tail: bool = False) -> str:
    return _bytes(path, most, tail=tail).decode("utf-8", "replace")


def _bytes(path: str, most: int, *, tail: bool = False) -> bytes:
    """The beginning or the end of a regular file; nothing of a link, or of what could block."""
    try:
        with open_regular(path) as file:
            if tail and os.fstat(file.fileno()).st_size > most:
                file.seek(-most, os.SEEK_END)
            return file.read(most)
    except OSError:
        return b""


@cache
def _saying_nothing() -> frozenset[str]:
    return frozenset(_SAYING_NOTHING.split())
