"""The index follows the files, whatever they are and whoever changes them meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from memcli import tree, walk
from memcli.index import reconcile as reconciling
from memcli.index import schema
from memcli.index.reconcile import reconcile
from memcli.places import Place
from memcli.store import Store
from tests.snapshots import index_rows, rebuilt_rows


def write(store: Store, path: str, data: str | bytes) -> Path:
    absolute = Path(store.place.absolute(path))
    absolute.parent.mkdir(parents=True, exist_ok=True)
    absolute.write_bytes(data.encode() if isinstance(data, str) else data)
    return absolute


def column(place: Place, sql: str) -> list[object]:
    connection = schema.open_for_reading(place)
    try:
        return [row[0] for row in connection.execute(sql)]
    finally:
        connection.close()


def paths(store: Store) -> list[object]:
    return column(store.place, "SELECT path FROM entries WHERE problem IS NULL ORDER BY path")


def test_files_come_change_and_go(store: Store) -> None:
    kept, gone = write(store, "tree/a.md", "one"), write(store, "local/tree/b.md", "two")
    assert reconcile(store.place).added == ["local/tree/b.md", "tree/a.md"]
    assert reconcile(store.place).touched == 0
    kept.write_text("another")
    gone.unlink()
    report = reconcile(store.place)
    assert (report.changed, report.removed) == (["tree/a.md"], ["local/tree/b.md"])
    assert column(store.place, "SELECT text FROM passages") == ["another"]


def test_new_line_ends_are_no_change(store: Store) -> None:
    file = write(store, "tree/a.md", "---\ntype: fact\n---\none\ntwo\n")
    reconcile(store.place)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert reconcile(store.place).touched == 0


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"nul \x00", "NUL"),
        ("x".encode("utf-16"), "UTF-16"),
        (b"\xff", "not UTF-8"),
        (b"x" * 1_100_000, "line over"),
        (b"x\n" * 2_200_000, "larger than"),
        (b"a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n", "conflict markers"),
    ],
)
def test_a_file_that_is_no_memory_is_named_each_time_and_is_news_once(store: Store, data: bytes, problem: str) -> None:
    file = write(store, "tree/bad.md", data)
    first = reconcile(store.place)
    again = reconcile(store.place)
    assert (first.added, again.touched) == (["tree/bad.md"], 0)
    for report in (first, again):
        assert [found.path for found in report.problems] == ["tree/bad.md"]
        assert problem in (report.problems[0].problem or "")
    assert file.read_bytes() == data
    file.write_text("mended")
    assert reconcile(store.place).problems == []
    assert paths(store) == ["tree/bad.md"]


def test_what_is_indexed_by_itself_is_named_like_in_a_walk(store: Store) -> None:
    reconcile(store.place)
    write(store, "tree/bad.md", b"\x00")
    os.mkfifo(store.place.absolute("tree/pipe.md"))
    Path(store.place.absolute("tree/link.md")).symlink_to("/etc/passwd")
    reconcile(store.place, only=["tree/bad.md", "tree/pipe.md", "tree/link.md"])
    alone = column(store.place, "SELECT problem FROM entries ORDER BY path")
    assert reconcile(store.place).touched == 0
    assert column(store.place, "SELECT problem FROM entries ORDER BY path") == alone


def test_names_that_are_not_utf8_are_named_apart(store: Store) -> None:
    top = os.fsencode(store.place.tree)
    for name in (b"\xff.md", b"\xfe.md"):
        Path(os.fsdecode(os.path.join(top, name))).write_text("x")
    os.mkdir(os.path.join(top, b"\xfd"))
    Path(os.fsdecode(os.path.join(top, b"\xfd", b"inside.md"))).write_text("x")
    report = reconcile(store.place)
    assert [found.path for found in report.problems] == ["tree/\\xfd", "tree/\\xfe.md", "tree/\\xff.md"]
    assert {found.problem for found in report.problems} == {"its name is not UTF-8"}
    assert reconcile(store.place).touched == 0


@pytest.mark.parametrize("name", ["a\x1b]0;owned\x07.md", "two\nlines.md", "right\u202eleft.md", "\x9b31m/a.md"])
def test_names_with_hidden_characters_are_named_not_indexed(store: Store, name: str) -> None:
    """A path is printed with every hit: a clone must not reach the terminal through it."""
    write(store, f"tree/{name}", "x")
    (found,) = reconcile(store.place).problems
    assert found.problem == "its name holds hidden characters"
    assert found.path.isprintable()
    assert reconcile(store.place).touched == 0


def test_a_folder_that_cannot_be_read_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write(store, "tree/closed/a.md", "x")
    write(store, "tree/open/b.md", "y")
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(tree.os, "scandir", refuse)
    report = reconcile(store.place)
    assert [(found.path, found.problem) for found in report.problems] == [
        ("tree/closed", "the folder cannot be read: Permission denied")
    ]
    assert paths(store) == ["tree/open/b.md"]
    monkeypatch.undo()
    reconcile(store.place)
    assert paths(store) == ["tree/closed/a.md", "tree/open/b.md"]


def test_a_file_that_another_process_adds_during_a_walk_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_walk = walk.walk

    def walk_slowly(*arguments: object, **options: object) -> object:
        found = whole_walk(*arguments, **options)  # type: ignore[arg-type]
        monkeypatch.setattr(reconciling.walk, "walk", whole_walk)
        write(store, "tree/late.md", "late")
        reconcile(store.place, only=["tree/late.md"])
        return found

    reconcile(store.place)
    monkeypatch.setattr(reconciling.walk, "walk", walk_slowly)
    assert reconcile(store.place).removed == []
    assert paths(store) == ["tree/late.md"]


def test_a_file_added_in_the_same_tick_as_the_walk_is_seen(store: Store) -> None:
    """A file system's clock has steps of milliseconds: a folder's unchanged time proves nothing just after a change."""
    top = store.place.tree
    reconcile(store.place)  # making the index may take longer than a tick
    os.utime(top)
    reconcile(store.place)
    as_walked = os.stat(top).st_mtime_ns
    write(store, "tree/late.md", "late")
    os.utime(top, ns=(as_walked, as_walked))
    connection = schema.open_for_reading(store.place)
    assert schema.changed_folders(store.place, connection)
    connection.close()
    an_hour_ago = time.time_ns() - 3600 * 10**9
    for folder in (top, store.place.private_tree):
        os.utime(folder, ns=(an_hour_ago, an_hour_ago))
    reconcile(store.place)
    connection = schema.open_for_reading(store.place)
    assert not schema.changed_folders(store.place, connection)
    connection.close()


def test_an_id_claimed_twice_stays_with_its_holder_until_that_is_gone(store: Store) -> None:
    first = write(store, "tree/b.md", "---\nid: k7q9d2xm3v4a\n---\nfirst")
    reconcile(store.place)
    write(store, "tree/a.md", "---\nid: k7q9d2xm3v4a\n---\nsecond")
    reconcile(store.place)
    holder = "SELECT path FROM entries WHERE name = 'k7q9d2xm3v4a'"
    assert column(store.place, holder) == ["tree/b.md"]
    first.unlink()
    reconcile(store.place)
    assert column(store.place, holder) == ["tree/a.md"]


def test_an_id_that_its_holder_gives_up_passes_on(store: Store) -> None:
    holder = write(store, "tree/b.md", "---\nid: k7q9d2xm3v4a\n---\nfirst")
    reconcile(store.place)
    write(store, "tree/a.md", "---\nid: k7q9d2xm3v4a\n---\nsecond")
    reconcile(store.place)
    holder.write_text("no id any more")
    reconcile(store.place)
    assert column(store.place, "SELECT path FROM entries WHERE name = 'k7q9d2xm3v4a'") == ["tree/a.md"]


def test_edits_leave_no_trace_in_the_scores(store: Store, tmp_path: Path) -> None:
    """FTS5 would count what was removed for ever after, and scale every score by it."""
    for number in range(200):
        write(store, f"tree/n{number}.md", f"note {number} about token {'and more ' * (number % 30)}")
    for said in ("token", "token token " * 100, "short"):
        write(store, "tree/n7.md", f"{said} now")
        reconcile(store.place)
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path)


def test_a_memory_that_moves_keeps_its_id(store: Store) -> None:
    file = write(store, "tree/a.md", "---\nid: k7q9d2xm3v4a\n---\nfirst")
    reconcile(store.place)
    file.rename(Path(store.place.tree, "z.md"))
    reconcile(store.place)
    assert column(store.place, "SELECT path FROM entries WHERE name = 'k7q9d2xm3v4a'") == ["tree/z.md"]


def test_memignore_leaves_files_out(store: Store) -> None:
    write(store, "tree/drafts/a.md", "x")
    write(store, "tree/b.md", "y")
    reconcile(store.place)
    write(store, "tree/.memignore", "drafts/\n")
    assert reconcile(store.place).removed == ["tree/drafts/a.md"]


def test_a_walk_that_finds_nothing_new_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit and the checkpoint behind it take longer than the walk; the time of a walk is noted now and then."""
    path = write(store, "tree/a.md", "one")
    os.utime(path, (1_700_000_000, 1_700_000_000))  # a file, and a folder, that changed just now is looked at again
    monkeypatch.setattr(reconciling, "RACY_NS", 0)
    reconcile(store.place)
    reader = schema.open_for_reading(store.place)
    try:
        version = reader.execute("PRAGMA data_version").fetchone()
        assert reconcile(store.place).touched == 0
        assert reader.execute("PRAGMA data_version").fetchone() == version
        monkeypatch.setattr(reconciling, "WALK_NOTED_EVERY_S", 0.0)
        reconcile(store.place)
        assert reader.execute("PRAGMA data_version").fetchone() != version
    finally:
        reader.close()
