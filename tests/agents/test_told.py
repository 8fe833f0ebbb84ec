"""What an agent reads anyway: which files, and whether they say something already."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.agents.told import READ_BY, Told, told, without_block
from tests.agents.project import git

RULES = """
# Rules
- Run `make check` before each commit, and
  never skip it.
- エラーは必ず日本語で表示する。
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Run make check before each commit, and never skip it", True),
        ("Run **make check** before each commit.", True),
        ("エラーは必ず日本語で表示する", True),
        ("Never run make check before each commit", False),
        ("Make check before each commit, 3 times", False),
        ("Each commit before check make run", False),
        ("Run make lint before each push", False),
        ("make check", True),
        ("make", True),
        ("Skip", True),
        ("skips", False),
        ("", False),
    ],
)
def test_what_is_said(text: str, said: bool) -> None:
    assert Told([RULES]).says(text) is said
    assert not Told([]).says(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "deep" / "er").mkdir(parents=True)
    git(folder, "init", "-q")
    return folder


def _read(repository: Path, agent: str | None = None) -> set[str]:
    return {text.strip() for text in told(str(repository / "deep" / "er"), str(repository), agent)}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def test_files_from_here_to_the_root_and_those_of_the_user(repository: Path, home: Path) -> None:
    for number, path in enumerate(
        (
            repository / "AGENTS.md", repository / "deep" / "CLAUDE.md", repository / "deep" / "er" / "GEMINI.md",
            repository / ".cursor" / "rules" / "a.mdc", repository / ".github" / "copilot-instructions.md",
            home / ".claude" / "CLAUDE.md", home / ".codex" / "AGENTS.md",
        )
    ):  # fmt: skip
        _write(path, f"text {number}")
    _write(repository.parent / "AGENTS.md", "above the root")
    _write(repository / "deep" / "er" / "notes.md", "no instructions")
    assert _read(repository) == {f"text {number}" for number in range(7)}
    assert _read(repository, "codex") == {"text 0", "text 6"}
    assert _read(repository, "claude-code") == {"text 0", "text 1", "text 5"}
    assert _read(repository, "gemini-cli") == {"text 0", "text 2"}


def test_imports_are_followed_once_and_not_out_of_the_repository(repository: Path) -> None:
    _write(repository / "CLAUDE.md", "See @docs/rules.md and @../secret.md and @CLAUDE.md")
    _write(repository / "docs" / "rules.md", "the rules, @more.md")
    _write(repository / "docs" / "more.md", "more")
    _write(repository.parent / "secret.md", "secret")
    found = _read(repository, "claude-code")
    assert "the rules, @more.md" in found and not found & {"more", "secret"}


def test_links_out_of_the_repository_are_not_followed(repository: Path) -> None:
    _write(repository.parent / "secret.md", "secret")
    (repository / "AGENTS.md").symlink_to(repository.parent / "secret.md")
    _write(repository / "docs" / "agents.md", "inside")
    (repository / "CLAUDE.md").symlink_to(repository / "docs" / "agents.md")
    assert _read(repository) == {"inside"}


def test_it_is_bounded(repository: Path) -> None:
    for number in range(100):
        _write(repository / ".cursor" / "rules" / f"{number:03}.md", "x" * 100_000)
    found = list(told(str(repository), str(repository), "cursor"))
    assert len(found) == 40 and all(len(text) <= 65_536 for text in found)


def test_every_agent_that_hooks_know_is_here() -> None:
    from memcli.agents import hosts

    assert set(READ_BY) == set(hosts.NAMES)


def test_our_own_block_can_be_left_out() -> None:
    text = "above\n<!-- BEGIN memcli v1 sha256:0 -->\n- a memory\n<!-- END memcli -->\nbelow\n"
    assert without_block(text) == "above\n\nbelow\n"
