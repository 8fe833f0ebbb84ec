"""Pairs of memories of one store that say the same, or that cannot both be so any more.

Candidates are near by vector, or share words where there are no vectors; `changes.between` decides. Sessions are left out:
what somebody said is not kept in order by hand. So are pairs of which one already replaces the other, and memories that
something else replaces, since they are history.

Promises: finds and changes nothing; no two candidates lie further apart than `NEAREST`; at a write the work is one search, for
a store one matrix product of the `ASKED` newest memories with all. Imports numpy late.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from memcli.encode import terms
from memcli.errors import IndexUnavailable
from memcli.index import db, nearest, schema, search
from memcli.lifecycle import changes
from memcli.lifecycle.changes import Change, Span
from memcli.lifecycle.statements import MAX_READ, stem
from memcli.lifecycle.subjects import Weigh
from memcli.places import Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ASKED = 2000  # memories of one run over a store, the newest; an older pair was found when its newer half was new
NEIGHBOURS = 6  # memories compared with one
NEAREST = 0.82  # cosine of two passages from which their memories are compared
PASSAGES = 4  # of a memory, the first ones
FEW = 20  # memories from which the rarity of a word says something

_COMMON = 1.3  # times as rare as the rarest, a word counts whole
_AFTER = re.compile(r"\s?%|\s+[^\W\d_]+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Note(NamedTuple):
    """A memory as it is compared: `hash` is its content hash, `text` the beginning of its text with secrets masked."""

    entry: int
    id: str
    path: str
    hash: str
    title: str
    date: str
    text: str
    replaces: tuple[str, ...]

    @property
    def moment(self) -> tuple[str, int]:
        """What is newer has more of it: the date it holds from, then the order in which the index met them."""
        return self.date[:10], self.entry


class Finding(NamedTuple):
    """Two memories of which one should replace the other: `stays` is the newer one, or the one that says more.

    `kind` is one of `changes`; `now` and `then` are the spans that differ, in the texts of `stays` and `goes`.
    """

    kind: str
    confidence: float
    stays: Note
    goes: Note
    now: Span
    then: Span

    @property
    def reason(self) -> str:
        """In a line, what is the matter."""
        if self.kind == changes.DUPLICATE:
            return "they say the same"
        if self.kind == changes.SUBSUMED:
            return "the first says all that the second says"
        if self.kind == changes.NEGATED:
            return "one says that the other is not so"
        return f"{said(self.goes.text, self.then)} → {said(self.stays.text, self.now)}"

    @property
    def operation(self) -> dict[str, str]:
        """What would settle it, as `mem curate` takes it: the least that does, since no text goes away."""
        return {"op": "SUPERSEDE", "id": self.goes.id, "by": self.stays.id}


def said(text: str, span: Span) -> str:
    """A value as it is said, with the word after it: "5 times"."""
    start, end = span
    after = _AFTER.match(text, end) if text[start:end].strip().isdigit() else None
    if after is not None and after[0].strip().lower() not in terms.STOP_WORDS:
        end = after.end()
    return " ".join(text[start:end].split())[:60]


def at_write(place: Place, path: str, *, rejected: Collection[frozenset[str]] = ()) -> list[Finding]:
    """What a memory just indexed has to do with others, the surest first; nothing where there is no index.

    `rejected` holds pairs of content hashes that a person looked at and did not want to hear of.
    """
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return []  # thrown away by another process meanwhile
    try:
        own = _notes(connection, "path = ?", [path])
        if not own:
            return []
        cosines = _near_by_vector(connection, own[0].entry) or _near_by_words(connection, own[0])
        others = _notes(connection, f"entries.id IN ({','.join('?' * len(cosines))})", list(cosines))
        return _findings(connection, [(own[0], other, cosines[other.entry]) for other in others], rejected)
    except (IndexUnavailable, db.DatabaseError):
        return []  # a hint for people; the memory itself is safe
    finally:
        connection.close()


def in_store(connection: db.Connection, *, rejected: Collection[frozenset[str]] = ()) -> list[Finding]:
    """The pairs of a store, the surest first; each memory is in one finding at most, so that none is replaced twice."""
    notes = {note.entry: note for note in _notes(connection, "1", [])}
    newest = sorted(notes.values(), key=lambda note: note.moment, reverse=True)[:ASKED]
    pairs: dict[frozenset[int], float | None] = {}
    near = _all_near_by_vector(connection, notes, newest)
    for note in newest:
        for entry, cosine in (_near_by_words(connection, note) if near is None else near.get(note.entry, {})).items():
            if entry in notes and entry != note.entry:
                pairs[frozenset((note.entry, entry))] = cosine
    candidates = [(notes[min(pair)], notes[max(pair)], cosine) for pair, cosine in pairs.items()]
    taken: set[int] = set()
    chosen = []
    for finding in _findings(connection, candidates, rejected):
        if taken.isdisjoint((finding.stays.entry, finding.goes.entry)):
            taken |= {finding.stays.entry, finding.goes.entry}
            chosen.append(finding)
    return chosen


def _findings(
    connection: db.Connection, pairs: Iterable[tuple[Note, Note, float | None]], rejected: Collection[frozenset[str]]
) -> list[Finding]:
    replaced = _replaced(connection)
    left = [
        (a, b, cosine)
        for a, b, cosine in pairs
        if not {a.id, b.id} & replaced and not set(a.replaces) & {b.id} and frozenset((a.hash, b.hash)) not in rejected
    ]
    weigh = rarity(connection, [note.text for pair in left for note in pair[:2]])
    found = [
        _finding(a, b, change)
        for a, b, cosine in left
        if (change := changes.between(a.text, b.text, cosine=cosine, weigh=weigh)) is not None
    ]
    return sorted(found, key=lambda one: (-one.confidence, one.stays.path, one.goes.path))


def _finding(a: Note, b: Note, change: Change) -> Finding:
    a_stays = a.moment > b.moment if change.wider is None else change.wider == 0
    if a_stays:
        return Finding(change.kind, change.confidence, a, b, change.first, change.second)
    return Finding(change.kind, change.confidence, b, a, change.second, change.first)


# --- what the index knows --------------------------------------------------------------------------------------------


def _notes(connection: db.Connection, condition: str, values: list[object]) -> list[Note]:
    """The memories that are no sessions, as far as they are compared."""
    rows = connection.execute(
        "SELECT entries.id, name, path, entries.hash, title, coalesce(valid_from, created, ''), supersedes,"
        " (SELECT group_concat(text, char(10)) FROM"
        f"  (SELECT text FROM passages WHERE document = documents.id ORDER BY ordinal LIMIT {PASSAGES}))"
        " FROM entries JOIN documents ON entry = entries.id AND documents.ordinal = 0"
        f" WHERE problem IS NULL AND anchor IS NULL AND type IS NOT 'episode' AND {condition}",
        values,
    )
    return [
        Note(
            entry, name, path, hash_, title or "", date, (text or "")[:MAX_READ], tuple((supersedes or "").split("\n"))
        )
        for entry, name, path, hash_, title, date, supersedes, text in rows
    ]


def _replaced(connection: db.Connection) -> set[str]:
    rows = connection.execute("SELECT supersedes FROM entries WHERE supersedes != ''")
    return {name for (names,) in rows for name in names.split("\n") if name}


def _near_by_vector(connection: db.Connection, entry: int) -> dict[int, float | None]:
    """The entries nearest to one, with the cosine of their nearest passages; none without vectors."""
    if search.vector_model(connection) is None:
        return {}
    own = connection.execute(
        "SELECT embedding FROM documents JOIN passages ON document = documents.id JOIN vectors ON passage = passages.id"
        f" WHERE entry = ? ORDER BY passages.id LIMIT {PASSAGES}",
        (entry,),
    ).fetchall()
    best: dict[int, float] = {}
    for (vector,) in own:
        hits = [hit for hit in nearest.semantic(connection, vector, 4 * NEIGHBOURS) if hit.score >= NEAREST]
        entries = _entries_of(connection, {hit.document for hit in hits})
        for hit in hits:
            other = entries[hit.document]
            if other != entry:
                best[other] = max(best.get(other, 0.0), hit.score)
    return dict(sorted(best.items(), key=lambda item: -item[1])[: 2 * NEIGHBOURS])


def _entries_of(connection: db.Connection, documents: Collection[int]) -> dict[int, int]:
    marks = ",".join("?" * len(documents))
    return dict(
        connection.execute(f"SELECT id, entry FROM documents WHERE id IN ({marks})", list(documents)).fetchall()
    )


def _near_by_words(connection: db.Connection, note: Note) -> dict[int, float | None]:
    """The entries that share most words with one."""
    match = terms.match_expression(terms.query_terms(note.text[:1000]))
    hits = search.keyword(connection, match, 2 * NEIGHBOURS)
    entries = _entries_of(connection, {hit.document for hit in hits})
    return {entries[hit.document]: None for hit in hits if entries[hit.document] != note.entry}


def _all_near_by_vector(
    connection: db.Connection, notes: Collection[int], asked: list[Note]
) -> dict[int, dict[int, float]] | None:
    """For each of these memories the nearest few, with the cosine of their nearest passages; None without vectors."""
    if search.vector_model(connection) is None:
        return None
    import numpy as np

    from memcli.lifecycle import nearness

    owners, vectors = nearness.of_beginnings(connection, PASSAGES)
    compared = np.isin(owners, list(notes))
    owners, vectors = owners[compared], vectors[compared]
    if not len(owners):
        return None
    wanted = np.flatnonzero(np.isin(owners, [note.entry for note in asked]))
    near: dict[int, dict[int, float]] = {}
    for start in range(0, len(wanted), 256):
        some = wanted[start : start + 256]
        for row, cosines in zip(some.tolist(), vectors[some] @ vectors.T, strict=True):
            _note_nearest(near.setdefault(int(owners[row]), {}), int(owners[row]), owners, cosines)
    return near


def _note_nearest(best: dict[int, float], own: int, owners: NDArray[np.int64], cosines: NDArray[np.float32]) -> None:
    import numpy as np

    count = min(len(cosines), NEIGHBOURS + PASSAGES)
    for row in np.argpartition(-cosines, count - 1)[:count].tolist():
        other, cosine = int(owners[row]), float(cosines[row])
        if other != own and cosine >= NEAREST:
            best[other] = max(best.get(other, 0.0), cosine)


def rarity(connection: db.Connection, texts: Iterable[str]) -> Weigh | None:
    """How rare the words of these texts are in the store, by stem, 0.1..1; None where there are too few memories to tell."""
    memories: int = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    if memories < FEW:
        return None
    words = {word.lower() for text in texts for word in _WORD.findall(text)}
    held: dict[str, int] = {}
    for word, count in _counts(connection, words):
        held[stem(word)] = max(held.get(stem(word), 0), count)
    whole = math.log(memories)
    rarities = {
        key: min(1.0, max(0.1, _COMMON * math.log(memories / min(memories, count)) / whole))
        for key, count in held.items()
    }
    return lambda key: rarities.get(key, 1.0)


def _counts(connection: db.Connection, words: Collection[str]) -> Iterator[tuple[str, int]]:
    for some in db.chunks(sorted(words)):
        marks = ",".join("?" * len(some))
        yield from connection.execute(f"SELECT word, memories FROM vocabulary WHERE word IN ({marks})", some)
