"""Much at once: import, indexing by words, rebuilding what is known, and a walk that finds nothing new."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from memcli import config
from memcli.encode import model
from memcli.encode.embedder import Embedder
from memcli.index import db, schema
from memcli.index.reconcile import reconcile
from memcli.index.update import update
from memcli.places import Place, at_root
from memcli.store import Store
from tests.bench import suites
from tests.bench.perf.measure import MS, PER_SECOND, SECONDS, Bench, Row, median, paired, process, timed

FILES = 5_000  # of the walk
IMPORTS = {"sessions": 20, "one file a text": 5}  # pairs
BUILDS = 20
BARE_UP_TO = 100_000


def imports(bench: Bench) -> list[Row]:
    """`mem import` as a whole process against the bare model on the same texts, in the same threads, without its start."""
    rows = suites.rows(bench.shared / "data" / "locomo" / "corpus.jsonl")[: 20 if bench.quick else None]
    texts = [f"{row['speaker']}: {row['text']}" for row in rows]
    embedder = Embedder.open(model.load(model.default()))
    found = []
    for kind, count in list(IMPORTS.items())[: 1 if bench.quick else None]:
        source = bench.scratch / f"{kind}.jsonl"
        with open(source, "w", encoding="utf-8") as file:
            for row in rows:
                kept = {"id": row["id"], "text": row["text"], "created": row["date"], "speaker": row["speaker"]}
                file.write(json.dumps({**kept, "session": row["session"]} if kind == "sessions" else kept) + "\n")

        def ours(n: int, source: Path = source) -> float:
            folder = fresh(bench.scratch / "import")
            process([bench.mem, "--root", folder, "init"])
            return process([bench.mem, "--root", folder, "import", source])

        runs = 1 if bench.quick else count
        series = paired(runs, ours, lambda n: timed(lambda: embedder.passages(texts)))
        speeds = [len(texts) / median(values) for values in series]
        bar = 0.9 if kind == "sessions" else None
        found.append(Row("bulk", f"import, {kind}", speeds[0], PER_SECOND, speeds[1], "bare model", bar, True, runs))
    return found


def builds(bench: Bench) -> list[Row]:
    """The index of the reference store made anew: words alone, and with the vectors of its texts, which are known."""
    place = bench.cache.scratch_store(bench.reference, bench.scratch / "rebuilt")
    texts = _texts(place)
    settings = config.load(place)
    runs = bench.few(BUILDS)
    opened: list[str] = []

    def rebuild(embed_at_most: int | None) -> float:
        db.discard_cache(place, keep_embeddings=True)
        return timed(lambda: update(place, settings, embed_at_most=embed_at_most))

    words = paired(runs, lambda n: rebuild(0), lambda n: insert_loop(texts, bench.scratch))
    with _no_embedder(opened):
        whole = paired(runs, lambda n: rebuild(None), lambda n: insert_loop(texts, bench.scratch))
    found = []
    for name, bar, series in (("index of words", 0.5, words), ("rebuild, all texts known", 0.4, whole)):
        speeds = [len(texts) / median(values) for values in series]
        found.append(
            Row(
                "bulk",
                f"{name}, {len(texts):,} passages",
                speeds[0],
                PER_SECOND,
                speeds[1],
                "bare FTS5 loop",
                bar,
                True,
                runs,
            )
        )
    embedded = Row("bulk", "texts that the rebuild embeds", float(len(opened)), "", bar=0.0, runs=runs)
    return [*found, embedded]


def walk(bench: Bench) -> list[Row]:
    """A reconcile of files of which none changed, against listing their folders and asking for each one's size and time."""
    count = 200 if bench.quick else FILES
    place = Store.init(at_root(str(fresh(bench.scratch / "walk")))).place
    for n in range(count):
        path = Path(place.tree) / f"topic {n % 70}" / f"note {n}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# Note {n}\n\nOf the {n % 97} and the {n % 89}.\n", encoding="utf-8")
    time.sleep(0.1)  # a file that was read at once after its change is read again
    reconcile(place)
    reconcile(place)
    series = paired(bench.rounds, lambda n: timed(lambda: reconcile(place)), lambda n: timed(lambda: scan(place.tree)))
    ours, base = (median(values, 1000) for values in series)
    return [Row("bulk", f"nothing changed, {count:,} files", ours, MS, base, "scandir + stat", 3.0, runs=bench.rounds)]


def building(bench: Bench) -> list[Row]:
    """How long stores of all sizes took to index, by words and with vectors, when they were made."""
    rows = []
    for size in bench.sizes:
        place = bench.cache.store(size)
        made = bench.cache.built(size)
        assert made is not None
        bench.record("building", size, {"words": made.words, "derived": made.derived})
        if not made.embedded:
            bench.record("building", size, {"vectors": made.vectors})
        if size <= BARE_UP_TO:
            bench.record("building", size, {"bare": insert_loop(_texts(place), bench.scratch)})
        rows.append(Row("building", f"index of words, {made.passages:,} passages", made.words, SECONDS, runs=1))
    return rows


def scan(folder: str) -> int:
    """The bare walk: how many files there are; each is asked for its size and time."""
    pending, found = [folder], 0
    while pending:
        with os.scandir(pending.pop()) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    found += 1
    return found


def insert_loop(texts: list[str], folder: Path) -> float:
    """Seconds of putting texts into a full-text table, one by one in one transaction, and of committing it."""
    path = folder / "bare.db"
    for name in folder.glob("bare.db*"):
        name.unlink()
    connection = db.connect(str(path), create=True)
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize='porter unicode61')")
    began = time.perf_counter()
    with db.transaction(connection):
        for n, text in enumerate(texts):
            connection.execute("INSERT INTO t (rowid, body) VALUES (?, ?)", (n, text))
    took = time.perf_counter() - began
    connection.close()
    return took


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _texts(place: Place) -> list[str]:
    connection = schema.open_for_reading(place)
    rows = connection.execute("SELECT text FROM passages ORDER BY id").fetchall()
    connection.close()
    return [text for (text,) in rows]


class _no_embedder:
    """While inside, opening the model is noted in `opened` (and done all the same)."""

    def __init__(self, opened: list[str]) -> None:
        self._opened = opened
        self._open: Callable[..., Embedder] = Embedder.open

    def __enter__(self) -> None:
        def note(*arguments: object, **named: object) -> Embedder:
            self._opened.append("opened")
            return self._open(*arguments, **named)

        Embedder.open = note  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Embedder.open = self._open  # type: ignore[method-assign]
