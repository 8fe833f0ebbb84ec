"""Whether git still has a file: asked of git itself, with nothing that the repository could make it run.

A repository may be anybody's: its hooks, file-system monitor, signature program and remote helpers stay off, the user's and
the machine's configuration is not read, and no answer within a few seconds is no answer.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from memcli.places import Place

TIMEOUT_S = 5.0
MOST_COMMITS = 20
MOST_PATHS = 100
_SAFE = (
    "--no-pager", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false",
    "-c", "core.untrackedCache=false",
)  # fmt: skip


class InGit(NamedTuple):
    """What git has of a file: the newest commits that touched it (at most 20, abbreviated), and whether it is staged."""

    paths: tuple[str, ...]
    commits: tuple[str, ...]
    staged: bool


def look(place: Place, paths: Sequence[str]) -> InGit | None:
    """What the repository around the tree has of these memories.

    None where git has nothing of them, where there is no repository or no git, and where it gives no answer in time.
    """
    folder = place.tree if os.path.isdir(place.tree) else place.folder
    inside = [os.path.relpath(place.absolute(path), folder) for path in paths[:MOST_PATHS]]
    commits = _ask(folder, "log", "--all", f"--max-count={MOST_COMMITS}", "--format=%h", "--", *inside)
    staged = _ask(folder, "ls-files", "--", *inside)
    if not commits and not staged:
        return None
    return InGit(tuple(inside), tuple(commits or ()), bool(staged))


def _ask(folder: str, *arguments: str) -> list[str] | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C",
    }  # fmt: skip
    try:
        ended = subprocess.run(
            ["git", *_SAFE, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.decode("utf-8", "replace").split("\n")[:-1] if ended.returncode == 0 else None
