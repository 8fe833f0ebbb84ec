"""What Claude Code noted for itself about a project: `~/.claude/projects/<project>/memory/`.

Topic files carry front matter (name, description, type user|feedback|project|reference, at the top level or below
`metadata`); MEMORY.md is an index of them, or, in older ones, notes by heading. A user's traits become preferences,
feedback becomes lessons (they tell what went wrong and what to do instead), what is said of the project facts.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from memcli import walk
from memcli.errors import ImportFailed
from memcli.frontmatter import split_front_matter
from memcli.guard.safe_yaml import FrontMatterError, load
from memcli.importers import Item, Skipped
from memcli.importers.listing import count, is_plain_file, is_plain_folder
from memcli.importers.markdown import bytes_of, reason_of
from memcli.importers.sections import split
from memcli.text import iso_date

NAME = "claude-memory"
MEANING = "what Claude Code noted for itself about a project"

INDEX = "MEMORY.md"
_TYPES = {"user": "preference", "feedback": "lesson", "project": "fact", "reference": "reference"}
_INDEX_LINE = re.compile(r"\s*[-*] \[[^\]]*\]\(([^)\s]+)\).*")


def claims(path: Path) -> bool:
    folder = path if is_plain_folder(path) else path.parent if is_plain_file(path) and _is_note(path.name) else None
    if folder is None or folder.name != "memory":
        return False
    return folder.parent.parent.name == "projects" or is_plain_file(folder / INDEX)


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    project = re.sub(r"[^A-Za-z0-9]", "-", os.path.abspath(here))
    folder = home / ".claude" / "projects" / project / "memory"
    notes = count(folder, (".md",)) if is_plain_folder(folder) else 0
    return [(folder, notes)] if notes else []


def read(path: Path) -> Iterator[Item | Skipped]:
    """The notes of a memory folder, or of one file of it."""
    if not os.path.isdir(path):
        yield from _items(path.parent, path.name)
        return
    files = walk.list_folder(os.fspath(path), (".md",))
    if not files:
        raise ImportFailed(f"{path} holds no Markdown files", hint="mem import (lists what could be read)")
    for item in files:
        try:
            yield from [Skipped(item.path or ".", item.problem)] if item.problem else _items(path, item.path)
        except ImportFailed as error:
            yield Skipped(item.path, reason_of(error))


def _items(folder: Path, name: str) -> Iterator[Item]:
    text = bytes_of(folder / name, name).decode("utf-8-sig").replace("\r\n", "\n")
    # A file's name does not say whose memory it is of. The folder's does, but it is a path of this machine.
    project = hashlib.sha256(os.path.abspath(folder).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    ref = f"{project}/{name}"
    if name == INDEX:
        yield from _of_index(text, ref, folder)
    else:
        yield _of_topic(text, ref, name)


def _of_topic(text: str, ref: str, name: str) -> Item:
    values, body = _front_matter(text)
    metadata = values.get("metadata")
    nested = metadata if isinstance(metadata, dict) else {}
    title = str(values.get("name") or name.removesuffix(".md"))
    if re.fullmatch(r"[\w-]+", title):
        title = re.sub(r"[-_]+", " ", title).strip() or title
    description = " ".join(str(values.get("description") or "").split())
    if description and description not in " ".join(body.split()):
        body = f"{description}\n\n{body}"
    return Item(
        text=body.rstrip(),
        ref=ref,
        title=title,
        type=_TYPES.get(str(values.get("type") or nested.get("type")), "fact"),
        created=iso_date(values.get("created") or nested.get("created") or nested.get("modified")),
    )


def _front_matter(text: str) -> tuple[dict[str, object], str]:
    """(front matter, body); front matter that cannot be read stays in the body."""
    opening, front, rest = split_front_matter(text)
    try:
        values = load(front) if opening else {}
    except FrontMatterError:
        values = {}
    return values, (rest.partition("\n")[2] if values else text).lstrip("\n")


def _of_index(text: str, ref: str, folder: Path) -> Iterator[Item]:
    """The sections of MEMORY.md, without the lines that only point at a file which is read for itself."""
    lines = [line for line in text.split("\n") if not _points_at_note(line, folder)]
    for section in split("\n".join(lines)):
        if section.text:
            anchor = f"#{section.anchor}" if section.anchor else ""
            yield Item(text=section.text, ref=ref + anchor, title=section.title or "Claude Code notes", type="fact")


def _points_at_note(line: str, folder: Path) -> bool:
    match = _INDEX_LINE.fullmatch(line)
    return match is not None and _is_note(match[1]) and ".." not in match[1] and is_plain_file(folder / match[1])


def _is_note(name: str) -> bool:
    return name.lower().endswith(".md")
