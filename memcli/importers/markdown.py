"""Markdown notes: a folder of them (an Obsidian vault, a basic-memory project) or one file, kept as they are.

Nothing of a note is translated: front matter, `- [category] observation #tag` and `- relation [[target]]` lines mean
here what they mean there. Hidden folders (`.obsidian`, `.trash`) and attachments stay behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memcli import tree, walk
from memcli.errors import ImportFailed, InvalidMemory, NotFound
from memcli.importers import Note, Skipped
from memcli.importers.listing import SKIPPED_FOLDERS, count, is_plain_file, is_plain_folder

NAME = "markdown"
MEANING = "Markdown notes: a folder, an Obsidian vault or one file"


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.name.lower().endswith(walk.SUFFIXES)
    return is_plain_folder(path) and count(path, walk.SUFFIXES, enough=1) > 0


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    """Vaults at the top of the project, and the folder where basic-memory keeps its notes.

    Other Markdown of a project (a README, its docs) is the project's, not somebody's notes: it is not offered.
    """
    vaults = [folder for folder in (here, *_folders(here)) if is_plain_folder(folder / ".obsidian")]
    own = [folder for folder in [home / "basic-memory"] if is_plain_folder(folder) and folder not in vaults]
    found = [(folder, count(folder, walk.SUFFIXES)) for folder in vaults + own]
    return [(folder, notes) for folder, notes in found if notes]


def read(path: Path) -> Iterator[Note | Skipped]:
    if not os.path.isdir(path):
        yield Note(path.name, bytes_of(path, path.name))
        return
    for item in walk.list_folder(os.fspath(path), walk.SUFFIXES):
        if SKIPPED_FOLDERS.intersection(item.path.split("/")):
            continue
        if item.problem:
            yield Skipped(item.path or ".", item.problem)
            continue
        try:
            yield Note(item.path, bytes_of(path / item.path, item.path))
        except ImportFailed as error:
            yield Skipped(item.path, reason_of(error))


def bytes_of(file: Path, name: str) -> bytes:
    """The bytes of one file of a source, called `name` there. Raises ImportFailed where it cannot be a memory."""
    try:
        return tree.read_file(os.fspath(file), name)
    except (InvalidMemory, NotFound) as error:
        raise ImportFailed(error.message, hint="mem import (lists what could be read)") from None
    except ValueError:
        raise ImportFailed("there is no file with a NUL in its name", hint="mem import FILE") from None


def reason_of(error: ImportFailed) -> str:
    """Why a file was left out, without its name."""
    return error.message.split(": ", 1)[-1]


def _folders(folder: Path) -> list[Path]:
    """The folders in `folder`, as far as its first thousand entries tell."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for _, entry in zip(range(1000), entries, strict=False)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
    except OSError:
        return []
