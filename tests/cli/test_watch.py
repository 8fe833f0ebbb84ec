"""How a watcher is spoken of on the command line."""

from __future__ import annotations

import pytest

from memcli.cli.watch import _told, store_state

STORE = {
    "folder": "/x/.mem", "label": "project", "tree": "/x/.mem/tree", "mode": "events", "why": "", "behind": False,
    "waiting": 0, "problem": None, "looked_at": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "events · current"),
        ({"behind": True}, "events · looking at what changed"),
        ({"waiting": 1200}, "events · current · 1,200 vectors pending"),
        ({"mode": "polling", "why": "nfs4 tells of no changes"}, "polling (nfs4 tells of no changes) · current"),
        ({"mode": "nothing yet", "looked_at": None}, "nothing yet"),
        ({"problem": "the disk is full", "looked_at": None}, "events · the disk is full"),
    ],
)
def test_how_a_store_is_doing(known: dict[str, object], said: str) -> None:
    assert store_state({**STORE, **known}) == said


def test_status_tells_latencies_and_memory() -> None:
    warm = {"requests": {"recall": {"count": 12.0, "median_ms": 8.04, "p95_ms": 21.5}, "context": {"count": 0.0}}}
    facts = {
        "pid": 7,
        "memory_mb": {"watcher": 12.2, "server": 101.0},
        "server": warm,
        "address": "/run/server.sock",
        "stores": [STORE],
    }
    lines = list(_told(facts))
    assert lines[0] == "running   process 7 since just now"
    assert "memory    watcher 12 MB · server 101 MB" in lines
    assert "          recall: 12 answered, median 8.0 ms, p95 21.5 ms" in lines
    assert "          context: 0 answered" in lines
    assert "server    does not answer (yet)" in list(_told({**facts, "server": None}))
