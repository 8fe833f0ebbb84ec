"""What a run found, as tables in the terminal and in docs/performance.md, and as figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import pages
from tests.bench.perf.measure import Row
from tests.bench.perf.plots import (
    COLOURS,
    GREY,
    Curve,
    loglog,
    megabytes,
    milliseconds,
    seconds,
    short,
)

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "performance.md"
SILENT_MS = 0.05  # a channel that most questions say nothing to is not drawn
WIDE = 118  # columns of the table in the terminal
Series = Mapping[str, Mapping[int, Mapping[str, float]]]
WHOLE = {"warm": "mem recall, warm", "words": "cold, words alone", "model": "cold, with the model"}
INSIDE = {"answer": "one more question", "encode": "encoding it", "scan": "exact scan, float32"}


class Run:
    """One run: its rows, its values by size, and what it ran on. Kept as JSON."""

    def __init__(self, rows: list[Row], series: Series, machine: dict[str, Any], day: str) -> None:
        self.rows, self.series, self.machine, self.day = rows, series, machine, day

    @classmethod
    def of(cls, rows: list[Row], series: Series, machine: dict[str, Any]) -> Run:
        return cls(rows, series, machine, date.today().isoformat())

    @classmethod
    def read(cls, path: Path) -> Run:
        found = json.loads(path.read_text(encoding="utf-8"))
        series = {
            name: {int(size): values for size, values in sizes.items()} for name, sizes in found["series"].items()
        }
        rows = [Row(**{key: row[key] for key in Row._fields}) for row in found["rows"]]
        return cls(rows, series, found["machine"], found["day"])

    def write(self, path: Path) -> None:
        rows = [{**row._asdict(), "ratio": row.ratio, "met": row.met} for row in self.rows]
        found = {"day": self.day, "machine": self.machine, "rows": rows, "series": self.series}
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")


# --- the terminal


def show(run: Run) -> None:
    """The rows as a table: bars met are marked, missed ones in red."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "ours", "baseline", "", "ratio", "bar", ""):
        table.add_column(column, justify="right" if column else "left")
    before = ""
    for row in run.rows:
        if before and row.what != before:
            table.add_row()
        before = row.what
        cells = _cells(row)
        mark = {None: "", True: "[green]✓[/]", False: "[red]missed[/]"}[row.met]
        table.add_row(row.name, *cells, mark)
    console = Console(highlight=False)
    console.width = max(console.width, WIDE)
    console.print(table)
    missed = sum(row.met is False for row in run.rows)
    held = sum(row.met is True for row in run.rows)
    for row in run.rows:
        if row.note and (row.what == "whole" or row.met is False):
            console.print(f"[dim]{row.name}: {row.note}[/]")
    console.print(f"\n{held} bars met, {missed} missed")


def _cells(row: Row) -> list[str]:
    """Ours, the baseline, what that is, the ratio and the bar."""
    ours, base = value(row.ours, row.unit), "" if row.baseline is None else value(row.baseline, row.unit)
    ratio = "" if row.baseline is None else f"{row.ratio:.2f}"
    bar = "" if row.bar is None else f"{'≥' if row.floor else '≤'} {row.bar:g}"
    return [ours, base, row.against, ratio, bar]


def value(number: float, unit: str) -> str:
    """Three digits that count, and the unit."""
    if unit == "texts/s":
        return f"{number:,.0f}/s"
    digits = 0 if abs(number) >= 100 or number == int(number) else 1 if abs(number) >= 10 else 2 if unit else 3
    return f"{number:,.{digits}f} {unit}".rstrip()


# --- the page


def write(run: Run, page: Path = PAGE, figures: Path = DOCS / "figures") -> None:
    """Put tables between their markers in the page, and draw the figures."""
    pages.put(page, tables(run))
    figures.mkdir(exist_ok=True)
    for name, drawn in drawings(run).items():
        (figures / f"{name}.svg").write_text(drawn, encoding="utf-8")


def tables(run: Run) -> dict[str, str]:
    """Markdown by the name of its place."""
    head = ["", "ours", "baseline", "", "ratio", "bar", ""]
    barred = [row for row in run.rows if row.bar is not None]
    others = [row for row in run.rows if row.bar is None and row.what in ("bulk", "peers", "watch", "change")]
    machine = run.machine
    when = (
        f"Measured on {run.day}: {machine['processor']}, {machine['cores']} cores, {machine['system']}, Python"
        f" {machine['python']}; load before the run {machine['load']}."
    )
    return {
        "machine": when,
        "bars": pages.table(head, [[row.name, *_cells(row), _met(row)] for row in barred]),
        "others": pages.table(head[:5], [[row.name, *_cells(row)[:4]] for row in others]),
        "sizes": by_size(run.series),
        "channels": _grid(run.series.get("channels", {}), ["ms"], lambda number: f"{number:.1f}"),
    }


def _met(row: Row) -> str:
    return "met" if row.met else "**missed**"


def by_size(series: Series) -> str:
    """One column for each size: latency, memory, agreement, disk, building."""
    sizes = sorted({size for found in series.values() for size in found})
    rows: list[list[str]] = []

    def add(name: str, series_name: str, key: str, unit: str, scale: float = 1.0) -> None:
        found = series.get(series_name, {})
        cells = [value(scale * found[size][key], unit) if found.get(size, {}).get(key) else "" for size in sizes]
        if any(cells):
            rows.append([name, *cells])

    for key, name in WHOLE.items():
        add(f"`{name}`" if key == "warm" else name, "whole", key, "ms")
    for key, name in {"answer": INSIDE["answer"], "p95": "its 95th percentile", **INSIDE}.items():
        add(name, "answers", key, "ms")
    add("ten nearest as exact", "answers", "agreement", "")
    add("resident, of its own", "answers", "RssAnon", "MB", 1e-6)
    add("resident, mapped files", "answers", "RssFile", "MB", 1e-6)
    add("adding one memory", "change", "add", "ms")
    add("deleting one memory", "change", "delete", "ms")
    for kind in ("index", "embeddings", "derived"):
        add(f"on disk: {kind}", "disk", kind, "MB", 1e-6)
    add("indexing words", "building", "words", "s")
    add("giving known vectors", "building", "vectors", "s")
    add("deriving arrays", "building", "derived", "s")
    return pages.table(["passages", *map(short, sizes)], rows)


def _grid(found: Mapping[int, Mapping[str, float]], head: list[str], shown: Any) -> str:
    sizes = sorted(found)
    names = list(dict.fromkeys(name for size in sizes for name in found[size]))
    rows = [[name, *(shown(found[size][name]) if name in found[size] else "" for size in sizes)] for name in names]
    return pages.table([*head, *map(short, sizes)], rows)


# --- figures


def drawings(run: Run) -> dict[str, str]:
    """SVG by file name."""
    series = run.series
    found = {}
    latency = [
        *_curves(series, "whole", WHOLE, COLOURS),
        *_curves(series, "answers", INSIDE, (*COLOURS[3:4], GREY, GREY), dashed=("encode", "scan")),
    ]
    if latency:
        found["speed"] = loglog("A question, by the size of the store", "medians", latency, milliseconds)
    names = {name for values in series.get("channels", {}).values() for name in values}
    largest = max(series.get("channels", {0: {}}))
    spent = {name: series["channels"][largest].get(name, 0.0) for name in names}
    order = sorted((name for name in names if spent[name] > SILENT_MS), key=lambda name: -spent[name])
    channels = _curves(series, "channels", {name: name for name in order}, COLOURS)
    channels += _curves(series, "answers", {"scan": INSIDE["scan"]}, (GREY,), dashed=("scan",))
    if names:
        found["channels"] = loglog(
            "What the channels take of an answer", "medians, one process", channels, milliseconds
        )
    kinds = {"index": "index", "embeddings": "embeddings, kept", "derived": "derived"}
    disk = _curves(series, "disk", kinds, COLOURS, scale=1e-6)
    if disk:
        found["disk"] = loglog("On disk", "", disk, megabytes)
    steps = {"words": "indexing words", "vectors": "giving vectors", "derived": "deriving arrays"}
    building = _curves(series, "building", steps, COLOURS)
    building += _curves(series, "building", {"bare": "bare FTS5 loop"}, (GREY,), dashed=("bare",))
    if building:
        found["building"] = loglog("Making an index of texts that are known", "", building, seconds)
    return found


def _curves(
    series: Series,
    name: str,
    wanted: Mapping[str, str],
    colours: Iterable[str],
    *,
    dashed: tuple[str, ...] = (),
    scale: float = 1.0,
) -> list[Curve]:
    found = series.get(name, {})
    curves = []
    for (key, shown), colour in zip(wanted.items(), [*colours, *COLOURS, *COLOURS], strict=False):
        values = {size: scale * numbers[key] for size, numbers in found.items() if key in numbers}
        if values:
            curves.append(Curve(shown, values, colour, key in dashed))
    return curves
