"""The entity channel on a small store: whom a question means, and which documents mention them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memcli.importers import bring, jsonl
from memcli.index import graph
from memcli.index.search import Filter
from memcli.recall.channels import entity
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store

Ask = Callable[..., list[str]]


@pytest.fixture
def ask(store: Store) -> Iterator[Ask]:
    """Adds memories (id → text) and asks; answers with the names of what is found, best first."""
    opened: list[Source] = []

    def asked(memories: dict[str, str], question: str, where: Filter | None = None, limit: int = 50) -> list[str]:
        for name, text in memories.items():
            store.add(text, title=f"about {name}", topic=name, created="2026-05-01")
        store.sync(embed=False)
        source = Source(store.place, None)
        opened.append(source)
        hits = entity.find(source, make_plan(question, where), limit)
        rows = source.connection.execute(
            "SELECT documents.id, path FROM documents JOIN entries ON entries.id = entry"
        ).fetchall()
        names = {number: path.split("/")[1] for number, path in rows}
        return [names[hit.document] for hit in hits]

    yield asked
    for source in opened:
        source.close()


PEOPLE = {
    "full": "The quota was raised by Ngozi Okafor.",
    "first": "We asked Ngozi about the quota.",
    "title": "They met Dr. Okafor in Lagos.",
    "other": "We asked Marcus about the quota.",
}


@pytest.mark.parametrize(
    "question", ["what did ngozi raise", "what did Ngozi Okafor raise", "ask DR OKAFOR", "okafor's quota"]
)
def test_every_form_of_a_name(question: str, ask: Ask) -> None:
    """There is one Ngozi and one Okafor, so all three forms are hers."""
    assert set(ask(PEOPLE, question)) == {"full", "first", "title"}


def test_a_shared_first_name_is_not_an_alias(ask: Ask) -> None:
    two = PEOPLE | {"namesake": "The limit was lowered by Ngozi Eze."}
    assert set(ask(two, "what did Ngozi Okafor raise")) == {"full", "title"}
    assert set(ask({}, "what did Ngozi do")) == {"full", "first", "namesake"}


def test_a_shared_last_name_is_not_an_alias(ask: Ask) -> None:
    two = PEOPLE | {"namesake": "The limit was lowered by Chidi Okafor."}
    assert set(ask(two, "what did Ngozi Okafor raise")) == {"full", "first"}


@pytest.mark.parametrize("handle", ["@nokafor", "@ngozi", "@ngozi.okafor", "@ngozio"])
def test_handles_made_of_the_name(handle: str, ask: Ask) -> None:
    memories = PEOPLE | {"handle": f"{handle} signs off."}
    assert set(ask(memories, "what did Ngozi Okafor raise")) == {"full", "first", "title", "handle"}
    assert "full" in ask({}, f"what does {handle} sign off")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("`getUserQuota` is slow", "why is get_user_quota slow"),
        ("get_user_quota is slow", "where is get user quota"),
        ("see src/auth/tokens.py", "what is in tokens.py"),
        ("fixed in HAL-123", "who fixed ticket 123"),
        ("it raised E0308 again", "what is e0308"),
        ("notes on #billing", "billing"),
        ("we host on Acme Cloud", "is acme cloud down"),
        ("「佐藤」が決めた", "佐藤さんは何を決めた"),
        ("вчера решили с Анной", "что решила Анна"),
    ],
)
def test_spellings(text: str, question: str, ask: Ask) -> None:
    assert ask({"this": text, "other": "nothing of the kind"}, question) == ["this"]


def test_a_capital_at_the_beginning_counts_where_the_name_is_known(ask: Ask) -> None:
    assert set(ask({"opens": "Redis is down.", "other": "Painting is fun."}, "painting and redis")) == set()
    assert set(ask({"known": "We moved to Redis."}, "painting and redis")) == {"opens", "known"}


def test_a_common_word_is_no_name(ask: Ask) -> None:
    """One Mark does not make every mark a name; with a capital inside the question he is meant."""
    memories = {"person": "We talked to Mark."} | {f"w{n}": f"please mark line {n}" for n in range(5)}
    assert ask(memories, "what should we mark") == []
    assert ask({}, "what about Mark") == ["person"]


def test_rarer_counts_more_and_several_add_up(ask: Ask) -> None:
    memories = {f"r{n}": "it runs on Redis" for n in range(5)}
    memories |= {"rare": "it runs on Valkey", "both": "moved from Redis to Valkey with Marcus"}
    assert ask(memories, "from Redis to Valkey?")[:2] == ["both", "rare"]


def test_what_most_documents_mention_tells_nothing(ask: Ask) -> None:
    memories = {f"m{n}": "it runs on Redis" for n in range(entity.ALWAYS_RARE + 1)}
    assert ask(memories, "what runs on Redis?") == []


def test_filter_and_limit(ask: Ask) -> None:
    assert ask(PEOPLE, "Ngozi Okafor", Filter(path="first")) == ["first"]
    assert len(ask({}, "Ngozi Okafor", limit=2)) == 2


def test_the_passage_that_names_it(store: Store) -> None:
    filler = "Nothing is said here about anybody. " * 60
    store.add(f"{filler}\n\n## Later\n\n{filler}\n\n## Quota\n\nIt was raised by Ngozi Okafor.", title="Minutes")
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        (hit,) = entity.find(source, make_plan("what did Ngozi raise?"), 10)
        text = source.connection.execute("SELECT text FROM passages WHERE id = ?", (hit.passage,)).fetchone()[0]
        assert "Ngozi" in text
    finally:
        source.close()


def test_speakers(store: Store, tmp_path: Path) -> None:
    """What somebody said is found by their name; the roles of a chat are nobody's."""
    path = tmp_path / "talk.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for number, speaker in enumerate(["Ngozi", "Marcus", "user", "assistant"]):
            file.write(f'{{"id": "t{number}", "text": "it is green", "session": "s", "speaker": "{speaker}"}}\n')
    bring.bring_in(store, jsonl.read(path), origin="jsonl/talk", topic="talk", now=1_795_000_000.0)
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        found = entity.find(source, make_plan("what did Ngozi say?"), 10)
        assert len(found) == 1
        assert entity.find(source, make_plan("what did the User say, and Assistant?"), 10) == []
    finally:
        source.close()


def test_asking_creates_nothing(ask: Ask, store: Store) -> None:
    ask(PEOPLE, "what did Ngozi tell Zebedee")
    source = Source(store.place, None)
    try:
        assert [found.keys[0] for found in graph.named(source.connection, "did Ngozi tell Zebedee")] == ["ngozi"]
    finally:
        source.close()


def test_nothing_is_left_of_what_was_deleted(ask: Ask, store: Store) -> None:
    ask(PEOPLE, "ngozi")
    for path in ("full", "first", "title", "other"):
        shutil.rmtree(f"{store.place.tree}/{path}")
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        left = [source.connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("entities", "mentions")]
        assert left == [0, 0]
    finally:
        source.close()
