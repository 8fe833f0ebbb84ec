"""All importers, and finding the one for a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from memcli.errors import ImportFailed, UsageError
from memcli.importers import (
    Imported,
    byterover,
    claude_code,
    claude_memory,
    codex,
    copilot,
    gemini,
    instructions,
    jsonl,
    markdown,
    opencode,
)
from memcli.importers.sessions import SessionImporter


class Importer(Protocol):
    """What an importer module offers; see the package's docstring."""

    NAME: str
    MEANING: str

    def claims(self, path: Path) -> bool: ...
    def read(self, path: Path) -> Iterator[Imported]: ...
    def scan(self, here: Path, home: Path) -> list[tuple[Path, int]]: ...


# The most specific first: the first that claims a source reads it.
SESSIONS: tuple[SessionImporter, ...] = (claude_code, codex, gemini, copilot, opencode)
IMPORTERS: tuple[Importer, ...] = (byterover, claude_memory, instructions, *SESSIONS, jsonl, markdown)


def names() -> list[str]:
    """The names for `--format`."""
    return [importer.NAME for importer in IMPORTERS]


def for_format(name: str) -> Importer:
    """The importer of that name. Raises UsageError."""
    for importer in IMPORTERS:
        if name == importer.NAME:
            return importer
    raise UsageError(f"there is no format {name!r}", hint=f"one of: {', '.join(names())}")


def detect(path: Path) -> Importer:
    """The importer for a file or folder. Raises ImportFailed when none knows it."""
    for importer in IMPORTERS:
        if importer.claims(path):
            return importer
    raise ImportFailed(f"{path} is nothing that can be imported as it is", hint=f"--format {'|'.join(names())}")


def scan_all(here: Path, home: Path) -> list[tuple[Importer, Path, int]]:
    """Everything that could be imported for the project in `here`: (importer, path, how many)."""
    return [(importer, path, number) for importer in IMPORTERS for path, number in importer.scan(here, home)]
