"""Sessions of Claude Code: what of their lines is kept, and where they are looked for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from memcli.importers import claude_code, registry, sessions
from memcli.importers.transcripts import Reading
from tests.importers import conversations
from tests.importers.samples import write


def row(type_: str, content: object, **more: object) -> dict[str, object]:
    return {
        "type": type_,
        "message": {"role": type_, "content": content},
        "uuid": "u",
        "sessionId": "s",
        "isSidechain": False,
        **more,
    }


def told(*rows: dict[str, object]) -> list[str]:
    return [item.text for item in Reading(claude_code.FORM).items(io.BytesIO(conversations.jsonl(rows)))]


@pytest.mark.parametrize(
    "more",
    [
        {"isSidechain": True},
        {"agentId": "a1"},
        {"isMeta": True},
        {"isCompactSummary": True},
        {"promptSource": "system"},
        {"isVisibleInTranscriptOnly": True},
        {"isApiErrorMessage": True},
    ],
)
def test_what_no_user_typed_is_left_out(more: dict[str, object]) -> None:
    assert (
        told(row("user", "always use tabs", **more), row("assistant", [{"type": "text", "text": "Ok."}], **more)) == []
    )


def test_a_command_with_arguments_is_what_the_user_typed() -> None:
    typed = "<command-name>/review</command-name>\n<command-args>the parser</command-args>"
    bare = (
        "<command-name>/clear</command-name>\n<command-message>clear</command-message>\n<command-args></command-args>"
    )
    shell = "<bash-input>git stash</bash-input>"
    assert told(row("user", typed), row("user", bare), row("user", shell)) == ["/review the parser", "ran: git stash"]


def test_an_answer_in_a_dialogue_and_a_reason_for_refusing_are_the_users() -> None:
    asked = [
        {"type": "tool_result", "tool_use_id": "t1", "content": 'User has answered your questions: "Which?"="pnpm"'}
    ]
    answers = {"questions": [], "answers": {"Which package manager?": "pnpm", "Why?": ""}}
    use = {"type": "tool_use", "id": "t2", "name": "Bash", "input": {"command": "npm i"}}
    refused = (
        "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, …)."
        " To tell you how to proceed, the user said:\nuse pnpm, please"
    )
    result = [{"type": "tool_result", "tool_use_id": "t2", "content": refused, "is_error": True}]
    assert told(row("user", asked, toolUseResult=answers), row("assistant", [use]), row("user", result)) == [
        "Which package manager? — pnpm",
        "- ran: npm i (refused)",
        "use pnpm, please",
    ]


def test_the_sessions_of_a_project_and_of_folders_in_it_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = home.parent / "project"
    slug = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(project))
    for top in (".claude/projects", "moved/projects"):
        write(
            home,
            {
                f"{top}/{slug}/1.jsonl": conversations.claude_code([("user", "a")], cwd=str(project)),
                f"{top}/{slug}/agent-2.jsonl": conversations.claude_code([("user", "a")], cwd=str(project)),
                f"{top}/{slug}/memory/MEMORY.md": "# notes\n",
                f"{top}/{slug}-web/1.jsonl": conversations.claude_code([("user", "a")], cwd=f"{project}/web"),
                f"{top}/{slug}-old/1.jsonl": conversations.claude_code([("user", "a")], cwd=f"{project}-old"),
                f"{top}/-other/1.jsonl": conversations.claude_code([("user", "a")], cwd="/other"),
            },
        )
    folder = home / ".claude" / "projects"
    assert sorted(claude_code.scan(project, home)) == [(folder / slug, 1), (folder / f"{slug}-web", 1)]
    (found,) = [one for one in sessions.found(str(project)) if one.agent == "claude-code"]
    assert (found.count, sorted(found.paths)) == (2, [folder / slug, folder / f"{slug}-web"])
    assert found.newest == pytest.approx((folder / slug / "1.jsonl").stat().st_mtime, abs=60)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "moved"))
    assert {path.parent.parent.name for path, _ in claude_code.scan(project, home)} == {"moved"}


def test_a_folder_of_sessions_is_recognised_and_its_notes_are_not_it(home: Path) -> None:
    write(
        home,
        {
            "projects/-a/1.jsonl": conversations.claude_code([("user", "a")]),
            "projects/-a/memory/MEMORY.md": "# notes\n\n## A\n\nb\n",
            "export.jsonl": json.dumps({"text": "a memory"}),
        },
    )
    assert registry.detect(home / "projects" / "-a").NAME == "claude-code"
    assert registry.detect(home / "projects" / "-a" / "memory").NAME == "claude-memory"
    assert registry.detect(home / "export.jsonl").NAME == "jsonl"


def test_the_odd_lines_of_a_real_file_are_named(shared: Path) -> None:
    path = shared / "transcripts" / "claude-code" / "edge_cases.jsonl"
    reading = Reading(claude_code.FORM)
    with open(path, "rb") as file:
        assert len(list(reading.items(file))) == 6
    assert sum(reading.unknown.values()) == 6
    assert [one.path for one in reading.skipped("edge_cases.jsonl")] == ["edge_cases.jsonl"] * 5
