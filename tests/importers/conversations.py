"""One conversation, written down as each agent would: for the tests of importers, capture and what is learned from sessions.

A step is ("user", text), ("agent", text), ("run", command, exit code), ("edit", path) or ("wait", minutes).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Step = tuple[Any, ...]
BEGAN = 1_770_000_000  # 2026-02-02T02:40:00Z

FIXING: list[Step] = [
    ("user", "the checkout test fails, can you look?"),
    ("agent", "I'll run it first."),
    ("run", "pytest -q tests/test_checkout.py", 1),
    ("agent", "The total is rounded twice."),
    ("edit", "src/checkout.py"),
    ("run", "pytest -q tests/test_checkout.py", 0),
    ("agent", "Fixed: the total is rounded once, in `total()`."),
    ("user", "no, round with Decimal, not with floats"),
    ("agent", "Changed to Decimal."),
    ("edit", "src/money.py"),
]


def timed(steps: Iterable[Step]) -> Iterator[tuple[int, float, Step]]:
    """Steps with their number and time."""
    now = float(BEGAN)
    for number, step in enumerate(steps):
        now += 60 * step[1] if step[0] == "wait" else 20
        if step[0] != "wait":
            yield number, now, step


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".250Z"


def jsonl(rows: Iterable[object]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


# --- as Claude Code writes -------------------------------------------------------------------------------------------


def claude_code(steps: Iterable[Step], *, session: str = "5e55-1", cwd: str = "/home/ana/shop") -> bytes:
    def row(number: int | str, now: float, type_: str, content: object, **more: object) -> dict[str, object]:
        return {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": cwd,
            "sessionId": session,
            "version": "2.1.328",
            "gitBranch": "main",
            "type": type_,
            "message": {"role": type_, "content": content},
            "uuid": f"{session}-u{number}",
            "timestamp": at(now),
            **more,
        }

    rows: list[object] = [
        {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}, "isSnapshotUpdate": False}
    ]
    for number, now, step in timed(steps):
        if step[0] == "user":
            rows.append(row(number, now, "user", step[1]))
        elif step[0] == "agent":
            rows.append(
                row(f"{number}a", now, "assistant", [{"type": "thinking", "thinking": "Hm.", "signature": "x"}])
            )
            rows.append(row(number, now, "assistant", [{"type": "text", "text": step[1]}]))
        else:
            run = step[0] == "run"
            given = (
                {"command": step[1]} if run else {"file_path": f"{cwd}/{step[1]}", "old_string": "a", "new_string": "b"}
            )
            use = {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash" if run else "Edit", "input": given}
            failed = run and step[2] != 0
            said = f"Exit code {step[2]}\n1 failed" if failed else "ok"
            result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": said, "is_error": failed}
            rows.append(row(number, now, "assistant", [use]))
            rows.append(row(f"{number}r", now, "user", [result], toolUseResult={"stdout": said, "interrupted": False}))
    return jsonl(rows)


# --- as Codex writes -------------------------------------------------------------------------------------------------


def codex(steps: Iterable[Step], *, session: str = "5e55-2", cwd: str = "/home/ana/shop") -> bytes:
    def row(now: float, type_: str, payload: Mapping[str, object]) -> dict[str, object]:
        return {"timestamp": at(now), "type": type_, "payload": payload}

    def message(role: str, text: str) -> dict[str, object]:
        kind = "output_text" if role == "assistant" else "input_text"
        return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}

    rows = [
        row(BEGAN, "session_meta", {"id": session, "cwd": cwd, "cli_version": "0.169.0", "source": "cli"}),
        row(
            BEGAN,
            "response_item",
            message("user", f"<environment_context>\n  <cwd>{cwd}</cwd>\n</environment_context>"),
        ),
        row(BEGAN, "response_item", message("developer", "[memcli] 1 memory (…)")),
    ]
    for number, now, step in timed(steps):
        if step[0] in ("user", "agent"):
            role = "user" if step[0] == "user" else "assistant"
            rows.append(row(now, "response_item", message(role, step[1])))
            rows.append(row(now, "event_msg", {"type": f"{step[0]}_message", "message": step[1]}))
            continue
        call = f"call_{number}"
        if step[0] == "run":
            arguments = json.dumps({"command": ["bash", "-lc", step[1]], "workdir": cwd})
            output = json.dumps({"output": "…", "metadata": {"exit_code": step[2], "duration_seconds": 0.1}})
            rows.append(
                row(
                    now,
                    "response_item",
                    {"type": "function_call", "name": "shell", "arguments": arguments, "call_id": call},
                )
            )
            rows.append(row(now, "response_item", {"type": "function_call_output", "call_id": call, "output": output}))
        else:
            patch = f"*** Begin Patch\n*** Update File: {step[1]}\n@@\n-a\n+b\n*** End Patch"
            rows.append(
                row(
                    now,
                    "response_item",
                    {"type": "custom_tool_call", "name": "apply_patch", "input": patch, "call_id": call},
                )
            )
            output = json.dumps({"output": "Success.", "metadata": {"exit_code": 0}})
            rows.append(
                row(now, "response_item", {"type": "custom_tool_call_output", "call_id": call, "output": output})
            )
        rows.append(row(now, "event_msg", {"type": "token_count", "info": None}))
    return jsonl(rows)


# --- as Gemini CLI and Qwen Code write -------------------------------------------------------------------------------


def gemini(steps: Iterable[Step], *, session: str = "5e55-3", cwd: str = "/home/ana/shop") -> bytes:
    rows: list[object] = [{"sessionId": session, "projectHash": "0" * 64, "startTime": at(BEGAN), "kind": "main"}]
    last: dict[str, Any] | None = None
    for number, now, step in timed(steps):
        if step[0] == "user":
            last = None
            text = f"<hook_context>[memcli] old</hook_context>\n\n{step[1]}"
            rows.append({"id": f"m{number}", "timestamp": at(now), "type": "user", "content": [{"text": text}]})
        elif step[0] == "agent" or last is None:
            text = step[1] if step[0] == "agent" else ""
            last = {"id": f"m{number}", "timestamp": at(now), "type": "gemini", "content": text, "thoughts": []}
            rows.append(dict(last))
        if step[0] in ("run", "edit"):
            assert last is not None
            run = step[0] == "run"
            given = (
                {"command": step[1]} if run else {"file_path": f"{cwd}/{step[1]}", "old_string": "a", "new_string": "b"}
            )
            output = f"Output: …\nExit Code: {step[2]}" if run else "Successfully modified file"
            result = [{"functionResponse": {"id": f"c{number}", "response": {"output": output}}}]
            call = {
                "id": f"c{number}",
                "name": "run_shell_command" if run else "replace",
                "args": given,
                "status": "success",
            }
            last["toolCalls"] = [*last.get("toolCalls", []), {**call, "result": result}]
            rows.append(json.loads(json.dumps(last)))  # the whole message once more
        rows.append({"$set": {"lastUpdated": at(now)}})
    return jsonl(rows)


def qwen(steps: Iterable[Step], *, session: str = "5e55-6", cwd: str = "/home/ana/shop") -> bytes:
    rows = []
    for number, now, step in timed(steps):
        said = {"sessionId": session, "timestamp": at(now), "cwd": cwd, "version": "0.24.4", "parentUuid": None}
        if step[0] in ("user", "agent"):
            user = step[0] == "user"
            message = {"role": "user" if user else "model", "parts": [{"text": step[1]}]}
            rows.append({**said, "uuid": f"q{number}", "type": "user" if user else "assistant", "message": message})
            continue
        run = step[0] == "run"
        given = {"command": step[1]} if run else {"file_path": f"{cwd}/{step[1]}"}
        call = {"functionCall": {"id": f"c{number}", "name": "run_shell_command" if run else "edit", "args": given}}
        rows.append({**said, "uuid": f"q{number}", "type": "assistant", "message": {"role": "model", "parts": [call]}})
        output = f"Output: …\nExit Code: {step[2]}" if run else "edited"
        response = {"functionResponse": {"id": f"c{number}", "name": "x", "response": {"output": output}}}
        rows.append(
            {
                **said,
                "uuid": f"q{number}r",
                "type": "tool_result",
                "message": {"role": "user", "parts": [response]},
                "toolCallResult": {"status": "success"},
            }
        )
    return jsonl(rows)


# --- as Copilot CLI writes -------------------------------------------------------------------------------------------


def copilot(steps: Iterable[Step], *, session: str = "5e55-4", cwd: str = "/home/ana/shop") -> bytes:
    def row(number: object, now: float, type_: str, data: Mapping[str, object], **more: object) -> dict[str, object]:
        return {"type": type_, "data": data, "id": f"e{number}", "timestamp": at(now), "parentId": None, **more}

    rows = [row("s", BEGAN, "session.start", {"sessionId": session, "context": {"cwd": cwd, "branch": "main"}})]
    for number, now, step in timed(steps):
        if step[0] == "user":
            around = (
                f"<current_datetime>now</current_datetime>\n\n{step[1]}\n\n<system_reminder>[memcli]</system_reminder>"
            )
            rows.append(
                row(number, now, "user.message", {"content": step[1], "transformedContent": around, "attachments": []})
            )
            rows.append(row(f"{number}t", now, "assistant.turn_start", {"turnId": "0"}))
        elif step[0] == "agent":
            rows.append(
                row(f"{number}d", now, "assistant.message_delta", {"deltaContent": step[1][:3]}, ephemeral=True)
            )
            rows.append(
                row(
                    number,
                    now,
                    "assistant.message",
                    {"messageId": f"m{number}", "content": step[1], "toolRequests": []},
                )
            )
        else:
            run = step[0] == "run"
            given: dict[str, object] = {"command": step[1]} if run else {"path": f"{cwd}/{step[1]}", "old_str": "a"}
            start = {"toolCallId": f"t{number}", "toolName": "bash" if run else "edit", "arguments": given}
            said = f"…\n<exited with exit code {step[2]}>" if run else "ok"
            rows.append(row(number, now, "tool.execution_start", start))
            end = {"toolCallId": f"t{number}", "success": True, "result": {"content": said}}
            rows.append(row(f"{number}e", now, "tool.execution_complete", end))
    return jsonl(rows)


# --- as opencode writes ----------------------------------------------------------------------------------------------


def opencode(
    path: Path, steps: Iterable[Step], *, session: str = "ses_5", cwd: str = "/home/ana/shop", parent: str | None = None
) -> Path:
    """Adds a session to the database at `path`, which is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE IF NOT EXISTS session (id text PRIMARY KEY, project_id text, parent_id text, directory text, title text,"
        " time_created integer, time_updated integer);"
        "CREATE TABLE IF NOT EXISTS message (id text PRIMARY KEY, session_id text, time_created integer, data text);"
        "CREATE TABLE IF NOT EXISTS part"
        " (id text PRIMARY KEY, message_id text, session_id text, time_created integer, data text);"
    )
    began = BEGAN * 1000
    connection.execute(
        "INSERT INTO session VALUES (?, 'p', ?, ?, 'a title', ?, ?)", (session, parent, cwd, began, began)
    )
    message = ""
    for number, now, step in timed(steps):
        role = "user" if step[0] == "user" else "assistant"
        if step[0] in ("user", "agent") or not message:
            message = f"msg_{session}_{number:04}"
            data = {"role": role, "time": {"created": int(now * 1000)}}
            connection.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?)", (message, session, int(now * 1000), json.dumps(data))
            )
        part: dict[str, object] = {"type": "text", "text": f'"{step[1]}"' if step[0] == "user" else step[1]}
        if step[0] in ("run", "edit"):
            given = {"command": step[1]} if step[0] == "run" else {"filePath": f"{cwd}/{step[1]}"}
            code = step[2] if step[0] == "run" else 0
            state = {"status": "completed", "input": given, "output": "…", "metadata": {"exit": code}}
            part = {
                "type": "tool",
                "tool": "bash" if step[0] == "run" else "edit",
                "callID": f"c{number}",
                "state": state,
            }
        connection.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?)",
            (f"prt_{session}_{number:04}", message, session, int(now * 1000), json.dumps(part)),
        )
    connection.commit()
    connection.close()
    return path


WRITERS: dict[str, Callable[..., bytes]] = {
    "claude-code": claude_code,
    "codex": codex,
    "gemini": gemini,
    "qwen": qwen,
    "copilot": copilot,
}
"""Agents that write a line a message."""
