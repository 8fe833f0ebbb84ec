"""What agents send: read whatever it is, and answered in the shape of whoever sent it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.agents import hosts, payload, sessions
from memcli.agents.hosts import COMPACT, END, PROMPT, START, TURN
from memcli.agents.payload import Call
from memcli.store import Store
from tests.agents.calling import hook, told
from tests.command import without_model

HERE = "/home/dev/demo"
PROMPTED = "run the tests please"

# One small payload of each agent for each of our events, as its documentation or a recording has them.
SENT: dict[str, dict[str, dict[str, Any]]] = {
    "claude-code": {
        "SessionStart": {"session_id": "s", "cwd": HERE, "hook_event_name": "SessionStart", "source": "startup"},
        "UserPromptSubmit": {"session_id": "s", "cwd": HERE, "hook_event_name": "UserPromptSubmit", "prompt": PROMPTED},
        "Stop": {"session_id": "s", "cwd": HERE, "hook_event_name": "Stop", "stop_hook_active": True},
        "PreCompact": {"session_id": "s", "cwd": HERE, "trigger": "auto", "custom_instructions": None},
        "PostCompact": {"session_id": "s", "cwd": HERE, "compact_summary": "it was about tests"},
        "SessionEnd": {"session_id": "s", "cwd": HERE, "reason": "other"},
    },
    "codex": {
        "SessionStart": {"session_id": "s", "cwd": HERE, "transcript_path": None, "source": "startup"},
        "UserPromptSubmit": {"session_id": "s", "turn_id": "t", "cwd": HERE, "prompt": PROMPTED},
        "Stop": {"session_id": "s", "turn_id": "t", "cwd": HERE, "last_assistant_message": None},
        "PreCompact": {"session_id": "s", "turn_id": "t", "cwd": HERE, "trigger": "auto"},
    },
    "gemini-cli": {
        "SessionStart": {"session_id": "s", "cwd": HERE, "source": "startup"},
        "BeforeAgent": {"session_id": "s", "cwd": HERE, "prompt": f"<hook_context>old</hook_context>\n\n{PROMPTED}"},
        "AfterAgent": {"session_id": "s", "cwd": HERE, "prompt": PROMPTED, "prompt_response": "Done."},
        "SessionEnd": {"session_id": "s", "cwd": HERE, "reason": "exit"},
    },
    "qwen-code": {
        "SessionStart": {"session_id": "s", "cwd": HERE, "source": "startup"},
        "UserPromptSubmit": {"session_id": "s", "cwd": HERE, "prompt": PROMPTED, "submitted_prompt": PROMPTED},
        "Stop": {"session_id": "s", "cwd": HERE, "last_assistant_message": "Done."},
    },
    "copilot-cli": {
        "sessionStart": {"sessionId": "s", "cwd": HERE, "source": "new", "initialPrompt": PROMPTED},
        "userPromptSubmitted": {"sessionId": "s", "cwd": HERE, "prompt": PROMPTED},
        "agentStop": {"sessionId": "s", "cwd": HERE, "transcriptPath": "/x/events.jsonl", "stopReason": "end_turn"},
        "UserPromptSubmit": {"session_id": "s", "cwd": HERE, "hook_event_name": "UserPromptSubmit", "prompt": PROMPTED},
    },
    "cursor": {
        "sessionStart": {"conversation_id": "s", "workspace_roots": [HERE], "user_email": "dev@example.com"},
        "beforeSubmitPrompt": {"conversation_id": "s", "generation_id": "g", "workspace_roots": [HERE], "prompt": PROMPTED},
        "stop": {"conversation_id": "s", "workspace_roots": [HERE], "status": "completed", "loop_count": 0},
        "preCompact": {"conversation_id": "s", "workspace_roots": [HERE], "trigger": "auto"},
    },
    "opencode": {
        "session.start": {"session_id": "s", "cwd": HERE},
        "chat.message": {"session_id": "s", "cwd": HERE, "prompt": f'"{PROMPTED}"'},
        "session.idle": {"session_id": "s", "cwd": HERE},
        "session.compacting": {"session_id": "s", "cwd": HERE},
    },
    "vscode": {
        "SessionStart": {"session_id": "s", "cwd": HERE, "source": "new"},
        "UserPromptSubmit": {"session_id": "s", "cwd": HERE, "prompt": PROMPTED},
        "Stop": {"session_id": "s", "cwd": HERE, "stop_hook_active": False},
    },
    "cline": {
        "TaskStart": {"taskId": "s", "workspaceRoots": [HERE], "taskStart": {"taskMetadata": {"initialTask": PROMPTED}}},
        "UserPromptSubmit": {"taskId": "s", "workspaceRoots": [HERE], "userPromptSubmit": {"prompt": PROMPTED}},
        "PreCompact": {"taskId": "s", "workspaceRoots": [HERE], "preCompact": {"estimatedTokens": 150000}},
    },
    "windsurf": {
        "pre_user_prompt": {"trajectory_id": "s", "execution_id": "e", "tool_info": {"user_prompt": PROMPTED}},
        "post_cascade_response": {"trajectory_id": "s", "execution_id": "e", "tool_info": {"response": "Done."}},
    },
    "kiro-cli": {
        "agentSpawn": {"hook_event_name": "agentSpawn", "cwd": HERE},
        "userPromptSubmit": {"hook_event_name": "userPromptSubmit", "cwd": HERE, "prompt": PROMPTED},
        "stop": {"hook_event_name": "stop", "cwd": HERE},
    },
}  # fmt: skip
CALLS = [(agent, event) for agent, events in SENT.items() for event in events]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"", {}),
        (b"hello not json", {}),
        (b"[1, 2]", {}),
        (b"null", {}),
        (b'"text"', {}),
        (b'{"a": 1', {}),
        (b'{"a": 1} and more', {}),
        (b'\xef\xbb\xbf{"a": 1}\r\n', {"a": 1}),
        (b'\n  {"a": "b\nc"}\x00', {"a": "b\nc"}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": NaN, "b": 1e999, "c": -0.5e3}', {"b": float("inf"), "c": -500.0}),
        (b"[" * 100_000, {}),
        (b'{"a":' * 100_000, {}),
    ],
)  # fmt: skip
def test_anything_is_an_object_or_none(sent: bytes, read: dict[str, Any]) -> None:
    found = payload.parse(payload.decoded(sent))
    assert {name: value for name, value in found.items() if value == value} == read


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_json_is_read_as_json_reads_it(value: Any) -> None:
    for ascii_alone in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_alone)
        assert payload.json_value(text) == json.loads(text)


@given(st.text())
def test_what_json_refuses_is_nothing(text: str) -> None:
    try:
        wanted = json.loads(text.strip(payload._SPACE), strict=False)
    except ValueError:
        wanted = None
    found = payload.json_value(text.strip(payload._SPACE))
    assert found == wanted or (found != found and wanted != wanted)


_NAMES = st.sampled_from(["session_id", "cwd", "prompt", "source", "agent_id", "output", "workspaceRoots"])
_TEXTS = st.lists(st.text()) | st.dictionaries(st.text(), st.text())


@given(st.dictionaries(_NAMES, st.none() | st.booleans() | st.integers() | st.text() | _TEXTS))
def test_no_value_of_another_type_gets_through(raw: dict[str, Any]) -> None:
    for name in hosts.NAMES:
        call = Call(hosts.load(name), raw)
        for word in (call.session, call.turn, call.source, call.agent):
            assert word.isprintable() and len(word) <= payload.MOST_CHARACTERS
        for path in (call.cwd, call.transcript):
            assert path == "" or (os.path.isabs(path) and "\0" not in path)
        call.prompt.encode("utf-8")


def test_a_prompt_of_parts_is_its_texts() -> None:
    parts = [
        {"type": "text", "text": "fix"}, {"type": "image", "text": "no"}, {"type": "text", "text": "it", "synthetic": True},
        {"type": "text", "text": ["no"]}, "no", {"text": "this"},
    ]  # fmt: skip
    assert payload.text_of(parts) == "fix\nthis"


def test_a_prompt_may_be_broken() -> None:
    assert payload.text_of("emoji \ud83d broken \0 nul").split() == ["emoji", "?", "broken", "nul"]


def test_reading_stops_at_a_mebibyte() -> None:
    reading, writing = os.pipe()
    thread = threading.Thread(target=_fill, args=(writing,))
    thread.start()
    assert len(payload.read(reading)) == payload.MOST_BYTES
    os.close(reading)
    thread.join(10)
    assert not thread.is_alive()


def _fill(descriptor: int) -> None:
    try:
        while True:
            os.write(descriptor, b"x" * 65536)
    except OSError:
        os.close(descriptor)


def test_a_pipe_left_open_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"session_id": "s"}\n')
    began = time.monotonic()
    assert payload.read(reading) == b'{"session_id": "s"}\n'
    assert time.monotonic() - began < 100 * payload.LINGER_S
    os.close(reading)
    os.close(writing)


def test_nobody_at_a_terminal_is_waited_for() -> None:
    ours, theirs = os.openpty()
    assert payload.read(theirs) == b""
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("agent", "event"), CALLS)
def test_the_values_of_each_agent_are_found(agent: str, event: str) -> None:
    host = hosts.load(agent)
    call = Call(host, SENT[agent][event])
    assert call.session == ("" if agent == "kiro-cli" else "s")
    assert call.cwd == ("" if agent == "windsurf" else HERE)
    if host.events[event] == PROMPT:
        assert call.prompt.endswith(PROMPTED)


# --- answering --------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(store: Store, tmp_path: Path) -> Path:
    without_model()
    store.add("To run the tests: make check, never tox; please see the notes", type_="procedure")
    store.sync()
    return tmp_path / "project"


def here(sent: dict[str, Any], project: Path) -> bytes:
    return json.dumps(sent).replace(HERE, str(project)).encode()


@pytest.mark.parametrize(("agent", "event"), CALLS)
def test_each_agent_is_answered_in_its_shape(project: Path, agent: str, event: str) -> None:
    host = hosts.load(agent)
    ended = hook(agent, event, here(SENT[agent][event], project), cwd=project)
    assert (ended.code, ended.stderr) == (0, "")
    text = told(agent, event, ended.stdout)
    if host.events[event] in host.reply:
        assert "make check, never tox" in text
    else:
        assert text == ""


def recorded() -> Iterator[tuple[str, str, Path]]:
    """(agent, event, file) of every recorded payload; of what is no agent's, as Claude Code's prompt."""
    top = Path(__file__).resolve().parents[3] / "shared" / "agents" / "payloads"
    for file in sorted(top.glob("*/*")):
        agent = {"_adversarial": "claude-code", "copilot-cli-pascalcase": "copilot-cli"}.get(
            file.parent.name, file.parent.name
        )
        event = "UserPromptSubmit" if file.parent.name == "_adversarial" else file.name.removesuffix(".json")
        if agent != "opencode":
            event = event.partition(".")[0]
        if agent in hosts.NAMES:
            yield agent, event, file


def test_every_recorded_payload_is_answered(shared: Path, project: Path) -> None:
    calls = list(recorded())
    assert len(calls) > 100
    reached = set()
    for agent, event, file in calls:
        shutil.rmtree(sessions.folder(), ignore_errors=True)  # all are of the same session, which was told all by then
        data = file.read_bytes().replace(HERE.encode(), str(project).encode())
        ended = hook(agent, event, data, cwd=project)
        assert (ended.code, ended.stderr) == (0, ""), file
        if file.name == "missing-cwd-dir.json":  # it says itself which event it is
            event = "SessionStart"
        text = told(agent, event, ended.stdout)
        ours = hosts.load(agent).events.get(event)
        if ours not in (START, PROMPT):
            assert text == "", file
        if text:
            reached.add((agent, ours))
    told_at = {(name, ours) for name in hosts.NAMES for ours in hosts.load(name).reply}
    assert reached == told_at


@pytest.mark.parametrize("ours", [TURN, COMPACT, END])
def test_nothing_is_said_where_nothing_can_be(project: Path, ours: str) -> None:
    for agent, event in CALLS:
        host = hosts.load(agent)
        if host.events[event] == ours:
            ended = hook(agent, event, here(SENT[agent][event], project), cwd=project)
            assert ended.stdout == host.silence.get(ours, "")
