"""Warm = cold: whatever is asked of whatever store, whatever happened to it since the last question, the server's answer is
byte for byte the one of a process that has just started: stdout, stderr and exit code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.index import db
from memcli.places import at_root
from memcli.serve import client, worker
from memcli.store import Store
from memcli.view import View
from tests.command import run_mem, without_model
from tests.serve.running import LONG_S, serving

WORDS = (
    "deploy",
    "token",
    "parse_config",
    "Caroline",
    "race",
    "Friday",
    "retry",
    "budget",
    "database",
    "2,400",
    "naïve",
    "東京",
)
TYPES = ("fact", "decision", "lesson", "episode")
DAYS = ("2026-03-01", "2026-05-12", "2026-11-02")

words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
texts = st.lists(words, min_size=1, max_size=3).map(". ".join)
tags = st.sampled_from(["#auth", "#money", ""])


@st.composite
def memories(draw: st.DrawFn) -> str:
    """A file as people and programs write them: a memory with or without front matter, or a session."""
    kind = draw(st.sampled_from(TYPES))
    if kind == "episode":
        turns = draw(st.lists(st.tuples(st.sampled_from(["Caroline", "Bob"]), words), min_size=1, max_size=4))
        day = draw(st.sampled_from(DAYS))
        body = "\n".join(f"## {day}T10:0{n} {who} ^t{n:04}\n\n{said}\n" for n, (who, said) in enumerate(turns, 1))
        return f"---\ntype: episode\ncreated: {day}\n---\n# Talk\n\n{body}"
    front = f"---\ntype: {kind}\ncreated: {draw(st.sampled_from(DAYS))}\n---\n" if draw(st.booleans()) else ""
    return f"{front}# {draw(words)}\n\n{draw(texts)} {draw(tags)}\n"


options = st.lists(
    st.sampled_from(
        [
            ["--limit", "1"], ["--limit", "3"], ["--budget", "60"], ["--type", "fact"], ["--tag", "auth"], ["--explain"],
            ["--json"], ["--episodes"], ["--all"], ["--lexical"], ["--fresh"], ["--since", "2026-05"],
            ["--until", "2026-05-12"], ["--as-of", "2026-06-01"], ["--min-confidence", "0.5"], ["--speaker", "Bob"],
            ["--since", "7d"], ["--path", "a"],
        ]
    ),
    max_size=3,
).map(lambda found: [word for option in found for word in option])  # fmt: skip

changes = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(["a/one", "a/two", "b/three", "four"]), memories()),
        st.tuples(st.just("overwrite in place"), st.sampled_from(["a/one", "b/three"]), memories()),
        st.tuples(st.just("add"), texts, st.none()),
        st.tuples(st.just("delete"), st.sampled_from(["a/one", "a/two", "b/three", "four"]), st.none()),
        st.tuples(st.just("move"), st.sampled_from(["a/one", "a/two"]), st.sampled_from(["b/moved", "five"])),
        st.tuples(st.just("feedback"), st.sampled_from(["--useful", "--wrong", "--confirm"]), st.integers(0, 5)),
        st.tuples(st.just("undo"), st.none(), st.none()),
        st.tuples(st.just("setting"), st.sampled_from(["1", "2", "8"]), st.none()),
        st.tuples(st.just("index"), st.none(), st.none()),
        st.tuples(st.just("discard the index"), st.booleans(), st.none()),
    ),
    max_size=3,
)  # fmt: skip
steps = st.lists(st.tuples(changes, words, options), min_size=1, max_size=4)
stores = st.dictionaries(st.sampled_from(["a/one", "a/two", "b/three", "four", "c/five"]), memories(), min_size=1)


@contextmanager
def home_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "project").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        for name in ("DATA", "STATE", "CONFIG"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / "home" / name.lower()))
        patch.chdir(folder / "project")
        patch.setattr(client, "PATIENCE_S", LONG_S)  # the server shares this interpreter
        patch.setattr(client, "ANSWER_S", LONG_S)
        patch.setattr(worker, "LONG_S", LONG_S)
        yield Store.init(at_root(str(folder / "project")))


def change(store: Store, kind: str, what: Any, more: Any) -> None:
    def path(name: str) -> Path:
        return Path(store.place.tree, f"{name}.md")

    if kind in ("write", "overwrite in place"):
        if kind == "overwrite in place" and not path(what).exists():
            return
        path(what).parent.mkdir(parents=True, exist_ok=True)
        path(what).write_text(more, encoding="utf-8")
    elif kind == "add":
        run_mem("add", what, model=True)
    elif kind == "delete":
        path(what).unlink(missing_ok=True)
    elif kind == "move" and path(what).exists():
        path(more).parent.mkdir(parents=True, exist_ok=True)
        os.replace(path(what), path(more))
    elif kind == "feedback":
        found = run_mem("ls", "--json", model=True).json()
        rows = found if isinstance(found, list) else found.get("memories", [])
        if rows:
            run_mem("feedback", str(rows[more % len(rows)]["id"]), what, model=True)
    elif kind == "undo":
        run_mem("undo", model=True)
    elif kind == "setting":
        run_mem("config", "set", "recall.limit", what, model=True)
    elif kind == "index":
        run_mem("index", model=True)
    elif kind == "discard the index":
        db.discard_cache(store.place, keep_embeddings=what)


def check(steps: list[tuple[list[tuple[str, Any, Any]], str, list[str]]], store: Store) -> int:
    """Ask each question warm and cold, the changes before it made; returns how many the server answered."""
    answered = 0
    for before, question, asked in steps:
        for one in before:
            change(store, *one)
        arguments = ["recall", question, *asked]
        warm = client.ask("recall", arguments, View(os.getcwd(), 80, False))
        cold = run_mem(*arguments, model=True)
        if warm is not None:
            answered += 1
            assert warm == tuple(cold), arguments
        # What is asked again right away has nothing to wait for: the server must answer it, and the same.
        again = client.ask("recall", arguments, View(os.getcwd(), 80, False))
        if cold.code in (0, 1) and "there are no memories" not in cold.stdout + cold.stderr:
            assert again == tuple(run_mem(*arguments, model=True)), arguments
    return answered


@pytest.fixture
def examples(full: bool) -> int:
    return 300 if full else 12


@pytest.mark.parametrize("model", [False, True], ids=["words", "hybrid"])
def test_warm_is_cold(model: bool, examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = []

    @given(stores, steps)
    @settings(
        max_examples=examples if model else 3 * examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def warm_is_cold(files: dict[str, str], steps: list[Any]) -> None:
        with home_of_its_own(tmp_path / "life", monkeypatch) as store:
            if not model:
                without_model()
            for name, text in files.items():
                change(store, "write", name, text)
            run_mem("index", model=True)
            with serving():
                answered.append(check(steps, store))

    warm_is_cold()
    assert sum(answered) > len(answered) / 2  # most are answered by the server
