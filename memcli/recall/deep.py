"""The deepest tier: a question whose answer is weak is asked once more, with words that its best candidates use.

Pseudo-relevance feedback after the relevance model RM3 (Abdul-Jaleel et al., "UMass at TREC 2004: Novelty and HARD"): words
of the first candidates, weighed by the candidates' scores and by how rare they are in the store, join the question in the
keyword channel. They find what the question has no word for (what the first find leads to), and lead astray where the first
find is wrong. So only a weak answer is asked again, no passage loses by it (`recall.channels.keyword`), and the other channels
and late interaction still go by the question alone. Lean.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from memcli.encode import terms
from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.encode.terms import Term
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

LOSS = 0.05
"""Confidence by which the second answer may be below the first and still replace it."""
READ = 5  # candidates whose words are looked at
GOOD = 0.8  # of the best score: the others are chance
ADDED = 8  # words that join the question
COUNTED = 80  # words whose rarity is counted


def expanded(plan: Plan, pool: Pool, sources: list[Source]) -> Plan | None:
    """The plan with the most telling words of its best candidates `added`; None where there are none."""
    weights = _weights(pool.candidates[:READ], {term.text.lower() for term in plan.terms})
    likely = sorted(weights, key=lambda term: (-weights[term], term))[:COUNTED]
    expressions = [terms.match_expression([term]) for term in likely]
    passages = sum(search.size(source.connection) for source in sources)
    held: Counter[Term] = Counter()
    for source in sources:
        for term, (count, _) in zip(likely, search.occurrences(source.connection, expressions, ()), strict=True):
            held[term] += count
    telling = {  # one that stands in a single passage finds only what is found already
        term: weights[term] * math.log(1.0 + (passages - held[term] + 0.5) / (held[term] + 0.5))
        for term in likely
        if held[term] > 1
    }
    added = sorted(telling, key=lambda term: (-telling[term], term))[:ADDED]
    if not added:
        return None
    return plan._replace(added=tuple(added))


def _weights(first: list[Candidate], asked: set[str]) -> dict[Term, float]:
    """Words of these candidates that the question has not: how much of their texts they are, by the candidates' scores."""
    best = first[0].score or 1.0
    weights: dict[Term, float] = defaultdict(float)
    for candidate in first:
        if candidate.score < GOOD * best or "keyword" not in candidate.scores:
            continue
        passage = next(iter(candidate.found))
        text = search.passages(candidate.source.connection, [passage])[passage][0]
        words = [term for term in terms.query_terms(text) if term.kind == "word"]
        for term in words:
            if term.text.lower() not in asked:
                weights[term] += candidate.score / best / len(words)
    return weights
