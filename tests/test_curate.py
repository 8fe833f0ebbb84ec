"""Batches of operations: every problem found first, then all of it done or none, and one undo takes it back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from memcli import batch, journal, tree
from memcli.curate import Outcome, curate
from memcli.errors import WriteFailed
from memcli.memory import Memory, parse
from memcli.operations import read
from memcli.store import Store
from memcli.text import digest
from tests.batches import everything, trees
from tests.command import without_model
from tests.conftest import tree_bytes

SECRET = "ghp_" + "".join("aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"[:36])


def run(store: Store, *operations: dict[str, Any], dry_run: bool = False) -> list[Outcome]:
    """Curate with a current index of words."""
    without_model()
    store.sync(embed=False)
    return curate(store, read(json.dumps(operations)), dry_run=dry_run)


def memory(store: Store, path: str | None) -> Memory:
    assert path is not None
    return parse(tree.read(store.place, path), name=path)


def outcomes(found: list[Outcome]) -> list[str]:
    return [one.outcome for one in found]


# --- each operation ---


def test_add_keeps_what_it_is_told(store: Store) -> None:
    (done,) = run(store, {
        "op": "ADD", "text": "A reused one revokes the family.", "title": "Rotate tokens", "topic": "auth/tokens",
        "type": "decision", "tags": ["#jwt"], "links": ["depends on:auth/store"], "valid_from": "2026-01-01", "pinned": True,
    })  # fmt: skip
    assert done.outcome == "added"
    assert done.path == "tree/auth/tokens/rotate-tokens.md"
    kept = memory(store, done.path)
    assert (kept.id, kept.type, kept.title, kept.tags) == (done.id, "decision", "Rotate tokens", ("jwt",))
    assert (kept.valid_from, kept.pinned) == ("2026-01-01", True)
    assert [tuple(one) for one in kept.relations] == [("depends on", "auth/store")]


def test_add_does_not_repeat_a_memory(store: Store) -> None:
    old = store.add("Deploys run on Tuesday")
    before = trees(store)
    (done,) = run(store, {"op": "ADD", "text": "Deploys run on Tuesday"})
    assert (done.outcome, done.code, done.present) == ("exists", 23, "Deploys run on Tuesday\n")
    assert done.digest == digest(before[old.path])
    assert trees(store) == before


def test_what_is_there_is_shown_whole(store: Store) -> None:
    """Of a file without front matter, too: its first line was left out."""
    path = Path(store.place.tree, "inbox", "by-hand.md")
    path.parent.mkdir()
    path.write_text("By hand\nand more\n")
    (done,) = run(store, {"op": "ADD", "text": "By hand"})
    assert (done.outcome, done.present) == ("exists", "By hand\nand more\n")


def test_update_changes_what_it_names_and_nothing_else(store: Store) -> None:
    path = Path(store.place.tree, "n.md")
    path.write_bytes(b"---\r\nodd: {x: 1}  # kept\r\n---\r\n# Note\r\n\r\ntext\r\n")
    (done,) = run(store, {"op": "UPDATE", "id": "n", "append": "more", "tags": ["a"], "type": "lesson", "pinned": True})
    assert done.outcome == "changed"
    lines = path.read_bytes().split(b"\r\n")
    assert lines[:2] == [b"---", b"odd: {x: 1}  # kept"]
    assert lines[-6:] == [b"---", b"# Note", b"", b"text", b"more", b""]
    assert set(lines[2:-6]) == {b"type: lesson", b"tags: [a]", b"pinned: true"}


def test_update_that_says_nothing_new_writes_nothing(store: Store) -> None:
    one = store.add("# Heading\n\ntext #tag", type_="lesson", tags=["b"])
    before = trees(store)
    (done,) = run(store, {
        "op": "UPDATE", "id": one.id, "title": "Heading", "type": "lesson", "tags": ["b", "tag"], "pinned": False,
        "text": "# Heading\n\ntext #tag",
    })  # fmt: skip
    assert done.outcome == "unchanged"
    assert trees(store) == before
    assert [event.verb for event in journal.events(store.place)] == ["add"]


def test_update_moves(store: Store) -> None:
    one = store.add("a note", topic="a")
    (done,) = run(store, {"op": "UPDATE", "id": one.id, "topic": "b/c", "append": "more"})
    assert (done.outcome, done.path) == ("changed", "tree/b/c/a-note.md")
    assert list(trees(store)) == ["tree/b/c/a-note.md"]
    assert tree.trash(store.place) == []
    (event,) = [event for event in journal.events(store.place) if event.verb == "curate"]
    assert journal.moves(event) == {"tree/b/c/a-note.md": "tree/a/a-note.md"}


def test_update_loses_against_another_text(store: Store) -> None:
    one = store.add("as read")
    stale = digest(b"what was read before")
    (done,) = run(store, {"op": "UPDATE", "id": one.id, "append": "x", "expected": stale})
    assert (done.outcome, done.code, done.present) == ("refused", 23, "as read\n")
    (again,) = run(store, {"op": "UPDATE", "id": one.id, "append": "x", "expected": done.digest})
    assert again.outcome == "changed"


@pytest.mark.parametrize("by", ["path", "title"])
def test_upsert_adds_then_asks_then_overwrites(store: Store, by: str) -> None:
    name = {"path": "auth/tokens"} if by == "path" else {"title": "Tokens", "topic": "auth"}
    wanted = {"op": "UPSERT", **name, "text": "first", "tags": ["a"]}
    (added,) = run(store, wanted)
    assert (added.outcome, added.path) == ("added", "tree/auth/tokens.md")
    assert outcomes(run(store, wanted)) == ["unchanged"]
    (asked,) = run(store, {**wanted, "text": "second"})
    assert (asked.outcome, asked.code) == ("exists", 23)
    assert asked.present is not None and asked.present.endswith("first\n")
    late = run(store, {**wanted, "text": "second", "overwrite": True, "expected": "0" * 64})
    assert (late[0].outcome, late[0].code) == ("refused", 23)
    (done,) = run(store, {**wanted, "text": "second", "overwrite": True, "expected": asked.digest})
    assert (done.outcome, done.id) == ("changed", added.id)
    assert memory(store, done.path).body.endswith("second\n")
    assert "first" not in memory(store, done.path).body


def test_upsert_of_what_is_gone_says_so(store: Store) -> None:
    (done,) = run(store, {"op": "UPSERT", "path": "a/b", "text": "x", "overwrite": True, "expected": "0" * 64})
    assert (done.outcome, done.code) == ("refused", 23)


@pytest.mark.parametrize("path", ["../../x", "/etc/passwd", "a/../../b", ".git/hooks/x", "tree/../../x.md"])
def test_upsert_stays_in_the_tree(store: Store, tmp_path: Path, path: str) -> None:
    before = {str(file) for file in tmp_path.rglob("*")}
    (done,) = run(store, {"op": "UPSERT", "path": path, "text": "x"})
    written = {str(file) for file in tmp_path.rglob("*")} - before
    assert done.outcome == "added"
    assert all(file.startswith((store.place.tree, store.place.local, str(tmp_path / "home"))) for file in written)


def test_merge_into_a_new_memory(store: Store) -> None:
    old = store.add("oldest", topic="x")
    a = store.add("one", topic="auth", tags=["a"], type_="lesson", supersedes=[old.id])
    b = store.add("two", topic="other", tags=["b"], type_="lesson")
    (done,) = run(store, {"op": "MERGE", "ids": [a.id, b.id], "into": {"title": "Both"}, "text": "one and two"})
    assert (done.outcome, done.path) == ("merged", "tree/auth/both.md")
    kept = memory(store, done.path)
    assert (kept.supersedes, kept.tags, kept.type) == ((old.id, a.id, b.id), ("a", "b"), "lesson")
    assert list(trees(store)) == ["tree/auth/both.md", old.path]
    assert [path for path, _ in tree.trash(store.place)] == [a.path, b.path]


def test_merge_into_one_of_them(store: Store) -> None:
    a, b = store.add("one"), store.add("two")
    (done,) = run(store, {"op": "MERGE", "ids": [a.id, b.id], "into": a.id, "text": "one and two"})
    assert (done.outcome, done.id, done.path) == ("merged", a.id, a.path)
    assert memory(store, a.path).supersedes == (b.id,)
    assert memory(store, a.path).body == "one and two\n"
    assert list(trees(store)) == [a.path]


def test_merging_private_memories_stays_private(store: Store) -> None:
    a, b = store.add("one"), store.add("two", private=True)
    (done,) = run(store, {"op": "MERGE", "ids": [a.id, b.id], "into": {"text": "one and two"}})
    assert done.path is not None and done.path.startswith("local/tree/")


def test_supersede_by_a_new_and_by_a_present_memory(store: Store) -> None:
    a, b = store.add("port 80", topic="net", type_="decision"), store.add("port 90")
    new, present, again = (
        run(store, {"op": "SUPERSEDE", "id": a.id, "by": by})[0] for by in ({"text": "port 443"}, b.id, b.id)
    )
    assert (new.outcome, new.path) == ("superseded", "tree/net/port-443.md")
    assert (memory(store, new.path).supersedes, memory(store, new.path).type) == ((a.id,), "decision")
    assert (present.outcome, present.id, again.outcome) == ("superseded", b.id, "unchanged")
    assert memory(store, b.path).supersedes == (a.id,)
    assert a.path in trees(store)


def test_link_once(store: Store) -> None:
    a, b = store.add("one", topic="x"), store.add("two", topic="y")
    assert outcomes(run(store, {"op": "LINK", "from": a.id, "to": b.id, "relation": "depends on"})) == ["linked"]
    assert memory(store, a.path).relations == (("depends on", "y/two"),)
    assert outcomes(run(store, {"op": "LINK", "from": a.id, "to": b.id, "relation": "depends on"})) == ["unchanged"]
    assert outcomes(run(store, {"op": "LINK", "from": a.id, "to": a.id})) == ["refused"]


def test_delete_goes_to_the_trash(store: Store) -> None:
    a = store.add("one")
    assert outcomes(run(store, {"op": "DELETE", "id": "one"})) == ["trashed"]
    assert [path for path, _ in tree.trash(store.place)] == [a.path]


# --- a batch ---


def test_operations_use_results_of_earlier_ones(store: Store) -> None:
    done = run(
        store,
        {"op": "ADD", "text": "first", "as": "a"},
        {"op": "ADD", "text": "second", "topic": "t", "as": "b"},
        {"op": "LINK", "from": "$b", "to": "$a"},
        {"op": "UPDATE", "id": "$a", "append": "more"},
        {"op": "SUPERSEDE", "id": "$b", "by": "$a"},
    )
    assert outcomes(done) == ["added", "added", "linked", "changed", "superseded"]
    assert memory(store, done[1].path).relations == (("relates to", "inbox/first"),)
    assert memory(store, done[0].path).supersedes == (done[1].id,)
    assert memory(store, done[0].path).body == "first\nmore\n"


def test_one_undo_takes_all_of_it_back(store: Store) -> None:
    operations = everything(store)
    before, events = trees(store), len(journal.events(store.place))
    done = run(store, *operations)
    assert "refused" not in outcomes(done)
    assert len(journal.events(store.place)) == events + 1
    assert trees(store) != before
    event, _ = store.undo()
    assert (event.verb, event.note) == ("curate", "2 added, 3 changed, 2 merged, 2 superseded, 1 linked, 1 trashed")
    assert trees(store) == before
    assert not Path(store.place.tree, "fresh").exists()


def test_a_dry_run_says_the_same_and_writes_nothing(store: Store) -> None:
    operations = everything(store)
    store.sync(embed=False)
    before = tree_bytes(store.place.folder)
    foreseen = curate(store, read(json.dumps(operations)), dry_run=True)
    assert tree_bytes(store.place.folder) == before
    done = curate(store, read(json.dumps(operations)))
    assert [(one.outcome, one.path) for one in foreseen] == [(one.outcome, one.path) for one in done]
    assert all(one.id in (None, other.id) for one, other in zip(foreseen, done, strict=True))


REFUSED = [
    ("unknown memory", [{"op": "DELETE", "id": "nothing like it"}], [1]),
    ("secret", [{"op": "ADD", "text": f"the key is {SECRET}"}], [1]),
    ("secret in a path", [{"op": "UPSERT", "path": f"x/{SECRET}", "text": "x"}], [1]),
    ("secret in a tag", [{"op": "UPDATE", "id": "one", "tags": [SECRET]}], [1]),
    ("too large", [{"op": "ADD", "text": "x " * 3_000_000}], [1]),
    ("nothing to do", [{"op": "UPDATE", "id": "one"}], [1]),
    ("two texts", [{"op": "UPDATE", "id": "one", "text": "a"}, {"op": "UPDATE", "id": "one", "text": "b"}], [2]),
    ("two titles", [{"op": "UPDATE", "id": "one", "title": "a"}, {"op": "UPDATE", "id": "one", "title": "b"}], [2]),
    ("used after it went", [{"op": "DELETE", "id": "one"}, {"op": "LINK", "from": "two", "to": "one"}], [2]),
    ("goes after it was used", [{"op": "UPDATE", "id": "one", "append": "a"}, {"op": "DELETE", "id": "one"}], [2]),
    ("link to what goes", [{"op": "LINK", "from": "two", "to": "one"}, {"op": "DELETE", "id": "one"}], [2]),
    ("merged twice", [{"op": "MERGE", "ids": ["one"], "into": "two", "text": "x"}, {"op": "DELETE", "id": "one"}], [2]),
    ("merged into itself", [{"op": "MERGE", "ids": ["one"], "into": "one", "text": "x"}], [1]),
    ("merged without a text", [{"op": "MERGE", "ids": ["one"], "into": "two"}], [1]),
    ("superseded by itself", [{"op": "SUPERSEDE", "id": "one", "by": "one"}], [1]),
    ("twice the same", [{"op": "ADD", "text": "same"}, {"op": "ADD", "text": "same"}], [2]),
    ("unknown name", [{"op": "LINK", "from": "$x", "to": "one"}], [1]),
    ("name of a refused one", [{"op": "ADD", "text": SECRET, "as": "x"}, {"op": "DELETE", "id": "$x"}], [1, 2]),
    ("two of one name", [{"op": "ADD", "text": "a", "as": "x"}, {"op": "ADD", "text": "b", "as": "x"}], [2]),
    ("taken topic", [{"op": "UPDATE", "id": "one", "topic": "taken"}], [1]),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "wrong"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_batch_with_a_problem_is_refused_whole(
    store: Store, operations: list[dict[str, Any]], wrong: list[int]
) -> None:
    for text, topic in (("one", "inbox"), ("one", "taken"), ("two", "inbox"), ("three", "inbox")):
        store.add(text, topic=topic)
    operations = json.loads(json.dumps(operations).replace('"one"', '"inbox/one"'))
    before, events = trees(store), journal.events(store.place)
    done = run(store, {"op": "ADD", "text": "a good one"}, *operations, {"op": "DELETE", "id": "three"})
    assert [one.n - 1 for one in done if one.code] == wrong
    assert set(outcomes(done)) <= {"refused", "exists"}
    assert all(one.problem for one in done)
    assert trees(store) == before
    assert journal.events(store.place) == events
    assert SECRET not in "".join(f"{one.problem}{one.hint}{one.path}" for one in done)


def test_an_ambiguous_name_lists_what_it_may_be(store: Store) -> None:
    a, b = store.add("same", topic="a"), store.add("same", topic="b")
    (done,) = run(store, {"op": "DELETE", "id": "same"})
    assert (done.outcome, done.code) == ("refused", 2)
    assert done.hint is not None and a.id in done.hint and b.id in done.hint


# --- failing in the middle ---


def test_a_failure_in_the_middle_leaves_everything_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses the nth write, for every n: the tree is what it was, the journal too, and the next batch works."""
    operations = everything(store)
    without_model()
    store.sync(embed=False)
    before, events = trees(store), journal.events(store.place)
    ways = ("create", "replace", "move", "to_trash")
    original = {way: getattr(tree, way) for way in ways}
    left = 0

    def failing(way: str) -> Any:
        def write(*arguments: Any, **options: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise WriteFailed("cannot write: No space left on device")
            original[way](*arguments, **options)

        return write

    failures = 0
    for nth in range(1, 30):
        left = nth
        with monkeypatch.context() as patch:
            for way in ways:
                patch.setattr(batch.tree, way, failing(way))
            try:
                curate(store, read(json.dumps(operations)))
            except WriteFailed:
                failures += 1
                assert trees(store) == before, nth
                assert journal.events(store.place) == events, nth
                assert not os.path.exists(batch._pending_path(store.place))
                continue
        break
    assert failures >= 12
    store.undo()
    assert trees(store) == before


def test_a_journal_that_cannot_be_written_leaves_everything_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = everything(store)
    without_model()
    store.sync(embed=False)
    before = trees(store)

    def fail(*_: Any, **__: Any) -> None:
        raise WriteFailed("cannot write the journal")

    with monkeypatch.context() as patch, pytest.raises(WriteFailed):
        patch.setattr(journal, "record", fail)
        curate(store, read(json.dumps(operations)))
    assert trees(store) == before
