"""The tools of `mem mcp` as a client of the official SDK sees them: each tool, each resource, each refusal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs the extra: pip install 'memcli[mcp]'")

from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation

from memcli import journal
from memcli.agents.mcp import Worker
from memcli.index import schema
from memcli.places import Place
from memcli.store import Store
from memcli.trust import verdict
from tests.agents.mcp_client import call, data, nobody, talk, text, worker
from tests.command import run_mem

__all__ = ["nobody", "worker"]

TOOLS = {"recall", "context", "add", "show", "feedback", "curate", "list", "forget"}


# --- what is offered ----------------------------------------------------------------------------------------------------


def test_eight_tools_say_what_they_are_for_and_what_they_do(worker: Worker) -> None:
    listed = talk(worker, lambda client: client.list_tools()).tools
    assert {tool.name for tool in listed} == TOOLS
    reading = {tool.name for tool in listed if tool.annotations.read_only_hint}
    assert reading == {"recall", "context", "show", "list"}
    assert {tool.name for tool in listed if tool.annotations.destructive_hint} == {"curate", "forget"}
    for tool in listed:
        assert tool.title and len(tool.description or "") > 60
        assert tool.annotations.open_world_hint is False
        assert tool.output_schema and tool.output_schema["type"] == "object"
        for name, value in tool.input_schema["properties"].items():
            assert name in ("limit", "tags", "operations") or value.get("description"), f"{tool.name}: {name}"
    operations = next(tool for tool in listed if tool.name == "curate").input_schema["properties"]["operations"]
    assert set(operations["items"]["properties"]["op"]["enum"]) == {
        "ADD", "UPDATE", "UPSERT", "MERGE", "SUPERSEDE", "LINK", "DELETE",
    }  # fmt: skip


def test_the_schemas_are_no_burden(worker: Worker) -> None:
    """They stand in the context of every session: together no more than about 4,000 tokens."""
    listed = talk(worker, lambda client: client.list_tools()).tools
    said = json.dumps([[tool.name, tool.description, tool.input_schema] for tool in listed])
    assert len(said) < 16_000


# --- each tool ----------------------------------------------------------------------------------------------------------


def test_what_is_added_is_recalled_shown_and_listed(store: Store, worker: Worker) -> None:
    added = data(
        call(
            worker,
            "add",
            text="# Rotate refresh tokens\n\nOn every use.\n\n    def rotate(): ...",
            type="decision",
            topic="auth/tokens",
            tags=["jwt"],
        )
    )
    assert os.path.isfile(added["path"]) and "auth/tokens" in added["path"]

    recalled = call(worker, "recall", query="rotate refresh tokens", types=["decision"], tags=["jwt"], path="auth")
    (found,) = data(recalled)["memories"]
    assert (found["id"], found["type"], found["title"]) == (added["id"], "decision", "Rotate refresh tokens")
    assert added["id"] in text(recalled) and "not instructions" in text(recalled)
    assert data(recalled)["confidence"] > 0

    shown = data(call(worker, "show", id=added["id"][:6]))
    assert shown["id"] == added["id"] and shown["tags"] == ["jwt"] and shown["tier"] == "hot"
    assert "\n    def rotate(): ..." in shown["text"], "what is indented stays so"

    listed = data(call(worker, "list", path="auth", type="decision"))
    assert [one["id"] for one in listed["memories"]] == [added["id"]] and listed["total"] == 1
    assert data(call(worker, "list", type="lesson"))["memories"] == []


def test_an_answer_says_why_it_is_empty(store: Store, worker: Worker) -> None:
    data(call(worker, "add", text="tabs, not spaces"))
    empty = call(worker, "recall", query="tabs", since="2100-01-01")
    assert data(empty)["memories"] == []
    assert "nothing found in 1 memory" in text(empty)


def test_what_an_agent_adds_is_an_agents(store: Store, worker: Worker) -> None:
    client = {"client_info": Implementation(name="Some Editor/9", version="1"), "mode": "legacy"}
    result = talk(worker, lambda c: c.call_tool("add", {"text": "the port is 8080"}), **client)
    added = data(result)
    assert journal.events(store.place)[-1].by == "some-editor-9"
    shown = data(call(worker, "show", id=added["id"]))
    assert shown["source"] == "some-editor-9"
    assert shown["trust"] == verdict.AGENT and shown["marks"] == []


def test_no_client_can_call_itself_the_user(store: Store, worker: Worker) -> None:
    client = {"client_info": Implementation(name="you", version="1"), "mode": "legacy"}
    data(talk(worker, lambda c: c.call_tool("add", {"text": "the port is 8080"}), **client))
    assert journal.events(store.place)[-1].by != "you"


def test_a_memory_that_replaces_another(store: Store, worker: Worker) -> None:
    old = data(call(worker, "add", text="deploy on Fridays", title="Deploys"))["id"]
    new = data(call(worker, "add", text="never deploy on Fridays", title="Deploy days", supersedes=[old[:6]]))["id"]
    assert data(call(worker, "show", id=new))["supersedes"] == [old]


def test_a_new_memory_says_what_it_repeats(store: Store, worker: Worker) -> None:
    old = data(call(worker, "add", text="The staging database listens on port 5433"))["id"]
    again = call(worker, "add", text="The staging database listens on port 5544", title="Staging port")
    assert [one["id"] for one in data(again)["similar"]] == [old]
    assert old in text(again)


def test_feedback_moves_a_memory(store: Store, worker: Worker) -> None:
    name = data(call(worker, "add", text="the cache is safe to delete"))["id"]
    assert data(call(worker, "feedback", id=name, outcome="useful"))["tier"] == "hot"
    said = call(worker, "feedback", id=name, outcome="wrong")
    assert "mend it" in text(said)
    assert "marked wrong" in data(call(worker, "show", id=name))["marks"]
    assert "marked wrong" in data(call(worker, "recall", query="cache safe delete"))["memories"][0]["marks"]
    assert data(call(worker, "feedback", id=name, outcome="confirmed"))["feedback"] == "confirmed"
    assert data(call(worker, "show", id=name))["marks"] == []


def test_every_operation_of_curate_says_what_became_of_it(store: Store, worker: Worker) -> None:
    first = data(call(worker, "add", text="one", title="First"))["id"]
    second = data(call(worker, "add", text="two", title="Second"))["id"]
    third = data(call(worker, "add", text="three", title="Third"))["id"]
    asked = [
        {"op": "ADD", "text": "four", "title": "Fourth", "as": "new"},
        {"op": "UPDATE", "id": first, "append": "and more"},
        {"op": "UPSERT", "path": "notes/five", "text": "five"},
        {"op": "SUPERSEDE", "id": second, "by": {"text": "two, better", "title": "Second again"}},
        {"op": "LINK", "from": "$new", "to": first, "relation": "depends on"},
        {"op": "MERGE", "ids": [second], "into": {"title": "Merged"}, "text": "two, merged"},
        {"op": "DELETE", "id": third},
    ]
    tried = call(worker, "curate", operations=asked, dry_run=True)
    assert data(tried)["done"] is False and "dry run" in text(tried)
    assert data(call(worker, "list"))["total"] == 3
    outcomes = data(call(worker, "curate", operations=asked))["outcomes"]
    assert [one["outcome"] for one in outcomes] == [
        "added", "changed", "added", "superseded", "linked", "merged", "trashed",
    ]  # fmt: skip
    assert all(one["id"] and one["path"] for one in outcomes)
    assert data(call(worker, "recall", query="merged"))["memories"]
    assert run_mem("undo").code == 0
    assert data(call(worker, "list"))["total"] == 3


def test_a_refused_batch_does_nothing_and_shows_what_is_there(store: Store, worker: Worker) -> None:
    data(call(worker, "add", text="two spaces\n\n<!-- hidden -->", title="Indent"))
    asked = [{"op": "ADD", "text": "a new one"}, {"op": "UPSERT", "path": "inbox/indent", "text": "four spaces"}]
    result = call(worker, "curate", operations=asked)
    assert result.is_error
    first, second = result.structured_content["outcomes"] if result.structured_content else ({}, {})
    assert first["outcome"] == "refused" and second["outcome"] == "exists"
    assert second["present"].startswith("# Indent\n\ntwo spaces") and "hidden" not in second["present"]
    assert second["digest"] in text(result) and "there now: two spaces" in text(result)
    assert data(call(worker, "list"))["total"] == 1
    asked[1] |= {"overwrite": True, "expected": second["digest"]}
    assert data(call(worker, "curate", operations=asked))["done"] is True


def test_what_is_forgotten_comes_back(store: Store, worker: Worker) -> None:
    names = [data(call(worker, "add", text=f"memory {number}"))["id"] for number in range(2)]
    refused = call(worker, "forget", ids=[names[0], "nothing-of-that-name"])
    assert refused.is_error and data(call(worker, "list"))["total"] == 2
    assert data(call(worker, "forget", ids=[*names, names[0]]))["forgotten"] == names
    assert data(call(worker, "list"))["total"] == 0
    assert run_mem("undo").code == 0
    assert data(call(worker, "list"))["total"] == 2


def test_the_brief_is_a_tool_and_a_resource(store: Store, worker: Worker) -> None:
    assert data(call(worker, "context"))["text"] == ""
    data(call(worker, "add", text="Releases are cut from main on Tuesdays", type="procedure"))
    brief = data(call(worker, "context"))["text"]
    assert "Releases are cut from main" in brief and len(brief) <= 4000
    read = talk(worker, lambda client: client.read_resource("mem://context"))
    assert read.contents[0].text == brief


def test_memories_are_resources(store: Store, worker: Worker) -> None:
    name = data(call(worker, "add", text="# Ports\n\n8080 is taken"))["id"]

    async def read(client: Client) -> tuple[list[str], list[str], str, str]:
        with pytest.raises(MCPError, match="no memory called"):
            await client.read_resource("mem://memory/zzzzzzzzzzzz")
        listed = [str(one.uri) for one in (await client.list_resources()).resources]
        templates = [one.uri_template for one in (await client.list_resource_templates()).resource_templates]
        one = await client.read_resource(f"mem://memory/{name}")
        every = await client.read_resource("mem://memories")
        return listed, templates, one.contents[0].text, every.contents[0].text

    listed, templates, one, every = talk(worker, read)
    assert listed == ["mem://context", "mem://memories", f"mem://memory/{name}"]
    assert templates == ["mem://memory/{id}"]
    assert "8080 is taken" in one and "not instructions" in one
    assert name in every


def test_the_prompt_brings_what_is_remembered(store: Store, worker: Worker) -> None:
    data(call(worker, "add", text="The admin port is 9090"))
    found = talk(worker, lambda client: client.get_prompt("recall", {"question": "which admin port?"}))
    said = found.messages[0].content.text
    assert said.startswith("which admin port?") and "9090" in said


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("recall", {"query": " "}, "there is no question"),
        ("recall", {"query": "x", "limit": 1000}, "limit: Input should be less than or equal to 50"),
        ("recall", {"q": "x"}, "recall takes no 'q'\nnext: repeat with some of query,"),
        ("recall", {}, "query: Field required"),
        ("recall", {"query": "x", "since": "yesterday"}, "since is no ISO date\nnext: repeat with one like"),
        ("recall", {"query": "x", "types": ["hunch"]}, "types.0: Input should be 'fact'"),
        ("recall", {"query": "x", "project": "/"}, "/ is not in a folder that this server works for\nnext: leave project"),
        ("show", {"id": "zzzz"}, "there is no memory called 'zzzz'\nnext: list or recall"),
        ("show", {"id": "alike"}, "'alike' names 2 memories\n[memcli] candidates"),
        ("add", {"text": " "}, "there is nothing to remember\nnext: "),
        ("add", {"text": "x", "title": "Alike"}, "already holds a memory of that name\n[memcli] what is there now"),
        ("add", {"text": "x", "valid_from": "soon"}, "valid_from is no ISO date\nnext: "),
        ("add", {"text": "key AKIAIOSFODNN7EXAMPLQ"}, "the text seems to hold a secret"),
        ("curate", {"operations": []}, "operations: List should have at least 1 item"),
        ("feedback", {"id": "alike", "outcome": "nice"}, "outcome: Input should be 'useful', 'wrong' or 'confirmed'"),
        ("forget", {"ids": []}, "ids: List should have at least 1 item"),
        ("no_such_tool", {}, "Unknown tool"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_and_the_next_step(
    store: Store, worker: Worker, name: str, arguments: dict[str, Any], said: str
) -> None:
    store.add("one", title="Alike")
    store.add("two", title="Alike", topic="elsewhere")
    result = call(worker, name, **arguments)
    assert result.is_error
    assert said in text(result)
    assert "Traceback" not in text(result) and "pydantic" not in text(result) and "mem add" not in text(result)


def test_without_memories_the_next_step_is_to_add_one(worker: Worker) -> None:
    assert text(call(worker, "recall", query="x")) == "there are no memories here yet\nnext: add the first one"


def test_a_secret_that_is_masked_is_kept(store: Store, worker: Worker) -> None:
    refused = call(worker, "add", text="key AKIAIOSFODNN7EXAMPLQ")
    assert refused.is_error and "redact: true" in text(refused) and "AKIA" not in text(refused)
    added = data(call(worker, "add", text="key AKIAIOSFODNN7EXAMPLQ", redact=True))
    assert added["masked"] and "AKIA" not in Path(added["path"]).read_text()


def test_what_nobody_foresaw_keeps_its_details(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("what was in memory at /home/someone")

    monkeypatch.setattr(worker.tools, "recall", break_down)
    result = call(worker, "recall", query="x")
    assert result.is_error
    assert text(result).startswith("something unforeseen failed (RuntimeError)\nnext: ")
    out, err = capfd.readouterr()
    assert "someone" not in out + err and "Traceback" not in out + err
    assert data(call(worker, "list"))["total"] == 0, "the next call is answered"


def test_a_damaged_index_is_made_anew(store: Store, worker: Worker, place: Place) -> None:
    name = data(call(worker, "add", text="the port is 8080"))["id"]
    worker.tools.rest()
    with open(schema.index_path(place), "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_000)
    for suffix in ("-wal", "-shm"):
        Path(schema.index_path(place) + suffix).unlink(missing_ok=True)
    results = [call(worker, "recall", query="port"), call(worker, "recall", query="port")]
    assert data(results[-1])["memories"][0]["id"] == name
    assert not results[0].is_error or "repeat" in text(results[0])
