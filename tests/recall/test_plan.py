"""What is worked out from a question before anything is searched."""

from __future__ import annotations

import pytest

from memcli.encode.days import day_of, iso_of
from memcli.recall.plan import MAX_ASKING_CHARACTERS, make_plan
from tests.recall.hostile import HOSTILE

NOW = day_of("2026-11-20")


def words(question: str) -> list[str]:
    return [term.text for term in make_plan(question, None, NOW).terms]


def test_time_is_read_from_the_day_of_the_question() -> None:
    plan = make_plan("what did we decide last week?", None, NOW)
    assert plan.asked is not None
    assert [tuple(map(iso_of, interval)) for interval in plan.asked.intervals] == [("2026-11-09", "2026-11-15")]
    assert plan.now == NOW


def test_without_a_day_there_is_no_time() -> None:
    plan = make_plan("what did we decide last week?")
    assert plan.asked is None
    assert [term.text for term in plan.terms] == ["decide", "last", "week"]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("what did we decide last week?", ["decide"]),
        ("what did we decide three days ago", ["decide"]),
        ("bills since Christmas", ["bills", "christmas"]),
        ("who came on 8 May 2023?", ["came", "8", "may", "2023"]),
        ("the weekend rota", ["weekend", "rota"]),
        ("last week", ["last", "week"]),
        ("yesterday?!", ["yesterday"]),
        ("last names of last month", ["last", "names"]),
    ],
)
def test_relative_words_of_dates_are_not_searched(question: str, terms: list[str]) -> None:
    """Nobody writes "last week" into what happens today; the names of months and days are in the index."""
    assert words(question) == terms


def test_as_of_today_is_no_day() -> None:
    plan = make_plan("how many drivers are there as of today?", None, NOW)
    assert plan.asked is None
    assert plan.order == "latest"
    both = make_plan("how many drivers in May are there as of today?", None, NOW)
    assert both.asked is not None
    assert len(both.asked.intervals) == len(both.asked.spans) == 1


def test_a_page_asks_about_no_time() -> None:
    """A log full of dates is looked for by its words, all of them."""
    page = "ERROR on 12 May 2026: the latest retry failed yesterday. " * 40
    assert len(page) > MAX_ASKING_CHARACTERS
    plan = make_plan(page, None, NOW)
    assert (plan.asked, plan.order, plan.when) == (None, None, False)
    assert "yesterday" in {term.text for term in plan.terms}


@pytest.mark.parametrize(
    "question",
    [*HOSTILE, "上週發生了什麼", "что было вчера", "ماذا حدث أمس", "昨日の決定"],
    ids=range(len(HOSTILE) + 4),
)
def test_never_fails(question: str) -> None:
    for text in (question, f"{question} last week", f"when did {question} {question}"):
        plan = make_plan(text, None, NOW)
        assert plan.order in (None, "latest", "first")
        assert plan.asked is None or plan.asked.intervals
