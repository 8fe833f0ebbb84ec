"""What file bytes are acceptable as text."""

from __future__ import annotations

import pytest

from memcli.guard.limits import MAX_FILE_BYTES, MAX_LINE_BYTES, problem

FULL_LINE = b"x" * MAX_LINE_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"\xef\xbb\xbfwith a byte order mark\n",
        "\u6f22\u5b57".encode(),
        FULL_LINE,
        FULL_LINE + b"\n" + FULL_LINE + b"\n",
        b"a\n" + FULL_LINE + b"\nb",
        b"\n" * MAX_FILE_BYTES,
    ],
    ids=["empty", "ascii", "bom", "utf-8", "longest line", "two longest lines", "between short ones", "largest file"],
)
def test_acceptable(data: bytes) -> None:
    assert problem(data) is None


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        (b"\n" * (MAX_FILE_BYTES + 1), "it is larger than 4 MiB"),
        (b"a\x00b", "it holds a NUL byte, so it is not text"),
        (b"one\ntwo \xff\n", "it is not UTF-8 text (line 2)"),
        (b"cut \xe6\xbc", "it is not UTF-8 text (line 1)"),
        (b"lone \xed\xa0\x80 surrogate", "it is not UTF-8 text (line 1)"),
        ("text".encode("utf-16"), "it is UTF-16 text, not UTF-8"),
        (b"\xfe\xff\x00t", "it is UTF-16 text, not UTF-8"),
        (FULL_LINE + b"x", "it has a line over 1 MiB"),
        (b"a\n" + FULL_LINE + b"x\nb\n", "it has a line over 1 MiB"),
        (FULL_LINE + b"\n" + FULL_LINE + b"x", "it has a line over 1 MiB"),
    ],
    ids=["large", "nul", "latin-1", "cut", "surrogate", "utf-16le", "utf-16be", "long", "long between", "long at end"],
)
def test_refused(data: bytes, phrase: str) -> None:
    assert problem(data) == phrase
