"""How sure it is that what was found answers a prompt, 0..1, and from where on it is put before an agent.

Another question than `recall.confidence`, which judges an answer that somebody asked for: here nobody did, most prompts need
no memory, and they are wordier than questions. A logistic model over a few things that mean about the same in a store of five
memories and in one of twenty thousand turns, its weights of one sign each, fitted on the development suites and on prompts to
coding agents. tests/bench/fit_injection.py fits them and says which were set by hand; docs/injection.md has the figures. With
the model's vectors they are other weights than by words alone; the threshold is one. Lean.
"""

from __future__ import annotations

import math
import re

from memcli.index import search
from memcli.recall.confidence import said
from memcli.recall.features import AGENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan

ENOUGH = 0.5
"""From here on something is said."""
CLEAR = 0.8
"""From here on also by a memory that is cold."""
WITH_VECTORS = {"bias": -4.83, "met": 6.78, "above": 36.9, "speaker": 12.0, "unknown": -1.42}
WORDS_ONLY = {"bias": 0.0, "words": 3.45, "phrase": 0.61, "speaker": 10.1, "unknown": -1.16, "size": -0.5}
MAX_TERMS = 40  # of a prompt
COMPARED = 12  # candidates whose words are counted
FIRST = 3  # candidates that may hold a phrase of the prompt
FAR = 100  # the candidate whose cosine counts as no likeness
LEAST_FAR = 60  # with fewer candidates NO_LIKENESS counts as well
NO_LIKENESS = 0.70  # the cosine of texts that have nothing to do with each other, by the model that is shipped
_ANYBODY = AGENTS | {"user", "human", "you", "me", "unknown"}


def sureness(pool: Pool, plan: Plan) -> float:
    """The confidence in the (fused, sorted) candidates of a pool; 0 without any."""
    if not pool.candidates:
        return 0.0
    seen = measure(pool, plan)
    weights = WITH_VECTORS if "above" in seen else WORDS_ONLY
    logit = weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in seen.items())
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def measure(pool: Pool, plan: Plan) -> dict[str, float]:
    """What sureness is made of.

    `words`, the share of the prompt's terms, weighted by rarity, that the first candidate has; `unknown`, the share that no
    memory has; `phrase`, whether one of the first has words of the prompt in its order; `size`, the logarithm of the number
    of passages, since in a large store more words are met by chance; `speaker`, by how much those whom the prompt names say
    more of its words than everybody else (less than 0: the memory is somebody else's; 0 where it names nobody). With vectors
    `met`, how well late interaction meets the tokens of the prompt in the first candidate, in the mean, and `above`, by how
    much the nearest passage is nearer than what has nothing to do with the prompt.
    """
    first = pool.candidates[:COMPARED]
    shares, unknown = said(first, plan, MAX_TERMS)
    passages = sum(search.size(source.connection) for source in {candidate.source for candidate in first})
    seen = {
        "words": shares[0],
        "unknown": unknown,
        "phrase": float(any(candidate.scores.get("phrase") for candidate in first[:FIRST])),
        "size": math.log10(max(10, passages)),
        "speaker": _by_the_named(first, shares, plan.text),
    }
    rows = [pool.matches[id(candidate)] for candidate in first[:FIRST] if id(candidate) in pool.matches]
    cosines = sorted((c.scores["semantic"] for c in pool.candidates if "semantic" in c.scores), reverse=True)
    if rows and cosines:
        seen["met"] = float(rows[0].mean())
        seen["above"] = cosines[0] - _no_likeness(cosines)
    return seen


def _no_likeness(cosines: list[float]) -> float:
    """The cosine that says nothing: of a candidate far down, or, the fewer there are, what it is otherwise."""
    known = min(1.0, min(FAR, len(cosines)) / LEAST_FAR)
    return known * cosines[:FAR][-1] + (1.0 - known) * NO_LIKENESS


def _by_the_named(candidates: list[Candidate], shares: list[float], text: str) -> float:
    words = " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])
    named: list[float] = []
    others: list[float] = []
    for candidate, share in zip(candidates, shares, strict=True):
        speaker = (candidate.document.speaker or "").lower()
        if speaker:
            (named if speaker not in _ANYBODY and f" {speaker} " in words else others).append(share)
    return max(named) - max(others) if named and others else 0.0
