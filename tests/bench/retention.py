"""Whether retention tells what will be used: against simulated use (usage.py), beside recency alone and frequency alone.

    python tests/bench/retention.py [--memories N] [--seeds N] [--write]

Bars: after 90 days, memories of the first week that were ever used have at least 7 times the retention of those that were not;
AUROC of retention for "will be used next week", on the week after the last one that the judge has seen, at least .80 and above
both recency (of the last use, or else of indexing) and frequency alone. Means over lives of 90 and of 180 days. --write puts
the table and the shares of the tiers into docs/lifecycle.md. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

import pages
import tables
import usage

from memcli import config
from memcli.lifecycle import standing, strength, tiers
from memcli.lifecycle.strength import Activity, Happening, State, Traits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"
LIVES = (90, 180)  # days
WEEK = 7
MOST, LEAST_RATIO, LEAST_AUROC = 5_000, 7.0, 0.80


class Judged(NamedTuple):
    """One life: AUROC of retention, recency and frequency; the ratio of retentions; the share of each tier."""

    retention: float
    recency: float
    frequency: float
    ratio: float
    shares: list[float]


def judge(memories: int, days: int, seed: int) -> Judged:
    life = usage.simulate(memories, days + WEEK, seed=seed)
    histories, activity = usage.until(life, days), Activity(usage.active_days(life, days))
    policy = standing.policy(config.Config({}))
    born = [number for number, one in enumerate(life.memories) if one.day < days]
    wanted = usage.used_in(life, days, days + WEEK)
    states: dict[int, State] = {}
    last: dict[int, float] = {}
    for number in born:
        one = life.memories[number]
        history = [Happening(what.day, what.kind) for what in histories[number]]
        states[number] = strength.state(history, Traits(one.type, volatile=one.volatile), activity, days, policy)
        last[number] = max((what.day for what in history if what.what == strength.USEFUL), default=one.day)
    used = [number in wanted for number in born]
    early = [number for number in born if life.memories[number].day < WEEK]
    known = statistics.fmean(states[n].retention for n in early if states[n].uses)
    unknown = statistics.fmean(states[n].retention for n in early if not states[n].uses)
    placed = [tiers.tier(state.retention, used=state.uses > 0) for state in states.values()]
    return Judged(
        usage.auroc([states[n].retention for n in born], used),
        usage.auroc([last[n] for n in born], used),
        usage.auroc([states[n].uses for n in born], used),
        known / unknown,
        [placed.count(tier) / len(placed) for tier in tiers.TIERS],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=MOST)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows, missed = [], False
    for days in LIVES:
        lives = [judge(arguments.memories, days, seed) for seed in range(1, arguments.seeds + 1)]
        mean = [statistics.fmean(values) for values in zip(*(life[:4] for life in lives), strict=True)]
        shares = [statistics.fmean(values) for values in zip(*(life.shares for life in lives), strict=True)]
        figures = [tables.number(value) for value in mean[:3]]
        rows.append([f"{days} days", *figures, f"{mean[3]:.0f} ×", " / ".join(f"{share:.0%}" for share in shares)])
        missed |= mean[3] < LEAST_RATIO or mean[0] <= max(mean[1:3])
        missed |= days == LIVES[-1] and mean[0] < LEAST_AUROC
    head = ["after", "retention", "recency alone", "frequency alone", "used : unused", " / ".join(tiers.TIERS)]
    block = pages.table(head, rows)
    print(block)
    if arguments.write:
        pages.put(PAGE, {"retention": block})
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
