"""The speed benchmark runs, whole, at tiny sizes; and what it makes of what it found is right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from memcli.index.cache import EmbeddingCache, Kept
from tests.bench import pages
from tests.bench.perf import inside, page, plots, small, stores, texts
from tests.bench.perf.measure import Row, paired, percentile
from tests.bench.perf.stores import Cache

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.make(tmp_path_factory.mktemp("shared"))


def test_everything_runs_in_the_quick_form(tmp_path: Path) -> None:
    """One command; every measurement gives rows or series, and ours is never nothing."""
    out = tmp_path / "run.json"
    command = [sys.executable, "-m", "tests.bench.perf", "nowhere", "--quick", "--json", str(out)]
    installed = Path(sys.executable).parent / "mem"
    command += ["--mem", str(installed)] if installed.exists() else []
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "HOME": str(tmp_path)})
    assert out.exists(), done.stderr
    assert done.returncode in (0, 1), done.stderr  # bars are for larger sizes and idle machines
    run = page.Run.read(out)
    assert {row.what for row in run.rows} >= {
        "whole",
        "answers",
        "change",
        "bulk",
        "watch",
        "disk",
        "building",
        "peers",
    }
    assert set(run.series) == {"whole", "answers", "channels", "change", "disk", "building"}
    assert all(row.ours > 0 for row in run.rows if row.name != "texts that the rebuild embeds")
    assert next(row.ours for row in run.rows if row.name == "texts that the rebuild embeds") == 0
    for drawn in page.drawings(run).values():
        ElementTree.fromstring(drawn)
    assert set(page.tables(run)) == set(re.findall(r"report:begin (\w+)", page.PAGE.read_text(encoding="utf-8")))


def test_bars_are_of_the_ratio_or_of_ours_alone() -> None:
    assert Row("", "", 20.0, "ms", 10.0, bar=2.0).met
    assert not Row("", "", 21.0, "ms", 10.0, bar=2.0).met
    assert Row("", "", 0.97, "", bar=0.98, floor=True).met is False
    assert Row("", "", 1.0, "").met is None


def test_sides_of_a_pair_alternate() -> None:
    """One run of each that does not count; then who begins changes from round to round."""
    said: list[str] = []

    def side(name: str, n: int) -> float:
        said.append(f"{name}{n}")
        return float(n)

    series = paired(3, lambda n: side("a", n), lambda n: side("b", n))
    assert said == ["a0", "b0", "b0", "a0", "a1", "b1", "b2", "a2"]
    assert series == ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], 0.95) == 5.0


def test_texts_are_the_same_each_time_and_real_ones_come_first(
    miniature: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generated texts are no copies, keep the shape of their originals, and each size begins as the smaller ones do."""
    monkeypatch.setattr(texts, "REAL", 200)
    some, more = (list(texts.corpus(miniature, size)) for size in (300, 900))
    assert more[: len(some)] == some
    assert sum(text.passages for text in some) >= 300
    real = {text.origin: text for text in more if not text.round}
    generated = [text for text in more if text.round]
    assert max(text.round for text in generated) > 1
    assert all(text.parts != real[text.origin].parts for text in generated)
    assert all(len(text.parts) == len(real[text.origin].parts) for text in generated)
    topics = texts.topics(miniature, 900)
    paths = [text.path(number, topics) for number, text in enumerate(more)]
    assert len(set(paths)) == len(paths)


def test_generated_passages_have_vectors_near_their_originals(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved by NOISE, with the codes as they were; a store is made once, and made anew of what is known."""
    monkeypatch.setattr(texts, "REAL", 40)
    said: list[str] = []
    cache = Cache(tmp_path / "cache", miniature, said.append)
    place = cache.store(100)
    kept = EmbeddingCache(place, cache.key)
    held = kept.get(kept.held())
    kept.close()
    found: dict[tuple[int, int], dict[int, Kept]] = {}
    for (origin, round_), ordinal, key in cache.passages(place):
        found.setdefault((origin, ordinal), {})[round_] = held[key]
    pairs = [(made[0], made[1]) for made in found.values() if made.keys() >= {0, 1}]
    assert len(pairs) > 20
    one, two = (
        np.array([np.frombuffer(side.vector, np.float16) for side in some], np.float32)
        for some in zip(*pairs, strict=True)
    )
    assert (one * two).sum(axis=1).mean() == pytest.approx((1 + stores.NOISE**2) ** -0.5, abs=0.02)
    assert sum(real.codes == made.codes for real, made in pairs) >= 0.9 * len(pairs)  # a split may fall elsewhere
    ids, matrix = inside.load(cache.exact(100))
    assert len(ids) == len(matrix) >= 100
    embedded = [line for line in said if "to embed" in line]
    cache.store(100)
    assert [line for line in said if "to embed" in line] == embedded
    monkeypatch.setattr(stores.schema, "VERSION", stores.schema.VERSION + 1)
    cache.store(100)
    made = cache.built(100)
    assert made is not None and made.embedded == 0


def test_curves_have_their_names_apart() -> None:
    """Curves that end together have labels that do not lie on each other, all within the figure."""
    curves = [plots.Curve(f"c{n}", {1000: 1.0, 10_000: 50.0 + n}, "#000") for n in range(8)]
    root = ElementTree.fromstring(plots.loglog("Title", "", curves, plots.milliseconds))
    heights = sorted(
        float(element.get("y", "0"))
        for element in root.iter("{http://www.w3.org/2000/svg}text")
        if re.fullmatch(r"c\d", element.text or "")
    )
    assert len(heights) == 8
    assert all(below - above >= plots.ROOM - 0.1 for above, below in pairwise(heights))
    assert heights[-1] <= plots.FOOT + 5


def test_what_was_kept_is_what_is_shown(tmp_path: Path) -> None:
    """A run survives its file; tables go into the page without a number typed by hand."""
    row = Row("whole", "warm", 20.0, "ms", 10.0, "python -c pass", 2.5, runs=20)
    machine = {"processor": "x", "cores": 2, "system": "Linux", "python": "3.12", "load": 0.1}
    run = page.Run([row], {"answers": {1000: {"answer": 30.0}}}, machine, "2026-11-20")
    run.write(tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["rows"][0]["ratio"] == 2.0
    again = page.Run.read(tmp_path / "run.json")
    assert (again.rows, again.series) == (run.rows, run.series)
    target = tmp_path / "page.md"
    target.write_text("<!-- report:begin bars -->\n<!-- report:end bars -->\n", encoding="utf-8")
    pages.put(target, {"bars": page.tables(again)["bars"]})
    assert "| warm | 20 ms | 10 ms | python -c pass | 2.00 | ≤ 2.5 | met |" in target.read_text(encoding="utf-8")
