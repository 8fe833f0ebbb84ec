"""What sessions say that is worth keeping, and proposing it: rarely wrong, at most three a session, never twice."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from memcli.importers import bring, claude_code, registry
from memcli.importers.transcripts import Reading
from memcli.lifecycle import proposals, takeaways, wishes
from memcli.lifecycle.repairs import repairs
from memcli.store import Store
from tests.bench import proposals as bench
from tests.command import run_mem
from tests.importers import conversations
from tests.importers.conversations import Step

NOW = 1_800_000_000.0


def session(store: Store, steps: list[Step], name: str = "one") -> list[str]:
    """Bring a session in; returns the texts of what is proposed for it."""
    items = Reading(claude_code.FORM).items(io.BytesIO(conversations.claude_code(steps, session=name)))
    brought = bring.bring_in(store, items, origin="claude-code", topic="x", now=NOW)
    store.sync(embed=False)
    before = {one.id for one in proposals.open_proposals(store.place)}
    takeaways.propose(store.place, brought.paths, NOW)
    return [
        str(one.draft.operations[0]["text"]) for one in proposals.open_proposals(store.place) if one.id not in before
    ]


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("Let's use Postgres for the audit events.", wishes.DECISION),
        ("ok, we're going with uv for dependencies", wishes.DECISION),
        ("We've decided to keep one monorepo.", wishes.DECISION),
        ("from now on write conventional commits", wishes.DECISION),
        ("no, use pnpm here, not npm", wishes.ORDER),
        ("Never write comments that repeat the code.", wishes.ORDER),
        ("don't mock the database in integration tests", wishes.ORDER),
        ("I prefer early returns over nested ifs.", wishes.PREFERENCE),
        ("We never deploy on Friday afternoons.", wishes.PREFERENCE),
        ("no, round with Decimal, not with floats", wishes.ORDER),
        ("no, the left one, not the right one", None),
        ("Always use tabs?", None),
        ("should we always squash?", None),
        ("maybe we should use GraphQL", None),
        ("let's use polling for now", None),
        ("let's go with the second option", None),
        ("let's use py-spy to see where the time goes", None),
        ("don't touch the tests yet", None),
        ("stop, that is the wrong file", None),
        ("if we always cached it, what then", None),
        ("I love how this looks", None),
        ("I want to add a button", None),
        ("use it", None),
        ("please add a test for the empty case", None),
        ("we used to use Jenkins", None),
        ("", None),
        ("!" * 500, None),
    ],
)
def test_what_a_sentence_is(sentence: str, kind: str | None) -> None:
    assert wishes.kind_of(sentence) == kind


@pytest.mark.parametrize(
    ("done", "mended"),
    [
        (
            "- ran: pytest tests (failed, exit code 127)\n- ran: python -m pytest tests",
            [("pytest tests", "python -m pytest tests")],
        ),
        ("- ran: npm test (failed)\n- ran: pnpm test", [("npm test", "pnpm test")]),
        (
            "- ran: docker-compose up -d (failed)\n- ran: docker compose up -d",
            [("docker-compose up -d", "docker compose up -d")],
        ),
        ("- ran: pytest (failed)\n- edited: a.py\n- ran: pytest -x", []),  # mended by the edit
        ("- ran: make test (failed)\n- ran: make test", []),
        ("- ran: make test (failed)\n- ran: make lint", []),
        ("- ran: make test\n- ran: make test (failed)\n- ran: make test -j1", []),  # it works, mostly
        ("- ran: make deploy (refused)\n- ran: make deploy -n", []),
        ("- ran: grep -rn x lib (failed)\n- ran: grep -rn x src", []),
        (
            "- ran: ls (failed)\n" * 7 + "- ran: cargo build (failed)\n- ran: cargo build --workspace",
            [("cargo build", "cargo build --workspace")],
        ),
        ("I ran: make (failed), then it worked", []),
    ],
)
def test_commands_that_failed_and_what_worked(done: str, mended: list[tuple[str, str]]) -> None:
    assert [(one.failed, one.worked) for one in repairs([("t0001", done)])] == mended


def test_at_most_three_a_session_the_plainest_first_however_often_it_is_read(store: Store) -> None:
    steps: list[Step] = [
        ("run", "pytest a", 1),
        ("run", "python -m pytest a", 0),
        ("user", "I prefer early returns over nested ifs"),
        ("user", "let's use feature flags for every risky change"),
        ("user", "never log request bodies in production"),
        ("user", "always write dates as ISO 8601 in exports"),
    ]
    assert session(store, steps) == [
        "Never log request bodies in production",
        "Always write dates as ISO 8601 in exports",
        "Let's use feature flags for every risky change",
    ]
    assert session(store, [*steps, ("user", "never push to main without a review")]) == []
    store.sync(embed=False)
    assert run_mem("gc").code == 0
    assert len(proposals.open_proposals(store.place)) == 3


def test_what_a_memory_says_or_somebody_rejected_is_not_proposed(store: Store) -> None:
    store.add("Dates in exports are always written as ISO 8601.")
    assert session(store, [("user", "always write dates as ISO 8601 in exports")], "a") == []
    assert session(store, [("user", "never log request bodies in production")], "b") == [
        "Never log request bodies in production"
    ]
    assert session(store, [("user", "please never log request bodies in production")], "c") == []
    (one,) = proposals.open_proposals(store.place)
    proposals.decide(store.place, one.id, proposals.REJECTED, NOW)
    assert session(store, [("user", "no, never log the request bodies in production")], "d") == []


def test_two_proposals_about_no_memory_are_two(store: Store) -> None:
    assert session(store, [("user", "never log request bodies"), ("user", "never push to main without a review")]) == [
        "Never log request bodies",
        "Never push to main without a review",
    ]


def test_accepting_one_makes_the_memory_with_its_source(store: Store) -> None:
    session(store, [("user", "hello"), ("agent", "Hi."), ("user", "let's go with Postgres for the audit events")])
    (one,) = proposals.open_proposals(store.place)
    assert run_mem("review", "--accept", one.id).code == 0
    shown = run_mem("show", "Let's go with Postgres for the audit events").stdout
    assert "type: decision" in shown
    assert "- learnt from [[episodes/2026-02-02-hello#^t0003]]" in shown


def test_other_episodes_and_other_speakers_say_nothing(store: Store) -> None:
    items = Reading(claude_code.FORM).items(
        io.BytesIO(conversations.claude_code([("user", "never log request bodies")]))
    )
    brought = bring.bring_in(store, items, origin="jsonl/export", topic="x", now=NOW)
    store.sync(embed=False)
    assert takeaways.propose(store.place, brought.paths, NOW) == 0
    assert session(store, [("agent", "Always use tabs. Let's go with Redis. I prefer spaces."), ("user", "why?")]) == []


def test_every_importer_of_sessions_is_a_source() -> None:
    assert {one.NAME for one in registry.SESSIONS} <= set(takeaways.SOURCES)


# --- measured --------------------------------------------------------------------------------------------------------


def test_made_up_sessions_are_seldom_misread() -> None:
    scores = bench.made_up()
    assert len(scores) >= 40
    for which in (True, False):
        some = [score for name, score in scores.items() if name.startswith("unseen:") is which]
        right, wrong, missed = (sum(len(score[n]) for score in some) for n in range(3))
        assert right / (right + wrong) >= 0.8, which
        assert right / (right + missed) >= 0.6, which


def test_proposals_from_real_sessions_are_right(shared: Path) -> None:
    score = bench.real(shared)
    assert score.right
    assert score.precision >= 0.8
