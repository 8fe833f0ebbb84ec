"""Operations of a batch as they are read: every shape that is wrong is named, and nothing else."""

from __future__ import annotations

import json

import pytest

from memcli.errors import UsageError
from memcli.operations import NAMES, read

FINE = [
    {"op": "ADD", "text": "a", "type": "decision", "title": "t", "topic": "x/y", "tags": ["a"], "links": ["b"], "as": "n",
     "valid_from": "2026-01-01", "valid_to": "2026-02", "pinned": True, "private": False},
    {"op": "UPDATE", "id": "k7q9", "append": "more", "expected": "0" * 64},
    {"op": "UPSERT", "path": "auth/tokens", "text": "a", "overwrite": True},
    {"op": "MERGE", "ids": ["a", "b"], "into": "c", "text": "both"},
    {"op": "MERGE", "ids": ["a"], "into": {"title": "t", "text": "both"}},
    {"op": "SUPERSEDE", "id": "a", "by": "b"},
    {"op": "SUPERSEDE", "id": "a", "by": {"text": "new"}},
    {"op": "LINK", "from": "a", "to": "b", "relation": "depends on"},
    {"op": "delete", "id": "a"},
]  # fmt: skip

WRONG = [
    ("ADD", {}, "'text' is missing"),
    ("ADD", {"text": " "}, "'text' must be a text"),
    ("ADD", {"text": "a", "txet": "b"}, "'txet' means nothing here"),
    ("ADD", {"text": "a", "type": "idea"}, "'type' must be one of"),
    ("ADD", {"text": "a", "tags": "x"}, "'tags' must be a list"),
    ("ADD", {"text": "a", "tags": [1]}, "'tags' must be a list"),
    ("ADD", {"text": "a", "pinned": 1}, "'pinned' must be true or false"),
    ("ADD", {"text": "a", "valid_to": "someday"}, "'valid_to' must be an ISO date"),
    ("ADD", {"text": "a", "as": "two words"}, "'as' must be a short word"),
    ("ADD", {"text": "a", "as": ["x"]}, "'as' must be a short word"),
    ("ADD", {"text": "a", "id": "x"}, "'id' means nothing here"),
    ("UPDATE", {"id": 7}, "'id' must be a text"),
    ("UPDATE", {"id": "a", "private": True}, "'private' means nothing here"),
    ("MERGE", {"ids": [], "into": "a"}, "'ids' must be a list"),
    ("MERGE", {"ids": "ab", "into": "a"}, "'ids' must be a list"),
    ("MERGE", {"ids": ["a"], "into": {"as": "x"}}, "'into': 'as' means nothing here"),
    ("SUPERSEDE", {"id": "a", "by": {"title": "t"}}, "'by': 'text' is missing"),
    ("SUPERSEDE", {"id": "a", "by": None}, "'by' must be a memory, or an object"),
    ("LINK", {"from": "a", "to": "b", "relation": "x:y"}, "'relation' must be a few words"),
    ("LINK", {"from": "a"}, "'to' is missing"),
]


@pytest.mark.parametrize("whole", [True, False], ids=["array", "lines"])
def test_every_operation_is_understood(whole: bool) -> None:
    text = json.dumps(FINE) if whole else "\n".join(json.dumps(one) for one in FINE) + "\n\n"
    found = read(text)
    assert [one.problems for one in found] == [()] * len(FINE)
    assert {one.name for one in found} == set(NAMES)
    assert [one.number for one in found] == [*range(1, len(FINE) + 1)]


@pytest.mark.parametrize(("name", "values", "problem"), WRONG)
def test_what_is_wrong_is_named(name: str, values: dict[str, object], problem: str) -> None:
    (found,) = read(json.dumps({"op": name, **values}))
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)


def test_all_problems_of_an_operation_are_named() -> None:
    (found,) = read('{"op": "ADD", "colour": "red", "type": "idea", "pinned": "yes"}')
    assert len(found.problems) == 4


@pytest.mark.parametrize(
    "line", ["null", "7", "[]", '"ADD"', "{broken", '{"text": "a"}', '{"op": "REMOVE"}', '{"op": ["ADD"]}']
)
def test_a_line_that_is_no_operation_is_numbered(line: str) -> None:
    found = read('{"op": "ADD", "text": "a"}\n' + line + '\n{"op": "DELETE", "id": "a"}')
    assert [bool(one.problems) for one in found] == [False, True, False]


@pytest.mark.parametrize("text", ["", "  \n", "[]", "[{]", "[" * 100_000])
def test_what_is_no_batch_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read(text)
