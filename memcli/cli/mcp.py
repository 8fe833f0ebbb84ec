"""The verb for agents that speak the Model Context Protocol: mcp."""

from __future__ import annotations

import importlib.util
import sys

import typer

from memcli.cli.invocation import places, say
from memcli.cli.terminal import invocation
from memcli.errors import ExtraMissing


def mcp(ctx: typer.Context) -> None:
    """Serve the memories of this folder's project to an agent, by the Model Context Protocol on standard input and output.

    The agent starts it, and it ends with the agent: claude mcp add mem -- mem mcp. docs/mcp.md has the line of each agent.

    Example: mem mcp
    """
    if importlib.util.find_spec("mcp") is None:
        raise ExtraMissing("mem mcp needs the packages of its extra", hint="pip install 'memcli[mcp]'")
    asked = invocation(ctx)
    places(asked)  # a store that is not there is said at once, to whoever registers the server
    try:
        from memcli.agents.mcp import serve
    except ImportError as error:
        raise ExtraMissing(
            f"the packages of the extra do not fit ({error})", hint="pip install --upgrade 'memcli[mcp]'"
        ) from None
    if sys.stdin.isatty():
        say("waiting for an agent on standard input; agents start this themselves: claude mcp add mem -- mem mcp")
    serve(root=asked.root, personal=asked.personal)
