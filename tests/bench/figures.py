"""The report's figures as SVG, written by hand: bars with 95 % whiskers, legible on a light and on a dark page.

Text and lines are of one grey that both pages carry, a lighter one where the reader's theme is known to be dark; bars are
tinted, so that the page shines through and whiskers stand out from them.
"""

from __future__ import annotations

from typing import NamedTuple

from paired import Estimate
from svg import FIRST, SECOND, WIDTH, bar, figure, line, text
from tables import number

BAR, GAP = 34, 4
TOP, HEIGHT = 64, 220  # of the plot of upright bars
ROW, LYING = 34, 11  # of a row of lying bars, and of one bar in it
LABELS, VALUES = 190, 60  # room for names at the left and values at the right


class Bars(NamedTuple):
    """One name on the axis, a note below it, and an estimate for each series (None where there is none)."""

    name: str
    note: str
    estimates: tuple[Estimate | None, ...]


def upright(title: str, series: tuple[str, str], groups: list[Bars]) -> str:
    """Groups of two upright bars on a scale from 0 to 1."""
    left, right = 44, 12
    step = (WIDTH - left - right) / len(groups)
    foot = TOP + HEIGHT

    def y(value: float) -> float:
        return foot - HEIGHT * value

    shapes = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        kind = "grid" if tick else "axis"
        shapes.append(line(kind, left, y(tick), WIDTH - right, y(tick)))
        shapes.append(text(left - 8, y(tick) + 4, f"{tick:.1f}", anchor="end", kind="small"))
    for place, group in enumerate(groups):
        middle = left + step * (place + 0.5)
        start = middle - (len(series) * BAR + (len(series) - 1) * GAP) / 2
        for n, (estimate, colour) in enumerate(zip(group.estimates, (FIRST, SECOND), strict=True)):
            if estimate is None:
                continue
            x = start + n * (BAR + GAP)
            shapes.append(bar(x, y(estimate.mean), BAR, foot - y(estimate.mean), colour))
            shapes.append(_whisker_up(x + BAR / 2, y(estimate.low), y(estimate.high)))
            shapes.append(text(x + BAR / 2, y(estimate.high) - 7, number(estimate.mean, 2), kind="small"))
        shapes.append(text(middle, foot + 19, group.name))
        shapes.append(text(middle, foot + 35, group.note, kind="small"))
    return figure(title, foot + 48, _legend(series, "whiskers: 95 %"), shapes)


def lying(title: str, series: tuple[str, str], rows: list[Bars]) -> str:
    """Rows of two lying bars from a common zero, each with its value."""
    found = [estimate for row in rows for estimate in row.estimates if estimate is not None]
    least, most = min(0.0, *(e.low for e in found)), max(0.01, *(e.high for e in found))
    step = next(size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (most - least) / size <= 9)
    scale = (WIDTH - LABELS - VALUES) / (most - least)
    foot = TOP + ROW * len(rows)

    def x(value: float) -> float:
        return LABELS + scale * (value - least)

    shapes = []
    for n in range(-int(-least / step), int(most / step) + 1):
        shapes.append(line("grid" if n else "axis", x(n * step), TOP - 4, x(n * step), foot + 2))
        shapes.append(text(x(n * step), foot + 17, number(n * step, 2) if n else "0", kind="small"))
    for place, row in enumerate(rows):
        top = TOP + ROW * place + (ROW - 2 * LYING - 2) / 2
        shapes.append(text(LABELS - 12, top + LYING + 5, row.name, anchor="end"))
        for n, (estimate, colour) in enumerate(zip(row.estimates, (FIRST, SECOND), strict=True)):
            if estimate is None:
                continue
            y = top + n * (LYING + 2)
            if not any(estimate):
                shapes.append(text(x(0.0) + 6, y + LYING - 1.5, "0", anchor="start", kind="small"))
                continue
            start, end = sorted((x(0.0), x(estimate.mean)))
            shapes.append(bar(start, y, max(end - start, 0.5), LYING, colour))
            shapes.append(_whisker_along(y + LYING / 2, x(estimate.low), x(estimate.high)))
            shown = f"{number(estimate.mean)} *" if estimate.excludes_zero else number(estimate.mean)
            shapes.append(text(max(x(estimate.high), x(0.0)) + 6, y + LYING - 1.5, shown, anchor="start", kind="small"))
    return figure(title, foot + 28, _legend(series, "whiskers: 95 %; * excludes 0"), shapes)


def _legend(series: tuple[str, str], note: str) -> list[str]:
    shapes, x = [text(WIDTH - 12, 45, note, anchor="end", kind="small")], 12.0
    for name, colour in zip(series, (FIRST, SECOND), strict=True):
        shapes += [bar(x, 35, 11, 11, colour), text(x + 17, 45, name, anchor="start")]
        x += 17 + 6.6 * len(name) + 20
    return shapes


def _whisker_up(x: float, low: float, high: float) -> str:
    return f'<path class="whisker" d="M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8M{x:.1f} {low:.1f}V{high:.1f}"/>'


def _whisker_along(y: float, low: float, high: float) -> str:
    return f'<path class="whisker" d="M{low:.1f} {y - 3:.1f}v6M{high:.1f} {y - 3:.1f}v6M{low:.1f} {y:.1f}H{high:.1f}"/>'
