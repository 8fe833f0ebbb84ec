"""How the caller sees what is printed: from which folder, how wide, in colour or not.

The warm server prints for others, so whatever an answer's looks depend on is a value here and goes with the request.
Lean: imported before a server is asked.
"""

from __future__ import annotations

import os
import sys

WIDEST, UNKNOWN = 120, 80  # columns


class View:
    """`here` is the caller's working directory, `width` the columns of a line, `colour` whether escape codes are wanted."""

    __slots__ = ("colour", "here", "width")

    def __init__(self, here: str, width: int, colour: bool) -> None:
        self.here = here
        self.width = width
        self.colour = colour

    @classmethod
    def of_process(cls) -> View:
        """What this process prints on. Raises OSError where its working directory is gone."""
        return cls(os.getcwd(), _width(), wants_colour())


def wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    try:
        return min(os.get_terminal_size(sys.stdout.fileno()).columns, WIDEST)
    except (OSError, ValueError):
        return UNKNOWN
