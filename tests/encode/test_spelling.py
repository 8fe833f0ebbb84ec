"""Spelling: what is near to a word, and how near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode import spelling

short = st.text("abcé1", min_size=1, max_size=7)


def plain_distance(one: str, other: str) -> int:
    """Restricted Damerau-Levenshtein, as in the textbook."""
    cost = {(row, 0): row for row in range(len(one) + 1)} | {(0, column): column for column in range(len(other) + 1)}
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            cost[row, column] = min(
                cost[row - 1, column] + 1,
                cost[row, column - 1] + 1,
                cost[row - 1, column - 1] + (one[row - 1] != other[column - 1]),
            )
            if min(row, column) > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
                cost[row, column] = min(cost[row, column], cost[row - 2, column - 2] + 1)
    return cost[len(one), len(other)]


@given(short, short)
def test_distance(one: str, other: str) -> None:
    assert spelling.distance(one, other, 2) == min(plain_distance(one, other), 3)


@given(st.text("abcd", min_size=2, max_size=8))
def test_edits_are_what_is_at_distance_one(word: str) -> None:
    assert {spelling.distance(word, edit, 1) for edit in spelling.edits(word)} == {1}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("raymacher", "raymarcher"),  # left out
        ("liscence", "licence"),  # inserted
        ("corase", "coarse"),  # swapped
        ("xaymarcher", "raymarcher"),  # the first letter too
        ("vl53lox", "vl53l0x"),  # a digit, where there are digits
        ("горот", "город"),
    ],
)
def test_one_error(typed: str, meant: str) -> None:
    assert meant in spelling.edits(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("eichendrof", "eichendorff"), ("cnosciousnes", "consciousness"), ("internationalisaton", "internationalization")],
)
def test_two_errors(typed: str, meant: str) -> None:
    assert spelling.distance(typed, meant, 2) == 2
    assert meant.startswith(tuple(spelling.beginnings(typed)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fräulein Bick, in 2024", {"fraulein", "bick"}),
        ("fra\u0308ulein", {"fraulein"}),
        ("max_bounce_count is AS5600", {"bounce", "count", "as5600"}),
        ("Решили 100×200", {"решили"}),
        ("日本語 のメモ " + "x" * 25, set()),
        ("йод и ёлка", {"ёлка"}),
        ("", set()),
    ],
)
def test_words(text: str, words: set[str]) -> None:
    assert spelling.words(text) == words


def test_replace() -> None:
    assert spelling.replace("Max_bouce_count, Fra\u0308lein!", {"bouce": "bounce", "fralein": "fraulein"}) == (
        "Max_bounce_count, fraulein!"
    )
