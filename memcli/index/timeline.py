"""Time in the index: when a document was written, what days its passages mention, and while it says that it holds.

Days are numbers (`encode.days`). A document's own day is a column of its row; the days that it mentions are rows of
`events`; `valid_from` and `valid_to` are its entry's. Lean: imported by every recall.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode.days import MAX_DAY, Interval, iso_of, span_of
from memcli.index import db
from memcli.index.search import filter_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.index.search import Filter

    Dating = tuple[int, int, int, int]  # first and last day, document, which of its passages

MAX_EVENT_DAYS = 366
"""Longer times are not kept: they say little, and a search need not look further back for what reaches into its days."""

Event = namedtuple("Event", "ordinal first last")
Event.__doc__ = """The days `first` to `last`, which a passage of a document, by its ordinal, mentions."""

Dated = namedtuple("Dated", "day valid events")
Dated.__doc__ = """The own `day` of a document, or None; the Interval while it is `valid`, or None where it does not say;
its `events`, in the order of the text."""

# --- writing ----------------------------------------------------------------------------------------------------------


def insert(connection: db.Connection, events: Iterable[Dating]) -> None:
    """Note the days that passages mention."""
    connection.executemany("INSERT INTO events (first, last, document, ordinal) VALUES (?, ?, ?, ?)", sorted(events))


def delete(connection: db.Connection, documents: Iterable[int]) -> None:
    """Forget the days that these documents mention."""
    connection.execute("DELETE FROM events WHERE document IN (SELECT value FROM json_each(?))", (db.array(documents),))


# --- reading ----------------------------------------------------------------------------------------------------------


def within(connection: db.Connection, days: Interval, limit: int, where: Filter, *, latest: bool = True) -> set[int]:
    """Documents written on these days, that mention one of them, or that hold on one of them.

    Of each of the three kinds at most `limit`: the latest, or else the earliest.
    """
    by_id, values = filter_sql(where, "documents.id", "documents.id")
    by_document, _ = filter_sql(where, "document", "documents.id")
    order = "DESC" if latest else "ASC"
    queries: tuple[tuple[str, tuple[int | str, ...]], ...] = (
        (f"SELECT id FROM documents WHERE day BETWEEN ? AND ?{by_id} ORDER BY day {order}", (days.first, days.last)),
        (
            f"SELECT document FROM events WHERE first BETWEEN ? AND ? AND last >= ?{by_document} ORDER BY first {order}",
            (days.first - MAX_EVENT_DAYS, days.last, days.first),
        ),
        (
            "SELECT documents.id FROM entries JOIN documents ON entry = entries.id"
            " WHERE (valid_from IS NOT NULL OR valid_to IS NOT NULL)"  # as the index over them says it
            # A month sorts before its days, and "~" after all of them.
            f" AND coalesce(valid_from, '') <= ? AND coalesce(valid_to, '') || '~' >= ?{by_id} ORDER BY valid_from {order}",
            (f"{iso_of(days.last)}~", iso_of(days.first)),
        ),
    )
    found: set[int] = set()
    for sql, bounds in queries:
        found.update(row[0] for row in connection.execute(f"{sql} LIMIT ?", (*bounds, *values, limit)))
    return found


def dated(connection: db.Connection, ids: Iterable[int]) -> dict[int, Dated]:
    """What is known of the time of these documents, by id."""
    known: dict[int, Dated] = {}
    for some in db.chunks(list(ids)):
        marks = ",".join("?" * len(some))
        for document, day, valid_from, valid_to in connection.execute(
            "SELECT documents.id, day, valid_from, valid_to FROM documents JOIN entries ON entries.id = entry"
            f" WHERE documents.id IN ({marks})",
            some,
        ):
            known[document] = Dated(day, _valid(valid_from, valid_to) if valid_from or valid_to else None, [])
        for document, ordinal, first, last in connection.execute(
            f"SELECT document, ordinal, first, last FROM events WHERE document IN ({marks}) ORDER BY ordinal", some
        ):
            known[document].events.append(Event(ordinal, first, last))
    return known


def _valid(valid_from: str | None, valid_to: str | None) -> Interval | None:
    opens, closes = span_of(valid_from), span_of(valid_to)
    return Interval(opens.first if opens else 1, closes.last if closes else MAX_DAY)
