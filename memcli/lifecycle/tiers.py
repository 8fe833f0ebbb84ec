"""Tiers: what retention earns. Pure.

A memory goes down as soon as its retention is below a tier's bound and up only when it is well above it, so that one that lies
on a bound does not go to and fro. One that was of use is never worse than cold: it stays findable by its meaning.
"""

from __future__ import annotations

HOT, WARM, COLD, DORMANT, ARCHIVED = "hot", "warm", "cold", "dormant", "archived"
TIERS = (HOT, WARM, COLD, DORMANT, ARCHIVED)
BOUNDS = (0.8, 0.5, 0.2, 0.05)
"""The least retention of each tier but the last."""
ABOVE = 0.25  # of the way to the bound above (or to 1) that a memory must be past a bound to go up
INJECTED = (HOT, WARM, COLD)
"""Tiers from which memories may come before an agent by themselves; cold ones when they are clearly relevant."""


def tier(retention: float, present: str = HOT, *, used: bool = False) -> str:
    """The tier of a memory that is in `present`; `used`, whether it was ever of use."""
    earned = sum(retention < bound for bound in BOUNDS)
    if used:
        earned = min(earned, TIERS.index(COLD))
    now = TIERS.index(present)
    if earned >= now:
        return TIERS[earned]
    while now > 0 and (retention >= _upward(now) or (used and TIERS[now] not in INJECTED)):
        now -= 1
    return TIERS[now]


def _upward(place: int) -> float:
    """The retention from which a memory leaves a tier upwards."""
    bound = BOUNDS[place - 1]
    above = BOUNDS[place - 2] if place > 1 else 1.0
    return bound + ABOVE * (above - bound)
