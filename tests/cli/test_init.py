"""`mem init` and what it offers: asking, never unasked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.agents.install import command
from memcli.cli import init
from tests.agents.installed import mem
from tests.command import run_mem
from tests.conftest import tree_bytes

__all__ = ["mem"]


def session(home: Path, project: Path, text: str, name: str = "a") -> Path:
    """A session that Claude Code kept of a project."""
    folder = home / ".claude/projects" / re.sub(r"[^A-Za-z0-9]", "-", str(project))
    folder.mkdir(parents=True, exist_ok=True)
    base = {"sessionId": name, "cwd": str(project), "isSidechain": False, "timestamp": "2026-11-01T10:00:00.000Z"}
    lines = [
        {**base, "type": "user", "uuid": f"{name}1", "message": {"role": "user", "content": text}},
        {**base, "type": "assistant", "uuid": f"{name}2", "message": {"role": "assistant", "content": [
            {"type": "text", "text": "Understood, I will do that from now on."},
        ]}},
    ]  # fmt: skip
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Somebody at a terminal; returns the questions, each of which is answered with yes if a word of `yes` is in it."""

    def sits_down(*yes: str) -> list[str]:
        asked: list[str] = []

        def confirm(question: str, **_: object) -> bool:
            asked.append(question)
            return any(word in question for word in yes)

        monkeypatch.setattr(init, "may_ask", lambda invocation: True)
        monkeypatch.setattr(init.typer, "confirm", confirm)
        return asked

    return sits_down


def agent_files(home: Path) -> dict[str, bytes]:
    return {
        path: data for path, data in tree_bytes(home).items() if not path.startswith(("state/", "config/", "data/"))
    }


def test_a_pipe_is_told_in_one_line_and_nothing_is_done(home: Path, tmp_path: Path, mem: Path) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    (tmp_path / "project/AGENTS.md").write_text("# Rules\n\nUse pnpm.\n")
    before = agent_files(home)
    done = run_mem("init")
    assert done.code == 0
    assert "Claude Code, 1 Claude Code session, 1 instruction file" in done.stderr
    assert "mem init --yes" in done.stderr
    assert agent_files(home) == before
    assert run_mem("ls", "--json").json() == []


def test_where_there_is_nothing_nothing_is_said(mem: Path) -> None:
    assert run_mem("init").stderr == ""


def test_a_person_is_asked_and_no_means_no(
    home: Path, tmp_path: Path, mem: Path, person: Callable[..., list[str]]
) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    asked = person()
    before = agent_files(home)
    done = run_mem("init")
    assert [question.partition(" ")[0] for question in asked] == ["Hook", "1"]
    assert "+++ " in done.stderr and "UserPromptSubmit" in done.stderr, "the difference is shown before the question"
    assert agent_files(home) == before
    assert run_mem("config", "get", "capture").stdout == "0\n"


def test_what_is_wanted_is_done(home: Path, tmp_path: Path, mem: Path, person: Callable[..., list[str]]) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    asked = person("Hook", "session")
    run_mem("init")
    assert len(asked) == 3, "hooks, capture, import"
    hooks = json.loads((home / ".claude/settings.json").read_text())["hooks"]
    assert set(hooks) >= {"SessionStart", "UserPromptSubmit", "Stop"}
    assert run_mem("config", "get", "capture").stdout == "1\n"
    assert "make release" in run_mem("recall", "how do we deploy?").stdout


def test_capture_is_a_question_of_its_own(
    home: Path, tmp_path: Path, mem: Path, person: Callable[..., list[str]]
) -> None:
    (home / ".claude").mkdir()
    person("Hook")
    run_mem("init")
    assert set(json.loads((home / ".claude/settings.json").read_text())["hooks"]) == {
        "SessionStart",
        "UserPromptSubmit",
    }
    assert run_mem("config", "get", "capture").stdout == "0\n"


def test_yes_takes_all(home: Path, tmp_path: Path, mem: Path) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    session(home, tmp_path / "elsewhere", "a secret of another project", "b")
    (tmp_path / "project/AGENTS.md").write_text("# Rules\n\nUse pnpm, never npm.\n")
    done = run_mem("init", "--yes")
    assert done.code == 0, done.stderr
    assert "make release" in run_mem("recall", "how do we deploy?").stdout
    assert "pnpm" in run_mem("recall", "pnpm or npm?").stdout
    assert "another project" not in run_mem("recall", "secret of another project").stdout
    again = run_mem("init", "--yes")
    assert again.code == 0
    assert "1 already here" in again.stdout or "already here" in again.stdout
    assert "Hook" not in again.stderr, "it is hooked"


def test_what_is_hooked_in_the_project_is_not_offered(home: Path, mem: Path, person: Callable[..., list[str]]) -> None:
    """A team has committed the hooks: another installation for the user would run each event twice."""
    (home / ".claude").mkdir()
    run_mem("hooks", "install", "--agent", "claude-code", "--scope", "project")
    (home / "state/mem/hooks-manifest.json").unlink()
    asked = person("Hook")
    run_mem("init")
    assert asked == []


def test_an_agent_that_refuses_keeps_nothing_back(home: Path, tmp_path: Path, mem: Path) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    (home / ".claude/settings.json").write_text("{")
    done = run_mem("init", "--yes")
    assert "not hooked" in done.stderr
    assert (home / ".claude/settings.json").read_text() == "{"
    assert "make release" in run_mem("recall", "how do we deploy?").stdout


def test_from_a_temporary_place_the_rest_is_offered(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`uvx memcli init` cannot hook, and says how it could."""
    session(home, tmp_path / "project", "we deploy with make release")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(command, "_beside", lambda: None)
    done = run_mem("init", "--yes")
    assert "uv tool install" in done.stderr
    assert "make release" in run_mem("recall", "how do we deploy?").stdout


def test_for_programs_nothing_is_offered(home: Path, tmp_path: Path, mem: Path) -> None:
    session(home, tmp_path / "project", "we deploy with make release")
    done = run_mem("init", "--json")
    assert set(done.json()) == {"store", "tree", "shared", "existed"}
    assert done.stderr == ""
