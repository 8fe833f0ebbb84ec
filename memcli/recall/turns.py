"""How much a turn says by itself: a passing remark little, a long message all that it has to say. Lean, pure."""

from __future__ import annotations

import math

SHORT, LONG = 250, 6000  # characters


def shortness(length: int) -> float:
    """1 up to `SHORT` characters, 0 from `LONG` on, in between by the logarithm."""
    if length <= SHORT:
        return 1.0
    return max(0.0, 1.0 - math.log(length / SHORT) / math.log(LONG / SHORT))
