"""The formula of retention: what time, use, confirmation and error do, and what they must not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.lifecycle import strength
from memcli.lifecycle.strength import Activity, Happening, Policy, Traits

POLICY = Policy({"fact": 15.0, "preference": 40.0, "episode": 7.0}, 0.3)
DAILY = Activity([float(day) for day in range(1, 1001)])
FACT = Traits("fact")


def remains(now: float, *happened: tuple[float, str], traits: Traits = FACT, activity: Activity = DAILY) -> float:
    history = [Happening(1.0, strength.INDEXED), *(Happening(*one) for one in happened)]
    return strength.state(history, traits, activity, now, POLICY).retention


def test_an_unused_memory_fades_by_its_type() -> None:
    assert remains(16.0) == pytest.approx(math.exp(-1.0))
    assert remains(41.0, traits=Traits("preference")) == pytest.approx(math.exp(-1.0))
    assert remains(16.0, traits=Traits("something else")) == remains(16.0)


@pytest.mark.parametrize("word", [strength.USEFUL, strength.EDITED, strength.CONFIRMED])
def test_what_happens_to_it_makes_it_last(word: str) -> None:
    assert remains(20.0, (10.0, word)) > remains(20.0)
    assert remains(60.0, (10.0, word)) > remains(51.0), "and not only by beginning anew"


def test_a_late_use_strengthens_more_than_an_early_one() -> None:
    after = [
        strength.state([Happening(1.0, "indexed"), Happening(1.0 + gap, "useful")], FACT, DAILY, 200.0, POLICY)
        for gap in (1, 5, 30)
    ]
    strengths = [one.strength for one in after]
    assert strengths == sorted(strengths)
    assert strengths[2] > 1.2 * strengths[0]


def test_a_hundred_uses_in_an_hour_are_hardly_more_than_a_few_spaced_ones() -> None:
    massed = [(2.0 + n / 2400, strength.USEFUL) for n in range(20)]
    spaced = [(2.0 + 20 * n, strength.USEFUL) for n in range(20)]
    history = [Happening(1.0, strength.INDEXED)]
    strengths = [
        strength.state(history + [Happening(*one) for one in uses], FACT, DAILY, 500.0, POLICY).strength
        for uses in (massed, spaced)
    ]
    assert strengths[1] > 7 * strengths[0]


def test_what_was_wrong_is_weak_and_barred_until_mended() -> None:
    wrong = [Happening(1.0, "indexed"), Happening(2.0, "wrong")]
    state = strength.state(wrong, FACT, DAILY, 3.0, POLICY)
    assert (state.barred, state.strength) == (True, pytest.approx(15.0 / 4))
    assert state.utility < strength.NEUTRAL
    assert strength.state([*wrong, Happening(3.0, "useful")], FACT, DAILY, 4.0, POLICY).barred
    for mended in ("edited", "confirmed"):
        assert not strength.state([*wrong, Happening(3.0, mended)], FACT, DAILY, 4.0, POLICY).barred


def test_utility_begins_kindly_stays_bounded_and_forgets() -> None:
    assert strength.state([Happening(1.0, "indexed")], FACT, DAILY, 9.0, POLICY).utility == strength.KIND
    useful = [Happening(1.0, "indexed"), *(Happening(2.0, "useful") for _ in range(50))]
    assert 0.99 < strength.state(useful, FACT, DAILY, 2.0, POLICY).utility <= 1.0
    later = strength.state(useful, FACT, DAILY, 62.0, POLICY).utility
    assert later == pytest.approx(0.75, abs=0.01), "half-way back after sixty days"


def test_pins_links_and_what_changes() -> None:
    assert remains(900.0, traits=Traits("fact", pinned=True)) == 1.0
    assert strength.initial(Traits("fact", links=2), POLICY) == pytest.approx(18.0)
    assert strength.initial(Traits("fact", links=99), POLICY) == pytest.approx(22.5)
    assert strength.initial(Traits("fact", volatile=True), POLICY) == pytest.approx(7.5)


def test_a_time_without_activity_counts_a_week() -> None:
    sabbatical = Activity([1.0, 2.0, 300.0, 301.0])
    assert sabbatical.between(1.0, 301.0) == pytest.approx(1.0 + 7.0 + 1.0)
    assert sabbatical.between(2.0, 200.0) == pytest.approx(7.0)
    assert sabbatical.between(301.0, 9_000.0) == pytest.approx(7.0)
    assert remains(366.0, activity=Activity([1.0])) == pytest.approx(math.exp(-7.0 / 15.0))


@pytest.mark.parametrize("now", [-719_000.0, 0.0, 1.0, 719_163.0 - 3650, 3_652_059.0])
def test_any_clock(now: float) -> None:
    """Ten years back, 1970, year 9999: no negative age, nothing above 1, no error."""
    history = [Happening(738_000.0, "indexed"), Happening(738_010.0, "useful"), Happening(738_020.0, "wrong")]
    state = strength.state(history, FACT, Activity([738_000.0, 738_010.0, 738_020.0]), now, POLICY)
    assert 0.0 <= state.retention <= 1.0
    assert now >= 738_000.0 or state.retention == 1.0


days = st.floats(0.0, 1_000.0, allow_nan=False)
words = st.sampled_from(["edited", "confirmed", "useful", "wrong"])


@given(st.lists(st.tuples(days, words), max_size=30), st.lists(days, max_size=30), days, st.floats(0.0, 400.0))
def test_retention_is_bounded_and_only_time_lowers_it(
    happened: list[tuple[float, str]], active: list[float], now: float, more: float
) -> None:
    history = [Happening(0.0, "indexed"), *(Happening(*one) for one in sorted(happened))]
    activity = Activity([0.0, *active])
    last = max(now, history[-1].day)
    state = strength.state(history, FACT, activity, last, POLICY)
    later = strength.state(history, FACT, activity, last + more, POLICY)
    assert 0.0 <= later.retention <= state.retention <= 1.0
    assert 0.0 < state.strength <= strength.LONGEST
    assert 0.0 <= state.utility <= 1.0


@given(st.lists(days, min_size=1, max_size=40), days, days, days)
def test_time_in_use_adds_up(active: list[float], first: float, second: float, third: float) -> None:
    activity = Activity(active)
    a, b, c = sorted((first, second, third))
    assert activity.between(a, c) == pytest.approx(activity.between(a, b) + activity.between(b, c))
    assert activity.between(a, b) <= b - a + 1e-9
    assert activity.between(b, a) == 0.0 or a == b
