"""Which stores answer from a folder: the nearest first, and never one that belongs to somebody else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from memcli import places
from memcli.errors import StoreMissing, StoreUnsafe
from memcli.places import Place, at_root, locate, personal, private_dir, project_chain
from memcli.store import Store


def make(folder: Path) -> Path:
    """A store in `folder`; returns the path of its `.mem`."""
    folder.mkdir(parents=True, exist_ok=True)
    Store.init(at_root(str(folder)))
    return folder / ".mem"


def found(start: Path) -> list[str]:
    return [place.folder for place in project_chain(str(start))]


def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def test_the_nearest_store_answers_from_any_folder_below(tmp_path: Path) -> None:
    store = make(tmp_path / "project")
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    assert found(deep) == [str(store)]


def test_outside_a_repository_only_the_nearest_counts(tmp_path: Path) -> None:
    make(tmp_path / "outer")
    inner = make(tmp_path / "outer" / "inner")
    assert found(tmp_path / "outer" / "inner") == [str(inner)]


def test_a_monorepo_is_read_from_the_package_up_to_the_repository_root_and_no_further(tmp_path: Path) -> None:
    make(tmp_path / "above")
    root = make(tmp_path / "above" / "repo")
    package = make(tmp_path / "above" / "repo" / "packages" / "api")
    (tmp_path / "above" / "repo" / ".git").mkdir()
    source = tmp_path / "above" / "repo" / "packages" / "api" / "src"
    source.mkdir()
    assert found(source) == [str(package), str(root)]


def test_the_search_stops_at_home(tmp_path: Path, home: Path) -> None:
    make(tmp_path)
    make(home)
    work = home / "work"
    work.mkdir()
    assert found(work) == []
    assert found(home) == []


def test_the_search_stops_where_the_owner_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    make(shared)
    mine = shared / "mine"
    mine.mkdir()
    monkeypatch.setattr(places, "_owner", lambda path: 1000 if Path(path).is_relative_to(mine) else 0)
    assert found(mine) == []


def test_a_store_of_another_owner_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make(tmp_path / "project")
    monkeypatch.setattr(places, "_owner", lambda path: 0 if path == str(store) else 1000)
    assert found(tmp_path / "project") == []


def test_the_personal_store_is_read_after_the_project_and_written_to_without_one(tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert [place.label for place in locate(root=None, personal_only=False, start=str(project))] == ["personal"]
    make(project)
    assert [place.label for place in locate(root=None, personal_only=False, start=str(project))] == [
        "project",
        "personal",
    ]
    assert [place.folder for place in locate(root=None, personal_only=True)] == [personal().folder]


def test_root_names_one_store_alone(tmp_path: Path) -> None:
    store = make(tmp_path / "elsewhere")
    for named in (store, store.parent):
        assert [place.folder for place in locate(root=str(named), personal_only=False)] == [str(store)]
    with pytest.raises(StoreMissing):
        locate(root=str(tmp_path / "nowhere"), personal_only=False)


def test_a_linked_mem_folder_is_not_a_store_of_the_folder_that_links(tmp_path: Path) -> None:
    store = make(tmp_path / "theirs")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / ".mem").symlink_to(store)
    assert found(mine) == []


@needs_git
def test_a_linked_worktree_uses_the_main_worktrees_store(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.mkdir()
    git("init", cwd=main)
    (main / "file").write_text("x")
    git("add", "file", cwd=main)
    git("commit", "-m", "x", cwd=main)
    store = make(main)
    git("worktree", "add", str(tmp_path / "linked"), "-b", "other", cwd=main)
    assert found(tmp_path / "linked") == [str(store)]
    own = make(tmp_path / "linked")
    assert found(tmp_path / "linked") == [str(own)]


def forge(clone: Path, victim: Path) -> None:
    """A `.git` file, as an unpacked archive may hold it, with all the files it needs to look like a linked worktree."""
    clone.mkdir()
    (clone / ".git").write_text("gitdir: fake\n")
    (clone / "fake").mkdir()
    (clone / "fake" / "commondir").write_text(f"{victim}/.git\n")
    (clone / "fake" / "gitdir").write_text(f"{clone}/.git\n")


def test_a_forged_worktree_cannot_borrow_a_store(tmp_path: Path) -> None:
    make(tmp_path / "victim")
    (tmp_path / "victim" / ".git").mkdir()
    forge(tmp_path / "clone", tmp_path / "victim")
    assert found(tmp_path / "clone") == []


def test_a_git_file_that_points_at_another_projects_worktree_cannot_borrow_it(tmp_path: Path) -> None:
    """The worktree exists, but it does not point back."""
    make(tmp_path / "victim")
    worktree = tmp_path / "victim" / ".git" / "worktrees" / "w"
    worktree.mkdir(parents=True)
    (worktree / "commondir").write_text("../..\n")
    (worktree / "gitdir").write_text(f"{tmp_path}/w/.git\n")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".git").write_text(f"gitdir: {worktree}\n")
    assert found(clone) == []


def test_a_worktree_with_relative_paths_points_back_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`worktree.useRelativePaths`: git writes paths relative to the folder of the file that holds them."""
    store = make(tmp_path / "main")
    worktree = tmp_path / "main" / ".git" / "worktrees" / "w"
    worktree.mkdir(parents=True)
    (worktree / "commondir").write_text("../..\n")
    (worktree / "gitdir").write_text("../../../../w/.git\n")
    (tmp_path / "w" / "deep").mkdir(parents=True)
    (tmp_path / "w" / ".git").write_text("gitdir: ../main/.git/worktrees/w\n")
    monkeypatch.chdir(tmp_path / "w" / "deep")
    assert found(tmp_path / "w" / "deep") == [str(store)]


@pytest.mark.parametrize("asked", ["/etc", "../..", "~/notes"])
def test_a_tree_outside_the_project_needs_this_users_word(tmp_path: Path, asked: str) -> None:
    """A `config.yaml` that came with a clone cannot make `mem` read or write somewhere else."""
    store = make(tmp_path / "project")
    (store / "config.yaml").write_text(f"tree: {asked}\n")
    with pytest.raises(StoreUnsafe):
        Place(str(store))


def test_a_tree_that_the_user_chose_may_lie_anywhere(tmp_path: Path, place: Place) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    assert Store.init(place, tree_folder=str(vault)).place.tree == str(vault)
    assert Place(place.folder).tree == str(vault)


@pytest.mark.parametrize(
    "name", ["tree", "local", "local/tree", "local/cache", "local/journal", "local/objects", "local/trash"]
)
def test_a_part_of_the_store_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    """Git carries symbolic links, so a clone's store could lead anywhere: to be read, written or emptied."""
    store = make(tmp_path / "project")
    target = tmp_path / "precious"
    target.mkdir()
    (target / "keep.md").write_text("keep")
    shutil.rmtree(store / name, ignore_errors=True)
    (store / name).symlink_to(target)
    with pytest.raises(StoreUnsafe):
        Place(str(store))


def test_a_settings_file_that_is_no_file_does_not_hang(tmp_path: Path) -> None:
    store = make(tmp_path / "project")
    os.mkfifo(store / "config.yaml")
    assert Place(str(store)).tree == str(store / "tree")


def test_paths_translate_both_ways(place: Place) -> None:
    for path in ("tree/a/b.md", "local/tree/c.md"):
        assert place.relative(place.absolute(path)) == path
    assert place.relative("/etc/passwd") is None


def test_private_folders_are_the_users_alone_all_the_way(tmp_path: Path) -> None:
    private_dir(str(tmp_path / "a" / "b" / "c"))
    for folder in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700
