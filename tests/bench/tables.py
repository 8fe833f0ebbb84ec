"""Tables of the report in Markdown.

Numbers are written as in the field's papers: .834, and differences with their sign, 95 % interval in brackets, in bold where
that excludes 0.
"""

from __future__ import annotations

from typing import Any

from pages import table
from paired import METRICS, Estimate, Result, gain, mean
from variants import FTS5, FULL, alone, without

JUDGED = ("R@5", "R@10", "all@10", "nDCG@10", "MRR")


def number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    text = f"{abs(value):.{digits}f}".removeprefix("0")
    return f"−{text}" if value < 0 and text.strip(".0") else text


def difference(found: Estimate, digits: int = 3) -> str:
    """`**+.021** [.008, .035]`, and `0` for what changed nothing."""
    if max(abs(value) for value in found) < 0.5 * 10**-digits:
        return "0"
    text = number(found.mean, digits)
    sign = "" if text.startswith("−") else "+"
    shown = f"**{sign}{text}**" if found.excludes_zero else f"{sign}{text}"
    return f"{shown} [{number(found.low, digits)}, {number(found.high, digits)}]"


def metrics(results: list[Result], judged: dict[str, dict[str, Any]], *, more: bool) -> str:
    """The judge's metrics, ours above the baseline's; `more` adds those that only the suites have."""
    head = ["", "system", "n", *JUDGED, *(["macro nDCG", "AUROC", "newest"] if more else []), "R@10 over FTS5"]
    rows = []
    for result in results:
        for system, shown in ((FULL, "mem"), (FTS5, "FTS5")):
            found = judged[result.bed.name][system]
            row = [result.bed.name, shown, str(found["n"]), *(number(found["micro"][name]) for name in JUDGED)]
            if more:
                row += [number(value) for value in (found["macro"]["nDCG@10"], found["AUROC"], found["newest"])]
            rows.append([*row, difference(gain([result], FULL, FTS5, "R@10")) if system == FULL else ""])
    return table(head, rows)


def ablation(results: list[Result], metric: str, digits: int = 3) -> str:
    """What each part adds to one metric, over all beds and on each."""
    head = [f"{metric}: with, less without", "mean", *(result.bed.name for result in results)]
    columns = [results, *([result] for result in results)]
    rows = [["*all parts together reach*", *(number(mean(column, FULL, metric).mean, digits) for column in columns)]]
    for part in removals(results):
        rows.append([part, *(difference(gain(column, FULL, without(part), metric), digits) for column in columns)])
    return table(head, rows)


def channels_alone(results: list[Result]) -> str:
    """What each channel reaches by itself, both metrics in a cell."""
    names = [part for part in removals(results) if alone(part) in results[0].scores]
    rows = []
    for variant, shown in [(FULL, "*all parts together*"), *((alone(name), name) for name in names)]:
        cells = ["/".join(number(mean([result], variant, metric).mean) for metric in METRICS) for result in results]
        rows.append([shown, *cells])
    return table([" / ".join(METRICS), *(result.bed.name for result in results)], rows)


def removals(results: list[Result]) -> list[str]:
    """The parts that were removed, in the order of their registration."""
    prefix = without("")
    return [name.removeprefix(prefix) for name in results[0].scores if name.startswith(prefix)]
