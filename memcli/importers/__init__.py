"""Importers: other people's and programs' memories → ours. An importer is one file and its name in registry.IMPORTERS.

The contract (tests/contract/test_importers.py holds every importer to it). An importer module has

    NAME, MEANING       its name for `--format`, and a line for people
    claims(path)        whether the file or folder at `path` is of this kind; cheap, never raises for odd input
    read(path)          yields Item, Note and Skipped; raises ImportFailed when the source is not what it should be
    scan(here, home)    sources of this kind that lie around: [(path, how many)]; reads names, and of transcripts, which may
                        lie together for all projects, the first lines; writes nothing

Importers of sessions have more (`sessions.SessionImporter`); what is common to those that write a line a message lies in
`transcripts`.

Sources are untrusted: bounded by guard.limits, nothing in them is executed, links in them are not followed, secrets are
masked on the way in.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A text with what is known of it. Items of one `session` become the turns of one episode.

    `ref` is the text's id at the source, the same at every import: by it the text is known again, even when it has
    changed. Without one it is known by its text. `live`: a turn of a transcript. One that was still going on when it was read
    is taken anew as long as it is the last of its session and nobody has edited the file.
    """

    text: str
    ref: str | None = None
    title: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    created: str | None = None
    session: str | None = None
    speaker: str | None = None
    live: bool = False


class Note(NamedTuple):
    """A Markdown file kept byte for byte (secrets aside). `path` is where it goes below the import's topic."""

    path: str
    data: bytes


class Skipped(NamedTuple):
    """A file of the source that cannot be a memory, and why; the rest of the source is imported all the same."""

    path: str
    reason: str


Imported = Item | Note | Skipped
