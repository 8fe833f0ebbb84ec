"""Confidence: how likely it is that the answer holds what was asked for, 0..1.

A logistic model over evidence that does not depend on how large the store is: how near the best passage is in meaning, how
far it stands out from the rest of the pool, how much of what the question says the best candidate says too (rare words
count more, and words that the store has never seen count most), and how far ahead the first is. Fitted on the development
suites by tests/bench/fit_confidence.py: questions whose first five results hold a gold document, against questions without
an answer, questions asked of the wrong store, and questions whose answer was not found. Lean, pure but for counting words.
"""

from __future__ import annotations

import math

from memcli.encode import terms
from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

WITH_VECTORS = {"bias": -13.17, "cosine": 14.60, "lead": 0.91, "standing": -0.35, "words": 2.86}
WORDS_ONLY = {"bias": -2.62, "words": 4.02}  # the lead told nothing more
RANKED = 10  # candidates whose best values speak for the answer
READ = 3  # candidates whose words are counted
MAX_TERMS = 24  # of a long question; enough to tell whether it is about this


def confidence(pool: Pool, plan: Plan) -> float:
    """The confidence in the (fused, sorted) candidates of a pool; 0 without any."""
    if not pool.candidates:
        return 0.0
    seen = measure(pool, plan)
    weights = WITH_VECTORS if "cosine" in seen else WORDS_ONLY
    logit = weights["bias"] + sum(weights[name] * value for name, value in seen.items() if name in weights)
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def measure(pool: Pool, plan: Plan) -> dict[str, float]:
    """The evidence that confidence is made of, each about 0..1; without vectors, `cosine` and `standing` are missing."""
    first = pool.candidates[:RANKED]
    scores = [candidate.score for candidate in first]
    seen = {
        "words": coverage(pool.candidates[:READ], plan),
        "lead": (scores[0] - scores[-1]) / scores[0] if scores[0] > 0 else 0.0,
    }
    cosines = [c.scores["semantic"] for c in pool.candidates if "semantic" in c.scores]
    if cosines:
        mean = sum(cosines) / len(cosines)
        spread = math.sqrt(sum((value - mean) ** 2 for value in cosines) / len(cosines))
        best = max(c.scores.get("semantic", 0.0) for c in first)
        seen |= {"cosine": best, "standing": (best - mean) / spread if spread > 1e-6 else 0.0}
    return seen


def coverage(candidates: list[Candidate], plan: Plan) -> float:
    """The greatest share of the question's terms, weighted by rarity, that one of these candidates has (0..1)."""
    asked = plan.terms[:MAX_TERMS]
    total = 0.0
    weight_of: dict[int, float] = {}
    by_source: dict[Source, list[Candidate]] = {}
    for candidate in candidates:
        by_source.setdefault(candidate.source, []).append(candidate)
    total_passages = sum(search.size(source.connection) for source in by_source)
    for term in asked:
        expression = terms.match_expression([term])
        held, holders = 0, []
        for source, members in by_source.items():
            passages = {number: c for c in members for number in c.passages.values()}
            count, found = search.occurrences(source.connection, expression, passages)
            held += count
            holders += [passages[number] for number in found]
        # Inverse document frequency as in BM25 (Robertson and Zaragoza 2009), in Lucene's form that stays positive.
        idf = math.log(1.0 + max(0.5, total_passages - held + 0.5) / (held + 0.5))
        total += idf
        for candidate in {id(c): c for c in holders}.values():
            weight_of[id(candidate)] = weight_of.get(id(candidate), 0.0) + idf
    return max(weight_of.values(), default=0.0) / total if total else 0.0
