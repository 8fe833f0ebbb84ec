"""A project's memories as they are after some ten months: what a brief should choose from, and what it should choose.

`project.jsonl` holds them, written by hand, not drawn from anybody's store. `want` is the smallest budget at which a memory
should be in the brief of somebody who works on the checkout's webhooks and idempotency, or "never"; without it, either is fine.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from memcli.lifecycle import fade
from memcli.lifecycle.fade import Stamp
from memcli.store import Store

NOW = 1_795_171_200.0  # 2026-11-20
DAY = 86_400.0
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("project.jsonl").read_text(encoding="utf-8").splitlines()
]
INSTRUCTIONS = """
# Rules

- Run `pnpm verify` before you say that something is done.
- Write an ADR in docs/adr for every decision that is hard to reverse.

## Sprache

Kommentare im Code sind auf Englisch, auch in deutschen Modulen.
"""


def build(store: Store, rows: list[dict[str, Any]] = ROWS) -> dict[str, str]:
    """Keep these memories; returns their ids by key."""
    replaces = {row["key"]: row["replaces"] for row in rows if "replaces" in row}
    replaces.update({row["replaced_by"]: row["key"] for row in rows if "replaced_by" in row})
    ids: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["created"]):
        if row.get("agent"):
            os.environ["CLAUDECODE"] = "1"
        old = [ids[replaces[row["key"]]]] if row["key"] in replaces else []
        ids[row["key"]] = store.add(
            row["text"],
            type_=row["type"],
            created=row["created"],
            topic=row["topic"],
            supersedes=old,
            pinned=row.get("pinned", False),
            valid_from=row.get("valid_from"),
            valid_to=row.get("valid_to"),
        ).id
        os.environ.pop("CLAUDECODE", None)
    store.sync()
    for row in rows:
        for word in ["useful"] * row.get("useful", 0) + ["wrong"] * row.get("wrong", False):
            fade.give_feedback(store.place, store.config, ids[row["key"]], word, Stamp("you", "", None, time.time()))
    return ids


def check_out(folder: Path) -> Path:
    """A repository with the work in hand: a branch, a commit, changed files; returns the folder that is worked in."""
    work = folder / "services" / "checkout"
    work.mkdir(parents=True)
    (folder / "AGENTS.md").write_text(INSTRUCTIONS, encoding="utf-8")
    (work / "webhooks.ts").write_text("export {}\n", encoding="utf-8")
    (folder / ".gitignore").write_text(".mem/\n", encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    git(folder, "checkout", "-qb", "feat/checkout-idempotency")
    (work / "webhooks.ts").write_text("export const retry = 1\n", encoding="utf-8")
    git(folder, "commit", "-qam", "Retry payment webhooks with the same key")
    return work


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=dev", "-c", "user.email=dev@example.org", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *named, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
