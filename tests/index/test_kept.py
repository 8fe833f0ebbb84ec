"""What is kept between questions is what the index says, and is forgotten when somebody writes to it."""

from __future__ import annotations

import pytest

from memcli.index import kept, schema, search
from memcli.index.kept import KeptRows
from memcli.store import Store


@pytest.mark.parametrize("most", [0, 2, 1000])
def test_rows_are_read_once_until_the_index_is_written_to(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(kept, "MOST", most)
    for n in range(5):
        store.add(f"Note number {n}", title=f"Title {n}")
    store.sync(embed=False)
    connection = schema.open_for_reading(store.place)
    rows = KeptRows(connection)
    rows.look()
    numbers = [row[0] for row in connection.execute("SELECT id FROM documents")]
    for some in (numbers[:3], numbers, [*numbers, 999]):
        assert rows.documents(some) == search.documents(connection, some)
        passages = rows.passages(some)
        assert [(number, found[:2]) for number, found in passages.items()] == [
            (n, (n, "prose")) for n in some if n != 999
        ]
    assert (rows.memories(), rows.documents_in_all()) == (5, 5)
    if most == 1000:
        with monkeypatch.context() as patch:
            patch.setattr(search, "documents", lambda *_: pytest.fail("read again"))
            patch.setattr(search, "memories", lambda *_: pytest.fail("counted again"))
            assert len(rows.documents(numbers)) == rows.memories() == 5
    store.add("Another", title="Title 5")
    store.sync(embed=False)
    rows.look()
    assert rows.memories() == rows.documents_in_all() == 6
    connection.close()
