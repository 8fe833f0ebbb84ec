"""The mock model by itself, always; and each real agent against it, in the full form and where its program is there."""

from __future__ import annotations

import gzip
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.lab.agents import AGENTS, BY_NAME, Agent, missing
from tests.lab.mock import SAID, Call, Mock
from tests.lab.trial import (
    PROMPT_MARK,
    PROMPT_MEMORY,
    START_MARK,
    START_MEMORY,
    TOOLS,
    author_of,
    look,
    made_room,
    mem,
    tools_offered,
    trial,
    without_mem,
)


def post(mock: Mock, path: str, body: dict[str, Any], *, packed: bool = False) -> str:
    data = json.dumps(body).encode()
    request = urllib.request.Request(mock.url + path, gzip.compress(data) if packed else data)
    request.add_header("content-type", "application/json")
    if packed:
        request.add_header("content-encoding", "gzip")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


PATHS = (
    "/v1/messages",
    "/v1/responses",
    "/v1/chat/completions",
    "/v1beta/models/mock:generateContent",
    "/v1beta/models/mock:streamGenerateContent?alt=sse",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_mock_answers_and_keeps_what_it_was_asked(path: str, stream: bool) -> None:
    with Mock() as mock:
        answer = post(mock, path, {"stream": stream, "messages": [{"role": "user", "content": "naïve “question”"}]})
        assert SAID in answer
        streamed = answer.startswith(("event: ", "data: "))
        assert streamed == (stream or "stream" in path)
        for line in answer.splitlines() if streamed else ():
            assert line.partition(": ")[0] in ("event", "data", "")
            assert not line.startswith("data: {") or json.loads(line[6:])
        (request,) = mock.requests
        assert "naïve “question”" in mock.text() and request.path == path.partition("?")[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_mock_calls_a_tool_once(path: str, stream: bool) -> None:
    with Mock(Call("look", {"at": "this"})) as mock:
        assert SAID in post(mock, path, {"stream": stream}), "nothing is called where there are no tools"
        asked = {"stream": stream, "tools": [{"name": "look"}]}
        called = post(mock, path, asked)
        assert "look" in called and "this" in called and SAID not in called
        assert SAID in post(mock, path, asked)


def test_the_mock_reads_what_is_compressed_and_notes_what_it_does_not_know() -> None:
    with Mock() as mock:
        post(mock, "/v1/messages", {"messages": "packed"}, packed=True)
        post(mock, "/telemetry", {"events": ["what nobody asked for"]})
        assert "packed" in mock.text() and mock.others == ["/telemetry"]
        assert "nobody" not in mock.text()


def lab_of(agent: Agent, full: bool) -> Path:
    """Where the agents lie. Skips where this one cannot be run."""
    lab = os.environ.get("MEM_LAB")
    if not full:
        pytest.skip("runs the real agents: --full, with MEM_LAB=DIR naming their unpacked npm packages")
    why = missing(agent, lab)
    if why:
        pytest.skip(why)
    return Path(str(lab))


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_is_told_while_hooks_are_installed_and_not_else(
    agent: Agent, scope: str, full: bool, tmp_path: Path
) -> None:
    found = trial(agent, lab_of(agent, full), tmp_path, scope=scope)
    for seen in (found.before, found.installed, found.after):
        assert seen.ran, seen.said
    assert not found.before.start and not found.before.prompt
    assert found.installed.start, "the brief is in the model's request"
    assert found.installed.prompt, "what answers the prompt is in the model's request"
    assert found.captured == 1, "the session is an episode"
    assert not found.after.start and not found.after.prompt
    assert found.restored, "uninstalled, the settings are what they were, byte for byte"


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_offers_its_model_the_tools(agent: Agent, full: bool, tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="needs the extra mcp")
    assert tools_offered(agent, lab_of(agent, full), tmp_path) == {*TOOLS}


@pytest.mark.parametrize("by_tool", [True, False], ids=["mcp", "shell"])
@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_what_an_agent_keeps_is_an_agents(agent: Agent, by_tool: bool, full: bool, tmp_path: Path) -> None:
    """By its tools, or by the command in its shell, which knows it by what it puts into the environment."""
    if by_tool:
        pytest.importorskip("mcp", reason="needs the extra mcp")
    assert author_of(agent, lab_of(agent, full), tmp_path, by_tool=by_tool) == (agent.name, "agent")


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_works_on_where_mem_is_gone(agent: Agent, full: bool, tmp_path: Path) -> None:
    """Somebody uninstalls mem and forgets the hooks: no agent may stop for that."""
    seen = without_mem(agent, lab_of(agent, full), tmp_path)
    assert seen.ran, seen.said


def test_copilot_says_once_what_three_files_ask_for(full: bool, tmp_path: Path) -> None:
    """It runs the hooks of .claude/settings.json beside its own of user and project."""
    agent = BY_NAME["copilot-cli"]
    lab = lab_of(agent, full)
    assert agent.program(lab)
    with Mock() as mock:
        room = made_room(agent, tmp_path, mock, lab)
        mem(room, "add", START_MEMORY, "--type", "decision")
        mem(room, "add", PROMPT_MEMORY, "--type", "reference")
        for name, scope in (("copilot-cli", "user"), ("copilot-cli", "project"), ("claude-code", "project")):
            mem(room, "hooks", "install", "--agent", name, "--scope", scope, "--force")
        assert look(agent, room).ran
        assert (mock.text().count(START_MARK), mock.text().count(PROMPT_MARK)) == (1, 1)
