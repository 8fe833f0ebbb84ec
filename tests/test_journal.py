"""The journal: what was done, read back whatever befell the file; and undo, which trusts no line of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from memcli import batch, journal, tree, walk
from memcli.errors import Conflict, UndoImpossible
from memcli.journal import Change
from memcli.places import Place
from memcli.store import Store
from memcli.text import digest


def record(place: Place, verb: str = "add", now: float = 1.8e9, **options: Any) -> journal.Event:
    return journal.record(place, verb, [Change("tree/a.md", None, "0" * 64)], by="you", origin="/x", now=now, **options)


def lines(place: Place) -> list[Path]:
    return sorted(Path(place.local, "journal").iterdir())


def forge(store: Store, **event: Any) -> None:
    """A line that came with a clone."""
    values = {
        "v": 1,
        "op": "evil",
        "verb": "edit",
        "at": "2099-01-01T00:00:00Z",
        "by": "you",
        "from": "/",
        "changes": [],
        **event,
    }
    folder = Path(store.place.local, "journal")
    folder.mkdir(exist_ok=True)
    with open(folder / "stranger.jsonl", "a") as file:
        file.write(json.dumps(values) + "\n")


def test_events_come_back_in_order(store: Store) -> None:
    made = [record(store.place, now=1.8e9 + n / 10, note=f"n{n}") for n in range(12)]
    assert journal.events(store.place) == made


def test_a_clock_set_back_does_not_change_the_order_of_one_writer(store: Store) -> None:
    made = [record(store.place, now=1.8e9), record(store.place, now=1.7e9), record(store.place, now=1.75e9)]
    assert journal.events(store.place) == made
    assert journal.undoable(store.place) == made[-1]


def test_a_torn_last_line_costs_that_line_alone(store: Store) -> None:
    first = record(store.place)
    with open(lines(store.place)[0], "ab") as file:
        file.write(b'{"v":1,"op":"torn')
    second = record(store.place)
    assert journal.events(store.place) == [first, second]


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"op":1}', b"x" * 9_000_000],
    ids=["empty", "null", "list", "object", "bytes", "deep", "poor", "long"],
)
def test_lines_that_are_no_events_are_skipped(store: Store, line: bytes) -> None:
    first = record(store.place)
    with open(lines(store.place)[0], "ab") as file:
        file.write(line + b"\n")
    assert journal.events(store.place) == [first]


@pytest.mark.parametrize(
    "changes",
    [
        [["tree/a.md", "../../../../precious", None]],
        [["tree/a.md", None, 7]],
        [["tree/a.md", None]],
        [[["tree"], None, None]],
        "abc",
        {"a": 1},
        [["tree/a.md", "A" * 64, None]],
    ],
)
def test_changes_that_name_no_digest_are_no_event(store: Store, changes: object) -> None:
    """A digest becomes a file name: nothing else may stand there."""
    forge(store, changes=changes)
    assert journal.events(store.place) == []


@pytest.mark.parametrize("event", [{"undoes": ["x"]}, {"undoes": {"a": 1}}, {"note": ["x"]}, {"op": [1], "at": None}])
def test_odd_values_do_not_stop_anybody(store: Store, event: dict[str, Any]) -> None:
    written = store.add("a memory")
    forge(store, **event)
    _, paths = store.undo()
    assert paths == [written.path]


def test_a_journal_that_is_a_pipe_does_not_hang(store: Store) -> None:
    first = record(store.place)
    os.mkfifo(Path(store.place.local, "journal", "pipe.jsonl"))
    assert journal.events(store.place) == [first]


def test_one_writer_has_one_file_and_its_own_name(store: Store) -> None:
    record(store.place)
    record(store.place)
    (file,) = lines(store.place)
    assert file.name == f"{journal.writer_id()}.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_kept_is_checked(store: Store) -> None:
    name = journal.keep(store.place, b"before")
    assert journal.kept(store.place, name) == b"before"
    Path(store.place.local, "objects", name[:2], name).write_bytes(b"forged")
    with pytest.raises(UndoImpossible):
        journal.kept(store.place, name)


# --- whose history is it ---


def test_a_move_is_told_from_what_came_and_what_went(store: Store) -> None:
    """In a batch, and in its undo, with files that come, change, move and go at once."""
    going, changing, moving = (store.add(text, topic=text) for text in ("going", "changing", "moving"))
    present = {path: tree.read(store.place, path) for path in (going.path, changing.path, moving.path)}
    event = store.apply(
        [
            batch.FileChange(going.path, present[going.path], None),
            batch.FileChange("tree/new.md", None, b"new\n"),
            batch.FileChange(moving.path, present[moving.path], b"moved\n", "tree/there/moving.md"),
            batch.FileChange(changing.path, present[changing.path], b"changed\n"),
        ],
        verb="curate",
    )
    assert event is not None
    assert journal.moves(event) == {"tree/there/moving.md": moving.path}
    history = journal.events(store.place)
    lengths = {
        path: len(journal.lineage(history, path)) for path in ("tree/new.md", "tree/there/moving.md", changing.path)
    }
    assert lengths == {"tree/new.md": 1, "tree/there/moving.md": 3, changing.path: 2}
    store.undo()
    history = journal.events(store.place)
    assert journal.moves(history[-1]) == {moving.path: "tree/there/moving.md"}
    assert {name for _, change in journal.lineage(history, going.path) for name in [change.path]} == {going.path}
    assert len(journal.lineage(history, moving.path)) == 5


def test_what_is_erased_leaves_the_rest_of_a_line(store: Store) -> None:
    event = journal.record(
        store.place, "import", [Change("tree/a.md", None, "0" * 64), Change("tree/b.md", None, "1" * 64)],
        by="you", origin="", now=1.8e9, note="of a and b", about=[("one", "useful"), ("two", "like a"), ("two", "fine")],
    )  # fmt: skip
    with open(lines(store.place)[0], "ab") as file:
        file.write(b"a torn line about a\nanother torn line\n")
    journal.erase(store.place, [(event, event.changes[0])], ids={"one"}, tells=lambda text: " a" in text)
    (left,) = journal.events(store.place)
    assert (left.op, left.changes, left.note, left.about) == (event.op, event.changes[1:], None, (("two", "fine"),))
    assert lines(store.place)[0].read_bytes().endswith(b"}\nanother torn line\n")


# --- undo ---


def test_what_changed_since_is_not_undone(store: Store) -> None:
    written = store.add("a memory")
    Path(store.place.absolute(written.path)).write_text("a person's edit")
    with pytest.raises(UndoImpossible):
        store.undo()
    assert Path(store.place.absolute(written.path)).read_text() == "a person's edit"


def test_an_undo_is_all_or_nothing(store: Store) -> None:
    paths = store.write_many([("tree/a.md", b"a"), ("tree/b.md", b"b")], verb="import", note="x")
    Path(store.place.absolute("tree/a.md")).write_text("edited")
    with pytest.raises(UndoImpossible):
        store.undo()
    assert all(Path(store.place.absolute(path)).exists() for path in paths)


def test_an_undo_that_was_killed_half_way_is_completed(store: Store) -> None:
    store.write_many([("tree/a.md", b"a"), ("tree/b.md", b"b")], verb="import", note="x")
    tree.to_trash(store.place, "tree/b.md", expected=digest(b"b"))
    store.undo()
    assert walk.walk(store.place) == []


def test_undoing_a_move_leaves_no_copy_in_the_trash(store: Store) -> None:
    written = store.add("a memory", topic="a")
    store.edit(written.path, topic="b", append="more")
    store.undo()
    assert [found.path for found in walk.walk(store.place)] == [written.path]
    assert tree.trash(store.place) == []


def test_an_edit_that_cannot_move_changes_nothing(store: Store) -> None:
    """A change that failed half-way, and stands in no journal, would block every undo after it."""
    store.add("same name", topic="b")
    written = store.add("same name", topic="a")
    with pytest.raises(Conflict):
        store.edit(written.path, append="more", topic="b")
    assert "more" not in Path(store.place.absolute(written.path)).read_text()
    _, paths = store.undo()
    assert paths == [written.path]


def test_a_purge_does_not_block_what_was_done_before(store: Store) -> None:
    kept, purged = store.add("kept"), store.add("purged")
    store.purge(purged.path)
    _, paths = store.undo()
    assert paths == [kept.path]


@pytest.mark.parametrize(
    "path",
    [
        "../../x.md", "tree/../../../x.md", "/etc/x.md", "tree/./../../x.md", "local/journal/x.md", "tree", "", "tree//x.md",
        "tree/.git/hooks/post-checkout", "tree/.obsidian/x.md", "tree/run.sh", "tree/x\x00.md", "config.yaml",
    ],
)  # fmt: skip
def test_a_hostile_journal_writes_nothing_outside_the_memories(store: Store, tmp_path: Path, path: str) -> None:
    name = journal.keep(store.place, b"owned")
    forge(store, changes=[[path, name, None]])
    before = set((tmp_path / "project").rglob("*"))
    with pytest.raises((UndoImpossible, Conflict)):
        store.undo()
    assert set((tmp_path / "project").rglob("*")) == before
    assert {file.name for file in tmp_path.iterdir()} == {"home", "project"}


def test_a_hostile_journal_does_not_reach_through_a_linked_folder(store: Store, tmp_path: Path) -> None:
    """Git carries symbolic links: a clone could lay a link into the tree and a journal that writes through it."""
    precious = tmp_path / "precious"
    precious.mkdir()
    victim = precious / "known.md"
    victim.write_text("well known default")
    Path(store.place.tree, "link").symlink_to(precious)
    owned = journal.keep(store.place, b"owned")
    known = digest(victim.read_bytes())
    for changes in (
        [["tree/link/known.md", owned, known]],
        [["tree/link/known.md", None, known]],
        [["tree/link/new.md", owned, None]],
    ):
        forge(store, op=os.urandom(4).hex(), changes=changes)
        with pytest.raises(Exception, match=r"link|outside|changed|store"):
            store.undo()
        assert [file.read_text() for file in precious.iterdir()] == ["well known default"]


def test_a_hostile_journal_deletes_nothing_by_a_purge(store: Store, tmp_path: Path) -> None:
    victim = tmp_path / "precious"
    victim.write_text("x")
    written = store.add("to be purged")
    relative = os.path.relpath(victim, Path(store.place.local, "objects", ".."))
    forge(store, changes=[[written.path, relative, None]])
    forge(store, changes=[[written.path, f"../{relative}", None]])
    store.purge(written.path)
    assert victim.exists()
