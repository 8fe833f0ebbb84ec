"""Pairs of memories of a store that say the same or contradict each other."""

from __future__ import annotations

import os

import pytest

from memcli.index import schema
from memcli.lifecycle import duplicates
from memcli.lifecycle.duplicates import Finding
from memcli.store import Store
from tests.command import without_model

OLD, NEW = "Uploads are limited to 10 MB.", "Uploads are limited to 25 MB."


@pytest.fixture
def words(store: Store) -> Store:
    """A store without vectors."""
    without_model()
    return Store(store.place)


def kept(store: Store, *texts: tuple[str, str]) -> list[str]:
    """The ids of new memories, (text, created) each."""
    written = [store.add(text, created=created) for text, created in texts]
    store.sync([one.path for one in written])
    return [one.id for one in written]


def found(store: Store, rejected: frozenset[frozenset[str]] = frozenset()) -> list[Finding]:
    connection = schema.open_for_reading(store.place)
    try:
        return duplicates.in_store(connection, rejected=rejected)
    finally:
        connection.close()


def path_of(store: Store, identity: str) -> str:
    connection = schema.open_for_reading(store.place)
    try:
        path: str = connection.execute("SELECT path FROM entries WHERE name = ?", (identity,)).fetchone()[0]
        return path
    finally:
        connection.close()


def test_the_newer_value_stays(words: Store) -> None:
    """By the date that the memories have, not by the order in which they were written."""
    new, old = kept(words, (NEW, "2026-05-02"), (OLD, "2026-01-02"))
    (finding,) = found(words)
    assert (finding.stays.id, finding.goes.id) == (new, old)
    assert finding.operation == {"op": "SUPERSEDE", "id": old, "by": new}
    assert finding.reason == "10 MB → 25 MB"


def test_the_wider_text_stays_though_it_is_older(words: Store) -> None:
    wide, _ = kept(
        words,
        ("Jobs are idempotent, because the broker may deliver a message twice.", "2026-01-02"),
        ("Jobs are idempotent.", "2026-05-02"),
    )
    (finding,) = found(words)
    assert (finding.kind, finding.stays.id) == ("subsumed", wide)


def test_a_write_hears_of_what_it_contradicts(words: Store) -> None:
    (old,) = kept(words, (OLD, "2026-01-02"))
    kept(words, ("The mirror is in Oslo.", "2026-01-02"))
    (new,) = kept(words, (NEW, "2026-05-02"))
    assert [one.goes.id for one in duplicates.at_write(words.place, path_of(words, new))] == [old]
    assert duplicates.at_write(words.place, "tree/inbox/none.md") == []


def test_what_replaces_it_already_is_no_finding(words: Store) -> None:
    (old,) = kept(words, (OLD, "2026-01-02"))
    written = words.add(NEW, created="2026-05-02", supersedes=[old])
    words.sync([written.path])
    assert found(words) == []
    assert duplicates.at_write(words.place, written.path) == []


def test_a_rejected_pair_never_comes_again(words: Store) -> None:
    kept(words, (OLD, "2026-01-02"), (NEW, "2026-05-02"))
    (finding,) = found(words)
    pair = frozenset((finding.stays.hash, finding.goes.hash))
    assert found(words, frozenset((pair,))) == []
    assert duplicates.at_write(words.place, finding.stays.path, rejected={pair}) == []


def test_a_memory_is_in_one_finding_at_most(words: Store) -> None:
    """Else both others would replace it, or it would be replaced and replace."""
    kept(words, (OLD, "2026-01-02"), (NEW, "2026-05-02"), ("Uploads are limited to 50 MB.", "2026-08-02"))
    findings = found(words)
    assert len(findings) == 1


def test_sessions_are_left_out(words: Store) -> None:
    talk = os.path.join(words.place.tree, "talk.md")
    with open(talk, "w", encoding="utf-8") as file:
        file.write(f"---\ntype: episode\n---\n# Talk\n\n## 2026-01-01T10:00 Ann ^t0001\n\n{OLD}\n")
    words.sync()
    kept(words, (NEW, "2026-05-02"))
    assert found(words) == []


def test_neighbours_by_vector_are_compared(store: Store) -> None:
    """With the model on, a store of many memories is compared by what is near; the pair is found at a write too."""
    old, new = kept(store, ("The CI runs on Jenkins.", "2026-01-02"), ("The CI moved to Drone.", "2026-05-02"))
    kept(store, *((f"Recipe {n}: flour, water and a little salt.", "2026-01-02") for n in range(12)))
    assert [one.reason for one in found(store)] == ["Jenkins → Drone"]
    assert [one.goes.id for one in duplicates.at_write(store.place, path_of(store, new))] == [old]


def test_without_an_index_nothing_is_said(words: Store) -> None:
    assert duplicates.at_write(words.place, "tree/inbox/x.md") == []


def test_rarity_needs_a_store_of_some_size(words: Store) -> None:
    kept(words, *((f"The gateway has the name gateway{n}.", "2026-01-02") for n in range(duplicates.FEW + 5)))
    connection = schema.open_for_reading(words.place)
    try:
        weigh = duplicates.rarity(connection, ["the gateway gateway3"])
        assert weigh is not None
        assert weigh("gateway") < weigh("gateway3") <= 1.0
        connection.execute("DELETE FROM entries WHERE id > 5")
        assert duplicates.rarity(connection, ["the gateway"]) is None
    finally:
        connection.close()
