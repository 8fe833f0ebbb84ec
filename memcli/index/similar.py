"""Memories that say nearly the same as one just written, found by their vectors."""

from __future__ import annotations

from typing import NamedTuple

from memcli.errors import IndexUnavailable
from memcli.index import db, schema, search
from memcli.places import Place

NEAR = 0.93  # cosine of e5-small from which two short notes are about the same thing; unrelated ones lie near .75
AT_MOST = 3


class Near(NamedTuple):
    id: str
    title: str
    cosine: float


def near(place: Place, path: str) -> list[Near]:
    """The memories whose passages are nearest to those of the file at `path`, nearest first; episodes are left out."""
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return []  # thrown away by another process meanwhile
    try:
        if search.vector_model(connection) is None:
            return []
        best: dict[tuple[str, str], float] = {}
        own = connection.execute(
            "SELECT embedding FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
            " JOIN vectors ON passage = passages.id WHERE path = ? LIMIT 8",
            (path,),
        ).fetchall()
        for (vector,) in own:
            hits = search.semantic(connection, vector, 4 * AT_MOST)
            known = search.documents(connection, {hit.document for hit in hits if hit.score >= NEAR})
            for hit in hits:
                document = known.get(hit.document)
                if document is not None and document.path != path and not document.anchor:
                    key = (document.name, document.title)
                    best[key] = max(best.get(key, 0.0), hit.score)
        ranked = sorted(best.items(), key=lambda item: -item[1])[:AT_MOST]
        return [Near(*key, cosine) for key, cosine in ranked]
    except (IndexUnavailable, db.DatabaseError):
        return []  # a hint for people; the memory itself is safe
    finally:
        connection.close()
