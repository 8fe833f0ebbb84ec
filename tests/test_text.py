"""Ids, slugs, hashes, dates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli import text

ID = re.compile(r"[a-z][a-z0-9]{11}")


def test_ids_are_twelve_characters_and_differ() -> None:
    made = {text.new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ID.fullmatch(identity) and len(identity) == 12 and identity[0].isalpha() for identity in made)


@given(st.text())
def test_a_path_has_one_id_for_ever(path: str) -> None:
    assert text.path_id(path) == text.path_id(path)
    assert ID.fullmatch(text.path_id(path))


def test_a_name_that_is_no_utf8_has_an_id() -> None:
    assert ID.fullmatch(text.path_id("tree/\udcff.md"))


@given(st.text(max_size=300))
def test_a_slug_is_a_safe_name_on_every_disk(said: str) -> None:
    name = text.slug(said)
    assert 0 < len(name.encode()) <= text.MAX_SLUG_BYTES + len("-memory")
    assert not set(name) & set('/\\:*?"<>| .\n\0')
    assert name == name.lower()
    assert text.slug(name) == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Rotate refresh tokens!", "rotate-refresh-tokens"),
        ("Größe ändern", "größe-ändern"),
        ("記憶 を 保つ", "記憶-を-保つ"),
        ("CON", "con-memory"),
        ("../../etc", "etc"),
        ("***", "memory"),
        ("", "memory"),
    ],
)
def test_slugs(said: str, name: str) -> None:
    assert text.slug(said) == name


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("2026-11-20", "2026-11-20"),
        ("2026-11", "2026-11"),
        ("2026-11-20 10:00", "2026-11-20T10:00"),
        ("2026-11-20T10:00:00.123Z", "2026-11-20T10:00Z"),
        ("2026-11-20T10:00:30+01:00", "2026-11-20T10:00:30+01:00"),
        ("2024-02-29", "2024-02-29"),
        ("2026-02-29", None),
        ("2026-13-01", None),
        ("2026-11-20T25:00", None),
        ("tomorrow", None),
        ("2026-11-20 and more", None),
        ("", None),
        (None, None),
        (20261120, None),
    ],
)
def test_dates(said: object, date: str | None) -> None:
    assert text.iso_date(said) == date


@given(st.binary())
def test_line_ends_do_not_change_what_a_file_says(data: bytes) -> None:
    unix = data.replace(b"\r\n", b"\n")
    assert text.content_hash(unix.replace(b"\n", b"\r\n")) == text.content_hash(unix)


@pytest.mark.parametrize(
    ("n", "noun", "said"), [(1, "memory", "1 memory"), (1204, "memory", "1,204 memories"), (2, "day", "2 days")]
)
def test_plurals(n: int, noun: str, said: str) -> None:
    assert text.plural(n, noun) == said


@pytest.mark.parametrize(("n", "said"), [(812, "812 B"), (1500, "1.5 KB"), (38_000_000, "38 MB"), (5e12, "5000 GB")])
def test_sizes(n: float, said: str) -> None:
    assert text.human_size(n) == said
