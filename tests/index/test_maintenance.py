"""Space comes back after deletes, and what is left answers as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.index import maintenance, schema
from memcli.store import Store
from tests.command import run_mem

SUBJECTS = ("cats", "invoices", "compilers", "gardens", "trains", "music", "rivers", "paint")


def slots(store: Store) -> tuple[int, int]:
    """(vectors, slots of the vector table)"""
    connection = schema.open_for_reading(store.place)
    try:
        used = connection.execute("SELECT count(*) FROM vectors_rowids").fetchone()[0]
        return used, connection.execute("SELECT sum(size) FROM vectors_chunks").fetchone()[0]
    finally:
        connection.close()


def test_index_rewrites_vectors_when_half_are_holes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for subject in SUBJECTS:
        store.add(f"A note about {subject} and nothing else.")
    run_mem("index", model=True)
    before = run_mem("recall", "pets that purr", "--json", model=True).json()["results"][0]["text"]
    for note in sorted(Path(store.place.tree).rglob("*.md")):
        if "cats" not in note.name and "rivers" not in note.name:
            note.unlink()
    rewritten: list[int] = []
    rewrite = maintenance._rewrite_vectors
    monkeypatch.setattr(maintenance, "_rewrite_vectors", lambda c: (rewritten.append(1), rewrite(c)))
    run_mem("index", model=True)
    assert not rewritten  # so few that a rewrite is not worth it
    monkeypatch.setattr(maintenance, "MIN_SLOTS", 1)
    run_mem("index", model=True)
    assert rewritten
    assert slots(store)[0] == 2
    assert run_mem("recall", "pets that purr", "--json", model=True).json()["results"][0]["text"] == before
    assert run_mem("index", "check", model=True).code == 0
