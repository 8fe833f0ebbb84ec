"""Which of several statements about the same thing goes first, with matches and scores made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from memcli.index import search
from memcli.memory import Turn, episode_body
from memcli.recall import order
from memcli.recall.candidates import Candidate, Pool
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store
from tests.recall.asking import write

COUNTED = "how many trips has the van made"
Put = Callable[..., list[int]]


@pytest.fixture
def put(store: Store) -> Iterator[Put]:
    """The order of these turns of one session, 1, 2, …, after it; each meets the two tokens of the question as it says."""
    opened: list[Source] = []

    def put_in_order(question: str, *rows: dict[str, Any]) -> list[int]:
        said = [
            {"score": 10.0 - n, "text": "", "meets": [1.0, 1.0], "at": "2026-01-01", **row}
            for n, row in enumerate(rows)
        ]
        turns = [Turn(f"t{n:04}", row.get("speaker"), row["at"], None, row["text"]) for n, row in enumerate(said, 1)]
        write(store.place.tree, {"talk.md": f"---\ntype: episode\n---\n{episode_body('Talk', turns)}"})
        store.sync(embed=False)
        source = Source(store.place, None)
        opened.append(source)
        numbers = [row[0] for row in source.connection.execute("SELECT id FROM documents ORDER BY ordinal")]
        known = search.documents(source.connection, numbers)
        candidates = [Candidate(source, known[number]) for number in numbers]
        pool = Pool()
        for one, row in zip(candidates, said, strict=True):
            one.score = row["score"]
            one.found = dict.fromkeys(search.first_passages(source.connection, [one.document.id]).values())
            if row["meets"]:
                pool.matches[id(one)] = np.array(row["meets"], dtype=np.float32)
        pool.candidates = list(candidates)
        pool.telling = np.array([0.5, 0.5], dtype=np.float32)
        order.put_in_order(pool, make_plan(question))
        return [1 + candidates.index(one) for one in pool.candidates]

    yield put_in_order
    for source in opened:
        source.close()


OLD = {"text": "The van has made 12 trips.", "at": "2026-01-01"}
NEW = {"text": "The van has made 15 trips.", "at": "2026-02-01"}


@pytest.mark.parametrize(
    ("question", "first", "second", "expected"),
    [
        (COUNTED, OLD, NEW, [2, 1]),
        (COUNTED, OLD, {**NEW, "text": "Fifteen trips, or fifteen: the van has made fifteen."}, [1, 2]),  # no number
        (
            COUNTED,
            OLD,
            {**NEW, "text": "With the trips to the coast it has now reached 15."},
            [2, 1],
        ),  # after what it counts
        (COUNTED, OLD, {**NEW, "text": "More trips. It has 15 doors."}, [1, 2]),  # in another sentence
        (
            COUNTED,
            OLD,
            {**NEW, "text": "The van has made 12 trips since 1998."},
            [1, 2],
        ),  # one of the numbers is the same
        (
            COUNTED,
            {**OLD, "text": "At 20%."},
            {**NEW, "text": "At 30%."},
            [2, 1],
        ),  # by its unit, where nothing else says
        (COUNTED, OLD, {**NEW, "text": "The van has made 12 trips."}, [1, 2]),  # the same value
        (COUNTED, OLD, {**NEW, "text": "The van has made twelve trips."}, [1, 2]),
        (COUNTED, {**OLD, "text": "The van has made twelve trips."}, {**NEW, "text": "now eleven trips"}, [2, 1]),
        (COUNTED, OLD, {**NEW, "text": "The van has 2 doors.", "meets": [1.0, 0.5]}, [1, 2]),  # of something else
        (COUNTED, OLD, {**NEW, "at": "2025-12-01"}, [1, 2]),  # earlier
        (COUNTED, OLD, {**NEW, "at": "2026-01-01"}, [2, 1]),  # later the same day
        (COUNTED, OLD, {**NEW, "meets": [1.0, 0.1]}, [1, 2]),  # answers another question
        (COUNTED, OLD, {**NEW, "meets": None}, [1, 2]),  # not compared
        (COUNTED, OLD, {**NEW, "score": 0.5 * 9.0}, [1, 2]),  # much worse
        (COUNTED, {**OLD, "speaker": "Ann"}, {**NEW, "speaker": "Bob"}, [1, 2]),
        (COUNTED, {**OLD, "speaker": "Ann"}, {**NEW, "speaker": "ann"}, [2, 1]),
        ("how many trips did the van make", OLD, NEW, [2, 1]),  # a count grows
        ("how many trips had the van made", OLD, NEW, [1, 2]),  # of an earlier time: no wish for the latest
        ("how many trips does the van make now", OLD, NEW, [2, 1]),
        ("how the van is made", OLD, NEW, [1, 2]),
        ("where is the van", {"text": "In the yard."}, {"text": "In town.", "at": "2026-02-01"}, [2, 1]),
    ],
)
def test_a_newer_value(
    question: str, first: dict[str, Any], second: dict[str, Any], expected: list[int], put: Put
) -> None:
    assert put(question, first, second) == expected


def test_without_late_interaction_nothing_is_compared(put: Put) -> None:
    assert put(COUNTED, {**OLD, "meets": None}, NEW) == [1, 2]


@pytest.mark.parametrize(
    ("question", "expected"),
    [("what is the latest price", [3, 2, 1, 4]), ("what was the first price", [1, 2, 3, 4]), ("a price", [1, 2, 3, 4])],
)
def test_latest_and_first(question: str, expected: list[int], put: Put) -> None:
    """Among those about as good as the best; one much worse is not lifted, however new."""
    rows = [{"at": f"2026-0{month}-01", "score": 10 - 0.1 * month} for month in (1, 2, 3)]
    assert put(question, *rows, {"at": "2026-09-01", "score": 3.0}) == expected


def test_without_dates_order_stays(put: Put) -> None:
    assert put("what is the latest price", {"at": None}, {"at": None}, {"at": "2026-02-01"}) == [1, 2, 3]


def test_nothing_is_in_order() -> None:
    pool = Pool()
    order.put_in_order(pool, make_plan("the latest price"))
    assert pool.candidates == []
