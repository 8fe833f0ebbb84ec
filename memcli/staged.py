"""What is about to be committed: memories in git's index that hold a secret (`mem doctor --staged`, hooks/git/pre-commit).

Looks at the staged texts, not at the files, which may say something else by now. Runs git with nothing that the repository
could make it run; where git gives no answer, nothing is staged.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from memcli.guard import limits, secrets
from memcli.places import Place

TIMEOUT_S = 30.0
_SAFE = ("git", "--no-pager", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null")
_LINK = "120000"


class Staged(NamedTuple):
    """A staged memory with secrets: its path in the repository, and the rules that found them."""

    path: str
    rules: tuple[str, ...]


def with_secrets(place: Place) -> list[Staged]:
    """The staged memories of a store that hold a secret."""
    found = []
    for path, text in _staged_texts(place):
        rules = dict.fromkeys(finding.rule for finding in secrets.find(text))
        found += [Staged(path, tuple(rules))] if rules else []
    return found


def _staged_texts(place: Place) -> Iterator[tuple[str, str]]:
    """(path, text) of the files of a store that were added or changed in git's index."""
    folders = [folder for folder in dict.fromkeys((place.tree, place.folder)) if os.path.isdir(folder)]
    listed = _git(
        place.project, "diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv",
        "--diff-filter=AMT", "--", *folders,
    ).split(b"\0")  # fmt: skip
    staged = [
        (fields[3].decode(), os.fsdecode(path))
        for about, path in zip(listed[::2], listed[1::2], strict=False)
        if (fields := about.split())[1] != _LINK.encode()
    ]
    blobs = _blobs(place.project, [blob for blob, _ in staged])
    for (_, path), data in zip(staged, blobs, strict=False):
        if limits.problem(data) is None:
            yield path, data.decode("utf-8")


def _blobs(folder: str, names: list[str]) -> Iterator[bytes]:
    """The contents of blobs, in the order of their names."""
    answer = _git(folder, "cat-file", "--batch", given="".join(f"{name}\n" for name in names)) if names else b""
    at = 0
    while at < len(answer):
        line_end = answer.index(b"\n", at)
        header = answer[at:line_end].split()
        size = int(header[2]) if len(header) == 3 else -1
        yield answer[line_end + 1 : line_end + 1 + size] if size >= 0 else b""
        at = line_end + 1 + size + 1


def _git(folder: str, *arguments: str, given: str = "") -> bytes:
    """What git prints; b"" where it fails. Called by a hook, it is told by its environment which index is meant."""
    environment = {**os.environ, "GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    inside = None if os.environ.get("GIT_INDEX_FILE") else folder
    try:
        ended = subprocess.run(
            [*_SAFE, *arguments], cwd=inside, env=environment, input=given.encode(), capture_output=True, timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return ended.stdout if ended.returncode == 0 else b""
