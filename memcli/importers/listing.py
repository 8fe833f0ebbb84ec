"""Looking at folders that are not ours: bounded, by name alone, links never followed."""

from __future__ import annotations

import os
from pathlib import Path

MAX_ENTRIES = 20_000  # directory entries that one look takes in: a home folder or a disk must not stall a scan
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "__pycache__"}
)  # installed, not written; hidden folders are skipped as well


def count(folder: str | Path, suffixes: tuple[str, ...], *, enough: int = MAX_ENTRIES) -> int:
    """How many files below `folder` have one of these suffixes, as far as the first MAX_ENTRIES entries tell.

    Stops at `enough`. What cannot be listed counts as empty.
    """
    found = seen = 0
    pending = [os.fspath(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        return found
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in SKIPPED_FOLDERS:
                            pending.append(entry.path)
                    elif entry.name.lower().endswith(suffixes) and entry.is_file(follow_symlinks=False):
                        found += 1
                        if found >= enough:
                            return found
        except (OSError, ValueError):  # ValueError: a NUL in the name
            continue
    return found


def is_plain_file(path: str | Path) -> bool:
    """Whether `path` is a regular file and no link; never raises."""
    return os.path.isfile(path) and not os.path.islink(path)


def is_plain_folder(path: str | Path) -> bool:
    """Whether `path` is a folder and no link; never raises."""
    return os.path.isdir(path) and not os.path.islink(path)
