"""JSON Lines: one memory or dialogue turn a line, as `mem export --format jsonl` writes them.

A line is {"text", "id"?, "title"?, "type"?, "tags"?, "created"?, "session"?, "speaker"?}; no line is dropped: one that cannot
be read stops the import before anything is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from memcli.errors import ImportFailed
from memcli.importers import Item
from memcli.importers.listing import is_plain_file
from memcli.memory import TYPES
from memcli.text import iso_date

NAME = "jsonl"
MEANING = "JSON Lines with a text a line"
MAX_LINE_BYTES = 64 * 1024 * 1024


def claims(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson") and is_plain_file(path)


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    """Any program may write JSON Lines for any purpose, so none is offered unasked."""
    return []


def read(path: Path) -> Iterator[Item]:
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                if line.strip():
                    yield _item(line, f"{os.path.basename(path)}:{number}")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImportFailed(f"cannot read {path}: {reason}", hint="mem import FILE") from None


def _item(line: bytes, where: str) -> Item:
    if len(line) > MAX_LINE_BYTES:
        raise ImportFailed(f"{where} is longer than 64 MiB; nothing was imported", hint="split it")
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ImportFailed(f"{where} is not JSON; nothing was imported", hint="mend or remove that line") from None
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise ImportFailed(f'{where} has no "text"; nothing was imported', hint='each line is {"text": "…", "id": "…"}')
    type_ = _optional(row, "type")
    tags = row.get("tags") or []
    return Item(
        text=text,
        ref=_optional(row, "id"),
        title=_optional(row, "title"),
        type=type_ if type_ in TYPES else None,
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (str(tags),),
        created=iso_date(row.get("created")),
        session=_optional(row, "session"),
        speaker=_optional(row, "speaker"),
    )


def _optional(row: dict[str, object], key: str) -> str | None:
    value = row.get(key)
    return str(value) if isinstance(value, str | int | float) and str(value).strip() else None
