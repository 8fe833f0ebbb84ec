"""Past sessions of coding agents: what importers of them have in common, and which there are of a project.

Agents keep the sessions of all projects together; only those of the project asked for are ever counted or brought in, unless
a file is named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from memcli.importers import Imported
from memcli.importers.listing import is_plain_file, is_plain_folder
from memcli.importers.transcripts import Format

MOST_FILES = 5_000  # transcripts of one agent that are looked at, the newest


class SessionImporter(Protocol):
    """An importer of sessions. `AGENTS`: which agents write so; `FORM`: what a line tells; `read` with a `project` leaves out
    what was done in others."""

    NAME: str
    MEANING: str
    AGENTS: tuple[str, ...]
    FORM: Format

    def claims(self, path: Path) -> bool: ...
    def read(self, path: Path, project: Path | None = None) -> Iterator[Imported]: ...
    def scan(self, here: Path, home: Path) -> list[tuple[Path, int]]: ...
    def transcripts_of(self, here: Path, home: Path) -> list[Path]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """The sessions of one agent in a project: `mem import --format AGENT` brings them in. `paths` is what it reads; `newest`,
    when the last of them was written to (seconds)."""

    agent: str
    count: int
    paths: tuple[Path, ...]
    newest: float


def found(project: str, home: str | None = None) -> list[Found]:
    """The past sessions of the project in this folder, by agent, the most first. Reads first lines; writes nothing."""
    from memcli.importers.registry import SESSIONS

    here, own = Path(os.path.abspath(project)), Path(home or os.path.expanduser("~"))
    all_: list[Found] = []
    for importer in SESSIONS:
        sources = importer.scan(here, own)
        if sources:
            newest = max((_changed(path) for path in importer.transcripts_of(here, own)), default=0.0)
            paths = tuple(path for path, _ in sources)
            all_.append(Found(importer.NAME, sum(count for _, count in sources), paths, newest))
    return sorted(all_, key=lambda one: (-one.count, one.agent))


# --- looking at folders of agents ------------------------------------------------------------------------------------


def folders(top: Path) -> list[Path]:
    """The folders right below `top`, links left out."""
    return [path for path in _entries(top) if is_plain_folder(path)]


def files(top: Path, suffix: str, *, deep: bool = True) -> list[Path]:
    """The files below `top` (or right in it) whose names end so, the newest MOST_FILES by name; links left out.

    Agents name or place sessions by their time, so that the last names are the newest.
    """
    found_: list[Path] = []
    pending = [top]
    while pending and len(found_) < MOST_FILES:
        for path in _entries(pending.pop(0)):
            if path.name.endswith(suffix) and is_plain_file(path):
                found_.append(path)
            elif deep and is_plain_folder(path):
                pending.append(path)
    return sorted(found_)


def is_inside(folder: object, project: Path) -> bool:
    """Whether a session that ran in `folder` is one of `project`."""
    if not isinstance(folder, str) or not os.path.isabs(folder) or "\0" in folder:
        return False
    return any(
        (os.path.normpath(folder) + os.sep).startswith(os.path.normpath(top) + os.sep)
        for top in (os.path.abspath(project), os.path.realpath(project))
    )


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, the last first."""
    try:
        return sorted((Path(entry.path) for entry in os.scandir(folder)), reverse=True)[:MOST_FILES]
    except (OSError, ValueError):
        return []


def _changed(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
