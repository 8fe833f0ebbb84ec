"""A look at a few folders finds what happened in them, and whatever folders came, went or were moved; it lists no others."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from memcli.index import schema
from memcli.index.reconcile import reconcile
from memcli.places import Place
from memcli.store import Store
from tests.snapshots import index_rows, rebuilt_rows

LONG_AGO = 1_700_000_000


def write(store: Store, path: str, text: str) -> Path:
    file = Path(store.place.absolute(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def settle(place: Place) -> None:
    """Index everything, with times that are long past, so that each folder's is trusted."""
    for root in (place.tree, place.private_tree):
        for folder, _, names in os.walk(root):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.utime(path, (LONG_AGO, LONG_AGO))
    reconcile(place)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed, by name."""
    found: list[str] = []
    scandir = os.scandir

    def noted(folder: str) -> object:
        found.append(os.path.basename(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", noted)
    return found


def test_only_what_was_touched_is_listed(store: Store, listed: list[str]) -> None:
    for name in ("x", "y", "y/z"):
        write(store, f"tree/{name}/note.md", f"in {name}")
    settle(store.place)
    edited = write(store, "tree/y/note.md", "edited in place")
    listed.clear()
    assert reconcile(store.place, touched={"tree/x"}).touched == 0
    assert listed == ["x"]
    report = reconcile(store.place, touched={"tree/y"})
    assert (report.changed, listed) == (["tree/y/note.md"], ["x", "y"])
    edited.write_text("edited again, deeper")
    assert reconcile(store.place, touched={"tree/"}).changed == ["tree/y/note.md"]


def test_folders_show_themselves_that_they_changed(store: Store, tmp_path: Path) -> None:
    """Nothing is named: added, removed, renamed files and folders are found by the times of the folders they are in."""
    for name in ("stays", "goes", "moves/deep", "out"):
        write(store, f"tree/{name}/note.md", f"in {name}")
    settle(store.place)
    tree = Path(store.place.tree)
    shutil.rmtree(tree / "goes")
    (tree / "moves").rename(tree / "stays" / "moved")
    (tree / "out").rename(tmp_path / "out")
    write(store, "tree/new/inner/note.md", "new")
    (tree / "stays" / "note.md").rename(tree / "stays" / "renamed.md")
    report = reconcile(store.place, touched=())
    assert sorted(report.added) == ["tree/new/inner/note.md", "tree/stays/moved/deep/note.md", "tree/stays/renamed.md"]
    assert sorted(report.removed) == [
        "tree/goes/note.md",
        "tree/moves/deep/note.md",
        "tree/out/note.md",
        "tree/stays/note.md",
    ]
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "fresh")


def test_names_that_begin_alike_are_other_folders(store: Store) -> None:
    for name in ("a", "a-b", "a/b", "a b", "a0"):
        write(store, f"tree/{name}/note.md", f"in {name}")
    settle(store.place)
    Path(store.place.tree, "a", "note.md").unlink()
    assert reconcile(store.place, touched={"tree/a"}).removed == ["tree/a/note.md"]


def test_the_next_recall_need_not_walk(store: Store) -> None:
    """What a look found is remembered as what a walk found is."""
    write(store, "tree/x/note.md", "one")
    settle(store.place)
    write(store, "tree/x/other.md", "two")
    folder = Path(store.place.tree, "x")
    os.utime(folder, (LONG_AGO + 5, LONG_AGO + 5))
    connection = schema.open_for_reading(store.place)
    try:
        assert schema.changed_folders(store.place, connection)
        reconcile(store.place, touched={"tree/x"})
        assert not schema.changed_folders(store.place, connection)
    finally:
        connection.close()


def test_a_folder_that_could_not_be_read_is_a_problem_until_it_can(store: Store) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    file = write(store, "tree/x/note.md", "one")
    settle(store.place)
    file.parent.chmod(0)
    try:
        assert [one.path for one in reconcile(store.place, touched={"tree/x"}).problems] == ["tree/x"]
    finally:
        file.parent.chmod(0o700)
    assert reconcile(store.place, touched={"tree/x", "tree"}).problems == []


def test_without_a_walk_before_everything_is_read(store: Store) -> None:
    write(store, "tree/x/note.md", "one")
    assert reconcile(store.place, touched={"tree/y"}).added == ["tree/x/note.md"]


@pytest.mark.parametrize("seed", range(6))
def test_many_looks_are_one_walk(store: Store, tmp_path: Path, seed: int) -> None:
    """Random edits, moves and removals; only folders whose files were written over in place are named."""
    random_ = random.Random(seed)
    for number in range(12):
        write(store, f"tree/f{number % 4}/g{number % 3}/n{number}.md", f"note {number}")
    settle(store.place)
    tree = Path(store.place.tree)
    for number in range(25):
        touched = set()
        for _ in range(random_.randrange(1, 4)):
            files = sorted(tree.rglob("*.md"))
            folders = sorted(path for path in tree.rglob("*") if path.is_dir())
            action = random_.randrange(5)
            if action == 0 or len(files) < 5:
                write(store, f"tree/h{number}/n{random_.randrange(10**6)}.md", f"new {number}")
            elif action == 1:
                file = random_.choice(files)
                file.write_text(f"edited {number} {random_.random()}")
                touched.add("tree/" + str(file.parent.relative_to(tree)))
            elif action == 2:
                random_.choice(files).unlink()
            elif action == 3:
                random_.choice(files).rename(random_.choice(folders) / f"m{random_.randrange(10**6)}.md")
            else:
                random_.choice(folders).rename(tree / f"moved{random_.randrange(10**6)}")
                touched = {"tree/"}  # a folder that was touched may have another name by now
        reconcile(store.place, touched=touched)
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "fresh")
