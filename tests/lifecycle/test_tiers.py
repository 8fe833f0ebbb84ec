"""Tiers and their hysteresis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.lifecycle.tiers import ARCHIVED, COLD, DORMANT, HOT, TIERS, WARM, tier


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        (1.0, HOT),
        (0.8, HOT),
        (0.79, WARM),
        (0.5, WARM),
        (0.49, COLD),
        (0.2, COLD),
        (0.05, DORMANT),
        (0.04, ARCHIVED),
        (0.0, ARCHIVED),
    ],
)
def test_what_retention_earns(retention: float, expected: str) -> None:
    assert tier(retention) == expected


@pytest.mark.parametrize(
    ("retention", "present", "expected"),
    [
        (0.81, WARM, WARM),
        (0.86, WARM, HOT),
        (0.52, COLD, COLD),
        (0.6, COLD, WARM),
        (1.0, ARCHIVED, HOT),
        (0.06, ARCHIVED, ARCHIVED),
    ],
)
def test_up_only_when_well_above(retention: float, present: str, expected: str) -> None:
    assert tier(retention, present) == expected


def test_what_was_of_use_is_never_worse_than_cold() -> None:
    assert tier(0.0, used=True) == COLD
    assert tier(0.0, ARCHIVED, used=True) == COLD
    assert tier(0.9, used=True) == HOT


@given(st.floats(0.0, 1.0), st.sampled_from(TIERS))
def test_a_tier_is_stable(retention: float, present: str) -> None:
    reached = tier(retention, present)
    assert tier(retention, reached) == reached


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.02), st.sampled_from(TIERS))
def test_to_and_fro_on_a_bound_moves_at_most_once(retention: float, little: float, present: str) -> None:
    lower = max(0.0, retention - little)
    reached = tier(retention, tier(lower, present))
    for _ in range(3):
        down = tier(lower, reached)
        up = tier(retention, down)
        assert up == down, "no way up for what just went down by so little"
        reached = up
