"""Memories kept coarser: what is left of them, that it comes back, and that a kill or a rebuild in between changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memcli.encode import codes
from memcli.index import db, maintenance, nearest, precision, schema, search
from memcli.index.kept import KeptRows
from memcli.index.matrix import Matrix
from memcli.index.precision import BIT, BIT_ALONE, FULL, INT8, NONE, Changed, set_precision
from memcli.index.reconcile import reconcile
from memcli.index.search import Filter
from memcli.places import Place
from memcli.store import Store
from tests.index.samples import DIMENSIONS, MODEL, TOKENS, MadeUp, unit

ALL = (FULL, INT8, BIT, BIT_ALONE, NONE)
COARSE = 2 * 2 + 1 + 10 + DIMENSIONS // 8  # bytes of a coarse vector, in a frame learnt from 20 vectors


@pytest.fixture
def model() -> MadeUp:
    return MadeUp()


@pytest.fixture
def names(store: Store, model: MadeUp) -> list[str]:
    """The ids of twenty embedded notes."""
    added = [store.add(f"Note number {n} says {n * 7919}") for n in range(20)]
    store.sync(embed=False)
    model.embed(store.place)
    return [memory.id for memory in added]


def opened(place: Place) -> db.Connection:
    connection = schema.open_for_reading(place)
    db.load_vectors(connection)
    return connection


def paths(place: Place) -> dict[str, str]:
    connection = schema.open_for_reading(place)
    found = dict(connection.execute("SELECT name, path FROM entries").fetchall())
    connection.close()
    return found


def in_index(place: Place) -> dict[str, tuple[int, int, bytes | None]]:
    """(state, precision, vector) of every memory's passage, by id."""
    connection = opened(place)
    rows = connection.execute(
        "SELECT name, state, precision, coalesce(embedding, vector) FROM passages JOIN documents ON documents.id = document"
        " JOIN entries ON entries.id = entry LEFT JOIN vectors ON vectors.passage = passages.id"
        " LEFT JOIN coarse ON coarse.passage = passages.id"
    ).fetchall()
    both = connection.execute("SELECT count(*) FROM vectors JOIN coarse USING (passage)").fetchone()[0]
    connection.close()
    assert not both
    return {name: (state, fine, vector) for name, state, fine, vector in rows}


def in_cache(place: Place) -> list[tuple[Any, ...]]:
    connection = db.connect(os.path.join(place.cache, "embeddings.db"), create=False)
    rows = connection.execute("SELECT hash, precision, vector, codes FROM embeddings ORDER BY hash").fetchall()
    noted = connection.execute("SELECT * FROM precisions ORDER BY name").fetchall()
    connection.close()
    return rows + noted


def everything(place: Place) -> tuple[Any, Any]:
    return in_index(place), in_cache(place)


@pytest.mark.parametrize("wanted", ALL)
def test_what_is_kept_at_each_precision(store: Store, names: list[str], wanted: int) -> None:
    changed = set_precision(store.place, dict.fromkeys(names, wanted))
    assert changed[:2] == (20 if wanted else 0, 0)
    vector = {FULL: DIMENSIONS, INT8: DIMENSIONS, BIT: COARSE, BIT_ALONE: COARSE, NONE: 0}[wanted]
    state = schema.FADED if wanted == NONE else schema.EMBEDDED
    for found in in_index(store.place).values():
        assert (*found[:2], len(found[2] or b"")) == (state, wanted, vector)
    kept = {FULL: 2 * DIMENSIONS, INT8: DIMENSIONS, BIT: COARSE, BIT_ALONE: COARSE}.get(wanted, 0)
    tokens = {FULL: TOKENS, INT8: TOKENS, BIT: TOKENS // 2}.get(wanted, 0) * DIMENSIONS // 8
    sizes = precision.sizes(store.place)
    assert sizes[wanted] == (20, 20 * (vector + kept), 20 * tokens)
    assert sum(size.passages for size in sizes.values()) == 20


def test_all_ways_down_end_at_the_same_bytes(store: Store, names: list[str]) -> None:
    half = len(names) // 2
    for step in (INT8, BIT, BIT_ALONE):
        set_precision(store.place, dict.fromkeys(names[:half], step))
        set_precision(store.place, dict.fromkeys(names[half:], step))
    stepwise = everything(store.place)
    for name in ("index.db", "embeddings.db"):
        for log in ("", "-wal", "-shm"):
            Path(store.place.cache, name + log).unlink(missing_ok=True)
    store.sync(embed=False)
    MadeUp().embed(store.place)
    set_precision(store.place, dict.fromkeys(names, BIT_ALONE))
    assert everything(store.place) == stepwise


def mixed(names: list[str]) -> dict[str, int]:
    return {name: ALL[n % len(ALL)] for n, name in enumerate(names)}


def test_a_second_time_changes_nothing(store: Store, names: list[str]) -> None:
    set_precision(store.place, mixed(names))
    before = everything(store.place)
    assert set_precision(store.place, mixed(names)) == Changed(0, 0, 0)
    assert set_precision(store.place, {}) == Changed(0, 0, 0)
    assert set_precision(store.place, {"nobody": NONE}) == Changed(0, 0, 0)
    assert everything(store.place) == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", range(12))
def test_killed_at_any_commit_the_next_call_completes_it(
    store: Store, model: MadeUp, names: list[str], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    set_precision(store.place, dict.fromkeys(names[:4], BIT))
    wanted = {name: (NONE, FULL, BIT, INT8)[n % 4] for n, name in enumerate(names)}
    monkeypatch.setattr(precision, "GROUP", 3)
    commit, commits = db._Transaction.__exit__, 0

    def until_killed(self: db._Transaction, kind: type[BaseException] | None, *rest: object) -> None:
        nonlocal commits
        commits += 1
        if commits > after:
            commit(self, Killed)
            raise Killed
        commit(self, kind, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(db._Transaction, "__exit__", until_killed)
        with pytest.raises(Killed):
            set_precision(store.place, wanted)
    if after % 2:
        model.embed(store.place)
    set_precision(store.place, wanted)
    model.embed(store.place)
    set_precision(store.place, wanted)
    for name, (state, found, vector) in in_index(store.place).items():
        assert found == wanted[name]
        assert state == schema.state_at(found)
        assert (vector is None) == (found == NONE)
    kept = [row[1] for row in in_cache(store.place) if len(row) == 4]
    assert sorted(kept) == sorted(found for found in wanted.values() if found != NONE)


def test_a_text_that_two_memories_hold_stays_as_fine_as_the_finer_needs(
    store: Store, model: MadeUp, names: list[str]
) -> None:
    other = Path(store.place.tree, "other")
    other.mkdir()
    for n in (1, 2):
        (other / f"same{n}.md").write_text("# Same\n\nThe very same text in two files.\n")
    store.sync(embed=False)
    assert len(model.embed(store.place)) == 1
    one, two = (name for name in in_index(store.place) if name not in names)

    def finest() -> set[int]:
        known = in_index(store.place)
        assert {known[one][1], known[two][1]} == {wanted[one], wanted[two]}
        return {row[1] for row in in_cache(store.place) if len(row) == 4} - {FULL} or {FULL}

    wanted = {one: BIT, two: FULL}
    set_precision(store.place, wanted)
    assert finest() == {FULL}
    wanted = {one: BIT, two: INT8}
    set_precision(store.place, wanted)
    assert finest() == {INT8}
    wanted = {one: BIT, two: BIT_ALONE}
    set_precision(store.place, wanted)
    assert finest() == {BIT}
    question = codes.quantised(unit(model.texts[-1])).tobytes()
    for first, second in ((one, two), (two, one)):
        wanted = {first: BIT, second: BIT_ALONE}
        set_precision(store.place, wanted)
        model.embed(store.place)
        connection = opened(store.place)
        hits = nearest.semantic(connection, question, 5)
        found = [document.name for document in search.documents(connection, [h.document for h in hits[:2]]).values()]
        ranked = [search.documents(connection, [hit.document])[hit.document].name for hit in hits[:2]]
        connection.close()
        assert set(found) == {one, two}
        assert ranked == [first, second]


def test_promotion_embeds_from_the_text(store: Store, model: MadeUp, names: list[str]) -> None:
    before = everything(store.place)
    for start in (INT8, BIT, BIT_ALONE, NONE):
        set_precision(store.place, dict.fromkeys(names[:3], start))
        changed = set_precision(store.place, dict.fromkeys(names[:3], FULL))
        assert (changed.coarser, changed.waiting) == (0, 3)
        assert len(model.embed(store.place)) == 3
        assert everything(store.place) == before


def test_a_finer_copy_elsewhere_saves_embedding(store: Store, model: MadeUp) -> None:
    for n in (1, 2):
        Path(store.place.tree, f"same{n}.md").write_text("# Same\n\nThe very same text in two files.\n")
    store.sync(embed=False)
    assert len(model.embed(store.place)) == 1
    one, two = in_index(store.place)
    set_precision(store.place, {one: NONE})
    assert set_precision(store.place, {one: FULL}).waiting == 1
    assert model.embed(store.place) == []
    assert in_index(store.place)[one] == in_index(store.place)[two]


def test_an_edited_memory_is_whole_again_and_a_moved_one_is_not(store: Store, model: MadeUp, names: list[str]) -> None:
    set_precision(store.place, dict.fromkeys(names, BIT_ALONE))
    known = paths(store.place)
    store.edit(known[names[0]], append="And one thing more.")
    os.rename(store.place.absolute(known[names[1]]), Path(store.place.tree, "moved.md"))
    store.sync(embed=False)
    model.embed(store.place)
    found = in_index(store.place)
    assert [found[name][1] for name in names[:3]] == [FULL, BIT_ALONE, BIT_ALONE]


@pytest.mark.parametrize("wanted", ALL)
def test_a_rebuilt_index_gets_the_same_precisions_and_embeds_nothing(
    store: Store, model: MadeUp, names: list[str], wanted: int
) -> None:
    set_precision(store.place, mixed(names) | dict.fromkeys(names[:5], wanted))
    before = everything(store.place)
    db.discard_cache(store.place, keep_embeddings=True)
    reconcile(store.place)
    assert model.embed(store.place) == []
    assert everything(store.place) == before


def test_another_model_keeps_the_precisions(store: Store, model: MadeUp, names: list[str]) -> None:
    set_precision(store.place, mixed(names))
    before = {name: found[1] for name, found in in_index(store.place).items()}
    assert len(model.embed(store.place, "another@1")) == 16  # what is archived is not embedded
    assert {name: found[1] for name, found in in_index(store.place).items()} == before
    assert model.embed(store.place, MODEL) == []


def test_an_archived_memory_is_neither_pending_nor_keyword_only(store: Store, model: MadeUp, names: list[str]) -> None:
    set_precision(store.place, {names[0]: NONE, names[1]: BIT})
    set_precision(store.place, {names[1]: FULL, names[2]: BIT})
    connection = opened(store.place)
    try:
        assert search.count(connection) == (20, 20, 19)
        assert search.waiting(connection, 100) == 1
        assert search.vectors(connection) == (17, 1)
    finally:
        connection.close()
    assert len(model.embed(store.place)) == 1
    # Moved, it is indexed anew, and waits for nothing all the same.
    store.sync(embed=False)
    db.discard_cache(store.place, keep_embeddings=True)
    reconcile(store.place)
    assert model.embed(store.place) == []
    connection = opened(store.place)
    assert search.waiting(connection, 100) == 0
    connection.close()


def test_space_really_comes_back(store: Store, model: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "MIN_SLOTS", 1)
    monkeypatch.setattr(maintenance, "MIN_FREE_BYTES", 1)
    for number in range(40):
        parts = "\n\n".join(f"## Part {n}\n\nIt says {number * 1000 + n}." for n in range(60))
        Path(store.place.tree, f"note{number}.md").write_text(f"# Note {number}\n\n{parts}\n")
    store.sync(embed=False)
    model.embed(store.place)
    names = list(in_index(store.place))

    def on_disk() -> dict[str, int]:
        """Bytes of files, with their logs."""
        files = {name: Path(store.place.cache, name) for name in ("index.db", "embeddings.db")}
        return {name: sum(p.stat().st_size for p in file.parent.glob(file.name + "*")) for name, file in files.items()}

    before, held = on_disk(), sum(size.vectors + size.codes for size in precision.sizes(store.place).values())
    changed = set_precision(store.place, dict.fromkeys(names, BIT_ALONE))
    after, left = on_disk(), sum(size.vectors + size.codes for size in precision.sizes(store.place).values())
    assert changed.freed == sum(before.values()) - sum(after.values())
    assert changed.freed > 0.8 * (held - left)
    assert after["embeddings.db"] < 0.5 * before["embeddings.db"]
    assert after["index.db"] < before["index.db"]


Searcher = Callable[[bytes, int], list[search.PassageHit]]


def test_in_memory_the_same_are_nearest(store: Store, model: MadeUp, names: list[str]) -> None:
    """`Matrix` and the tables agree, whatever the mixture and the limit; archived memories are not among them."""
    for wanted in (mixed(names), dict.fromkeys(names, BIT), dict.fromkeys(names, NONE), dict.fromkeys(names, FULL)):
        set_precision(store.place, wanted)
        model.embed(store.place)
        connection = opened(store.place)
        matrix = Matrix(KeptRows(connection))
        silent = sum(precision == NONE for precision in wanted.values())
        for limit in (1, 7, 100):
            for question in (codes.quantised(unit(text)).tobytes() for text in model.texts[:5]):
                warm, cold = matrix.nearest(question, limit, Filter()), nearest.semantic(connection, question, limit)
                assert len(warm) == min(limit, 20 - silent)
                assert [hit.passage for hit in warm] == [hit.passage for hit in cold]
                assert [hit.score for hit in warm] == pytest.approx([hit.score for hit in cold], abs=1e-5)
        connection.close()


def test_a_filter_holds_for_coarse_vectors(store: Store, names: list[str]) -> None:
    set_precision(store.place, mixed(names))
    connection = opened(store.place)
    path = paths(store.place)[names[2]]
    hits = nearest.semantic(connection, codes.quantised(unit("x")).tobytes(), 10, Filter(path=path))
    assert [document.name for document in search.documents(connection, [h.document for h in hits]).values()] == [
        names[2]
    ]
    connection.close()


def test_a_deleted_memory_leaves_no_coarse_vector(store: Store, names: list[str]) -> None:
    set_precision(store.place, dict.fromkeys(names, BIT))
    Path(store.place.absolute(paths(store.place)[names[0]])).unlink()
    store.sync(embed=False)
    connection = opened(store.place)
    assert search.vectors(connection) == (0, 19)
    connection.close()


def test_what_is_gone_for_good_is_noted_no_more(store: Store, names: list[str]) -> None:
    set_precision(store.place, dict.fromkeys(names, BIT))
    Path(store.place.absolute(paths(store.place)[names[0]])).unlink()
    store.sync(embed=False)
    maintenance.compact(store.place, force=True)
    assert not [row for row in in_cache(store.place) if names[0] in row]
    assert sum(len(row) == 4 for row in in_cache(store.place)) == 19


def test_a_cache_of_the_format_before_is_kept(store: Store, model: MadeUp, names: list[str]) -> None:
    before = everything(store.place)
    connection = db.connect(os.path.join(store.place.cache, "embeddings.db"), create=False)
    for change in (
        "DROP TABLE precisions",
        "ALTER TABLE embeddings DROP COLUMN precision",
        "ALTER TABLE models DROP COLUMN frame",
        "PRAGMA user_version = 2",
    ):
        connection.execute(change)
    connection.close()
    db.discard_cache(store.place, keep_embeddings=True)
    reconcile(store.place)
    assert model.embed(store.place) == []
    assert everything(store.place) == before
    assert set_precision(store.place, mixed(names)).coarser == 16
