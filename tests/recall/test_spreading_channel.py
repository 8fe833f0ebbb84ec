"""The spreading channel on a small store: what links, shared names and the order of turns lead to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.importers import bring, jsonl
from memcli.index import graph
from memcli.index.search import Filter
from memcli.recall.channels import entity, keyword, spreading
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store

NOTES = {
    "printing/stuck.md": "# When labels stop\n\nTry once more, then see [[people/card]].",
    "people/card.md": "# A card\n\nExtension 4411.",
    "printing/paper.md": "# Paper\n\nComes in boxes. See [[When Labels Stop]].",
    "gate/outage.md": "# The gate\n\nThe barrier froze; Mirabel was called.",
    "people/who.md": "# Holiday list\n\nIn August it is Mirabel who is away.",
    "people/alone.md": "# Parking\n\nThere is room for six.",
}


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    for path, text in NOTES.items():
        target = Path(store.place.tree, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    store.sync(embed=False)
    opened = Source(store.place, None)
    yield opened
    opened.close()


def spread(source: Source, question: str, where: Filter | None = None, limit: int = 10) -> list[str]:
    """The files that are reached from what the first channels find, best first."""
    plan = make_plan(question, where)
    first = {"keyword": keyword.find(source, plan._replace(where=Filter()), 1), "entity": entity.find(source, plan, 10)}
    hits = spreading.spread(source, plan, first, limit)
    rows = source.connection.execute("SELECT documents.id, path FROM documents JOIN entries ON entries.id = entry")
    names = dict(rows.fetchall())
    return [names[hit.document].removeprefix("tree/") for hit in hits]


def test_along_a_link_and_against_it(source: Source) -> None:
    found = spread(source, "labels stop try once more")
    assert set(found[:2]) == {"people/card.md", "printing/paper.md"}
    assert spread(source, "extension 4411")[0] == "printing/stuck.md"


def test_by_a_rare_name_in_common(source: Source) -> None:
    """Nothing in the question is in the answer: the gate's memory names who was called, another says when she is away."""
    assert spread(source, "barrier froze") == ["people/who.md"]


def test_two_steps(source: Source) -> None:
    assert "printing/paper.md" in spread(source, "extension 4411")


def test_the_seed_itself_is_not_found_again(source: Source) -> None:
    assert "gate/outage.md" not in spread(source, "barrier froze")


def test_what_is_not_connected_is_not_found(source: Source) -> None:
    for question in ("labels stop", "barrier froze", "room for six"):
        assert "people/alone.md" not in spread(source, question)


def test_nothing_from_nothing(source: Source) -> None:
    assert spread(source, "zzz") == []
    assert spreading.spread(source, make_plan("labels"), {}, 10) == []


def test_filter_and_limit(source: Source) -> None:
    assert spread(source, "labels stop try once more", Filter(path="people")) == ["people/card.md"]
    assert len(spread(source, "labels stop try once more", limit=1)) == 1


def test_a_common_name_connects_nothing(store: Store) -> None:
    for number in range(graph.RARE + 1):
        store.add(f"item{number} belongs to Mirabel", topic=f"t{number}")
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        assert spread(opened, "item3") == []
    finally:
        opened.close()


def test_a_name_that_two_share_connects_nothing(store: Store) -> None:
    for topic, text in {
        "a": "the key is with Ngozi Okafor",
        "b": "the cake is from Ngozi Eze",
        "c": "the car was lent to Ngozi",
    }.items():
        store.add(text, topic=topic)
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        assert spread(opened, "who has the key") == []
    finally:
        opened.close()


def test_degree_is_bounded(store: Store) -> None:
    store.add("the hub\n\n" + "\n".join(f"- see [[n{number}]]" for number in range(40)), topic="hub")
    for number in range(40):
        store.add(f"leaf {number}", title=f"n{number}", topic=f"t{number}")
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        hub = opened.connection.execute(
            "SELECT documents.id FROM documents JOIN entries ON entries.id = entry WHERE path LIKE '%hub%'"
        ).fetchone()[0]
        assert len(graph.edges(opened.connection, [hub])[hub]) == graph.MAX_DEGREE
    finally:
        opened.close()


def test_neighbouring_turns(store: Store, tmp_path: Path) -> None:
    turns = ["Where did you go on holiday?", "Lisbon.", "Nice.", "Bread is out."]
    lines = [json.dumps({"id": f"t{n}", "text": text, "session": "s"}) for n, text in enumerate(turns)]
    (tmp_path / "talk.jsonl").write_text("\n".join(lines), encoding="utf-8")
    bring.bring_in(store, jsonl.read(tmp_path / "talk.jsonl"), origin="jsonl/talk", topic="talk", now=1_795_000_000.0)
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        plan = make_plan("holiday")
        hits = spreading.spread(opened, plan, {"keyword": keyword.find(opened, plan, 10)}, 10)
        refs = dict(opened.connection.execute("SELECT id, ref FROM documents").fetchall())
        assert [refs[hit.document] for hit in hits] == ["t1", "t2"]
        assert hits[0].score > hits[1].score
    finally:
        opened.close()
