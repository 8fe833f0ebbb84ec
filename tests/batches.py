"""A store with memories of several kinds, and a batch that does everything to them; for the tests of curate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memcli import tree, walk
from memcli.store import Store


def everything(store: Store) -> list[dict[str, Any]]:
    """Fill an empty store and return a batch with all operations on what is there."""
    ids = [store.add(f"memory {n}", topic=f"t{n % 3}", private=n == 4).id for n in range(9)]
    Path(store.place.tree, "t0", "hand.md").write_bytes(b"by hand\r\n")
    return [
        {"op": "ADD", "text": "new one", "topic": "fresh/topic", "as": "new"},
        {"op": "UPDATE", "id": ids[0], "append": "more", "topic": "t9"},
        {"op": "UPDATE", "id": "t0/hand", "tags": ["x"]},
        {"op": "UPSERT", "path": "t1/memory-1", "text": "another", "overwrite": True},
        {"op": "UPSERT", "path": "t1/unheard", "text": "of"},
        {"op": "MERGE", "ids": ids[2:4], "into": {"title": "Merged", "text": "both"}},
        {"op": "MERGE", "ids": [ids[4]], "into": ids[5], "text": "joined"},
        {"op": "SUPERSEDE", "id": ids[6], "by": {"text": "newer"}},
        {"op": "SUPERSEDE", "id": ids[6], "by": "$new"},
        {"op": "LINK", "from": ids[6], "to": "$new"},
        {"op": "DELETE", "id": ids[7]},
    ]


def trees(store: Store) -> dict[str, bytes]:
    """Every memory file by path."""
    return {found.path: tree.read(store.place, found.path) for found in walk.walk(store.place)}
