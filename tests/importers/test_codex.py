"""Sessions of Codex: the shapes of its calls, and where they are looked for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from memcli.importers import codex
from memcli.importers.transcripts import Reading
from tests.importers import conversations
from tests.importers.samples import write


def told(*payloads: dict[str, object]) -> list[str]:
    rows = [{"timestamp": "2026-02-02T10:00:00Z", "type": "response_item", "payload": payload} for payload in payloads]
    return [item.text for item in Reading(codex.FORM).items(io.BytesIO(conversations.jsonl(rows)))]


def call(name: str, arguments: object, output: object, *, kind: str = "function_call") -> list[dict[str, object]]:
    given = json.dumps(arguments) if kind == "function_call" else arguments
    key = "arguments" if kind == "function_call" else "input" if kind == "custom_tool_call" else "action"
    return [
        {"type": kind, "name": name, key: given, "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": output},
    ]


@pytest.mark.parametrize(
    ("payloads", "line"),
    [
        (
            call("shell", {"command": ["zsh", "-lc", "make"]}, '{"metadata": {"exit_code": 2}}'),
            "- ran: make (failed, exit code 2)",
        ),
        (call("shell", {"command": ["make", "test"]}, '{"metadata": {"exit_code": 0}}'), "- ran: make test"),
        (
            call("exec_command", {"cmd": "make"}, "Exit code: 1\nWall time: 1 s\nOutput:\nno"),
            "- ran: make (failed, exit code 1)",
        ),
        (call("exec_command", {"cmd": "make"}, "Process exited with code 0\nexit code 1 is bad"), "- ran: make"),
        (call("x", {"command": ["ls", "-l"]}, "ok", kind="local_shell_call"), "- ran: ls -l"),
        (
            call(
                "apply_patch",
                "*** Begin Patch\n*** Add File: a.py\n+x\n*** Delete File: b.py\n*** End Patch",
                "ok",
                kind="custom_tool_call",
            ),
            "- wrote: a.py\n- deleted: b.py",
        ),
        (
            call("shell", {"command": ["apply_patch", "*** Begin Patch\n*** Update File: a.py\n*** End Patch"]}, "ok"),
            "- edited: a.py",
        ),
        (
            call(
                "apply_patch", "*** Update File: a.py", "apply_patch verification failed: no", kind="custom_tool_call"
            ),
            "- edited: a.py (failed)",
        ),
        (call("update_plan", {"plan": []}, "Plan updated"), ""),
        (call("shell", "no object", "x"), ""),
        (call("shell", {}, None), ""),
    ],
)
def test_what_a_call_does(payloads: list[dict[str, object]], line: str) -> None:
    assert told(*payloads) == ([line] if line else [])


def test_only_the_project_that_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = home.parent / "project"
    name = "sessions/2026/02/02/rollout-2026-02-02T10-00-00-{}.jsonl"
    mine = conversations.codex([("user", "mine")], cwd=f"{project}/web")
    other = conversations.codex([("user", "theirs")], cwd=f"{project}-other")
    write(
        home,
        {
            f".codex/{name.format('a')}": mine,
            f".codex/{name.format('b')}": other,
            ".codex/sessions/notes.jsonl": mine,
            ".codex/archived_sessions/rollout-c.jsonl": mine,
            f"else/{name.format('d')}": mine,
        },
    )
    top = home / ".codex"
    assert codex.scan(project, home) == [(top / "sessions", 1), (top / "archived_sessions", 1)]
    texts = [item.text for item in codex.read(top / "sessions", project) if not hasattr(item, "reason")]
    assert texts == ["mine"]
    assert len(list(codex.read(top / "sessions"))) == 2
    monkeypatch.setenv("CODEX_HOME", str(home / "else"))
    assert codex.scan(project, home) == [(home / "else" / "sessions", 1)]
