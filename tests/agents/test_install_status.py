"""`mem hooks status`: what is installed is run as the agent would run it, and what is wrong with it is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memcli.agents import hosts
from memcli.agents.install import check, targets
from tests.agents.installed import mem
from tests.command import run_mem

__all__ = ["mem"]

RUN = ("claude-code", "codex", "gemini-cli", "qwen-code", "copilot-cli", "cursor", "opencode")


def status(*arguments: str) -> list[dict[str, Any]]:
    hooks: list[dict[str, Any]] = run_mem("hooks", "status", "--json", *arguments).json()["hooks"]
    return hooks


def fake(mem: Path, script: str) -> None:
    """Have the installed `mem` be this script of sh."""
    mem.write_text(f"#!/bin/sh\n# memcli\n{script}\n")


@pytest.mark.parametrize("name", RUN)
def test_each_agent_is_run_with_its_own_payloads(name: str, home: Path, mem: Path) -> None:
    """With the real `mem`: whatever it has to say is of the agent's shape, and no session is left of it."""
    assert run_mem("hooks", "install", "--agent", name).code == 0
    (found,) = status("--agent", name)
    assert found["ok"], found
    assert found["ms"] > 0
    assert found["scope"] == "user"
    assert not list((home / "state/mem/sessions").glob("*")) if (home / "state/mem/sessions").is_dir() else True


@pytest.mark.parametrize("name", RUN)
def test_payloads_are_of_events_that_are_installed_and_known(name: str) -> None:
    payloads = json.loads(targets.source(f"{name}/payloads.json"))
    assert set(payloads) <= set(hosts.load(name).events)
    assert len(payloads) == 2


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 2", "ended with code 2"),
        ("cat >/dev/null; echo hello", "shape"),
        ('cat >/dev/null; echo \'{"additionalContext": "x"}\'', "shape"),
        (
            'cat >/dev/null; echo \'{"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "x"}}\'',
            "shape",
        ),
        ('cat >/dev/null; echo \'{"hookSpecificOutput": {"hookEventName": "SessionStart"}, "more": 1}\'', "shape"),
    ],
)
def test_what_is_wrong_is_named(script: str, problem: str, home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "codex")
    fake(mem, script)
    done = run_mem("hooks", "status", "--agent", "codex")
    assert done.code == 1
    assert problem in done.stdout


def test_a_mem_that_is_gone(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "claude-code")
    mem.unlink()
    (found,) = status("--agent", "claude-code")
    assert "ended with code 127" in found["problem"]


def test_one_that_hangs(home: Path, mem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_mem("hooks", "install", "--agent", "claude-code")
    monkeypatch.setattr(check, "LIMIT_S", 0.2)
    fake(mem, "exec sleep 5")
    (found,) = status("--agent", "claude-code")
    assert "took over" in found["problem"]


def test_one_that_an_older_mem_wrote(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "claude-code")
    file = home / ".claude/settings.json"
    other = mem.parent / "older" / "mem"
    other.parent.mkdir()
    other.write_bytes(mem.read_bytes())
    other.chmod(0o755)
    text = file.read_text()
    document = json.loads(text)
    entry = document["hooks"]["SessionStart"][0]["hooks"][0]
    entry["command"] = entry["command"].replace("/mem'", "/older/mem'")
    file.write_text(json.dumps(document))
    (found,) = status("--agent", "claude-code")
    assert "mem hooks install" in found["problem"]


def test_in_a_project_without_mem_on_the_path(home: Path, mem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_mem("hooks", "install", "--agent", "claude-code", "--scope", "project")
    (found,) = status("--agent", "claude-code")
    assert found["ok"]
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (found,) = status("--agent", "claude-code")
    assert "PATH" in found["problem"]


def test_both_for_the_user_and_in_the_project_is_told(home: Path, mem: Path) -> None:
    """Pitfall 23."""
    run_mem("hooks", "install", "--agent", "claude-code")
    told = run_mem("hooks", "install", "--agent", "claude-code", "--scope", "project").stderr
    assert "runs both" in told
    assert "both" in run_mem("hooks", "status").stderr


def test_how_codex_is_told_to_trust(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "codex")
    assert "/hooks" in run_mem("hooks", "status").stderr


def test_rules_are_listed_too(mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "windsurf")
    (found,) = status()
    assert found["file"].endswith(".windsurf/rules/memcli.md") and found["ok"]


def test_agents_that_are_here_and_not_hooked(home: Path, mem: Path) -> None:
    (home / ".codex").mkdir()
    (home / ".gemini").mkdir()
    run_mem("hooks", "install", "--agent", "codex")
    assert run_mem("hooks", "status", "--json").json()["unhooked"] == ["gemini-cli"]
    assert "Gemini CLI is here" in run_mem("hooks", "status").stderr


def test_nothing_installed(mem: Path) -> None:
    done = run_mem("hooks", "status")
    assert done.code == 0
    assert "nothing is installed" in done.stderr


SAID = {
    (
        "claude-code",
        "SessionStart",
        b'{"hookSpecificOutput":{"hookEventName":"SessionStart","additionalContext":"x"}}',
    ): True,
    ("claude-code", "SessionStart", b"{}"): True,
    ("claude-code", "SessionStart", b""): True,
    ("claude-code", "SessionStart", b"log line\n{}"): False,
    ("copilot-cli", "sessionStart", b'{"additionalContext":"x"}'): True,
    ("copilot-cli", "sessionStart", b'{"hookSpecificOutput":{}}'): False,
    ("cursor", "sessionStart", b'{"additional_context":"x"}'): True,
    ("cursor", "beforeSubmitPrompt", b'{"continue":true}'): True,
    ("cursor", "beforeSubmitPrompt", b'{"additional_context":"x"}'): False,
    ("cline", "TaskStart", b'{"cancel":false,"contextModification":"x","errorMessage":""}'): True,
    ("cline", "TaskStart", b'{"cancel":false}'): True,
    ("kiro-cli", "agentSpawn", b"anything"): True,
}


@pytest.mark.parametrize(("said", "fits"), SAID.items(), ids=lambda value: str(value))
def test_shapes(said: tuple[str, str, bytes], fits: bool) -> None:
    assert check.is_in_shape(*said) is fits
