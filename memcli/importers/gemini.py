"""Sessions of Gemini CLI and of Qwen Code, which grew out of it.

Gemini: `~/.gemini/tmp/<project>/chats/session-….jsonl` (`GEMINI_CLI_HOME` moves the first folder's parent). The first line says
whose session it is; a message is written again, under the same id, when something is added to it, and the last one counts.
`{"$set": …}` changes what is said of the session, `{"$rewindTo": …}` takes messages out of the model's sight: they were said
all the same, and stay. Older versions wrote one JSON object with `messages`. `<project>` is a short name, listed in
`~/.gemini/projects.json`, or the SHA-256 of the project's path.

Qwen Code: `~/.qwen/projects/<project>/chats/<session>.jsonl`, with lines like Claude Code's whose messages have Gemini's parts.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcli.errors import ImportFailed
from memcli.importers import Item, Skipped, sessions, transcripts
from memcli.importers.listing import is_plain_file, is_plain_folder
from memcli.importers.transcripts import (
    Answered,
    Began,
    Ended,
    Event,
    Reading,
    Said,
    Told,
    changed,
    ran,
    texts_of,
    word,
)

NAME = "gemini"
MEANING = "sessions of Gemini CLI and Qwen Code"
AGENTS: tuple[str, ...] = ("gemini-cli", "qwen-code")
MOST_OLD_BYTES = 64 * 1024 * 1024  # of a session in one JSON object, which is read as a whole

_QWENS = ("user", "assistant", "tool_result", "system")
_NOTICES = ("info", "error", "warning", "system", "about", "help", "stats", "quit", "tool_group", "compression")
_EDITING = {"replace": "edited", "edit": "edited", "write_file": "wrote"}


def claims(path: Path) -> bool:
    if is_plain_file(path):
        return path.suffix in (".jsonl", ".json") and _is_transcript(path)
    return is_plain_folder(path) and path.name == "chats" and any(map(_is_transcript, _files(path)[:3]))


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    return [(folder, len(_files(folder))) for folder in _folders(here, home)]


def transcripts_of(here: Path, home: Path) -> list[Path]:
    return [file for folder in _folders(here, home) for file in _files(folder)]


def read(path: Path, project: Path | None = None) -> Iterator[Item | Skipped]:
    """One session, or all of a folder `chats`."""
    for file in _files(path) if os.path.isdir(path) else [path]:
        yield from _read_old(file) if file.suffix == ".json" else transcripts.read_files(FORM, [file])


def _folders(here: Path, home: Path) -> list[Path]:
    """The folders `chats` of this project."""
    top = Path(os.environ.get("GEMINI_CLI_HOME") or home) / ".gemini"
    paths = {os.path.abspath(here), os.path.realpath(here)}
    names = {hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest() for path in paths}
    known = _object(top / "projects.json").get("projects")
    if isinstance(known, dict):
        names |= {name for path, name in known.items() if path in paths and isinstance(name, str)}
    own = [top / "tmp" / name / "chats" for name in sorted(names) if name == os.path.basename(name)]
    slugs = {re.sub(r"[^A-Za-z0-9]", "-", path) for path in paths}
    own += [home / ".qwen" / "projects" / slug / "chats" for slug in sorted(slugs)]
    return [folder for folder in own if is_plain_folder(folder) and _files(folder)]


def _files(folder: Path) -> list[Path]:
    """Sessions; those of subagents lie in folders below, and are left out."""
    return sessions.files(folder, ".jsonl", deep=False) + sessions.files(folder, ".json", deep=False)


def _object(path: Path, most: int = 1 << 20) -> dict[str, Any]:
    """The one object in a JSON file; {} where there is none."""
    if not is_plain_file(path):
        return {}
    try:
        with open(path, "rb") as file:
            row = json.loads(file.read(most).decode("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _is_transcript(path: Path) -> bool:
    if path.suffix == ".json":
        row = _object(path, MOST_OLD_BYTES)
        return isinstance(row.get("messages"), list) and "sessionId" in row
    rows = list(transcripts.head(path, 10))
    is_gemini = any({"sessionId", "projectHash"} <= row.keys() for row in rows)
    return is_gemini or any({"sessionId", "uuid"} <= row.keys() and _is_qwen(row) for row in rows)


def _is_qwen(row: dict[str, Any]) -> bool:
    message = row.get("message")
    return isinstance(message, dict) and isinstance(message.get("parts"), list)


def _read_old(path: Path) -> Iterator[Item | Skipped]:
    """A session in one JSON object, as lines."""
    row = _object(path, MOST_OLD_BYTES)
    if not isinstance(row.get("messages"), list):
        raise ImportFailed(f"{path} is no session of Gemini CLI", hint="mem import (lists what could be read)")
    messages = row.pop("messages")
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in [row, *messages])
    reading = Reading(FORM)
    yield from reading.items(io.BytesIO(lines))
    yield from reading.skipped(path.name)


# --- what a line tells -----------------------------------------------------------------------------------------------


class _Form:
    NAME = NAME

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told:
        session = word(row.get("sessionId"))
        transcripts.note(facts, session=session, cwd=row.get("cwd"))
        if "$set" in row or "$rewindTo" in row:
            return Told("$set" if "$set" in row else "$rewindTo")
        type_ = row.get("type")
        at = word(row.get("timestamp"))
        if isinstance(row.get("message"), dict) or type_ == "tool_result":
            kind, events, known = _qwen(row, facts.get("cwd"))
            return Told(kind, tuple(events), session, at, word(row.get("uuid")), known)
        if type_ is None and session:
            return Told("session")
        if type_ == "user":
            return Told("user", (Said(texts_of(row.get("content"), "text")),), at=at, ref=word(row.get("id")))
        if type_ == "gemini":
            return Told("gemini", tuple(_gemini(row, facts.get("cwd"))), at=at, ref=word(row.get("id")))
        return Told(str(type_)[:40], known=type_ in _NOTICES)


def _gemini(row: dict[str, Any], cwd: str | None) -> Iterator[Event]:
    text = texts_of(row.get("content"), "text")
    if text.strip():
        yield Answered(text, word(row.get("id")))
    calls = row.get("toolCalls")
    for call in calls if isinstance(calls, list) else ():
        given = call.get("args") if isinstance(call, dict) else None
        what = _action(str(call.get("name")), given, cwd) if isinstance(given, dict) else None
        if what:
            name, status = str(call.get("id")), call.get("status")
            yield Began(name, what)
            if status in ("success", "error", "cancelled"):
                how = {"success": "", "error": "failed", "cancelled": "refused"}[status]
                yield Ended(name, how or _failed(call.get("result")))


def _action(tool: str, given: dict[str, Any], cwd: str | None) -> str | None:
    if tool in ("run_shell_command", "shell") and word(given.get("command")):
        return ran(given["command"], cwd)
    path = given.get("file_path") or given.get("path")
    return changed(path, cwd, how=_EDITING[tool]) if tool in _EDITING and word(path) else None


_EXIT = re.compile(r"Exit Code: (\d{1,3})\b")


def _failed(result: object) -> str:
    """Gemini's shell succeeds in running what fails: the code stands at the end of the text of the result."""
    codes = _EXIT.findall(json.dumps(result)[-4000:]) if result else []
    return f"failed, exit code {codes[-1]}" if codes and codes[-1] != "0" else ""


def _qwen(row: dict[str, Any], cwd: str | None) -> tuple[str, list[Event], bool]:
    type_ = row.get("type")
    message = row.get("message")
    parts = message.get("parts") if isinstance(message, dict) else None
    parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    text = "\n\n".join(part["text"] for part in parts if word(part.get("text")) and not part.get("thought"))
    if row.get("subtype") and row.get("subtype") != "mid_turn_user_message":
        return f"{type_}, {row['subtype']}", [], True
    if type_ == "user":
        return "user", [Said(text)], True
    events: list[Event] = [Answered(text)] if type_ == "assistant" and text.strip() else []
    for part in parts:
        call, response = part.get("functionCall"), part.get("functionResponse")
        if isinstance(call, dict) and isinstance(call.get("args"), dict):
            what = _action(str(call.get("name")), call["args"], cwd)
            events += [Began(str(call.get("id")), what)] if what else []
        if isinstance(response, dict):
            result = row.get("toolCallResult")
            status = result.get("status") if isinstance(result, dict) else None
            how = (
                "failed"
                if status == "error"
                else "refused"
                if status == "cancelled"
                else _failed(response.get("response"))
            )
            events.append(Ended(str(response.get("id")), how))
    return str(type_), events, type_ in _QWENS


FORM: transcripts.Format = _Form()
