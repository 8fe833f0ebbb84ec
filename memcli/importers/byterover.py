"""ByteRover's context tree, `.brv/context-tree/`: domain, topic and subtopic folders become topics, each entry a note.

Markdown entries (version 3) are kept as they are, with `created` added from ByteRover's own `createdAt`; `context.md`
cards are entries too. HTML topics (2026) are translated by `bv_topic`. What ByteRover derives is left out: `_index.md`,
manifests, stubs of the archive. The archived entries themselves are brought in, where they were before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memcli import walk
from memcli.errors import ImportFailed, InvalidMemory
from memcli.frontmatter import set_front_matter, split_front_matter
from memcli.guard.safe_yaml import FrontMatterError, load
from memcli.importers import Note, Skipped
from memcli.importers.bv_topic import MAX_HTML_BYTES, is_topic, to_markdown
from memcli.importers.listing import count, is_plain_file, is_plain_folder
from memcli.importers.markdown import bytes_of, reason_of
from memcli.text import iso_date

NAME = "byterover"
MEANING = "a ByteRover context tree (.brv/context-tree)"

_SUFFIXES = (".md", ".html")
_TREE = "context-tree"
_ARCHIVE = "_archived"


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.suffix.lower() == ".html" and is_topic(_beginning(path))
    return _tree_of(path) is not None


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    folder = here / ".brv" / _TREE
    entries = count(folder, _SUFFIXES) if _tree_of(here) == folder else 0
    return [(folder, entries)] if entries else []


def read(path: Path) -> Iterator[Note | Skipped]:
    if os.path.isfile(path):
        yield _note(path, path.name)
        return
    folder = _tree_of(path)
    if folder is None:
        raise ImportFailed(f"{path} holds no .brv/{_TREE}", hint="mem import FOLDER --format markdown")
    for item in walk.list_folder(os.fspath(folder), _SUFFIXES):
        if item.problem:
            yield Skipped(item.path or ".", item.problem)
        elif not _is_derived(item.path):
            yield _note(folder / item.path, item.path)


def _note(file: Path, name: str) -> Note | Skipped:
    """The note for one entry, `name` being its path in the context tree."""
    try:
        data = bytes_of(file, name)
    except ImportFailed as error:
        return Skipped(name, reason_of(error))
    stem, suffix = os.path.splitext(name.removeprefix(f"{_ARCHIVE}/"))
    stem = stem.removesuffix(".full")
    if suffix.lower() == ".md":
        return Note(f"{stem}.md", _dated(data))
    text = data.decode("utf-8")
    if not is_topic(text):
        return Skipped(name, "it is HTML, but no ByteRover topic")
    if len(data) > MAX_HTML_BYTES:
        return Skipped(name, f"it is larger than {MAX_HTML_BYTES // 1024} KiB of HTML")
    return Note(f"{stem}.md", to_markdown(text, name=stem.rsplit("/", 1)[-1]))


def _is_derived(path: str) -> bool:
    folders, _, name = path.rpartition("/")
    if name.endswith((".stub.md", ".abstract.md", ".overview.md")):
        return True
    return any(part.startswith("_") and part != _ARCHIVE for part in (*folders.split("/"), name))


def _dated(data: bytes) -> bytes:
    """The entry with `created` set from `createdAt`, so that questions about time find it; else byte for byte."""
    try:
        values = load(split_front_matter(data.decode("utf-8"))[1])
        created = iso_date(values.get("createdAt"))
        return set_front_matter(data, {"created": created}) if created and "created" not in values else data
    except (FrontMatterError, InvalidMemory):
        return data


def _tree_of(path: Path) -> Path | None:
    """The context tree that `path` is, or holds."""
    for folder in (path / ".brv" / _TREE, path / _TREE if path.name == ".brv" else None, path):
        if folder is not None and folder.name == _TREE and is_plain_folder(folder) and is_plain_folder(folder.parent):
            return folder
    return None


def _beginning(file: Path) -> str:
    try:
        with open(file, "rb") as opened:
            return opened.read(4096).decode("utf-8", "replace")
    except OSError:
        return ""
