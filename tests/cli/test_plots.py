"""Pictures for a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memcli.cli import plots


def test_bars_are_as_long_as_their_share() -> None:
    long, half, none = plots.bars([("a", 8), ("bb", 4), ("c", 0)], 40)
    assert abs(long.count("█") - 2 * half.count("█")) <= 1
    assert none.count("█") == 0 < half.count("█")
    assert [line.split()[-1] for line in (long, half, none)] == ["8", "4", "0"]


def test_a_little_is_not_nothing() -> None:
    assert "▏" in plots.bars([("a", 100_000), ("b", 1)], 40)[1]


def test_a_curve_falls_and_is_marked() -> None:
    lines = plots.curve([(0, 1.0), (1, 0.5), (2, 0.0)], 20, 5, marks=[(0.5, "half")])
    assert len(lines) == 5
    assert lines[2].endswith("half")
    first, last = (next(n for n, c in enumerate(line) if "\u2800" < c <= "\u28ff") for line in (lines[0], lines[-1]))
    assert first < last


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), min_size=1, max_size=50).map(sorted),
    st.integers(1, 200),
    st.integers(1, 40),
)
def test_any_curve_fits(points: list[tuple[float, float]], width: int, height: int) -> None:
    lines = plots.curve(points, width, height)
    assert len(lines) == max(2, height)
    assert all(len(line) <= max(8, width) for line in lines)
    assert any("\u2800" < c <= "\u28ff" for line in lines for c in line)
