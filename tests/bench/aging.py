"""What fading costs recall: the development suites asked again after 1, 7, 30, 90 and 365 days of simulated use.

    python tests/bench/aging.py ../shared STORES [SUITE …] [--days N …] [--write]

Each store (STORES as made by suites.py build) is copied. Its sessions are used as usage.py says, told to the journal as
`mem feedback` would tell it, and faded by what `mem gc` runs, once for each number of days; then every question is put as
`mem recall` puts it. R@10 with fading less R@10 without, for questions whose gold was of use before that day (bar: .01), and
for the others; and for a store that nobody touched for a year (bar: .03, all questions). --write puts the table into
docs/lifecycle.md. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pages
import suites
import tables
import usage
from paired import estimate

from memcli import journal
from memcli.index import schema
from memcli.lifecycle import fade, history, strength, tiers
from memcli.places import Place, at_root
from memcli.recall.pipeline import Recall
from memcli.store import Store

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"
DAYS = (1, 7, 30, 90, 365)
SUITES = ("locomo", "longmemeval")
DAY = 86_400.0
SEED = 11
OLD = 12  # times as many memories are simulated: those of the first day are the store that was imported then
USED, UNTOUCHED = 0.01, 0.03  # bars


class Aged(NamedTuple):
    """One suite after some days: tiers of its memories, R@10 lost on used and on unused gold, by question."""

    shares: list[float]
    used: list[float]
    unused: list[float]


def recalls(shared: Path, stores: Path, suite: str, scope: str, queries: list[dict[str, Any]]) -> dict[str, float]:
    """R@10 of each question of one scope."""
    found = {}
    with Recall([at_root(str(stores / suite / scope))], suites.config.load()) as recall:
        for query in queries:
            answer = recall.ask(query["query"], limit=20, now=suites.day_of(query, recall))
            refs = list(dict.fromkeys(hit.candidate.document.ref for hit in answer.hits))[:10]
            found[query["id"]] = len(set(refs) & set(query["gold"])) / len(query["gold"])
    return found


def sessions(place: Place) -> dict[str, str]:
    """The memory that holds each document, by the document's ref."""
    connection = schema.open_for_reading(place)
    try:
        rows = connection.execute("SELECT ref, name FROM documents JOIN entries ON entries.id = entry").fetchall()
    finally:
        connection.close()
    return dict(rows)


def tell(place: Place, names: list[str], days: int) -> dict[str, float]:
    """Put a simulated life of these memories into the journal; returns the day of the first use of those that were of use."""
    life = usage.simulate(OLD * len(names), days + 1, seed=SEED)
    begin = _begin(place)
    old = [number for number, one in enumerate(life.memories) if one.day < 1.0][: len(names)]
    of = dict(zip(old, names, strict=False))
    first: dict[str, float] = {}
    for happening in life.happenings:
        name = of.get(happening.memory)
        if name is not None and happening.kind in history.WORDS:
            _note(place, name, happening.kind, begin + happening.day * DAY)
            if happening.kind == strength.USEFUL:
                first.setdefault(name, happening.day)
    for day in usage.active_days(life, days):  # others use the store as well
        _note(place, "somebody-else", strength.USEFUL, begin + day * DAY)
    return first


def _begin(place: Place) -> float:
    return (max(history.moment(event.at) for event in journal.events(place)) - history.EPOCH) * DAY


def _note(place: Place, name: str, word: str, seconds: float) -> None:
    journal.record(place, history.FEEDBACK, [], by="bench", origin="/", now=seconds, about=[(name, word)])


def gc(place: Place, begin: float, days: float) -> list[float]:
    """Fade as `mem gc` does, so many days after the import; returns the share of each tier."""
    store = Store(place, now=lambda: begin + days * DAY)
    stamp = fade.Stamp("bench", "/", None, begin + days * DAY)
    planned = fade.plan(place, store.config, stamp.day)
    fade.carry_out(place, planned, stamp, force=True)
    store.sync()
    total = sum(planned.population.values())
    return [planned.population[tier] / total for tier in tiers.TIERS]


def age(shared: Path, stores: Path, suite: str, days: list[int], *, touched: bool) -> dict[int, Aged]:
    """The suite after each of these days, of use or of nothing at all."""
    aged = {day: Aged([], [], []) for day in days}
    shares: dict[int, list[list[float]]] = {day: [] for day in days}
    for scope, _, asked in suites.scopes(shared, suite):
        queries = [query for query in asked if query["gold"]]
        with tempfile.TemporaryDirectory() as top:
            copied = Path(top) / suite / scope
            shutil.copytree(stores / suite / scope, copied)
            place = at_root(str(copied))
            _own(place)
            Store(place).sync()
            before = recalls(shared, Path(top), suite, scope, queries)
            holder, begin = sessions(place), _begin(place)
            first = tell(place, sorted(set(holder.values())), max(days)) if touched else {}
            for day in days:
                shares[day].append(gc(place, begin, day))
                after = recalls(shared, Path(top), suite, scope, queries)
                for query in queries:
                    was_used = all(first.get(holder.get(ref, ""), day) < day for ref in query["gold"])
                    kind = aged[day].used if was_used else aged[day].unused
                    kind.append(after[query["id"]] - before[query["id"]])
                print(f"{suite} {scope} after {day} days", file=sys.stderr, flush=True)
    return {day: one._replace(shares=np.mean(shares[day], axis=0).tolist()) for day, one in aged.items()}


def _own(place: Place) -> None:
    """Make a copied index this user's: a cache is opened by whom it was made for, at the place that it was made in."""
    from memcli.index import db

    token = os.path.join(place.cache, "owner")
    if os.path.exists(token):
        os.unlink(token)
    keep = {name: Path(place.cache, name).read_bytes() for name in ("index.db", "embeddings.db")}
    db.claim_cache(place)
    for name, data in keep.items():
        Path(place.cache, name).write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("suites", nargs="*", default=list(SUITES))
    parser.add_argument("--days", nargs="*", type=int, default=list(DAYS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    suites.at_home(arguments.stores)
    rows, missed = [], False
    for suite in arguments.suites:
        lives = [(f"{day} days of use", one) for day, one in
                 age(arguments.shared, arguments.stores, suite, arguments.days, touched=True).items()]  # fmt: skip
        still = age(arguments.shared, arguments.stores, suite, [365], touched=False)[365]
        for label, one in [*lives, ("365 days untouched", still)]:
            used = estimate([np.array(one.used)]) if one.used else None
            unused = estimate([np.array(one.unused)]) if one.unused else None
            rows.append([
                suite, label, " / ".join(f"{share:.0%}" for share in one.shares),
                f"{tables.difference(used)} ({len(one.used)})" if used else "–",
                f"{tables.difference(unused)} ({len(one.unused)})" if unused else "–",
            ])  # fmt: skip
            missed |= used is not None and -used.mean > USED
        missed |= -float(np.mean(still.unused)) > UNTOUCHED
    head = ["", "after", " / ".join(tiers.TIERS), "R@10, gold of use before", "R@10, other gold"]
    block = pages.table(head, rows)
    print(block)
    if arguments.write:
        pages.put(PAGE, {"aging": block})
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
