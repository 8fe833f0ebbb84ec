"""The command that is written into other programs' settings: `mem hook …`, as it will still work next month.

It is the same in every version, since Codex forgets its trust in a hook whose command changed. For the user alone it starts
with the absolute path of an installed `mem`, since agents started from a desktop have no PATH of a shell; in a project's
files, which others share, it is plain and guarded, so that it disturbs nobody who has no `mem`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import sysconfig
import tempfile
from typing import NamedTuple

from memcli.errors import SettingsRefused

LINE = re.compile(r"mem hook (?=\S)")
_GUARDED = "command -v mem >/dev/null 2>&1 && {line} || true"
OR_TRUE = " || true"
"""Behind a line of the user's own settings where a hook that cannot be started stops the agent: Gemini CLI does nothing with a
prompt whose hook ends with a code above 1 and a word on stderr, as a shell does that finds no `mem` any more."""
_MAX_SCRIPT = 16_384

# Parts of paths that a tool empties or unmounts when it likes: uvx and `uv run`, pipx run, building with pip, AppImages.
_FLEETING = re.compile(
    r"/(archive|builds|environments|built-wheels|wheels|sdists)-v\d+/|/uv/cache/|/\.cache/uv/|/pipx/\.cache/|/\.cache/pipx/"
    r"|/Caches/(uv|pipx)/|/pip-(build-env|ephem-wheel-cache|install|req-build)-|/\.mount_[^/]*/"
)


class Command(NamedTuple):
    """What stands for the word `mem`; `warning`: what the user should know about it."""

    program: str
    warning: str | None = None

    def line(self, line: str) -> str:
        """A line for a shell, `mem hook …`, with this command in it."""
        return f"{self._quoted()} {line.removeprefix('mem ')}"

    def _quoted(self) -> str:
        if os.name == "nt":
            return f'"{self.program}"' if " " in self.program else self.program
        return shlex.quote(self.program)


PLAIN = Command("mem")


def guarded(line: str) -> str:
    """`mem hook …` for files that are shared: nothing happens where there is no `mem`, and nothing fails."""
    return _GUARDED.format(line=line.removesuffix(OR_TRUE))


def stable(*, force: bool = False) -> Command:
    """The command of this installation. Raises SettingsRefused where it would be gone one day, unless it is forced."""
    found = shutil.which("mem")
    if found is not None and not _is_this(found):
        found = None
    path = os.path.abspath(found) if found and not _is_shim(found) else _beside()
    if path is None:
        if found is None:
            raise SettingsRefused("there is no installed command `mem` to be called by agents", hint=_INSTALL)
        return Command("mem", f"{found} decides by folder which mem it starts; agents will start it by its name")
    if force:
        return Command(path)
    if reason := _fleeting(path):
        raise SettingsRefused(f"{path} {reason}, and agents would call it in vain", hint=_INSTALL)
    if _is_temporary(path):
        if found is not None:
            return Command("mem", f"{path} lies in a temporary folder: agents will start `mem` by its name")
        raise SettingsRefused(f"{path} lies in a temporary folder, and agents would call it in vain", hint=_INSTALL)
    environment = os.environ.get("VIRTUAL_ENV")
    if environment and os.path.realpath(path).startswith(os.path.realpath(environment) + os.sep):
        return Command(path, f"{path} is part of the virtual environment that is active here: agents need it to stay")
    return Command(path)


_INSTALL = "uv tool install memcli, or pipx install memcli (--force uses it as it is)"


def _beside() -> str | None:
    """The `mem` that was installed with the Python that runs this."""
    name = "mem.exe" if os.name == "nt" else "mem"
    folders = (os.path.dirname(os.path.abspath(sys.executable)), sysconfig.get_path("scripts"), _user_scripts())
    paths = (os.path.join(folder, name) for folder in folders if folder)
    return next((path for path in paths if os.access(path, os.X_OK) and _is_this(path)), None)


def _user_scripts() -> str | None:
    scheme = sysconfig.get_preferred_scheme("user")
    return sysconfig.get_path("scripts", scheme)


def _is_this(path: str) -> bool:
    """Whether a command `mem` starts this program with this Python."""
    if _is_shim(path):
        return True
    try:
        with open(path, "rb") as file:
            script = file.read(_MAX_SCRIPT)
    except OSError:
        return False
    if not script.startswith(b"#!"):  # a launcher of Windows
        return os.path.dirname(os.path.realpath(path)) == os.path.dirname(os.path.abspath(sys.executable))
    return b"memcli" in script


def _is_shim(path: str) -> bool:
    """Whether this is a script of pyenv, asdf, mise or rye that looks up which `mem` to start by the working directory."""
    return "/shims/" in path.replace(os.sep, "/")


def _fleeting(path: str) -> str | None:
    for place in (path, os.path.realpath(path)):
        if _FLEETING.search(place.replace(os.sep, "/") + "/"):
            return "lies in a cache that is emptied by itself"
    return "is part of an AppImage" if os.environ.get("APPIMAGE") and "/.mount_" in path else None


def _is_temporary(path: str) -> bool:
    roots = {os.path.realpath(root) for root in (tempfile.gettempdir(), "/tmp", "/var/tmp") if os.path.isdir(root)}
    return any(os.path.realpath(path).startswith(root + os.sep) for root in roots)
