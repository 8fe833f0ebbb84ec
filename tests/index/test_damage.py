"""An index may be deleted, damaged, outdated or somebody else's at any time: the files bring it back."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from memcli.index import db, schema
from memcli.index.cache import EmbeddingCache
from memcli.index.reconcile import reconcile
from memcli.lifecycle import duplicates
from memcli.places import Place, at_root
from memcli.store import Store
from tests.command import run_mem
from tests.snapshots import index_rows


def fill(store: Store, count: int = 60) -> None:
    for number in range(count):
        store.add(f"memory number {number} about tokens and deployment order {number * 7919}")
    store.sync(embed=False)


def damage_everything(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def damage_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = random.Random(2).randbytes(len(data) - 4096 * 3)
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def outdate(path: Path) -> None:
    connection = db.connect(str(path), create=True)
    schema.set_meta(connection, "version", "999")
    connection.close()


@pytest.mark.parametrize(
    "command", [("recall", "--lexical", "deployment"), ("ls",), ("index",), ("show", "deployment")]
)
@pytest.mark.parametrize("damage", [damage_everything, damage_the_middle, cut, empty, outdate])
def test_a_damaged_index_rebuilds_itself(store: Store, damage: object, command: tuple[str, ...]) -> None:
    """With one line of notice, and the answer all the same."""
    fill(store)
    before = index_rows(store.place)
    expected = run_mem(*command)
    path = Path(schema.index_path(store.place))
    damage(path)  # type: ignore[operator]
    ran = run_mem(*command)
    assert ran.code == expected.code
    if command != ("index",):  # which says what it did
        assert ran.stdout == expected.stdout
    notices = [line for line in ran.stderr.splitlines() if line not in expected.stderr.splitlines()]
    assert len(notices) <= 1
    assert all("rebuilt" in line for line in notices)
    reconcile(store.place)
    assert index_rows(store.place) == before


def test_vectors_that_cannot_be_read_are_made_again(store: Store) -> None:
    store.sync(embed=False)
    path = Path(store.place.cache, "embeddings.db")
    for data in (random.Random(1).randbytes(20_000), b""):
        path.write_bytes(data)
        cache = EmbeddingCache(store.place, "some-model@1")
        cache.put({})
        cache.close()


def stranger(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, another user, whose state knows nothing of the first's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "stranger"))


def poison(place: Place) -> None:
    """Make the index such that opening it would show."""
    connection = db.connect(schema.index_path(place), create=True)
    connection.execute("UPDATE passages SET text = 'poisoned'")
    connection.close()


def test_an_index_that_came_with_a_clone_is_discarded_unopened(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 3)
    poison(store.place)
    stranger(home, monkeypatch)
    opened: list[int] = []
    connect = db.connect

    def watched(path: str, *, create: bool) -> db.Connection:
        opened.append(os.stat(path).st_ino if os.path.exists(path) else 0)
        return connect(path, create=create)

    monkeypatch.setattr(db, "connect", watched)
    ran = run_mem("recall", "--lexical", "deployment")
    assert "memory number" in ran.stdout
    assert "poisoned" not in ran.stdout
    assert opened[0] == 0
    assert "poisoned" not in repr(index_rows(store.place))


def test_an_index_copied_with_its_owners_token_is_discarded(store: Store, tmp_path: Path) -> None:
    """The same user's own token, but in a copy: both would write to what one token vouches for."""
    fill(store, 3)
    poison(store.place)
    copy = tmp_path / "copy"
    shutil.copytree(store.place.project, copy)
    place = at_root(str(copy))
    assert db.owns_cache(store.place)
    assert not db.owns_cache(place)
    reconcile(place)
    assert "poisoned" not in repr(index_rows(place))


def test_a_store_that_moved_keeps_its_index(store: Store, tmp_path: Path) -> None:
    fill(store, 3)
    os.rename(store.place.project, tmp_path / "moved")
    place = at_root(str(tmp_path / "moved"))
    assert db.owns_cache(place)
    assert reconcile(place).rebuilt is None


@pytest.mark.parametrize("token", ["", "../../../x", "a" * 32, "\x00"])
def test_a_forged_token_owns_nothing(store: Store, token: str) -> None:
    fill(store, 1)
    Path(store.place.cache, "owner").write_text(token)
    assert not db.owns_cache(store.place)


def test_a_hint_that_cannot_be_given_fails_no_write(store: Store) -> None:
    """`mem add` looks for similar memories last: the index may be gone by then, the memory is safe."""
    written = store.add("a memory")
    assert duplicates.at_write(store.place, written.path) == []


def test_the_cache_may_be_deleted_at_any_time(store: Store) -> None:
    fill(store, 3)
    before = index_rows(store.place)
    shutil.rmtree(store.place.cache)
    reconcile(store.place)
    assert index_rows(store.place) == before


def test_databases_are_the_users_alone_from_the_first_byte(store: Store) -> None:
    os.umask(0o022)
    fill(store, 1)
    connection = db.connect(schema.index_path(store.place), create=True)
    schema.set_meta(connection, "x", "y")
    modes = {
        name: os.stat(os.path.join(store.place.cache, name)).st_mode & 0o777 for name in os.listdir(store.place.cache)
    }
    connection.close()
    assert "index.db-wal" in modes
    assert set(modes.values()) == {0o600}
