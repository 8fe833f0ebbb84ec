"""A server that waits for a busy machine, and a store that is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memcli.serve import client, worker
from memcli.store import Store
from tests.command import without_model
from tests.serve.running import LONG_S, serving


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server share an interpreter here, and the machine with other tests; `test_client` measures patience."""
    monkeypatch.setattr(client, "PATIENCE_S", LONG_S)
    monkeypatch.setattr(client, "ANSWER_S", LONG_S)
    monkeypatch.setattr(worker, "LONG_S", LONG_S)


@pytest.fixture
def lexical_store(store: Store) -> Store:
    """A store, found by words only."""
    without_model()
    store.add("the deployment order is alphabetical")
    store.sync()
    return store


@pytest.fixture
def lexical(lexical_store: Store) -> Iterator[Store]:
    """A store, found by words only, and a server for it."""
    with serving():
        yield lexical_store
