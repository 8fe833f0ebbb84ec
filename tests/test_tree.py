"""The only writer of memory files: durable, exclusive, and never outside the store."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from memcli import tree, walk
from memcli.errors import Conflict, InvalidMemory, NotFound, StoreUnsafe, WriteFailed
from memcli.store import Store
from memcli.text import digest


def test_a_file_is_created_once(store: Store) -> None:
    tree.create(store.place, "tree/a/b.md", b"one")
    with pytest.raises(Conflict):
        tree.create(store.place, "tree/a/b.md", b"two")
    assert tree.read(store.place, "tree/a/b.md") == b"one"


def test_a_taken_name_gets_a_number(store: Store) -> None:
    assert [tree.create_unique(store.place, "tree/a.md", b"x") for _ in range(3)] == [
        "tree/a.md",
        "tree/a-2.md",
        "tree/a-3.md",
    ]


def test_only_the_file_that_was_read_is_replaced(store: Store) -> None:
    tree.create(store.place, "tree/a.md", b"one")
    with pytest.raises(Conflict) as conflict:
        tree.replace(store.place, "tree/a.md", b"two", expected=digest(b"other"))
    assert conflict.value.present == "one"
    tree.replace(store.place, "tree/a.md", b"two", expected=digest(b"one"))
    assert tree.read(store.place, "tree/a.md") == b"two"


def test_replacing_keeps_the_mode(store: Store) -> None:
    tree.create(store.place, "tree/a.md", b"one")
    os.chmod(store.place.absolute("tree/a.md"), 0o640)
    tree.replace(store.place, "tree/a.md", b"two", expected=digest(b"one"))
    assert stat.S_IMODE(os.stat(store.place.absolute("tree/a.md")).st_mode) == 0o640


def test_a_move_never_overwrites_and_leaves_no_empty_folder(store: Store) -> None:
    tree.create(store.place, "tree/a/deep/x.md", b"one")
    tree.create(store.place, "tree/b/x.md", b"two")
    with pytest.raises(Conflict):
        tree.move(store.place, "tree/a/deep/x.md", "tree/b/x.md")
    tree.move(store.place, "tree/a/deep/x.md", "tree/c/x.md")
    assert not Path(store.place.tree, "a").exists()
    assert tree.read(store.place, "tree/c/x.md") == b"one"


def test_a_move_that_cannot_be_leaves_no_folder_behind(store: Store) -> None:
    with pytest.raises((NotFound, WriteFailed)):
        tree.move(store.place, "tree/missing.md", "tree/new/folder/x.md")
    assert not Path(store.place.tree, "new").exists()


def test_the_trash_keeps_the_path(store: Store) -> None:
    tree.create(store.place, "tree/a/x.md", b"one")
    tree.to_trash(store.place, "tree/a/x.md", expected=digest(b"one"))
    ((path, file),) = tree.trash(store.place)
    assert (path, Path(file).read_bytes()) == ("tree/a/x.md", b"one")
    tree.empty_trash(store.place, file)
    assert tree.trash(store.place) == []
    assert list(Path(store.place.local, "trash").iterdir()) == []


@pytest.mark.parametrize("path", ["tree/missing.md", "tree/dir.md", "tree/link.md", "tree/pipe.md", "tree/linked/x.md"])
def test_only_regular_files_of_the_store_are_read(store: Store, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("not yours")
    top = Path(store.place.tree)
    (top / "dir.md").mkdir()
    (top / "link.md").symlink_to(outside / "x.md")
    (top / "linked").symlink_to(outside)
    os.mkfifo(top / "pipe.md")
    with pytest.raises((NotFound, InvalidMemory, StoreUnsafe)):
        tree.read(store.place, path)


def test_nothing_is_written_through_a_linked_folder(store: Store, tmp_path: Path) -> None:
    """Not even an empty folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    Path(store.place.tree, "linked").symlink_to(outside)
    with pytest.raises(StoreUnsafe):
        tree.create(store.place, "tree/linked/new/x.md", b"one")
    assert list(outside.iterdir()) == []


def test_a_disk_without_hard_links_is_written_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(tree.os, "link", refuse)
    tree.create(store.place, "tree/a.md", b"one")
    with pytest.raises(Conflict):
        tree.create(store.place, "tree/a.md", b"two")
    assert tree.read(store.place, "tree/a.md") == b"one"
    assert os.listdir(store.place.tree) == ["a.md"]


def test_a_full_disk_is_said_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tree.os, "fsync", full)
    with pytest.raises(WriteFailed, match="No space left"):
        tree.create(store.place, "tree/a.md", b"one")
    assert os.listdir(store.place.tree) == []


def test_files_are_as_open_as_their_tree(store: Store) -> None:
    tree.create(store.place, "local/tree/a/x.md", b"one")
    os.chmod(store.place.tree, 0o755)
    tree.create(store.place, "tree/a/x.md", b"one")
    modes = [
        stat.S_IMODE(os.stat(store.place.absolute(path)).st_mode)
        for path in ("local/tree/a", "local/tree/a/x.md", "tree/a", "tree/a/x.md")
    ]
    assert modes == [0o700, 0o600, 0o755, 0o644]


def test_leftovers_of_killed_processes_are_removed_when_old(store: Store) -> None:
    old = Path(store.place.tree, f"{tree.TEMPORARY}aa")
    new = Path(store.place.local, f"{tree.TEMPORARY}bb")
    for file in (old, new):
        file.write_text("x")
    os.utime(old, (0, 0))
    assert tree.remove_leftovers(store.place, 60.0, time.time()) == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_hidden_files_and_other_suffixes_are_not_listed(store: Store) -> None:
    for name in (".hidden.md", "a.txt", "b.MD", "c.markdown", ".obsidian/d.md", f"{tree.TEMPORARY}x.md"):
        path = Path(store.place.tree, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert [found.path for found in walk.walk(store.place)] == ["tree/b.MD", "tree/c.markdown"]
