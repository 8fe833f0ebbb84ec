"""Change over time through the command line: what replaced what, what was in force, what faded, what outcomes said."""

from __future__ import annotations

import pytest

from memcli.store import Store
from tests.command import run_mem
from tests.recall.asking import ask, names


@pytest.fixture
def limits(store: Store) -> dict[str, str]:
    """Three values of one thing, each replacing the one before, and something beside them; ids by name."""
    ids: dict[str, str] = {}
    for name, text, created, old in (
        ("first", "The upload limit of the gateway is 5 megabytes.", "2026-01-10", None),
        ("second", "The upload limit of the gateway is 8 megabytes.", "2026-03-10", "first"),
        ("third", "Files up to 20 megabytes pass.", "2026-06-10", "second"),
    ):
        replaced = [ids[old]] if old else []
        ids[name] = store.add(text, title=name, created=created, supersedes=replaced).id
    store.add("The upload page of the gateway is blue.", title="beside", created="2026-02-01")
    store.sync(embed=False)
    return ids


def test_the_current_value_first_and_what_it_replaced(limits: dict[str, str]) -> None:
    """Even where the current value shares no word with the question."""
    answer = ask("upload limit of the gateway")
    assert names(answer) == ["third", "beside"]
    assert [old["title"] for old in answer["results"][0]["replaces"]] == ["second", "first"]
    shown = run_mem("recall", "upload limit of the gateway").stdout
    assert f"replaces {limits['second'][:4]} of 2026-03-10: second" in shown


def test_a_replaced_memory_is_found_by_its_name(limits: dict[str, str]) -> None:
    assert names(ask(limits["first"]))[0] == "first"


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-02-01", "first"), ("2026-04", "second"), ("2026-07-01", "third"), ("2025-12-31", None)]
)
def test_as_of(day: str, expected: str | None, limits: dict[str, str]) -> None:
    """What was in force on a day; later memories and their replacing do not count."""
    found = run_mem("recall", "upload limit of the gateway", "--as-of", day, "--json").json()["results"]
    assert [row["title"] for row in found][:1] == ([expected] if expected else [])


def test_as_of_marks_what_was_edited_since(store: Store) -> None:
    written = store.add("The pump runs at 40 bar.", title="pump", created="2026-01-01")
    store.edit(written.path, text="The pump runs at 50 bar.")
    store.sync(embed=False)
    assert ask("pump bar", "--as-of", "2026-02-01")["results"][0]["marks"] == ["edited since"]
    assert "marks" not in ask("pump bar")["results"][0]
    assert "edited since" in run_mem("recall", "pump bar", "--as-of", "2026-02-01").stdout


@pytest.mark.parametrize(("day", "found"), [("2026-05-31", True), ("2026-06-01", False), ("2026-02-28", False)])
def test_as_of_knows_when_something_held(day: str, found: bool, store: Store) -> None:
    store.add("The gate is shut.", title="gate", created="2026-01-01", valid_from="2026-03-01", valid_to="2026-05-31")
    store.sync(embed=False)
    assert bool(run_mem("recall", "gate shut", "--as-of", day, "--json").json()["results"]) is found


def test_what_held_until_then_gives_way_and_is_marked(store: Store) -> None:
    store.add("The gate code is 11.", title="before", valid_to="2026-01-31", created="2026-01-01")
    store.add("The gate code is 22.", title="now", created="2026-01-01")
    store.sync(embed=False)
    answer = ask("gate code")
    assert names(answer) == ["now", "before"]
    assert answer["results"][1]["marks"] == ["held until 2026-01-31"]


def test_memories_that_replace_each_other_are_all_shown(store: Store) -> None:
    first = store.add("The roof is slate.", title="first")
    second = store.add("The roof is tin.", title="second", supersedes=[first.id])
    store.edit(first.path, front_matter={"supersedes": [second.id]})
    store.sync(embed=False)
    assert sorted(names(ask("roof"))) == ["first", "second"]
