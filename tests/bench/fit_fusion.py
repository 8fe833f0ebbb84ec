"""Finds the weights in memcli/recall/fusion.py on the development suites, with cross-validation over conversations.

    python tests/bench/fit_fusion.py ../shared STORES [SUITE …]      (STORES as made by suites.py build)

Candidates are gathered once; then each weight in turn takes the value of its grid that is best on the training folds, until
none changes. Folds keep a conversation together. What counts is the mean over suites of (R@10 + nDCG@10) / 2. Printed: the
held-out score of each fold's weights against that of the present ones, and the weights found on everything.
"""

from __future__ import annotations

import argparse
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import suites

from memcli import config
from memcli.places import at_root
from memcli.recall import fusion
from memcli.recall.candidates import Pool, gather
from memcli.recall.pipeline import Recall
from memcli.recall.plan import Plan, make_plan

GRIDS: dict[str, tuple[float, ...]] = {
    "KEYWORD_SHARE": (0.3, 0.4, 0.5),
    "KEYWORD_SHARE_CODE": (0.0, 0.1, 0.2, 0.4),
    "FULLTEXT_SHARE": (0.6, 0.7, 0.8, 0.9),
    "BEFORE": (0.1, 0.2, 0.3),
    "AFTER": (0.0, 0.1, 0.2),
    "SESSION": (0.2, 0.4, 0.6),
    "SHORT": (125, 250, 500),
    "LONG": (1000, 2000, 4000, 8000),
}
FOLDS = 3
AT_MOST = 100  # questions of a suite, evenly taken, to keep the search within minutes


class Question(NamedTuple):
    suite: str
    conversation: str
    gold: frozenset[str]
    exclude: frozenset[str]
    plan: Plan
    pool: Pool


def questions(shared: Path, stores: Path, names: list[str]) -> list[Question]:
    found = []
    for suite in names:
        answerable = [
            query["id"] for _, _, queries in suites.scopes(shared, suite) for query in queries if query["gold"]
        ]
        taken = set(answerable[:: max(1, len(answerable) // AT_MOST)])
        for scope, _, queries in suites.scopes(shared, suite):
            recall = Recall([at_root(str(stores / suite / scope))], config.load())
            for query in queries:
                if query["id"] in taken:
                    plan = make_plan(query["query"])
                    conversation = scope if scope != "all" else query["id"]
                    gold, exclude = frozenset(query["gold"]), frozenset(query.get("exclude", ()))
                    found.append(Question(suite, conversation, gold, exclude, plan, gather(recall.sources, plan)))
        print(f"gathered {suite}", flush=True)
    return found


def score(asked: list[Question]) -> tuple[float, dict[str, tuple[float, float]]]:
    """The mean over suites, and (R@10, nDCG@10) of each."""
    by: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for question in asked:
        fusion.fuse(question.pool, question.plan)
        refs = dict.fromkeys(c.document.ref for c in question.pool.candidates if c.document.ref not in question.exclude)
        hits = [ref in question.gold for ref in list(refs)[:10]]
        gain = sum(1 / math.log2(i + 2) for i, hit in enumerate(hits) if hit)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(question.gold))))
        by[question.suite].append((sum(hits) / len(question.gold), gain / ideal))
    means = {suite: (_mean(r for r, _ in pairs), _mean(n for _, n in pairs)) for suite, pairs in by.items()}
    return _mean((r + n) / 2 for r, n in means.values()), means


def _mean(values: Any) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def present() -> dict[str, float]:
    return {name: getattr(fusion, name) for name in GRIDS}


def use(weights: dict[str, float]) -> None:
    for name, value in weights.items():
        setattr(fusion, name, value)


def fit(asked: list[Question], start: dict[str, float]) -> dict[str, float]:
    """Coordinate descent from `start`; leaves the weights found in force."""
    weights = dict(start)
    use(weights)
    best, _ = score(asked)
    changed = True
    while changed:
        changed = False
        for name, grid in GRIDS.items():
            for value in grid:
                use({**weights, name: value})
                reached, _ = score(asked)
                if reached > best + 1e-4:
                    best, weights, changed = reached, {**weights, name: value}, True
            use(weights)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(suites.SUITES))
    arguments = parser.parse_args()
    for kind in ("DATA", "STATE", "CONFIG"):
        os.environ[f"XDG_{kind}_HOME"] = str(arguments.stores.resolve() / "home" / kind.lower())
    asked = questions(arguments.shared, arguments.stores, arguments.suites)
    conversations = sorted({(question.suite, question.conversation) for question in asked})
    fold_of = {key: n % FOLDS for n, key in enumerate(conversations)}
    start = present()
    for fold in range(FOLDS):
        inside = [q for q in asked if fold_of[q.suite, q.conversation] != fold]
        outside = [q for q in asked if fold_of[q.suite, q.conversation] == fold]
        use(start)
        before, _ = score(outside)
        found = fit(inside, start)
        after, _ = score(outside)
        print(
            f"fold {fold}: held out {before:.4f} with the present weights, {after:.4f} with those found: {found}",
            flush=True,
        )
    found = fit(asked, start)
    _, means = score(asked)
    print("found on everything:", found)
    for suite, (recall, ndcg) in means.items():
        print(f"  {suite:<12} R@10 {recall:.3f}  nDCG@10 {ndcg:.3f}")


if __name__ == "__main__":
    main()
