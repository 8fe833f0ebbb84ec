"""Development suites through the product in one process: build their stores once, then score as often as needed.

    python tests/bench/suites.py build ../shared STORES [SUITE …]     import and embed (slow, resumable)
    python tests/bench/suites.py score ../shared STORES [SUITE …]     the metrics of ../shared/bench/evaluate.py

`score` gives what evaluate.py gives through the command line, in a tenth of the time; evaluate.py stays the judge.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from memcli import config
from memcli.encode import days
from memcli.importers import bring, jsonl
from memcli.places import at_root
from memcli.recall.pipeline import Recall
from memcli.store import Store

SUITES = ("locomo", "beam", "cosqa", "cofix", "longmemeval")


def rows(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def judge(shared: Path) -> ModuleType:
    """The metrics, from the shared script itself."""
    spec = importlib.util.spec_from_file_location("evaluate", shared / "bench" / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scopes(shared: Path, suite: str) -> Iterator[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """(scope, documents, queries) of each scope that is asked anything."""
    documents, queries = (rows(shared / "data" / suite / name) for name in ("corpus.jsonl", "queries.jsonl"))
    for scope in sorted({row["scope"] for row in documents}):
        mine = [row for row in queries if row["scope"] == scope]
        if mine:
            yield scope, [row for row in documents if row["scope"] == scope], mine


def build(shared: Path, stores: Path, suites: list[str]) -> None:
    for suite in suites:
        for scope, documents, _ in scopes(shared, suite):
            began = time.perf_counter()
            problem = make_store(stores / suite / scope, documents)
            print(suite, scope, len(documents), f"{time.perf_counter() - began:.0f} s", problem or "", flush=True)


def make_store(folder: Path, documents: list[dict[str, Any]]) -> str | None:
    """A store in `folder` with these documents, embedded; goes on where it was broken off.

    Those that are whole memory files have their path as "memory". Returns why there are no vectors, if there are none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = Store.init(at_root(str(folder)))
    source = folder / "corpus.jsonl"
    with open(source, "w", encoding="utf-8") as file:
        for row in documents:
            if "memory" in row:
                path = Path(store.place.tree) / row["memory"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(row["text"], encoding="utf-8")
            else:
                renamed = {"id": row["id"], "text": row["text"], "created": row.get("date")}
                file.write(json.dumps({**renamed, "session": row.get("session"), "speaker": row.get("speaker")}) + "\n")
    bring.bring_in(store, jsonl.read(source), origin="jsonl/corpus", topic="imported/corpus", now=time.time())
    return store.sync()[1]


def at_home(stores: Path) -> None:
    """A home of its own below STORES: the caches made here belong to this user's state there, and no personal store answers."""
    stores.mkdir(parents=True, exist_ok=True)
    for kind in ("DATA", "STATE", "CONFIG"):
        os.environ[f"XDG_{kind}_HOME"] = str(stores.resolve() / "home" / kind.lower())


def answers(shared: Path, stores: Path, suite: str, look: Callable[..., None] | None = None) -> tuple[Any, Any, Any]:
    """(queries, rankings, confidences) of a suite; `look` is shown (query, answer, recall) of each."""
    everything, ranked, sure = [], {}, {}
    for scope, _, queries in scopes(shared, suite):
        with Recall([at_root(str(stores / suite / scope))], config.load()) as recall:
            for query in queries:
                answer = recall.ask(query["query"], limit=20, now=day_of(query, recall))
                ranked[query["id"]] = list(dict.fromkeys(hit.candidate.document.ref for hit in answer.hits))
                sure[query["id"]] = answer.confidence
                if look:
                    look(query, answer, recall)
            everything += queries
    return everything, ranked, sure


def score(shared: Path, stores: Path, suites: list[str], label: str = "mem") -> None:
    evaluate = judge(shared)
    for suite in suites:
        began = time.perf_counter()
        queries, ranked, sure = answers(shared, stores, suite)
        sessions = {row["id"]: row.get("session") for row in rows(shared / "data" / suite / "corpus.jsonl")}
        result = evaluate.score(queries, ranked, sure, sessions)
        result |= {"docs_per_s": 0.0, "ms_per_query": 1000 * (time.perf_counter() - began) / len(queries)}
        evaluate.show(suite, label, result)


def day_of(query: dict[str, Any], recall: Recall) -> int | None:
    """The day on which a question is asked: as its suite says, else when the store was last written."""
    return days.day_of(query.get("now")) or recall.latest_day()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "score"))
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(SUITES))
    arguments = parser.parse_args()
    at_home(arguments.stores)
    {"build": build, "score": score}[arguments.what](arguments.shared, arguments.stores, arguments.suites)


if __name__ == "__main__":
    main()
