"""Importers: other people's and programs' memories → ours. An importer is one file here and its module in IMPORTERS.

The contract (tests/contract/test_importers.py holds every importer to it). An importer module has

    NAME, MEANING       its name for `--format`, and a line for people
    claims(path)        whether the file or folder at `path` is of this kind; cheap, never raises for odd input
    read(path)          yields Item and Note; raises ImportFailed when the source is not what it should be
    scan(here, home)    sources of this kind that lie around: [(path, how many)]; reads names, not contents; writes nothing

Sources are untrusted: bounded by guard.limits, nothing in them is executed, secrets are masked on the way in.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A text with what is known of it. `ref` is its id at the source; items of one `session` become one episode."""

    text: str
    ref: str | None = None
    title: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    created: str | None = None
    session: str | None = None
    speaker: str | None = None


class Note(NamedTuple):
    """A Markdown file kept byte for byte (secrets aside). `path` is where it goes below the import's topic."""

    path: str
    data: bytes
