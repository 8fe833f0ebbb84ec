"""Undo: taking back everything that was done, last first, brings every byte back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memcli import journal, tree, walk
from memcli.curate import curate
from memcli.errors import Conflict
from memcli.importers import Item
from memcli.importers.bring import bring_in
from memcli.journal import left_to_undo
from memcli.memory import parse
from memcli.operations import read
from memcli.places import at_root
from memcli.store import Store
from memcli.text import path_id
from tests.command import without_model
from tests.conftest import tree_bytes

SEQUENCES, FULL_SEQUENCES = 5, 500
OPERATIONS = 30
WORDS = ("alpha", "beta", "gamma", "ünï", "\\n", "#tag", "[[link]]")
TOPICS = ("", "auth", "auth/deep", "new/topic")


class Snapshot(NamedTuple):
    """Every file of both trees with its bytes, and every folder."""

    files: dict[str, bytes]
    folders: list[str]


def snapshot(store: Store) -> Snapshot:
    tops = (Path(store.place.tree), Path(store.place.private_tree))
    files = {f"{top}/{path}": data for top in tops for path, data in tree_bytes(top).items()}
    return Snapshot(files, sorted(str(path) for top in tops for path in top.rglob("*") if path.is_dir()))


def begin(folder: Path, number: int) -> Store:
    """A store with files of every kind, some written by hand: CRLF, a byte order mark, no front matter."""
    store = Store.init(at_root(str(folder / f"p{number}")))
    for name, data in {
        "plain.md": b"by hand, no end of line",
        "dos.md": b"\xef\xbb\xbf---\r\ntags: [a]\r\nodd: {x: 1}\r\n---\r\n# Dos\r\n\r\ntext\r\n",
        "auth/deep/note.md": b"---\nid: k7q9d2xm3v4a\n---\n# Note\n",
    }.items():
        path = Path(store.place.tree, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    clock = iter(range(1_795_000_000, 1_796_000_000))
    return Store(store.place, now=lambda: float(next(clock) // 3))  # several operations in one second


class Doer:
    """Random operations on a store; each method does one, or raises Conflict or IndexError where it cannot."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.imported = 0

    @property
    def paths(self) -> list[str]:
        return [found.path for found in walk.walk(self.store.place)]

    def path(self) -> str:
        return self.random.choice(self.paths)

    def text(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 5)))

    def topic(self) -> str:
        return self.random.choice(TOPICS)

    def add(self) -> None:
        private = self.random.random() < 0.3
        self.store.add(self.text(), topic=self.topic(), private=private, tags=["t"], supersedes=["x"])

    def overwrite(self) -> None:
        self.store.add(f"same name\n\n{self.text()}", overwrite=True)

    def edit(self) -> None:
        self.store.edit(self.path(), text=self.text())

    def append(self) -> None:
        self.store.edit(self.path(), append=self.text())

    def front(self) -> None:
        self.store.edit(self.path(), front_matter={"tags": [self.text()], "pinned": self.random.choice((True, None))})

    def whole(self) -> None:
        path = self.path()
        data = tree.read(self.store.place, path)
        self.store.replace_file(path, data + self.text().encode(), expected=journal.digest(data))

    def move(self) -> None:
        self.store.edit(self.path(), topic=self.topic(), append=self.random.choice((None, self.text())))

    def forget(self) -> None:
        paths = self.paths
        self.store.forget(self.random.sample(paths, min(len(paths), self.random.randint(1, 3))))

    def restore(self) -> None:
        self.store.restore(self.random.choice(tree.trash(self.store.place))[0])

    def import_(self) -> None:
        self.imported += 1
        notes = [Item(text=f"{self.text()} {self.imported}", ref=f"n{self.imported}") for _ in range(2)]
        turns = [
            Item(text=self.text(), ref=f"t{self.imported}.{n}", session="s", speaker="Ann", created="2026-11-20")
            for n in range(2)
        ]
        bring_in(self.store, notes + turns, origin="test", topic=self.topic() or "in", now=1.795e9)

    def curate(self) -> None:
        self.store.sync(embed=False)
        waiting = self.random.sample(self.paths, min(len(self.paths), 6))
        makers: list[Callable[[], dict[str, Any]]] = [
            lambda: {
                "op": "ADD",
                "text": self.text(),
                "topic": self.topic() or "x",
                "private": self.random.random() < 0.3,
            },
            lambda: {"op": "UPDATE", "id": waiting.pop(), "append": self.text()},
            lambda: {"op": "UPDATE", "id": waiting.pop(), "topic": self.topic() or "x", "tags": ["u"]},
            lambda: {"op": "UPSERT", "path": f"up/{self.random.randint(1, 3)}", "text": self.text(), "overwrite": True},
            lambda: {"op": "MERGE", "ids": [waiting.pop(), waiting.pop()], "into": {"text": self.text()}},
            lambda: {"op": "MERGE", "ids": [waiting.pop()], "into": waiting.pop(), "text": self.text()},
            lambda: {"op": "SUPERSEDE", "id": waiting.pop(), "by": {"text": self.text()}},
            lambda: {"op": "LINK", "from": waiting.pop(), "to": waiting.pop()},
            lambda: {"op": "DELETE", "id": waiting.pop()},
        ]
        operations = [make() for make in self.random.sample(makers, 3)]
        curate(self.store, read(json.dumps(operations)))

    def say(self) -> None:
        """An event that says something of memories and changes no file, as feedback and fading do."""
        path = self.path()
        name = parse(tree.read(self.store.place, path), name=path).id or path_id(path)
        verb = self.random.choice(("feedback", "fade", journal.SEEN))
        journal.record(self.store.place, verb, [], by="you", origin="/", now=1.795e9, about=[(name, "useful")])

    def undo(self) -> None:
        """An undo in between: of the last operation, or of several."""
        left = left_to_undo(journal.events(self.store.place))
        self.store.undo_last(self.random.choice(range(1, min(3, len(left)) + 1)))


VERBS = (
    "add", "overwrite", "edit", "append", "front", "whole", "move", "forget", "restore", "import_", "curate", "say", "undo",
)  # fmt: skip


def test_undoing_everything_leaves_the_tree_as_it_was(tmp_path: Path, full: bool) -> None:
    """After each operation and each undo the tree is what it was when just the operations before it had been done."""
    without_model()
    done: dict[str, int] = dict.fromkeys(VERBS, 0)
    for number in range(FULL_SEQUENCES if full else SEQUENCES):
        store = begin(tmp_path, number)
        doer = Doer(store, number)
        states: dict[str, Snapshot] = {"": snapshot(store)}  # by the newest operation that is not undone
        for _ in range(OPERATIONS):
            verb = doer.random.choice(VERBS)
            before = newest(store)
            try:
                getattr(doer, verb)()
            except (Conflict, IndexError):
                assert newest(store) == before, (number, verb)
                continue
            done[verb] += 1
            now = states.setdefault(newest(store), snapshot(store))
            assert snapshot(store) == now, (number, verb, "an undo in between")
        way = doer.random.choice((one_by_one, in_threes, all_at_once))
        way(store, states)
        assert snapshot(store) == states[""], (number, way.__name__)
    assert min(done.values()) > 0, done
    print(f"{number + 1} sequences, {sum(done.values())} operations: {done}")


def newest(store: Store) -> str:
    left = left_to_undo(journal.events(store.place))
    return left[-1].op if left else ""


def one_by_one(store: Store, states: dict[str, Snapshot]) -> None:
    while newest(store):
        event, _ = store.undo()
        assert snapshot(store) == states[newest(store)], event


def in_threes(store: Store, states: dict[str, Snapshot]) -> None:
    while newest(store):
        events, _ = store.undo_last(min(3, len(left_to_undo(journal.events(store.place)))))
        assert snapshot(store) == states[newest(store)], events


def all_at_once(store: Store, states: dict[str, Snapshot]) -> None:
    count = len(left_to_undo(journal.events(store.place)))
    if count:
        events, _ = store.undo_last(count)
        assert len(events) == count


def test_undoing_a_session_leaves_what_others_did(tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two agents take turns, each on its own memories; one is taken back whole and the other's work stays."""
    sessions = ("session-a", "session-b")
    for number in range(100 if full else 3):
        store = begin(tmp_path, number)
        doer = Doer(store, number)
        before = snapshot(store)
        own: dict[str, list[str]] = {session: [] for session in sessions}
        for turn in range(20):
            session = sessions[turn % 2]
            monkeypatch.setenv("MEM_SESSION", session)
            match doer.random.choice(("add", "edit", "forget")) if own[session] else "add":
                case "add":
                    own[session].append(store.add(f"{session} {turn}", topic=session).path)
                case "edit":
                    store.edit(doer.random.choice(own[session]), append=doer.text())
                case "forget":
                    store.forget([own[session].pop(doer.random.randrange(len(own[session])))])
        monkeypatch.delenv("MEM_SESSION")
        kept = {path: data for path, data in snapshot(store).files.items() if "session-b" in path}
        events, _ = store.undo_session("session-a")
        assert {event.session for event in events} == {"session-a"}
        assert snapshot(store).files == {**before.files, **kept}
        store.undo_session("session-b")
        assert snapshot(store) == before
