"""What is recognised as a name, under which key; what is not; and that no text breaks it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode import entities
from memcli.encode.entities import KINDS, asked, mentions
from memcli.encode.keys import fold

NAMED = {
    "people": (
        "We decided with Ngozi Okafor that Marcus reviews it.",
        {"ngozi okafor": "name", "ngozi": "part", "okafor": "part", "marcus": "name"},
    ),
    "possessive": ("it is Ngozi's Redis cluster", {"ngozi": "name", "redis": "name"}),
    "title of a person": ("yesterday Dr. Okafor and Mr Bell came", {"okafor": "name", "bell": "name"}),
    "marks inside": ("met Jean-Luc O'Brien", {"jean luc obrien": "name", "jean luc": "part", "obrien": "part"}),
    "small words inside": (
        "the Bank of America called",
        {"bank of america": "name", "bank": "part", "america": "part"},
    ),
    "accents": ("talk to Bartosz Zieliński", {"bartosz zielinski": "name", "bartosz": "part", "zielinski": "part"}),
    "city": ("moved to New York City", {"new york city": "name", "york": "part", "city": "part"}),
    "product with a number": ("from Python 3.12 on", {"python 3.12": "version", "python": "name"}),
    "sentence": ("Ngozi decided. Marcus agreed.", {"ngozi": "initial", "marcus": "initial"}),
    "label": ("- Release Features: it is fast", {"release features": "initial"}),
    "heading": ("# Daniel Reyes\n\nruns it", {"daniel reyes": "initial", "daniel": "initial", "reyes": "initial"}),
    "after a colon": ("owner: Ngozi", {"ngozi": "name"}),
    "Cyrillic": ("вчера Нгози с Анной решила", {"нгоз": "name", "анн": "name"}),
    "Greek": ("μένει στην Αθήνα", {"αθηνα": "name"}),
    "no capitals": ("「佐藤」は #設計 を決めた", {"佐藤": "quoted", "設計": "tag"}),
    "path": (
        "look at src/auth/tokens.py:42",
        {"src/auth/tokens.py": "file", "tokens.py": "file", "tokens": "file"},
    ),
    "file": ("edit docker-compose.yml", {"docker-compose.yml": "file", "dockercompose": "file"}),
    "identifiers": ("getUserQuota calls get_user_quota", {"getuserquota": "symbol"}),
    "method": ("Session.refreshToken() hangs", {"session.refreshtoken": "symbol", "refreshtoken": "symbol"}),
    "backticks": ("run `npm run build` or `sync`", {"npm run build": "symbol", "sync": "symbol"}),
    "constant": ("raise MAX_RETRIES", {"maxretries": "symbol"}),
    "commit": ("since a1b2c3d4e5", {"a1b2c3d": "symbol"}),
    "issues": (
        "see HAL-123, PR 456, issue 78 and #9",
        {"hal 123": "issue", "#123": "issue", "#456": "issue", "#78": "issue", "#9": "issue"},
    ),
    "weakness": ("patched CVE-2024-12345", {"cve-2024-12345": "issue"}),
    "errors": (
        "got E0308, TypeError and ECONNRESET",
        {"e0308": "error", "typeerror": "error", "econnreset": "error"},
    ),
    "statuses": ("HTTP 503, then exit code 137", {"http 503": "error", "exit code 137": "error"}),
    "address": ("https://github.com/acme/widget/pull/3", {"github.com": "host", "widget": "package"}),
    "machine": ("on db-ams-02.acme.internal", {"db-ams-02.acme.internal": "host", "dbams02": "host"}),
    "handle": ("ask @ngozi.okafor or @kb", {"ngozi okafor": "handle", "kb": "handle"}),
    "mail": (
        "mail ann.bell@acme.dev",
        {"ann.bell@acme.dev": "handle", "ann bell": "handle", "acme.dev": "host"},
    ),
    "scoped package": ("pin @acme/geo now", {"acme/geo": "package", "geo": "package"}),
    "install": ("pip install sqlite-vec", {"sqlitevec": "package"}),
    "import": ("from numpy.linalg import norm", {"numpy": "package"}),
    "tag": ("about #auth/tokens", {"auth/tokens": "tag"}),
    "link": ("see [[auth/Refresh Tokens|those]]", {"refresh tokens": "link", "refreshtokens": "link"}),
    "version": ("fixed in v1.2.3", {"1.2.3": "version"}),
    "book": ('I read "Becoming Nicole" twice', {"becoming nicole": "quoted", "becoming": "part", "nicole": "part"}),
}
NOTHING = (
    "",
    "Yesterday we met on Monday in May.",
    "The team and/or the client, 24/7, e.g. at 10:30 on 2024-05-01",
    "It's great.Then I'm off, aren't you? THANKS",
    "- **Note:** I'll do it. We'll see. That's all!",
    "well-known 30-day up-to-date 3pm 90s 1st 1,000.50",
    "colour #fff000 and #333333a",
    "日本語のテキスト",
    '"and then he left," she said',
)


@pytest.mark.parametrize(("text", "expected"), NAMED.values(), ids=list(NAMED))
def test_recognised(text: str, expected: dict[str, str]) -> None:
    assert dict(mentions(text)) == expected


@pytest.mark.parametrize("text", NOTHING, ids=lambda text: text[:20] or "empty")
def test_no_name(text: str) -> None:
    assert mentions(text) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zieliński's", "zielinski"),
        ("O’Brien", "OBRIEN"),
        ("Jean-Luc", "jean luc"),
        ("Анной", "Анна"),
        ("Марией", "Мария"),
        ("Алексеем", "Алексей"),
        ("ΝΊΚΟΣ", "νικοσ"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_speaker_and_tags_come_first() -> None:
    found = mentions("ask Redis people", "Ngozi Okafor", ("ops",))
    assert found == [
        ("ngozi okafor", "speaker"),
        ("ngozi", "speaker"),
        ("okafor", "speaker"),
        ("ops", "tag"),
        ("redis", "name"),
    ]


def test_a_certain_name_replaces_a_doubtful_one() -> None:
    assert dict(mentions("Redis is down. We restart Redis."))["redis"] == "name"


def test_bounded() -> None:
    text = " ".join(f"sym_{n}" for n in range(500))
    assert len(mentions(text)) == entities.MAX_MENTIONS
    assert mentions(" " * entities.MAX_CHARACTERS + "with Ngozi") == []


def keys_of(question: str) -> set[str]:
    return {key for one in asked(question) for key in one.keys}


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("what did ngozi decide?", "ngozi"),
        ("WHAT DID NGOZI OKAFOR DECIDE", "ngozi okafor"),
        ("where is get user quota defined", "getuserquota"),
        ("where is acme cloud hosted", "acme cloud"),
        ("what broke in ticket 123", "#123"),
        ("who fixed hal-123", "hal 123"),
        ("who owns tokens.py", "tokens"),
        ("佐藤さんは何を決めた", "佐藤"),
    ],
)
def test_questions_look_up(question: str, key: str) -> None:
    assert key in keys_of(question)


def test_what_is_written_as_a_name_is_sure() -> None:
    sure = {key for one in asked("Which of them did Ngozi mark in tokens.py?") if one.sure for key in one.keys}
    assert sure >= {"ngozi", "tokens.py"}
    assert "mark" not in sure


def test_stop_words_alone_name_nothing() -> None:
    assert asked("what did they do with it") == []


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text(text: str, speaker: str) -> None:
    """Never raises; keys are bounded, distinct and can be stored."""
    found = mentions(text, speaker, (speaker,))
    assert len({key for key, _ in found}) == len(found)
    assert all(kind in KINDS and 1 < len(key) <= entities.MAX_KEY and key.encode() for key, kind in found)
    assert all(key.encode() for key in keys_of(text))


_PIECES = ("`", "[[", "]]", "@", "#", "/", ".", "::", "_", "-", '"', "“", "https://", "aB", "A", "É", " of ", "1", "日",
           "\n", "\ud800", "\0")  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
def test_any_marks(text: str) -> None:
    assert all(key.encode() for key, _ in mentions(text))
    assert all(key.encode() for key in keys_of(text))


@pytest.mark.parametrize("piece", [*_PIECES, "[[a", "a-", "a/", '"A', "Aa ", "Aa of ", "#a", "a.a", "pip install -a "])
def test_linear(piece: str) -> None:
    """No text takes long: the worst here is a few milliseconds."""
    text = (piece * entities.MAX_CHARACTERS)[: entities.MAX_CHARACTERS]
    began = time.process_time()
    mentions(text)
    asked(text)
    assert time.process_time() - began < 1.0
