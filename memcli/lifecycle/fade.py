"""Forgetting that demotes and never loses: which memories change their tier and why, and doing it.

A plan reads and writes nothing. Carrying it out writes one event into the journal, which `mem undo` takes back, and then
brings the index to it. Nothing fades when something is wrong with the clock or the tree, or when half of the store would fall
silent at once; no memory's text is touched, ever.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from memcli import journal
from memcli.config import Config
from memcli.lifecycle import history, standing, strength, tiers
from memcli.lifecycle.standing import Standing, Survey
from memcli.places import Place

FEW = 10  # memories; of so few, half may go at once
EMPTIED = 0.5  # of the files that the journal knows: fewer, and somebody is on another branch
BEHIND = 1.0  # days that the clock may be behind the journal
LATEST = 400.0  # days without any event after which the clock is doubted


class Stamp(NamedTuple):
    """Who does something, from where, in which agent's session, and when: in seconds since the epoch."""

    by: str
    origin: str
    session: str | None
    seconds: float

    @property
    def day(self) -> float:
        """The same moment in days, as the journal counts them."""
        return history.day_of(self.seconds)


class Move(NamedTuple):
    """A memory that changes its tier, and why, in a few words."""

    standing: Standing
    before: str
    after: str
    why: str


class FadePlan(NamedTuple):
    """What fading would do to the memories `found`: its moves, those that go down first; how many each tier would have; and why
    it must not be, or None."""

    found: Survey
    moves: list[Move]
    population: dict[str, int]
    refused: str | None


def plan(place: Place, config: Config, now: float) -> FadePlan:
    """What would move on day `now`."""
    found = standing.survey(place, config, now)
    moves = []
    population = dict.fromkeys(tiers.TIERS, 0)
    for one in found.standings:
        after = tiers.tier(one.state.retention, one.tier, used=one.state.uses > 0)
        population[after] += 1
        if after != one.tier:
            moves.append(Move(one, one.tier, after, _why(one, found, now)))
    moves.sort(
        key=lambda move: (-tiers.TIERS.index(move.after), move.standing.state.retention, move.standing.known.path)
    )
    return FadePlan(found, moves, population, _refusal(found, moves, now))


def carry_out(place: Place, planned: FadePlan, stamp: Stamp, *, force: bool = False) -> list[Move]:
    """Note what was found and move what is to move, in `planned.found` too; returns the moves made.

    A refused plan moves nothing, unless `force`.
    """
    standings = planned.found.standings
    _record(place, journal.SEEN, [(one.known.id, one.known.hash) for one in standings if not one.noted], stamp)
    moves = planned.moves if force or planned.refused is None else []
    reached = {move.standing.known.id: move.after for move in moves}
    _record(place, history.FADE, list(reached.items()), stamp)
    standings[:] = [one._replace(tier=reached.get(one.known.id, one.tier)) for one in standings]
    standing.write(place, planned.found)
    return moves


def give_feedback(
    place: Place, config: Config, name: str, word: str, stamp: Stamp, *, note: str | None = None
) -> Standing | None:
    """Note that a memory was useful, wrong or confirmed; what has become stronger leaves its tier upwards at once.

    `note` goes to the journal. Returns how the memory stands afterwards, None where the index does not know it.
    """
    _record(place, history.FEEDBACK, [(name, word)], stamp, note)
    found = standing.survey(place, config, stamp.day)
    number = next((n for n, one in enumerate(found.standings) if one.known.id == name), None)
    if number is None:
        return None
    one = found.standings[number]
    risen = tiers.tier(one.state.retention, one.tier, used=one.state.uses > 0)
    if tiers.TIERS.index(risen) < tiers.TIERS.index(one.tier):
        _record(place, history.FADE, [(name, risen)], stamp, note)
        one = found.standings[number] = one._replace(tier=risen)
    standing.write(place, found)
    return one


def _record(place: Place, verb: str, about: list[tuple[str, str]], stamp: Stamp, note: str | None = None) -> None:
    if about:
        journal.record(
            place, verb, [], by=stamp.by, origin=stamp.origin, now=stamp.seconds, about=about, session=stamp.session, note=note
        )


def curve(one: Standing, found: Survey, now: float, *, ahead: int) -> list[tuple[float, float]]:
    """(day, retention) of a memory from its beginning to `now`, and `ahead` days of use of the store on without its own."""
    begin = one.happenings[0].day if one.happenings else now
    past = [begin + step for step in range(int(now - begin) + 1)] + [now]
    shown = [
        (day, strength.state(one.happenings, one.traits, found.activity, day, found.policy).retention) for day in past
    ]
    kept = 1.0 if one.traits.pinned else math.exp(-1.0 / one.state.strength)  # of it, from one day to the next
    return shown + [(now + step, one.state.retention * kept**step) for step in range(1, ahead + 1)]


def _why(one: Standing, found: Survey, now: float) -> str:
    idle = found.activity.between(one.state.since, now)
    uses = "never used" if not one.state.uses else f"used {one.state.uses}×"
    if one.state.retention >= tiers.BOUNDS[0]:
        return f"{uses}, lately"
    return f"{uses}, {idle:.0f} days of activity since; fades in {one.state.strength:.0f}"


def _refusal(found: Survey, moves: list[Move], now: float) -> str | None:
    if found.last_event is not None and now < found.last_event - BEHIND:
        return f"the clock is {found.last_event - now:,.0f} days behind the last thing that happened here"
    if found.last_event is not None and now > found.last_event + LATEST:
        return f"nothing happened here for {now - found.last_event:,.0f} days by the clock, which may have jumped"
    if len(found.standings) < EMPTIED * found.expected:
        return f"only {len(found.standings):,} of {found.expected:,} memories are here; is another branch checked out?"
    silenced = [m for m in moves if m.after not in tiers.INJECTED and m.before in tiers.INJECTED]
    if len(found.standings) >= FEW and len(silenced) > len(found.standings) / 2:
        return f"{len(silenced):,} of {len(found.standings):,} memories would fall silent at once"
    return None
