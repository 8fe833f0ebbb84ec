"""What can be installed into: the agents of `agents.hosts`, those that only read a file of rules, and where their files lie.

What an agent's file there says is data: which file of hooks/ goes where, by scope. This module reads it and knows nothing
of any agent.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, NamedTuple

from memcli.agents import hosts
from memcli.errors import UsageError

GIT = "git"  # which is no agent: its hooks are installed by `githooks`
SCOPES = ("user", "project", "local")
MERGE, COPY, BLOCK = "merge", "copy", "block"
"""How a file of hooks/ is installed. *merge*: into JSON settings. *copy*: a file of our own. *block*: marked lines."""

ALWAYS, CAPTURE, ALLOW, SKILL = "always", "capture", "allow", "skill"
"""When: *capture* where sessions are captured, *allow* and *skill* where they are asked for."""


class Part(NamedTuple):
    """One file of hooks/ and where it goes: `paths` by scope, from the project's folder or with `{home}`."""

    how: str
    source: str
    paths: dict[str, str]
    when: str = ALWAYS


class Agent(NamedTuple):
    """What is known of an agent for installing into it. `home`: its own folder of settings; `programs`: its commands.

    `told`: a sentence for after an installation; `switches`: values of settings with which it runs no hooks; `manual`: a
    file of hooks/ for those who set it up by hand, and where it goes.
    """

    name: str
    label: str
    home: str
    programs: tuple[str, ...]
    parts: tuple[Part, ...]
    told: str = ""
    switches: dict[str, object] = {}  # noqa: RUF012  (a default that nobody changes)
    manual: tuple[str, str] | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(scope for scope in SCOPES if any(scope in part.paths for part in self.parts))

    def path(self, part: Part, scope: str, project: str) -> str | None:
        """Where a part goes; None where this agent has no such place."""
        pattern = part.paths.get(scope)
        if pattern is None:
            return None
        path = os.path.expanduser(pattern.replace("{home}", self.home))
        return os.path.normpath(os.path.join(project, path))

    def is_here(self) -> bool:
        """Whether this user has it: its folder of settings, or its command."""
        return os.path.isdir(self.home) or any(shutil.which(program) for program in self.programs)


# Agents without hooks: they read a file of rules in a project, and some one in the user's home.
_RULES = "rules/memcli.md"
_READERS = (
    Agent("roo", "Roo Code", "~/.roo", (), (
        Part(COPY, _RULES, {"user": "{home}/rules/memcli.md", "project": ".roo/rules/memcli.md"}),
    )),
    Agent("continue", "Continue", "~/.continue", ("cn",), (
        Part(COPY, "continue/memcli.md", {"user": "{home}/rules/memcli.md", "project": ".continue/rules/memcli.md"}),
    )),
    Agent("zed", "Zed", "~/.config/zed", ("zed", "zeditor"), (Part(BLOCK, _RULES, {"project": "AGENTS.md"}),)),
    Agent("agents-md", "every reader of AGENTS.md", "", (), (Part(BLOCK, _RULES, {"project": "AGENTS.md"}),)),
    Agent("aider", "Aider", "", ("aider",), (), manual=("aider/aider.conf.yml", ".aider.conf.yml, which mem does not write")),
)  # fmt: skip
NAMES = (*hosts.NAMES, *(agent.name for agent in _READERS))


def load(name: str) -> Agent:
    """The agent of that name. Raises UsageError."""
    for agent in _READERS:
        if agent.name == name:
            return agent._replace(home=os.path.expanduser(agent.home))
    if name not in hosts.NAMES:
        raise UsageError(f"there is no agent {name!r}", hint=f"one of: {', '.join((*NAMES, 'git', 'all'))}")
    host = hosts.load(name)
    return _from_data(name, host.label, host.install or {})


def detected(scope: str = "user") -> list[Agent]:
    """The agents that this user has, and that have files of that scope."""
    return [agent for agent in map(load, NAMES) if scope in agent.scopes and agent.is_here()]


def _from_data(name: str, label: str, data: dict[str, Any]) -> Agent:
    """`home` is a folder, or a variable that moves it, where it is else, and what lies in the moved folder."""
    home = data.get("home", "")
    if isinstance(home, tuple):
        variable, default, *inside = home
        moved = os.environ.get(variable)
        home = os.path.join(moved, *inside) if moved and os.path.isabs(moved) else default
    return Agent(
        name,
        label,
        os.path.expanduser(home),
        tuple(data.get("programs", ())),
        tuple(Part(*part) for part in data.get("parts", ())),
        data.get("told", ""),
        data.get("switches", {}),
        data.get("manual"),
    )


def folder() -> str:
    """The folder hooks/: inside the package when installed, else beside it."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    installed = os.path.join(package, "hooks")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "hooks")


def source(name: str) -> str:
    """The text of a file of hooks/."""
    with open(os.path.join(folder(), name), encoding="utf-8") as file:
        return file.read()
