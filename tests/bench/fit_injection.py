"""Fits the logistic models in memcli/agents/evidence.py.

    python -m tests.bench.fit_injection ../shared [--stores DIR]      (stores as made by tests.bench.injection)

Learned are prompts of which one of the first five results is wanted, against those of which none is: questions without an
answer, the questions of other suites, the benign texts of ../shared/data/guard, and prompts to coding agents that no memory
has to do with. A project of sixty notes is asked whole and in stores of ten and of three of them, so that a store that has
just been begun is judged like one of twenty thousand turns. Suites weigh alike, and in each the wanted as much as the others.

No weight may have the wrong sign (NEGATIVE, all others positive). Set by hand, on the same suites: `speaker` counts SPEAKER
times what is learned, which keeps more of LoCoMo's questions without an answer silent and costs the others little; `size` at
most SIZE a power of ten, since left free it silences LongMemEval; by words alone the bias was lowered by a tenth for the code
suites. Printed: the weights, and at evidence.ENOUGH, for each suite, the share of the wanted that would be said and of the
others that would not, by the model of all suites and by that of the others.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memcli import config
from memcli.agents.asked import asked
from memcli.agents.evidence import ENOUGH, WITH_VECTORS, WORDS_ONLY, measure
from memcli.encode import days
from memcli.places import at_root
from memcli.recall.pipeline import Recall
from tests.bench import injection, suites

RIDGE = 0.002
SPEAKER, SIZE = 3.0, -0.5
NEGATIVE = frozenset(("unknown", "size"))
SHARE = {"wanted": 3.0, "missed": 0.1, "unanswerable": 3.0, "stranger": 0.3, "benign": 1.0, "coding": 1.5}
SOME = {"stranger": 120, "benign": 300, "coding": 200}  # prompts of a kind that are put to one store
FEW = 30  # a kind with fewer prompts than this counts less, so that none counts for many
LITTLE = (3, 10)  # notes
FIRST = 5  # results among which the wanted one must be


class Evidence(NamedTuple):
    suite: str
    kind: str
    measures: dict[str, float]


def evidence(shared: Path, stores: Path, *, cold: bool) -> Iterator[Evidence]:
    draw = random.Random(1)
    others = {
        "benign": [row["text"] for row in suites.rows(shared / "data" / "guard" / "benign.jsonl")],
        "coding": [text for _, text in injection.unrelated()],
    }
    questions = {name: suites.rows(shared / "data" / name / "queries.jsonl") for name in injection.STORES}
    for suite in injection.STORES:
        strangers = [row["query"] for name, rows in questions.items() if name != suite for row in rows]
        for scope, _, own in suites.scopes(shared, suite):
            with Recall([at_root(str(stores / suite / scope))], config.load(), lexical=cold) as recall:
                today = recall.latest_day()
                for query in own:
                    lacks = query["category"].startswith("abst")
                    day = days.day_of(query.get("now")) or today
                    yield from _asked(recall, suite, query["query"], day, set(query["gold"]), lacks=lacks)
                unrelated = {"stranger": strangers} | {
                    k: v for k, v in others.items() if (suite, k) != ("cosqa", "coding")
                }
                yield from _unrelated(recall, suite, unrelated, today, draw)
        print(f"gathered {suite}", flush=True)
    strangers = [row["query"] for name in injection.OWN for row in questions[name]]
    names = [heading.split()[1] for heading, _ in injection.project()[0]]
    draw.shuffle(names)
    today = days.day_of(injection.TODAY)
    for size in (len(names), *LITTLE):
        for number, at in enumerate(range(0, len(names), size)):
            some = set(names[at : at + size])
            folder = stores / "notes" / f"{size}-{number}"
            if not (folder / ".mem").exists():
                injection.make_project(folder, some)
            suite = injection.PROJECT if size == len(names) else "little"
            with Recall([at_root(str(folder))], config.load(), lexical=cold) as recall:
                for name, text in injection.project()[1]:
                    if name in some:
                        yield from _asked(recall, suite, text, today, {name})
                # Some of the coding prompts have to do with one of sixty notes by chance, few with one of three.
                unrelated = {"stranger": strangers} | {
                    k: v for k, v in others.items() if k != "coding" or suite == "little"
                }
                yield from _unrelated(recall, suite, unrelated, today, draw, share=size / len(names))


def _unrelated(
    recall: Recall, suite: str, others: dict[str, list[str]], day: int | None, draw: random.Random, share: float = 1.0
) -> Iterator[Evidence]:
    for kind, texts in others.items():
        for text in draw.sample(texts, max(1, int(share * min(SOME[kind], len(texts))))):
            yield from _asked(recall, suite, text, day, kind=kind)


def _asked(
    recall: Recall, suite: str, text: str, day: int | None, gold: frozenset[str] | set[str] = frozenset(), *,
    kind: str | None = None, lacks: bool = False,
) -> Iterator[Evidence]:  # fmt: skip
    plan, pool = recall.found(asked(text), now=day)
    if not pool.candidates:
        return
    first = [candidate.document for candidate in pool.candidates[:FIRST]]
    found = {str(document.ref) for document in first} | {Path(document.path).stem for document in first}
    kind = kind or ("unanswerable" if lacks else "wanted" if found & gold else "missed")
    yield Evidence(suite, kind, measure(pool, plan))


def fit(values: NDArray[Any], wanted: NDArray[Any], weights: NDArray[Any], names: list[str]) -> NDArray[Any]:
    """Ridge logistic regression by projected gradient descent; the last weight is the bias. Weights keep their signs."""
    scale = np.append(np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0), 1.0)
    inputs = np.hstack([values, np.ones((len(values), 1))]) / scale
    least = dict.fromkeys(NEGATIVE, -np.inf) | {"size": SIZE}
    low = np.array([least.get(name, 0.0) * width for name, width in zip(names, scale, strict=False)])
    high = np.array([0.0 if name in NEGATIVE else np.inf for name in names])
    penalty = np.append(np.full(len(names), 2 * RIDGE), 0.0)
    share = weights / weights.sum()
    step = 1.0 / (0.25 * np.linalg.eigvalsh((inputs * share[:, None]).T @ inputs)[-1] + 2 * RIDGE)
    found = np.zeros(inputs.shape[1])
    for _ in range(20_000):
        sure = 1 / (1 + np.exp(-inputs @ found))
        found -= step * (inputs.T @ (share * (sure - wanted)) + penalty * found)
        found[:-1] = np.clip(found[:-1], low, high)
    result: NDArray[Any] = found / scale
    return result


def weigh(gathered: list[Evidence]) -> NDArray[Any]:
    weights = np.zeros(len(gathered))
    for suite in {one.suite for one in gathered}:
        for kind, share in SHARE.items():
            same = np.array([one.suite == suite and one.kind == kind for one in gathered])
            if same.any():
                weights[same] = share / max(FEW, same.sum())
    return weights


def show(label: str, sure: NDArray[Any], gathered: list[Evidence]) -> None:
    print(f"  {label}")
    for suite in dict.fromkeys(one.suite for one in gathered):
        cells = []
        for kind in SHARE:
            mine = np.array([one.suite == suite and one.kind == kind for one in gathered])
            if mine.any() and kind != "missed":
                said = float((sure[mine] >= ENOUGH).mean())
                cells.append(f"{kind} {said if kind == 'wanted' else 1 - said:.3f} of {mine.sum()}")
        print(f"    {suite:<12} {', '.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--stores", type=Path, default=Path("build/injection"))
    parser.add_argument("--ways", nargs="+", choices=("warm", "cold"), default=["warm", "cold"])
    arguments = parser.parse_args()
    suites.at_home(arguments.stores)
    for way in arguments.ways:
        gathered = list(evidence(arguments.shared, arguments.stores, cold=way == "cold"))
        names = [name for name in (WORDS_ONLY if way == "cold" else WITH_VECTORS) if name != "bias"]
        values = np.array([[one.measures.get(name, 0.0) for name in names] for one in gathered])
        wanted = np.array([float(one.kind == "wanted") for one in gathered])
        weights = weigh(gathered)
        raised = np.array([SPEAKER if name == "speaker" else 1.0 for name in [*names, "bias"]])
        found = fit(values, wanted, weights, names) * raised
        print(
            "WITH_VECTORS" if way == "warm" else "WORDS_ONLY", dict(zip([*names, "bias"], found.round(2), strict=True))
        )
        show("by all suites", 1 / (1 + np.exp(-(values @ found[:-1] + found[-1]))), gathered)
        held_out = np.zeros(len(gathered))
        speaker = names.index("speaker")
        for suite in {one.suite for one in gathered}:
            own = np.array([one.suite == suite for one in gathered])
            other = fit(values[~own], wanted[~own], weights[~own], names)
            other[speaker] = found[speaker]  # one suite alone teaches it
            held_out[own] = 1 / (1 + np.exp(-(values[own] @ other[:-1] + other[-1])))
        show("each by the others", held_out, gathered)


if __name__ == "__main__":
    main()
