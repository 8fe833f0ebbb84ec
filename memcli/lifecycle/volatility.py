"""Whether a memory says something of the kind that changes: versions, owners, states, counts, "currently". Pure.

What changes ages faster than what holds (RoMem's idea), by signs in the words alone. English.
"""

from __future__ import annotations

import re
from functools import cache

READ = 2_000  # characters; the beginning says what a memory is about


def is_volatile(title: str, text: str) -> bool:
    """Whether the title or the beginning of the text states something that will not hold for long."""
    return _signs().search(f"{title}\n{text[:READ]}") is not None


@cache
def _signs() -> re.Pattern[str]:
    return re.compile(
        r"""
        \b(?: currently | at\ the\ moment | right\ now | for\ now | as\ of\ (?:today|now|\d) | these\ days | temporar(?:y|ily)
            | this\ (?:week|sprint|month|quarter) | until\ further\ notice | in\ progress | work\ in\ progress | WIP | TODO ) \b
      | \b (?: current | latest | present ) \ (?: version | release | owner | maintainer | status | state | lead | on-?call ) \b
      | \b (?: status | owner | assignee | on-?call | version ) \s* (?: : | \ is \b | \ are \b )
      | \b (?: is | are ) \ (?: now | still | not\ yet ) \b
        """,
        re.IGNORECASE | re.VERBOSE,
    )
