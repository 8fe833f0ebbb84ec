"""Confidence: how likely it is that the answer holds what was asked for, 0..1.

A logistic model over four things that do not depend on how large the store is: how near the best passage is in meaning, how
far it stands out from the rest of the pool, how much of the question's words the best candidate has, and how far ahead the
first is. Fitted on the development suites by tests/bench/fit_confidence.py: answerable questions whose first five results
hold a gold document against questions without an answer or without one found. Lean, pure.
"""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Pool
    from memcli.recall.plan import Plan

WITH_VECTORS = {"bias": -14.0, "cosine": 16.0, "standing": 0.25, "words": 1.0, "lead": 1.0}
WORDS_ONLY = {"bias": -2.0, "words": 3.0, "lead": 1.0}
RANKED = 10  # candidates whose best values speak for the answer


def confidence(pool: Pool, plan: Plan) -> float:
    """The confidence in the (fused, sorted) candidates of a pool; 0 without any."""
    if not pool.candidates:
        return 0.0
    seen = measure(pool, plan)
    weights = WITH_VECTORS if "cosine" in seen else WORDS_ONLY
    logit = weights["bias"] + sum(weights[name] * value for name, value in seen.items() if name in weights)
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def measure(pool: Pool, plan: Plan) -> dict[str, float]:
    """The evidence that confidence is made of; without vectors, `cosine` and `standing` are missing."""
    first = pool.candidates[:RANKED]
    scores = sorted((c.score for c in pool.candidates), reverse=True)
    seen = {
        # BM25 grows with the number of the question's words that occur and with their rarity (about 10 at most each).
        "words": max(c.scores.get("keyword", 0.0) for c in first) / (10.0 * max(1, len(plan.terms))),
        "lead": (scores[0] - scores[min(len(scores), RANKED) - 1]) / scores[0] if scores[0] > 0 else 0.0,
    }
    cosines = [c.scores["semantic"] for c in pool.candidates if "semantic" in c.scores]
    if cosines:
        mean = sum(cosines) / len(cosines)
        spread = math.sqrt(sum((value - mean) ** 2 for value in cosines) / len(cosines)) or 1.0
        best = max(c.scores.get("semantic", 0.0) for c in first)
        seen |= {"cosine": best, "standing": (best - mean) / spread if len(cosines) > 2 else 0.0}
    return seen
