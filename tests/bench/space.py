"""What keeping memories coarser saves, and what it costs.

    python tests/bench/space.py ../shared STORES [SUITE …] [--mix .1,.1,.2,.25,.35] [--passages 100000]

STORES is what suites.py build made. Memories are given precisions by lot, in the shares of --mix: full, 8 bits, about one bit,
one bit without token codes, nothing. Three tables:

distance   vectors and questions alone. How far an estimate is off; how often the finer of two copies wins, by distance and as
           ranked; how much less often than on float32 a relevant passage lies above an irrelevant one, where one of the two is
           coarse (the mean over questions of the share of pairs), and what a handicap that lets the finer copy win in 99 of 100
           cases by distance would cost
recall     a copy of each store of a suite, before and after: vectors and token codes, files, R@10 and nDCG@10 of the questions
           whose gold all keeps a vector (and of all)
scan       a store of --passages, before and after: the same sizes, and the semantic search of a process that has just opened
           the store and of one that keeps the vectors in memory. Vectors are those of the stores, moved a little, and token
           codes are theirs: it says nothing about what is found
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import suites

from memcli import config
from memcli.encode import coarse, codes, model
from memcli.encode.embedder import Embedder
from memcli.index import db, nearest, precision, schema, search
from memcli.index.cache import EmbeddingCache, Kept
from memcli.index.coarsening import units
from memcli.index.kept import KeptRows
from memcli.index.matrix import Matrix
from memcli.index.nearest import Row, merged
from memcli.index.precision import BIT, FULL, NONE
from memcli.index.search import Filter
from memcli.places import Place, at_root
from memcli.recall.pipeline import Recall
from memcli.recall.source import MOST_IN_MEMORY
from memcli.store import Store

MIX = (0.1, 0.1, 0.2, 0.25, 0.35)
SUITES = ("locomo", "beam", "longmemeval", "cosqa")
ROUNDS = 9  # of which the median counts
PER_MEMORY = 10  # passages, in the store of `scan`


def places(shared: Path, stores: Path, suite: str) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
    for scope, _, queries in suites.scopes(shared, suite):
        yield at_root(str(stores / suite / scope)), queries


# --- distance


def distance(shared: Path, stores: Path, names: list[str]) -> None:
    embedder = Embedder.open(model.load(model.default()))
    print(
        "distance        n   error ±    finer wins: by distance  as ranked   coarse relevant  coarse irrelevant  with handicap"
    )
    for suite in names:
        measured: dict[str, list[tuple[float, ...]]] = {"8 bits": [], "1 bit": []}
        for place, queries in places(shared, stores, suite):
            vectors, relevant, asked = read(place, queries, embedder)
            truth = asked @ vectors.T
            small = codes.quantised(vectors)
            rounded = units([row.tobytes() for row in small])
            frame = coarse.learn(rounded)
            bits = coarse.CoarseVectors(b"".join(coarse.pack(rounded, frame)), frame)
            for name, estimate in (
                ("8 bits", asked @ rounded.T),
                ("1 bit", np.array([bits.cosines(question) for question in asked])),
            ):
                measured[name].append(compared(truth, estimate, relevant))
        for name, scopes in measured.items():
            weights = [scope[0] for scope in scopes]
            error, alone, ranked, missed, taken, handicap = np.average(
                [scope[1:] for scope in scopes], axis=0, weights=weights
            )
            print(
                f"{suite:<12} {name:<7} {sum(weights):5.0f}  {error:.5f}     {alone:6.1%}      {ranked:6.1%}"
                f"        {missed:+.4f}          {taken:+.4f}         {handicap:+.4f}",
                flush=True,
            )


def read(place: Place, queries: list[dict[str, Any]], embedder: Embedder) -> tuple[Any, Any, Any]:
    """Vectors, (passages, dimensions); which is relevant to which question, (questions, passages); the questions' vectors."""
    connection = schema.open_for_reading(place)
    rows = connection.execute(
        "SELECT passages.hash, ref FROM passages JOIN documents ON documents.id = document WHERE state = ?",
        (schema.EMBEDDED,),
    ).fetchall()
    connection.close()
    cache = EmbeddingCache(place, embedder.folder.key)
    held = cache.get({row[0] for row in rows})
    cache.close()
    vectors = np.array([np.frombuffer(held[row[0]].vector, dtype=np.float16) for row in rows], dtype=np.float32)
    answerable = [query for query in queries if set(query["gold"]) & {row[1] for row in rows}]
    relevant = np.array([[row[1] in set(query["gold"]) for row in rows] for query in answerable])
    return vectors, relevant, np.array([embedder.query(query["query"]).vector for query in answerable])


def compared(truth: Any, estimate: Any, relevant: Any) -> tuple[float, ...]:
    """Questions, error, finer wins by distance and as ranked, and above() less that on float32 of three cases."""
    errors = estimate - truth
    own = errors[relevant]
    fine, kept = truth[relevant], estimate[relevant]
    ranked = [
        merged([Row(1, 1, a, "prose", b"same", FULL), Row(2, 2, b, "prose", b"same", BIT)], 2)[0].precision == FULL
        for a, b in zip(fine.tolist(), kept.tolist(), strict=True)
    ]
    plain = above(truth, truth, relevant)
    return (
        len(truth),
        float(errors.std()),
        float((own < 0).mean()),
        float(np.mean(ranked)),
        above(estimate, truth, relevant) - plain,
        above(truth, estimate, relevant) - plain,
        above(estimate - np.quantile(own, 0.99), truth, relevant) - plain,
    )


def above(of_relevant: Any, of_others: Any, relevant: Any) -> float:
    """How often a relevant passage lies above another one, by these cosines of each; the mean over questions."""
    shares = [
        np.searchsorted(np.sort(others[~mask]), own[mask]).mean() / (~mask).sum()
        for own, others, mask in zip(of_relevant, of_others, relevant, strict=True)
    ]
    return float(np.mean(shares))


# --- recall


def recall(shared: Path, stores: Path, names: list[str], mix: tuple[float, ...]) -> None:
    print(
        "\nrecall         n  of      R@10           nDCG@10     all: R@10          bytes of vectors and codes     files"
    )
    evaluate = suites.judge(shared)
    for suite in names:
        queries: list[dict[str, Any]] = []
        answers: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
        kept: set[str] = set()
        held, files = np.zeros(2), np.zeros(2)
        for place, asked in places(shared, stores, suite):
            mine = copied(place, stores / "space")
            held[0], files[0] = held[0] + total(mine), files[0] + on_disk(mine)
            answers[0].update(ask(mine, asked))
            wanted = drawn(mine, mix)
            precision.set_precision(mine, wanted)
            held[1], files[1] = held[1] + total(mine), files[1] + on_disk(mine)
            answers[1].update(ask(mine, asked))
            kept |= {ref for name, ref in references(mine) if wanted[name] != NONE}
            queries += [query for query in asked if query["gold"]]
        fair = [query for query in queries if set(query["gold"]) <= kept]
        scores = [
            [evaluate.score(some, ranked, {}, {})["micro"] for ranked in answers] for some in (fair, queries) if some
        ]
        shown = [f"{before[m]:.3f} → {after[m]:.3f}" for before, after in scores for m in ("R@10", "nDCG@10")][:3]
        print(
            f"{suite:<12} {len(fair):4} {len(queries):4}  {'  '.join(shown)}  {held[0] / 1e6:6.1f} → {held[1] / 1e6:5.1f} MB"
            f" ({held[1] / held[0]:.1%})  {files[0] / 1e6:.1f} → {files[1] / 1e6:.1f} MB ({files[1] / files[0]:.1%})",
            flush=True,
        )


def copied(place: Place, to: Path) -> Place:
    """A copy of a store with an index of its own, embedded from the original's cache."""
    folder = to / Path(place.folder).parent.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place.folder, folder / ".mem", ignore=shutil.ignore_patterns("cache"))
    store = Store(at_root(str(folder)))
    store.sync(embed=False)
    key = model.load(model.default()).key
    lender, own = EmbeddingCache(place, key), EmbeddingCache(store.place, key)
    hashes = list(lender.held())
    for some in db.chunks(hashes, 4096):
        own.put(lender.get(some))
    lender.close()
    own.close()
    store.sync()
    return store.place


def drawn(place: Place, mix: tuple[float, ...]) -> dict[str, int]:
    """A precision for each memory by lot, so that the shares of passages are those of the mix."""
    connection = schema.open_for_reading(place)
    rows = connection.execute(
        "SELECT name, count(*) FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
        " GROUP BY name ORDER BY name"
    ).fetchall()
    connection.close()
    random.Random(4).shuffle(rows)
    bounds, done, wanted = np.cumsum(mix) * sum(count for _, count in rows), 0.0, {}
    for name, count in rows:
        wanted[name] = int(np.searchsorted(bounds, done + count / 2))
        done += count
    return {name: min(chosen, NONE) for name, chosen in wanted.items()}


def references(place: Place) -> list[tuple[str, str]]:
    connection = schema.open_for_reading(place)
    rows = connection.execute("SELECT name, ref FROM documents JOIN entries ON entries.id = entry").fetchall()
    connection.close()
    return rows


def ask(place: Place, queries: list[dict[str, Any]]) -> dict[str, list[str]]:
    with Recall([place], config.load()) as opened:
        return {
            query["id"]: list(
                dict.fromkeys(
                    hit.candidate.document.ref
                    for hit in opened.ask(query["query"], limit=20, now=suites.day_of(query, opened)).hits
                )
            )
            for query in queries
        }


def total(place: Place) -> int:
    return sum(size.vectors + size.codes for size in precision.sizes(place).values())


def on_disk(place: Place) -> int:
    """Bytes of index and cache, with their logs."""
    return sum(path.stat().st_size for path in Path(place.cache).glob("*.db*"))


# --- scan


def scan(shared: Path, stores: Path, names: list[str], mix: tuple[float, ...], passages: int) -> None:
    place = large(shared, stores, names, passages)
    questions = list(asked_of(shared, names))
    before = total(place), on_disk(place), *timed(place, questions)
    began = time.perf_counter()
    changed = precision.set_precision(place, drawn(place, mix))
    took = time.perf_counter() - began
    after = total(place), on_disk(place), *timed(place, questions)
    print(f"\nscan of {passages:,} passages; {changed.coarser:,} made coarser in {took:.0f} s")
    for what, one, two in zip(("vectors and codes, MB", "files, MB"), before, after, strict=False):
        print(f"{what:<38} {one / 1e6:9.1f} → {two / 1e6:9.1f}   {two / one:.1%}")
    for what, one, two in zip(("cold, ms", "in memory, ms"), before[2:], after[2:], strict=True):
        print(f"{what:<38} {1000 * one:9.1f} → {1000 * two:9.1f}   {two / one:.1%}")


def large(shared: Path, stores: Path, names: list[str], passages: int) -> Place:
    """A store of many passages without texts. Vectors: those of the suites' stores, each time moved by a little noise."""
    folder = stores / "space" / "large"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = Store.init(at_root(str(folder))).place
    key = model.load(model.default()).key
    lent: list[Kept] = []
    for suite in names:
        for other, _ in places(shared, stores, suite):
            cache = EmbeddingCache(other, key)
            lent += cache.get(cache.held()).values()
            cache.close()
    draw = np.random.default_rng(7)
    connection, _ = schema.open_for_writing(place)
    cache = EmbeddingCache(place, key)
    with db.transaction(connection):
        schema.create_vectors(connection, key, 384)
    for start in range(0, passages, 5000):
        numbers = range(start + 1, min(start + 5000, passages) + 1)
        chosen = [lent[int(n)] for n in draw.integers(len(lent), size=len(numbers))]
        vectors = np.array([np.frombuffer(kept.vector, dtype=np.float16) for kept in chosen], dtype=np.float32)
        vectors += draw.normal(scale=0.1 / 384**0.5, size=vectors.shape).astype(np.float32)
        halves = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        eight = codes.quantised(halves.astype(np.float32))
        with db.transaction(connection):
            for number, vector in zip(numbers, eight, strict=True):
                write(connection, number, vector.tobytes())
        cache.put(
            {
                hash_of(n): Kept(FULL, half.tobytes(), kept.codes)
                for n, half, kept in zip(numbers, halves, chosen, strict=True)
            }
        )
    connection.close()
    cache.close()
    return place


def hash_of(number: int) -> bytes:
    return random.Random(number).randbytes(16)


def write(connection: db.Connection, number: int, vector: bytes) -> None:
    entry = (number - 1) // PER_MEMORY + 1
    if (number - 1) % PER_MEMORY == 0:
        connection.execute(
            "INSERT INTO entries (id, path, size, mtime_ns, inode, hash, name) VALUES (?, ?, 0, 0, 0, '', ?)",
            (entry, f"tree/{entry}.md", f"m{entry}"),
        )
        connection.execute(
            "INSERT INTO documents (id, entry, ordinal, line, length) VALUES (?, ?, 0, 1, 0)", (entry, entry)
        )
    connection.execute(
        "INSERT INTO passages (id, document, ordinal, heading, line, kind, text, context, hash, state)"
        " VALUES (?, ?, ?, '', 1, 'prose', '', '', ?, ?)",
        (number, entry, (number - 1) % PER_MEMORY, hash_of(number), schema.EMBEDDED),
    )
    connection.execute(schema.INSERT_VECTOR, (number, vector))


def asked_of(shared: Path, names: list[str]) -> Iterator[bytes]:
    embedder = Embedder.open(model.load(model.default()))
    for suite in names:
        for query in suites.rows(shared / "data" / suite / "queries.jsonl")[:5]:
            yield codes.quantised(embedder.query(query["query"]).vector).tobytes()


def timed(place: Place, questions: list[bytes]) -> tuple[float, float]:
    """Median seconds of a semantic search: over the tables, opened anew for each, and as `recall.source` does it later on."""

    def opened() -> db.Connection:
        connection = schema.open_for_reading(place)
        db.load_vectors(connection)
        return connection

    def cold(question: bytes) -> None:
        connection = opened()
        nearest.semantic(connection, question, 300)
        connection.close()

    connection = opened()
    fine, bits = search.vectors(connection)
    matrix = Matrix(KeptRows(connection))
    matrix.nearest(questions[0], 300, Filter())
    found = median(cold, questions), median(lambda question: matrix.nearest(question, 300, Filter()), questions)
    connection.close()
    if fine + bits > MOST_IN_MEMORY:
        print(f"({fine:,} vectors and {bits:,} coarse ones; in memory, recall keeps {MOST_IN_MEMORY:,})")
    return found


def median(work: Callable[[bytes], object], questions: list[bytes]) -> float:
    seconds = []
    for question in questions * ROUNDS:
        began = time.perf_counter()
        work(question)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(SUITES))
    parser.add_argument(
        "--mix", default=",".join(map(str, MIX)), help="shares of passages at each precision, finest first"
    )
    parser.add_argument("--passages", type=int, default=100_000, help="in the store of the scan; 0 for none")
    parser.add_argument("--only", choices=("distance", "recall", "scan"))
    arguments = parser.parse_args()
    mix = tuple(float(share) for share in arguments.mix.split(","))
    suites.at_home(arguments.stores)
    given = arguments.shared, arguments.stores, list(arguments.suites)
    if arguments.only in (None, "distance"):
        distance(*given)
    if arguments.only in (None, "recall"):
        recall(*given, mix)
    if arguments.only in (None, "scan") and arguments.passages:
        scan(*given, mix, arguments.passages)


if __name__ == "__main__":
    main()
