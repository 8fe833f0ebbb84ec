"""The phrase channel on a small store: words that stand together, in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memcli.index.search import Filter
from memcli.recall.channels import phrase
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store
from tests.recall.hostile import HOSTILE

NOTES = {
    "bridge": "The balcony is a cold bridge along nine metres.",
    "weather": "Cold wind on the bridge; the bridge is cold by six.",
    "error": "The console said: ran out of memory, could not be joined.",
    "memory": "The memory of the rover is out of reach of the arm.",
    "config": "The line that matters is `hold_current = 0.4`, no more.",
    "owes": "Olga owes Wim for the tyres.",
    "owed": "Wim owes Olga for the pizza.",
    "kyiv": "Мы решили ехать на поезде.",
    "notes": "記憶を保つ方法",
}


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    for topic, text in NOTES.items():
        store.add(text, title="Note", topic=topic, created="2026-05-01")
    store.sync(embed=False)
    opened = Source(store.place, None)
    yield opened
    opened.close()


def topics(source: Source, question: str, where: Filter | None = None) -> list[str]:
    rows = source.connection.execute("SELECT documents.id, path FROM documents JOIN entries ON entries.id = entry")
    names = {number: path.split("/")[1] for number, path in rows}
    return [names[hit.document] for hit in phrase.find(source, make_plan(question, where), 50)]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("where is a cold bridge", ["bridge"]),
        ("what ran out of memory", ["error"]),
        ('"could not be joined"', ["error"]),
        ("“could not be”", ["error"]),
        ("hold_current = 0.4", ["config"]),
        ("Olga owes Wim", ["owes"]),
        ("how much is it that Wim owes Olga", ["owed"]),
        ("Cold bridges?", ["bridge"]),  # in any form of the words
        ("решили ехать", ["kyiv"]),
        ("記憶を", ["notes"]),
    ],
)
def test_finds_what_stands_together(question: str, found: list[str], source: Source) -> None:
    assert topics(source, question) == found


@pytest.mark.parametrize(
    "question",
    [
        "bridge",  # one word
        "bridge cold",  # the other way round
        "the memory of",  # stop words tell nothing
        "metres of balcony",  # both there, not together
        "",
        "?!",
    ],
)
def test_silent(question: str, source: Source) -> None:
    assert topics(source, question) == []


def test_longer_and_rarer_phrases_count_more(store: Store) -> None:
    for number in range(6):
        store.add(f"the fire stop of house {number}", topic=f"common{number}")
    store.add("one fire stop collar", topic="longer")
    store.add("a stop collar", topic="rarer")
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        assert topics(source, "fire stop collar")[:2] == ["longer", "rarer"]
    finally:
        source.close()


def test_phrases() -> None:
    assert phrase.phrases("What ran out of memory?") == ["out of memory"]
    asked = phrase.phrases('who said "to be or not to be" in the old mill lane')
    assert asked[0] == "to be or not to be"
    assert {"old mill", "mill lane", "old mill lane", "in the old"} <= set(asked)
    assert not {"the old", "who said", "who said to"} & set(asked)


def test_no_contraction_is_a_word() -> None:
    assert phrase.phrases("what's Ann's bike") == ["what s ann", "ann s bike"]


def test_bounded() -> None:
    asked = phrase.phrases(" ".join(f"word{number}" for number in range(4000)) + ' "' + "quoted words " * 100 + '"')
    assert len(asked) == phrase.MOST
    assert asked[0].startswith("quoted words quoted")
    assert len(asked[0].split()) == phrase.LONGEST_QUOTE


def test_filter(source: Source) -> None:
    assert topics(source, "owes Wim owes Olga", Filter(path="owed")) == ["owed"]


@pytest.mark.parametrize("question", HOSTILE)
def test_hostile_questions(question: str, source: Source) -> None:
    assert len(phrase.phrases(question)) <= phrase.MOST
    phrase.find(source, make_plan(question), 10)
