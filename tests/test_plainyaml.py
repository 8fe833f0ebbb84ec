"""The subset of YAML for our own files: what it reads PyYAML reads the same way, and the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from memcli import plainyaml
from memcli.recall.fusion import RANKING

RANKS = """
# what each counts
words:
  keyword:
    prose: 3.67   # of one passage
    code: 0.5
  phrase: 1
  none: 0
hybrid:
  window: 10.00
name: "3.5"
list: [1, 0.25, a b, true]
"""


def test_decimals_and_nested_mappings() -> None:
    assert plainyaml.parse(RANKS) == yaml.safe_load(RANKS)
    assert plainyaml.parse(RANKS)["words"] == {"keyword": {"prose": 3.67, "code": 0.5}, "phrase": 1, "none": 0}
    assert plainyaml.parse(RANKS)["list"] == [1, 0.25, "a b", True]


def test_the_weights_are_read_as_pyyaml_reads_them() -> None:
    text = Path(RANKING).read_text(encoding="utf-8")
    assert plainyaml.parse(text) == yaml.safe_load(text)


@pytest.mark.parametrize("value", ["1.", ".5", "01.5", "1.5.2", "-1.5", "1_0.5", "1.5e3", "+1", "0x10", "1:30", "١.٥"])
def test_other_numbers_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        plainyaml.parse(f"a: {value}")


@pytest.mark.parametrize("text", ["a:\n    b: 1", "a: 1\n  b: 2", " a: 1", "a: 1\na: 2", "a:\n  b: 1\n  b: 2", "- a"])
def test_another_structure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        plainyaml.parse(text)


KEYS = st.sampled_from(["a", "b_1", "page", "Key"])
ANY_VALUE = st.text(st.sampled_from("019.-+_eExyno:#\"'[], ~tru"), max_size=8) | st.from_regex(
    r"\d+\.\d+", fullmatch=True
)


@given(st.lists(st.tuples(st.integers(0, 3), KEYS, ANY_VALUE), max_size=8))
def test_what_is_read_is_read_as_pyyaml_reads_it(lines: list[tuple[int, str, str]]) -> None:
    text = "\n".join(f"{'  ' * depth}{key}: {value}" for depth, key, value in lines)
    try:
        found = plainyaml.parse(text)
    except ValueError:
        return
    assert found == _without_none(yaml.safe_load(text))


def _without_none(value: object) -> object:
    """A key without a value is an empty mapping to one reader and null to the other."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items()}
    return {} if value is None else value
