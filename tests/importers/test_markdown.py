"""Markdown folders → notes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.guard import limits
from memcli.importers import Note, Skipped, markdown
from tests.importers.samples import write


def test_a_vault_without_its_machinery(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.md": "a", "B/c.MARKDOWN": "c", "pic.png": "x", ".obsidian/x.md": "", ".trash/y.md": "", "B/.hidden.md": "",
            "node_modules/dep/README.md": "", ".memignore": "drafts/\n", "drafts/d.md": "",
        },
    )  # fmt: skip
    assert list(markdown.read(tmp_path)) == [Note("B/c.MARKDOWN", b"c"), Note("a.md", b"a")]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "binary.md": b"a\x00", "huge.md": b"x" * (limits.MAX_FILE_BYTES + 1), "latin.md": "é".encode("latin-1"),
            "fine.md": "x", "n.sync-conflict-1.md": "x",
        },
    )  # fmt: skip
    (tmp_path / "link.md").symlink_to("fine.md")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / os.fsdecode(b"\xff.md")).write_text("x")
    found = list(markdown.read(tmp_path))
    assert [item for item in found if isinstance(item, Note)] == [Note("fine.md", b"x")]
    reasons = {item.path: item.reason for item in found if isinstance(item, Skipped)}
    assert [path.isprintable() for path, reason in reasons.items() if reason == "its name is not UTF-8"] == [True]
    assert {path: reason for path, reason in reasons.items() if reason != "its name is not UTF-8"} == {
        "binary.md": "it holds a NUL byte, so it is not text",
        "huge.md": "larger than 4 MiB",
        "latin.md": "it is not UTF-8 text (line 1)",
        "link.md": "a symbolic link",
        "n.sync-conflict-1.md": "a copy left by a sync conflict",
        "pipe.md": "not a regular file",
    }


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "\ufeffa\r\n", "b.md": b"\x00"})
    assert list(markdown.read(tmp_path / "a.md")) == [Note("a.md", "\ufeffa\r\n".encode())]
    for name in ("b.md", "missing.md"):
        with pytest.raises(ImportFailed):
            list(markdown.read(tmp_path / name))


def test_a_folder_without_notes_is_not_claimed(tmp_path: Path) -> None:
    assert not markdown.claims(write(tmp_path / "a", {"x.txt": "", ".obsidian/x.md": ""}))
    assert markdown.claims(write(tmp_path / "b", {"deep/er/x.md": ""}))


def test_scan_offers_vaults_only(tmp_path: Path, home: Path) -> None:
    write(
        tmp_path,
        {"README.md": "", "docs/x.md": "", "notes/.obsidian/app.json": "", "notes/a.md": "", "notes/b/c.md": ""},
    )
    write(home, {"basic-memory/x.md": ""})
    assert markdown.scan(tmp_path, home) == [(tmp_path / "notes", 2), (home / "basic-memory", 1)]
