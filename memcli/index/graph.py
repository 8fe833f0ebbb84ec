"""Entities in the index, and the graph that they, links and turns span: written with the documents, asked by recall.

Only mentions are stored: (entity, document, which of its passages). What depends on the whole store is worked out when it
is asked: which spellings are one, what is rare, whether a word at the beginning of a sentence is a name after all, and
all edges. So an index that followed the files has nothing to forget and equals one made anew.

An entity is a key (`encode.entities`) with a kind; entities that share a key are one name. The other forms of a full name
stand for it only where nobody else has them: "Ngozi" for "Ngozi Okafor" if she is the only Ngozi.
Lean: imported by every recall.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode import entities, terms
from memcli.encode.entities import KINDS
from memcli.index import db, search
from memcli.index.search import filter_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memcli.index.search import Filter

Entity = namedtuple("Entity", "keys said spoken")
Entity.__doc__ = """Something that a question names: its `keys`, and its entity numbers where documents mention it (`said`)
and where it is who speaks (`spoken`)."""

Mention = namedtuple("Mention", "document ordinal")
Edge = namedtuple("Edge", "document ordinal weight")
Edge.__doc__ = "From one document to another: which passage of the other is meant, and how much the two have in common."

NAME_SHARE = 0.5  # of the documents with a word must write it as a name for the word alone to ask for it
MAX_ENTITIES = 12  # of one question
MAX_DEGREE = 8  # edges followed from one document
RARE = 8  # documents: what more of them mention connects nothing
MAX_MENTIONS = 3 * RARE  # places, of which a document has several
NEXT = 0.25  # weight of the edge between two turns; a link has 1
MAX_HOLDERS = 200  # documents searched for those who share a last name
_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_INITIAL, _PART, _SPEAKER, _HANDLE = (_NUMBER[kind] for kind in ("initial", "part", "speaker", "handle"))
_FULL = _NUMBER["name"], _SPEAKER, _INITIAL  # kinds of names of several words

# --- writing ----------------------------------------------------------------------------------------------------------


def insert(connection: db.Connection, document: int | None, passages: Sequence[Iterable[tuple[str, str]]]) -> None:
    """Note what each passage of a document mentions, as (key, kind)."""
    rows = [(document, n, key, _NUMBER[kind]) for n, found in enumerate(passages) for key, kind in found]
    connection.executemany("INSERT OR IGNORE INTO entities (key, kind) VALUES (?, ?)", [row[2:] for row in rows])
    connection.executemany(
        "INSERT INTO mentions (entity, document, ordinal) SELECT id, ?, ? FROM entities WHERE key = ? AND kind = ?",
        rows,
    )


def delete(connection: db.Connection, documents: Iterable[int]) -> None:
    """Forget what these documents mention, and the entities that nothing mentions any more."""
    for document in documents:
        left = connection.execute("SELECT DISTINCT entity FROM mentions WHERE document = ?", (document,)).fetchall()
        connection.execute("DELETE FROM mentions WHERE document = ?", (document,))
        connection.executemany(
            "DELETE FROM entities WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM mentions WHERE entity = ?1)", left
        )


# --- what a question names --------------------------------------------------------------------------------------------


def named(connection: db.Connection, question: str) -> list[Entity]:
    """The entities that a question names, of those that the store has; what is written as a name first, then the longest."""
    asked = sorted(entities.asked(question), key=lambda one: not one.sure)
    known = _known(connection, {key for one in asked for key in one.keys})
    taken: list[tuple[int, int]] = []
    found: list[Entity] = []
    for one in asked:
        keys = [key for key in one.keys if key in known]
        ids = [row for key in keys for row in known[key]]
        doubtful = not one.sure and all(kind == _INITIAL for _, kind in ids)
        if not ids or doubtful or any(s < one.end and one.start < e for s, e in taken):
            continue
        if not one.sure and not _is_a_name(connection, ids, question[one.start : one.end]):
            continue
        taken.append((one.start, one.end))
        aliases = _known(
            connection, {alias for key in keys for alias in _aliases(connection, key, known[key])} - {*keys}
        )
        ids += [row for rows in aliases.values() for row in rows]
        said = tuple(sorted({number for number, kind in ids if kind != _SPEAKER}))
        spoken = tuple(sorted({number for number, kind in ids if kind == _SPEAKER}))
        found.append(Entity((*keys, *sorted(aliases)), said, spoken))
        if len(found) == MAX_ENTITIES:
            break
    return found


def _known(connection: db.Connection, keys: set[str]) -> dict[str, list[tuple[int, int]]]:
    """(number, kind) of the entities with these keys."""
    marks = ",".join("?" * len(keys))
    known: dict[str, list[tuple[int, int]]] = {}
    for number, key, kind in connection.execute(
        f"SELECT id, key, kind FROM entities WHERE key IN ({marks})", sorted(keys)
    ):
        known.setdefault(key, []).append((number, kind))
    return known


def _is_a_name(connection: db.Connection, ids: list[tuple[int, int]], text: str) -> bool:
    """Whether words are mostly written as a name where they occur: "mark" asks for Mark only if few documents mark things."""
    words = terms.fts_text(text)
    match = terms.match_expression([terms.Term(words, "phrase")] if " " in words else terms.query_terms(text))
    sql = "SELECT count(*) FROM documents_fts WHERE documents_fts MATCH ?"
    written: int = connection.execute(sql, (match,)).fetchone()[0] if match else 0
    marks = ",".join("?" * len(ids))
    sql = f"SELECT count(DISTINCT document) FROM mentions WHERE entity IN ({marks})"
    mentioned: int = connection.execute(sql, [number for number, _ in ids]).fetchone()[0]
    return mentioned >= NAME_SHARE * written


def _aliases(connection: db.Connection, key: str, ids: list[tuple[int, int]]) -> list[str]:
    """Other forms of a name: full, first, last, and handles made of them, each only where one full name can be meant."""
    kinds = {kind for _, kind in ids}
    if not kinds & {*_FULL, _PART, _HANDLE}:
        return []
    full = {key} if " " in key else {*_beginning(connection, key), *_ending(connection, key)}
    if not full and _HANDLE in kinds and len(key) > 3:  # dreyes, danielr
        full = {name for name in _ending(connection, key[1:]) if name[0] == key[0]}
        full |= {name for name in _beginning(connection, key[:-1]) if name.split(" ")[-1][0] == key[-1]}
    if len(full) != 1:
        return []
    name = full.pop()
    first, last = name.split(" ")[0], name.split(" ")[-1]
    alone_first, alone_last = _beginning(connection, first) == [name], _ending(connection, last) == [name]
    forms = [first, first + last[0]] if alone_first else []
    forms += [last, first[0] + last] if alone_last else []
    return [form for form in (name, *forms, first + last) if form != key]


def _beginning(connection: db.Connection, word: str) -> list[str]:
    """Full names that begin with a word; two are enough."""
    rows = connection.execute(
        f"SELECT DISTINCT key FROM entities WHERE key >= ? AND key < ? AND kind IN {_FULL} LIMIT 2",
        (word + " ", word + "!"),  # "!" follows the space
    )
    return [row[0] for row in rows]


def _ending(connection: db.Connection, word: str) -> list[str]:
    """Full names that end with a word; two are enough. They are in the documents that have the word as a part."""
    rows = connection.execute(
        "WITH holders AS MATERIALIZED"
        " (SELECT DISTINCT document FROM entities JOIN mentions ON entity = id WHERE key = ? LIMIT ?)"
        " SELECT DISTINCT key FROM holders JOIN mentions USING (document) JOIN entities ON id = entity"
        f" WHERE kind IN {_FULL} AND substr(key, ?) = ? LIMIT 2",
        (word, MAX_HOLDERS, -len(word) - 1, " " + word),
    )
    return [row[0] for row in rows]


# --- who mentions it --------------------------------------------------------------------------------------------------


def documents(connection: db.Connection) -> int:
    """How many documents there are."""
    number: int = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    return number


def mentioning(
    connection: db.Connection, numbers: Sequence[int], at_most: int, where: Filter
) -> tuple[int, list[Mention]]:
    """How many documents mention any of these entities, and where those within the filter do.

    Where more than `at_most` do, no places.
    """
    marks = ",".join("?" * len(numbers))
    sql = f"SELECT count(*) FROM (SELECT DISTINCT document FROM mentions WHERE entity IN ({marks}) LIMIT ?)"
    held: int = connection.execute(sql, (*numbers, at_most + 1)).fetchone()[0] if numbers else 0
    if not 0 < held <= at_most:
        return held, []
    within, values = filter_sql(where, "document", "documents.id")
    sql = f"SELECT DISTINCT document, ordinal FROM mentions WHERE entity IN ({marks}){within}"
    return held, [Mention(*row) for row in connection.execute(sql, (*numbers, *values))]


def within(connection: db.Connection, ids: Iterable[int], where: Filter) -> set[int]:
    """Those of these documents that the filter lets through."""
    allowed, values = filter_sql(where, "id", "documents.id")
    found: set[int] = set()
    for some in db.chunks(list(ids)):
        sql = f"SELECT id FROM documents WHERE id IN ({','.join('?' * len(some))}){allowed}"
        found.update(row[0] for row in connection.execute(sql, (*some, *values)))
    return found


def passages(connection: db.Connection, places: Iterable[Mention]) -> dict[Mention, tuple[int, str]]:
    """(passage, kind) at these places."""
    found = {}
    for place in places:
        row = connection.execute("SELECT id, kind FROM passages WHERE document = ? AND ordinal = ?", place).fetchone()
        if row:
            found[place] = row
    return found


# --- edges ------------------------------------------------------------------------------------------------------------


def edges(connection: db.Connection, ids: Sequence[int]) -> dict[int, list[Edge]]:
    """The strongest edges that lead away from each of these documents: rare entities in common, links, turns in sequence."""
    together: dict[tuple[int, int], dict[int, float]] = {}  # (from, to) → passage of the other → weight
    for found in (_by_entities, _by_links, _by_sequence):
        for document, other, ordinal, weight in found(connection, ids):
            if other != document:
                passages = together.setdefault((document, other), {})
                passages[ordinal] = passages.get(ordinal, 0.0) + weight
    leading: dict[int, list[Edge]] = {}
    for (document, other), weights in together.items():
        best = max(weights, key=lambda ordinal: (weights[ordinal], -ordinal))
        leading.setdefault(document, []).append(Edge(other, best, sum(weights.values())))
    return {
        document: sorted(found, key=lambda edge: (-edge.weight, edge.document))[:MAX_DEGREE]
        for document, found in leading.items()
    }


if TYPE_CHECKING:
    Step = tuple[int, int, int, float]  # from, to, passage of the other, weight


def _by_entities(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """Two documents that both mention something rare. An entity's weight is shared among those it leads to."""
    marks = ",".join("?" * len(ids))
    unsure = f"({_INITIAL}, {_NUMBER['version']})"
    mine: dict[str, set[int]] = {}
    for document, key in connection.execute(
        f"SELECT document, key FROM mentions JOIN entities ON id = entity WHERE document IN ({marks}) AND kind NOT IN {unsure}",
        ids,
    ):
        mine.setdefault(key, set()).add(document)
    counts: dict[str, int] = {}
    keys: dict[int, str] = {}
    several: set[str] = set()  # words of names of several words, which more than one may have
    for number, key, kind, count in connection.execute(
        "SELECT id, key, kind, (SELECT count(*) FROM (SELECT 1 FROM mentions WHERE entity = id LIMIT ?))"
        f" FROM entities WHERE key IN ({','.join('?' * len(mine))}) AND kind NOT IN {unsure}",
        (MAX_MENTIONS + 1, *sorted(mine)),
    ):
        counts[key] = counts.get(key, 0) + count
        keys[number] = key
        if kind == _PART:
            several.add(key)
    numbers = [number for number, key in keys.items() if 1 < counts[key] <= MAX_MENTIONS]
    others: dict[str, dict[int, int]] = {}  # key → document → its first passage with it
    for number, document, ordinal in connection.execute(
        f"SELECT entity, document, min(ordinal) FROM mentions WHERE entity IN ({','.join('?' * len(numbers))}) GROUP BY 1, 2",
        numbers,
    ):
        places = others.setdefault(keys[number], {})
        places[document] = min(ordinal, places.get(document, ordinal))
    for key, places in others.items():
        if not 1 < len(places) <= RARE or (key in several and len(_beginning(connection, key)) > 1):
            continue
        for document in mine[key]:
            for other, ordinal in places.items():
                yield document, other, ordinal, 1.0 / (len(places) - 1)


def _by_links(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """Links in both directions; a link to a memory of turns leads to its first one."""
    marks = ",".join("?" * len(ids))
    for document, target in connection.execute(
        "SELECT documents.id, target FROM documents JOIN relations USING (entry)"
        f" WHERE documents.id IN ({marks}) AND anchor IS NULL",
        ids,
    ).fetchall():
        for other in linked(connection, target):
            yield document, other, 0, 1.0
    for document, name, path, title in connection.execute(
        "SELECT documents.id, name, path, title FROM documents JOIN entries ON entries.id = entry"
        f" WHERE documents.id IN ({marks}) AND ordinal = 0",
        ids,
    ).fetchall():
        bare = path.removeprefix("local/").removeprefix("tree/")
        targets = {name, title, path, bare, path.removesuffix(".md"), bare.removesuffix(".md")}
        for (other,) in connection.execute(
            "SELECT documents.id FROM relations JOIN documents USING (entry)"
            f" WHERE target COLLATE NOCASE IN ({','.join('?' * len(targets))}) AND ordinal = 0",
            sorted(targets),
        ):
            yield document, other, 0, 1.0


def linked(connection: db.Connection, target: str) -> list[int]:
    """The documents that a link means: the memory with this id, path or title."""
    return search.named(connection, target)[:MAX_DEGREE]


def _by_sequence(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """The turns before and after. They say less: the neighbours of what was found are looked at anyway."""
    marks = ",".join("?" * len(ids))
    for document, other in connection.execute(
        "SELECT own.id, other.id FROM documents own JOIN documents other"
        f" ON other.entry = own.entry AND other.ordinal IN (own.ordinal - 1, own.ordinal + 1) WHERE own.id IN ({marks})",
        ids,
    ):
        yield document, other, 0, NEXT
