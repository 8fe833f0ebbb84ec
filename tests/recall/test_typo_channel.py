"""The typo channel on a small store: what it takes unknown words for, and when it keeps out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from memcli.index.search import Filter
from memcli.recall.channels import keyword, typo
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store
from tests.recall.hostile import HOSTILE

NOTES = {
    "render": "The raymarcher takes 256 steps, the texture cache is `texture_cache_mb`.",
    "people": "Call Szymanski on the mobile; Fräulein Bick writes in capitals.",
    "robot": "The stepper driver is a TMC2209 from Gdańsk, set in January.",
    "shop": "The quaternion book went to the library.",
}


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    for topic, text in NOTES.items():
        store.add(text, title=f"About {topic}", topic=topic, created="2026-05-01")
    store.sync(embed=False)
    opened = Source(store.place, None)
    yield opened
    opened.close()


def meant(source: Source, question: str) -> dict[str, tuple[str, ...]]:
    return {found.word: found.meant for found in typo.corrections(source, make_plan(question))}


def topics(source: Source, question: str, where: Filter | None = None) -> list[str]:
    rows = source.connection.execute("SELECT documents.id, path FROM documents JOIN entries ON entries.id = entry")
    names = {number: path.split("/")[1] for number, path in rows}
    return [names[hit.document] for hit in typo.find(source, make_plan(question, where), 50)]


@pytest.mark.parametrize(
    ("question", "word", "found"),
    [
        ("what is the raymacher for", "raymacher", "raymarcher"),
        ("RAYMRACHER", "raymracher", "raymarcher"),
        ("kuaternoin", "kuaternoin", "quaternion"),  # two errors, one of them in the first letter
        ("number of Symanski", "symanski", "szymanski"),
        ("zsymanksi", "zsymanksi", "szymanski"),
        ("frualein", "frualein", "fraulein"),
        ("Fra\u0308lein", "fralein", "fraulein"),
        ("tmc209", "tmc209", "tmc2209"),
        ("texture_cahce_mb", "cahce", "cache"),
        ("stepperdriver", "stepperdriver", "stepper driver"),
        ("in Janaury", "janaury", "january"),
        ("gdanks", "gdanks", "gdansk"),
    ],
)
def test_corrects(question: str, word: str, found: str, source: Source) -> None:
    assert meant(source, question) == {word: (found,)}
    assert topics(source, question)


@pytest.mark.parametrize(
    "question",
    [
        "which steps does the raymarcher take",  # all known
        "raymarchers",  # known in another form
        "wehn whta hwich",  # stop words
        "bok",  # too short to tell
        "bouqs",  # two errors in a short word
        "tmc2209 2206 2027",  # numbers are no misspellings
        "hovercraft",  # near to nothing
        "日本語 🎉",
        "",
    ],
)
def test_silent(question: str, source: Source) -> None:
    assert meant(source, question) == {}
    assert topics(source, question) == []


def test_answers_as_the_keyword_channel_would(source: Source) -> None:
    """The whole question is asked anew, known words included; identifiers are rebuilt around the corrected part."""
    corrected = keyword.find(source, make_plan("mobile texture_cache_mb raymarcher"), 50)
    found = typo.find(source, make_plan("mobile textrue_cahce_mb raymacher"), 50)
    assert [hit.passage for hit in found] == [hit.passage for hit in corrected]
    assert [hit.score for hit in found] == pytest.approx([0.8 * hit.score for hit in corrected])


def test_several_candidates_are_all_searched(store: Store) -> None:
    for word in ("paper", "pager", "paler", "paver"):
        store.add(f"The {word} is there.", topic=word)
    store.add("A pager again.", topic="again")
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        found = meant(source, "paer")["paer"]
        assert found[0] == "pager"  # in two memories
        assert len(found) == typo.ALTERNATIVES
        assert len(topics(source, "paer")) == 4
    finally:
        source.close()


def test_two_errors_count_less_than_one(source: Source) -> None:
    one, two = (typo.find(source, make_plan(word), 1)[0].score for word in ("raymacher", "raymachre"))
    assert one > two


def test_filter(source: Source) -> None:
    assert topics(source, "raymacher mobile", Filter(path="people")) == ["people"]


@pytest.mark.parametrize("question", HOSTILE)
def test_hostile_questions(question: str, source: Source) -> None:
    assert len(typo.corrections(source, make_plan(question))) <= typo.MOST
    typo.find(source, make_plan(question), 10)


def test_words_go_with_the_memory_that_held_them(store: Store, source: Source) -> None:
    """What nobody wrote, or nobody kept, is never suggested."""
    assert meant(source, "raymacher")
    shutil.rmtree(os.path.join(store.place.tree, "render"))
    store.sync(embed=False)
    assert meant(source, "raymacher") == {}
    left = {row[0] for row in source.connection.execute("SELECT word FROM vocabulary")}
    assert "raymarcher" not in left
    assert "szymanski" in left


def test_masked_secrets_are_no_words(store: Store) -> None:
    secret = "ghp_" + "a1B2" * 9
    folder = os.path.join(store.place.tree, "notes")
    os.makedirs(folder)
    with open(os.path.join(folder, "leak.md"), "w", encoding="utf-8") as file:
        file.write(f"# Leak\n\nThe token is {secret}\n")
    store.sync(embed=False)
    source = Source(store.place, None)
    try:
        words = {row[0] for row in source.connection.execute("SELECT word FROM vocabulary")}
        assert "leak" in words
        assert not [word for word in words if "a1b2" in word]
    finally:
        source.close()
