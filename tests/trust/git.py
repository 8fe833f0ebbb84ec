"""Real repositories for tests: git run with a configuration of its own, in temporary folders."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str, check: bool = True, **environment: str) -> str:
    """Run git in a folder; returns what it printed."""
    own = {
        "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
        "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.org", "GIT_ALLOW_PROTOCOL": "file",
        "GIT_EDITOR": "true", "GIT_MERGE_AUTOEDIT": "no",
    }  # fmt: skip
    settings = ("-c", "init.defaultBranch=main", "-c", "gc.auto=0", "-c", "advice.detachedHead=false")
    ended = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, env=own | environment, capture_output=True, text=True, check=False
    )
    assert not check or ended.returncode == 0, ended.stderr
    return ended.stdout


def repository(folder: Path, files: Mapping[str, str | bytes] | None = None, *init: str) -> Path:
    """A repository with these files committed."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", *init)
    if files:
        commit(folder, files)
    return folder


def commit(folder: Path, files: Mapping[str, str | bytes | None], message: str = "change") -> None:
    """Write files (None: delete) and commit them; what .gitignore names too."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "-A", "-f", *files)
    git(folder, "commit", "-q", "-m", message)


def clone(source: Path, target: Path, *options: str) -> Path:
    git(source.parent, "clone", "-q", *options, str(source), str(target))
    return target
