"""git's hooks: a marked block in the scripts of one repository.

The block goes right behind the first line, so that an `exit` or `exec` of the script does not skip it, its own exit status
stays the script's, and its arguments are still all there. All of it runs in the background but the check for secrets, which
is there only where it is asked for. git's settings are never changed: where hooks are looked for is asked of git.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

from memcli.agents.install import files, targets
from memcli.agents.install.files import Change, Found
from memcli.agents.install.manifest import Manifest
from memcli.agents.install.plans import Plan, Wish
from memcli.agents.install.targets import GIT
from memcli.errors import SettingsRefused, UsageError

EVENTS = ("post-commit", "post-merge", "post-checkout")
SECRETS = "pre-commit"
SHEBANG = b"#!/bin/sh\n"
_SHELLS = re.compile(rb"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?(?:\S*/)?(sh|bash|dash|ash|ksh|zsh|busybox sh)(?:\s.*)?$")
_BLOCK = re.compile(rb"^# >>> memcli v\d+ >>>\r?\n.*?^# <<< memcli <<<[^\n]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_REGENERATED = (b"lefthook", b"pre-commit.com", b"overcommit")
_EXECUTABLE = 0o755


def plan(wish: Wish, manifest: Manifest, *, secrets: bool = False) -> Plan:
    """What installing into the hooks of a repository would change. Raises SettingsRefused, UsageError."""
    if wish.scope != "project":
        raise UsageError("git has hooks by repository", hint="mem hooks install --agent git")
    folder = hooks_folder(wish.project)
    changes, notes = [], []
    for event in (*EVENTS, *((SECRETS,) if secrets else ())):
        found = _look(folder, event, wish)
        block = _block(event, folder, wish)
        _refuse_strange(found, event, block)
        origin = _without(found.data) if found.data is not None else None
        if manifest.untouched(found.path, found.data):
            origin = manifest.before(found.path)
        after = _with(found.data, block)
        if after != found.data:
            mode = found.mode if found.mode is not None else _EXECUTABLE
            changes.append(Change(found.path, found.data, after, mode, origin))
            notes += _notes(event, found)
    return Plan(GIT, "project", changes, notes)


def removal(wish: Wish, manifest: Manifest) -> Plan:
    """What taking our blocks out would change; a script that was made for one is deleted."""
    folder = hooks_folder(wish.project)
    changes = []
    for event in (*EVENTS, SECRETS):
        found = _look(folder, event, wish)
        if found.data is None or not _BLOCK.search(found.data):
            continue
        before: bytes | None = _without(found.data)
        if manifest.untouched(found.path, found.data):
            before = manifest.before(found.path)
        if before == SHEBANG:
            before = None
        changes.append(Change(found.path, found.data, before, found.mode))
    return Plan(GIT, "project", changes, [], True)


def snippets(project: str, wish: Wish, *, secrets: bool = False) -> list[tuple[str, str]]:
    """The block of each hook, and where it goes."""
    folder = hooks_folder(project)
    events = (*EVENTS, *((SECRETS,) if secrets else ()))
    return [(os.path.join(folder, event), _block(event, folder, wish).decode()) for event in events]


class Installed(NamedTuple):
    """The hooks of a repository that have our block; `idle`: those of them that git does not run."""

    folder: str
    events: tuple[str, ...]
    idle: tuple[str, ...]


def installed(project: str) -> Installed | None:
    """What is installed in the repository around a folder."""
    try:
        folder = hooks_folder(project)
    except UsageError:
        return None
    data = {event: files.current(os.path.join(folder, event)) for event in (*EVENTS, SECRETS)}
    events = tuple(event for event, text in data.items() if text and _BLOCK.search(text))
    idle = tuple(event for event in events if not os.access(os.path.join(folder, event), os.X_OK))
    return Installed(folder, events, idle) if events else None


def hooks_folder(project: str) -> str:
    """Where git looks for the hooks of the repository at `project`. Raises UsageError outside of one.

    Husky keeps generated scripts in `.husky/_` and people's beside them.
    """
    told = _git(project, "rev-parse", "--path-format=absolute", "--git-path", "hooks")
    if not told:
        raise UsageError("this folder is in no git repository", hint="git init, or cd into one")
    folder = os.path.normpath(os.path.join(project, told))
    return os.path.dirname(folder) if folder.endswith(os.path.join(".husky", "_")) else folder


def _git(project: str, *arguments: str) -> str:
    """What git prints, told nothing by the environment about another repository; "" where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        ended = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=project, env=environment, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip("\n") if ended.returncode == 0 else ""


def _look(folder: str, event: str, wish: Wish) -> Found:
    """A hook's file. Raises SettingsRefused where it lies outside of the repository, as hooks for all of them do."""
    roots = [wish.project, _git(wish.project, "rev-parse", "--path-format=absolute", "--git-common-dir")]
    try:
        return files.look(os.path.join(folder, event), roots)
    except SettingsRefused as error:
        raise _explained(error, os.path.join(folder, event), _block(event, folder, wish)) from None


def _explained(error: SettingsRefused, path: str, block: bytes) -> SettingsRefused:
    error.path, error.snippet = path, block.decode()
    return error


def _refuse_strange(found: Found, event: str, block: bytes) -> None:
    """Raises SettingsRefused for a hook that is no script of a POSIX shell, or that git does not run."""
    data = found.data
    if not data:
        return
    first = data.partition(b"\n")[0].rstrip(b"\r")
    if b"\0" in data or (first.startswith(b"#!") and not _SHELLS.match(first)) or b"\r\n" in data:
        reason = f"{found.path} is not a script of sh"
    elif found.mode is not None and not found.mode & 0o100:
        reason = f"{found.path} is not executable, so git does not run it, and it would with ours in it"
    else:
        return
    raise _explained(SettingsRefused(f"{reason}; {event} stays as it is"), found.path, block)


def _notes(event: str, found: Found) -> list[str]:
    notes = [f"{found.link} is a link: {found.path} is written"] if found.link else []
    if found.data and any(name in found.data for name in _REGENERATED):
        notes.append(f"{event} is written by another tool, which may write it anew: then repeat this")
    return notes


def _block(event: str, folder: str, wish: Wish) -> bytes:
    """The block of a hook; in git's own folder, which nobody commits, with the path of `mem`."""
    text = targets.source(f"git/{event}")
    if f"{os.sep}.git{os.sep}" not in folder:
        return text.encode()
    program = wish.command.line("mem ").rstrip()
    return re.sub(r"\bmem (?=hook |doctor |>)", lambda _: f"{program} ", text).encode()


def _with(data: bytes | None, block: bytes) -> bytes:
    """A script with the block in it: in place of the one it has, or behind its first line."""
    if not data:
        return SHEBANG + block
    if _BLOCK.search(data):
        return _BLOCK.sub(lambda _: block, data, count=1)
    first, newline, rest = data.partition(b"\n")
    if not first.startswith(b"#!"):
        return block + data
    return first + (newline or b"\n") + block + rest


def _without(data: bytes) -> bytes:
    return _BLOCK.sub(b"", data, count=1)
