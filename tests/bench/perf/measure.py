"""What a measurement is: a row of ours against a baseline of the same run, and whether the bar is met."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.perf.stores import Cache

MS, SECONDS, PER_SECOND, GB, KB, SHARE = "ms", "s", "texts/s", "GB", "KB", ""


class Row(NamedTuple):
    """One line of the report. The bar is for `ratio`: ours by the baseline, or ours alone where there is none.

    `floor` says that the ratio must reach the bar, not stay below it; `runs` is how often each side was timed.
    """

    what: str
    name: str
    ours: float
    unit: str
    baseline: float | None = None
    against: str = ""
    bar: float | None = None
    floor: bool = False
    runs: int = 0
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours if self.baseline is None else self.ours / self.baseline

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        return self.ratio >= self.bar if self.floor else self.ratio <= self.bar


@dataclass(slots=True)
class Bench:
    """What every measurement needs. `mem` is the installed command, `rounds` how often both sides of a pair run."""

    shared: Path
    cache: Cache
    sizes: Sequence[int]
    mem: Path
    scratch: Path
    say: Callable[[str], None]
    rounds: int = 25
    quick: bool = False
    reference: int = 10_000  # passages of the store that most is measured on
    series: dict[str, dict[int, dict[str, float]]] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter that the installed command runs in."""
        return self.mem.parent / "python"

    def few(self, wanted: int) -> int:
        """`wanted` things, or two in the quick form."""
        return min(wanted, 2) if self.quick else wanted

    def record(self, series: str, size: int, values: Mapping[str, float]) -> None:
        """Remember values of a store of this size for the plots."""
        self.series.setdefault(series, {}).setdefault(size, {}).update(values)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def process(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> float:
    """Seconds of a whole process. Raises CalledProcessError for another exit code than 0 and 1 (nothing found)."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=environment, input=stdin)
    took = time.perf_counter() - began
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, [*map(str, command)], done.stdout, done.stderr)
    return took


def paired(
    rounds: int, ours: Callable[[int], float], baseline: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """Both sides alternately, after one run of each that does not count; each gives the seconds of round n.

    Who begins alternates too, so that what one leaves in the caches hits both.
    """
    ours(0), baseline(0)
    found: tuple[list[float], list[float]] = ([], [])
    for n in range(rounds):
        for side in (0, 1) if n % 2 else (1, 0):
            found[side].append((ours, baseline)[side](n))
    return found


def median(values: Sequence[float], scale: float = 1.0) -> float:
    return scale * statistics.median(values)


def percentile(values: Sequence[float], share: float, scale: float = 1.0) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return scale * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import platform

    model = next(
        (line.partition(":")[2].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def lines_of(path: str) -> list[str]:
    """The lines of a file that the system makes; none where it makes none."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
