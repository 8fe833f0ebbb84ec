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
from memcli.index import db
from memcli.index.search import filter_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memcli.index.search import Filter

    Mentioned = tuple[int, int, str, str]  # document, which of its passages, key and kind

Entity = namedtuple("Entity", "keys said spoken")
Entity.__doc__ = """Something that a question names: its `keys`, and its entity numbers where documents mention it (`said`)
and where it is who speaks (`spoken`)."""

Mention = namedtuple("Mention", "document ordinal passage kind")
Edge = namedtuple("Edge", "document ordinal weight")
Edge.__doc__ = "From one document to another: which passage of the other is meant, and how much the two have in common."

NAME_SHARE = 0.5  # of the documents with a word must write it as a name for the word alone to ask for it
MAX_ENTITIES = 12  # of one question
MAX_DEGREE = 8  # edges followed from one document
RARE = 8  # documents: what more of them mention connects nothing
MAX_MENTIONS = 3 * RARE  # places, of which a document has several
NEXT = 0.25  # weight of the edge between two turns; a link has 1
MAX_PLACES = 40  # searched for those who share a last name
_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_INITIAL, _PART, _SPEAKER, _HANDLE = (_NUMBER[kind] for kind in ("initial", "part", "speaker", "handle"))
_FULL = _NUMBER["name"], _SPEAKER, _INITIAL  # kinds of names of several words

# --- writing ----------------------------------------------------------------------------------------------------------


def insert(connection: db.Connection, mentioned: Iterable[Mentioned]) -> None:
    """Note what passages mention, none of which has been noted of them before."""
    rows = [(key, _NUMBER[kind], document, ordinal) for document, ordinal, key, kind in mentioned]
    numbers = {
        (key, kind): number for key, ids in _known(connection, {row[0] for row in rows}).items() for number, kind in ids
    }
    new = sorted({row[:2] for row in rows} - numbers.keys())
    first: int = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM entities").fetchone()[0]
    numbers.update((entity, number) for number, entity in enumerate(new, first))
    connection.executemany(
        "INSERT INTO entities (id, key, kind) VALUES (?, ?, ?)", [(numbers[entity], *entity) for entity in new]
    )
    connection.executemany(
        "INSERT INTO mentions (entity, document, ordinal) VALUES (?, ?, ?)",
        sorted((numbers[key, kind], document, ordinal) for key, kind, document, ordinal in rows),
    )


def delete(connection: db.Connection, documents: Iterable[int]) -> None:
    """Forget what these documents mention, and the entities that nothing mentions any more."""
    gone = (db.array(documents),)
    of_documents = "FROM mentions WHERE document IN (SELECT value FROM json_each(?))"
    left = connection.execute(f"SELECT DISTINCT entity {of_documents}", gone).fetchall()
    connection.execute(f"DELETE {of_documents}", gone)
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
        other_forms = {form for key in keys for form in _aliases(connection, key, known[key])} - {*keys}
        aliases = _known(connection, other_forms) if other_forms else {}
        ids += [row for rows in aliases.values() for row in rows]
        said = tuple(sorted({number for number, kind in ids if kind != _SPEAKER}))
        spoken = tuple(sorted({number for number, kind in ids if kind == _SPEAKER}))
        found.append(Entity((*keys, *sorted(aliases)), said, spoken))
        if len(found) == MAX_ENTITIES:
            break
    return found


def _known(connection: db.Connection, keys: set[str]) -> dict[str, list[tuple[int, int]]]:
    """(number, kind) of the entities with these keys."""
    known: dict[str, list[tuple[int, int]]] = {}
    for some in db.chunks(sorted(keys)):
        marks = ",".join("?" * len(some))
        for number, key, kind in connection.execute(f"SELECT id, key, kind FROM entities WHERE key IN ({marks})", some):
            known.setdefault(key, []).append((number, kind))
    return known


def _is_a_name(connection: db.Connection, ids: list[tuple[int, int]], text: str) -> bool:
    """Whether words are mostly written as a name where they occur: "mark" asks for Mark only if few documents mark things."""
    marks = ",".join("?" * len(ids))
    sql = f"SELECT count(DISTINCT document) FROM mentions WHERE entity IN ({marks})"
    mentioned: int = connection.execute(sql, [number for number, _ in ids]).fetchone()[0]
    words = terms.fts_text(text)
    match = terms.match_expression([terms.Term(words, "phrase")] if " " in words else terms.query_terms(text))
    at_most = int(mentioned / NAME_SHARE)
    sql = (
        "SELECT count(*) FROM (SELECT DISTINCT document FROM passages_fts JOIN passages ON id = passages_fts.rowid"
        " WHERE passages_fts MATCH ? LIMIT ?)"
    )
    written: int = connection.execute(sql, (match, at_most + 1)).fetchone()[0] if match else 0
    return written <= at_most


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
    """Full names that end with a word; two are enough. They stand where the word does: as their part, or alone elsewhere."""
    rows = connection.execute(
        f"WITH forms AS MATERIALIZED (SELECT id FROM entities WHERE key = ? ORDER BY kind = {_PART} DESC),"
        " places AS MATERIALIZED (SELECT DISTINCT document, ordinal FROM forms CROSS JOIN mentions ON entity = id LIMIT ?)"
        " SELECT DISTINCT key FROM places CROSS JOIN mentions USING (document, ordinal) JOIN entities ON id = entity"
        f" WHERE kind IN {_FULL} AND substr(key, ?) = ? LIMIT 2",
        (word, MAX_PLACES, -len(word) - 1, " " + word),
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
    sql = (
        "SELECT DISTINCT document, ordinal, passages.id, passages.kind FROM mentions"
        f" JOIN passages USING (document, ordinal) WHERE entity IN ({marks}){within}"
    )
    return held, [*map(Mention._make, connection.execute(sql, (*numbers, *values)))]


def within(connection: db.Connection, ids: Iterable[int], where: Filter) -> set[int]:
    """Those of these documents that the filter lets through."""
    allowed, values = filter_sql(where, "id", "documents.id")
    if not allowed:
        return set(ids)
    sql = f"SELECT id FROM documents WHERE id IN (SELECT value FROM json_each(?)){allowed}"
    return {row[0] for row in connection.execute(sql, (db.array(ids), *values))}


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

_UNSURE = _INITIAL, _NUMBER["version"]
# Entities that share a key are one name, so their mentions count together. A word of names of several words that more
# than one may have ("Ngozi" of two) connects nothing.
_RARE = f"""
WITH forms AS MATERIALIZED (
  SELECT id, key, kind, (SELECT count(*) FROM (SELECT 1 FROM mentions WHERE entity = id LIMIT {MAX_MENTIONS + 1})) AS held
  FROM entities WHERE kind NOT IN {_UNSURE} AND key IN (
    SELECT key FROM mentions JOIN entities ON id = entity
    WHERE document IN (SELECT value FROM json_each(?)) AND kind NOT IN {_UNSURE})
), rare AS MATERIALIZED (
  SELECT key FROM forms GROUP BY key HAVING sum(held) BETWEEN 2 AND {MAX_MENTIONS} AND NOT (max(kind = {_PART}) AND (
    SELECT count(*) FROM (SELECT DISTINCT key FROM entities AS full
    WHERE full.key >= forms.key || ' ' AND full.key < forms.key || '!' AND kind IN {_FULL} LIMIT 2)) > 1)
)
SELECT key, document, ordinal FROM forms JOIN mentions ON entity = id WHERE key IN rare"""


def _by_entities(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """Two documents that both mention something rare. An entity's weight is shared among those it leads to."""
    named: dict[str, dict[int, int]] = {}  # key → document → its first passage with it
    for key, document, ordinal in connection.execute(_RARE, (db.array(ids),)):
        places = named.setdefault(key, {})
        if ordinal <= places.get(document, ordinal):
            places[document] = ordinal
    own = frozenset(ids)
    for places in named.values():
        if 1 < len(places) <= RARE:
            weight = 1.0 / (len(places) - 1)
            for document in own.intersection(places):
                for other, ordinal in places.items():
                    yield document, other, ordinal, weight


# What a link means: the memory with this id, title or path, or the only one whose file is called so (as in Obsidian); of a
# memory of turns the first one. Not with OR, for which SQLite would scan the entries.
ALONE = "(SELECT count(*) FROM (SELECT 1 FROM entries AS same WHERE same.stem = {} COLLATE NOCASE LIMIT 2)) = 1"
_MEANT = (
    "name = target",
    "title = target COLLATE NOCASE",
    f"stem = target COLLATE NOCASE AND {ALONE.format('target')}",
    "path IN (target, target || '.md', 'tree/' || target, 'tree/' || target || '.md',"
    " 'local/tree/' || target, 'local/tree/' || target || '.md')",
)
_LINKED = " UNION ".join(
    "SELECT own.id, other.id, link"
    " FROM documents AS own JOIN (SELECT rowid AS link, entry, replace(target, '.mem/', '') AS target FROM relations)"
    f" USING (entry) CROSS JOIN entries ON {meant} JOIN documents AS other ON other.entry = entries.id AND other.ordinal = 0"
    " WHERE own.id IN (SELECT value FROM json_each(?1)) AND own.anchor IS NULL"
    for meant in _MEANT
)
_LINKING = f"""
SELECT own.id, other.id, relations.rowid
FROM documents AS own JOIN (SELECT *, substr(path, instr(path, 'tree/') + 5) AS below,
  CASE WHEN {ALONE.format("entries.stem")} THEN stem ELSE name END AS called FROM entries) AS meant
  ON meant.id = own.entry
JOIN relations ON target COLLATE NOCASE IN (
  name, title, called, path, below, substr(path, 1, length(path) - 3), substr(below, 1, length(below) - 3))
JOIN documents AS other ON other.entry = relations.entry AND other.ordinal = 0
WHERE own.id IN (SELECT value FROM json_each(?)) AND own.ordinal = 0"""


def _by_links(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """Links in both directions."""
    for sql in (_LINKED, _LINKING):
        for document, other, _ in connection.execute(sql, (db.array(ids),)):
            yield document, other, 0, 1.0


def linked(connection: db.Connection, ids: Sequence[int]) -> dict[int, list[int]]:
    """What each of these documents links to, and what links to it."""
    found: dict[int, list[int]] = {}
    for document, other, _, _ in _by_links(connection, ids):
        if other != document and other not in found.setdefault(document, []):
            found[document].append(other)
    return {document: others for document, others in found.items() if others}


def linking(connection: db.Connection) -> dict[int, set[int]]:
    """For each entry that others link to, those entries."""
    firsts = dict(connection.execute("SELECT id, entry FROM documents WHERE ordinal = 0"))
    found: dict[int, set[int]] = {}
    for document, other, _ in connection.execute(_LINKED, (db.array(firsts),)):
        if document in firsts and document != other:
            found.setdefault(firsts[other], set()).add(firsts[document])
    return found


def _by_sequence(connection: db.Connection, ids: Sequence[int]) -> Iterator[Step]:
    """The turns before and after. They say less: the neighbours of what was found are looked at anyway."""
    for document, other in connection.execute(
        "SELECT own.id, other.id FROM documents own JOIN documents other"
        " ON other.entry = own.entry AND other.ordinal IN (own.ordinal - 1, own.ordinal + 1)"
        " WHERE own.id IN (SELECT value FROM json_each(?))",
        (db.array(ids),),
    ):
        yield document, other, 0, NEXT
