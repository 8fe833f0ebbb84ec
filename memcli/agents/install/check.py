"""`mem hooks status`: is it installed, and does it work?

Each installed command is run as its agent would run it, with a recorded payload (hooks/<agent>/payloads.json), in a session
of its own of which nothing is kept.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from memcli.agents import capture, hosts
from memcli.agents.hook import TOLD
from memcli.agents.hosts import CLINE, CURSOR, ENVELOPE, FLAT, PLAIN
from memcli.agents.install import githooks, plans, targets
from memcli.agents.install.command import OR_TRUE, Command, guarded
from memcli.agents.install.manifest import Manifest
from memcli.agents.install.targets import COPY, GIT, Agent
from memcli.agents.sessions import Session

RUNS = 3
LIMIT_S = 10.0
_PROGRAM = re.compile(r"^const MEM = (\".*\")", re.MULTILINE)


class Status(NamedTuple):
    """One installation. `events`: the hooks that are there; `ms` (median) and `bytes` of the slowest of those that were run.

    `problem` is None where all is well, and a sentence else.
    """

    agent: str
    scope: str
    file: str
    events: tuple[str, ...]
    ms: float | None
    bytes: int | None
    problem: str | None


class _Run(NamedTuple):
    ms: float
    said: bytes
    problem: str | None


def statuses(agents: list[Agent], project: str, here: str, command: Command | None) -> Iterator[Status]:
    """The installations of these agents for the user, the project and locally, each with what running it showed."""
    for agent in agents:
        for scope in agent.scopes:
            found = _hooks(agent, scope, project)
            if found:
                yield _status(agent, scope, found, here, command)
            elif path := _own_file(agent, scope, project):
                yield Status(agent.name, scope, path, (), None, None, None)


def of_git(project: str) -> Iterator[Status]:
    """The hooks of this repository; they are not run."""
    found = githooks.installed(project)
    if found is not None:
        problem = f"{found.idle[0]} is not executable, so git does not run it" if found.idle else None
        yield Status(GIT, "project", found.folder, found.events, None, None, problem)


def _hooks(agent: Agent, scope: str, project: str) -> list[tuple[str, str, list[str]]]:
    """(file, event, argv) of the hooks of ours that an agent has."""
    found = [(path, event, _argv(entry)) for path, event, entry in plans.installed(agent, scope, project)]
    for part in agent.parts:
        path = agent.path(part, scope, project)
        if path and part.source.endswith(".js") and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                program = _PROGRAM.search(file.read())
            name = json.loads(program[1]) if program else "mem"
            found += [(path, event, [name, "hook", agent.name, event]) for event in _payloads(agent.name)]
    return found


def _argv(entry: dict[str, Any]) -> list[str]:
    if isinstance(entry.get("args"), list):
        return [str(entry["command"]), *map(str, entry["args"])]
    return ["sh", "-c", str(entry.get("command") or entry.get("bash"))]


def _own_file(agent: Agent, scope: str, project: str) -> str | None:
    """A file of rules, or a block of ours, that is there."""
    for part in agent.parts:
        path = agent.path(part, scope, project)
        if (
            path
            and part.when == targets.ALWAYS
            and (part.how == COPY or path in Manifest().records)
            and os.path.isfile(path)
        ):
            return path
    return None


def _status(
    agent: Agent, scope: str, found: list[tuple[str, str, list[str]]], here: str, command: Command | None
) -> Status:
    payloads = _payloads(agent.name)
    runs = [_run(agent.name, event, argv, payloads[event], here) for _, event, argv in found if event in payloads]
    slowest = max(runs, key=lambda run: run.ms, default=None)
    problem = next((run.problem for run in runs if run.problem), None) or _outdated(found, scope, command)
    return Status(
        agent.name,
        scope,
        found[0][0],
        tuple(dict.fromkeys(event for _, event, _ in found)),
        slowest.ms if slowest else None,
        max((len(run.said) for run in runs), default=None),
        problem,
    )


def _outdated(found: list[tuple[str, str, list[str]]], scope: str, command: Command | None) -> str | None:
    """Whether what is installed starts another `mem` than what would be installed now."""
    for _, event, argv in found:
        line = argv[-1]
        if argv[:2] != ["sh", "-c"] or command is None:
            continue
        bare = f"mem hook {line.partition(' hook ')[2].removesuffix(OR_TRUE)}"
        wanted = (command.line(bare), command.line(bare + OR_TRUE)) if scope == "user" else (guarded(bare),)
        if line not in wanted:
            return f"{event} is not as mem would write it today: mem hooks install"
    return None


def _payloads(name: str) -> dict[str, Any]:
    try:
        payloads: dict[str, Any] = json.loads(targets.source(f"{name}/payloads.json"))
    except OSError:
        return {}
    return payloads


def _run(name: str, event: str, argv: list[str], payload: Any, here: str) -> _Run:
    """One command, RUNS times: the median of its times and what it said last."""
    times, said, problem = [], b"", None
    environment = {key: value for key, value in os.environ.items() if key not in TOLD}
    for number in range(RUNS):
        session = f"mem-hooks-status-{os.getpid()}-{time.time_ns()}-{number}"
        text = json.dumps({**payload, capture.TRIAL: True}).replace("{session}", session).replace('"{cwd}"', json.dumps(here))
        begun = time.perf_counter()
        try:
            ended = subprocess.run(
                argv, input=text.encode(), capture_output=True, timeout=LIMIT_S, cwd=here, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            return _Run(LIMIT_S * 1000, b"", f"{event} took over {LIMIT_S:.0f} seconds")
        except OSError as error:
            return _Run(0.0, b"", f"{argv[0]} does not start: {error.strerror}")
        times.append((time.perf_counter() - begun) * 1000)
        said = ended.stdout
        problem = problem or _problem(name, event, argv, ended.returncode, said)
        _forget(name, session)
    return _Run(sorted(times)[RUNS // 2], said, problem)


def _forget(name: str, session: str) -> None:
    try:
        os.unlink(Session(name, session).path)
    except OSError:
        pass


def _problem(name: str, event: str, argv: list[str], code: int, said: bytes) -> str | None:
    if code != 0:
        return f"{event} ended with code {code}: {argv[-1] if argv[0] == 'sh' else argv[0]}"
    if "command -v mem " in argv[-1] and shutil.which("mem") is None:
        return "there is no `mem` on the PATH here, so nothing is said"
    if (
        argv[-1].endswith(OR_TRUE)
        and shutil.which(program := shlex.split(argv[-1])[0]) is None
        and program != "command"
    ):
        return f"{program} is not there, so nothing is said"
    return None if is_in_shape(name, event, said) else f"{event} answers in a shape that {name} does not read"


def is_in_shape(name: str, event: str, said: bytes) -> bool:
    """Whether an agent reads what was said: one object of its own shape, what it wants to hear for nothing, or nothing."""
    host = hosts.load(name)
    ours = host.events.get(event)
    shape, silence = host.reply.get(ours), host.silence.get(ours, "")
    if not said.strip() or said.decode("utf-8", "replace").strip() == silence:
        return True
    if shape == PLAIN:
        return True
    try:
        reply = json.loads(said)
    except ValueError:
        return False
    return reply == {} or _has_shape(reply, shape, event)


def _has_shape(reply: Any, shape: str | None, event: str) -> bool:
    if not isinstance(reply, dict):
        return False
    if shape == ENVELOPE:
        inner = reply.get("hookSpecificOutput")
        return (
            set(reply) == {"hookSpecificOutput"}
            and isinstance(inner, dict)
            and set(inner) == {"hookEventName", "additionalContext"}
            and inner["hookEventName"] == event
            and isinstance(inner["additionalContext"], str)
        )
    keys = {FLAT: "additionalContext", CURSOR: "additional_context", CLINE: "contextModification"}
    key = keys.get(shape or "")
    extra = {"cancel", "errorMessage"} if shape == CLINE else set()
    return key is not None and isinstance(reply.get(key), str) and set(reply) - extra == {key}
