"""What `mem gc` does besides fading: proposals for `mem review` (contradictions, duplicates, lessons, what sessions say,
topics, what is never of use), digests, and a look at links.

Finds nothing itself and changes no memory; see `duplicates`, `lessons`, `takeaways`, `topics`, `exposure` and `digests`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from memcli.index import db, schema
from memcli.lifecycle import digests, duplicates, exposure, lessons, proposals, takeaways, topics
from memcli.lifecycle.lessons import Lesson
from memcli.lifecycle.proposals import About, Draft
from memcli.lifecycle.topics import Move, NewTopic
from memcli.places import Place
from memcli.text import plural

MOST_LINKS = 5  # turns that a proposed lesson links to


class Tidied(NamedTuple):
    """What there is to decide (new proposals, or in a dry run what would be proposed), digests made anew, and links."""

    drafts: list[Draft]
    digests: digests.Report
    links: topics.Links


def consolidate(
    place: Place,
    *,
    now: float,
    uses: Mapping[str, int],
    without: Collection[str] = (),
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Tidied:
    """Propose what is new and renew digests, on the index as it is; `without` are ids of archived memories.

    `progress` is called with (steps done, steps).
    """
    done = progress or (lambda *_: None)
    done(0, 3)
    connection = schema.open_for_reading(place)
    try:
        rejected = proposals.rejected_pairs(place)
        pairs = [proposals.of_finding(one) for one in duplicates.in_store(connection, rejected=rejected)]
        done(1, 3)
        waiting = [one.draft for one in proposals.open_proposals(place) if one.draft.kind in takeaways.KINDS]
        told = [*waiting, *takeaways.drafts(place, connection)]
        found = [*pairs, *drafts(connection, without=without), *told, *unused(place, connection, uses)]
        done(2, 3)
        renew = digests.plan if dry_run else digests.renew
        report = renew(place, connection, now=now, without=without)
        links = topics.links(connection)
        done(3, 3)
    finally:
        connection.close()
    if not dry_run:
        found = [one.draft for one in proposals.propose(place, found, now)]
    return Tidied(found, report, links)


def unused(place: Place, connection: db.Connection, uses: Mapping[str, int]) -> list[Draft]:
    """Memories that came before an agent on many days and were never of use; `uses` is by id, of all memories."""
    found = []
    shown = exposure.days_shown(place)
    rows = connection.execute("SELECT name, path, hash, pinned FROM entries WHERE problem IS NULL ORDER BY path")
    for name, path, hash_, pinned in rows:
        days = shown.get(name, 0)
        if days >= exposure.OFTEN and not uses.get(name) and not pinned:
            reason = f"shown on {days} days and never of use: into the trash?"
            found.append(Draft("unused", (About(name, path, hash_),), reason, ({"op": "DELETE", "id": name},)))
    return found


def drafts(connection: db.Connection, *, without: Collection[str] = ()) -> list[Draft]:
    """What is to be proposed, lessons first; memories named by id in `without` neither ask for a topic nor vote."""
    moves, new = topics.misplaced(connection, without=frozenset(without))
    found = [_of_lesson(lesson) for lesson in lessons.recurring(connection)]
    return [*found, *map(_of_move, moves), *map(_of_topic, new)]


def _of_lesson(lesson: Lesson) -> Draft:
    operation = {
        "op": "ADD",
        "text": lesson.text,
        "type": lesson.type,
        "links": [f"learnt from:{told.link}" for told in lesson.told[:MOST_LINKS]],
    }
    about = {told.path: About(told.id, told.path, told.hash) for told in lesson.told}
    return Draft("lesson", tuple(about.values()), f"came up in {len(lesson.told)} sessions", (operation,))


def _of_move(move: Move) -> Draft:
    near = f"{len(move.neighbours)} of the memories nearest to it are in {move.topic}"
    return Draft("topic", (About(*_filed(move.memory)),), near, (_move(move.memory, move.topic),))


def _of_topic(new: NewTopic) -> Draft:
    about = tuple(About(*_filed(memory)) for memory in new.memories)
    reason = f"{plural(len(about), 'memory')} in no topic are near each other and name {new.topic.replace('-', ', ')}"
    return Draft("new topic", about, reason, tuple(_move(memory, new.topic) for memory in new.memories))


def _filed(memory: topics.Filed) -> tuple[str, str, str]:
    return memory.id, memory.path, memory.hash


def _move(memory: topics.Filed, topic: str) -> dict[str, object]:
    return {"op": "UPDATE", "id": memory.id, "topic": topic}
