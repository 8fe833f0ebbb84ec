"""Whether a text was written here or brought by version control: asked of git's own objects, and of nothing it says of itself.

What a clone, merge or checkout puts into a work tree is in the repository's objects. A text that is in none of them matches no
commit: somebody wrote it here. Where that cannot be told it is UNTOLD, which means held: another version control, a damaged
repository, attributes by which git may have changed the text on its way out, a file that git takes for its own, a folder that
a package manager fills.
"""

from __future__ import annotations

import os

from memcli.places import Place, is_personal
from memcli.trust import gitattributes
from memcli.trust.gitindex import Index
from memcli.trust.gitobjects import Objects
from memcli.trust.repositories import Repository, Untold, around, read_bytes

WRITTEN, BROUGHT, UNTOLD = "written", "brought", "untold"
MAX_FILE = 256 * 2**20
_INSTALLED = frozenset(("node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages"))
"""Folders that package managers fill: nobody writes there by hand."""


class Origins:
    """Answers for the files of one look at a store; repositories are looked up once for each folder."""

    def __init__(self) -> None:
        self._around: dict[str, list[Repository] | None] = {}
        self._objects: dict[Repository, Objects] = {}
        self._indexes: dict[Repository, Index] = {}
        self._attributes: dict[tuple[Repository, str], list[list[str]]] = {}

    def of(self, file: str, data: bytes) -> str:
        """Where the text `data` of a file (an absolute, real path) comes from."""
        repositories = self._of_folder(os.path.dirname(file))
        if repositories is None or not _INSTALLED.isdisjoint(file.split(os.sep)):
            return UNTOLD
        try:
            for repository in repositories:
                objects = self._objects.setdefault(repository, Objects(repository))
                if any(objects.has(objects.name("blob", form)) for form in _forms(data)):
                    return BROUGHT
                if self._is_gits(repository, file, data, objects.width):
                    return UNTOLD
        except (Untold, OSError, ValueError, RecursionError):
            return UNTOLD
        return WRITTEN

    def _is_gits(self, repository: Repository, file: str, data: bytes, width: int) -> bool:
        """Whether git may have written a file though its text is no object."""
        here = (repository, os.path.dirname(file))
        if here not in self._attributes:
            self._attributes[here] = gitattributes.lines_about(*here)
        index = self._indexes.setdefault(repository, Index(repository, width))
        return gitattributes.may_convert(self._attributes[here], file, data) or index.has_as_written(file)

    def _of_folder(self, folder: str) -> list[Repository] | None:
        if folder not in self._around:
            try:
                self._around[folder] = around(folder)
            except (Untold, OSError, ValueError):
                self._around[folder] = None
        return self._around[folder]


def came_with_git(place: Place, file: str) -> bool:
    """Whether a file of a store's own bookkeeping is somebody else's: git brought it, or it is no file that can be read."""
    if is_personal(place):
        return False
    try:
        data = read_bytes(file, MAX_FILE)
    except Untold:
        return True
    return data is not None and Origins().of(os.path.realpath(file), data) == BROUGHT


def _forms(data: bytes) -> set[bytes]:
    """What git may hold for a file with these bytes: line ends are the only thing it changes unasked."""
    lines = data.replace(b"\r\n", b"\n")
    return {data, lines, lines.replace(b"\n", b"\r\n")}
