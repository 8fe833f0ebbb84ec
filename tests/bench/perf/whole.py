"""`mem recall` and `mem hook` as whole processes, as somebody at a prompt waits for them: warm, cold by words, and `mem recall`
cold with the model."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcli.agents import sessions
from memcli.encode import model
from memcli.places import Place
from memcli.serve import client
from tests.bench.perf import questions
from tests.bench.perf.measure import MS, Bench, Row, median, paired, percentile, process

BARE = """
import sys
import numpy, onnxruntime
from tokenizers import Tokenizer
folder, question = sys.argv[1:]
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(folder + "/" + WEIGHTS, options)
ids = numpy.array([tokenizer.encode("query: " + question).ids])
session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})
"""
Command = list[str | Path]
WARM_ROUNDS = 4  # times as many as of the others: a twentieth of them tells the 95th percentile
FEW = 9  # runs at each size
STARTS_WITHIN_S = 60.0


def measure(bench: Bench) -> list[Row]:
    place = bench.cache.store(bench.reference)
    asked = questions.draw(bench.shared, bench.rounds)
    ask: list[Command] = [[bench.mem, "--root", place.project, "recall", text] for text in asked]
    nothing: Command = [bench.python, "-c", "pass"]
    count = bench.rounds

    def against_nothing(name: str, flags: list[str], bar: float) -> Row:
        series = paired(count, lambda n: process([*ask[n], *flags]), lambda n: process(nothing))
        ours, base = (median(values, 1000) for values in series)
        return Row("whole", name, ours, MS, base, "python -c pass", bar, runs=count)

    def prompt(n: int) -> float:
        """A prompt of a session of its own, so that nothing was shown in it before."""
        sent = {"session_id": uuid.uuid4().hex, "cwd": place.project, "prompt": asked[n % count]}
        return process([bench.mem, "hook", "claude-code", "UserPromptSubmit"], stdin=json.dumps(sent).encode())

    def hook(name: str, rounds: int, bar: float) -> Row:
        series = paired(rounds, prompt, lambda n: process(nothing))
        ours, base = (median(values, 1000) for values in series)
        told = f"{_told(rounds)} of {rounds} were told something"
        return Row("whole", name, ours, MS, base, "python -c pass", bar, runs=rounds, note=told)

    rows = [against_nothing("mem recall, cold, words alone", ["--lexical"], 3.5)]
    rows.append(hook("mem hook at a prompt, cold", count, 5.0))
    folder = model.load(model.default())
    script = BARE.replace("WEIGHTS", repr(folder.files["weights"].path.rsplit("/", 1)[1]))
    bare = [bench.python, "-c", script, folder.path]
    series = paired(count, lambda n: process(ask[n]), lambda n: process([*bare, asked[n]]))
    rows.append(
        Row(
            "whole",
            "mem recall, cold, with the model",
            median(series[0], 1000),
            MS,
            median(series[1], 1000),
            "bare script",
            1.25,
            runs=count,
        )
    )
    with watching(bench, place):
        for command in ask:  # the first question of a store opens it
            process(command)
        many = count * (1 if bench.quick else WARM_ROUNDS)
        before = _served()
        series = paired(many, lambda n: process(ask[n % count]), lambda n: process(nothing))
        told = f"{_served() - before - 1} of {many} answered by the server"
        rows.insert(0, hook("mem hook at a prompt, warm", many, 3.0))
    base = median(series[1], 1000)
    rows[:0] = [
        Row(
            "whole", "mem recall, warm", median(series[0], 1000), MS, base, "python -c pass", 2.5, runs=many, note=told
        ),
        Row(
            "whole",
            "the same, 95th percentile",
            percentile(series[0], 0.95, 1000),
            MS,
            base,
            "its median",
            5.0,
            runs=many,
        ),
    ]
    return rows


def _told(last: int) -> int:
    """How many of the last calls of hooks put something before the agent."""
    return sum(bool(row.injected) for rows in sessions.read()[:last] for row in rows)


def by_size(bench: Bench) -> list[Row]:
    """The same at every size, for the plot: medians of fewer runs."""
    rounds = bench.few(FEW)
    asked = questions.draw(bench.shared, rounds)
    for size in bench.sizes[:1] if bench.quick else bench.sizes:
        place = bench.cache.store(size)
        bench.say(f"{size:,} passages: whole processes")
        ask: list[Command] = [[bench.mem, "--root", place.project, "recall", text] for text in asked]

        def median_of(*flags: str, ask: list[Command] = ask) -> float:
            process([*ask[0], *flags])
            return median([process([*command, *flags]) for command in ask], 1000)

        bench.record("whole", size, {"words": median_of("--lexical"), "model": median_of()})
        with watching(bench, place):
            median_of()  # the first question of a store opens it
            bench.record("whole", size, {"warm": median_of()})
    return []


def _served() -> int:
    """How many recalls the server has answered."""
    requests = (client.status() or {}).get("requests", {})
    return int(requests.get("recall", {}).get("count", 0))


@contextmanager
def watching(bench: Bench, place: Place) -> Iterator[None]:
    """`mem watch` of a store in the foreground, with its server ready; ended afterwards."""
    watcher = subprocess.Popen(
        [bench.mem, "--root", place.project, "watch"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + STARTS_WITHIN_S
        while client.status() is None:
            if watcher.poll() is not None:
                raise RuntimeError(f"mem watch ended: {watcher.stderr.read().decode() if watcher.stderr else ''}")
            if time.monotonic() > until:
                raise RuntimeError("mem watch has no server after a minute")
            time.sleep(0.05)
        yield
    finally:
        watcher.terminate()
        try:
            watcher.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            watcher.kill()
            watcher.communicate()
