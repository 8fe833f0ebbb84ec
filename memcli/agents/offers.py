"""What `mem mcp` offers to a client: eight tools with their schemas and hints, resources, and a prompt.

Descriptions are written for models: when to use a tool, what comes back, and what each value means.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, Protocol

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, WithJsonSchema

from memcli import operations
from memcli.agents import shapes
from memcli.agents.shapes import Result
from memcli.agents.tools import Tools
from memcli.errors import NotFound
from memcli.index.search import Filter
from memcli.memory import TYPES
from memcli.text import iso_date

_READS = {"read_only_hint": True, "destructive_hint": False, "idempotent_hint": True, "open_world_hint": False}
_WRITES = {"read_only_hint": False, "destructive_hint": False, "idempotent_hint": False, "open_world_hint": False}
_REMOVES = {**_WRITES, "destructive_hint": True}

_SAID = {
    "type": {"type": "string", "enum": [*TYPES]}, "title": {"type": "string"},
    "topic": {"type": "string", "description": "folder to file it under, as DOMAIN/TOPIC"},
    "tags": {"type": "array", "items": {"type": "string"}}, "links": {"type": "array", "items": {"type": "string"}},
    "valid_from": {"type": "string"}, "valid_to": {"type": "string"}, "pinned": {"type": "boolean"},
    "private": {"type": "boolean"},
}  # fmt: skip
_NEW = {"type": "object", "properties": {"text": {"type": "string"}, **_SAID}}
_OPERATION = {
    "type": "object",
    "required": ["op"],
    "properties": {
        "op": {"type": "string", "enum": [*operations.NAMES]},
        "id": {"type": "string", "description": "UPDATE, SUPERSEDE, DELETE: the memory, by id, path or title"},
        "text": {"type": "string", "description": "ADD, UPSERT, MERGE, UPDATE: the (new) text"},
        "append": {"type": "string", "description": "UPDATE: text to add at the end"},
        "path": {"type": "string", "description": "UPSERT: where it is kept, as DOMAIN/TOPIC/NAME"},
        "overwrite": {"type": "boolean", "description": "UPSERT: replace the text that is there"},
        "expected": {"type": "string", "description": "the digest of the text that the change was made for"},
        "ids": {"type": "array", "items": {"type": "string"}, "description": "MERGE: the memories that become one"},
        "into": {"anyOf": [{"type": "string"}, _NEW], "description": "MERGE: the one that stays, or a new one"},
        "by": {"anyOf": [{"type": "string"}, _NEW], "description": "SUPERSEDE: the newer memory, or a new one"},
        "from": {"type": "string", "description": "LINK: the memory that says it"},
        "to": {"type": "string", "description": "LINK: the memory it speaks of"},
        "relation": {"type": "string", "description": "LINK: a few words, as: depends on"},
        "as": {"type": "string", "description": "a name for the result; later operations say $name"},
        **_SAID,
    },
}
_OPERATIONS = {"type": "array", "minItems": 1, "maxItems": 500, "items": _OPERATION}

Name = Annotated[str, Field(min_length=1, max_length=500, description="Its id, its beginning, a path or a title.")]
Names = Annotated[list[Name], Field(min_length=1, max_length=100, description="The memories, by id.")]
Query = Annotated[str, Field(min_length=1, max_length=4000, description="What you want to know, in your words.")]
Kind = Literal["fact", "decision", "preference", "procedure", "lesson", "reference"]
AnyKind = Literal["fact", "decision", "preference", "procedure", "lesson", "reference", "episode"]
Texts = Annotated[list[str], Field(max_length=50)]
Below = Annotated[str | None, Field(description="Only below this topic, as auth or auth/tokens.")]
Said = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100_000,
        description="What will matter later, with its reason, understandable without this session. Markdown.",
    ),
]
Outcome = Annotated[
    Literal["useful", "wrong", "confirmed"],
    Field(description="useful: it helped; wrong: it misled, and is silent until mended; confirmed: it still holds."),
]
Batch = Annotated[
    list[dict[str, Any]],
    WithJsonSchema(_OPERATIONS),
    Field(
        min_length=1,
        max_length=500,
        description="What to do, in order: ADD (text), UPDATE (id; text or append, or keys), UPSERT (path or title; text),"
        " MERGE (ids, into, text), SUPERSEDE (id, by), LINK (from, to), DELETE (id).",
    ),
]
Project = Annotated[
    str | None,
    Field(
        description="The project's folder, where it is another than the one this server was started in: an absolute path in"
        " that folder, or in one of your workspace roots. Leave it out otherwise."
    ),
]
_NONE: list[Any] = []  # what the SDK shows as the default, and gives to each call anew


class Desk(Protocol):
    """Where calls are taken to the tools."""

    tools: Tools

    def do(
        self, context: Context[None, Any] | None, project: str | None, work: Callable[[str], Result]
    ) -> Awaitable[Result]:
        """The result of work in a project's folder. Raises ToolError with what a model should read."""
        ...


def offer(server: MCPServer[None], desk: Desk) -> None:
    """Put all of it on a server."""
    _offer_reading(server, desk)
    _offer_writing(server, desk)
    _offer_resources(server, desk)


def _tool(
    server: MCPServer[None], title: str, hints: dict[str, bool], name: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Offer a function as a tool; its docstring is what a model reads of it."""

    def offered(function: Callable[..., Any]) -> Callable[..., Any]:
        said = inspect.cleandoc(function.__doc__ or "")
        server.add_tool(function, name, title, said, ToolAnnotations(title=title, **hints))
        return function

    return offered


def _offer_reading(server: MCPServer[None], desk: Desk) -> None:
    @_tool(server, "Recall memories", _READS)
    async def recall(
        ctx: Context[None, Any],
        query: Query,
        limit: Annotated[int, Field(ge=1, le=50, description="At most so many memories.")] = 8,
        budget: Annotated[int, Field(ge=50, le=20_000, description="At most about so many tokens of text.")] = 2000,
        types: Annotated[list[AnyKind], Field(description="Only these types; an episode is a past session.")] = _NONE,
        tags: Annotated[list[str], Field(description="Only with all of these tags.")] = _NONE,
        path: Below = None,
        since: Annotated[str | None, Field(description="Only from this ISO date on, as 2026-05 or 2026-05-12.")] = None,
        until: Annotated[str | None, Field(description="Only up to this ISO date.")] = None,
        as_of: Annotated[str | None, Field(description="Answer with what was in force on this ISO date.")] = None,
        archived: Annotated[bool, Field(description="Also memories that faded away because nobody used them.")] = False,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Recalled]:
        """Find memories of earlier sessions by meaning, words, names and time: decisions, preferences, lessons, facts.

        Use it before you decide, debug or ask the user. The answer has a confidence; a weak one shows the closest it found.
        """
        dates = [_date(name, value) for name, value in (("since", since), ("until", until), ("as_of", as_of))]
        where = Filter(tuple(types), tuple(tags), path, dates[0], dates[1], None, None, dates[2])
        return _told(await desk.do(ctx, project, lambda here: desk.tools.recall(
            here, query, limit=limit, budget=budget, where=where, archived=archived
        )))  # fmt: skip

    @_tool(server, "Session brief", _READS)
    async def context(
        ctx: Context[None, Any],
        budget: Annotated[int, Field(ge=200, le=20_000, description="At most so many characters.")] = 4000,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Brief]:
        """What matters now in this project: its facts, decisions, preferences, procedures and open lessons, in short.

        Use it once when a session starts, unless a brief stands in your context already.
        """
        return _told(await desk.do(ctx, project, lambda here: desk.tools.context(here, budget=budget)))

    @_tool(server, "Show a memory", _READS)
    async def show(
        ctx: Context[None, Any], id: Name, project: Project = None
    ) -> Annotated[CallToolResult, shapes.Shown]:
        """A whole memory: its text, who wrote it and when, whether its user trusts it, and how it stands."""
        return _told(await desk.do(ctx, project, lambda here: desk.tools.show(here, id)))

    @_tool(server, "List memories", _READS, name="list")
    async def list_(
        ctx: Context[None, Any],
        path: Below = None,
        type: Annotated[AnyKind | None, Field(description="Only this type.")] = None,
        tag: Annotated[str | None, Field(description="Only with this tag.")] = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
        skip: Annotated[int, Field(ge=0, description="So many of the newest are left out: for the next page.")] = 0,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Listing]:
        """Memories, newest first, without their texts: to see what there is. To find what you need, recall is better."""
        return _told(await desk.do(ctx, project, lambda here: desk.tools.listing(
            here, path=path, type_=type, tag=tag, limit=limit, skip=skip
        )))  # fmt: skip


def _offer_writing(server: MCPServer[None], desk: Desk) -> None:
    @_tool(server, "Add a memory", _WRITES)
    async def add(
        ctx: Context[None, Any],
        text: Said,
        type: Annotated[Kind, Field(description="What kind of thing it is.")] = "fact",
        title: Annotated[str | None, Field(description="A short title; without one the first line is it.")] = None,
        topic: Annotated[str | None, Field(description="The folder to file it under, as DOMAIN/TOPIC.")] = None,
        tags: Texts = _NONE,
        links: Annotated[Texts, Field(description="Related memories, as PATH or RELATION:PATH.")] = _NONE,
        supersedes: Annotated[Texts, Field(description="Memories that this one replaces, by id.")] = _NONE,
        valid_from: Annotated[str | None, Field(description="From when it holds, an ISO date.")] = None,
        valid_to: Annotated[str | None, Field(description="Until when it holds, an ISO date.")] = None,
        private: Annotated[bool, Field(description="Keep it out of what the team shares.")] = False,
        redact: Annotated[bool, Field(description="Mask secrets in it instead of refusing it.")] = False,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Added]:
        """Keep one memory for later sessions: a decision, preference, procedure, lesson or fact that the code does not say.

        Says which memories it repeats or contradicts. Refuses secrets.
        """
        said = {"type_": type, "title": title, "topic": topic, "tags": tags, "links": links, "private": private}
        said |= {"valid_from": valid_from, "valid_to": valid_to}
        return _told(await desk.do(ctx, project, lambda here: desk.tools.add(
            here, text, supersedes=supersedes, redact=redact, **said
        )))  # fmt: skip

    @_tool(server, "Say how a memory did", _WRITES)
    async def feedback(
        ctx: Context[None, Any],
        id: Name,
        outcome: Outcome,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Judged]:
        """Say that a memory helped, was wrong, or still holds. What is useful lasts; what is wrong falls silent."""
        return _told(await desk.do(ctx, project, lambda here: desk.tools.feedback(here, id, outcome)))

    @_tool(server, "Tidy memories", _REMOVES)
    async def curate(
        ctx: Context[None, Any],
        operations: Batch,
        dry_run: Annotated[bool, Field(description="Say what would happen, and write nothing.")] = False,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Outcomes]:
        """Change many memories as one: all of it or nothing, and one `mem undo` takes it back.

        Says what became of each operation; where one lost against a text that is there, that text and its digest come with it.
        """
        return _told(await desk.do(ctx, project, lambda here: desk.tools.curate(here, operations, dry_run=dry_run)))

    @_tool(server, "Forget memories", {**_REMOVES, "idempotent_hint": True})
    async def forget(
        ctx: Context[None, Any],
        ids: Names,
        project: Project = None,
    ) -> Annotated[CallToolResult, shapes.Forgotten]:
        """Move memories to the trash, from where `mem undo` or `mem restore` brings them back.

        For what should never have been kept; what became outdated is superseded with curate instead.
        """
        return _told(await desk.do(ctx, project, lambda here: desk.tools.forget(here, ids)))


def _offer_resources(server: MCPServer[None], desk: Desk) -> None:
    async def read(work: Callable[[str], Result]) -> str:
        try:
            return (await desk.do(None, None, work)).text
        except ToolError as error:
            missing = isinstance(error.__cause__, NotFound)
            raise (ResourceNotFoundError if missing else ResourceError)(str(error)) from error

    @server.resource("mem://context", title="Session brief", mime_type="text/markdown")
    async def context() -> str:
        """What matters now in this project."""
        return await read(lambda here: desk.tools.context(here, budget=4000))

    @server.resource("mem://memories", title="All memories", mime_type="text/markdown")
    async def memories() -> str:
        """The newest memories, without their texts."""
        return await read(lambda here: desk.tools.listing(here, limit=1000))

    @server.resource("mem://memory/{id}", title="A memory", mime_type="text/markdown")
    async def memory(id: str) -> str:
        """One memory, by id."""
        return await read(lambda here: desk.tools.show(here, id))

    @server.prompt(title="Recall")
    async def recall(question: Annotated[str, Field(description="What you want to know.")]) -> str:
        """Answer a question with what is remembered."""
        found = await read(lambda here: desk.tools.recall(here, question, limit=8, budget=2000, where=Filter()))
        return f"{question}\n\n{found}"


def _told(result: Result) -> CallToolResult:
    content = TextContent(type="text", text=result.text)
    return CallToolResult(content=[content], structured_content=dict(result.data), is_error=result.refused)


def _date(name: str, value: str | None) -> str | None:
    """A date to filter by. Raises ToolError."""
    date = iso_date(value)
    if value is not None and date is None and not (len(value) == 4 and value.isdigit()):
        raise ToolError(f"{name} is no ISO date\nnext: repeat with one like 2026-05 or 2026-05-12")
    return date or value
