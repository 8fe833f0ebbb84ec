"""One memory added, and deleted again, in a small and in a large store: file, journal and index, with every fsync.

The model has no part in it: each text was in the store before, so that its embedding is known.
"""

from __future__ import annotations

import time

from memcli.store import Store
from tests.bench.perf.measure import MS, Bench, Row, median

SMALL, LARGEST = 10_000, 1_000_000
ROUNDS = 24
TEXT = "The turnstile at gate {} counts visitors twice after a power cut; reset its counter before opening."


def measure(bench: Bench) -> list[Row]:
    sizes = [size for size in (bench.reference, max(bench.sizes)) if size in bench.sizes]
    stores = {size: Store(bench.cache.store(size)) for size in sizes}
    texts = [TEXT.format(n + 100) for n in range(bench.few(ROUNDS))]
    spent: dict[tuple[str, int], list[float]] = {}
    for timed_round in (False, True):  # in the first one the texts become known
        for text in texts:
            for size, store in stores.items():
                began = time.perf_counter()
                path = store.add(text).path
                store.sync([path])
                between = time.perf_counter()
                store.forget([path])
                store.sync([path])
                if timed_round:
                    spent.setdefault(("add", size), []).append(between - began)
                    spent.setdefault(("delete", size), []).append(time.perf_counter() - between)
    rows = []
    for verb in ("add", "delete"):
        small = median(spent[verb, sizes[0]], 1000)
        for size in sizes:
            bench.record("change", size, {verb: median(spent[verb, size], 1000)})
        rows.append(Row("change", f"{verb} one memory, {sizes[0]:,} passages", small, MS, runs=len(texts)))
        if len(sizes) > 1:
            large = median(spent[verb, sizes[1]], 1000)
            bar = 3.0 if sizes[1] == LARGEST else None
            name = f"{verb} one memory, {sizes[1]:,} passages"
            rows.append(Row("change", name, large, MS, small, f"the same of {sizes[0]:,}", bar, runs=len(texts)))
    return rows
