"""One agent's trial: what its model is told before hooks are installed, while they are, and after they are gone.

Two memories tell the two ways apart by which text reaches a model: a decision, which stands in the brief that a session
begins with, and a reference, which never does and can only come with the prompt that it answers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.agents import Agent, Room
from tests.lab.mock import Call, Mock

ROOT = Path(__file__).resolve().parents[2]
START_MARK, PROMPT_MARK = "quince-7319", "47113"
START_MEMORY = f"Releases are cut by hand on Tuesdays and tagged {START_MARK}, because the mirror syncs on Wednesdays."
PROMPT_MEMORY = f"The zephyr staging gateway listens on port {PROMPT_MARK}, behind the old proxy."
PROMPT = "Which port does the zephyr staging gateway listen on?"


class Seen(NamedTuple):
    """What one run told the model: whether it ran, and which of the two memories were in a request."""

    ran: bool
    start: bool
    prompt: bool
    requests: int
    said: str


class Trial(NamedTuple):
    agent: str
    version: str
    scope: str
    before: Seen
    installed: Seen
    after: Seen
    hooks: dict[str, list[int]]  # by event, how many milliseconds each call took
    captured: int  # episodes that its session left
    restored: bool  # whether all settings are what they were

    @property
    def fine(self) -> bool:
        told = self.installed.start and self.installed.prompt
        untold = not (self.before.start or self.before.prompt or self.after.start or self.after.prompt)
        ran = self.before.ran and self.installed.ran and self.after.ran
        return told and untold and ran and self.captured == 1 and self.restored


def trial(agent: Agent, lab: Path, folder: Path, *, scope: str = "user") -> Trial:
    """Run one agent three times in an empty folder."""
    with Mock() as mock:
        room = made_room(agent, folder, mock, lab)
        mem(room, "add", START_MEMORY, "--type", "decision")
        mem(room, "add", PROMPT_MEMORY, "--type", "reference")
        before = look(agent, room)
        settings = _settings(room)
        at = ("--agent", agent.name, "--scope", scope)
        mem(room, "hooks", "install", *at, "--capture", "--force")  # the lab lies in a temporary place
        installed = look(agent, room)
        hooks, captured = _calls(room.home), _captured(room)
        mem(room, "hooks", "uninstall", *at)
        restored = _is_restored(settings, _settings(room))
        after = look(agent, room)
        version = agent.version(room.program)
        return Trial(agent.name, version, scope, before, installed, after, hooks, captured, restored)


TOOLS = ("recall", "context", "add", "show", "feedback", "curate", "list", "forget")


def tools_offered(agent: Agent, lab: Path, folder: Path) -> set[str]:
    """The tools of `mem mcp` that an agent offers its model, once the server is registered as docs/mcp.md says."""
    with Mock() as mock:
        room = made_room(agent, folder, mock, lab)
        agent.register(room)
        look(agent, room)
        text = room.mock.text()
        # By a name with the server's before it, or below a namespace of that.
        return {name for name in TOOLS if re.search(rf'mem_*[_-]{name}\b|"name": "mcp__mem".*"name": "{name}"', text)}


def author_of(agent: Agent, lab: Path, folder: Path, *, by_tool: bool) -> tuple[str, str]:
    """Have an agent's model keep a memory, by the tool of `mem mcp` or `mem add` in its shell; the source and trust of it."""
    said = "The kettle of the lab is called Boris."
    with Mock() as mock:
        room = made_room(agent, folder, mock, lab)
        if by_tool:
            agent.register(room)
            namespace, _, name = agent.server_tool.format("add").rpartition("/")
            mock.call = Call(name, {"text": said}, namespace)
        else:
            tool, key = agent.shell
            mock.call = Call(tool, {key: f'mem add "{said}"', "description": "keep it"})
        ended = agent.run(room, PROMPT, unasked=True)
        (row,) = json.loads(mem(room, "ls", "--json")) or [{"source": f"nothing kept: {ended.stdout}{ended.stderr}"}]
        return row.get("source") or "you", row.get("trust", "")


def without_mem(agent: Agent, lab: Path, folder: Path) -> Seen:
    """What an agent does whose hooks are installed, and whose `mem` is not."""
    with Mock() as mock:
        room = made_room(agent, folder, mock, lab)
        mem(room, "hooks", "install", "--agent", agent.name, "--force", "--capture")
        (room.home / "bin" / "mem").unlink()
        return look(agent, room)


def look(agent: Agent, room: Room) -> Seen:
    """Put the prompt to the agent once, and look at what its model was sent."""
    room.mock.requests.clear()
    ended = agent.run(room, PROMPT)
    asked = [request for request in room.mock.requests if PROMPT.split()[-1] in request.text]
    text = "\n".join(request.text for request in asked)
    said = "\n".join(filter(None, [ended.stdout.strip()[-500:], ended.stderr.strip()[-1500:]]))
    return Seen(ended.returncode == 0 and bool(asked), START_MARK in text, PROMPT_MARK in text, len(asked), said)


def made_room(agent: Agent, folder: Path, mock: Mock, lab: Path) -> Room:
    """A fresh home with the agent's settings, and a project with a store."""
    program = agent.program(lab)
    assert program is not None
    room = Room(folder / "home", folder / "home" / "project", mock, program)
    room.project.mkdir(parents=True)
    _put_mem_there(room.home / "bin")
    subprocess.run(["git", "init", "-q"], cwd=room.project, env=room.environment, check=True)
    agent.settle(room)
    mem(room, "init", "--no-input")
    return room


def mem(room: Room, *arguments: str) -> str:
    """Run `mem` in the room as its person would; returns what it prints."""
    ended = subprocess.run(
        ["mem", *arguments], cwd=room.project, env=room.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        raise AssertionError(f"mem {' '.join(arguments)} → {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def _put_mem_there(folder: Path) -> None:
    """A `mem` on the room's PATH: this tree, run by this Python. With more time for hooks than they have: the lab looks at
    whether agents hear them, on a machine that may be busy."""
    folder.mkdir(parents=True)
    command = folder / "mem"
    command.write_text(
        f'#!/bin/sh\nMEM_HOOK_DEADLINE_MS=4000 PYTHONPATH="{ROOT}" exec "{sys.executable}" -c'
        ' "import sys; sys.argv[0] = \'mem\'; from memcli.__main__ import script; script()" "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    # Codex runs commands in a login shell, whose PATH is what the profile says.
    (folder.parent / ".profile").write_text('PATH="$HOME/bin:$PATH"\n', encoding="utf-8")


SETTINGS = (
    ".claude/settings.json", ".claude/settings.local.json", ".codex/config.toml", ".codex/hooks.json", ".gemini/settings.json",
    ".qwen/settings.json", ".copilot/hooks/memcli.json", ".github/hooks/memcli.json", ".config/opencode/opencode.json",
    ".config/opencode/plugins/memcli.js", ".opencode/plugins/memcli.js", "opencode.json", "AGENTS.md", "CLAUDE.md",
)  # fmt: skip


def _settings(room: Room) -> dict[Path, bytes]:
    """The files of the home and of the project that `mem hooks` may write."""
    paths = [folder / name for folder in (room.home, room.project) for name in SETTINGS]
    return {path: path.read_bytes() for path in paths if path.is_file()}


def _is_restored(before: dict[Path, bytes], after: dict[Path, bytes]) -> bool:
    """Whether each file has its bytes again, and no other is there but for what Qwen Code writes into each that it reads."""
    made = [json.loads(data) for path, data in after.items() if path not in before]
    return all(after.get(path) == data for path, data in before.items()) and all({*one} == {"$version"} for one in made)


def _calls(home: Path) -> dict[str, list[int]]:
    """How long each call of a hook took, by event, as the hooks themselves noted it."""
    begun: dict[str, str] = {}
    calls: dict[str, list[int]] = {}
    for path in sorted((home / ".local/state/mem/sessions").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            said: dict[str, Any] = json.loads(line)
            if "event" in said:
                begun[said["key"]] = said["event"]
            if "ms" in said:
                calls.setdefault(begun.get(said["key"], "?"), []).append(said["ms"])
    return calls


def _captured(room: Room) -> int:
    """How many episodes the sessions left, once what was spooled has been read."""
    mem(room, "status")
    tree = room.project / ".mem" / "local" / "tree"
    return sum(1 for path in tree.rglob("*.md") if "\ntype: episode" in path.read_text(encoding="utf-8")[:2000])
