"""What a hook notes of a session that is to be kept: where its transcript lies, no more; the rest happens later, elsewhere.

`spool` appends a line to a file in the user's state and at most once a minute starts a process of its own that takes in
what was noted (`agents.ingester`), which lives on when the agent ends and holds nothing of the agent's open. Nothing is noted
until the user sets `capture`; no store can set that.

Agents that write no transcript that is understood here give what they said and were told in their payloads; that is noted
with secrets masked. Nothing else of a payload is: neither a user's mail address nor anything of the environment. Lean.
"""

from __future__ import annotations

import os
import sys
import time

from memcli import config
from memcli.agents import hosts, payload
from memcli.agents.hosts import PROMPT, START
from memcli.errors import MemError
from memcli.places import private_dir, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json.encoder import encode_basestring_ascii as quoted
    from typing import Any
else:
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:  # another Python than CPython
        from json.encoder import encode_basestring_ascii as quoted

TRANSCRIBED = {
    "claude-code": "claude-code", "codex": "codex", "gemini-cli": "gemini", "qwen-code": "gemini", "copilot-cli": "copilot",
    "opencode": "opencode",
}  # fmt: skip
"""Agents whose transcripts are read, and by which importer."""
IN_A_DATABASE = frozenset(("opencode",))
EVERY_S = 60.0  # no more than one process is started in this time; it stays as long, for what comes after it
MOST_BYTES = 4 << 20  # of what waits; a spool that nobody empties grows no further
MOST_TEXT = 32_000  # characters of a text from a payload
TRIAL = "memcli_trial"
"""What `mem hooks status` says in a payload of its own: nobody said any of that."""
_ANSWERS = ("last_assistant_message", "prompt_response", "text", "tool_info.response", "response")
_PROMPTS = ("prompt", "tool_info.user_prompt", "userPromptSubmit.prompt")


def spool(host: str, event: str, raw: dict[str, Any], now: float) -> None:
    """Note that something happened in a session, `event` being one of ours, if its user wants sessions kept.

    `raw` is what the agent sent, `now` in seconds. Does nothing where nothing can be noted; raises nothing.
    """
    try:
        line = _line(host, event, raw, now) if wanted() and TRIAL not in raw else ""
        if line and _append(line) and event not in (START, PROMPT):
            _start(now)
    except (OSError, MemError, NotImplementedError):
        pass


def wanted() -> bool:
    """Whether the user has sessions kept. Raises UsageError for a setting of the wrong kind."""
    return config.load().number("capture") == 1


def folder() -> str:
    return os.path.join(user_dir("state"), "capture")


def spool_path() -> str:
    return os.path.join(folder(), "spool.jsonl")


def _line(host: str, event: str, raw: dict[str, Any], now: float) -> str:
    """What is noted; "" where there is nothing to keep."""
    call = payload.Call(hosts.load(host), raw)
    said = {"host": host, "event": event, "session": call.session, "cwd": call.cwd}
    if event == START or (event == PROMPT and host in TRANSCRIBED):
        return ""  # nothing was said yet, or it will all be in the transcript
    if host in IN_A_DATABASE:
        if not call.session:
            return ""
    elif host in TRANSCRIBED and call.transcript:
        said["transcript"] = call.transcript
    else:
        said["prompt"] = _masked(raw, _PROMPTS)
        said["answer"] = _masked(raw, _ANSWERS) if event != PROMPT else ""
        if not (said["prompt"] or said["answer"]):
            return ""
    fields = "".join([f',"{name}":{quoted(value)}' for name, value in said.items() if value])
    return f'{{"at":{now:.3f}{fields}}}\n'


def _masked(raw: dict[str, Any], places: tuple[str, ...]) -> str:
    text = payload.text_of(payload.first(raw, places))[:MOST_TEXT]
    if not text:
        return ""
    from memcli.guard import secrets

    return secrets.mask(text)[0]


def _append(line: str) -> bool:
    """Add a line; False where too many wait already."""
    private_dir(folder())
    descriptor = os.open(spool_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size > MOST_BYTES:
            return False
        os.write(descriptor, line.encode("ascii"))
        return True
    finally:
        os.close(descriptor)


# --- the process that takes it in ------------------------------------------------------------------------------------


def _start(now: float) -> None:
    """Start a process that takes in what waits, unless one was started less than a minute ago."""
    if not _is_time(now):
        return
    command = [sys.executable, "-P", "-c", "from memcli.agents.ingester import main; main()"]
    environment = dict(os.environ)
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if os.path.basename(package) not in ("site-packages", "dist-packages"):
        environment["PYTHONPATH"] = package
    if hasattr(os, "posix_spawn"):
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        try:
            os.posix_spawn(sys.executable, command, environment, file_actions=nowhere, setsid=True)
        except NotImplementedError:  # a system that cannot: at least its own group, so that Ctrl-C is not for it
            os.posix_spawn(sys.executable, command, environment, file_actions=nowhere, setpgroup=0)
        return
    import subprocess

    null = subprocess.DEVNULL
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "DETACHED_PROCESS", 0)
    subprocess.Popen(command, stdin=null, stdout=null, stderr=null, env=environment, creationflags=flags)


def _is_time(now: float) -> bool:
    """Whether the last process was started EVERY_S ago; if so, this one counts as started."""
    path = os.path.join(folder(), "started")
    try:
        since = now - os.stat(path).st_mtime
    except FileNotFoundError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.utime(path, (now, now))
        return True
    if 0 <= since < EVERY_S:
        return False
    os.utime(path, (now, now))
    return True


def due_again(now: float | None = None) -> float:
    """In how many seconds a hook would start the next process."""
    try:
        since = (time.time() if now is None else now) - os.stat(os.path.join(folder(), "started")).st_mtime
    except OSError:
        return 0.0
    return max(0.0, EVERY_S - since) if since >= 0 else 0.0
