"""Where unfiled memories belong, groups that make a topic, and links that lead nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli import operations
from memcli.index import db, graph, schema
from memcli.lifecycle import consolidation, topics
from memcli.store import Store
from tests.recall.asking import note, talk, write

Answer = TypeVar("Answer")

BREAD = {
    "kitchen/rye.md": "Rye bread: feed the sourdough the evening before, bake at 240 degrees.",
    "kitchen/wheat.md": "Wheat bread: knead the dough for ten minutes, let it rise, bake at 230 degrees.",
    "kitchen/rolls.md": "Bread rolls: shape the dough into balls, let them rise twice, bake until golden.",
    "kitchen/pizza.md": "Pizza dough rises for a day in the fridge before it is baked.",
}
DATABASE = {
    "database/vacuum.md": "Postgres vacuum runs at night, because the orders table bloats.",
    "database/index.md": "Postgres needs an index on orders by customer, or the query scans the table.",
    "database/replica.md": "The Postgres replica lags by a minute when the nightly export runs.",
    "database/backup.md": "Postgres backups are taken with pg_dump before every migration of the tables.",
}
UNFILED = {"inbox/baguette.md": "Baguette: knead the wheat dough for ten minutes, let it rise, bake at 240 degrees."}
BILLS = {
    f"inbox/{month}.md": f"# Hosting bill of {month.title()}\n\nThe hosting bill was {euros} euros, paid by card."
    for month, euros in {"january": 41, "february": 39, "march": 44, "april": 40}.items()
}


def asked(store: Store, question: Callable[[db.Connection], Answer], *, embed: bool = False) -> Answer:
    store.sync(embed=embed)
    connection = schema.open_for_reading(store.place)
    try:
        return question(connection)
    finally:
        connection.close()


def keep(store: Store, *files: dict[str, str]) -> None:
    write(store.place.tree, {path: note(text) for some in files for path, text in some.items()})


def test_unfiled_memories_are_filed_with_their_neighbours_or_make_a_topic(store: Store) -> None:
    keep(store, BREAD, DATABASE, UNFILED, BILLS)
    write(store.place.private_tree, {"episodes/s.md": talk(("user", "I baked bread today."), session="s")})
    moves, new = asked(store, topics.misplaced, embed=True)
    assert [(move.memory.path, move.topic) for move in moves] == [("tree/inbox/baguette.md", "kitchen")]
    assert {memory.topic for memory in moves[0].neighbours} == {"kitchen"}
    assert [(one.topic, len(one.memories)) for one in new] == [("hosting-bill", 4)]

    drafts = asked(store, consolidation.drafts)
    assert [draft.kind for draft in drafts] == ["topic", "new topic"]
    assert drafts[0].operations == ({"op": "UPDATE", "id": moves[0].memory.id, "topic": "kitchen"},)
    assert len(drafts[1].operations) == 4
    assert not any(one.problems for draft in drafts for one in operations.read(json.dumps(draft.operations)))


def test_what_is_superseded_or_left_out_neither_asks_nor_votes(store: Store) -> None:
    keep(store, BREAD, DATABASE, UNFILED, BILLS)
    moves, _ = asked(store, topics.misplaced, embed=True)
    voters = {memory.id for memory in moves[0].neighbours}
    assert asked(store, lambda index: topics.misplaced(index, without=frozenset(voters)))[0] == []
    assert asked(store, lambda index: topics.misplaced(index, without=frozenset((moves[0].memory.id,))))[0] == []


def test_three_of_a_kind_are_no_topic(store: Store) -> None:
    keep(store, BREAD, DATABASE, dict(list(BILLS.items())[:3]))
    assert asked(store, topics.misplaced, embed=True) == ([], [])


def test_without_vectors_nothing_is_found(store: Store) -> None:
    keep(store, BREAD, UNFILED, BILLS)
    assert asked(store, topics.misplaced) == ([], [])


# --- links ------------------------------------------------------------------------------------------------------------


def test_orphans_and_links_that_lead_nowhere(store: Store) -> None:
    keep(store, {
        "auth/session-store.md": "# Session store\n\nSessions are kept in Redis.",
        "auth/tokens.md": "Uses [[auth/session-store]] and [[Sesion stores]] and ![[diagram.png]].",
        "auth/other.md": "See [[nothing like it]] and [[.mem/tree/auth/session-store.md|the store]].",
        "auth/self.md": "Only [[auth/self]].",
        "auth/alone.md": "Alone.",
    })  # fmt: skip
    found = asked(store, topics.links)
    assert [memory.path for memory in found.orphans] == ["tree/auth/alone.md", "tree/auth/self.md"]
    assert [(one.memory.path, one.target, one.meant.path if one.meant else None) for one in found.broken] == [
        ("tree/auth/other.md", "nothing like it", None),
        ("tree/auth/tokens.md", "Sesion stores", "tree/auth/session-store.md"),
    ]


TARGETS = ("a", "A", "b/c", "tree/b/c.md", "b/c.md", "Title", "TITLE", "títle", "x", ".mem/tree/a.md", "local/tree/a")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=4, unique=True))
def test_a_link_is_broken_where_the_graph_follows_none(store: Store, targets: list[str]) -> None:
    keep(store, {"a.md": "# Title\n\nA.", "b/c.md": "# Títle\n\nC."})
    for target in targets:
        keep(store, {"from.md": f"[[{target}]]"})
        broken = asked(store, topics.links).broken
        followed = asked(store, lambda index: graph.linked(index, _document(index, "tree/from.md")))
        assert bool(broken) is not bool(followed), target


def _document(connection: db.Connection, path: str) -> list[int]:
    sql = "SELECT documents.id FROM documents JOIN entries ON entries.id = entry WHERE path = ?"
    return [row[0] for row in connection.execute(sql, (path,))]


@pytest.mark.parametrize("sessions", [2])
def test_sessions_are_no_orphans(sessions: int, store: Store) -> None:
    write(store.place.private_tree, {f"episodes/{n}.md": talk(("user", "Hello.")) for n in range(sessions)})
    assert asked(store, topics.links) == topics.Links((), ())
