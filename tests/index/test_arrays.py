"""The file derived from a store's vectors: what is found with it is what the tables say, whatever happened in between."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memcli import lock
from memcli.encode import coarse, codes
from memcli.index import arrays, db, frames, maintenance, nearest, schema, sketches, vectors
from memcli.index.arrays import ArraySearch
from memcli.index.kept import KeptRows
from memcli.index.precision import BIT, FULL, INT8, NONE, set_precision
from memcli.index.search import Filter, PassageHit
from memcli.index.vectors import arrays_path
from memcli.places import Place, at_root
from memcli.store import Store
from tests.command import run_mem
from tests.index.samples import DIMENSIONS, MODEL, MadeUp, unit


class Killed(BaseException):
    """What a kill looks like from inside."""


@pytest.fixture
def model() -> MadeUp:
    return MadeUp()


@pytest.fixture
def names(store: Store, model: MadeUp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of thirty embedded notes, of which some are coarse, in a store that is large enough."""
    monkeypatch.setattr(arrays, "LEAST", 1)
    monkeypatch.setattr(arrays, "CHANGED_LEAST", 0)
    added = [store.add(f"Note number {n} says {n * 7919}").id for n in range(30)]
    store.sync(embed=False)
    model.embed(store.place)
    set_precision(store.place, dict.fromkeys(added[::4], BIT) | {added[1]: NONE})
    return added


def asked(text: str) -> bytes:
    return codes.quantised(unit(text)).tobytes()


def exact(place: Place, text: str, limit: int = 100, where: Filter | None = None) -> list[PassageHit]:
    connection = schema.open_for_reading(place)
    try:
        db.load_vectors(connection)
        return nearest.semantic(connection, asked(text), limit, where)
    finally:
        connection.close()


def same(found: list[PassageHit], expected: list[PassageHit]) -> bool:
    """Whether these are the same hits, but for rounding."""
    return sorted(hit.passage for hit in found) == sorted(hit.passage for hit in expected) and np.allclose(
        [hit.score for hit in found], [hit.score for hit in expected], atol=1e-5
    )


def check(place: Place, opened: ArraySearch | None = None) -> None:
    """The file is used, and finds what the tables hold."""
    connection = schema.open_for_reading(place)
    looking = opened or ArraySearch(place, KeptRows(connection))
    assert looking.usable
    for text in ("Note number 3 says", "something else", "19"):
        assert same(looking.nearest(asked(text), 100, Filter()), exact(place, text))
        assert same(looking.nearest(asked(text), 3, Filter()), exact(place, text, 3))
    assert arrays.problems(place, connection) == []
    connection.close()


def usable(place: Place) -> bool:
    connection = schema.open_for_reading(place)
    try:
        return ArraySearch(place, KeptRows(connection)).usable
    finally:
        connection.close()


def test_it_finds_what_an_exact_search_finds(store: Store, names: list[str]) -> None:
    assert not usable(store.place)
    assert arrays.build_where_due(store.place)
    check(store.place)


def test_what_is_written_later_is_found_at_once_and_what_is_deleted_never(
    store: Store, names: list[str], model: MadeUp
) -> None:
    arrays.build_where_due(store.place)
    connection = schema.open_for_reading(store.place)
    opened = ArraySearch(store.place, KeptRows(connection))
    check(store.place, opened)
    for n in range(5):
        store.add(f"Something else, {n}")
        os.unlink(next(Path(store.place.tree).rglob("*.md")))
        store.sync(embed=False)
        model.embed(store.place)
        set_precision(store.place, {names[2 + n]: BIT, names[20 + n]: FULL})
        model.embed(store.place)
        check(store.place, opened)
    connection.close()


def test_it_is_made_anew_when_much_has_changed(store: Store, names: list[str], model: MadeUp) -> None:
    arrays.build_where_due(store.place)
    assert not arrays.build_where_due(store.place)
    connection = schema.open_for_reading(store.place)
    opened = ArraySearch(store.place, KeptRows(connection))
    check(store.place, opened)
    store.add("Something else")
    store.sync(embed=False)
    model.embed(store.place)
    assert arrays.build_where_due(store.place)
    assert connection.execute("SELECT count(*) FROM changed_vectors").fetchone() == (0,)
    check(store.place, opened)  # by one who had the old one open
    connection.close()


def test_a_small_store_has_none(store: Store, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "LEAST", 1000)
    assert not arrays.build_where_due(store.place)
    assert not os.path.exists(arrays_path(store.place))
    connection = schema.open_for_reading(store.place)
    assert connection.execute("SELECT count(*) FROM changed_vectors").fetchone() == (0,)
    connection.close()


def test_one_that_is_large_no_more_has_none_either(
    store: Store, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays.build_where_due(store.place)
    monkeypatch.setattr(arrays, "LEAST", 1000)
    assert not arrays.build_where_due(store.place)
    assert not os.path.exists(arrays_path(store.place))
    set_precision(store.place, {names[2]: BIT})
    connection = schema.open_for_reading(store.place)
    assert connection.execute("SELECT count(*) FROM changed_vectors").fetchone() == (0,)
    connection.close()


def test_a_file_that_cannot_be_written_is_done_without(
    store: Store, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(sketches, "_fill", fail)
    assert not arrays.build_where_due(store.place)
    assert not usable(store.place)


def test_two_do_not_make_it_at_once(store: Store, names: list[str]) -> None:
    with lock.write_lock(store.place, name="arrays"):
        assert not arrays.build_where_due(store.place)
    assert arrays.build_where_due(store.place)


@pytest.mark.parametrize("where", [Filter(until="2019"), Filter(path="one"), Filter(path="one", types=("decision",))])
def test_a_filter_holds(store: Store, names: list[str], model: MadeUp, where: Filter) -> None:
    arrays.build_where_due(store.place)
    for n in range(3):
        path = Path(store.place.tree, "one", f"{n}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"---\ntype: {'decision' if n else 'fact'}\n---\nOne {n}", encoding="utf-8")
    store.sync(embed=False)
    model.embed(store.place)
    for _ in range(2):  # with the three among the changes, then in the file
        connection = schema.open_for_reading(store.place)
        looking = ArraySearch(store.place, KeptRows(connection))
        assert looking.usable
        assert same(looking.nearest(asked("One"), 100, where), exact(store.place, "One", 100, where))
        connection.close()
        assert arrays.build_where_due(store.place) or _


@pytest.mark.parametrize(
    "moment", ["while it is written", "before it takes its place", "before its changes are forgotten"]
)
def test_killed_while_it_is_made_the_store_answers_rightly_and_the_next_call_makes_it(
    store: Store, names: list[str], model: MadeUp, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays.build_where_due(store.place)
    store.add("Something else")
    store.sync(embed=False)
    model.embed(store.place)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if moment == "while it is written":
            patch.setattr(sketches, "_fill", die)
        elif moment == "before it takes its place":
            patch.setattr(os, "replace", die)
        else:
            write = sketches.write

            def write_and_die(*given: object) -> None:
                write(*given)  # type: ignore[arg-type]
                raise Killed

            patch.setattr(sketches, "write", write_and_die)
        arrays.build_where_due(store.place)
    check(store.place)
    store.add("And something more")
    store.sync(embed=False)
    model.embed(store.place)
    check(store.place)
    arrays.build_where_due(store.place)
    check(store.place)


def test_an_older_file_put_back_is_not_used(store: Store, names: list[str], model: MadeUp, tmp_path: Path) -> None:
    arrays.build_where_due(store.place)
    shutil.copy(arrays_path(store.place), tmp_path / "old")
    store.add("Something else")
    store.sync(embed=False)
    model.embed(store.place)
    arrays.build_where_due(store.place)
    shutil.copy(tmp_path / "old", arrays_path(store.place))
    assert not usable(store.place)
    assert arrays.build_where_due(store.place)
    check(store.place)


def test_the_file_of_another_index_is_not_used(store: Store, names: list[str], model: MadeUp, tmp_path: Path) -> None:
    arrays.build_where_due(store.place)
    shutil.copy(arrays_path(store.place), tmp_path / "old")
    db.discard_cache(store.place, keep_embeddings=True)
    assert not os.path.exists(arrays_path(store.place))
    store.sync(embed=False)
    model.embed(store.place)
    shutil.copy(tmp_path / "old", arrays_path(store.place))
    assert not usable(store.place)
    arrays.build_where_due(store.place)
    check(store.place)


def test_vectors_of_another_model_end_it(store: Store, names: list[str], model: MadeUp) -> None:
    arrays.build_where_due(store.place)
    model.embed(store.place, "another@1")
    assert not usable(store.place)
    arrays.build_where_due(store.place)
    check(store.place)


def test_a_damaged_file_is_not_used_and_made_anew(store: Store, names: list[str]) -> None:
    arrays.build_where_due(store.place)
    data = Path(arrays_path(store.place)).read_bytes()
    Path(arrays_path(store.place)).write_bytes(data[:-100])
    assert not usable(store.place)
    assert arrays.build_where_due(store.place)
    check(store.place)


def test_purging_leaves_no_vector_behind(store: Store, names: list[str], model: MadeUp) -> None:
    arrays.build_where_due(store.place)
    later = store.add("A secret").id
    store.sync(embed=False)
    model.embed(store.place)
    connection = schema.open_for_reading(store.place)
    db.load_vectors(connection)
    sql = (
        "SELECT name, coalesce(embedding, vector) FROM entries JOIN documents ON entry = entries.id JOIN passages"
        " ON document = documents.id LEFT JOIN vectors ON vectors.passage = passages.id"
        " LEFT JOIN coarse ON coarse.passage = passages.id"
    )
    held = {name: bytes(vector) for name, vector in connection.execute(sql) if vector is not None}
    paths = dict(connection.execute("SELECT name, path FROM entries"))
    connection.close()
    gone = [names[0], names[2], later]  # coarse, fine, and among the changes
    for name in gone:
        store.purge(paths[name])
    store.sync(embed=False)
    maintenance.compact(store.place, force=True)
    left = b"".join(path.read_bytes() for path in Path(store.place.cache).iterdir())
    assert [name for name in held if held[name] in left] == [name for name in held if name not in gone]
    check(store.place)


def test_the_check_sees_what_is_wrong(store: Store, names: list[str]) -> None:
    arrays.build_where_due(store.place)
    found = sketches.Sketches.open(arrays_path(store.place))
    assert found is not None
    sketches.blank(arrays_path(store.place), found.passages[3:4])
    connection = schema.open_for_reading(store.place)
    assert len(arrays.problems(store.place, connection)) == 1
    connection.close()


def test_recall_answers_by_the_arrays_of_a_large_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for subject in ("cats", "invoices", "compilers", "gardens", "trains", "music", "rivers", "paint"):
        store.add(f"A note about {subject} and nothing else.")
    run_mem("index", model=True)
    before = run_mem("recall", "pets that purr", "--json", model=True).json()["results"]
    monkeypatch.setattr(arrays, "LEAST", 1)
    run_mem("index", model=True)
    assert os.path.exists(arrays_path(store.place))
    store.add("A note about a computer.")
    run_mem("index", model=True)
    with monkeypatch.context() as patch:
        patch.setattr(nearest, "semantic", lambda *_: pytest.fail("all vectors were read"))
        after = run_mem("recall", "pets that purr", "--json", model=True).json()["results"]
        assert "computer" in run_mem("recall", "laptop", "--json", model=True).json()["results"][0]["text"]
    assert after[0]["text"] == before[0]["text"]
    assert run_mem("index", "check", model=True).code == 0
    found = sketches.Sketches.open(arrays_path(store.place))
    assert found is not None
    sketches.blank(arrays_path(store.place), found.passages[:1])
    checked = run_mem("index", "check", model=True)
    assert checked.code == 27
    assert "vectors" in checked.stdout
    run_mem("index", "rebuild", model=True)
    assert run_mem("index", "check", model=True).code == 0


class Changes(RuleBasedStateMachine):
    """Vectors come and go, under numbers that are used again; files are made, and makers killed; one reader stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.draw = random.Random(0)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(arrays, "LEAST", 1)
        self.patch.setattr(arrays, "CHANGED_LEAST", 0)

    @initialize()
    def make(self) -> None:
        self.place = Store.init(at_root(tempfile.mkdtemp(dir=os.environ["HOME"]))).place
        self.connection, _ = schema.open_for_writing(self.place)
        with db.transaction(self.connection):
            schema.create_vectors(self.connection, MODEL, DIMENSIONS)
        frame = coarse.learn(np.array([unit(str(n)) for n in range(20)]))
        self.connection.execute("INSERT INTO frame (only, value) VALUES (1, ?)", (frame.to_bytes(),))
        self.reader = schema.open_for_reading(self.place)
        self.search = ArraySearch(self.place, KeptRows(self.reader))

    @rule(number=st.integers(1, 12), text=st.text("abc", max_size=3), precision=st.sampled_from((INT8, BIT)))
    def write(self, number: int, text: str, precision: int) -> None:
        """A passage in place of the one that had its number, if one had."""
        frame = frames.of(self.connection)
        assert frame is not None
        small = codes.quantised(unit(text)[None])[0].tobytes()
        vector = small if precision == INT8 else coarse.pack(unit(text)[None], frame)[0]
        with db.transaction(self.connection):
            vectors.delete(self.connection, [number])
            self.connection.execute(
                "INSERT OR REPLACE INTO passages VALUES (?, ?, 0, '', 1, 'prose', ?, '', ?, 1, ?)",
                (number, number, text, text.encode(), precision),
            )
            vectors.insert(self.connection, precision, [(number, vector)])

    @rule(numbers=st.sets(st.integers(1, 12)))
    def delete(self, numbers: set[int]) -> None:
        with db.transaction(self.connection):
            vectors.delete(self.connection, numbers)
            self.connection.executemany("DELETE FROM passages WHERE id = ?", [(number,) for number in numbers])

    @rule()
    def build(self) -> None:
        arrays.build_where_due(self.place)

    @rule()
    def build_and_be_killed(self) -> None:
        write = sketches.write

        def die(*given: object) -> None:
            if self.draw.random() < 0.5:
                write(*given)  # type: ignore[arg-type]
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sketches, "write", die)
            try:
                arrays.build_where_due(self.place)
            except Killed:
                pass

    @precondition(lambda self: os.path.exists(arrays_path(self.place)))
    @rule()
    def lose(self) -> None:
        os.unlink(arrays_path(self.place))

    @invariant()
    def the_reader_finds_what_the_tables_hold(self) -> None:
        if not hasattr(self, "search") or not self.search.usable:
            return
        for text in ("a", "cab"):
            assert same(self.search.nearest(asked(text), 100, Filter()), exact(self.place, text))

    def teardown(self) -> None:
        self.patch.undo()
        if hasattr(self, "reader"):
            self.reader.close()
            self.connection.close()


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
