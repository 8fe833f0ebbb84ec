"""The block in an instruction file: put in, replaced, taken out, and everything around it byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.agents import block
from memcli.agents.block import Changed
from memcli.errors import SettingsRefused

_LINES = st.text(st.sampled_from("ab#- \t\n\r`é<!>"), max_size=60)
_FILES = st.one_of(
    _LINES.map(str.encode),
    st.binary(max_size=60),
    _LINES.map(lambda text: text.replace("\r", "").replace("\n", "\r\n").encode()),
).filter(lambda data: b"memcli" not in data)
_TEXTS = st.text(st.sampled_from("ab- \né"), max_size=60)


@given(st.one_of(st.none(), _FILES), _TEXTS, _TEXTS)
def test_putting_twice_is_putting_once_and_taking_gives_back_the_bytes(data: bytes | None, one: str, two: str) -> None:
    with_one = block.put(data, one)
    assert block.put(with_one, one) == with_one
    assert block.put(block.put(with_one, two), one) == with_one
    assert block.holds(with_one)
    assert block.take(with_one) == data
    if data is not None:
        assert data in with_one


@given(_FILES.filter(lambda data: b"\r" not in data), _FILES.filter(lambda data: b"\r" not in data), _TEXTS)
def test_what_is_written_around_it_stays(before: bytes, after: bytes, text: str) -> None:
    whole = block.put(before, text) + b"\n" + after
    assert block.put(whole, "another") == block.put(before, "another") + b"\n" + after
    taken = block.take(whole) or b""
    assert taken.startswith(before.rstrip(b"\r\n")) and taken.endswith(after)


def test_it_says_what_it_is() -> None:
    text = block.put(b"# Mine\r\n", "one\ntwo\n").decode()
    assert text == (
        "# Mine\r\n\r\n<!-- BEGIN memcli v1 sha256:c3f9c8c283a2b1f2 (written by mem: edit above or below it) -->\r\n"
        "one\r\ntwo\r\n<!-- END memcli -->\r\n"
    )


def test_an_edit_inside_is_not_overwritten_unasked() -> None:
    edited = block.put(b"# Mine\n", "one\ntwo").replace(b"two", b"2")
    with pytest.raises(Changed) as raised:
        block.put(edited, "one\ntwo")
    assert raised.value.present == "--- in the file\n+++ by mem\n@@ -1,2 +1,2 @@\n one\n-2\n+two\n"
    with pytest.raises(Changed) as raised:
        block.take(edited)
    assert raised.value.present == "one\n2\n"
    assert block.put(edited, "three", force=True) == block.put(b"# Mine\n", "three")
    assert block.take(edited, force=True) == b"# Mine\n"


@pytest.mark.parametrize(
    "data",
    [
        b"<!-- BEGIN memcli v1 -->\n",
        b"<!-- END memcli -->\n",
        b"<!-- END memcli -->\n<!-- BEGIN memcli v1 -->\n",
        block.put(None, "a") + block.put(None, "b"),
    ],
)
def test_marks_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(SettingsRefused):
        block.put(data, "x")
    with pytest.raises(SettingsRefused):
        block.take(data, force=True)
