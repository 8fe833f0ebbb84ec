"""Fusion: features → one score for each candidate, by learned weights, in two stages.

The weights are in `ranking.yaml`, one set for questions with vectors and one for words alone: a linear model without
negative weights, so that more evidence never makes a result worse, fitted by tests/bench/fit_ranking.py on the development
suites together. There is no switch for a suite, a language or a size: what differs between texts is in the features.
The best of the first stage are compared token by token (`recall.late`) and ranked anew. Lean.
"""

from __future__ import annotations

import os
from functools import cache

from memcli import plainyaml
from memcli.recall import change, features, late, order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from memcli.plainyaml import Value
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan

RANKING = os.path.join(os.path.dirname(__file__), "ranking.yaml")


def fuse(pool: Pool, plan: Plan, depth: int | None = None) -> None:
    """Set `features` and `score` of every candidate, and order the pool by score, best first; `depth` are compared."""
    depth = late.DEPTH if depth is None else depth
    with_vectors = any("semantic" in candidate.scores for candidate in pool.candidates)
    weights = ranking()["hybrid" if with_vectors else "words"]
    features.own(pool, plan)
    features.around(pool, plan, pool.candidates)
    _order(pool.candidates, weights)
    if not with_vectors:
        _explain(pool.candidates[:depth], weights)
        change.apply_priors(pool, plan)
        order.put_in_order(pool, plan)
        return
    first, rest = pool.candidates[:depth], pool.candidates[depth:]
    late.interact(pool, plan, depth)
    features.late(pool, plan, first)
    features.around(pool, plan, first)
    _order(first, weights)
    _explain(first, weights)
    for candidate in rest:  # not compared by tokens, so below all that were
        candidate.score = min(candidate.score, first[-1].score)
    pool.candidates[:] = first + rest
    change.apply_priors(pool, plan)
    order.put_in_order(pool, plan)


def _order(candidates: list[Candidate], weights: dict[str, float]) -> None:
    for candidate in candidates:
        candidate.score = sum([weights.get(name, 0.0) * value for name, value in candidate.features.items()])
    candidates.sort(key=lambda c: (-c.score, c.document.path, c.document.ordinal))


def _explain(candidates: list[Candidate], weights: dict[str, float]) -> None:
    for candidate in candidates:
        candidate.shares = {
            name: weights[name] * value for name, value in candidate.features.items() if name in weights
        }


@cache
def ranking() -> dict[str, dict[str, float]]:
    """The weights of each set, by feature."""
    with open(RANKING, encoding="utf-8") as file:
        sets = plainyaml.parse(file.read())
    return {name: dict(_flat(weights)) for name, weights in sets.items()}


def _flat(weights: Value, prefix: str = "") -> Iterator[tuple[str, float]]:
    """(feature, weight) of nested mappings, names joined by dots."""
    if isinstance(weights, dict):
        for name, inner in weights.items():
            yield from _flat(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(weights, int | float):
        yield prefix, float(weights)
