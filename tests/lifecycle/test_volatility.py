"""What says something that will not hold for long."""

from __future__ import annotations

import pytest

from memcli.lifecycle.volatility import is_volatile


@pytest.mark.parametrize(
    "text",
    [
        "We currently run Postgres 15.",
        "Owner: Kim",
        "The current release is 4.2.",
        "On-call is Ravi this week.",
        "The migration is in progress.",
        "The flag is still off.",
        "TODO: move the bucket.",
    ],
)
def test_what_changes(text: str) -> None:
    assert is_volatile("", text)
    assert is_volatile(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "Rotate refresh tokens on every use.",
        "Electric current flows through the wire.",
        "The owner of a lock releases it.",
        "",
    ],
)
def test_what_holds(text: str) -> None:
    assert not is_volatile("A title", text)


def test_only_the_beginning_says_what_a_memory_is_about() -> None:
    assert not is_volatile("", "x " * 2_000 + "currently")
