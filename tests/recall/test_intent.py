"""Questions for the latest or the first of several answers, and for a date."""

from __future__ import annotations

import time

import pytest

from memcli.recall.intent import FIRST, LATEST, asks_for_value, asks_when, counted, order_of


@pytest.mark.parametrize(
    "question",
    [
        "What was the most recent team decision?",
        "what is the latest count of drivers",
        "the newest price list",
        "What was the last complaint about the yard map?",
        "Marcus’ last race",
        "what did Ana say the last time",
        "our current price",
        "Who is currently on call?",
        "How much is the on-call allowance now?",
        "is Bob still the owner?",
        "which port do we use now",
        "How many slots does dock 3 have at present?",
        "when is the freeze, as things stand?",
        "what do people drink these days",
    ],
)
def test_the_latest(question: str) -> None:
    assert order_of(question) == LATEST


@pytest.mark.parametrize(
    "question",
    [
        "Who was the first fire warden on our floor?",
        "What was the earliest complaint?",
        "How much was the allowance at first?",
        "Which date was originally planned?",
        "what was the original plan for the hall",
        "our initial estimate",
        "when did Mats first lose a tooth",
        "the first time we met",
    ],
)
def test_the_first(question: str) -> None:
    assert order_of(question) == FIRST


@pytest.mark.parametrize(
    "question",
    [
        "how do refresh tokens rotate?",
        "what is Ana's last name",
        "what is in the first aid kit",
        "the last line of the file",
        "who is the current user in the request handler",
        "what limits the current draw of the motor",
        "the current limit",
        "how long does the battery last",
        "what did we know about storms",
        "in the first place",
        "the original file is lost",
        "what were the first and last releases",
        "do you know Nowak",
        "最新の決定は何ですか",
        "какой последний счёт",
        "ما هو آخر قرار",
        "",
    ],
)
def test_no_order(question: str) -> None:
    assert order_of(question) is None


def test_a_date_is_no_order() -> None:
    question = "what happened in the last week of May"
    assert order_of(question) == LATEST
    assert order_of(question, [(question.index("the"), len(question))]) is None
    assert order_of("the last decision of the last week", [(21, 34)]) == LATEST


@pytest.mark.parametrize(
    "question",
    ["When did Jon open the studio?", "do you remember when we met", "and when is the freeze?", "what day was the exam",
     "How long ago did we move?", "On which date did it break?", "since when do we ship on Fridays? when did it start?"],
)  # fmt: skip
def test_asks_when(question: str) -> None:
    assert asks_when(question)


@pytest.mark.parametrize(
    "question",
    ["what happens when the token expires", "call me when ready", "how long does it take", "когда это было", ""],
)
def test_asks_no_date(question: str) -> None:
    assert not asks_when(question)


def test_linear_enough() -> None:
    began = time.perf_counter()
    for text in ("is " * 330, "the last " * 110, "did " * 250, "when did " * 110, "a's " * 250):
        order_of(text)
        asks_when(text)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many pull requests have been merged into main?", {"pull", "request"}),
        ("What is the total budget for the trip?", {"budget"}),
        ("How much did I earn?", set()),
        ("how old is the roof", set()),
        ("What is my accuracy percentage in geometry?", {"accuracy", "percentage"}),
        ("Where is the van?", None),
    ],
)
def test_what_a_question_counts(question: str, expected: set[str] | None) -> None:
    assert counted(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is the van?", True),
        ("How many sessions did I attend?", True),
        ("How many sessions had I attended?", False),
        ("What was my previous goal?", False),
        ("Where did she move?", False),
        ("the van", False),
    ],
)
def test_a_question_for_a_value(question: str, expected: bool) -> None:
    assert asks_for_value(question) is expected
