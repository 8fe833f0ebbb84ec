"""git's hooks: where they go, what stays of a script that is there, and that git never waits or fails for us."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from memcli.agents import git as events
from memcli.agents.install import githooks
from tests.agents.installed import mem
from tests.command import run_mem
from tests.conftest import tree_bytes

__all__ = ["mem"]

KEY = "AKIA" + "Q3EGRIFJ5XAMPLQW"
SCRIPTS = {
    "plain": b"#!/bin/sh\necho theirs >> ran\n",
    "ends in exit": b"#!/bin/sh\necho theirs >> ran\nexit 0\n",
    "ends in exec": b"#!/usr/bin/env bash\nexec sh -c 'echo theirs >> ran'\n",
    "no line end": b"#!/bin/sh -e\necho theirs >> ran",
    "no first line": b"echo theirs >> ran\n",
    "shifts": b"#!/bin/bash\nshift 9\necho theirs >> ran\n",
}


def git(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        ["git", *name, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    assert git("init").returncode == 0
    return tmp_path / "project"


def hooks_of(repository: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree_bytes(repository / ".git/hooks").items() if not name.endswith(".sample")}


def install(*more: str) -> str:
    done = run_mem("hooks", "install", "--agent", "git", *more)
    assert done.code == 0, done.stderr
    return done.stdout + done.stderr


def commit(text: str) -> subprocess.CompletedProcess[str]:
    Path("file").write_text(text)
    git("add", "file")
    return git("commit", "-m", text)


def waited_for(path: Path) -> str:
    """What a script in the background writes."""
    for _ in range(100):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"nobody wrote {path}")


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_what_a_script_did_it_still_does(script: bytes, repository: Path, mem: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    mem.write_text(f'#!/bin/sh\n# memcli\necho "$@" >> {told}\n')
    file = repository / ".git/hooks/post-checkout"
    file.write_bytes(script)
    file.chmod(0o755)
    commit("one")
    before = hooks_of(repository)
    install()
    once = hooks_of(repository)
    assert sorted(once) == ["post-checkout", "post-commit", "post-merge"]
    install()
    assert hooks_of(repository) == once
    assert git("checkout", "-b", "other").returncode == 0
    assert (repository / "ran").read_text() == "theirs\n"
    assert waited_for(told).startswith("hook git post-checkout ")
    assert run_mem("hooks", "uninstall", "--agent", "git").code == 0
    assert hooks_of(repository) == before
    assert file.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("ending", [b"exit 3\n", b"false\n"])
def test_the_status_of_a_script_stays_its_own(ending: bytes, repository: Path, mem: Path) -> None:
    """A checkout ends with the status of its hook."""
    commit("one")
    file = repository / ".git/hooks/post-checkout"
    file.write_bytes(b"#!/bin/sh\n" + ending)
    file.chmod(0o755)
    install()
    assert git("checkout", "-b", "other").returncode == 1


def test_git_does_not_wait_and_needs_no_mem(repository: Path, mem: Path, tmp_path: Path) -> None:
    mem.write_text("#!/bin/sh\n# memcli\nsleep 3\n")
    install("--secrets")
    (repository / ".git/hooks/pre-commit").unlink()
    began = time.monotonic()
    assert commit("one").returncode == 0
    assert time.monotonic() - began < 2.5
    mem.unlink()
    without = commit("two")
    assert without.returncode == 0 and "not found" not in without.stderr


@pytest.mark.parametrize(
    "script",
    [b"#!/usr/bin/env python3\nprint()\n", b"\x7fELF\x00\x01", b"#!/bin/sh\r\necho\r\n"],
    ids=["python", "binary", "CRLF"],
)
def test_what_is_no_script_of_sh_is_refused(script: bytes, repository: Path, mem: Path) -> None:
    file = repository / ".git/hooks/post-merge"
    file.write_bytes(script)
    file.chmod(0o755)
    done = run_mem("hooks", "install", "--agent", "git")
    assert done.code == 31
    assert ">>> memcli" in done.stderr, "the lines to add"
    assert hooks_of(repository) == {"post-merge": script}


def test_a_script_that_git_does_not_run_is_not_switched_on(repository: Path, mem: Path) -> None:
    file = repository / ".git/hooks/post-commit"
    file.write_bytes(b"#!/bin/sh\nrm -rf build\n")
    file.chmod(0o644)
    assert run_mem("hooks", "install", "--agent", "git").code == 31
    assert hooks_of(repository) == {"post-commit": b"#!/bin/sh\nrm -rf build\n"}


def test_outside_of_a_repository(mem: Path) -> None:
    assert run_mem("hooks", "install", "--agent", "git").code == 2


def test_husky_and_other_folders_of_hooks(repository: Path, mem: Path, tmp_path: Path) -> None:
    """Husky generates `.husky/_`; people's scripts lie beside it. What is committed names no path of this machine."""
    git("config", "core.hooksPath", ".husky/_")
    (repository / ".husky/_").mkdir(parents=True)
    install()
    text = (repository / ".husky/post-commit").read_text()
    assert "command -v mem " in text and str(mem) not in text
    assert not list((repository / ".husky/_").iterdir())
    run_mem("hooks", "uninstall", "--agent", "git")
    git("config", "core.hooksPath", "scripts/hooks")
    install()
    assert (repository / "scripts/hooks/post-commit").exists()
    assert str(mem) not in (repository / "scripts/hooks/post-commit").read_text()
    run_mem("hooks", "uninstall", "--agent", "git")
    assert not (repository / "scripts").exists()
    git("config", "core.hooksPath", str(tmp_path / "elsewhere"))
    assert run_mem("hooks", "install", "--agent", "git").code == 31, "hooks of all repositories are the user's own"
    assert not (tmp_path / "elsewhere").exists()


def test_in_a_linked_worktree(repository: Path, mem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit("one")
    assert git("worktree", "add", str(tmp_path / "linked")).returncode == 0
    monkeypatch.chdir(tmp_path / "linked")
    install()
    assert set(hooks_of(repository)) == {"post-checkout", "post-commit", "post-merge"}


def test_the_environment_of_another_repository_is_not_believed(
    repository: Path, mem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git("init", cwd=other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    install()
    assert hooks_of(repository) and not hooks_of(other)


def test_status_and_print(repository: Path, mem: Path) -> None:
    install()
    (found,) = run_mem("hooks", "status", "--agent", "git", "--json").json()["hooks"]
    assert found["events"] == ["post-commit", "post-merge", "post-checkout"] and found["ok"]
    (repository / ".git/hooks/post-merge").chmod(0o644)
    (found,) = run_mem("hooks", "status", "--agent", "git", "--json").json()["hooks"]
    assert "not executable" in found["problem"]
    assert " doctor --staged " in run_mem("hooks", "print", "--agent", "git", "--secrets").stdout


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_a_commit_of_a_secret_is_stopped(repository: Path, mem: Path) -> None:
    assert run_mem("init", "--shared").code == 0
    install("--secrets")
    file = repository / ".mem/tree/inbox/key.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"# The key\n\nIt is {KEY}.\n")
    git("add", "-A")
    stopped = git("commit", "-m", "a secret")
    assert stopped.returncode == 1
    assert "key.md" in stopped.stderr and KEY not in stopped.stderr
    file.write_text("# The key\n\nIt is kept elsewhere.\n")
    assert git("commit", "-m", "what is staged counts, not the file").returncode == 1
    git("add", "-A")
    assert git("commit", "-m", "clean").returncode == 0


def test_secrets_in_other_files_are_not_ours_to_stop(repository: Path, mem: Path) -> None:
    run_mem("init", "--shared")
    install("--secrets")
    assert commit(f"key = {KEY}").returncode == 0


def test_a_broken_mem_stops_no_commit(repository: Path, mem: Path) -> None:
    install("--secrets")
    for number, script in enumerate(("exit 1", "exit 2", "exit 70", "kill -9 $$")):
        mem.write_text(f"#!/bin/sh\n# memcli\n{script}\n")
        assert commit(f"{number}").returncode == 0
    mem.unlink()
    assert commit("without").returncode == 0


def test_staged_needs_nothing(tmp_path: Path) -> None:
    assert run_mem("doctor", "--staged").code == 0
    assert run_mem("doctor", "--staged", "--json").json() == {"secrets": []}


# --- what the hook does -------------------------------------------------------------------------------------------------


def test_after_a_commit_the_index_is_current(repository: Path) -> None:
    run_mem("init")
    file = repository / ".mem/tree/inbox/pnpm.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# We use pnpm\n")
    events.hook("post-commit", [])
    assert "We use pnpm" in run_mem("ls", "--json").stdout


@pytest.mark.parametrize(
    ("event", "arguments"),
    [("post-checkout", ["a1", "a1", "1"]), ("pre-push", []), ("post-commit; rm", [])],
)
def test_what_changes_nothing_costs_nothing(
    event: str, arguments: list[str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_mem("init")
    monkeypatch.setattr(events.refresh, "update", lambda *_, **__: pytest.fail("it looked"))
    events.hook(event, arguments)
    (repository / ".git/rebase-merge").mkdir()
    events.hook("post-commit", [])


def test_hooks_folder_of_a_plain_repository(repository: Path) -> None:
    assert githooks.hooks_folder(str(repository)) == str(repository / ".git/hooks")
