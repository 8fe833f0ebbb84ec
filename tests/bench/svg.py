"""Figures as SVG, written by hand, legible on a light and on a dark page: what all of them are made of.

Text and lines are of one grey that both pages carry, a lighter one where the reader's theme is known to be dark.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

FIRST, SECOND = "#3b82c4", "#d9822b"  # blue and orange: apart for the colour-blind too
THIRD, FOURTH = "#2f9e77", "#b0619f"
WIDTH = 760
STYLE = """text{fill:currentColor;font-size:12px}.title{font-size:15px;font-weight:600}.small{font-size:11px}
svg{color:#6e7781}@media (prefers-color-scheme:dark){svg{color:#9198a1}}
.bar{fill-opacity:.45;stroke-width:1.2}.grid{stroke:currentColor;stroke-opacity:.25}.axis{stroke:currentColor;stroke-opacity:.7}
.whisker{stroke:currentColor;stroke-width:1.5;fill:none}
.curve{fill:none;stroke-width:2}.thin{stroke-width:1}.dashed{stroke-dasharray:6 4}.faint{stroke-opacity:.6}"""


def figure(title: str, height: float, legend: list[str], shapes: list[str]) -> str:
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}"'
            f' height="{height:.0f}" font-family="system-ui, sans-serif" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(title)}</title>',
            f"<style>{STYLE}</style>",
            text(12, 22, title, anchor="start", kind="title"),
            *legend,
            *shapes,
            "</svg>\n",
        )
    )


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    shape = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5"'
    return f'<rect class="bar" {shape} fill="{colour}" stroke="{colour}"/>'


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
