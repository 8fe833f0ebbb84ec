"""Front matter is read safely, and scalars as they were meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.guard.limits import MAX_YAML_BYTES, MAX_YAML_DEPTH
from memcli.guard.safe_yaml import FrontMatterError, load


def test_a_memory() -> None:
    text = (
        "id: k7q9d2xm3v4a   # comment\ntype: decision\ncreated: 2026-11-20T10:00:00Z\n"
        "tags: [auth, jwt]\nvalid_from: 2026-11-20\npinned: true\nnested:\n  a: 1\n"
    )
    assert load(text) == {
        "id": "k7q9d2xm3v4a",
        "type": "decision",
        "created": "2026-11-20T10:00:00Z",
        "tags": ["auth", "jwt"],
        "valid_from": "2026-11-20",
        "pinned": True,
        "nested": {"a": 1},
    }


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n...\n", "null", "~"])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    assert load(text) == {}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2026-13-45", "2026-13-45"),
        ("10:30", "10:30"),
        ("1:02:03", "1:02:03"),
        ("012", "012"),
        ("0o17", "0o17"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("=", "="),
        ("<<", "<<"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("42", 42),
        ("-7", -7),
        ("1_000", 1000),
        ("0x1F", 31),
        ("3.5", 3.5),
        ("1.5e+3", 1500.0),
        (".5", 0.5),
        ("1e400", "1e400"),
        (".inf", ".inf"),
        ("0x_", "0x_"),
        ("0xZZ", "0xZZ"),
        ("1" * 39, int("1" * 39)),
        ("1" * 5000, "1" * 5000),
        ("'42'", "42"),
        ('"true"', "true"),
        ("|\n  42\n", "42\n"),
        ("!!str 42", "42"),
        ("!!int notanumber", "notanumber"),
        ("!!binary x", "x"),
        ("!!python/object/apply:os.system [ls]", ["ls"]),
        ("!custom 5", "5"),
    ],
)
def test_values(written: str, value: object) -> None:
    read = load(f"key: {written}")["key"]
    assert read == value and type(read) is type(value)


def test_keys_are_strings_and_the_last_wins() -> None:
    assert load("1: a\ntrue: b\nnull: c\n2026-01-01: d\nk: 1\nk: 2") == {
        "1": "a",
        "true": "b",
        "null": "c",
        "2026-01-01": "d",
        "k": 2,
    }


def nested(levels: int) -> str:
    return "a: " + "[" * (levels - 1) + "]" * (levels - 1)


def test_depth() -> None:
    assert load(nested(MAX_YAML_DEPTH))
    with pytest.raises(FrontMatterError, match="nested deeper than 8 levels"):
        load(nested(MAX_YAML_DEPTH + 1))
    with pytest.raises(FrontMatterError, match="nested deeper"):
        load("a: " + "[" * 30_000)
    with pytest.raises(FrontMatterError, match="nested deeper"):
        load("- " * 30_000)


def test_size() -> None:
    assert load("a: " + "x" * (MAX_YAML_BYTES - 3))
    with pytest.raises(FrontMatterError, match="larger than 64 KiB"):
        load("a: " + "x" * (MAX_YAML_BYTES - 2))
    with pytest.raises(FrontMatterError, match="larger than 64 KiB"):
        load("a: " + "\u6f22" * (MAX_YAML_BYTES // 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: 2", "anchors or aliases"),
        ("a: &x 1\nb: *x", "anchors or aliases"),
        ("a: *unknown", "anchors or aliases"),
        ("- a\n- b", "not a list of keys and values"),
        ("just text", "not a list of keys and values"),
        ("a: [1, 2", "not valid YAML"),
        ("a: 1\nb: c: d", "not valid YAML \\(line 2\\)"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: \ud800", "cannot be encoded|not valid YAML"),
        ("? [a, b]\n: c", "list or mapping as a key"),
    ],
)
def test_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(FrontMatterError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value)


YAML = st.text(alphabet="ab:-?[]{}#&*!|>'\"%@` \n\t,.0123456789xe_+~<=\ud800\u2028\x85\ufeff\x00", max_size=60)


@given(st.one_of(st.text(), YAML, YAML.map("k: {}".format)))
def test_nothing_else_is_ever_raised(text: str) -> None:
    try:
        value = load(text)
    except FrontMatterError:
        return
    assert all(type(key) is str for key in value)
