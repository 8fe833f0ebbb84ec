"""A small source of each kind, written into a folder, and what a store says after an import."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from memcli import tree, walk
from memcli.importers import Imported
from memcli.importers.bring import Brought, bring_in
from memcli.index import schema
from memcli.memory import Memory, parse
from memcli.store import Store
from tests.importers import conversations
from tests.importers.conversations import FIXING, Step

NOW = 1_700_000_000.0


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def jsonl(folder: Path) -> Path:
    rows = [
        {
            "id": "a1",
            "text": "Retries are capped at five.",
            "type": "decision",
            "tags": ["http"],
            "created": "2026-03-01",
        },
        {"text": "No id, still kept."},
        {"id": "t1", "text": "Where is the cache?", "session": "s1", "speaker": "Ana", "created": "2026-03-02T10:00"},
        {"id": "t2", "text": "Below local/.", "session": "s1", "speaker": "Ben"},
    ]
    write(folder, {"export.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    return folder / "export.jsonl"


def markdown(folder: Path) -> Path:
    return write(
        folder,
        {
            "vault/.obsidian/app.json": "{}",
            "vault/.trash/old.md": "thrown away",
            "vault/picture.png": b"\x89PNG\x00",
            "vault/Inbox/Zwei Wörter.md": "---\ntags: [x]\naliases: ['a']\n---\nSee [[Other]].\r\n",
            "vault/specs/search.md": "---\npermalink: specs/search\ntype: note\n---\n# Search\n\n- [design] two stages #rank\n"
            "- depends_on [[Index]]\n",
        },
    ) / "vault"  # fmt: skip


def instructions(folder: Path) -> Path:
    return write(
        folder,
        {
            "AGENTS.md": "# Shop\n\n@docs/more.md\n\n## Overview\n\nA web shop.\n\n## Style\n\nUse tabs, never spaces.\n\n"
            "## Release\n\n1. tag\n2. push\n",
            ".cursor/rules/ts.mdc": "---\ndescription: TypeScript rules\nglobs: **/*.ts\nalwaysApply: false\n---\n"
            "Prefer unknown over any.\n",
        },
    )  # fmt: skip


def byterover(folder: Path) -> Path:
    return write(
        folder,
        {
            ".brv/context-tree/_index.md": "---\ntype: summary\n---\nderived",
            ".brv/context-tree/design/_index.md": "derived",
            ".brv/context-tree/design/context.md": "# Design\n\n## Overview\nWhat belongs here.\n",
            ".brv/context-tree/design/cache/eviction.md": "---\ntitle: Eviction\ntags: []\nkeywords: []\nmaturity: draft\n"
            "createdAt: '2026-04-05T07:17:50.975Z'\n---\n## Raw Concept\n**Task:**\nEvict the least used page.\n",
            ".brv/context-tree/_archived/design/old.full.md": "# Old\n\nWe used a ring buffer.\n",
            ".brv/context-tree/_archived/design/old.stub.md": "see old.full.md",
            ".brv/context-tree/security/auth.html": '<bv-topic path="security/auth" title="Login" tags="auth" '
            'related="@design/cache"><bv-rule severity="must" id="r-1">Check the <code>aud</code> claim.</bv-rule></bv-topic>',
        },
    )  # fmt: skip


def claude_memory(folder: Path) -> Path:
    return write(
        folder / "projects" / "-home-ana-shop" / "memory",
        {
            "MEMORY.md": "# Memory\n\n- [Flaky test](feedback_flaky.md) — runs twice\n\n## Ports\n\nThe API listens on 8123.\n",
            "feedback_flaky.md": "---\nname: flaky-outbox-test\ndescription: The outbox test races; run it twice\nmetadata:\n"
            "  type: feedback\n  modified: 2026-09-08T19:29:56.864Z\n---\n\nIt asserts an order between two threads.\n",
            "user_role.md": "---\nname: Role\ndescription: Knows Go well\ntype: user\n---\nKnows Go well, new to React.\n",
        },
    )  # fmt: skip


def claude_code(folder: Path, steps: list[Step] = FIXING) -> Path:
    name = ".claude/projects/-home-ana-shop/5e55-1.jsonl"
    return write(folder, {name: conversations.claude_code(steps)}) / name


def codex(folder: Path, steps: list[Step] = FIXING) -> Path:
    name = ".codex/sessions/2026/02/02/rollout-2026-02-02T02-40-00-5e55-2.jsonl"
    return write(folder, {name: conversations.codex(steps)}) / name


def gemini(folder: Path, steps: list[Step] = FIXING) -> Path:
    name = ".gemini/tmp/shop/chats/session-2026-02-02T02-40-5e55.jsonl"
    return write(folder, {name: conversations.gemini(steps)}) / name


def copilot(folder: Path, steps: list[Step] = FIXING) -> Path:
    name = ".copilot/session-state/5e55-4/events.jsonl"
    return write(folder, {name: conversations.copilot(steps)}) / name


def opencode(folder: Path, steps: list[Step] = FIXING) -> Path:
    return conversations.opencode(folder / ".local/share/opencode/opencode.db", steps)


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "jsonl": jsonl,
    "markdown": markdown,
    "instructions": instructions,
    "byterover": byterover,
    "claude-memory": claude_memory,
    "claude-code": claude_code,
    "codex": codex,
    "gemini": gemini,
    "copilot": copilot,
    "opencode": opencode,
}


SESSIONS = {"claude-code": claude_code, "codex": codex, "gemini": gemini, "copilot": copilot, "opencode": opencode}


def bring(store: Store, found: Iterable[Imported], *, origin: str = "test/sample", topic: str = "imported") -> Brought:
    return bring_in(store, found, origin=origin, topic=topic, now=NOW)


def memories(store: Store) -> dict[str, Memory]:
    """What the files of a store say, by path."""
    found = walk.walk(store.place)
    assert not [item for item in found if item.problem]
    return {item.path: parse(tree.read(store.place, item.path), name=item.path) for item in found}


def said(store: Store) -> list[str]:
    """Every text of the store: of each turn of an episode, else the body."""
    texts: list[str] = []
    for memory in memories(store).values():
        texts += [turn.text for turn in memory.turns] or [memory.body]
    return texts


def rebuilt_index(store: Store) -> list[str]:
    """The texts of all documents in an index made anew from the files, white space left out."""
    shutil.rmtree(store.place.cache, ignore_errors=True)
    store.sync(embed=False)
    connection = schema.open_for_reading(store.place)
    try:
        rows = connection.execute("SELECT document, text FROM passages ORDER BY document, ordinal").fetchall()
    finally:
        connection.close()
    texts: dict[int, str] = {}
    for document, text in rows:
        texts[document] = texts.get(document, "") + squeezed(text)
    return list(texts.values())


def squeezed(text: str) -> str:
    return "".join(text.split())
