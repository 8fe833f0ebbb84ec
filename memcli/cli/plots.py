"""Pictures for a terminal: bars and a curve, in characters that every terminal has. Pure; returns lines."""

from __future__ import annotations

from collections.abc import Sequence

from memcli.guard.hidden import columns

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row and column


def bars(rows: Sequence[tuple[str, int]], width: int) -> list[str]:
    """A line for each (name, count): the name, a bar as long as its share of the greatest, the count."""
    greatest = max((count for _, count in rows), default=0) or 1
    names = max((columns(name) for name, _ in rows), default=0)
    figures = max((len(f"{count:,}") for _, count in rows), default=0)
    room = max(8, width - names - figures - 4)
    lines = []
    for name, count in rows:
        eighths = round(8 * room * count / greatest) or (1 if count else 0)
        bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
        lines.append(f"{name:<{names}}  {bar:<{room}}  {count:>{figures},}".rstrip())
    return lines


def curve(
    points: Sequence[tuple[float, float]], width: int, height: int, *, marks: Sequence[tuple[float, str]] = ()
) -> list[str]:
    """Points (x, y), y from 0 to 1, as dots of braille; `marks` are (y, name) of lines across, named at the right."""
    across, down = max(8, width) * 2, max(2, height) * 4
    begin, end = points[0][0], max(points[-1][0], points[0][0] + 1e-9)
    cells = [[0] * (across // 2) for _ in range(down // 4)]
    before: int | None = None
    for x, y in points:
        column = min(across - 1, int((x - begin) / (end - begin) * (across - 1)))
        row = min(down - 1, max(0, round((1.0 - y) * (down - 1))))
        for step in range(min(row, before), max(row, before) + 1) if before is not None else (row,):
            cells[step // 4][column // 2] |= _DOTS[step % 4][column % 2]
        before = row
    names = {round((1.0 - y) * (height - 1)): name for y, name in marks}
    lines = []
    for number, row_cells in enumerate(cells):
        ruled = "·" if number in names else " "
        lines.append("".join(chr(0x2800 + cell) if cell else ruled for cell in row_cells) + f" {names.get(number, '')}")
    return [line.rstrip() for line in lines]
