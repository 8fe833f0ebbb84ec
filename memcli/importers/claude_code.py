"""Sessions of Claude Code: `~/.claude/projects/<project>/<session>.jsonl` (`CLAUDE_CONFIG_DIR` moves the first folder).

A line is an object with a `type`. Kept: what the user typed, answers and reasons given in a dialogue of the agent, slash
commands with arguments; of the agent its prose, the files it edited and the commands it ran. Left out: tool output, thinking,
subagents (`isSidechain`), what the program itself wrote (`isMeta`, `promptSource`, summaries, snapshots, hooks).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcli.importers import Item, Skipped, sessions, transcripts
from memcli.importers.listing import is_plain_file, is_plain_folder
from memcli.importers.transcripts import Answered, Began, Ended, Event, Said, Told, changed, ran, texts_of, word

NAME = "claude-code"
MEANING = "sessions of Claude Code"
AGENTS: tuple[str, ...] = ("claude-code",)

_BOOKKEEPING = """
summary system progress attachment file-history-snapshot queue-operation api-request api-request-blob last-prompt cost-state
ai-title custom-title tag agent-name agent-color agent-setting mode permission-mode pr-link worktree-state
content-replacement bridge-session marble-origami-commit marble-origami-snapshot speculation-accept task-summary
saved_hook_context
"""
_BY_THE_PROGRAM = ("isMeta", "isCompactSummary", "isApiErrorMessage", "isVisibleInTranscriptOnly")
_EDITING = {"Edit": "edited", "MultiEdit": "edited", "NotebookEdit": "edited", "Write": "wrote"}
_COMMAND = re.compile(r"<command-name>\s*(/[^<\n]{1,80}?)\s*</command-name>")
_ARGUMENTS = re.compile(r"<command-args>([\s\S]*?)</command-args>")
_INPUT = re.compile(r"<bash-input>([\s\S]*?)</bash-input>")
_REASON = re.compile(r"To tell you how to proceed, the user said:\s*([\s\S]+)")
_REJECTED = "The user doesn't want to proceed with this tool use"
_EXIT = re.compile(r"\AExit code (\d{1,3})\b")


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.suffix == ".jsonl" and _is_transcript(path)
    return is_plain_folder(path) and path.parent.name == "projects" and any(map(_is_transcript, _in(path)[:3]))


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    return [(folder, len(files)) for folder, files in _folders(here, home)]


def transcripts_of(here: Path, home: Path) -> list[Path]:
    return [file for _, files in _folders(here, home) for file in files]


def read(path: Path, project: Path | None = None) -> Iterator[Item | Skipped]:
    """One transcript, or all of a folder of Claude Code's."""
    return transcripts.read_files(_FORM, _in(path)) if os.path.isdir(path) else transcripts.read_file(_FORM, path)


def _folders(here: Path, home: Path) -> Iterator[tuple[Path, list[Path]]]:
    """The folders of sessions that were begun in this project, or below it."""
    projects = Path(os.environ.get("CLAUDE_CONFIG_DIR") or home / ".claude") / "projects"
    top = os.path.abspath(here)
    named = {re.sub(r"[^A-Za-z0-9]", "-", name) for name in (top, os.path.realpath(top))}
    for folder in sessions.folders(projects):
        if any(folder.name == name or folder.name.startswith(f"{name}-") for name in named):
            files = _in(folder)
            # `shop-web` may be a folder of `shop`, or its neighbour: the files say which.
            if files and (folder.name in named or _was_in(files, here)):
                yield folder, files


def _in(folder: Path) -> list[Path]:
    return [file for file in sessions.files(folder, ".jsonl", deep=False) if not file.name.startswith("agent-")]


def _was_in(files: list[Path], here: Path) -> bool:
    return any(sessions.is_inside(row.get("cwd"), here) for file in files[:3] for row in transcripts.head(file))


def _is_transcript(path: Path) -> bool:
    rows = [row for row in transcripts.head(path) if {"sessionId", "uuid", "message"} <= row.keys()]
    return any(isinstance(row["message"], dict) and "content" in row["message"] for row in rows)


# --- what a line tells -----------------------------------------------------------------------------------------------


class _Form:
    NAME = NAME

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told:
        type_ = row.get("type")
        session, at, ref = word(row.get("sessionId")), word(row.get("timestamp")), word(row.get("uuid"))
        transcripts.note(facts, session=session)
        if type_ not in ("user", "assistant"):
            return Told(str(type_ or "no type")[:40], known=type_ in _BOOKKEEPING.split())
        message = row.get("message")
        if not isinstance(message, dict) or "content" not in message:
            return Told(f"{type_} without a message", known=False)
        if row.get("isSidechain") or row.get("agentId"):
            return Told("of a subagent")
        if any(row.get(mark) for mark in _BY_THE_PROGRAM):
            return Told(f"{type_}, written by the program")
        if row.get("promptSource") == "system":
            return Told("prompt of the program")
        told = _user if type_ == "user" else _assistant
        kind, events = told(message["content"], row)
        return Told(kind, tuple(events), session, at, ref)


def _assistant(content: object, row: dict[str, Any]) -> tuple[str, list[Event]]:
    cwd = word(row.get("cwd"))
    events: list[Event] = []
    kinds: list[str] = []
    for part in _parts(content):
        kind = part.get("type")
        kinds.append(str(kind))
        if kind == "text" and word(part.get("text")):
            events.append(Answered(part["text"]))
        elif kind == "tool_use" and isinstance(part.get("input"), dict):
            what = _action(str(part.get("name")), part["input"], cwd)
            events += [Began(str(part.get("id")), what)] if what else []
    return f"assistant: {', '.join(dict.fromkeys(kinds)) or 'nothing'}", events


def _action(tool: str, given: dict[str, Any], cwd: str | None) -> str | None:
    """What a call does that is worth keeping; looking at files is not."""
    if tool in ("Bash", "PowerShell") and word(given.get("command")):
        return ran(given["command"], cwd)
    path = given.get("file_path") or given.get("notebook_path")
    return changed(path, cwd, how=_EDITING[tool]) if tool in _EDITING and word(path) else None


def _user(content: object, row: dict[str, Any]) -> tuple[str, list[Event]]:
    results = [part for part in _parts(content) if part.get("type") == "tool_result"]
    events: list[Event] = []
    said = [text for part in results if (text := _result(part, row, events))]
    typed = _typed(texts_of(content, "text"))
    if typed:
        said.append(typed)
    events += [Said("\n\n".join(said))] if said else []
    return f"user: {'tool result' if results else 'text' if said else 'notice'}", events


def _parts(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _typed(text: str) -> str:
    """What the user typed of a text: the program writes commands and their output in elements."""
    if command := _COMMAND.search(text):
        arguments = _ARGUMENTS.search(text)
        given = arguments[1].strip() if arguments else ""
        return f"{command[1]} {given}" if given else ""
    if commands := _INPUT.findall(text):
        return "\n".join(ran(command) for command in commands)
    return text


def _result(part: dict[str, Any], row: dict[str, Any], events: list[Event]) -> str:
    """Notes how a call ended; returns what the user said in it, when asked or when refusing."""
    text = texts_of(part.get("content"), "text")
    details = row.get("toolUseResult")
    how = ""
    if part.get("is_error"):
        code = _EXIT.match(text)
        how = "refused" if text.startswith(_REJECTED) else f"failed, exit code {code[1]}" if code else "failed"
    elif isinstance(details, dict) and details.get("interrupted") is True:
        how = "interrupted"
    events.append(Ended(str(part.get("tool_use_id")), how))
    reason = _REASON.search(text) if how == "refused" else None
    if reason:
        return reason[1].strip()
    answers = details.get("answers") if isinstance(details, dict) else None
    if isinstance(answers, dict):
        return "\n".join(f"{question} — {answer}" for question, answer in answers.items() if word(answer))
    return ""


_FORM = _Form()
FORM: transcripts.Format = _FORM
