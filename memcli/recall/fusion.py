"""Fusion: channel scores → one score for each candidate, depending on what the candidate is.

Scores are normalised over the pool and added with weights (convex combination of min-max scores: Bruch et al., "An Analysis
of Fusion Functions for Hybrid Retrieval", arXiv 2210.11934), not by reciprocal rank, which throws away how much better one
hit is than the next. Four things were learned on the development suites (docs/benchmarks.md has the ablation):

- code is found by meaning: its words are named, not described, and BM25 on them misleads;
- a short turn means little alone: the turn before it (often the question that it answers), the turn after it and the
  session around it lend it evidence;
- a long message speaks for itself: the same evidence hurts it;
- a long question is answered by documents that share many of its words, a short one by the passage that says it.

Lean, pure.
"""

from __future__ import annotations

import math

from memcli.recall.channels import CHANNELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan

KEYWORD_SHARE = 0.45  # of prose; the rest is semantic
KEYWORD_SHARE_CODE = 0.10
FULLTEXT_SHARE = 0.85  # of a question as long as a page; the keyword channel then has no say
BEFORE, AFTER, SESSION = 0.15, 0.15, 0.60  # what the turn before, the turn after and the session add to a short turn
SHORT, LONG = 250, 6000  # characters: evidence counts fully below, not at all above, in between by the logarithm
FLOOR_RANK = 200  # the candidate whose cosine counts as no likeness at all
LEAST_SPREAD = 0.1  # of cosines, where there are fewer candidates than that
SESSION_BEST = 3  # turns whose mean speaks for a session


def fuse(pool: Pool, plan: Plan) -> None:
    """Set `features` and `score` of every candidate, and order the pool by score, best first."""
    scales = {name: _scale(name, pool) for name in CHANNELS}
    own = {key: _own(candidate, plan, scales) for key, candidate in pool.around.items()}
    sessions = _sessions(pool, own)
    for (number, document), candidate in pool.around.items():
        value = own[number, document]
        features = candidate.features
        shortness = _shortness(candidate.document.length) if candidate.document.anchor else 0.0
        if shortness:
            features["before"] = BEFORE * shortness * _neighbour(pool, own, number, candidate, -1)
            features["after"] = AFTER * shortness * _neighbour(pool, own, number, candidate, 1)
            features["session"] = SESSION * shortness * sessions.get(_session(number, candidate), 0.0)
        candidate.score = value + sum(features.get(name, 0.0) for name in ("before", "after", "session"))
    pool.candidates.sort(key=lambda c: (-c.score, c.document.path, c.document.ordinal))


def _scale(name: str, pool: Pool) -> tuple[float, float]:
    """The channel's scores that count as nothing and as everything: what a distant candidate has, and the best.

    Shared words count from none at all. Cosines of unrelated texts are far from zero, so meaning counts from the
    candidate of rank FLOOR_RANK, or the last; a little store, where all may be good, counts from well below its best.
    """
    scores = sorted((c.scores[name] for c in pool.candidates if name in c.scores), reverse=True)
    if not scores:
        return 0.0, 0.0
    if name != "semantic":
        return 0.0, scores[0]
    floor = scores[min(len(scores), FLOOR_RANK) - 1]
    return (floor if len(scores) >= FLOOR_RANK else min(floor, scores[0] - LEAST_SPREAD)), scores[0]


def _own(candidate: Candidate, plan: Plan, scales: dict[str, tuple[float, float]]) -> float:
    """The candidate's own share of the score: its channels, normalised and weighted."""
    total = 0.0
    for name, weight in _weights(candidate.code, plan.length, scales["semantic"][1] > 0.0).items():
        floor, top = scales[name]
        raw = (candidate.scores.get(name, floor) - floor) / (top - floor) if top > floor else 0.0
        candidate.features[name] = weight * min(max(raw, 0.0), 1.0)
        total += candidate.features[name]
    return total


def _weights(code: bool, length: float, has_vectors: bool) -> dict[str, float]:
    """What each channel counts for a candidate; they add up to 1."""
    if not has_vectors:
        return {"keyword": 1.0 - length, "fulltext": length}
    share = KEYWORD_SHARE_CODE if code else KEYWORD_SHARE
    return {
        "semantic": (1.0 - share) * (1.0 - length) + (1.0 - FULLTEXT_SHARE) * length,
        "keyword": share * (1.0 - length),
        "fulltext": FULLTEXT_SHARE * length,
    }


def _shortness(length: int) -> float:
    """1 for a passing remark, 0 for a long message."""
    if length <= SHORT:
        return 1.0
    return max(0.0, 1.0 - math.log(length / SHORT) / math.log(LONG / SHORT))


def _neighbour(pool: Pool, own: dict[tuple[int, int], float], number: int, candidate: Candidate, step: int) -> float:
    # Turns of one file are indexed together, so their document numbers follow each other.
    key = (number, candidate.document.id + step)
    neighbour = pool.around.get(key)
    return own[key] if neighbour is not None and neighbour.document.entry == candidate.document.entry else 0.0


def _session(number: int, candidate: Candidate) -> tuple[int, str]:
    return number, candidate.document.session or str(candidate.document.entry)


def _sessions(pool: Pool, own: dict[tuple[int, int], float]) -> dict[tuple[int, str], float]:
    """For each session, the mean of its best turns."""
    members: dict[tuple[int, str], list[float]] = {}
    for (number, document), candidate in pool.around.items():
        if candidate.document.anchor:
            members.setdefault(_session(number, candidate), []).append(own[number, document])
    return {key: sum(sorted(values)[-SESSION_BEST:]) / SESSION_BEST for key, values in members.items()}
