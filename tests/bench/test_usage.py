"""The simulated use of a store: one seed, one life; and it looks like use."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the scripts here import each other as scripts do
import usage
from usage import Born, Happening, Life

SEED = 7


@pytest.fixture(scope="module")
def life() -> Life:
    return usage.simulate(2000, 180, seed=SEED, episodes=0.1)


@pytest.fixture
def small() -> Life:
    """Two memories used, one not yet born when the first are used."""
    return Life(
        [Born("fact", 0.4, False), Born("lesson", 0.5, False), Born("fact", 9.5, True)],
        [
            Happening(0.4, 0, "indexed"),
            Happening(0.5, 1, "indexed"),
            Happening(2.0, 0, "useful"),
            Happening(3.5, 1, "confirmed"),
            Happening(8.0, 1, "useful"),
            Happening(9.5, 2, "indexed"),
        ],
        10,
    )


def test_one_seed_gives_one_life(life: Life) -> None:
    assert usage.simulate(2000, 180, seed=SEED, episodes=0.1) == life
    assert usage.simulate(2000, 180, seed=SEED + 1, episodes=0.1) != life


def test_happenings_are_in_order_and_of_known_kinds(life: Life) -> None:
    assert all(before.day <= after.day for before, after in pairwise(life.happenings))
    assert {happening.kind for happening in life.happenings} == {"indexed", "edited", "useful", "wrong", "confirmed"}
    assert life.happenings[0].day >= 0
    assert life.happenings[-1].day < life.days


def test_a_memory_is_indexed_once_and_first(life: Life) -> None:
    for memory, history in zip(life.memories, usage.until(life, life.days), strict=True):
        assert [row.day for row in history if row.kind == "indexed"] == [memory.day]
        assert history[0].kind == "indexed"


@pytest.mark.parametrize(("days", "count"), [(60, 0), (90, 1), (180, 1), (400, 2)])
def test_nothing_happens_in_a_holiday(days: int, count: int) -> None:
    spans = usage.holidays(days, seed=SEED)
    life = usage.simulate(300, days, seed=SEED)
    assert len(spans) == count
    for span in spans:
        assert 14 <= len(span) <= 21
        assert span.stop <= days - 21, "the last weeks are for judging"
        assert not [row for row in life.happenings if int(row.day) in span]


def test_weekends_are_quiet(life: Life) -> None:
    weekend = sum(row.day % 7 >= 5 for row in life.happenings)
    assert 0 < weekend < 0.1 * len(life.happenings)


def test_types_and_episodes_have_their_shares(life: Life) -> None:
    share = {kind: sum(memory.type == kind for memory in life.memories) / len(life.memories) for kind in usage.HOLDS}
    assert share.pop("episode") == pytest.approx(0.1, abs=0.03)
    assert share == pytest.approx({kind: 0.9 * part for kind, part in usage.SHARES.items()}, abs=0.04)
    assert "episode" not in {memory.type for memory in usage.simulate(500, 60, seed=SEED).memories}


def test_about_half_is_never_used_and_few_have_most_uses() -> None:
    life = usage.simulate(3000, 180, seed=SEED)
    uses = sorted(sum(row.kind == "useful" for row in history) for history in usage.until(life, life.days))
    assert 0.38 < uses.count(0) / len(uses) < 0.55
    assert sum(uses[-len(uses) // 10 :]) > 0.45 * sum(uses)


def test_what_a_volatile_memory_says_is_used_for_a_shorter_time() -> None:
    life = usage.simulate(5000, 180, seed=SEED)
    span: dict[bool, list[float]] = {True: [], False: []}
    for memory, history in zip(life.memories, usage.until(life, life.days), strict=True):
        used = [row.day for row in history if row.kind == "useful"]
        if memory.type == "fact" and memory.day < 60 and used:
            span[memory.volatile].append(used[-1] - memory.day)
    assert sum(span[True]) / len(span[True]) < 0.8 * sum(span[False]) / len(span[False])


def test_need_follows_power_laws_of_recency_and_frequency(life: Life) -> None:
    recency, frequency = usage.need_curves(life)
    assert -1.5 < usage.slope(recency) < -0.4
    assert 0.2 < usage.slope(frequency) < 1.2


def test_used_in_holds_its_first_moment_and_not_its_last(small: Life) -> None:
    assert usage.used_in(small, 2.0, 8.0) == {0}
    assert usage.used_in(small, 2.1, 8.1) == {1}
    assert usage.used_in(small, 0, 10) == {0, 1}
    assert usage.used_in(small, 3, 4) == set(), "a confirmation is not a use"


def test_until_gives_each_memory_its_history(small: Life) -> None:
    first, second, third = usage.until(small, 8.0)
    assert [row.kind for row in first] == ["indexed", "useful"]
    assert [row.kind for row in second] == ["indexed", "confirmed"]
    assert third == []


def test_active_days_are_whole_and_counted_once(small: Life) -> None:
    assert usage.active_days(small, 10) == [0.0, 2.0, 3.0, 8.0, 9.0]
    assert usage.active_days(small, 3.5) == [0.0, 2.0]


def test_a_power_law_has_its_exponent() -> None:
    assert usage.slope([usage.Bin(2.0**power, 50, 0.5 / 2**power) for power in range(5)]) == pytest.approx(-1)


def test_auroc_counts_ties_half() -> None:
    assert usage.auroc([1, 2, 3, 4], [False, False, True, True]) == 1
    assert usage.auroc([1, 1, 1], [True, False, False]) == 0.5
    assert usage.auroc([3, 2, 2, 1], [False, True, False, True]) == pytest.approx(0.125)
