"""Sessions of GitHub Copilot CLI: `~/.copilot/session-state/<id>/events.jsonl` (`COPILOT_HOME` moves the first folder).

A line is {"type", "data", "id", "timestamp"}. Of a prompt `content` is read, what the user typed, and not
`transformedContent`, with what hooks and the program put around it. Left out: reasoning, tool output, permissions, hooks,
subagents (`agentId`), and what is marked as passing (`ephemeral`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcli.importers import Item, Skipped, sessions, transcripts
from memcli.importers.listing import is_plain_file, is_plain_folder
from memcli.importers.transcripts import Answered, Began, Ended, Event, Said, Told, changed, ran, texts_of, word

NAME = "copilot"
MEANING = "sessions of GitHub Copilot CLI"
AGENTS: tuple[str, ...] = ("copilot-cli",)

_BOOKKEEPING = (
    "session.", "assistant.", "tool.", "permission.", "hook.", "subagent.", "skill.", "system.", "model.", "user_input.",
    "command.", "elicitation.", "pending_messages.", "external_tool.", "sampling.", "mcp.", "exit_plan_mode.", "abort",
    "function",
)  # fmt: skip
_EDITING = {"edit": "edited", "str_replace": "edited", "insert": "edited", "create": "wrote", "write": "wrote"}
_SHELLS = ("bash", "shell", "powershell")


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.suffix == ".jsonl" and any(_is_event(row) for row in transcripts.head(path, 5))
    return is_plain_folder(path) and path.name == "session-state" and bool(_files(path))


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    count = len(transcripts_of(here, home))
    return [(_folder(home), count)] if count else []


def transcripts_of(here: Path, home: Path) -> list[Path]:
    return [file for file in _files(_folder(home)) if _was_in(file, here)]


def read(path: Path, project: Path | None = None) -> Iterator[Item | Skipped]:
    """One session, or all of a folder (of `project`, if one is given)."""
    if not os.path.isdir(path):
        return transcripts.read_file(FORM, path)
    return transcripts.read_files(FORM, [file for file in _files(path) if project is None or _was_in(file, project)])


def _folder(home: Path) -> Path:
    return Path(os.environ.get("COPILOT_HOME") or home / ".copilot") / "session-state"


def _files(folder: Path) -> list[Path]:
    return (
        [file for file in sessions.files(folder, ".jsonl") if file.name == "events.jsonl"]
        if is_plain_folder(folder)
        else []
    )


def _is_event(row: dict[str, Any]) -> bool:
    return isinstance(row.get("data"), dict) and str(row.get("type")).startswith(("session.", "user.", "assistant."))


def _was_in(path: Path, project: Path) -> bool:
    """Whether a session was begun in that project: its first event says so, or else the file beside it."""
    for row in transcripts.head(path, 5):
        data = row.get("data")
        context = data.get("context") if isinstance(data, dict) else None
        if isinstance(context, dict) and word(context.get("cwd")):
            return sessions.is_inside(context["cwd"], project)
    try:
        with open(path.parent / "workspace.yaml", encoding="utf-8", errors="replace") as file:
            lines = file.read(65_536).splitlines()
    except (OSError, ValueError):
        return False
    folders = [line.partition(":")[2].strip().strip("\"'") for line in lines if line.startswith(("cwd:", "git_root:"))]
    return any(sessions.is_inside(folder, project) for folder in folders)


# --- what a line tells -----------------------------------------------------------------------------------------------


class _Form:
    NAME = NAME

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told:
        type_, data = str(row.get("type")), row.get("data")
        if not isinstance(data, dict):
            return Told(f"{type_[:40]} without data", known=False)
        if type_ == "session.start":
            context = data.get("context")
            cwd = context.get("cwd") if isinstance(context, dict) else None
            transcripts.note(facts, session=data.get("sessionId"), cwd=cwd)
        if row.get("ephemeral") or row.get("agentId") or data.get("parentAgentTaskId") or data.get("parentToolCallId"):
            return Told(f"{type_}, passing or of a subagent")
        at, ref = word(row.get("timestamp")), word(row.get("id"))
        if type_ == "user.message":
            by_program = word(data.get("source")) not in (None, "user")
            return Told(type_, () if by_program else (Said(texts_of(data.get("content"), "text")),), at=at, ref=ref)
        return Told(
            type_, tuple(_events(type_, data, facts.get("cwd"))), at=at, ref=ref, known=type_.startswith(_BOOKKEEPING)
        )


def _events(type_: str, data: dict[str, Any], cwd: str | None) -> Iterator[Event]:
    if type_ == "assistant.message":
        yield Answered(texts_of(data.get("content"), "text"))
    elif type_ == "tool.execution_start":
        given = data.get("arguments")
        what = _action(str(data.get("toolName")), given, cwd) if isinstance(given, dict) else None
        if what:
            yield Began(str(data.get("toolCallId")), what)
    elif type_ == "tool.execution_complete":
        yield Ended(str(data.get("toolCallId")), _outcome(data))


def _action(tool: str, given: dict[str, Any], cwd: str | None) -> str | None:
    if tool in _SHELLS and word(given.get("command")):
        return ran(given["command"], cwd)
    path = given.get("path") or given.get("file_path")
    return changed(path, cwd, how=_EDITING[tool]) if tool in _EDITING and word(path) else None


def _outcome(data: dict[str, Any]) -> str:
    """Copilot's shell succeeds in running what fails: the code ends the text of the result."""
    if data.get("success") is False:
        return "failed"
    result = data.get("result")
    text = str(result.get("content") or "")[-200:] if isinstance(result, dict) else ""
    code = text.rpartition("exited with exit code ")[2].rstrip(">. \n")
    return f"failed, exit code {code}" if code.isdigit() and code != "0" and "exited with exit code " in text else ""


FORM: transcripts.Format = _Form()
