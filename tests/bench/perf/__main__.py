"""Everything that issue after issue promised about speed, measured against its baseline in the same run.

    python -m tests.bench.perf ../shared [WHAT …] [--cache DIR] [--sizes N,N,…] [--mem MEM] [--json FILE] [--docs] [--quick]

WHAT is among those below; all of them without. The first run makes the stores (it embeds up to 100,000 passages, which takes
the better part of an hour); later ones find them in the cache. Run it on an idle machine. --docs fills docs/performance.md and
draws docs/figures from this run; `--from FILE --docs`, from one that was kept with --json.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.perf import answers, bulk, change, disk, page, peers, small, watch, whole
from tests.bench.perf.install import install
from tests.bench.perf.measure import Bench, Row, machine
from tests.bench.perf.stores import Cache

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK = (60, 120)
MISLEADING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "XDG_RUNTIME_DIR")  # would make the installed command another
MEASUREMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    "whole": whole.measure,
    "sizes": whole.by_size,
    "answers": answers.measure,
    "change": change.measure,
    "imports": bulk.imports,
    "builds": bulk.builds,
    "walk": bulk.walk,
    "watch": watch.measure,
    "disk": disk.measure,
    "building": bulk.building,
    "peers": peers.measure,
}


def run(bench: Bench, wanted: list[str]) -> page.Run:
    """Measure what is wanted, in the order of the table above."""
    before = machine()
    rows: list[Row] = []
    for name, measure in MEASUREMENTS.items():
        if name in wanted:
            began = time.perf_counter()
            bench.say(name)
            rows += measure(bench)
            bench.say(f"{name}: {time.perf_counter() - began:.0f} s")
    return page.Run.of(rows, bench.series, before)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.perf", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path, help="the development data; not read in the quick form")
    parser.add_argument("what", nargs="*", metavar="WHAT", help=", ".join(MEASUREMENTS))
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "memcli-perf", help="where stores are kept between runs"
    )
    parser.add_argument("--sizes", help="passages of the stores, with commas between")
    parser.add_argument("--mem", type=Path, help="an installed command, instead of one that is installed for the run")
    parser.add_argument("--json", type=Path, help="keep what was measured in this file")
    parser.add_argument("--from", dest="kept", type=Path, help="measure nothing; show what was kept in this file")
    parser.add_argument("--docs", action="store_true", help="fill docs/performance.md and draw its figures")
    parser.add_argument(
        "--anew", action="store_true", help="index all stores anew, from their files and what was embedded"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes and few rounds: whether everything runs")
    given = parser.parse_args(arguments)
    unknown = set(given.what) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}; one of: {', '.join(MEASUREMENTS)}")
    found = page.Run.read(given.kept) if given.kept else measured(given)
    page.show(found)
    if given.json:
        found.write(given.json)
    if given.docs:
        page.write(found)
    return 1 if any(row.met is False for row in found.rows) else 0


def measured(given: argparse.Namespace) -> page.Run:
    for name in MISLEADING:
        os.environ.pop(name, None)
    sizes = tuple(map(int, given.sizes.split(","))) if given.sizes else QUICK if given.quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        mem = given.mem.absolute() if given.mem else install(scratch / "environment")
        shared = small.make(scratch / "shared") if given.quick else given.shared.resolve()
        cache = Cache(scratch / "cache" if given.quick else given.cache, shared, say, anew=given.anew)
        reference = QUICK[0] if given.quick else 10_000
        rounds = 2 if given.quick else 25
        bench = Bench(shared, cache, sizes, mem, scratch, say, rounds, given.quick, reference)
        return run(bench, given.what or list(MEASUREMENTS))


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
