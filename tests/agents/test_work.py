"""The work in hand, read from git's files and never from git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from memcli.agents import work
from tests.agents.project import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "packages" / "billing").mkdir(parents=True)
    (folder / "packages" / "billing" / "invoice.py").write_text("1\n", encoding="utf-8")
    (folder / "README.md").write_text("x\n", encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Round VAT per invoice line")
    return folder


def _age(folder: Path, hours: int, *names: str) -> None:
    """Files last changed so many hours ago, as git knows them."""
    for name in names:
        path = folder / name
        when = path.stat().st_mtime - 3600 * hours
        os.utime(path, (when, when))
    git(folder, "update-index", "--refresh")


def test_it_is_what_folder_branch_and_commits_are_called(repository: Path) -> None:
    git(repository, "checkout", "-qb", "feature/dunning-letters")
    found = work.in_hand(str(repository / "packages" / "billing"))
    assert found.topics == {"billing", "dunning", "letters"}
    assert found.subjects == ({"round", "vat", "per", "invoice", "line"},)


def test_what_changed_last_comes_first(repository: Path) -> None:
    _age(repository, 5, "README.md")
    assert work.in_hand(str(repository)).files == ("packages/billing/invoice.py", "invoice.py", "readme.md")
    _age(repository, 24 * 30, "README.md")
    assert "readme.md" not in work.in_hand(str(repository)).files


def test_what_was_checked_out_together_is_no_work(repository: Path) -> None:
    for number in range(work.TOGETHER + 1):
        (repository / f"page{number}.md").write_text("x\n", encoding="utf-8")
    git(repository, "add", ".")
    _age(repository, 1, "packages/billing/invoice.py")
    assert work.in_hand(str(repository)).files == ("packages/billing/invoice.py", "invoice.py")


def test_a_changed_file_that_git_has_not_looked_at_yet_counts(repository: Path) -> None:
    _age(repository, 24 * 30, "README.md", "packages/billing/invoice.py")
    (repository / "README.md").write_text("changed\n", encoding="utf-8")
    assert work.in_hand(str(repository)).files == ("readme.md",)


def test_a_linked_worktree_has_its_own_branch(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "hotfix/ledger", str(tmp_path / "linked"))
    assert work.in_hand(str(tmp_path / "linked")).topics == {"ledger"}


@pytest.mark.parametrize("what", ["gitdir", "link", "head", "device"])
def test_files_that_lead_elsewhere_are_not_read(tmp_path: Path, repository: Path, what: str) -> None:
    """A clone decides what lies in it; it does not decide what else of this machine is read."""
    git(repository, "checkout", "-qb", "private/merger")
    clone = tmp_path / "clone"
    clone.mkdir()
    if what == "gitdir":
        (clone / ".git").write_text(f"gitdir: {repository / '.git'}\n", encoding="utf-8")
    elif what == "link":
        (clone / ".git").symlink_to(repository / ".git")
    else:
        (clone / ".git").mkdir()
        head = clone / ".git" / "HEAD"
        head.symlink_to(repository / ".git" / "HEAD") if what == "head" else os.mkfifo(head)
    assert work.in_hand(str(clone)) == work.Work(frozenset(), (), ())


@pytest.mark.parametrize(
    "data", [b"", b"DIRC", b"DIRC\0\0\0\2\xff\xff\xff\xff", b"DIRC\0\0\0\2\0\0\0\3" + b"x" * 70, os.urandom(500)]
)
def test_a_damaged_index_says_nothing(repository: Path, data: bytes) -> None:
    (repository / ".git" / "index").write_bytes(data)
    assert work.in_hand(str(repository)).files == ()


def test_a_detached_head_and_a_folder_without_git(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert work.in_hand(str(repository)).topics == frozenset()
    (tmp_path / "loose-papers").mkdir()
    assert work.in_hand(str(tmp_path / "loose-papers")) == work.Work({"loose", "papers"}, (), ())
    assert work.in_hand(str(tmp_path / "gone")).files == ()


def test_git_is_never_run(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    monkeypatch.setattr(os, "posix_spawn", fail)
    monkeypatch.setattr(os, "fork", fail)
    assert work.in_hand(str(repository)).subjects


def test_nothing_above_the_home_folder_is_a_repository(home: Path) -> None:
    (home / ".git").mkdir()
    (home / "letters").mkdir()
    assert work.repository(str(home / "letters")) is None
