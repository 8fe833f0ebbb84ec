"""What a user decides on memories that others brought: to let them speak, or not any more. Noted in the user's state alone.

What reads as if it were written to command an agent is not let through among others: it is quarantined, and asked about one by
one. Nothing here changes a memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memcli import caller, tree
from memcli.errors import MemError, UserAsked
from memcli.guard.speech import suspicious
from memcli.index import schema, trusting
from memcli.places import Place
from memcli.text import content_hash
from memcli.trust import commits, record
from memcli.trust.gitobjects import Objects
from memcli.trust.record import FOLLOW, FOLLOW_NOT, REJECTED, Record
from memcli.trust.repositories import Untold, around
from memcli.trust.verdict import HELD, QUARANTINED, SPEAK, TRUSTED


class Waiting(NamedTuple):
    """A memory that may not speak: what is shown of it, the hash of its content, and "held" or "quarantined"."""

    id: str
    path: str
    hash: str
    title: str
    created: str | None
    trust: str


def waiting(place: Place, *words: str) -> list[Waiting]:
    """The memories of which the index says one of these ("held", "quarantined"), by path. Raises IndexUnavailable."""
    connection = schema.open_for_reading(place)
    try:
        rows = [row for word in words for row in trusting.listed(connection, word)]
    finally:
        connection.close()
    return [Waiting(*(row[name] for name in Waiting._fields)) for row in rows]  # type: ignore[arg-type]


def text_of(place: Place, one: Waiting) -> str | None:
    """What a memory says, if that is still what was judged."""
    try:
        data = tree.read(place, one.path)
    except MemError:
        return None
    return data.decode("utf-8", "replace") if content_hash(data) == one.hash else None


def reason(place: Place, one: Waiting) -> str | None:
    """Why a memory should be looked at by itself; None for an ordinary one."""
    text = text_of(place, one)
    return suspicious(text) if text is not None else None


def accept(place: Place, chosen: Sequence[Waiting], *, by_name: bool = False) -> tuple[list[Waiting], list[Waiting]]:
    """Let these memories speak; returns those that do by now, and those that were quarantined instead.

    With `by_name` each of them was meant, and none is quarantined. Raises UserAsked to an agent.
    """
    _only_the_user()
    words: dict[str, str] = {}
    for one in chosen:
        text = text_of(place, one)
        if text is not None:
            words[one.hash] = TRUSTED if by_name or not suspicious(text) else QUARANTINED
    Record(place).note(words)
    trusting.renew(place)
    return tuple([one for one in chosen if words.get(one.hash) == word] for word in (TRUSTED, QUARANTINED))  # type: ignore[return-value]


def reject(place: Place, one: Waiting) -> None:
    """Keep a suspicious memory quarantined and ask no more about it. Raises UserAsked to an agent."""
    _only_the_user()
    Record(place).note({one.hash: REJECTED})
    trusting.renew(place)


def undecided(place: Place) -> list[Waiting]:
    """Quarantined memories that nobody decided on."""
    found = waiting(place, QUARANTINED)
    words = Record(place).words({one.hash for one in found})
    return [one for one in found if words.get(one.hash) != REJECTED]


def revoke(place: Place, paths: Iterable[str] | None = None) -> int:
    """Hold these memories, or all that was ever accepted, and follow the repository no longer; returns how many."""
    _only_the_user()
    connection = schema.open_for_reading(place)
    try:
        known = dict(connection.execute("SELECT path, hash FROM entries WHERE problem IS NULL"))
        trusted = connection.execute("SELECT path FROM entries WHERE trust = ?", (TRUSTED,)).fetchall()
    finally:
        connection.close()
    chosen = [path for (path,) in trusted] if paths is None else [path for path in paths if path in known]
    Record(place).note({known[path]: HELD for path in chosen}, *([FOLLOW_NOT] if paths is None else []))
    trusting.renew(place)
    return len(chosen)


def follow(place: Place, wanted: bool) -> None:
    """Let what git brings to this store speak from now on, or no longer. Raises UserAsked to an agent."""
    _only_the_user()
    record.append(place, [FOLLOW if wanted else FOLLOW_NOT])


def earlier(place: Place, one: Waiting) -> str | None:
    """What a memory said when it last could speak, from the history of its repository; None where that is not known."""
    file = os.path.realpath(place.absolute(one.path))
    try:
        repository = next(iter(around(os.path.dirname(file))), None)
        first = commits.head(repository) if repository else None
        if repository is None or first is None:
            return None
        known = Record(place)
        for data in commits.versions(Objects(repository), first, os.path.relpath(file, repository.root)):
            name = content_hash(data)
            if known.words([name]).get(name) in SPEAK:
                return data.decode("utf-8", "replace")
    except (Untold, OSError, ValueError):
        pass
    return None


def _only_the_user() -> None:
    by = caller.author()
    if by != "you":
        raise UserAsked(
            f"what may speak is for the user to decide, not for {by}", hint="mem trust, in a terminal of yours"
        )
