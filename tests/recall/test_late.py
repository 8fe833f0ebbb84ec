"""Late interaction over token codes of eight dimensions, made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from memcli.encode import codes
from memcli.recall import late
from memcli.recall.candidates import Pool
from memcli.recall.plan import make_plan
from tests.recall.candidates import Coded, candidate, pool_of

UNIT = np.eye(8, dtype=np.float32)
TOKENS = [[0.354] * 8, [0.354, -0.354] * 4]  # two tokens of a question, at right angles
NEITHER = [0.354, 0.354, -0.354, -0.354] * 2  # at right angles to both


def packed(*tokens: list[float]) -> bytes:
    return codes.pack(np.array(tokens, dtype=np.float32), np.zeros(8, dtype=np.float32))


MEETS_FIRST, MEETS_SECOND, MEETS_BOTH, MEETS_NONE = (
    packed(TOKENS[0]), packed(TOKENS[1]), packed(NEITHER, *TOKENS), packed(NEITHER),
)  # fmt: skip


@pytest.fixture(autouse=True)
def hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passage 10·n belongs to document n; its hash is its number."""

    def found(connection: object, passages: Iterable[int], documents: Iterable[int]) -> list[tuple[int, bytes]]:
        numbers = [*passages, *(10 * document for document in documents)]
        return [(number // 10, str(number).encode()) for number in numbers]

    monkeypatch.setattr("memcli.recall.late.search.passage_hashes", found)


def interacted(*texts: bytes | None, lent: float = 0.0, asides: tuple[int, ...] = ()) -> Pool:
    """The pool of turns 1, 2, … with these codes; those in `asides` only stand around."""
    source = Coded(TOKENS, {10 * n: text for n, text in enumerate(texts, 1) if text is not None})
    turns = [candidate(source, n) for n in range(1, len(texts) + 1)]
    for turn in turns:
        turn.lent = lent
        if turn.document.id in asides:
            turn.found = {}
    pool = pool_of(
        [turn for turn in turns if turn.document.id not in asides],
        [turn for turn in turns if turn.document.id in asides],
    )
    late.interact(pool, make_plan("what"))
    return pool


def scores(pool: Pool, name: str = "late") -> list[float | None]:
    return [c.scores.get(name) for c in pool.candidates]


def test_tokens_that_separate_count() -> None:
    """All meet the first token, so only the second tells; weights sum to 1."""
    pool = interacted(MEETS_BOTH, MEETS_FIRST, MEETS_FIRST)
    assert pool.telling is not None
    assert pool.telling.tolist() == pytest.approx([0.0, 1.0])
    assert scores(pool) == pytest.approx([1.0, 0.0, 0.0], abs=0.01)


def test_where_nothing_separates_all_tokens_count_alike() -> None:
    pool = interacted(MEETS_FIRST, MEETS_FIRST)
    assert pool.telling is not None
    assert pool.telling.tolist() == [0.5, 0.5]
    assert scores(pool) == pytest.approx([0.5, 0.5], abs=0.01)


def test_matches_are_kept_by_candidate() -> None:
    pool = interacted(MEETS_FIRST, MEETS_SECOND)
    rows = [pool.matches[id(c)].tolist() for c in pool.candidates]
    assert rows[0] == pytest.approx([1.0, 0.0], abs=0.01)
    assert rows[1] == pytest.approx([0.0, 1.0], abs=0.01)


@pytest.mark.parametrize(("lent", "share"), [(1.0, late.BESIDE), (0.64, 0.8 * late.BESIDE), (0.4, 0.0), (0.0, 0.0)])
def test_a_match_beside_counts_less(lent: float, share: float) -> None:
    """The less, the longer the turn is; from `LEAST_BESIDE` down not at all. What is beside need be no candidate."""
    pool = interacted(MEETS_NONE, MEETS_BOTH, None, MEETS_NONE, lent=lent, asides=(2,))
    assert scores(pool)[0] == pytest.approx(0.0, abs=0.01)
    assert scores(pool, "window")[0] == pytest.approx(share, abs=0.01)
    assert scores(pool, "window")[-1] == pytest.approx(0.0, abs=0.01)


def test_the_window_is_never_less_than_the_turn_itself() -> None:
    pool = interacted(MEETS_BOTH, MEETS_NONE, MEETS_FIRST, lent=1.0)
    for own, wide in zip(scores(pool), scores(pool, "window"), strict=True):
        assert own is not None
        assert wide is not None
        assert wide >= own


def test_without_codes_there_are_no_scores() -> None:
    """One that has none keeps what it had; where none has any, nothing is compared."""
    pool = interacted(MEETS_BOTH, None)
    assert scores(pool)[1] is None
    assert len(pool.matches) == 1
    nothing = interacted(None, None)
    assert scores(nothing) == [None, None]
    assert (nothing.matches, nothing.telling) == ({}, None)


def test_a_question_without_tokens_compares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Coded, "question", lambda self, text: None)
    assert interacted(MEETS_BOTH).matches == {}


def test_only_the_first_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "DEPTH", 1)
    assert scores(interacted(MEETS_FIRST, MEETS_BOTH))[1] is None


def with_cosines(texts: list[bytes | None], cosines: list[float | None]) -> Pool:
    """Turns 1, 2, … with these codes and cosines, compared."""
    source = Coded(TOKENS, {10 * n: text for n, text in enumerate(texts, 1) if text is not None})
    turns = [candidate(source, n) for n in range(1, len(texts) + 1)]
    for turn, cosine in zip(turns, cosines, strict=True):
        if cosine is not None:
            turn.scores["semantic"] = cosine
    pool = pool_of(turns)
    late.interact(pool, make_plan("what"))
    return pool


def test_a_memory_without_codes_is_judged_by_its_cosine() -> None:
    """As high among the others' scores as its cosine is among theirs, never beyond; without one it is not judged."""
    texts = [MEETS_NONE, MEETS_FIRST, MEETS_SECOND, MEETS_BOTH, MEETS_BOTH, None, None, None, None]
    pool = with_cosines(texts, [0.70, 0.75, 0.75, 0.80, 0.80, 0.75, 0.79, 0.99, None])
    compared, judged = scores(pool)[:5], scores(pool)[5:]
    assert judged[-1] is None
    low, high, beyond = (score or 0.0 for score in judged[:3])
    known = [score or 0.0 for score in compared]
    assert min(known) < low < high <= beyond == max(known)
    assert scores(pool, "window")[5:] == judged
    assert len(pool.matches) == 5


def test_few_with_codes_are_no_measure() -> None:
    pool = with_cosines([MEETS_FIRST, MEETS_BOTH, None], [0.7, 0.8, 0.8])
    assert scores(pool)[2] is None
