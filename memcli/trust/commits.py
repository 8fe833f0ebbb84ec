"""What commits say, read from git's objects: which files they hold, what one changed, and what a file held earlier."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from memcli.trust.gitobjects import Objects
from memcli.trust.repositories import Repository, Untold, read_text

MOST_COMMITS = 500
MOST_FILES = 100_000
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDER = 0o040000
_FILES = (0o100644, 0o100755, 0o100664)


class Commit(NamedTuple):
    """A commit's tree and parents, by name."""

    tree: str
    parents: tuple[str, ...]


def head(repository: Repository) -> str | None:
    """The name of the commit that HEAD stands for; None before the first. Raises Untold."""
    said = (read_text(os.path.join(repository.gitdir, "HEAD")) or "").strip()
    for _ in range(5):
        if _NAME.fullmatch(said):
            return said
        if not said.startswith("ref: refs/") or ".." in said or "\0" in said:
            raise Untold("HEAD is not as git writes it")
        ref = said[5:].strip()
        found = read_text(os.path.join(repository.common, ref)) or _packed_ref(repository, ref)
        if found is None:
            return None
        said = found.strip()
    raise Untold("HEAD leads in circles")


def _packed_ref(repository: Repository, ref: str) -> str | None:
    lines = (read_text(os.path.join(repository.common, "packed-refs")) or "").splitlines()
    return next((line.split(" ", 1)[0] for line in lines if line.endswith(f" {ref}")), None)


def commit(objects: Objects, name: str) -> Commit:
    """A commit. Raises Untold for one that is not there, or is none."""
    found = objects.read(name)
    if found is None or found.kind != "commit":
        raise Untold(f"{name} is no commit")
    header = found.data.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    named = [line.partition(" ") for line in header]
    trees = [value for key, _, value in named if key == "tree" and _NAME.fullmatch(value)]
    if len(trees) != 1:
        raise Untold(f"{name} is no commit")
    return Commit(trees[0], tuple(value for key, _, value in named if key == "parent"))


def changed(objects: Objects, before: str | None, after: str, below: str = "") -> Iterator[tuple[str, str]]:
    """The files of a tree that another (none, if `before` is None) does not hold so, with the names of their blobs."""
    count = 0
    waiting = [(before, after, "")]
    while waiting:
        old, new, folder = waiting.pop()
        there = {name: (mode, found) for mode, name, found in _entries(objects, old)} if old else {}
        for mode, name, found in _entries(objects, new):
            path = f"{folder}{name}"
            was = there.get(name)
            if was == (mode, found) or not (path.startswith(below) or below.startswith(f"{path}/")):
                continue
            count += 1
            if count > MOST_FILES:
                raise Untold("a commit changed too many files")
            if mode == _FOLDER:
                waiting.append((was[1] if was and was[0] == _FOLDER else None, found, f"{path}/"))
            elif mode in _FILES:
                yield path, found


def versions(objects: Objects, first: str, path: str) -> Iterator[bytes]:
    """What a file held in a commit and, along first parents, before: every version that differs from the one after it."""
    name: str | None = first
    last = None
    for _ in range(MOST_COMMITS):
        if name is None:
            return
        one = commit(objects, name)
        blob = _at(objects, one.tree, path)
        if blob is not None and blob != last:
            found = objects.read(blob)
            if found is None or found.kind != "blob":
                raise Untold(f"{blob} is no file")
            yield found.data
        last = blob
        name = one.parents[0] if one.parents else None


def _at(objects: Objects, tree: str, path: str) -> str | None:
    """The blob at a path of a tree."""
    *folders, file = path.split("/")
    for folder in folders:
        inner = next(
            (found for mode, name, found in _entries(objects, tree) if name == folder and mode == _FOLDER), None
        )
        if inner is None:
            return None
        tree = inner
    return next((found for mode, name, found in _entries(objects, tree) if name == file and mode in _FILES), None)


def _entries(objects: Objects, tree: str) -> Iterator[tuple[int, str, str]]:
    """(mode, name, object) of what a tree holds."""
    found = objects.read(tree)
    if found is None or found.kind != "tree":
        raise Untold(f"{tree} is no tree")
    at, data = 0, found.data
    while at < len(data):
        end = data.find(b"\0", at)
        mode, space, name = data[at:end].partition(b" ")
        if end < 0 or not space or not mode.isdigit():
            raise Untold(f"{tree} is no tree")
        at = end + 1 + objects.width
        yield int(mode, 8), os.fsdecode(name), data[end + 1 : at].hex()
