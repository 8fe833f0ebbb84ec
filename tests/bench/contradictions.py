"""How well changes, contradictions and duplicates are found: `python tests/bench/contradictions.py [../shared]`.

Two sets. tests/bench/facts.jsonl: project facts made by hand before the rules; every pair that is not labelled is a non-pair,
those of one group the hard ones. The rules were fitted on one half of the groups; the other half was only ever measured.
BEAM (development data, needs ../shared): the evidence messages of its contradiction and knowledge-update questions; a question
is found if any pair of its evidence is. Against them: random messages of the same chat, ten for each message of evidence, and
the ten nearest messages, which is harder than the bar asks. Of what was found among the latter, JUDGED are pairs that do
contradict or update each other when one reads them (the author's own judgement), though no question of BEAM is about them.

Bar on facts, and on BEAM against random messages: precision of at least .85 at recall of at least .5. Exit code 1 where missed.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from memcli.encode import model, passages
from memcli.encode.embedder import Embedder
from memcli.lifecycle import changes
from memcli.lifecycle.changes import Change
from memcli.lifecycle.statements import statements

FACTS = Path(__file__).with_name("facts.jsonl")
PRECISION, RECALL = 0.85, 0.5
KINDS = ("contradiction_resolution", "knowledge_update")
OTHERS = 10  # messages compared with each message of evidence, of each sort
SEED = 8
JUDGED = {
    frozenset(f"beam-100K-{number}" for number in pair.split())
    for pair in (
        "1:104 1:114", "2:124 2:128", "3:16 3:56", "3:38 3:52", "5:108 5:134", "5:130 5:134", "5:134 5:150", "5:44 5:108",
        "5:48 5:66", "6:22 6:50", "7:114 7:136",
    )
}  # fmt: skip

Row = dict[str, Any]
Vectors = dict[str, NDArray[np.float32]]
Pair = tuple[str, str]


class Figures(NamedTuple):
    name: str
    precision: float
    recall: float
    found: int
    true: int

    def __str__(self) -> str:
        shown = f"precision {self.precision:.3f}  recall {self.recall:.3f}"
        return f"{self.name:<52} {shown}  ({self.found} found, {self.true} true)"

    @property
    def passes(self) -> bool:
        return self.precision >= PRECISION and self.recall >= RECALL


def vectors_of(texts: dict[str, str]) -> Vectors:
    """The vectors of the passages of each text, a row each."""
    embedder = Embedder.open(model.load(model.default()), threads=2)
    parts = [(name, part.text) for name, text in texts.items() for part in passages.split(text, first_line=1)[:8]]
    made = embedder.passages([text for _, text in parts]).vectors
    found: dict[str, list[NDArray[np.float32]]] = {}
    for (name, _), vector in zip(parts, made, strict=True):
        found.setdefault(name, []).append(vector)
    return {name: np.stack(rows) for name, rows in found.items()}


def cosine(vectors: Vectors, a: str, b: str) -> float | None:
    return float((vectors[a] @ vectors[b].T).max()) if a in vectors and b in vectors else None


# --- facts -----------------------------------------------------------------------------------------------------------


def facts() -> list[Figures]:
    rows = [json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines()]
    texts = {row["id"]: row for row in rows if "text" in row}
    labels = {frozenset(row["pair"]): row["kind"] for row in rows if "pair" in row}
    groups = sorted({row["group"] for row in texts.values()})
    random.Random(rows[0]["seed"]).shuffle(groups)
    vectors = vectors_of({name: row["text"] for name, row in texts.items()})
    figures = []
    for half, chosen in (("fitted on", groups[: len(groups) // 2]), ("held out", groups[len(groups) // 2 :])):
        names = [name for name, row in texts.items() if row["group"] in chosen]
        found: dict[frozenset[str], Change] = {}
        for a, b in itertools.combinations(names, 2):
            change = changes.between(texts[a]["text"], texts[b]["text"], cosine=cosine(vectors, a, b))
            if change is not None:
                found[frozenset((a, b))] = change
        wanted = {pair: kind for pair, kind in labels.items() if pair <= set(names)}
        true = found.keys() & wanted.keys()
        kinds = sum(found[pair].kind == wanted[pair] for pair in true)
        hard = sum(len(list(itertools.combinations([n for n in names if texts[n]["group"] == g], 2))) for g in chosen)
        name = f"facts, {half}: {len(wanted)} pairs, {hard - len(wanted)} hard others"
        figures.append(Figures(name, len(true) / max(1, len(found)), len(true) / len(wanted), len(found), len(true)))
        print(figures[-1], f" {kinds} of the right kind")
    return figures


# --- BEAM ------------------------------------------------------------------------------------------------------------


class Beam(NamedTuple):
    """The users' messages by id, and for each question its pairs of evidence."""

    messages: dict[str, Row]
    questions: dict[str, list[Pair]]

    @property
    def gold(self) -> set[frozenset[str]]:
        return {frozenset(pair) for pairs in self.questions.values() for pair in pairs}


def read_beam(folder: Path) -> Beam:
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    messages = {row["id"]: row for row in rows if row["speaker"] == "user"}
    questions = {}
    for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] not in KINDS:
            continue
        pairs: Iterable[Pair] = itertools.combinations(row["gold"], 2)
        if "oldest" in row:
            pairs = itertools.product(row["oldest"], row["newest"])
        kept = [in_order(*pair) for pair in pairs if pair[0] != pair[1] and all(one in messages for one in pair)]
        if kept:
            questions[row["id"]] = kept
    return Beam(messages, questions)


def in_order(a: str, b: str) -> Pair:
    return (a, b) if int(a.rsplit(":", 1)[1]) < int(b.rsplit(":", 1)[1]) else (b, a)


def rarities(messages: dict[str, Row]) -> dict[str, Callable[[str], float]]:
    """How rare a word is in a chat, by chat, as `duplicates.rarity` has it of a store."""
    held: dict[str, Counter[str]] = {}
    sizes: Counter[str] = Counter()
    for row in messages.values():
        sizes[row["scope"]] += 1
        words = {word.key for part in statements(row["text"]) for word in part.words}
        held.setdefault(row["scope"], Counter()).update(words)

    def of(scope: str) -> Callable[[str], float]:
        whole = math.log(sizes[scope])
        return lambda key: min(1.0, max(0.1, 1.3 * math.log(sizes[scope] / max(1, held[scope][key])) / whole))

    return {scope: of(scope) for scope in sizes}


def beam(folder: Path) -> list[Figures]:
    data = read_beam(folder)
    vectors = vectors_of({name: row["text"] for name, row in data.messages.items()})
    weigh = rarities(data.messages)

    def differ(pair: Pair) -> Change | None:
        a, b = (data.messages[name] for name in pair)
        return changes.between(a["text"], b["text"], cosine=cosine(vectors, *pair), weigh=weigh[a["scope"]])

    hits = [name for name, pairs in data.questions.items() if any(map(differ, pairs))]
    recall = len(hits) / len(data.questions)
    print("not found:", *(name.split("beam-100K-")[-1] for name in data.questions if name not in hits))
    figures = []
    for sort, others in (("random", random_others(data)), ("nearest", nearest_others(data, vectors))):
        wrong = {frozenset(pair) for pair in others if differ(pair)}
        name = f"BEAM, {len(data.questions)} questions, {len(others)} {sort} pairs"
        figures.append(
            Figures(name, len(hits) / max(1, len(hits) + len(wrong)), recall, len(hits) + len(wrong), len(hits))
        )
        print(figures[-1])
        true = len(hits) + len(wrong & JUDGED)
        if wrong & JUDGED:
            print(
                Figures(
                    "  the same, as judged by reading",
                    true / (len(hits) + len(wrong)),
                    recall,
                    len(hits) + len(wrong),
                    true,
                )
            )
    return figures


def evidence(data: Beam) -> list[tuple[str, list[str]]]:
    """Each message of evidence, with the messages of its chat that are not evidence together with it."""
    names = sorted({name for pair in data.gold for name in pair})
    return [
        (
            name,
            [
                other
                for other, row in data.messages.items()
                if row["scope"] == data.messages[name]["scope"]
                and other != name
                and frozenset((name, other)) not in data.gold
            ],
        )
        for name in names
    ]


def random_others(data: Beam) -> set[Pair]:
    chance = random.Random(SEED)
    return {in_order(name, other) for name, rest in evidence(data) for other in chance.sample(rest, OTHERS)}


def nearest_others(data: Beam, vectors: Vectors) -> set[Pair]:
    found = set()
    for name, rest in evidence(data):
        rest.sort(key=lambda other: -(cosine(vectors, name, other) or 0.0))
        found |= {in_order(name, other) for other in rest[:OTHERS]}
    return found


def main() -> int:
    barred = facts()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared") / "data" / "beam"
    if folder.is_dir():
        barred += beam(folder)[:1]
    else:
        print(f"BEAM is not in {folder}")
    return 0 if all(figures.passes for figures in barred) else 1


if __name__ == "__main__":
    sys.exit(main())
