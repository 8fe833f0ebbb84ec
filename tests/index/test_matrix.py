"""Vectors in memory give the answer of the tables, to the last bit: what a recall prints must not depend on who answers it."""

from __future__ import annotations

import numpy as np
import pytest

from memcli.index import db, nearest, schema, search
from memcli.index.kept import KeptRows
from memcli.index.matrix import Matrix
from memcli.index.search import Filter
from memcli.store import Store

QUESTIONS = 40


@pytest.fixture
def connection(store: Store) -> db.Connection:
    """An index with vectors of all directions for what is said in it."""
    for number in range(60):
        store.add(f"memory number {number} is about something")
    store.sync()
    connection = db.connect(schema.index_path(store.place), create=False)
    search.vector_model(connection)
    return connection


def test_the_same_hits_in_the_same_order_with_the_same_cosines(connection: db.Connection) -> None:
    draw = np.random.default_rng(1)
    dimensions = int(schema.get_meta(connection, "dimensions") or 0)
    matrix = Matrix(KeptRows(connection))
    stored = [row[0] for row in connection.execute("SELECT embedding FROM vectors")]
    for _ in range(QUESTIONS):
        near = np.frombuffer(stored[draw.integers(len(stored))], dtype=np.int8).astype(int)
        question = np.clip(near + draw.integers(-40, 41, dimensions), -127, 127).astype(np.int8).tobytes()
        assert matrix.nearest(question, 50, Filter()) == nearest.semantic(connection, question, 50, Filter())
    connection.close()
