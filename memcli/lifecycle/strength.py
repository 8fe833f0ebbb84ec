"""How much of a memory remains: retention from what happened to it, by a formula that anybody can check. Pure.

Retention is R = exp(−t/S), t and S in days (MemoryBank, arXiv 2305.10250, after Ebbinghaus). t runs from the latest of
indexed, edited, confirmed and used, and counts time in which the store was in use: a gap counts at most `GAP` days, so that
a sabbatical fades nothing. S begins with the type of a memory and grows with each use by 1.05 + growth · (1 − R): a use that
came late, when little remained, strengthens most, and the second within hours not at all (the spacing effect; Cepeda et al.,
Psychological Bulletin 2006). The first use counts twice, since nothing says more of a memory than that it was of use at all.
Being shown is no use. Utility is what outcomes say of it (MemRL, arXiv 2601.03192): an
exponential mean of useful and wrong that begins kindly and goes back to neutral with time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

INDEXED, EDITED, CONFIRMED, USEFUL, WRONG = "indexed", "edited", "confirmed", "useful", "wrong"
GAP = 7.0  # days that a time without any activity counts at most
LONGEST = 3650.0  # days; what is used for ten years needs no more
USED, FIRST = 1.05, 2.0  # growth by any use, and by the first one besides
APART = 0.5  # days: uses closer together are one
CONFIRMATION = 1.5  # strength after somebody said that it still holds
LINK = 0.1  # of the strength that each link to a memory adds, …
LINKS = 5  # … up to so many
WRONGED = 0.25  # of the strength that is left after it was wrong
VOLATILE = 0.5  # of the strength of a type, for what says something that changes (`lifecycle.volatility`)
NEUTRAL, KIND = 0.5, 0.6  # utility that says nothing, and that of a memory without outcomes
LEARNING = 0.3  # how far one outcome moves utility
FORGIVING = 60.0  # days after which utility is half-way back to neutral


class Policy(NamedTuple):
    """What a store's owner decides: the initial strength of each type, in days, and the growth by spacing (at R = 0)."""

    strengths: dict[str, float]
    growth: float


class Happening(NamedTuple):
    """What happened to a memory, and when, in days of any fixed origin."""

    day: float
    what: str


class Traits(NamedTuple):
    """What a memory is, besides its history; `links` counts those that lead to it."""

    type: str
    pinned: bool = False
    links: int = 0
    volatile: bool = False


class State(NamedTuple):
    """How a memory stands: `retention` 0..1, `strength` in days, `since`, the day that t runs from, `uses` so far, `utility`
    0..1, and whether it is `barred` from speaking by itself, because it was wrong and nobody mended or confirmed it since."""

    retention: float
    strength: float
    since: float
    uses: int
    utility: float
    barred: bool


class Activity:
    """The days on which a store was in use; tells how much time passed between two days, gaps counted at most `GAP` days."""

    def __init__(self, days: Iterable[float]) -> None:
        self._days = sorted(set(days))
        self._passed = [0.0]
        for before, after in zip(self._days, self._days[1:], strict=False):
            self._passed.append(self._passed[-1] + min(GAP, after - before))

    def between(self, first: float, last: float) -> float:
        """Days in use from `first` to `last`; 0 where `last` is not later."""
        return max(0.0, self._at(last) - self._at(first)) if last > first else 0.0

    def _at(self, day: float) -> float:
        """Time in use up to a day, from the first active one."""
        if not self._days:
            return 0.0
        import bisect

        place = bisect.bisect_right(self._days, day) - 1
        if place < 0:
            return -min(GAP, self._days[0] - day)
        following = self._days[place + 1] - self._days[place] if place + 1 < len(self._days) else math.inf
        gone = day - self._days[place]
        # Within a long gap time passes until the cap and then stands still.
        return self._passed[place] + min(gone, GAP, following)


def state(history: Sequence[Happening], traits: Traits, activity: Activity, now: float, policy: Policy) -> State:
    """How a memory with this history, oldest first, stands on day `now`. What lies after `now` is not looked at."""
    strength = initial(traits, policy)
    since, uses, barred = now, 0, False
    utility, judged = KIND, None
    begun = False
    for day, what in history:
        if day > now:
            break
        if not begun:
            since, begun = day, True
        if what in (USEFUL, EDITED):
            if day - since >= APART or not uses:
                faded = 1.0 - _retention(activity, since, day, strength)
                first = FIRST if what == USEFUL and not uses else 1.0
                strength = min(LONGEST, strength * first * (USED + policy.growth * faded))
            uses += what == USEFUL
        elif what == CONFIRMED:
            strength = min(LONGEST, strength * CONFIRMATION)
        elif what == WRONG:
            strength *= WRONGED
        if what in (USEFUL, WRONG):
            utility = _relaxed(utility, activity.between(judged, day) if judged is not None else 0.0)
            utility += LEARNING * (float(what == USEFUL) - utility)
            judged = day
        barred = what == WRONG or (barred and what not in (EDITED, CONFIRMED))
        if what != WRONG:
            since = day
    if judged is not None:
        utility = _relaxed(utility, activity.between(judged, now))
    retention = 1.0 if traits.pinned else _retention(activity, since, now, strength)
    return State(retention, strength, since, uses, utility, barred)


def initial(traits: Traits, policy: Policy) -> float:
    """The strength that a memory begins with, in days."""
    strength = policy.strengths.get(traits.type, policy.strengths["fact"])
    return strength * (VOLATILE if traits.volatile else 1.0) * (1.0 + LINK * min(traits.links, LINKS))


def _retention(activity: Activity, since: float, day: float, strength: float) -> float:
    return math.exp(-activity.between(since, day) / strength)


def _relaxed(utility: float, days: float) -> float:
    """Utility on its way back to neutral."""
    return NEUTRAL + (utility - NEUTRAL) * math.pow(0.5, days / FORGIVING)
