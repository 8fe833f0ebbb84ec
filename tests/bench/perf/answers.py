"""One more question in a process that stays, at every size: `inside`, run for each, and the bars that it is held to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.bench.perf import questions
from tests.bench.perf.install import ROOT
from tests.bench.perf.measure import GB, MS, SHARE, Bench, Row

QUESTIONS = 200  # of which ROUNDS are timed; all are asked of the vector search
ROUNDS = 40
SMALL, LARGE, LARGEST = 10_000, 100_000, 1_000_000
MOST_RESIDENT = 2.5  # GB


def measure(bench: Bench) -> list[Row]:
    asked = questions.draw(bench.shared, bench.few(QUESTIONS))
    file = bench.scratch / "questions.json"
    file.write_text(json.dumps(asked), encoding="utf-8")
    found: dict[int, dict[str, Any]] = {}
    for size in bench.sizes:
        place = bench.cache.store(size)
        bench.say(f"{size:,} passages: questions in one process")
        found[size] = _inside(place.project, file, bench.cache.exact(size), bench.few(ROUNDS))
        values = found[size]
        channels = values.pop("channels")
        bench.record("answers", size, values)
        bench.record("channels", size, channels)
    return [row for size in bench.sizes for row in _rows(size, found, bench.few(ROUNDS))]


def _inside(folder: str, questions_file: Any, exact: Any, rounds: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.perf.inside", folder, questions_file, exact, str(rounds)],
        capture_output=True, check=False, text=True, cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _rows(size: int, found: dict[int, dict[str, Any]], runs: int) -> list[Row]:
    values = found[size]
    encode, scan, answer = values["encode"], values["scan"], values["answer"]
    name = f"one more question, {size:,} passages"
    runs *= 2
    rows = [Row("answers", name, answer, MS, encode, "encoding it", 5.0 if size == SMALL else None, runs=runs)]
    if size == LARGE:
        rows.append(Row("answers", name, answer, MS, scan + 5 * encode, "exact scan + 5 × encoding", 1.0, runs=runs))
    if size == LARGEST and LARGE in found:
        rows.append(Row("answers", name, answer, MS, found[LARGE]["answer"], "the same of 100,000", 5.0, runs=runs))
    if size >= LARGE:
        bar = 0.98 if size in (LARGE, LARGEST) else None
        rows.append(
            Row(
                "answers",
                f"ten nearest as exact, {size:,}",
                values["agreement"],
                SHARE,
                bar=bar,
                floor=True,
                runs=QUESTIONS,
            )
        )
    if "RssAnon" in values:
        bar = MOST_RESIDENT if size == LARGEST else None
        own, mapped = values["RssAnon"] / 1e9, values["RssFile"] / 1e9
        note = f"{own:.2f} of its own, {mapped:.2f} mapped files"
        rows.append(Row("answers", f"resident memory, {size:,}", own + mapped, GB, bar=bar, runs=1, note=note))
    return rows
