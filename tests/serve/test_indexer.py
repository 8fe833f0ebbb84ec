"""The indexer in this process: words first, vectors behind and only when it may, errors told, space given back."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memcli.index import arrays, maintenance, schema
from memcli.places import Place
from memcli.serve import indexer
from memcli.serve.indexer import Indexer
from memcli.store import Store
from tests.command import without_model
from tests.serve.watching import until


class Heard:
    """What the indexer said."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.indexer = Indexer(self.said.append)

    def do(self, store: Store, folders: list[str] | None = None, *, embed: bool = True) -> dict[str, Any]:
        """Have it look; returns its answer."""
        before = len(self.said)
        self.indexer.do({"store": store.place.folder, "label": "project", "folders": folders, "embed": embed})
        return next(answer for answer in self.said[before:] if "done" in answer)

    def embedded(self) -> list[tuple[int, str | None]]:
        return [(answer["waiting"], answer["problem"]) for answer in self.said if "embedded" in answer]


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()
    yield found
    found.indexer._embedding.go_on()
    until(lambda: not found.indexer._embedding._stores, seconds=60)


def write(store: Store, path: str, text: str) -> None:
    file = Path(store.place.absolute(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_words_first_then_vectors(store: Store, heard: Heard) -> None:
    write(store, "tree/a.md", "the deployment order is alphabetical")
    answer = heard.do(store)
    assert (answer["done"], answer["added"], answer["waiting"]) == (store.place.folder, 1, 1)
    until(heard.embedded, seconds=60)
    assert heard.embedded() == [(0, None)]
    assert indexer.waiting(store.place) == 0
    write(store, "tree/x/b.md", "and the rollback order is its reverse")
    assert heard.do(store, ["tree"])["added"] == 1
    until(lambda: len(heard.embedded()) == 2, seconds=60)
    assert set(heard.indexer._embedding._models), "the model stays loaded"


def test_no_vectors_where_none_are_wanted(store: Store, heard: Heard) -> None:
    write(store, "tree/a.md", "the deployment order is alphabetical")
    assert heard.do(store, embed=False)["waiting"] == 1
    assert heard.indexer._embedding._thread is None


def test_without_a_model_it_says_why(store: Store, heard: Heard) -> None:
    without_model()
    write(store, "tree/a.md", "the deployment order is alphabetical")
    heard.do(store)
    until(heard.embedded)
    ((left, problem),) = heard.embedded()
    assert left == 1
    assert "/no-model" in str(problem)


def test_vectors_wait_while_words_are_written(store: Store, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new is embedded while a store is looked at."""
    embedding = heard.indexer._embedding
    begun = threading.Event()
    monkeypatch.setattr(embedding, "_some", lambda place: (begun.set(), (0, None))[1])
    embedding.pause()
    embedding.add(store.place)
    assert not begun.wait(0.2)
    embedding.go_on()
    assert begun.wait(10)


def test_what_goes_wrong_is_told(store: Store, heard: Heard) -> None:
    write(store, "tree/a.md", "words")
    path = Path(os.environ["XDG_CONFIG_HOME"], "mem", "config.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("threads: many\n")
    assert "must be a whole number" in heard.do(store)["error"]
    shutil.rmtree(store.place.folder)
    path.unlink()
    assert heard.do(store)["waiting"] == 0


def test_a_large_store_gets_its_file_and_space_comes_back(
    store: Store, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_model()
    made: list[str] = []
    smaller: list[str] = []
    monkeypatch.setattr(arrays, "build_where_due", lambda place: made.append(place.folder))
    monkeypatch.setattr(maintenance, "compact", lambda place: smaller.append(place.folder))
    heard.do(store)
    until(lambda: made)
    heard.indexer.leave()
    assert (made, smaller) == ([store.place.folder], [])
    write(store, "tree/a.md", "words")
    heard.do(store, ["tree"], embed=False)
    Path(store.place.tree, "a.md").unlink()
    assert heard.do(store, ["tree"], embed=False)["removed"] == 1
    heard.indexer.leave()
    assert smaller == [store.place.folder]


def test_how_memories_stand_is_brought_to_a_new_index(store: Store, heard: Heard) -> None:
    store.add("the deployment order is alphabetical")
    without_model()
    heard.do(store)
    connection = schema.open_for_reading(Place(store.place.folder))
    try:
        assert schema.get_meta(connection, "standing") == "known"
    finally:
        connection.close()


def test_much_is_embedded_at_low_priority_and_a_little_at_once(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the next recall would embed itself must not wait behind everything else that the machine does."""
    became: list[str] = []
    monkeypatch.setattr(indexer, "_be_nice", lambda: became.append("nice"))
    embedding = heard.indexer._embedding
    embedding._models = {"opened": None}  # type: ignore[dict-item]
    embedding._give_way(indexer.EMBED_AT_ONCE)
    assert (became, set(embedding._models)) == ([], {"opened"})
    embedding._give_way(indexer.EMBED_AT_ONCE + 1)
    embedding._give_way(5000)
    assert (became, embedding._models) == (["nice"], {})
