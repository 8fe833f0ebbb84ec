"""Embedding group by group: what is embedded, written and kept is the same however the groups fall."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from memcli.encode.embedder import Embedded
from memcli.encode.model import ModelFolder
from memcli.errors import ModelUnavailable
from memcli.index import db, embeddings, schema, update
from memcli.index.embeddings import embed_waiting
from memcli.index.precision import BIT, FULL, set_precision
from memcli.index.reconcile import reconcile
from memcli.places import Place
from memcli.store import Store
from memcli.text import path_id
from tests.index.samples import DIMENSIONS, MODEL, MadeUp


@pytest.fixture
def groups(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of twenty files that say one of four things, in groups of three; none is embedded yet."""
    monkeypatch.setattr(embeddings, "GROUP", 3)
    for n in range(20):
        write(store, f"tree/f{n // 4}/n{n % 4}.md", f"Text number {n % 4}, said more than once.\n")
    store.sync(embed=False)
    return store


def write(store: Store, path: str, text: str) -> None:
    file = Path(store.place.absolute(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def in_index(place: Place) -> dict[str, list[tuple[int, bytes | None]]]:
    """(state, vector) of every memory's passages, by id."""
    connection = schema.open_for_reading(place)
    db.load_vectors(connection)
    rows = connection.execute(
        "SELECT name, state, embedding FROM passages JOIN documents ON documents.id = document"
        " JOIN entries ON entries.id = entry LEFT JOIN vectors ON vectors.passage = passages.id ORDER BY passages.id"
    ).fetchall()
    connection.close()
    found: dict[str, list[tuple[int, bytes | None]]] = {}
    for name, state, vector in rows:
        found.setdefault(name, []).append((state, vector))
    return found


def in_cache(place: Place) -> list[tuple[bytes, int, bytes, bytes]]:
    connection = db.connect(os.path.join(place.cache, "embeddings.db"), create=False)
    rows: list[tuple[bytes, int, bytes, bytes]] = connection.execute(
        "SELECT hash, precision, vector, codes FROM embeddings ORDER BY hash"
    ).fetchall()
    connection.close()
    return rows


def test_groups_that_share_texts_embed_each_once(groups: Store) -> None:
    model = MadeUp()
    asked = model.embed(groups.place)
    assert len(asked) == len(set(asked))
    assert {state for rows in in_index(groups.place).values() for state, _ in rows} == {schema.EMBEDDED}


def test_groups_of_any_size_end_at_the_same(groups: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    MadeUp().embed(groups.place)
    in_small = in_index(groups.place), in_cache(groups.place)
    db.discard_cache(groups.place)
    groups.sync(embed=False)
    monkeypatch.setattr(embeddings, "GROUP", 2048)
    MadeUp().embed(groups.place)
    assert (in_index(groups.place), in_cache(groups.place)) == in_small


def test_a_text_that_the_group_before_keeps_coarser_is_kept_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a group shares with the one before is taken from memory only where the cache, too, has it as fine."""
    monkeypatch.setattr(embeddings, "GROUP", 3)
    for n in range(6):
        write(store, f"tree/f{n // 3}/n{n % 3}.md", f"Text number {n % 3}.\n")
    store.sync(embed=False)
    MadeUp().embed(store.place)
    set_precision(store.place, {path_id(f"tree/f{n // 3}/n{n % 3}.md"): BIT if n < 3 else FULL for n in range(6)})
    db.discard_cache(store.place, keep_embeddings=True)
    connection = db.connect(os.path.join(store.place.cache, "embeddings.db"), create=False)
    connection.execute("DELETE FROM embeddings")
    connection.close()
    reconcile(store.place)
    MadeUp().embed(store.place)
    assert [precision for _, precision, _, _ in in_cache(store.place)] == [FULL] * 3


def test_what_was_made_before_an_error_is_kept(groups: Store) -> None:
    model = MadeUp()
    opened = 0

    def open_model() -> MadeUp:
        nonlocal opened
        opened += 1
        if opened == 2:
            raise ModelUnavailable("the model is gone")
        return model

    with pytest.raises(ModelUnavailable):
        embed_waiting(groups.place, open_model, MODEL, DIMENSIONS)  # type: ignore[arg-type]
    done = [state for rows in in_index(groups.place).values() for state, _ in rows]
    assert done.count(schema.EMBEDDED) == 3
    rest = model.embed(groups.place)
    assert len(model.texts) == len({*model.texts})
    assert rest
    assert {state for rows in in_index(groups.place).values() for state, _ in rows} == {schema.EMBEDDED}


def test_a_memory_that_changes_while_it_is_embedded_gets_the_vector_of_its_new_text(groups: Store) -> None:
    """Its passage's number may have gone to another text, in this group or in the one that was read ahead."""

    class Slow(MadeUp):
        def passages(self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None) -> Embedded:
            if not self.texts:
                groups.edit("tree/f1/n0.md", text="Another text altogether.\n")
                groups.sync(embed=False)
            return super().passages(texts, on_batch=on_batch)

    model = Slow()
    model.embed(groups.place)
    model.embed(groups.place)
    grown = in_index(groups.place)
    db.discard_cache(groups.place)
    groups.sync(embed=False)
    MadeUp().embed(groups.place)
    assert {name: sorted(rows, key=str) for name, rows in in_index(groups.place).items()} == {
        name: sorted(rows, key=str) for name, rows in grown.items()
    }
    assert any("Another text" in text for text in model.texts)


def test_a_bulk_of_new_text_loads_the_model_while_it_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ModelFolder("", "made-up", "1", DIMENSIONS, 512, "mean", True, "", "", {})
    loaded_by: list[threading.Thread] = []

    def load(config: object) -> MadeUp:
        loaded_by.append(threading.current_thread())
        return MadeUp()

    monkeypatch.setattr(update, "_load", load)
    monkeypatch.setattr(update, "model_folder", lambda config: folder)
    small = store.add("a few words").path
    assert store.sync([small])[1] is None
    big = store.add("many words\n\n" * 12_000).path
    assert store.sync([big])[1] is None
    assert [thread is threading.main_thread() for thread in loaded_by] == [True, False]
