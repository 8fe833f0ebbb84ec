"""Learns the weights in memcli/recall/ranking.yaml on the development suites, with cross-validation over conversations.

    python tests/bench/fit_ranking.py ../shared STORES [SUITE …]      (STORES as made by suites.py build)

Each question's candidates are described by their features (memcli/recall/features.py); the weights are those under which a
softmax over the candidates puts most on the gold ones (the listwise loss of Cao et al., "Learning to Rank: From Pairwise
Approach to Listwise Approach", 2007), every suite counting the same, none of them negative, with a little ridge. The loss is
convex, so there is one answer. Four weights are set, in SET, because these suites cannot tell them: they have neither links
nor folders of notes, and few questions name anything but speakers. tests/bench/cases judges them; the last two are the
greatest of a few values that cost a suite less than .002. A question's own issue (cofix) is no candidate and passes nothing
on, or its fix would give the answer away. Printed: scores on held-out folds, and those of the weights found on everything.
"""

from __future__ import annotations

import argparse
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import suites
from numpy.typing import NDArray

from memcli import config
from memcli.index.search import PassageHit
from memcli.places import at_root
from memcli.recall import fusion, late
from memcli.recall.candidates import gather
from memcli.recall.channels import SECOND_HAND
from memcli.recall.pipeline import Recall
from memcli.recall.plan import Plan, make_plan
from memcli.recall.source import Source

FOLDS = 4
RIDGE = 0.003
STEPS = 1500
SET = {"links": 3.0, "hierarchy.note": 1.0, "hierarchy.turn": 0.15, "entity.prose": 1.0}
IMPUTED = (
    "late",
    "window",
    "semantic",
    "session.late",
    "session.semantic",
)  # without vectors these only repeat the words
Floats = NDArray[np.float64]
Scores = dict[str, tuple[float, float]]


class Question(NamedTuple):
    """One question: its candidates' features as a matrix in the order of NAMES, and which are gold, or do not count."""

    suite: str
    conversation: str
    refs: list[str]
    gold: frozenset[str]
    exclude: frozenset[str]
    features: list[dict[str, float]]


def questions(shared: Path, stores: Path, names: list[str], *, lexical: bool) -> list[Question]:
    found = []
    for suite in names:
        for scope, _, asked in suites.scopes(shared, suite):
            with Recall([at_root(str(stores / suite / scope))], config.load(), lexical=lexical) as recall:
                for query in asked:
                    if not query["gold"]:
                        continue
                    plan = make_plan(query["query"], now=suites.day_of(query, recall))
                    with passing_nothing_on(frozenset(query.get("exclude", ()))):
                        pool = gather(recall.sources, plan)
                    fusion.fuse(pool, plan)
                    first = pool.candidates[: late.DEPTH]
                    conversation = scope if scope != "all" else query["id"]
                    gold, exclude = frozenset(query["gold"]), frozenset(query.get("exclude", ()))
                    refs = [str(c.document.ref) for c in first]
                    found.append(Question(suite, conversation, refs, gold, exclude, [c.features for c in first]))
        print(f"gathered {suite}", flush=True)
    return found


@contextmanager
def passing_nothing_on(refs: frozenset[str]) -> Iterator[None]:
    """While inside, second-hand channels do not see these documents among the hits."""

    def blind(channel: Any) -> Any:
        def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
            marks = ",".join("?" * len(refs))
            hidden = {
                row[0] for row in source.connection.execute(f"SELECT id FROM documents WHERE ref IN ({marks})", [*refs])
            }
            seen = {name: [hit for hit in found if hit.document not in hidden] for name, found in hits.items()}
            return channel.spread(source, plan, seen, limit)  # type: ignore[no-any-return]

        return SimpleNamespace(spread=spread)

    with patch.dict(SECOND_HAND, {name: blind(channel) for name, channel in SECOND_HAND.items()} if refs else {}):
        yield


def matrix(question: Question, names: list[str]) -> Floats:
    return np.array([[features.get(name, 0.0) for name in names] for features in question.features])


def score(asked: list[Question], names: list[str], weights: Floats) -> Scores:
    """(R@10, nDCG@10) of each suite."""
    by: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for question in asked:
        order = np.argsort(-(matrix(question, names) @ weights), kind="stable")
        refs = dict.fromkeys(question.refs[i] for i in order if question.refs[i] not in question.exclude)
        hits = [ref in question.gold for ref in list(refs)[:10]]
        gain = sum(1 / math.log2(i + 2) for i, hit in enumerate(hits) if hit)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(question.gold))))
        by[question.suite].append((sum(hits) / len(question.gold), gain / ideal))
    return {suite: (_mean(r for r, _ in pairs), _mean(n for _, n in pairs)) for suite, pairs in by.items()}


def fit(asked: list[Question], names: list[str], fixed: dict[str, float]) -> Floats:
    """Weights by projected gradient descent with Nesterov's momentum; those in `fixed` stay as they are."""
    counts: dict[str, int] = defaultdict(int)
    for question in asked:
        counts[question.suite] += 1
    rows = []
    for question in asked:
        counted = [i for i, ref in enumerate(question.refs) if ref not in question.exclude]
        gold = np.array([float(question.refs[i] in question.gold) for i in counted])
        if gold.sum():
            rows.append((matrix(question, names)[counted], gold / gold.sum(), 1.0 / counts[question.suite]))
    free = np.array([name not in fixed for name in names])
    weights = np.array([fixed.get(name, 0.0) for name in names])
    ahead, momentum = weights.copy(), 1.0
    for _ in range(STEPS):
        slope = 2.0 * RIDGE * ahead
        for candidates, wanted, share in rows:
            scores = candidates @ ahead
            chances = np.exp(scores - scores.max())
            slope += share * (candidates.T @ (chances / chances.sum() - wanted))
        moved = np.where(free, np.maximum(0.0, ahead - 0.5 * slope), weights)
        following = (1.0 + math.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = moved + (momentum - 1.0) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def show(label: str, scores: Scores) -> None:
    print(
        f"{label:<12}", *(f"{suite} {recall:.3f}/{ndcg:.3f} " for suite, (recall, ndcg) in scores.items()), flush=True
    )


def write(sets: dict[str, dict[str, float]]) -> None:
    """ranking.yaml, features of one kind under one name."""
    lines = [
        "# What each feature of a candidate counts (memcli/recall/features.py). Written by tests/bench/fit_ranking.py."
    ]
    for label, weights in sets.items():
        lines.append(f"{label}:")
        grouped: dict[str, dict[str, float]] = defaultdict(dict)
        for name, weight in weights.items():
            if weight >= 0.005:
                first, _, second = name.partition(".")
                grouped[first][second] = weight
        for first, inner in grouped.items():
            if "" in inner:
                lines.append(f"  {first}: {inner['']:.2f}")
            else:
                lines += [f"  {first}:", *(f"    {second}: {weight:.2f}" for second, weight in inner.items())]
    Path(fusion.RANKING).write_text("\n".join(lines) + "\n", encoding="utf-8")


def folds(asked: list[Question]) -> dict[tuple[str, str], int]:
    conversations = sorted({(question.suite, question.conversation) for question in asked})
    return {key: n % FOLDS for n, key in enumerate(conversations)}


def learn(asked: list[Question], fixed: dict[str, float]) -> dict[str, float]:
    names = sorted({name for question in asked for features in question.features for name in features})
    fold_of = folds(asked)
    held: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for fold in range(FOLDS):
        inside = [q for q in asked if fold_of[q.suite, q.conversation] != fold]
        outside = [q for q in asked if fold_of[q.suite, q.conversation] == fold]
        for suite, (recall, ndcg) in score(outside, names, fit(inside, names, fixed)).items():
            held[suite].append((recall, ndcg, sum(q.suite == suite for q in outside)))
    show("held out", {s: (_weighted(v, 0), _weighted(v, 1)) for s, v in held.items()})
    weights = fit(asked, names, fixed)
    show("all", score(asked, names, weights))
    return fixed | dict(zip(names, (round(float(w), 3) for w in weights), strict=True))


def _weighted(parts: list[tuple[float, float, int]], which: int) -> float:
    return sum(part[which] * part[2] for part in parts) / sum(part[2] for part in parts)


def _mean(values: Any) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(suites.SUITES))
    parser.add_argument("--write", action="store_true", help="write ranking.yaml")
    arguments = parser.parse_args()
    for kind in ("DATA", "STATE", "CONFIG"):
        os.environ[f"XDG_{kind}_HOME"] = str(arguments.stores.resolve() / "home" / kind.lower())
    sets = {}
    for label, lexical in (("hybrid", False), ("words", True)):
        asked = questions(arguments.shared, arguments.stores, arguments.suites, lexical=lexical)
        fixed = dict(SET)
        if lexical:
            names = {name for question in asked for features in question.features for name in features}
            fixed |= {name: 0.0 for name in names if name.startswith(IMPUTED)}
        sets[label] = learn(asked, fixed)
        print(label, sets[label])
    if arguments.write:
        write(sets)


if __name__ == "__main__":
    main()
