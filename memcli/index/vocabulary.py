"""The words of a store as they are written, with how many memories hold each: what a misspelling is compared with.

The full-text tables know stems only, which errors at the end of a word change beyond recognition, and looking up a few
hundred strings in them takes ten times as long. Words come and go with the memories that hold them, so that an index that
followed the files knows the same words as one made anew.

Lean: imported by recall.
"""

from __future__ import annotations

from collections import Counter, namedtuple
from itertools import groupby
from operator import itemgetter

from memcli.encode import spelling, terms
from memcli.index import db

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Near = namedtuple("Near", "word distance memories")
Near.__doc__ = """A word of the store, how far it is from the one asked for, and how many memories hold it."""


def add(connection: db.Connection, held: Mapping[str, int]) -> None:
    """Count the words of new memories: how many of these hold each."""
    connection.executemany(
        "INSERT INTO vocabulary VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET memories = memories + excluded.memories",
        sorted(held.items()),
    )


def remove(connection: db.Connection, entries: Iterable[int]) -> None:
    """Take the words of these memories back, before their rows are deleted."""
    rows = connection.execute(
        "SELECT entries.id, path, title, tags, anchor, speaker, at, heading, text FROM entries"
        " JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
        " WHERE entries.id IN (SELECT value FROM json_each(?)) ORDER BY entries.id",
        (db.array(entries),),
    )
    gone: Counter[str] = Counter()
    for _, of_entry in groupby(rows, key=itemgetter(0)):
        gone.update(words_of(row[1:] for row in of_entry))
    connection.executemany(
        "UPDATE vocabulary SET memories = memories - ? WHERE word = ?", [(count, word) for word, count in gone.items()]
    )
    connection.execute(
        "DELETE FROM vocabulary WHERE word IN (SELECT value FROM json_each(?)) AND memories <= 0", (db.array(gone),)
    )


def words_of(rows: Iterable[Sequence[str | None]]) -> set[str]:
    """The distinct words by which a memory is found, from its passages: each as (path, title, tags, anchor, speaker, at,
    heading, text)."""
    texts: set[str] = set()
    dates: set[str | None] = set()
    for path, title, tags, anchor, speaker, at, heading, text in rows:
        topic = path.partition("/")[2].rpartition("/")[0] if path and path.startswith("tree/") else ""
        dates.add(at)
        texts.update((topic, "" if anchor else title or "", tags or "", speaker or "", heading or "", text or ""))
    texts.update(map(terms.date_words, dates))
    return spelling.words("\n".join(texts)) - terms.STOP_WORDS


def near(connection: db.Connection, word: str) -> list[Near]:
    """The words of the store at the least distance from `word`: 1, or 2 if it is long; the commonest first.

    Two words of the store written as one are at distance 1: what is missing is the space.
    """
    edits = spelling.edits(word)
    found = [Near(other, 1, held) for other, held in _held(connection, edits)]
    long = len(word) >= spelling.TWO_ERRORS
    if long:
        found += _parted(connection, word)
    if long and not found:
        rows = connection.execute(
            "SELECT DISTINCT word, memories FROM json_each(?) CROSS JOIN vocabulary"
            " ON word >= value AND word < value || char(0x10ffff) WHERE length(word) BETWEEN ? AND ?",
            (db.array(sorted(spelling.beginnings(word))), len(word) - 2, len(word) + 2),
        )
        found = [Near(other, 2, held) for other, held in rows if spelling.distance(word, other, 2) == 2]
    return sorted(found, key=lambda one: (-one.memories, one.word))


def _parted(connection: db.Connection, word: str) -> list[Near]:
    cuts = range(spelling.SHORTEST, len(word) - spelling.SHORTEST + 1)
    pairs = [(word[:at], word[at:]) for at in cuts]
    held = dict(_held(connection, {part for pair in pairs for part in pair}))
    return [Near(" ".join(pair), 1, min(map(held.__getitem__, pair))) for pair in pairs if held.keys() >= {*pair}]


def _held(connection: db.Connection, words: Iterable[str]) -> list[tuple[str, int]]:
    """Those of `words` that the store has, with the number of memories."""
    return connection.execute(
        "SELECT word, memories FROM vocabulary WHERE word IN (SELECT value FROM json_each(?))",
        (db.array(sorted(words)),),
    ).fetchall()
