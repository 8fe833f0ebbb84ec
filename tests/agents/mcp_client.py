"""A client of the official SDK, connected to a `mem mcp` in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs the extra: pip install 'memcli[mcp]'")

from mcp import Client
from mcp_types import CallToolResult

from memcli import caller
from memcli.agents.mcp import Desk, Worker, make
from memcli.agents.tools import Tools
from tests.command import without_model

Work = Callable[[Client], Awaitable[Any]]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model, and no agent in the environment; what a server puts there is taken out again."""
    without_model()
    for name in (caller.AGENT_VARIABLE, *caller.SESSION_VARIABLES):
        monkeypatch.setenv(name, "")


@pytest.fixture
def worker() -> Iterator[Worker]:
    working = Worker(Tools())
    yield working
    working.close()


def talk(worker: Worker, work: Work, **client: Any) -> Any:
    """Connect a client to a server in this process, and let it work."""

    async def connected() -> Any:
        async with Client(make(Desk(worker.tools, worker)), **client) as connection:
            return await work(connection)

    return asyncio.run(connected())


def call(worker: Worker, name: str, **arguments: Any) -> CallToolResult:
    """One call of one tool. The client checks what comes back against the tool's schema."""
    result = talk(worker, lambda client: client.call_tool(name, arguments))
    assert isinstance(result, CallToolResult)
    return result


def text(result: CallToolResult) -> str:
    return "\n".join(str(getattr(part, "text", "")) for part in result.content)


def data(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    return result.structured_content
