"""Sessions of Gemini CLI, in both its formats, and of Qwen Code."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.importers import Item, gemini, registry
from memcli.importers.transcripts import Reading
from tests.importers import conversations
from tests.importers.conversations import FIXING
from tests.importers.samples import write

HEAD = {"sessionId": "s", "projectHash": "0" * 64, "startTime": "2026-02-02T10:00:00Z"}


def told(*rows: Mapping[str, object]) -> list[str]:
    return [item.text for item in Reading(gemini.FORM).items(io.BytesIO(conversations.jsonl([HEAD, *rows])))]


def test_a_message_that_is_written_again_counts_once_and_as_it_became() -> None:
    first = {"id": "1", "type": "gemini", "content": "Looking", "tokens": None}
    assert told(first, {**first, "content": "Looking at it."}, {"$set": {"lastUpdated": "x"}}) == ["Looking at it."]


def test_what_was_taken_back_was_said_all_the_same() -> None:
    said = {"id": "1", "type": "user", "content": "never force-push"}
    synced = {"$set": {"messages": [{"id": "9", "type": "user", "content": "a summary by the program"}]}}
    assert told(said, {"$rewindTo": "1"}, synced, {"id": "2", "type": "info", "content": "Switched model"}) == [
        "never force-push"
    ]


def test_a_call_is_told_when_it_has_ended() -> None:
    def message(status: str) -> dict[str, object]:
        calls = [{"id": "c", "name": "run_shell_command", "args": {"command": "make"}, "status": status}]
        return {"id": "1", "type": "gemini", "content": "", "toolCalls": calls}

    assert told(message("executing")) == []
    assert told(message("executing"), message("error")) == ["- ran: make (failed)"]
    assert told(message("cancelled")) == ["- ran: make (refused)"]


def test_the_old_format_is_one_object(tmp_path: Path) -> None:
    head, *rows = [json.loads(line) for line in conversations.gemini(FIXING).splitlines()]
    messages = list({row["id"]: row for row in rows if "id" in row}.values())
    write(tmp_path, {"chats/session-1.json": json.dumps({**head, "messages": messages}), "other.json": '{"a": 1}'})
    assert registry.detect(tmp_path / "chats" / "session-1.json").NAME == "gemini"
    found = [item for item in gemini.read(tmp_path / "chats") if isinstance(item, Item)]
    new = list(Reading(gemini.FORM).items(io.BytesIO(conversations.gemini(FIXING))))
    assert [(item.text, item.ref) for item in found] == [(item.text, item.ref) for item in new]
    with pytest.raises(ImportFailed):
        list(gemini.read(tmp_path / "other.json"))


def test_the_sessions_of_a_project_are_found_by_its_hash_and_by_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = home.parent / "project"
    hashed = hashlib.sha256(str(project).encode()).hexdigest()
    slug = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(project))
    session = conversations.gemini(FIXING)
    write(
        home,
        {
            ".gemini/projects.json": json.dumps({"projects": {str(project): "shop", "/other": "other", "x": 1}}),
            f".gemini/tmp/{hashed}/chats/session-a.jsonl": session,
            ".gemini/tmp/shop/chats/session-b.jsonl": session,
            ".gemini/tmp/shop/chats/parent/sub.jsonl": session,
            ".gemini/tmp/other/chats/session-c.jsonl": session,
            f".qwen/projects/{slug}/chats/d.jsonl": conversations.qwen(FIXING),
            f"moved/.gemini/tmp/{hashed}/chats/session-e.jsonl": session,
        },
    )
    top = home / ".gemini" / "tmp"
    qwen = home / ".qwen" / "projects" / slug / "chats"
    assert sorted(gemini.scan(project, home)) == sorted(
        [(top / hashed / "chats", 1), (top / "shop" / "chats", 1), (qwen, 1)]
    )
    assert registry.detect(qwen / "d.jsonl").NAME == "gemini"
    monkeypatch.setenv("GEMINI_CLI_HOME", str(home / "moved"))
    assert (home / "moved/.gemini/tmp" / hashed / "chats", 1) in gemini.scan(project, home)
