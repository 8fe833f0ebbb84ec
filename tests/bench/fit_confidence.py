"""Fits the logistic model in memcli/recall/confidence.py on the development suites.

    python tests/bench/fit_confidence.py ../shared STORES [SUITE …]      (STORES as made by suites.py build)

A question counts as answered when one of its first five results is gold and its suite says that it has an answer. Each
store is also asked questions of the other suites, which it cannot answer; every question is also put as its bare words, and
to little stores made of a few candidates. Questions without an answer are few and what matters most, those whose answer was
not found tell little about whether there is one: SHARE says what each kind counts. Suites weigh alike. Printed: the weights,
with vectors and by words only, and on held-out folds the AUROC of "has an answer" within each suite, and the calibration:
the mean confidence against the share answered, in five bands.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import suites

from memcli import config
from memcli.encode.terms import query_terms
from memcli.places import at_root
from memcli.recall.candidates import Pool, gather
from memcli.recall.confidence import measure
from memcli.recall.fusion import fuse
from memcli.recall.pipeline import Recall
from memcli.recall.plan import make_plan

RIDGE = 0.02
STRANGERS = 2  # one question of another suite for this many of a store's own
FOLDS = 5
LITTLE = (2, 6, 20)  # candidates of the little stores that each question is put to as well
SHARE = {"answered": 1.0, "missed": 0.1, "unanswerable": 3.0, "stranger": 0.3}


class Evidence(NamedTuple):
    """One question: where it was asked, what it is in terms of SHARE, and the measures of confidence."""

    suite: str
    kind: str
    measures: dict[str, float]
    weight: float


def evidence(shared: Path, stores: Path, names: list[str], *, lexical: bool) -> list[Evidence]:
    found = []
    asked = {suite: suites.rows(shared / "data" / suite / "queries.jsonl") for suite in names}
    draw = random.Random(1)
    for suite in names:
        others = [query for other in names if other != suite for query in asked[other]]
        for scope, _, own in suites.scopes(shared, suite):
            strangers = draw.sample(others, len(own) // STRANGERS)
            with Recall([at_root(str(stores / suite / scope))], config.load(), lexical=lexical) as recall:
                put = [(q, False) for q in own] + [(q, True) for q in strangers]
                put += [({**q, "query": _keywords(q["query"])}, strange) for q, strange in put]
                for query, strange in put:
                    plan = make_plan(query["query"], now=suites.day_of(query, recall))
                    pool = gather(recall.sources, plan)
                    fuse(pool, plan)
                    if pool.candidates:
                        kind = "stranger" if strange else _kind(query, [str(c.document.ref) for c in pool.candidates])
                        whole = 1.0 if query in own or query in strangers else 0.5
                        found.append(Evidence(suite, kind, measure(pool, plan), whole))
                        gold = () if strange or kind == "unanswerable" else query["gold"]
                        for size in LITTLE:
                            few = _little(pool, size, gold, draw)
                            refs = [c.document.ref for c in few.candidates[:5]]
                            kind = kind if not gold else "answered" if set(refs) & set(gold) else "missed"
                            found.append(Evidence(suite, kind, measure(few, plan), 1.0 / len(LITTLE)))
        print(f"gathered {suite}", flush=True)
    return found


def _keywords(question: str) -> str:
    """The question as people type it who are in a hurry."""
    return " ".join(term.text for term in query_terms(question) if term.kind == "word")


def _little(pool: Pool, size: int, gold: Iterable[str], draw: random.Random) -> Pool:
    """The same question put to a little store: some of the candidates, and the best gold one if there is any."""
    few = Pool()
    kept = {id(c) for c in draw.sample(pool.candidates, min(size, len(pool.candidates)))}
    kept |= {id(c) for c in [c for c in pool.candidates if c.document.ref in set(gold)][:1]}
    few.candidates = [candidate for candidate in pool.candidates if id(candidate) in kept]
    few.matches, few.telling = pool.matches, pool.telling
    return few


def _kind(query: dict[str, Any], refs: list[str]) -> str:
    if query["category"].startswith("abst"):
        return "unanswerable"
    counted = [ref for ref in refs if ref not in query.get("exclude", ())]
    return "answered" if set(counted[:5]) & set(query["gold"]) else "missed"


def fit(values: Any, answered: Any, weights: Any) -> Any:
    """Ridge logistic regression by Newton's method; the last weight is the bias."""
    inputs = np.hstack([values, np.ones((len(values), 1))])
    found = np.zeros(inputs.shape[1])
    penalty = RIDGE * np.eye(len(found))
    penalty[-1, -1] = 0.0
    for _ in range(50):
        sure = 1 / (1 + np.exp(-inputs @ found))
        gradient = inputs.T @ (weights * (sure - answered)) + penalty @ found
        curvature = (inputs * (weights * sure * (1 - sure))[:, None]).T @ inputs + penalty
        found -= np.linalg.solve(curvature, gradient)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(suites.SUITES))
    arguments = parser.parse_args()
    for kind in ("DATA", "STATE", "CONFIG"):
        os.environ[f"XDG_{kind}_HOME"] = str(arguments.stores.resolve() / "home" / kind.lower())
    judge = suites.judge(arguments.shared)
    for lexical in (False, True):
        asked = evidence(arguments.shared, arguments.stores, arguments.suites, lexical=lexical)
        measures = sorted({name for each in asked for name in each.measures})
        values = np.array([[each.measures.get(name, 0.0) for name in measures] for each in asked])
        answered = np.array([float(each.kind == "answered") for each in asked])
        weights = np.array([SHARE[each.kind] * each.weight for each in asked])
        for suite in arguments.suites:
            own = np.array([each.suite == suite for each in asked])
            weights[own] *= len(asked) / len(arguments.suites) / weights[own].sum()
        held_out = np.zeros(len(asked))
        fold_of = np.random.default_rng(1).integers(0, FOLDS, len(asked))
        for fold in range(FOLDS):
            inside = fold_of != fold
            found = fit(values[inside], answered[inside], weights[inside])
            held_out[~inside] = 1 / (1 + np.exp(-(values[~inside] @ found[:-1] + found[-1])))
        found = fit(values, answered, weights)
        label = "WORDS_ONLY" if lexical else "WITH_VECTORS"
        print(label, {n: round(float(w), 2) for n, w in zip([*measures, "bias"], found, strict=True)})
        for suite in arguments.suites:
            by = {
                kinds: [
                    s
                    for s, each in zip(held_out, asked, strict=True)
                    if each.suite == suite and each.kind in kinds and each.weight == 1.0
                ]
                for kinds in (("answered", "missed"), ("unanswerable",), ("stranger",))
            }
            known = by["answered", "missed"]
            areas = {kinds[0]: judge.auroc(known, others) for kinds, others in by.items() if others and others != known}
            print(f"  {suite:<12}", ", ".join(f"against {kind}: AUROC {area:.3f}" for kind, area in areas.items()))
        bands = [
            f"{held_out[part].mean():.2f}/{answered[part].mean():.2f}"
            for part in np.array_split(np.argsort(held_out), 5)
        ]
        print("  confidence against share answered:", ", ".join(bands))


if __name__ == "__main__":
    main()
