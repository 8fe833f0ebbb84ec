"""How a memory store is used over months: the generator that judges how memories age.

    python tests/bench/usage.py [--memories N] [--days N] [--seed N] [--episodes SHARE]

It models the people and agents who use notes, never the store: it knows no retention, no tier and no rank, and was
committed before the code it judges. One seed gives one life. What is modelled, and whence:

- Need falls with the time since the last use, and grows with the number of uses, by power laws; what is used in bursts is
  forgotten sooner than what is used at intervals (Anderson & Schooler 1991, Reflections of the environment in memory). As
  with them, the laws are not put in: they come from memories of unequal worth whose subject ends, and sometimes comes back
  (Anderson & Milson 1989, Human memory: an adaptive perspective, after Burrell's 1980 model of library loans).
- Few memories have most uses: a Pareto law of popularity (Zipf 1949); about half are never used at all.
- A topic is worked on for days and left for weeks: sprints and heavy-tailed pauses (Barabási 2005, The origin of bursts and
  heavy tails in human dynamics). Its memories are made, and mostly used, in its sprints.
- A use brings further uses, most on the same day, some much later (Crane & Sornette 2008, Robust dynamic classes revealed by
  measuring the response function of a social system: a branching process whose delays have a power-law tail).
- Work follows the week, and rests in a holiday in which nothing happens.
- Preferences and decisions hold longest. Volatile facts are soon outdated: superseded, found wrong, or let lie; unused after.
- Feedback is rare and noisy: some of what is wrong is never reported, and a little of what is right is.

Days are counted from 0, a Monday, with the hour as the fraction. The rates below are not fitted to data, for nobody has
published such logs; `main` prints what they come to, to be looked at.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from itertools import accumulate, pairwise
from typing import NamedTuple

SHARES = {"fact": 0.45, "decision": 0.15, "procedure": 0.1, "lesson": 0.1, "preference": 0.05, "reference": 0.15}
NEVER_NEEDED = {"fact": 0.22, "decision": 0.15, "procedure": 0.15, "lesson": 0.2, "preference": 0.1, "reference": 0.25}
NEVER_NEEDED["episode"] = 0.7
# Days until half of a type's memories have nothing left to be needed for.
HOLDS = {"fact": 45, "decision": 130, "procedure": 70, "lesson": 60, "preference": 240, "reference": 60, "episode": 6}
HOLDS_SPREAD = 1.2  # of the logarithm
VOLATILE = {"fact": 0.2, "reference": 0.1}
VOLATILE_HOLDS = 20
RETURNS = 0.2  # of the subjects that ended come back once, for a while
RETURN_AFTER, RETURN_HOLDS = 15, 10  # days: at least; half of them

EVERYDAY = 0  # the topic that is never left: conventions, tools, the person
EVERYDAY_WORK = 0.25  # on it each day, of a sprint's
PREFERENCES_EVERYDAY = 0.7  # of the preferences belong to it; others to any topic
OFF_SPRINT = 0.03  # work on a topic between its sprints, of that within
SPRINT, SPRINT_SPREAD = 9, 0.7  # days: half are shorter; spread of the logarithm
PAUSE, PAUSE_TAIL = 6, 0.9  # days at least; exponent of the Pareto law
BROUGHT_ALONG = 0.1  # of the memories are old notes: indexed on the first day, not because of work then

NEED, NEED_TAIL, NEED_AT_MOST = 0.025, 1.1, 1.0  # uses per day of work on the topic: least, exponent, most
WRITING_FOLLOWED, USE_FOLLOWED = 0.8, 0.4  # uses that the writing of a needed memory, and a use, bring on average
DELAY, DELAY_TAIL = 0.08, 0.7  # work days until a further use: scale and exponent of the Lomax law

WEEK = (1.0, 1.05, 1.05, 1.0, 0.8, 0.08, 0.06)
HOURS = (0.36, 0.8)
HOLIDAY = (14, 21)  # days
HOLIDAY_EVERY = 180
BEFORE_END = 21  # days of work after the last holiday

TOUCHED_UP = 0.06  # of the memories are edited soon after they were written
EDITED, CONFIRMED, WRONG = 0.02, 0.03, 0.006  # of the uses are followed by this
CONFIRMED_UNUSED, WRONG_UNUSED = 0.02, 0.015  # of the memories nobody needs
FOUND_OUTDATED = 0.08  # of the stable memories whose subject ended
OUTDATED = {"edited": 0.35, "wrong": 0.3, "": 0.35}  # how a volatile memory ends: closed, found out, or let lie


class Born(NamedTuple):
    """A memory; its place in `Life.memories` is its number. `volatile`: a statement of a kind that changes."""

    type: str
    day: float
    volatile: bool


class Happening(NamedTuple):
    """One event; `kind` is "indexed" (once, at birth), "edited", "useful" (a use), "wrong" or "confirmed"."""

    day: float
    memory: int
    kind: str


class Life(NamedTuple):
    """All that happened in a store in its first `days`, sorted by day."""

    memories: list[Born]
    happenings: list[Happening]
    days: int


class Clock:
    """Counts work instead of days: `weights` is the work on each day, spread evenly over its hours."""

    def __init__(self, weights: list[float]) -> None:
        self._weights = weights
        self._done = list(accumulate(weights, initial=0.0))
        self.total = self._done[-1]

    def day(self, work: float) -> float:
        """When so much work is done; infinite where that is beyond the end."""
        if work >= self.total:
            return math.inf
        day = bisect_right(self._done, work) - 1
        return day + HOURS[0] + (HOURS[1] - HOURS[0]) * (work - self._done[day]) / self._weights[day]

    def work(self, day: float) -> float:
        """How much work is done by then."""
        whole = int(day)
        if whole >= len(self._weights):
            return self.total
        part = (day - whole - HOURS[0]) / (HOURS[1] - HOURS[0])
        return self._done[whole] + self._weights[whole] * min(1.0, max(0.0, part))


def simulate(memories: int, days: int, *, seed: int, episodes: float = 0.0) -> Life:
    """The life of a store of so many memories; `episodes` is the share of them that are turns of past sessions.

    Linear in the number of memories: 100,000 over 400 days take a few seconds.
    """
    draw = random.Random(f"{seed} life")
    off = {day for span in holidays(days, seed=seed) for day in span}
    work = [0.0 if day in off else WEEK[day % 7] * draw.lognormvariate(0, 0.25) for day in range(days)]
    everyone = Clock(work)
    topics = _topics(work, 4 + int(math.sqrt(memories) / 2), draw)
    sizes = [topic.total * draw.paretovariate(1.0) ** 0.7 for topic in topics]
    born, happenings = [], []
    for number, topic in enumerate(draw.choices(range(len(topics)), sizes, k=memories)):
        kind = "episode" if draw.random() < episodes else _any(SHARES, draw)
        everyday = kind == "preference" and draw.random() < PREFERENCES_EVERYDAY
        clock = topics[EVERYDAY if everyday else topic]
        old = draw.random() < BROUGHT_ALONG
        day = everyone.day(draw.random() * work[0]) if old else clock.day(draw.random() * clock.total)
        memory = Born(kind, day, volatile=draw.random() < VOLATILE.get(kind, 0.0))
        born.append(memory)
        happenings += [Happening(when, number, what) for when, what in _history(memory, old, clock, everyone, draw)]
    happenings.sort()
    return Life(born, happenings, days)


def _any(shares: dict[str, float], draw: random.Random) -> str:
    return draw.choices(list(shares), list(shares.values()))[0]


def holidays(days: int, *, seed: int) -> list[range]:
    """The days of each holiday: one in half a year, none in a life too short for one, none in its last weeks."""
    draw = random.Random(f"{seed} holidays")
    count = max(1, days // HOLIDAY_EVERY)
    share = (days - BEFORE_END) // count
    if share < 3 * HOLIDAY[1]:
        return []
    spans = []
    for start in range(0, share * count, share):
        length = draw.randint(*HOLIDAY)
        first = start + draw.randint(share // 3, share - length)
        spans.append(range(first, first + length))
    return spans


def _topics(work: list[float], count: int, draw: random.Random) -> list[Clock]:
    """A clock for each topic: its share of the work of each day."""
    topics = [Clock([EVERYDAY_WORK * done for done in work])]
    while len(topics) < count:
        clock = Clock([done * share for done, share in zip(work, _sprints(len(work), draw), strict=True)])
        if clock.total:
            topics.append(clock)
    return topics


def _sprints(days: int, draw: random.Random) -> list[float]:
    """How much a topic is worked on each day: fully in its sprints, little between them, not at all before the first."""
    begin = draw.uniform(-0.3, 0.95) * days
    shares = [OFF_SPRINT if day >= begin else 0.0 for day in range(days)]
    while begin < days:
        end = begin + draw.lognormvariate(math.log(SPRINT), SPRINT_SPREAD)
        for day in range(max(0, int(begin)), min(days, math.ceil(end))):
            shares[day] = 1.0
        begin = end + PAUSE * draw.paretovariate(PAUSE_TAIL)
    return shares


def _history(memory: Born, old: bool, topic: Clock, everyone: Clock, draw: random.Random) -> list[tuple[float, str]]:
    """What happens to one memory, and when; unsorted. Nobody needed an `old` one at the time when it was indexed."""
    history = [(memory.day, "indexed")]
    if draw.random() < TOUCHED_UP:
        history.append((_later(memory.day, 0.5, everyone, draw), "edited"))
    if draw.random() < NEVER_NEEDED[memory.type]:
        chance = draw.random()
        if chance < WRONG_UNUSED + CONFIRMED_UNUSED:
            kind = "wrong" if chance < WRONG_UNUSED else "confirmed"
            history.append((_later(memory.day, 20, everyone, draw), kind))
    else:
        spans = _needed(memory, draw)
        uses = _by_themselves(spans, topic, draw)
        causes = [(day, USE_FOLLOWED) for day in uses] + ([] if old else [(memory.day, WRITING_FOLLOWED)])
        for day in uses + _following(causes, spans, everyone, draw):
            history.append((day, "useful"))
            chance = draw.random()
            for kind, share in (("edited", EDITED), ("confirmed", CONFIRMED), ("wrong", WRONG)):
                if 0 <= chance < share:
                    history.append((day + 0.002, kind))
                chance -= share
        history += _ending(memory, spans[-1][1], everyone, draw)
    return [(day, kind) for day, kind in history if day < math.inf]


def _later(day: float, mean: float, everyone: Clock, draw: random.Random) -> float:
    """A moment after `day`, `mean` days of work later on average."""
    return everyone.day(everyone.work(day) + draw.expovariate(1 / mean))


def _needed(memory: Born, draw: random.Random) -> list[tuple[float, float]]:
    """From when until when there is something to use the memory for; a return of the subject is a second span."""
    holds = VOLATILE_HOLDS if memory.volatile else HOLDS[memory.type]
    end = memory.day + draw.lognormvariate(math.log(holds), HOLDS_SPREAD)
    spans = [(memory.day, end)]
    if not memory.volatile and draw.random() < RETURNS:
        again = end + RETURN_AFTER * draw.paretovariate(1.0)
        spans.append((again, again + draw.lognormvariate(math.log(RETURN_HOLDS), HOLDS_SPREAD)))
    return spans


def _by_themselves(spans: list[tuple[float, float]], topic: Clock, draw: random.Random) -> list[float]:
    """The days of the uses that come with work on the topic."""
    need = min(NEED_AT_MOST, NEED * draw.paretovariate(NEED_TAIL))
    uses = []
    for first, last in spans:
        work = topic.work(first)
        while (day := topic.day(work := work + draw.expovariate(need))) < last:
            uses.append(day)
    return uses


def _following(
    causes: list[tuple[float, float]], spans: list[tuple[float, float]], everyone: Clock, draw: random.Random
) -> list[float]:
    """The days of the uses that others brought; a cause is a day and the mean (geometric) number of uses that it brings."""
    uses = []
    while causes:
        cause, mean = causes.pop()
        while draw.random() < mean / (1 + mean):
            day = everyone.day(everyone.work(cause) + DELAY * (draw.paretovariate(DELAY_TAIL) - 1))
            if any(first <= day < last for first, last in spans):
                causes.append((day, USE_FOLLOWED))
                uses.append(day)
    return uses


def _ending(memory: Born, end: float, everyone: Clock, draw: random.Random) -> list[tuple[float, str]]:
    """What is done about a memory when it is needed no more: mostly nothing."""
    if not memory.volatile:
        return [(_later(end, 15, everyone, draw), "wrong")] if draw.random() < FOUND_OUTDATED else []
    kind = _any(OUTDATED, draw)
    return [(_later(end, 3, everyone, draw), kind)] if kind else []


def used_in(life: Life, first: float, last: float) -> set[int]:
    """The memories used in [first, last)."""
    return {happening.memory for happening in _between(life, first, last) if happening.kind == "useful"}


def until(life: Life, day: float) -> list[list[Happening]]:
    """What happened to each memory before `day`, in order; empty for one not yet born."""
    histories: list[list[Happening]] = [[] for _ in life.memories]
    for happening in _between(life, 0, day):
        histories[happening.memory].append(happening)
    return histories


def active_days(life: Life, until: float) -> list[float]:
    """The days, whole and in order, on which anything happened before `until`."""
    return sorted({float(int(happening.day)) for happening in _between(life, 0, until)})


def _between(life: Life, first: float, last: float) -> list[Happening]:
    start = bisect_left(life.happenings, first, key=lambda happening: happening.day)
    return life.happenings[start : bisect_left(life.happenings, last, key=lambda happening: happening.day)]


class Bin(NamedTuple):
    """Memories seen so long after their last use, or after so many uses, and how likely each was used the week after."""

    begin: float  # the bin ends at twice that
    seen: int
    probability: float


def need_curves(life: Life) -> tuple[list[Bin], list[Bin]]:
    """Probability to be used within 7 days: by days since the last use, and by number of uses; bins double."""
    by_recency: dict[int, list[bool]] = {}
    by_frequency: dict[int, list[bool]] = {}
    last: dict[int, float] = {}
    count: Counter[int] = Counter()
    weeks = range(max(7, life.days // 3 // 7 * 7), life.days - 6, 7)
    for before, week in pairwise((0, *weeks)):
        for happening in _between(life, before, week):
            if happening.kind == "useful":
                last[happening.memory] = happening.day
                count[happening.memory] += 1
        if not _between(life, week, week + 5):
            continue  # a week off says nothing about need
        used = used_in(life, week, week + 7)
        for memory, day in last.items():
            by_recency.setdefault(max(-1, math.floor(math.log2(week - day))), []).append(memory in used)
            by_frequency.setdefault(int(math.log2(count[memory])), []).append(memory in used)
    return _bins(by_recency), _bins(by_frequency)


def _bins(outcomes: dict[int, list[bool]]) -> list[Bin]:
    return [Bin(2.0**power, len(seen), statistics.fmean(seen)) for power, seen in sorted(outcomes.items())]


def slope(bins: list[Bin]) -> float:
    """The exponent of the power law through bins with at least 30 memories, two or more, each weighing the same."""
    points = [
        (math.log(begin), math.log(probability)) for begin, seen, probability in bins if seen >= 30 and probability
    ]
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def auroc(scores: list[float], positive: list[bool]) -> float:
    """How often a positive has the higher score than a negative, ties counting half (Mann & Whitney 1947)."""
    ranked = sorted(zip(scores, positive, strict=True))
    below = better = 0.0
    start = 0
    while start < len(ranked):
        end = bisect_right(ranked, ranked[start][0], lo=start, key=lambda row: row[0])
        good = sum(wanted for _, wanted in ranked[start:end])
        bad = end - start - good
        better += good * (below + bad / 2)
        below += bad
        start = end
    return better / (sum(positive) * below)


def _print_uses(life: Life) -> None:
    kinds = Counter(happening.kind for happening in life.happenings)
    print("happenings:", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    days = [[row.day for row in history if row.kind == "useful"] for history in until(life, life.days)]
    counts = sorted(len(uses) for uses in days)
    print(f"never used: {counts.count(0) / len(counts):.1%}; volatile: {sum(m.volatile for m in life.memories)}")
    marks = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
    print("uses per memory:", ", ".join(f"{mark:.0%} {_quantile(counts, mark):.0f}" for mark in marks))
    top = sum(counts[-len(counts) // 10 :]) / sum(counts)
    print(f"the most used tenth has {top:.0%} of the uses")
    gaps = sorted(after - before for uses in days for before, after in pairwise(uses))
    print("days between uses:", ", ".join(f"{mark:.0%} {_quantile(gaps, mark):.2f}" for mark in marks))
    variation = statistics.pstdev(gaps) / statistics.fmean(gaps)
    print(f"burstiness of the gaps (0 by chance, 1 at most): {(variation - 1) / (variation + 1):.2f}")


def _quantile(ordered: list[float] | list[int], mark: float) -> float:
    return ordered[round(mark * (len(ordered) - 1))]


def _print_calendar(life: Life) -> None:
    useful = [happening for happening in life.happenings if happening.kind == "useful"]
    weekdays = Counter(int(happening.day) % 7 for happening in useful)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    print("uses by weekday:", ", ".join(f"{name} {weekdays[day] / len(useful):.1%}" for day, name in enumerate(names)))
    print(f"active days: {len(active_days(life, life.days))} of {life.days}")
    shares = []
    for week in range(0, life.days - 6, 7):
        born = sum(memory.day < week + 7 for memory in life.memories)
        shares.append(f"{len(used_in(life, week, week + 7)) / max(1, born):.1%}")
    print("used in each week, of the memories so far:", " ".join(shares))


def _print_need(life: Life) -> None:
    for name, bins in zip(("days since last use", "uses so far"), need_curves(life), strict=True):
        print(f"probability to be used within 7 days by {name} (log-log slope {slope(bins):.2f}):")
        print("  " + ", ".join(f"{begin:g}: {probability:.3f} ({seen})" for begin, seen, probability in bins))


def _print_baselines(life: Life) -> None:
    week = life.days - 7
    histories = [history for history in until(life, week) if history]
    wanted = used_in(life, week, life.days)
    positive = [history[0].memory in wanted for history in histories]
    uses = [[row.day for row in history if row.kind == "useful"] for history in histories]
    scores = {
        "last use": [days[-1] if days else -1.0 for days in uses],
        "last use, or else indexing": [
            days[-1] if days else history[0].day for days, history in zip(uses, histories, strict=True)
        ],
        "number of uses": [float(len(days)) for days in uses],
    }
    fresh = sum(used and not days for used, days in zip(positive, uses, strict=True)) / sum(positive)
    print(
        f"used in the last week: {sum(positive)} of {len(positive)}, {fresh:.0%} of them for the first time; AUROC by"
    )
    print("  " + ", ".join(f"{name} {auroc(score, positive):.3f}" for name, score in scores.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=5000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--episodes", type=float, default=0.0)
    arguments = parser.parse_args()
    if arguments.memories < 500 or arguments.days < 60:
        parser.error("fewer than 500 memories, or than 60 days, show no curve")
    life = simulate(arguments.memories, arguments.days, seed=arguments.seed, episodes=arguments.episodes)
    for show in (_print_uses, _print_calendar, _print_need, _print_baselines):
        show(life)


if __name__ == "__main__":
    main()
