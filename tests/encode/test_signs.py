"""Looking for names only where a sign of one stands finds what looking everywhere finds."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from memcli.encode import codenames, datewords

PIECES = [
    *("issue", "Issues", "PR", "pull request", "Pull Requests", "Exit status", "HTTP", "404", "12", "#12", "#tag", "#"),
    *(
        " ",
        "  ",
        "\n",
        ".",
        "./",
        "/",
        "\\",
        "::",
        "->",
        "-",
        "_",
        "@",
        "@me",
        "a@b.co",
        "`",
        "``",
        "[[",
        "]]",
        "|",
        '"',
    ),
    *(
        "https://",
        "http://x.y/z?q",
        "xhttps://a",
        "foo",
        "Foo",
        "FOO",
        "fooBar",
        "foo_bar",
        "__init__",
        "E0308",
        "v1.2",
    ),
    *("(", ")", ",", ":", "://", "'s", "x" * 299, "a." * 151, "é", "記", "“", "”", "「", "」", "²", "\u0660"),
]
DATES = [
    "May",
    "may",
    "3",
    "next",
    "Friday",
    "2024-05-01",
    "12.05.2026",
    "5/13/2026",
    "in two weeks",
    "will",
    "Mon",
    "’s",
]
texts = st.lists(st.sampled_from(PIECES + DATES), max_size=30).map("".join) | st.text(max_size=60)


@given(texts)
@example("Pull Requests #12")
@example("see (https://a.b/c) and -x_y /usr/lib 5%")
@example("." * 300 + "a.b")
def test_signs_show_every_name(text: str) -> None:
    everywhere = [(match.span(), match.lastgroup) for match in codenames._code().finditer(text)]
    assert [(match.span(), match.lastgroup) for match in codenames._matches(text)] == everywhere


@given(texts)
def test_words_are_the_same_placed_or_not(text: str) -> None:
    lower = datewords.lowered(text)
    placed = datewords.words_of(text, lower)
    assert [word[:2] for word in datewords.words_of(text, lower, placed=False)] == [word[:2] for word in placed]
