"""Confidence: how likely it is that the answer holds what was asked for, 0..1.

A logistic model over evidence that says about the same in a little store and in a large one: how near the best passage is in
meaning, how much of what the question says the best candidate says too (rare words count more, and words that the store has
never seen count most), and how the question's tokens are met (`measure` has all of it). Fitted on the development suites by
tests/bench/fit_confidence.py: questions whose first five results hold a gold document, against questions without an answer,
questions asked of the wrong store, and questions whose answer was not found. Lean, pure but for counting words.
"""

from __future__ import annotations

import math

from memcli.encode import terms
from memcli.index import search
from memcli.recall.channels import typo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

WITH_VECTORS = {
    "bias": -20.80, "cosine": 21.22, "even": 19.49, "few": 2.65, "met": 1.91, "missed": 7.14, "person": 10.56, "words": 3.39,
}  # fmt: skip
WORDS_ONLY = {"bias": -0.71, "words": 3.29}
WEAK = 0.35
"""Below this an answer is weak: it is asked once more (`recall.deep`), and announced as weak."""
RANKED = 10  # candidates whose best values speak for the answer
READ = 3  # candidates whose words are counted
MAX_TERMS = 24  # of a long question; enough to tell whether it is about this
MANY = 100  # candidates compared by tokens; with fewer, what tells them apart tells less
WORST = 2  # tokens of the question that the first candidate meets worst


def confidence(pool: Pool, plan: Plan) -> float:
    """The confidence in the (fused, sorted) candidates of a pool; 0 without any."""
    if not pool.candidates:
        return 0.0
    seen = measure(pool, plan)
    weights = WITH_VECTORS if "cosine" in seen else WORDS_ONLY
    logit = weights["bias"] + sum(weights[name] * value for name, value in seen.items() if name in weights)
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def measure(pool: Pool, plan: Plan) -> dict[str, float]:
    """The evidence that confidence is made of; without vectors, only `words`.

    `words`, the greatest share of the question's terms that one of the first candidates has; `cosine`, of the nearest
    passage; and of late interaction: `met`, how well the store meets the word of the question that it meets worst;
    `missed`, how badly the first candidate meets its worst ones; `even`, how little the best one stands out (a question
    about something unsaid finds the one memory that mentions it, and nothing else; of code, or for a page, the one that
    stands out is the right one); `person`, by how much those whom the question names say more of it than everybody else
    (0 where it names no speaker). The more there is to compare, the more these tell: `few` is 1 for a single candidate
    and 0 from `MANY` on.
    """
    seen = {"words": coverage(pool.candidates[:READ], plan)}
    cosines = [c.scores["semantic"] for c in pool.candidates[:RANKED] if "semantic" in c.scores]
    if cosines:
        seen["cosine"] = max(cosines)
    compared = [c for c in pool.candidates if id(c) in pool.matches]
    if compared:
        rows = [pool.matches[id(candidate)].tolist() for candidate in compared]
        late = sorted((candidate.scores["late"] for candidate in compared), reverse=True)
        many = min(1.0, math.log(len(compared)) / math.log(MANY))
        prose = 0.0 if pool.candidates[0].code else 1.0 - plan.length
        named = [c.scores["late"] for c in compared if "speaker" in c.features]
        others = [c.scores["late"] for c in compared if "speaker" not in c.features]
        worst = sorted(rows[0])[:WORST]
        seen |= {
            "few": 1.0 - many,
            "met": many * min(max(column) for column in zip(*rows, strict=True)),
            "missed": sum(worst) / len(worst),
            "even": many * prose * (late[min(len(late), RANKED // 2) - 1] - late[0]),
            "person": max(named) - max(others) if named and others else 0.0,
        }
    return seen


def coverage(candidates: list[Candidate], plan: Plan) -> float:
    """The greatest share of the question's terms, weighted by rarity, that one of these candidates has (0..1)."""
    return max(said(candidates, plan, MAX_TERMS)[0], default=0.0)


def said(candidates: list[Candidate], plan: Plan, most: int) -> tuple[list[float], float]:
    """What share of the question's first `most` terms, weighted by rarity, each candidate has, and what share none in the
    stores has (0..1)."""
    corrected = next((c.source for c in candidates if "typo" in c.scores), None)
    wanted = plan.terms if corrected is None else typo.meant(corrected, plan)  # a slip of the keyboard is no doubt
    asked = [terms.match_expression([term]) for term in wanted[:most]]
    by_source: dict[Source, list[Candidate]] = {}
    for candidate in candidates:
        by_source.setdefault(candidate.source, []).append(candidate)
    held = [0] * len(asked)
    holders: list[set[int]] = [set() for _ in asked]  # `id`s of candidates
    for source, members in by_source.items():
        owner = {number: id(candidate) for candidate in members for number in candidate.passages.values()}
        for term, (count, found) in enumerate(search.occurrences(source.connection, asked, owner)):
            held[term] += count
            holders[term].update(owner[number] for number in found)
    passages = sum(search.size(source.connection) for source in by_source)
    # Inverse document frequency as in BM25 (Robertson and Zaragoza 2009), in Lucene's form that stays positive.
    idf = [math.log(1.0 + max(0.5, passages - count + 0.5) / (count + 0.5)) for count in held]
    whole = sum(idf)
    if not whole:
        return [0.0] * len(candidates), 0.0
    shares = [sum(idf[term] for term in range(len(asked)) if id(one) in holders[term]) / whole for one in candidates]
    return shares, sum(weight for weight, count in zip(idf, held, strict=True) if not count) / whole
