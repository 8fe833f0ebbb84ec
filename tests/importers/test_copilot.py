"""Sessions of GitHub Copilot CLI: what is left out, and which belong to a project."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from memcli.importers import copilot
from memcli.importers.transcripts import Reading
from tests.importers import conversations
from tests.importers.conversations import FIXING
from tests.importers.samples import write


def told(*rows: Mapping[str, object]) -> list[str]:
    return [item.text for item in Reading(copilot.FORM).items(io.BytesIO(conversations.jsonl(rows)))]


@pytest.mark.parametrize(
    "row",
    [
        {"type": "user.message", "data": {"content": "x", "source": "skill-review"}},
        {"type": "user.message", "data": {"content": "x", "parentAgentTaskId": "t"}},
        {"type": "assistant.message", "data": {"content": "x"}, "agentId": "a"},
        {"type": "assistant.message", "data": {"content": "x"}, "ephemeral": True},
        {"type": "assistant.reasoning", "data": {"content": "x"}},
        {"type": "session.info", "data": {"message": "x"}},
        {"type": "tool.execution_start", "data": {"toolName": "view", "toolCallId": "1", "arguments": {"path": "a"}}},
    ],
)
def test_what_neither_said_is_left_out(row: dict[str, object]) -> None:
    assert told({"type": "session.start", "data": {"sessionId": "s"}}, row) == []


def test_a_tool_that_failed() -> None:
    start = {
        "type": "tool.execution_start",
        "data": {"toolName": "bash", "toolCallId": "1", "arguments": {"command": "make"}},
    }
    assert told(start, {"type": "tool.execution_complete", "data": {"toolCallId": "1", "success": False}}) == [
        "- ran: make (failed)"
    ]


def test_a_project_is_known_by_the_first_event_or_the_file_beside_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = home.parent / "project"
    old = conversations.copilot(FIXING, cwd=str(project)).split(b"\n", 1)[
        1
    ]  # an older version, which does not say where
    write(
        home,
        {
            ".copilot/session-state/1/events.jsonl": conversations.copilot(FIXING, cwd=str(project)),
            ".copilot/session-state/2/events.jsonl": conversations.copilot(FIXING, cwd=f"{project}2"),
            ".copilot/session-state/3/events.jsonl": old,
            ".copilot/session-state/3/workspace.yaml": f"id: 3\ncwd: {project}\n",
            ".copilot/session-state/4/events.jsonl": old,
            "moved/session-state/5/events.jsonl": conversations.copilot(FIXING, cwd=str(project)),
        },
    )
    folder = home / ".copilot" / "session-state"
    assert copilot.scan(project, home) == [(folder, 2)]
    assert {item.ref for item in copilot.read(folder, project) if not hasattr(item, "reason")}
    monkeypatch.setenv("COPILOT_HOME", str(home / "moved"))
    assert copilot.scan(project, home) == [(home / "moved" / "session-state", 1)]
