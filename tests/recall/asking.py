"""Small stores written as files, and questions put to them at the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from memcli.memory import Turn, episode_body
from memcli.places import at_root
from memcli.store import Store
from tests.command import run_mem

Row = dict[str, Any]
ASKED = "asked.jsonl"


def note(text: str, created: str = "2026-05-01") -> str:
    """A memory, as its file is written."""
    return f"---\ncreated: {created}\n---\n{text}\n"


def talk(*turns: tuple[str, str], day: str = "2026-05-01", session: str | None = None) -> str:
    """A session of (speaker, text), as its file is written; its turns are numbered from 1."""
    told = [Turn(f"t{n:04}", speaker, day, None, text) for n, (speaker, text) in enumerate(turns, 1)]
    front = f"session: {session}\n" if session else ""
    return f"---\ntype: episode\ncreated: {day}\n{front}---\n{episode_body('Talk', told)}"


def write(tree: str | Path, files: Mapping[str, str]) -> None:
    """Write files below a store's tree, as people do; the next recall sees them."""
    for path, text in files.items():
        target = Path(tree, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def ask(question: str, *options: str, model: bool = False, now: str | None = None) -> Any:
    """The answer as programs get it, explained; `now` is the day on which it is asked."""
    if now is None:
        return run_mem("recall", question, "--json", "--explain", *options, model=model).json()
    Path(ASKED).write_text(json.dumps({"query": question, "now": now}), encoding="utf-8")
    return run_mem("recall", "--batch", ASKED, "--json", "--explain", *options, model=model).json()


def names(answer: Any) -> list[str]:
    """What was found, best first: the name of the file, and of a turn its number."""
    return [Path(row["path"]).stem + row.get("anchor", "").lstrip("t0") for row in answer["results"]]


def shares(answer: Any, name: str) -> dict[str, float]:
    """What adds to the score of a result, by feature."""
    found: dict[str, float] = answer["results"][names(answer).index(name)]["why"]["shares"]
    return found


def embedded(folder: Path, files: Mapping[str, str]) -> str:
    """The root of a new store in `folder` that holds these files, embedded: for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        for name in ("DATA", "STATE", "CONFIG", "CACHE"):
            patch.delenv(f"XDG_{name}_HOME", raising=False)
        store = Store.init(at_root(str(folder)))
        write(store.place.tree, files)
        _, problem = store.sync()
        assert problem is None, problem
    return str(folder)
