"""Whether git may have written a file otherwise than the repository holds it: then its content proves nothing.

Read as git reads them, but never obeyed: attributes of every folder from the file up to the top of the work tree, of the
repository, of the user and of the machine. What is not sure to leave this file alone counts as changing it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from memcli.trust.repositories import Repository, Untold, read_text

_CONVERTING = frozenset({"filter", "ident", "working-tree-encoding", "encoding"})
_LINE_ENDS = frozenset({"text", "eol", "crlf", "autocrlf"})
_MACHINE = ("/etc/gitattributes", "/usr/local/etc/gitattributes", "/opt/homebrew/etc/gitattributes")
_ATTRIBUTES_FILE = re.compile(r"^\s*attributesfile\s*=\s*\"?([^\"\n#;]+)", re.I | re.M)


def lines_about(repository: Repository, folder: str) -> list[list[str]]:
    """What is said of the files of a folder of the work tree: patterns, each with its attributes. Raises Untold."""
    return [line.split() for text in _texts(repository, folder) for line in text.splitlines()]


def may_convert(lines: list[list[str]], file: str, data: bytes) -> bool:
    """Whether these attributes could make `file`, which holds `data`, another than its blob."""
    names = set(_CONVERTING)
    if b"\r" in data:
        names |= _LINE_ENDS  # git may have added some of them; without any, it cannot have
    macros = [line for line in lines if line and line[0].startswith("[attr]")]
    for _ in range(3):  # macros of macros
        names |= {line[0][6:] for line in macros if _sets(line[1:], names)}
    return any(
        line and not line[0].startswith(("#", "[attr]")) and _may_match(line[0], file) and _sets(line[1:], names)
        for line in lines
    )


def _sets(attributes: list[str], names: set[str]) -> bool:
    return any(
        word.partition("=")[0] in names and word != "text=auto"
        for word in attributes
        if not word.startswith(("-", "!"))
    )


def _may_match(pattern: str, file: str) -> bool:
    """Whether a pattern may be about a file: not, if both end in other letters."""
    ending = re.split(r"[*?\]\\]", pattern.strip('"'))[-1].rpartition("/")[2].casefold()
    return os.path.basename(file).casefold().endswith(ending)


def _texts(repository: Repository, folder: str) -> Iterator[str]:
    while True:
        path = os.path.join(folder, ".gitattributes")
        if not os.path.islink(path):  # git does not follow it either
            yield read_text(path) or ""
        if folder in (repository.root, os.path.dirname(folder)):
            break
        folder = os.path.dirname(folder)
    yield read_text(os.path.join(repository.common, "info", "attributes")) or ""
    home = os.path.expanduser("~")
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    configs = [
        os.path.join(repository.common, "config"),
        os.path.join(repository.gitdir, "config.worktree"),
        os.path.join(home, ".gitconfig"),
        os.path.join(settings, "git", "config"),
        "/etc/gitconfig",
    ]
    own = [os.path.join(settings, "git", "attributes"), *_MACHINE]
    for config in configs:
        for named in _ATTRIBUTES_FILE.findall(_of_user(config)):
            own.append(os.path.join(repository.root, os.path.expanduser(named.strip())))
    for path in own:
        yield _of_user(path)


def _of_user(path: str) -> str:
    """A file that may be a link, as those of a home often are. Raises Untold for what cannot be read."""
    real = os.path.realpath(path)
    if real.startswith(("/dev/", "/proc/", "/sys/")):
        raise Untold(f"{path} is not a regular file")
    return read_text(real) or ""
