"""What two texts have to do with each other."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memcli.lifecycle import changes
from memcli.lifecycle.changes import CHANGED, DUPLICATE, NEGATED, SUBSUMED, between
from memcli.lifecycle.statements import statements, stem

CHANGES = (
    ("Uploads are limited to 10 MB.", "Uploads are limited to 25 MB since June.", "10", "25"),
    ("The cache lives for 2 minutes.", "The cache lives for 1 hour.", "2", "1"),
    ("We are on Python 3.11.2 in the worker.", "We are on Python 3.12.0 in the worker.", "3.11.2", "3.12.0"),
    ("The beta ends on 2026-01-31.", "The beta ends on 2026-03-15.", "2026-01-31", "2026-03-15"),
    ("The report is mailed on Mondays.", "The report is mailed on Thursdays.", "Mondays", "Thursdays"),
    ("The nightly import starts at 01:15.", "The nightly import starts at 03:45.", "01:15", "03:45"),
    ("Invoices are stored in MongoDB.", "Invoices are stored in MariaDB.", "MongoDB", "MariaDB"),
    ("Search is served by Solr.", "Search moved to Typesense.", "Solr", "Typesense"),
    ("Petra maintains the parser module.", "Yusuf maintains the parser module.", "Petra", "Yusuf"),
    ("Telemetry is disabled for guests.", "Telemetry is enabled for guests.", "disabled", "enabled"),
    ("Issue 41 is open.", "Issue 41 is closed.", "open", "closed"),
)
NEGATIONS = (
    ("The importer overwrites existing rows.", "The importer never overwrites existing rows."),
    ("Feature flags are read at startup.", "Feature flags are no longer read at startup."),
    ("Guests can export reports.", "Guests cannot export reports."),
    ("Always rebase a branch before merging.", "Never rebase a branch before merging."),
    ("The mirror needs a password.", "The mirror doesn't need a password any more."),
)
NOTHING = (
    ("The staging bucket keeps files for 3 days.", "The production bucket keeps files for 90 days."),
    ("The parser service has 4 workers.", "The mailer service has 9 workers."),
    ("Sprint 1 ends on May 3.", "Sprint 2 ends on May 17."),
    ("Issue 41 blocks the release.", "Issue 57 blocks the release."),
    ("Issue 41 is fixed.", "Issue 57 isn't fixed."),
    ("The demo of sprint 3 was fine.", "The demo of sprint 4 wasn't fine."),
    ("Petra maintains the parser module.", "Petra maintains the mailer module."),
    ("The triangle has sides 3, 4 and 5 cm.", "The triangle has sides 5, 12 and 13 cm."),
    ("The mirror has no password.", "The mirror is in Oslo."),
    ("Coverage should reach 90%.", "Coverage is at 71%."),
    ("Billing depends on orders.", "Orders depend on billing."),
    ("Builds fail without a lock file.", "Lock files are written by the builder."),
    ("Could we store invoices in MariaDB?", "We never store invoices in MariaDB on weekends, can we?"),
)


@pytest.mark.parametrize(("a", "b", "was", "now"), CHANGES)
def test_a_changed_value_is_found_with_both_values(a: str, b: str, was: str, now: str) -> None:
    change = between(a, b)
    assert change is not None
    assert change.kind == CHANGED
    assert (a[slice(*change.first)], b[slice(*change.second)]) == (was, now)


@pytest.mark.parametrize(("a", "b"), NEGATIONS)
def test_a_denial_is_found(a: str, b: str) -> None:
    change = between(a, b)
    assert change is not None
    assert change.kind == NEGATED


@pytest.mark.parametrize(("a", "b"), NOTHING)
def test_another_subject_is_no_change(a: str, b: str) -> None:
    assert between(a, b) is None


def test_the_same_in_other_words_is_a_duplicate() -> None:
    change = between("Prices are kept as integers, in cents.", "Prices are kept in cents, as integers.")
    assert change is not None
    assert change.kind == DUPLICATE


def test_the_text_that_says_more_is_named() -> None:
    short, long = "Jobs are idempotent.", "Jobs are idempotent, because the broker may deliver a message twice."
    forth, back = between(short, long), between(long, short)
    assert forth is not None
    assert back is not None
    assert (forth.kind, forth.wider, back.wider) == (SUBSUMED, 1, 0)


def test_the_same_amount_in_another_unit_is_no_change() -> None:
    change = between("Links are valid for 60 minutes.", "Links are valid for 1 hour.")
    assert change is not None
    assert change.kind == DUPLICATE


def test_a_value_that_is_denied_in_passing_has_changed() -> None:
    change = between("Tickets live in Trello.", "Tickets live in the repository, no longer in Trello.")
    assert change is not None
    assert change.kind == CHANGED


def test_a_value_that_the_other_text_gives_too_has_not_changed() -> None:
    a = "The import of 40 tables takes 5 minutes."
    change = between(a, "The import takes 9 minutes, of which 5 minutes are for 40 tables.", at_least=0.0)
    assert change is None or change.kind != CHANGED
    assert between(a, "The import of 40 tables takes 9 minutes.") is not None


def test_in_a_long_sentence_the_words_near_a_value_say_what_it_is_of() -> None:
    first = (
        "I spent the morning on the release notes, talked to Ana about the budget for the fair in Lyon, and saw that my"
        " Zotero library has 45 sources, which is a little less than what I had hoped for when the term began."
    )
    later = (
        "After the fair I went back to reading, my Zotero library has now grown to 61 sources, and I keep wondering how"
        " to sort them by theme, by year or by how much I believe them, which is a question of its own."
    )
    change = between(first, later)
    assert change is not None
    assert (first[slice(*change.first)], later[slice(*change.second)]) == ("45", "61")


def test_far_texts_are_less_sure() -> None:
    a, b = "Uploads are limited to 10 MB.", "Uploads are limited to 25 MB."
    near, far = between(a, b, cosine=0.95), between(a, b, cosine=0.82, at_least=0.0)
    assert near is not None
    assert far is not None
    assert far.confidence < near.confidence


def test_rare_words_count_more_than_common_ones() -> None:
    a, b = "The alpha quota of the gateway is 10 GB.", "The omega quota of the gateway is 25 GB."
    rare = between(a, b, at_least=0.0, weigh=lambda key: 1.0 if key in ("alpha", "omega") else 0.1)
    common = between(a, b, at_least=0.0, weigh=lambda key: 0.1 if key in ("alpha", "omega") else 1.0)
    assert rare is not None
    assert common is not None
    assert rare.confidence < common.confidence


def test_code_is_no_statement() -> None:
    assert [part.words[0].key for part in statements("Alpha.\n```\nport = 8080\n```\nOmega.\n")] == ["alpha", "omega"]


def test_stems_of_one_word_are_one() -> None:
    assert len({stem(word) for word in ("store", "stores", "stored", "storing")}) == 1
    assert len({stem(word) for word in ("migrate", "migrated", "migration", "migrations")}) == 1
    assert stem("access") != stem("acces")


def test_long_texts_take_no_longer_than_their_beginning() -> None:
    def seconds(sentences: int) -> float:
        a = " ".join(f"Node {n} of the cluster has {n} slots and never sleeps." for n in range(sentences))
        start = time.perf_counter()
        between(a, a.replace("slots", "places"))
        return time.perf_counter() - start

    seconds(10)
    assert seconds(20_000) < 1.0


TEXTS = st.text() | st.lists(
    st.sampled_from([*" ,.;:?\n", "not", "never", "or", "5", "7", "10 MB", "v1.2", "May 3", "10:00", "is open", "is done",
                     "Redis", "in", "the service", "keeps", "```", "from 3 to 4", "«", "\x1b[31m", "日本語", "%"]),
    max_size=60,
).map(" ".join)  # fmt: skip


@example("1?:0", "NO<1.:FROM&1 to 0")
@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_no_text_fails_and_roles_are_all_that_order_changes(a: str, b: str) -> None:
    forth, back = between(a, b, at_least=0.0), between(b, a, at_least=0.0)
    assert (forth is None) == (back is None)
    if forth is None or back is None:
        return
    assert (forth.kind, forth.confidence) == (back.kind, back.confidence)
    assert 0.0 <= forth.confidence <= 1.0
    for text, (start, end) in ((a, forth.first), (b, forth.second)):
        assert 0 <= start <= end <= len(text)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_a_text_is_a_duplicate_of_itself(text: str) -> None:
    change = between(text, text)
    assert change is not None
    assert (change.kind, change.confidence) == (DUPLICATE, 1.0)


def test_the_facts_of_the_bench_are_judged_without_vectors_too() -> None:
    """A floor, so that a rule that breaks is noticed here: tests/bench/contradictions.py has the figures."""
    rows = [
        json.loads(line)
        for line in (Path(__file__).parents[1] / "bench" / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    texts = {row["id"]: row["text"] for row in rows if "text" in row}
    pairs = [row["pair"] for row in rows if "pair" in row]
    true = sum(between(texts[a], texts[b]) is not None for a, b in pairs)
    named = {frozenset(pair) for pair in pairs}
    groups = {name: row["group"] for row in rows if "text" in row for name in [row["id"]]}
    hard = [(a, b) for a in texts for b in texts if a < b and groups[a] == groups[b] and frozenset((a, b)) not in named]
    false = sum(between(texts[a], texts[b]) is not None for a, b in hard)
    assert true >= 0.75 * len(pairs)
    assert true / (true + false) >= 0.85
    assert changes.SURE == 0.7


def test_a_statement_among_many_is_no_contradiction() -> None:
    """Two tutorials are not one subject because a step of each is about the same."""
    a, b = "The gateway retries 3 times.", "The gateway retries 5 times."
    assert changes.between(a, b) is not None
    steps = " ".join(
        f"Then open the {thing} and read what it says." for thing in ("log", "menu", "page", "file", "shell")
    )
    more = " ".join(f"Later the {thing} is closed again." for thing in ("door", "tab", "window", "socket", "issue"))
    assert changes.between(f"{a} {steps} {more}", f"{b} {steps}") is None
