"""Instruction files → one item a section."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.importers import Item, Skipped, instructions
from tests.importers.samples import write


def items(path: Path) -> list[Item]:
    return [item for item in instructions.read(path) if isinstance(item, Item)]


def test_sections_become_items_with_type_title_and_ref(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        {
            "CLAUDE.md": "# Shop\n\nRead this first. @docs/setup.md\n\n## Architecture\nThree services.\n\n## Deploying\n"
            "```sh\n## not a heading\nmake deploy\n```\n\n### Rollback\n\nmake undo\n\n## Tone ##\n\nBe brief.\n"
        },
    ) / "CLAUDE.md"  # fmt: skip
    assert [(item.title, item.type, item.ref, item.text) for item in items(file)] == [
        ("Shop", "preference", "CLAUDE.md#shop", "Read this first. @docs/setup.md"),
        ("Architecture", "reference", "CLAUDE.md#architecture", "Three services."),
        (
            "Deploying", "procedure", "CLAUDE.md#deploying",
            "```sh\n## not a heading\nmake deploy\n```\n\n### Rollback\n\nmake undo",
        ),
        ("Tone", "preference", "CLAUDE.md#tone", "Be brief."),
    ]  # fmt: skip


def test_level_1_headings_serve_where_there_are_no_others(tmp_path: Path) -> None:
    file = write(tmp_path, {"AGENTS.md": "intro\n# One\na\n# Two\n1. b\n# One\nc"}) / "AGENTS.md"
    assert [(item.title, item.ref) for item in items(file)] == [
        ("AGENTS instructions", "AGENTS.md"), ("One", "AGENTS.md#one"), ("Two", "AGENTS.md#two"), ("One", "AGENTS.md#one-2"),
    ]  # fmt: skip


def test_a_file_without_headings_is_one_item(tmp_path: Path) -> None:
    file = write(tmp_path, {".cursorrules": "Use pnpm.\r\nNever npm.\r\n"}) / ".cursorrules"
    assert [(item.title, item.text) for item in items(file)] == [("cursorrules instructions", "Use pnpm.\nNever npm.")]


def test_cursor_metadata_names_the_rule_and_is_not_text(tmp_path: Path) -> None:
    write(
        tmp_path / ".cursor" / "rules",
        {
            "ts.mdc": "---\ndescription: TypeScript\nglobs: **/*.ts, *.tsx\nalwaysApply: false\n---\n\n# Rules\n\nNo any.\n",
            "sub/always.mdc": "---\nalwaysApply: true\n---\nBe kind.\n",
            "rule.md": "---\ntitle: not ours\n---\nKept whole.\n",
        },
    )
    found = {item.ref: (item.title, item.text) for item in items(tmp_path / ".cursor" / "rules")}
    assert found == {
        ".cursor/rules/ts.mdc#rules": ("TypeScript (**/*.ts, *.tsx)", "No any."),
        ".cursor/rules/sub/always.mdc": ("always instructions", "Be kind."),
        ".cursor/rules/rule.md": ("rule instructions", "---\ntitle: not ours\n---\nKept whole."),
    }
    assert instructions.claims(tmp_path / ".cursor" / "rules")
    assert instructions.claims(tmp_path / ".cursor" / "rules" / "ts.mdc")
    assert not instructions.claims(tmp_path / ".cursor")


def test_refs_start_at_the_repository_whatever_is_named(tmp_path: Path, home: Path) -> None:
    write(tmp_path / "repo", {".git/HEAD": "", "app/web/AGENTS.md": "## A\nb", ".github/copilot-instructions.md": "c"})
    write(home, {".claude/CLAUDE.md": "d"})
    assert [item.ref for item in items(tmp_path / "repo" / "app" / "web" / "AGENTS.md")] == ["app/web/AGENTS.md#a"]
    assert [item.ref for item in items(tmp_path / "repo")] == [".github/copilot-instructions.md"]
    assert [item.ref for item in items(home / ".claude" / "CLAUDE.md")] == ["~/.claude/CLAUDE.md"]


def test_links_are_not_followed_and_unreadable_files_are_named(tmp_path: Path) -> None:
    project = write(tmp_path / "p", {"AGENTS.md": "a", "GEMINI.md": b"\xff\xfeu\x00"})
    (project / "CLAUDE.md").symlink_to("AGENTS.md")
    (project / ".cursor").symlink_to(tmp_path)
    found = list(instructions.read(project))
    assert [item.ref for item in found if isinstance(item, Item)] == ["AGENTS.md"]
    assert [item for item in found if isinstance(item, Skipped)] == [
        Skipped("GEMINI.md", "it is UTF-16 text, not UTF-8")
    ]
    assert instructions.scan(project, tmp_path) == [(project, 2)]
    with pytest.raises(ImportFailed, match="symbolic link"):
        items(project / "CLAUDE.md")


def test_a_folder_without_instructions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="holds no instruction file"):
        items(tmp_path)


def test_scan_of_the_home_itself_names_each_file_once(home: Path) -> None:
    write(home, {".claude/CLAUDE.md": "x", ".codex/AGENTS.md": "y"})
    assert instructions.scan(home, home) == [(home, 1)]
    assert instructions.scan(home / "none", home) == [
        (home / ".claude/CLAUDE.md", 1), (home / ".codex/AGENTS.md", 1)
    ]  # fmt: skip
    assert os.path.isdir(home)
