"""Curves by size on logarithmic axes, as SVG, each with its name at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.bench.svg import FIRST, FOURTH, SECOND, THIRD, WIDTH, figure, line, text

LEFT, RIGHT, TOP, HEIGHT = 62, 178, 44, 300
FOOT = TOP + HEIGHT
ROOM = 14  # between two names at the right
GREY = "currentColor"
COLOURS = (FIRST, SECOND, THIRD, FOURTH, "#c0504d", "#7a6fc0", "#8c8c3a", "#3aa0a8", "#a87b4f")


class Curve(NamedTuple):
    """Values by size. `dashed` is for what is no measurement of ours: limits and baselines."""

    name: str
    values: Mapping[int, float]
    colour: str
    dashed: bool = False


def loglog(title: str, note: str, curves: list[Curve], shown: Callable[[float], str]) -> str:
    """The curves; `shown` writes a value of the upright axis."""
    curves = [curve._replace(values={x: y for x, y in curve.values.items() if y > 0}) for curve in curves]
    curves = [curve for curve in curves if curve.values]
    sizes = sorted({size for curve in curves for size in curve.values})
    values = [value for curve in curves for value in curve.values.values()]
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    most = max(most, least + 1)
    first, last = math.log10(sizes[0]), math.log10(max(sizes[-1], sizes[0] * 10))

    def x(size: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(size) - first) / (last - first)

    def y(value: float) -> float:
        return FOOT - HEIGHT * (math.log10(value) - least) / (most - least)

    shapes = []
    for decade in range(least, most + 1):
        shapes.append(
            line("axis" if decade == least else "grid", LEFT, y(10.0**decade), WIDTH - RIGHT, y(10.0**decade))
        )
        shapes.append(text(LEFT - 8, y(10.0**decade) + 4, shown(10.0**decade), anchor="end", kind="small"))
    for size in sizes:
        shapes.append(line("grid", x(size), TOP, x(size), FOOT))
        shapes.append(text(x(size), FOOT + 17, short(size), kind="small"))
    shapes.append(text(LEFT + (WIDTH - LEFT - RIGHT) / 2, FOOT + 36, "passages", kind="small"))
    for curve in curves:
        shapes += _drawn(curve, x, y)
    shapes += _names(curves, x, y)
    return figure(title, FOOT + 48, [text(WIDTH - 12, 22, note, anchor="end", kind="small")], shapes)


def _drawn(curve: Curve, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    places = [(x(size), y(value)) for size, value in sorted(curve.values.items())]
    path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
    kind = "curve dashed" if curve.dashed else "curve"
    dots = [] if curve.dashed else [
        f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{curve.colour}"/>' for across, down in places
    ]  # fmt: skip
    return [f'<path class="{kind}" d="{path}" stroke="{curve.colour}"/>', *dots]


def _names(curves: list[Curve], x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    """The name of each curve beside its last point, moved apart where they would meet."""
    ends = sorted((y(curve.values[max(curve.values)]), n) for n, curve in enumerate(curves))
    places: list[float] = []
    for down, _ in ends:
        places.append(max(down, places[-1] + ROOM) if places else down)
    overflow = max(0.0, places[-1] - FOOT)
    for n in range(len(places) - 1, -1, -1):  # back up from the foot
        limit = FOOT if n == len(places) - 1 else places[n + 1] - ROOM
        places[n] = min(places[n], limit) if overflow else places[n]
    shapes = []
    for (down, n), place in zip(ends, places, strict=True):
        curve = curves[n]
        end, start = x(max(curve.values)) + 5, WIDTH - RIGHT + 16
        kind = "curve dashed faint" if curve.dashed else "curve faint"
        path = f"M{end:.1f} {down:.1f}L{start:.1f} {place:.1f}"
        shapes.append(f'<path class="{kind} thin" d="{path}" stroke="{curve.colour}"/>')
        shapes.append(f'<circle cx="{start + 4:.1f}" cy="{place:.1f}" r="3.5" fill="{curve.colour}"/>')
        shapes.append(text(start + 12, place + 4, curve.name, anchor="start", kind="small"))
    return shapes


def short(size: int) -> str:
    """1,000 as 1k, 1,000,000 as 1M."""
    for unit, sign in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size / unit:g}{sign}"
    return str(size)


def milliseconds(value: float) -> str:
    return f"{value:g} ms" if value < 1000 else seconds(value / 1000)


def seconds(value: float) -> str:
    return f"{value:g} s" if value < 60 else f"{value:,.0f} s"


def megabytes(value: float) -> str:
    return f"{value:g} MB" if value < 1000 else f"{value / 1000:g} GB"
