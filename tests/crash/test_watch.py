"""Storms of changes under a watcher: afterwards the keyword index is what a fresh one of the same files is, row by row.

The bar is 50 runs of 50 with a checkout of 5,000 files and a burst of 10,000, and 1,000 single edits (`--full`).
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from memcli.index.reconcile import reconcile
from memcli.places import Place, at_root
from memcli.store import Store
from tests.command import without_model
from tests.serve.watching import settled, until, watching
from tests.snapshots import index_rows, rebuilt_rows

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are looked for in /proc")

RUNS, FULL_RUNS = 2, 50
FILES, FULL_FILES = (200, 300), (5000, 10_000)
EDITS, FULL_EDITS = 30, 1000
WORDS = [
    f"{a}{b}{c}"
    for a in ("ka", "lo", "mi", "nu", "pe", "ri")
    for b in ("ban", "dor", "fel", "gus")
    for c in ("a", "o", "ek", "is")
]


def text(random_: random.Random, name: str) -> str:
    paragraphs = (" ".join(random_.choices(WORDS, k=40)).capitalize() + "." for _ in range(2))
    return f"# About {name}\n\n" + "\n\n".join(paragraphs) + "\n"


def write(tree: Path, random_: random.Random, names: list[str]) -> None:
    for name in names:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(random_, name), encoding="utf-8")


def names(count: int, what: str) -> list[str]:
    return [f"{what}{number % 97:02}/{what}-{number}.md" for number in range(count)]


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments],
                   check=True, capture_output=True)  # fmt: skip


def repository(folder: Path, random_: random.Random, files: int) -> None:
    """A repository with two branches: `few` with a tenth of the files of `many`, half of those with another text."""
    git(folder, "init", "-q", "-b", "few")
    listed = names(files, "topic")
    write(folder / ".mem" / "tree", random_, listed[: files // 10])
    git(folder, "add", "-f", ".mem/tree")
    git(folder, "commit", "-q", "-m", "few")
    git(folder, "checkout", "-q", "-b", "many")
    write(folder / ".mem" / "tree", random_, listed[files // 20 :])
    git(folder, "add", "-f", ".mem/tree")
    git(folder, "commit", "-q", "-m", "many")
    git(folder, "checkout", "-q", "few")


def cold_seconds(place: Place, scratch: Path) -> float:
    """How long a keyword-only index of the same files takes, made anew."""
    copy = Path(shutil.copytree(place.folder, scratch / "cold" / ".mem", ignore=shutil.ignore_patterns("cache")))
    began = time.monotonic()
    reconcile(Place(str(copy)))
    took = time.monotonic() - began
    shutil.rmtree(copy)
    return took


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_after_a_storm_the_index_is_the_files(tmp_path: Path, full: bool) -> None:
    without_model()
    random_ = random.Random(20261120)
    checkout, burst = FULL_FILES if full else FILES
    project = tmp_path / "project"
    store = Store.init(at_root(str(project)))
    repository(project, random_, checkout)
    tree = Path(store.place.tree)
    right = 0
    whole: list[float] = []  # times a cold index: from the first change on, and from the last
    after: list[float] = []
    runs = FULL_RUNS if full else RUNS
    with watching(store.place):
        until(lambda: settled(store.place), seconds=300)
        for number in range(runs):
            began = time.monotonic()
            git(project, "checkout", "-q", "many")
            write(tree, random_, names(burst, "burst"))
            wrote = time.monotonic()
            until(lambda: settled(store.place), seconds=300)
            ended = time.monotonic()
            right += index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "fresh")
            cold = cold_seconds(store.place, tmp_path)
            whole.append((ended - began) / cold)
            after.append((ended - wrote) / cold)
            assert right == number + 1
            for folder in tree.glob("burst*"):
                shutil.rmtree(folder)
            git(project, "checkout", "-q", "few")
            until(lambda: settled(store.place), seconds=300)
            assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "fresh")
            print(f"run {number + 1}: cold {cold:.2f} s, whole {whole[-1]:.2f} x, after {after[-1]:.2f} x", flush=True)
    print(
        f"{right} of {runs} right; against a cold keyword-only index of the same files: {statistics.median(whole):.2f} x"
        f" from the first change on, {statistics.median(after):.2f} x from the last"
    )
    assert right == runs
    if full:
        assert statistics.median(after) <= 1.5


def test_each_edit_is_found_by_its_words(store: Store, full: bool) -> None:
    """An edit every now and then: saved in place or by a rename, new or old; how long until its words are in the index."""
    without_model()
    random_ = random.Random(7)
    tree = Path(store.place.tree)
    write(tree, random_, names(2000 if full else 100, "note"))
    edits = FULL_EDITS if full else EDITS
    waited = []
    with watching(store.place):
        until(lambda: settled(store.place), seconds=60)
        for number in range(edits):
            path = tree / random_.choice(names(2100 if full else 110, "note"))
            path.parent.mkdir(exist_ok=True)
            word = f"unheard{number}of"
            if number % 2:
                path.write_text(f"It says {word}.\n", encoding="utf-8")
            else:
                (path.parent / f".{number}.tmp").write_text(f"It says {word}.\n", encoding="utf-8")
                (path.parent / f".{number}.tmp").rename(path)
            waited.append(until(lambda word=word: found(store.place, word), every=0.005))  # type: ignore[misc]
        assert index_rows(store.place) == rebuilt_rows(store.place, tree.parent.parent / "fresh")
    p95 = sorted(waited)[int(0.95 * (len(waited) - 1))]
    print(f"{edits} edits, each found by its words: median {statistics.median(waited):.3f} s, p95 {p95:.3f} s")
    assert p95 < 1.0 or not full


def found(place: Place, word: str) -> bool:
    from memcli.encode import terms
    from memcli.index import schema, search

    connection = schema.open_for_reading(place)
    try:
        return bool(search.keyword(connection, terms.match_expression(terms.query_terms(word)), 5))
    finally:
        connection.close()
