"""The coding agents of the lab: where their programs lie, how each is pointed at the mock model, and how it is started.

Each gets a home of its own and a project in it. The settings are the least that lets it answer one prompt without a network
and without asking; what `mem hooks install` changes beside them is what the lab looks at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.lab.mock import MODEL, Mock

LIMIT_S = 120


class Room(NamedTuple):
    """A home with one project, and the model that its agent talks to."""

    home: Path
    project: Path
    mock: Mock
    program: Path

    @property
    def environment(self) -> dict[str, str]:
        """What every program of the room sees; nothing of the caller's own environment but where programs lie."""
        path = os.pathsep.join([str(self.home / "bin"), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.home), "TERM": "dumb", "LANG": "C.UTF-8", "SHELL": "/bin/sh"}

    def write(self, name: str, text: str) -> None:
        """Write a file of the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Agent(NamedTuple):
    """One agent, and what the lab must know of it.

    `programs`: where its program may lie below the lab's folder; `settle` writes settings; `command` starts it. `add_server`:
    its command that registers an MCP server, up to the server's own, or what writes it into the settings. `shell`: its tool
    that runs a command, and what the command is called there. `server_tool`: what it calls a tool of the server `mem` (in Codex
    namespace/name). `unasked`: options with which it asks nobody before it uses a tool.
    """

    name: str
    programs: tuple[str, ...]
    settle: Callable[[Room], None]
    command: Callable[[Room, str], tuple[list[str], dict[str, str]]]
    add_server: tuple[str, ...] | Callable[[Room], None]
    shell: tuple[str, str]
    server_tool: str
    unasked: tuple[str, ...] = ()

    def program(self, lab: Path) -> Path | None:
        found = (lab / prefix / name for name in self.programs for prefix in ("", "node_modules"))
        return next((path for path in found if path.is_file()), None)

    def version(self, program: Path) -> str:
        """As its package says."""
        for folder in program.parents:
            package = folder / "package.json"
            if package.is_file():
                version = str(json.loads(package.read_text(encoding="utf-8")).get("version", "?"))
                return version.removesuffix("-linux-x64")
        return "?"

    def run(self, room: Room, prompt: str, *, unasked: bool = False) -> subprocess.CompletedProcess[str]:
        """One prompt and its answer, without a person; `unasked`: it may use all its tools."""
        arguments, more = self.command(room, prompt)
        return subprocess.run(
            [*arguments, *(self.unasked if unasked else ())], cwd=room.project, env={**room.environment, **more},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    def register(self, room: Room) -> None:
        """Register `mem mcp` as docs/mcp.md says."""
        if not isinstance(self.add_server, tuple):
            self.add_server(room)
            return
        arguments, more = self.command(room, "")
        program = arguments[: arguments.index(str(room.program)) + 1]
        subprocess.run(
            [*program, *self.add_server, "mem", "mcp"], cwd=room.project, env={**room.environment, **more},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=True,
        )  # fmt: skip


def _nothing(_: Room) -> None:
    pass


def _claude(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    return [str(room.program), "-p", prompt], {
        "ANTHROPIC_BASE_URL": room.mock.url,
        "ANTHROPIC_API_KEY": "sk-ant-mock",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "MCP_CONNECTION_NONBLOCKING": "0",  # else the first prompt does not wait for servers,
        "ENABLE_TOOL_SEARCH": "false",  # and a model has to ask for their tools
    }


def _settle_codex(room: Room) -> None:
    room.write(
        ".codex/config.toml",
        f'model = "{MODEL}"\nmodel_provider = "mock"\n\n'
        f'[model_providers.mock]\nname = "mock"\nbase_url = "{room.mock.url}/v1"\nenv_key = "MOCK_KEY"\n'
        f'wire_api = "responses"\n\n[projects."{room.project}"]\ntrust_level = "trusted"\n',
    )


def _add_to_codex(room: Room) -> None:
    path = room.home / ".codex/config.toml"
    server = '\n[mcp_servers.mem]\ncommand = "mem"\nargs = ["mcp"]\nrequired = true\n'
    path.write_text(path.read_text(encoding="utf-8") + server, encoding="utf-8")


def _codex(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    # A person approves hooks once, with /hooks; without one they are trusted for this run.
    arguments = [str(room.program), "exec", "--dangerously-bypass-hook-trust", prompt]
    return arguments, {"CODEX_HOME": str(room.home / ".codex"), "MOCK_KEY": "x"}


def _settle_gemini(room: Room) -> None:
    security = {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}
    settings = {"security": security, "privacy": {"usageStatisticsEnabled": False}}
    room.write(".gemini/settings.json", json.dumps(settings, indent=2) + "\n")


def _gemini(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    arguments = ["node", str(room.program), "-p", prompt, "-y", "-m", "gemini-2.5-flash"]
    return arguments, {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": room.mock.url}


def _settle_qwen(room: Room) -> None:
    security = {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}}
    settings = {"security": security, "privacy": {"usageStatisticsEnabled": False}}
    room.write(".qwen/settings.json", json.dumps(settings, indent=2) + "\n")


def _qwen(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    settings = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": f"{room.mock.url}/v1", "OPENAI_MODEL": MODEL}
    return ["node", str(room.program), "-p", prompt], settings


def _copilot(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    return [str(room.program), "-p", prompt], {
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_BASE_URL": f"{room.mock.url}/v1",
        "COPILOT_PROVIDER_API_KEY": "x",
        "COPILOT_MODEL": MODEL,
        "COPILOT_AUTO_UPDATE": "false",
        "COPILOT_ALLOW_ALL": "true",
    }


def _settle_opencode(room: Room) -> None:
    model = {"name": MODEL, "tool_call": True, "limit": {"context": 100_000, "output": 4000}}
    options = {"baseURL": f"{room.mock.url}/v1", "apiKey": "x"}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "mock", "options": options, "models": {MODEL: model}}
    settings = {
        "model": f"mock/{MODEL}", "small_model": f"mock/{MODEL}", "autoupdate": False, "share": "disabled",
        "provider": {"mock": provider},
    }  # fmt: skip
    room.write(".config/opencode/opencode.json", json.dumps(settings, indent=2) + "\n")


def _add_to_opencode(room: Room) -> None:
    path = room.home / ".config/opencode/opencode.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["mcp"] = {"mem": {"type": "local", "command": ["mem", "mcp"], "enabled": True}}
    path.write_text(json.dumps(settings), encoding="utf-8")


def _opencode(room: Room, prompt: str) -> tuple[list[str], dict[str, str]]:
    return [str(room.program), "run", prompt], {}


AGENTS = (
    Agent(
        "claude-code",
        programs=("claude/claude", "@anthropic-ai/claude-code-linux-x64/claude"),
        settle=_nothing,
        command=_claude,
        add_server=("mcp", "add", "mem", "--"),
        shell=("Bash", "command"),
        server_tool="mcp__mem__{}",
        unasked=("--allowedTools", "Bash", "mcp__mem__add"),
    ),
    Agent(
        "codex",
        programs=(
            "codex/vendor/x86_64-unknown-linux-musl/bin/codex",
            "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
        ),
        settle=_settle_codex,
        command=_codex,
        add_server=_add_to_codex,
        shell=("exec_command", "cmd"),
        server_tool="mcp__mem/{}",
        unasked=("-s", "danger-full-access"),
    ),
    Agent(
        "gemini-cli",
        programs=("gemini/bundle/gemini.js", "@google/gemini-cli/bundle/gemini.js"),
        settle=_settle_gemini,
        command=_gemini,
        add_server=("mcp", "add", "mem"),
        shell=("run_shell_command", "command"),
        server_tool="mcp_mem_{}",
    ),
    Agent(
        "qwen-code",
        programs=("qwen/cli.js", "@qwen-code/qwen-code/cli.js"),
        settle=_settle_qwen,
        command=_qwen,
        add_server=("mcp", "add", "mem"),
        shell=("run_shell_command", "command"),
        server_tool="mcp__mem__{}",
        unasked=("-y",),
    ),
    Agent(
        "copilot-cli",
        programs=("copilot/copilot", "@github/copilot-linux-x64/copilot"),
        settle=_nothing,
        command=_copilot,
        add_server=("mcp", "add", "mem", "--"),
        shell=("bash", "command"),
        server_tool="mem-{}",
    ),
    Agent(
        "opencode",
        programs=("opencode/bin/opencode", "opencode-linux-x64/bin/opencode"),
        settle=_settle_opencode,
        command=_opencode,
        add_server=_add_to_opencode,
        shell=("bash", "command"),
        server_tool="mem_{}",
    ),
)
BY_NAME = {agent.name: agent for agent in AGENTS}


def missing(agent: Agent, lab: str | None) -> str | None:
    """Why an agent cannot be run here; None where it can."""
    if not lab:
        return "MEM_LAB names no folder with the agents' npm packages"
    program = agent.program(Path(lab))
    if program is None:
        return f"{lab} has no {agent.programs[0]}"
    if program.suffix == ".js" and shutil.which("node") is None:
        return f"{agent.name} needs node"
    return None
