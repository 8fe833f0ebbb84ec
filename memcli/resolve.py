"""Which memory a person means: by id, the beginning of an id, path, or title; else by what it is about."""

from __future__ import annotations

import os
from typing import NamedTuple

from memcli.config import Config
from memcli.errors import Ambiguous, NotFound
from memcli.index import schema
from memcli.places import Place
from memcli.recall.answer import EVERY_EPISODE
from memcli.recall.pipeline import Recall

CANDIDATES = 5
MIN_PREFIX = 3


class Target(NamedTuple):
    """One memory file: the store it lies in, its path as the index names it, its id and title."""

    place: Place
    path: str
    id: str
    title: str


def resolve(places: list[Place], wanted: str, config: Config) -> Target:
    """The one memory that `wanted` names, in the nearest store that has it.

    Raises Ambiguous with candidates when several answer, or when `wanted` only describes a memory; NotFound when none does.
    """
    for place in places:
        if place.exists():
            found = _named(place, wanted)
            if len(found) == 1:
                return found[0]
            if found:
                raise Ambiguous(
                    f"{wanted!r} names {len(found)} memories", _shown(found), hint="repeat with one of these ids"
                )
    found = _about(places, wanted, config)
    if not found:
        raise NotFound(f"there is no memory called {wanted!r}", hint="mem ls")
    raise Ambiguous(
        f"{wanted!r} is no id, path or title; these are about it", _shown(found), hint="repeat with one of these ids"
    )


def _named(place: Place, wanted: str) -> list[Target]:
    connection = schema.open_for_reading(place)
    try:
        ways = [
            ("name = ?", (wanted,)),
            (f"path IN ({','.join('?' * 6)})", tuple(_paths(place, wanted))),
            ("title = ? COLLATE NOCASE", (wanted,)),
        ]
        if len(wanted) >= MIN_PREFIX:
            ways.insert(1, ("name >= ? AND name < ?", (wanted, wanted + "\uffff")))
        for condition, values in ways:
            rows = connection.execute(
                f"SELECT path, name, coalesce(title, path) FROM entries WHERE {condition} ORDER BY path LIMIT 20",
                values,
            ).fetchall()
            if rows:
                return [Target(place, *row) for row in rows]
        return []
    finally:
        connection.close()


def _paths(place: Place, wanted: str) -> list[str]:
    """What `wanted` may be as a path of the index: typed from the working directory, or from the tree, with or without .md."""
    named = wanted if wanted.endswith((".md", ".markdown")) else wanted + ".md"
    here = place.relative(os.path.join(os.path.realpath(os.getcwd()), named)) or ""
    bare = named.removeprefix("./").removeprefix(".mem/")
    return [here, place.relative(os.path.realpath(os.path.expanduser(named))) or "", bare, f"tree/{bare}", f"local/tree/{bare}",
            f"local/{bare}"]  # fmt: skip


def _about(places: list[Place], wanted: str, config: Config) -> list[Target]:
    with Recall(places, config, lexical=True) as recall:
        hits = recall.ask(wanted, limit=CANDIDATES, episodes=EVERY_EPISODE).hits
    return [
        Target(
            hit.candidate.source.place,
            hit.candidate.document.path,
            hit.candidate.document.name,
            hit.candidate.document.title,
        )
        for hit in hits
    ]


def _shown(found: list[Target]) -> list[tuple[str, str, str]]:
    return [(target.id, target.place.shown(target.path), target.title) for target in found[:CANDIDATES]]
