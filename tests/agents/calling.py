"""Calling `mem hook` as an agent does, in a process of its own, and what each agent takes for a reply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from memcli.agents import hosts

PACKAGE = Path(__file__).resolve().parents[2]
AS_INSTALLED = "import sys; from memcli.__main__ import script; sys.exit(script())"  # what an installed `mem` does
LOADED_MACHINE = 12.0  # times the deadline: how much later than that a process may end where others run beside it


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str
    seconds: float


def environment(**more: str) -> dict[str, str]:
    """This process's environment, without any agent's marks and with enough time for a machine that is busy."""
    told = {**os.environ, "PYTHONPATH": str(PACKAGE), "MEM_HOOK_DEADLINE_MS": "10000"}
    return {**told, **more}


def hook(agent: str, event: str, stdin: str | bytes | dict[str, Any], *, before: str = "", **more: Any) -> Ended:
    """`mem hook AGENT EVENT`; `before` is done first in its process; `more` in capitals is of its environment."""
    data = (
        json.dumps(stdin).encode() if isinstance(stdin, dict) else stdin.encode() if isinstance(stdin, str) else stdin
    )
    variables = {name: str(more.pop(name)) for name in list(more) if name.isupper()}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{AS_INSTALLED}", "hook", agent, event],
        input=data, capture_output=True, env=environment(**variables), timeout=60, **more,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode(), time.monotonic() - began)


def told(agent: str, event: str, out: str) -> str:
    """The text for the model in a reply, which must be of the shape that this agent takes at this event."""
    host = hosts.load(agent)
    ours = host.events.get(event)
    silence = host.silence.get(ours, "")
    if not out or out == silence:
        assert out == silence
        return ""
    shape = host.reply[ours]
    if shape == hosts.PLAIN:
        assert out.endswith("[/memcli]\n")
        return out.rstrip("\n")
    assert out.isascii() and out.endswith("\n") and "\n" not in out[:-1]
    reply = json.loads(out)
    if shape == hosts.ENVELOPE:
        if reply.pop("systemMessage", ""):
            assert host.notices and ours == hosts.START
        if not reply:
            return ""
        assert reply.keys() == {"hookSpecificOutput"}
        inner = reply["hookSpecificOutput"]
        assert inner.keys() == {"hookEventName", "additionalContext"}
        assert inner["hookEventName"] == event
        return str(inner["additionalContext"])
    if shape == hosts.CLINE:
        assert reply.keys() == {"cancel", "contextModification", "errorMessage"}
        assert reply["cancel"] is False and reply["errorMessage"] == ""
        return str(reply["contextModification"])
    (key,) = reply
    assert key == {hosts.FLAT: "additionalContext", hosts.CURSOR: "additional_context"}[shape]
    return str(reply[key])
