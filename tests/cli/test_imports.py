"""`mem import` for past sessions, from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.store import Store
from tests.command import run_mem
from tests.importers import conversations
from tests.importers.conversations import FIXING, Step
from tests.importers.samples import write

TALK: list[Step] = [*FIXING, ("user", "from now on write conventional commits, with the ticket in the scope")]


@pytest.fixture
def project(store: Store) -> Path:
    """A project with sessions of five agents, and sessions of another project beside them."""
    home = Path.home()
    folder = Path(store.place.project)
    slug = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(folder))
    mine, other = str(folder), "/home/ana/other"
    write(home, {
        f".claude/projects/{slug}/a.jsonl": conversations.claude_code(TALK, cwd=mine),
        f".claude/projects/{slug}/b.jsonl": conversations.claude_code([("user", "hi")], session="two", cwd=mine),
        ".codex/sessions/2026/02/02/rollout-a.jsonl": conversations.codex(FIXING, cwd=mine),
        ".codex/sessions/2026/02/02/rollout-b.jsonl": conversations.codex([("user", "not yours")], session="x", cwd=other),
        f".qwen/projects/{slug}/chats/a.jsonl": conversations.qwen(FIXING, cwd=mine),
        ".copilot/session-state/a/events.jsonl": conversations.copilot(FIXING, cwd=mine),
        ".copilot/session-state/b/events.jsonl": conversations.copilot([("user", "not yours")], session="x", cwd=other),
    })  # fmt: skip
    database = home / "data" / "opencode" / "opencode.db"
    conversations.opencode(database, FIXING, cwd=mine)
    conversations.opencode(database, [("user", "not yours")], session="ses_x", cwd=other)
    return folder


def test_alone_it_lists_the_sessions_of_the_project(project: Path) -> None:
    rows = run_mem("import", "--json").json()
    assert {row["format"]: row["count"] for row in rows} == {
        "claude-code": 2, "codex": 1, "gemini": 1, "copilot": 1, "opencode": 1,
    }  # fmt: skip
    assert "sessions of Claude Code" in run_mem("import").stdout


@pytest.mark.parametrize("form", ["claude-code", "codex", "gemini", "copilot", "opencode"])
def test_a_format_alone_brings_in_the_sessions_of_the_project_once(project: Path, form: str) -> None:
    first = run_mem("import", "--format", form)
    assert first.code == 0
    assert first.stdout.startswith(
        "imported 6 turns in 2 episodes" if form == "claude-code" else "imported 4 turns in 1 episode"
    )
    assert run_mem("import", "--format", form, "--json").json()["turns"] == 0
    found = run_mem("recall", "rounded twice total", "--episodes", "5").stdout
    assert "2026-02-02-the-checkout-test-fails-can-you-look.md" in found
    assert "not yours" not in run_mem("recall", "not yours", "--episodes", "9").stdout
    assert run_mem("undo").code == 0
    assert run_mem("ls").stdout == ""


def test_a_source_is_recognised_and_told_what_is_worth_keeping(project: Path) -> None:
    slug = next((Path.home() / ".claude" / "projects").iterdir())
    said = run_mem("import", str(slug / "a.jsonl"))
    assert said.stdout == "imported 5 turns in 1 episode (mem undo takes it back)\n"
    assert said.stderr.endswith("2 things said there may be worth keeping: mem review\n")
    listed = run_mem("review", "--list").stdout
    assert "Round with Decimal, not with floats" in listed
    assert "From now on write conventional commits" in listed


def test_a_folder_of_all_projects_gives_this_one_and_a_named_file_any(project: Path) -> None:
    sessions = Path.home() / ".codex" / "sessions"
    assert run_mem("import", str(sessions), "--format", "codex", "--json").json()["turns"] == 4
    named = sessions / "2026" / "02" / "02" / "rollout-b.jsonl"
    assert run_mem("import", str(named), "--json").json()["turns"] == 1


def test_what_cannot_be_done_is_one_sentence(project: Path, tmp_path: Path) -> None:
    assert run_mem("import", "--format", "jsonl").code == 2
    assert run_mem("import", "--format", "nonsense").code == 2
    (tmp_path / "odd.jsonl").write_bytes(conversations.claude_code(FIXING)[:-30] + b"\n[1]\n" + b'{"type": "new"}\n')
    told = run_mem("import", str(tmp_path / "odd.jsonl"))
    assert (told.code, told.stderr.count("of no kind known here")) == (0, 3)
    run_mem("import", "--format", "copilot")
    (Path.home() / ".copilot").rename(Path.home() / "gone")
    assert run_mem("import", "--format", "copilot").code == 29
