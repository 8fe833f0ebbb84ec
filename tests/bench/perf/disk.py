"""What an index takes on disk, for a passage, at every size."""

from __future__ import annotations

from pathlib import Path

from memcli.places import Place
from tests.bench.perf.measure import KB, Bench, Row


def measure(bench: Bench) -> list[Row]:
    rows = []
    for size in bench.sizes:
        place = bench.cache.store(size)
        made = bench.cache.built(size)
        assert made is not None
        kinds = sizes(place)
        bench.record("disk", size, {**kinds, "passages": made.passages})
        whole = sum(kinds.values()) / made.passages / 1000
        shares = ", ".join(f"{name} {value / made.passages / 1000:.2f}" for name, value in kinds.items())
        rows.append(Row("disk", f"index for a passage, {size:,}", whole, KB, runs=1, note=shares))
    return rows


def sizes(place: Place) -> dict[str, float]:
    """Bytes of a store's index, of its embeddings, and of what is derived from both where something is."""
    found: dict[str, float] = {}
    for path in Path(place.cache).rglob("*"):
        if path.is_file() and path.name != "owner":
            kind = path.name.partition(".db")[0]
            kind = kind if kind in ("index", "embeddings") else "derived"
            found[kind] = found.get(kind, 0.0) + path.stat().st_size
    return dict(sorted(found.items(), reverse=True))
