"""The second stage: late interaction between the question's tokens and those of the best candidates.

For each token of the question a document's best token, by cosine (ColBERT's MaxSim, arXiv 2004.12832; `encode.codes` says how
the tokens are kept); each token of the question counts by how well it separates the candidates, its greatest value less its
mean, so that words which all of them meet say nothing. A short turn is also read together with the turns beside it: a
question's token may find its match in what was asked before or answered after (the *window*), discounted.

A memory that has faded (`index.precision`) may keep a vector and no token codes. It gets the score that stands to the scores of
those compared as its cosine stands to theirs. A memory whose codes were halved gets what they give it: a factor in its favour
helped as much on one suite as it harmed on two.

numpy is imported when there is something to compare; a store without token codes is ranked without.
"""

from __future__ import annotations

from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

DEPTH = 100
"""Candidates compared, best first by the first stage."""
HURRIED = 50
"""Candidates compared for a hook: what it says is the same, a fifth sooner (docs/injection.md)."""
MAX_PASSAGES = 2
"""Passages of a document that are compared: those that a channel found, best first. Of a turn beside, its first alone."""
BESIDE = 0.87
"""What a match in the turn before or after counts, of one in a short turn itself; it falls with the turn's length."""
ENOUGH = 5  # candidates with codes and cosines to judge those without codes by
LEAST_BESIDE = 0.6  # below this a match beside hardly ever wins, and reading it costs time


def interact(pool: Pool, plan: Plan, depth: int | None = None) -> None:
    """Set the scores "late" and "window" of those of the first `depth` (DEPTH) that have token codes, or a vector."""
    first = pool.candidates[: DEPTH if depth is None else depth]
    questions = [source.question(plan.text) for source in {candidate.source for candidate in first}]
    tokens = next((question.tokens for question in questions if question is not None), None)
    if tokens is None or not len(tokens):
        return
    pool.know_turns(candidate for candidate in first if _discount(candidate) >= LEAST_BESIDE)
    beside = {id(candidate): _beside(pool, candidate) for candidate in first}
    read = {id(c): c for c in first} | {id(c): c for pair in beside.values() for c, _ in pair}
    matches = _matches(pool, list(read.values()), tokens)
    coded = [candidate for candidate in first if id(candidate) in matches]
    if not coded:
        return
    import numpy as np

    own = np.array([matches[id(candidate)] for candidate in coded])
    pool.matches = {id(candidate): row for candidate, row in zip(coded, own, strict=True)}
    window = own.copy()
    for row, candidate in enumerate(coded):
        for other, discount in beside[id(candidate)]:
            if id(other) in matches:
                np.maximum(window[row], discount * matches[id(other)], out=window[row])
    telling = own.max(axis=0) - own.mean(axis=0)
    telling = telling / telling.sum() if telling.sum() > 0 else np.full(len(telling), 1 / len(telling))
    pool.telling = telling
    for candidate, late, wide in zip(coded, (own @ telling).tolist(), (window @ telling).tolist(), strict=True):
        candidate.scores["late"], candidate.scores["window"] = late, wide
    _expect([c for c in first if id(c) not in matches], coded)


def _expect(uncoded: list[Candidate], coded: list[Candidate]) -> None:
    """Set the scores of candidates without token codes from their cosines."""
    judged = [c for c in uncoded if "semantic" in c.scores]
    known = [c for c in coded if "semantic" in c.scores]
    if not judged or len(known) < ENOUGH:
        return
    import numpy as np

    cosines = np.array([c.scores["semantic"] for c in known])
    for name in ("late", "window"):
        scores = np.array([c.scores[name] for c in known])
        scale = scores.std() / max(cosines.std(), 1e-6)
        for candidate in judged:
            expected = scores.mean() + scale * (candidate.scores["semantic"] - cosines.mean())
            candidate.scores[name] = float(np.clip(expected, scores.min(), scores.max()))


def _beside(pool: Pool, candidate: Candidate) -> list[tuple[Candidate, float]]:
    """The turns before and after a short turn, and what a match in them counts."""
    discount = _discount(candidate)
    if discount < LEAST_BESIDE:
        return []
    return [(other, discount) for step in (-1, 1) if (other := pool.turn(candidate, step)) is not None]


def _discount(candidate: Candidate) -> float:
    return BESIDE * float(candidate.lent**0.5)


def _matches(pool: Pool, candidates: list[Candidate], tokens: NDArray[np.float32]) -> dict[int, NDArray[np.float32]]:
    """For each candidate with codes, by `id`: its best match for each token of the question."""
    import numpy as np

    from memcli.encode import codes

    by_source: dict[Source, dict[int, Candidate]] = {}
    for candidate in candidates:
        by_source.setdefault(candidate.source, {})[candidate.document.id] = candidate
    found: dict[int, NDArray[np.float32]] = {}
    for source, members in by_source.items():
        chosen = [passage for c in members.values() for passage in list(c.found)[:MAX_PASSAGES]]
        beside = [document for document, c in members.items() if not c.found]
        hashes = search.passage_hashes(source.connection, chosen, beside)
        coded = source.codes({key for _, key in hashes if (source, key) not in pool.read})
        keys = [key for key, packed in coded.items() if packed]
        rows = codes.best(tokens, [coded[key] for key in keys])
        pool.read.update(((source, key), row) for key, row in zip(keys, rows, strict=True))
        for document, key in hashes:
            row = pool.read.get((source, key))
            if row is not None:
                owner = id(members[document])
                found[owner] = np.maximum(found[owner], row) if owner in found else row
    return found
