"""An index that followed the files step by step equals one made anew from them, whatever the steps were."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from memcli import tree, walk
from memcli.errors import Conflict, NotFound, UndoImpossible
from memcli.index import db, schema
from memcli.places import at_root
from memcli.store import Store
from tests.snapshots import index_rows, rebuilt_rows

WORDS = (
    "token",
    "alpha",
    "beta",
    "deployment",
    "order",
    "naïve",
    "記憶を保つ",
    "2026-11-20",
    "[[alpha]]",
    "#tag",
    "camelCase_name",
    "# Title",
)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
bodies = st.lists(texts, min_size=1, max_size=4).map("\n\n".join)
raw = st.one_of(
    bodies,
    bodies.map(lambda text: f"---\ntype: decision\ntags: [x]\n---\n{text}"),
    bodies.map(
        lambda text: (
            f"---\ntype: episode\nsession: s\n---\n# S\n\n## 2026-01-01 Ann ^t0001\n\n{text}\n\n## - ^t0002\n\nyes\n"
        )
    ),
    st.sampled_from(
        ["", "\x00", "<<<<<<< a\n=======\n>>>>>>> b\n", "---\nbroken: [\n---\nx", "\ufeff# Title\r\n\r\ntoken\r\n"]
    ),
)
numbers = st.integers(0, 1000)
topics = st.sampled_from(["", "auth", "auth/tokens", "ops"])


class Steps(RuleBasedStateMachine):
    """What people, agents and mem do to a store; after each step the index is brought up to date and compared."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store.init(at_root(str(self.folder / "project")))
        self.clock = 1_795_000_000.0
        self.store = Store(self.store.place, now=self.tick)

    def tick(self) -> float:
        self.clock += 7.0
        return self.clock

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def paths(self) -> list[str]:
        return [found.path for found in walk.walk(self.store.place) if not found.problem]

    def pick(self, number: int) -> str | None:
        paths = self.paths()
        return paths[number % len(paths)] if paths else None

    def readable(self, number: int) -> str | None:
        path = self.pick(number)
        try:
            return path if path and tree.read(self.store.place, path) is not None else None
        except Exception:  # what cannot be read cannot be edited either
            return None

    @initialize(text=bodies)
    def begin(self, text: str) -> None:
        self.store.add(text)

    @rule(text=bodies, topic=topics, private=st.booleans())
    def add(self, text: str, topic: str, private: bool) -> None:
        try:
            written = self.store.add(text, topic=topic or None, private=private)
        except Conflict:
            return
        self.store.sync([written.path], embed=False)

    @rule(number=numbers, text=bodies)
    def edit(self, number: int, text: str) -> None:
        path = self.readable(number)
        if path:
            self.store.edit(path, text=text)
            self.store.sync([path], embed=False)

    @rule(number=numbers, text=texts)
    def append(self, number: int, text: str) -> None:
        path = self.readable(number)
        if path:
            self.store.edit(path, append=text)

    @rule(number=numbers, topic=topics)
    def move(self, number: int, topic: str) -> None:
        path = self.readable(number)
        if path:
            try:
                written = self.store.edit(path, topic=topic)
            except Conflict:
                return
            self.store.sync([path, written.path], embed=False)

    @rule(number=numbers, name=st.sampled_from(["renamed.md", "a/b/c.md", "Upper Case.MD"]))
    def rename_outside(self, number: int, name: str) -> None:
        path = self.pick(number)
        target = Path(self.store.place.tree, name)
        if path and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.store.place.absolute(path), target)

    @rule(number=numbers)
    def delete_outside(self, number: int) -> None:
        path = self.pick(number)
        if path:
            os.unlink(self.store.place.absolute(path))

    @rule(number=numbers, text=raw)
    def edit_outside(self, number: int, text: str) -> None:
        path = self.pick(number)
        if path:
            Path(self.store.place.absolute(path)).write_bytes(text.encode())

    @rule(text=raw, name=st.sampled_from(["note.md", "2026-11-20.md", "sub/note.markdown", "x.sync-conflict-1.md"]))
    def write_outside(self, text: str, name: str) -> None:
        path = Path(self.store.place.tree, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    @rule(number=numbers)
    def forget(self, number: int) -> None:
        path = self.readable(number)
        if path:
            self.store.forget([path])
            self.store.sync([path], embed=False)

    @rule(number=numbers)
    def restore(self, number: int) -> None:
        trash = tree.trash(self.store.place)
        if trash:
            try:
                self.store.restore(trash[number % len(trash)][0])
            except (Conflict, NotFound):
                return

    @rule()
    def undo(self) -> None:
        try:
            _, paths = self.store.undo()
        except UndoImpossible:
            return
        self.store.sync(paths, embed=False)

    @invariant()
    def equals_a_rebuilt_index(self) -> None:
        self.store.sync(embed=False)
        assert index_rows(self.store.place) == rebuilt_rows(self.store.place, self.folder)


def test_step_by_step_equals_rebuilt(full: bool) -> None:
    examples, steps = (300, 30) if full else (15, 12)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Steps,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_vectors_step_by_step_equal_rebuilt_ones(store: Store, tmp_path: Path) -> None:
    """By content: cosine of at least .999, since a text's vector depends a little on what it was batched with."""
    numpy: Any = pytest.importorskip("numpy")
    first = store.add("Rotate refresh tokens on every use; a reused one revokes the family")
    store.sync()
    store.add("Deployments go out in alphabetical order, never on a Friday")
    store.add("A much longer note. " * 60, title="Long")
    store.sync()
    store.edit(first.path, append="Confirmed in the load test.")
    store.sync()

    def vectors() -> dict[str, Any]:
        connection = schema.open_for_reading(store.place)
        try:
            db.load_vectors(connection)
            rows = connection.execute(
                "SELECT text, embedding FROM vectors JOIN passages ON passages.id = passage"
            ).fetchall()
            waiting = connection.execute("SELECT count(*) FROM passages WHERE state = 0").fetchone()[0]
        finally:
            connection.close()
        assert waiting == 0
        return {text: numpy.frombuffer(vector, dtype=numpy.int8).astype(numpy.float32) for text, vector in rows}

    stepwise = vectors()
    shutil.rmtree(store.place.cache)
    store.sync()
    rebuilt = vectors()
    assert stepwise.keys() == rebuilt.keys()
    for text, vector in stepwise.items():
        other = rebuilt[text]
        assert float(vector @ other) / float(numpy.linalg.norm(vector) * numpy.linalg.norm(other)) >= 0.999
