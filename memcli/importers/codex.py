"""Sessions of Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-….jsonl` (`CODEX_HOME` moves the first folder).

A line is {"timestamp", "type", "payload"}. What was said comes twice, as a `response_item` for the model and as an `event_msg`
for the screen; the first is read, since old and new versions write it. Left out: environment and instructions that come under
the user's name, what hooks put in (role developer), reasoning, tool output, counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcli.importers import Item, Skipped, sessions, transcripts
from memcli.importers.listing import is_plain_file, is_plain_folder
from memcli.importers.transcripts import Answered, Began, Ended, Event, Said, Told, changed, ran, texts_of, word

NAME = "codex"
MEANING = "sessions of Codex"
AGENTS: tuple[str, ...] = ("codex",)

_BOOKKEEPING = (
    "session_meta", "turn_context", "event_msg", "compacted", "world_state", "token_usage_record", "ghost_snapshot",
    "inter_agent_communication",
)  # fmt: skip
_ITEMS = (
    "reasoning", "web_search_call", "image_generation_call", "ghost_snapshot", "compaction", "compaction_summary", "other",
)  # fmt: skip
_SHELLS = ("shell", "exec_command", "local_shell", "container.exec", "shell_command")
_PATCHED = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$", re.MULTILINE)
_HOW = {"Add": "wrote", "Update": "edited", "Delete": "deleted"}
_CODE = re.compile(r"(?:exit code:?|exited with code) (-?\d{1,3})", re.IGNORECASE)


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.suffix == ".jsonl" and any(row.get("type") == "session_meta" for row in transcripts.head(path, 3))
    return (
        is_plain_folder(path) and path.name in ("sessions", "archived_sessions") and any(map(_is_rollout, _files(path)))
    )


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    counted = [(folder, len(_of(folder, here))) for folder in _folders(home)]
    return [(folder, count) for folder, count in counted if count]


def transcripts_of(here: Path, home: Path) -> list[Path]:
    return [file for folder in _folders(home) for file in _of(folder, here)]


def read(path: Path, project: Path | None = None) -> Iterator[Item | Skipped]:
    """One rollout, or all below a folder (of `project`, if one is given)."""
    if os.path.isdir(path):
        return transcripts.read_files(FORM, _of(path, project))
    return transcripts.read_file(FORM, path)


def _folders(home: Path) -> list[Path]:
    top = Path(os.environ.get("CODEX_HOME") or home / ".codex")
    return [top / name for name in ("sessions", "archived_sessions") if is_plain_folder(top / name)]


def _files(folder: Path) -> list[Path]:
    return sessions.files(folder, ".jsonl")


def _is_rollout(path: Path) -> bool:
    return path.name.startswith("rollout-")


def _of(folder: Path, project: Path | None) -> list[Path]:
    return [path for path in _files(folder) if _is_rollout(path) and (project is None or _was_in(path, project))]


def _was_in(path: Path, project: Path) -> bool:
    """Whether the session was begun in that project: its first line says so."""
    for row in transcripts.head(path, 1):
        payload = row.get("payload")
        if isinstance(payload, dict):
            return sessions.is_inside(payload.get("cwd"), project)
    return False


# --- what a line tells -----------------------------------------------------------------------------------------------


class _Form:
    NAME = NAME

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told:
        type_, payload = row.get("type"), row.get("payload")
        if not isinstance(payload, dict):
            return Told(f"{str(type_)[:40]} without a payload", known=False)
        if type_ == "session_meta":
            transcripts.note(facts, session=payload.get("id") or payload.get("session_id"), cwd=payload.get("cwd"))
        if type_ != "response_item":
            return Told(str(type_)[:40], known=type_ in _BOOKKEEPING)
        kind, events, known = _item(payload, facts.get("cwd"))
        return Told(kind, tuple(events), at=word(row.get("timestamp")), ref=word(payload.get("id")), known=known)


def _item(payload: dict[str, Any], cwd: str | None) -> tuple[str, list[Event], bool]:
    type_ = payload.get("type")
    if type_ == "message":
        role = payload.get("role")
        text = texts_of(payload.get("content"), "input_text", "output_text", "text")
        events: list[Event] = [Said(text)] if role == "user" else [Answered(text)] if role == "assistant" else []
        return f"message, {role}", events, role in ("user", "assistant", "developer", "system")
    if type_ in ("function_call", "custom_tool_call", "local_shell_call"):
        call = str(payload.get("call_id") or payload.get("id"))
        return str(type_), [Began(f"{call}-{n}", what) for n, what in enumerate(_actions(payload, cwd))], True
    if type_ in ("function_call_output", "custom_tool_call_output"):
        call, how = str(payload.get("call_id")), _outcome(payload.get("output"))
        return str(type_), [Ended(f"{call}-{n}", how) for n in range(transcripts.MOST_ACTIONS)], True
    return str(type_)[:40], [], type_ in _ITEMS


def _actions(payload: dict[str, Any], cwd: str | None) -> list[str]:
    """The commands that a call runs and the files that it changes."""
    given = payload.get("arguments") or payload.get("input") or payload.get("action")
    if isinstance(given, str) and payload.get("type") == "function_call":
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return []
    patch = (
        given
        if isinstance(given, str)
        else given.get("input") or given.get("patch")
        if isinstance(given, dict)
        else None
    )
    if payload.get("name") == "apply_patch" and isinstance(patch, str):
        return _patched(patch, cwd)
    if isinstance(given, dict) and (payload.get("name") in _SHELLS or payload.get("type") == "local_shell_call"):
        command = given.get("command") or given.get("cmd")
        if isinstance(command, list) and len(command) > 1 and command[0] == "apply_patch":
            return _patched(str(command[1]), cwd)
        return [ran(command, cwd)] if command else []
    return []


def _patched(patch: str, cwd: str | None) -> list[str]:
    found = _PATCHED.findall(patch)[: transcripts.MOST_ACTIONS]
    return [changed(path.strip(), cwd, how=_HOW[verb]) for verb, path in found]


def _outcome(output: object) -> str:
    """How a call ended, as far as its output says: a code in JSON or in words, or that a patch did not fit."""
    if isinstance(output, dict):
        output = output.get("content") or output
    if isinstance(output, str):
        try:
            details = json.loads(output)
        except (ValueError, RecursionError):
            details = None
        metadata = details.get("metadata") if isinstance(details, dict) else None
        code = metadata.get("exit_code") if isinstance(metadata, dict) else None
        if code is None and (said := _CODE.search(output[:400])):
            code = int(said[1])
        if isinstance(code, int) and code:
            return f"failed, exit code {code}"
        if code is None and re.match(r"apply_patch verification failed|failed to |error[: ]", output, re.IGNORECASE):
            return "failed"
    return ""


FORM: transcripts.Format = _Form()
