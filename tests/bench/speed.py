"""Speed, each figure as a ratio to its baseline in the same run.

    python tests/bench/speed.py ../shared [--mem MEM] [lexical] [hybrid] [import]

Run it with the Python of an environment that memcli was installed into (not an editable install: those start slower), on
an idle machine. Baselines and runs alternate, so that what else the machine does hits both.

lexical  cold `mem recall --lexical`, 1,500 memories   against  `python -c pass`
hybrid   cold `mem recall`, the same store             against  a script that imports numpy, onnxruntime and tokenizers, loads
                                                                the model and encodes the question
import   `mem import`, LoCoMo's texts                  against  the bare model on the same texts, batched the same way
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memcli.encode import model

QUESTION = "which support group did Caroline go to"
BARE = """
import sys
import numpy, onnxruntime
from tokenizers import Tokenizer
folder, question = sys.argv[1:]
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(folder + "/model.onnx", options)
ids = numpy.array([tokenizer.encode("query: " + question).ids])
session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})
"""


def timed(command: list[str], **options: object) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, **options)  # type: ignore[call-overload]
    return time.perf_counter() - began


def paired(name: str, run: list[str], baseline: list[str], bar: float, rounds: int = 25, **options: object) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        times[0].append(timed(run, **options))
        times[1].append(timed(baseline))
    ours, base = (1000 * statistics.median(series) for series in times)
    print(f"{name:<9} {ours:7.1f} ms   baseline {base:7.1f} ms   ratio {ours / base:.2f}   (bar {bar})", flush=True)


def write_corpus(shared: Path, path: Path, limit: int, sessions: bool) -> list[str]:
    texts = []
    with (
        open(shared / "data" / "locomo" / "corpus.jsonl", encoding="utf-8") as source,
        open(path, "w", encoding="utf-8") as out,
    ):
        for n, line in enumerate(source):
            if n == limit:
                break
            row = json.loads(line)
            kept = {"id": row["id"], "text": row["text"], "created": row["date"], "speaker": row["speaker"]}
            out.write(json.dumps({**kept, "session": row["session"]} if sessions else kept) + "\n")
            texts.append(f"{row['speaker']}: {row['text']}")
    return texts


def store_of(mem: str, shared: Path, folder: Path, *, sessions: bool) -> Path:
    corpus = folder / "corpus.jsonl"
    write_corpus(shared, corpus, 1500, sessions)
    store = folder / "store"
    store.mkdir()
    subprocess.run([mem, "--root", str(store), "init"], check=True, capture_output=True)
    subprocess.run([mem, "--root", str(store), "import", str(corpus)], check=True, capture_output=True)
    return store


def bulk_import(mem: str, shared: Path, folder: Path) -> None:
    """Texts a second of an import as a whole process, and of the bare model on the same texts, the latter without start-up."""
    from memcli.encode.embedder import Embedder

    embedder = Embedder.open(model.load(model.default()))
    for sessions, bar in ((True, 0.8), (False, 0.6)):
        ratios = []
        for n in range(3):
            corpus, store = folder / f"c{sessions}{n}.jsonl", folder / f"s{sessions}{n}"
            texts = write_corpus(shared, corpus, 10_000, sessions)
            store.mkdir()
            subprocess.run([mem, "--root", str(store), "init"], check=True, capture_output=True)
            ours = len(texts) / timed([mem, "--root", str(store), "import", str(corpus)])
            began = time.perf_counter()
            embedder.passages(texts)
            bare = len(texts) / (time.perf_counter() - began)
            ratios.append((ours / bare, ours, bare))
        ratio, ours, bare = sorted(ratios)[1]
        kind = "sessions" if sessions else "one file a text"
        print(
            f"import    {ours:7.0f} /s   baseline {bare:7.0f} /s   ratio {ratio:.2f}   (bar {bar})   {kind}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("what", nargs="*", default=["lexical", "hybrid", "import"])
    parser.add_argument("--mem", default=str(Path(sys.executable).parent / "mem"))
    arguments = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for kind in ("DATA", "STATE", "CONFIG"):
            os.environ[f"XDG_{kind}_HOME"] = str(home / kind.lower())
        os.environ["HOME"] = folder
        store = store_of(arguments.mem, arguments.shared, home, sessions=False)
        ask = [arguments.mem, "--root", str(store), "recall", QUESTION]
        if "lexical" in arguments.what:
            paired("lexical", [*ask, "--lexical"], [sys.executable, "-c", "pass"], 5.0)
        if "hybrid" in arguments.what:
            bare = [sys.executable, "-c", BARE, model.default(), QUESTION]
            paired("hybrid", ask, bare, 1.4)
        if "import" in arguments.what:
            bulk_import(arguments.mem, arguments.shared, home)


if __name__ == "__main__":
    main()
