"""Fits the logistic model in memcli/recall/confidence.py on the development suites.

    python tests/bench/fit_confidence.py ../shared STORES [SUITE …]      (STORES as made by suites.py build)

A question counts as answered when one of its first five results is gold. Each store is also asked questions of the other
suites, which it cannot answer. Suites weigh alike. Printed: the weights, with
vectors and by words only, and on held-out folds the AUROC of "answered" and the calibration: the mean confidence against the
share answered, in five bands.
"""

from __future__ import annotations

import argparse
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import suites

from memcli import config
from memcli.places import at_root
from memcli.recall.candidates import gather
from memcli.recall.confidence import measure
from memcli.recall.fusion import fuse
from memcli.recall.pipeline import Recall
from memcli.recall.plan import make_plan

RIDGE = 0.02
STRANGERS = 2  # one question of another suite for this many of a store's own
FOLDS = 5


def evidence(shared: Path, stores: Path, names: list[str], *, lexical: bool) -> tuple[list[str], Any, Any, Any]:
    """(names of the measures, their values, whether answered, weight of each question)."""
    rows, answered, weights = [], [], []
    asked_elsewhere = {
        suite: [{**query, "gold": []} for query in suites.rows(shared / "data" / suite / "queries.jsonl")]
        for suite in names
    }
    draw = random.Random(1)
    for suite in names:
        first = len(rows)
        others = [query for other in names if other != suite for query in asked_elsewhere[other]]
        for scope, _, own in suites.scopes(shared, suite):
            queries = own + draw.sample(others, len(own) // STRANGERS)
            recall = Recall([at_root(str(stores / suite / scope))], config.load(), lexical=lexical)
            for query in queries:
                plan = make_plan(query["query"])
                pool = gather(recall.sources, plan)
                fuse(pool, plan)
                if pool.candidates:
                    excluded = set(query.get("exclude", ()))
                    refs = [c.document.ref for c in pool.candidates if c.document.ref not in excluded][:5]
                    rows.append(measure(pool, plan))
                    answered.append(bool(set(refs) & set(query["gold"])))
        weights += [1.0 / (len(rows) - first)] * (len(rows) - first)
    measures = sorted(rows[0])
    values = np.array([[row.get(name, 0.0) for name in measures] for row in rows])
    return measures, values, np.array(answered, dtype=float), np.array(weights) * len(rows) / len(names)


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
        measures, values, answered, weights = evidence(
            arguments.shared, arguments.stores, arguments.suites, lexical=lexical
        )
        held_out = np.zeros(len(answered))
        fold_of = np.arange(len(answered)) % FOLDS
        for fold in range(FOLDS):
            inside = fold_of != fold
            found = fit(values[inside], answered[inside], weights[inside])
            held_out[~inside] = 1 / (1 + np.exp(-(values[~inside] @ found[:-1] + found[-1])))
        found = fit(values, answered, weights)
        print(
            "WORDS_ONLY" if lexical else "WITH_VECTORS",
            {n: round(float(w), 2) for n, w in zip([*measures, "bias"], found, strict=True)},
        )
        area = judge.auroc(held_out[answered == 1].tolist(), held_out[answered == 0].tolist())
        print(f"  held out: AUROC {area:.3f}; confidence against share answered:", end=" ")
        order = np.argsort(held_out)
        bands = [f"{held_out[part].mean():.2f}/{answered[part].mean():.2f}" for part in np.array_split(order, 5)]
        print(", ".join(bands))


if __name__ == "__main__":
    main()
