"""Features of candidates made by hand: scales, what a turn is lent, and what stands in where something is missing."""

from __future__ import annotations

import pytest

from memcli.recall import features, turns
from memcli.recall.candidates import Candidate
from memcli.recall.plan import Plan, make_plan
from tests.recall.candidates import candidate, pool_of


def worked_out(candidates: list[Candidate], plan: Plan | None = None) -> None:
    pool = pool_of(candidates)
    plan = plan or make_plan("what")
    features.own(pool, plan)
    features.around(pool, plan, candidates)


@pytest.mark.parametrize(
    ("anchor", "length", "lent"),
    [("t1", 5, 1.0), ("t1", turns.SHORT, 1.0), ("t1", turns.LONG, 0.0), ("t1", 10**6, 0.0), (None, 5, 0.0)],
)
def test_shortness(anchor: str | None, length: int, lent: float) -> None:
    """1 for a passing remark, 0 for a long message, and for what is no turn."""
    assert features.shortness(candidate(0, 1, anchor=anchor, length=length)) == pytest.approx(lent)


def test_shortness_falls_with_length() -> None:
    lent = [features.shortness(candidate(0, 1, length=length)) for length in (250, 500, 1000, 3000, 6000)]
    assert lent == sorted(lent, reverse=True)
    assert len(set(lent)) == 5


def test_a_session_lends_the_mean_of_its_best_turns() -> None:
    turns = [candidate(0, n, session="s") for n in range(1, 6)]
    for turn, score in zip(turns, (4.0, 3.0, 2.0, 1.0, 0.0), strict=True):
        turn.scores = {"keyword": score}
    worked_out(turns)
    assert [turn.features["session.keyword"] for turn in turns] == pytest.approx([0.75] * 5)  # (1 + .75 + .5) / 3


def test_a_note_and_a_long_message_have_as_session_what_they_have_anyway() -> None:
    """So that neither kind of memory is ranked above the other for being what it is."""
    note, message, remark = candidate(0, 1, anchor=None), candidate(0, 2, length=9999), candidate(0, 3)
    for one in (note, message):
        one.scores = {"keyword": 4.0}
    worked_out([note, message, remark])
    for one in (note, message):
        assert one.features["session.keyword"] == one.features["keyword.prose"] == 1.0
    assert remark.features["session.keyword"] == pytest.approx(1 / 3)


def test_sessions_of_two_files_are_one_and_of_two_stores_are_two() -> None:
    one, same, other = (
        candidate(0, 1, entry=1, session="s"),
        candidate(0, 2, entry=2, session="s"),
        candidate(9, 3, entry=1, session="s"),
    )
    one.scores = {"keyword": 3.0}
    worked_out([one, same, other])
    assert same.features["session.keyword"] == pytest.approx(1 / 3)
    assert other.features["session.keyword"] == 0.0


def test_words_stand_in_for_meaning_where_there_is_none() -> None:
    """What has no vector is judged by its words, where the rest is judged by meaning and token codes."""
    plain, other = candidate(0, 1, anchor=None), candidate(0, 2, anchor=None)
    plain.scores = {"keyword": 3.0, "semantic": 0.8}
    other.scores = {"keyword": 3.0}
    worked_out([plain, other])
    assert other.features["late.prose"] == other.features["window"] == 1.0


def test_cosines_count_from_well_below_the_best_and_words_from_none() -> None:
    near, far = candidate(0, 1), candidate(0, 2)
    near.scores = {"semantic": 0.80, "keyword": 4.0}
    far.scores = {"semantic": 0.75, "keyword": 2.0}
    worked_out([near, far])
    assert far.features["semantic.prose"] == pytest.approx(0.5)
    assert far.features["keyword.prose"] == pytest.approx(0.5)


def test_code_and_pages_have_features_of_their_own() -> None:
    one = candidate(0, 1, anchor=None)
    one.scores, one.code = {"keyword": 4.0}, True
    worked_out([one], make_plan("what")._replace(length=0.25))
    assert one.features["keyword.code"] == 0.75
    assert one.features["keyword.page"] == 0.25
    assert not {"keyword.prose", "window", "session.keyword"} & set(one.features)


@pytest.mark.parametrize(
    ("speaker", "question", "expected"),
    [
        ("Ann", "what does ann like", {"said", "speaker"}),
        ("Bob", "what does ann like", {"said"}),
        (None, "what does ann like", {"said"}),
        ("assistant", "what does the assistant like", set()),
        ("assistant", "remind me what you suggested", {"said", "reply"}),
        ("user", "remind me what you suggested", {"said"}),
    ],
)
def test_who_speaks(speaker: str | None, question: str, expected: set[str]) -> None:
    one = candidate(0, 1, speaker=speaker)
    worked_out([one], make_plan(question))
    assert {"said", "reply", "speaker"} & set(one.features) == expected


def test_corrected_words_are_the_ones_that_count() -> None:
    meant, literal = candidate(0, 1), candidate(0, 2)
    meant.scores, literal.scores = {"typo": 5.0}, {"keyword": 1.0}
    worked_out([meant, literal])
    assert (meant.features["keyword.prose"], literal.features.get("keyword.prose", 0.0)) == (1.0, 0.0)
