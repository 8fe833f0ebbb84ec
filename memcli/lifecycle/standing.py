"""How all memories of a store stand now, folded from its journal, and the copy of it that recall reads in the index.

The journal is the truth. The copy holds only what does not stand as a new memory does, and counts only while the text is the
one that was judged, so that an edit makes a memory speak again at once.
"""

from __future__ import annotations

from typing import NamedTuple

from memcli import journal, lock
from memcli.config import Config
from memcli.index import db, graph, precision, schema
from memcli.lifecycle import history, strength, tiers
from memcli.lifecycle.history import Known
from memcli.lifecycle.strength import Activity, Happening, Policy, State, Traits
from memcli.lifecycle.volatility import is_volatile
from memcli.memory import TYPES
from memcli.places import Place


class Standing(NamedTuple):
    """One memory: what it is called, how it stands, and the tier it was last put into."""

    known: Known
    title: str
    traits: Traits
    happenings: list[Happening]
    state: State
    tier: str
    noted: bool  # whether the journal knows the text as it is


class Survey(NamedTuple):
    """A store's memories as they stand on day `now`, the activity they were judged by, and the journal's own count of files."""

    standings: list[Standing]
    activity: Activity
    policy: Policy
    expected: int
    last_event: float | None


def policy(config: Config) -> Policy:
    """The policy in force."""
    return Policy(
        {type_: float(max(1, config.number(f"strength.{type_}"))) for type_ in TYPES},
        config.number("strength.growth") / 100,
    )


def survey(place: Place, config: Config, now: float, *, only: str | None = None) -> Survey:
    """How every memory of a store, or the one with the id `only`, stands on day `now`. Reads index and journal as they are."""
    connection = schema.open_for_reading(place)
    try:
        rows = connection.execute(
            "SELECT name, path, hash, id, title, type, pinned FROM entries"
            " WHERE problem IS NULL AND name = coalesce(?, name) ORDER BY path",
            (only,),
        ).fetchall()
        links = graph.linking(connection)
        texts = dict(
            connection.execute(
                "SELECT path, text FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
                " WHERE documents.ordinal = 0 AND passages.ordinal = 0 AND name = coalesce(?, name)",
                (only,),
            )
        )
    finally:
        connection.close()
    events = journal.events(place)
    active = history.activity(events)
    known = [Known(name, path, hash_ or "") for name, path, hash_, *_ in rows]
    told = history.stories(events, known)
    chosen = policy(config)
    standings = []
    for one, (_, _, _, entry, title, type_, pinned) in zip(known, rows, strict=True):
        story = told[one.id]
        traits = Traits(type_, bool(pinned), len(links.get(entry, ())), is_volatile(title, texts.get(one.path, "")))
        noted = story.hash == one.hash
        happenings = story.happenings
        if not noted:  # written or edited by hand since anybody looked
            happenings = [*happenings, Happening(now, strength.EDITED if happenings else strength.INDEXED)]
        judged = strength.state(happenings, traits, active, now, chosen)
        standings.append(Standing(one, title, traits, happenings, judged, story.tier if noted else tiers.HOT, noted))
    last = max((history.moment(event.at) for event in events), default=None)
    return Survey(standings, active, chosen, history.files_left(events), last)


def renew(place: Place, config: Config, now: float) -> None:
    """Write the copy that recall reads, and bring vectors and token codes to the precision of the tiers."""
    write(place, survey(place, config, now))


def write(place: Place, found: Survey) -> None:
    """`renew`, for a store that was surveyed just now."""
    rows = [
        (one.known.id, one.known.hash, one.tier, one.state.utility, one.state.barred)
        for one in found.standings
        if one.tier != tiers.HOT or one.state.barred or abs(one.state.utility - strength.KIND) > 1e-9
    ]
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        try:
            with db.transaction(connection):
                connection.execute("DELETE FROM standing")
                connection.executemany("INSERT INTO standing VALUES (?, ?, ?, ?, ?)", rows)
                schema.set_meta(connection, "standing", "known")
        finally:
            connection.close()
    precision.set_precision(place, {one.known.id: tiers.TIERS.index(one.tier) for one in found.standings})


def renew_where_new(place: Place, config: Config, now: float) -> None:
    """`renew`, for an index that was made anew and does not know yet how its memories stand."""
    connection = schema.open_for_reading(place)
    try:
        known = schema.get_meta(connection, "standing")
    finally:
        connection.close()
    if known is None:
        renew(place, config, now)
