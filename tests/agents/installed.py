"""For tests of what is installed into agents: a `mem` on the PATH that runs this tree, and looking at a home."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from memcli.agents.install import command
from tests.conftest import tree_bytes

SETTINGS = ".claude/settings.json"
PACKAGE = Path(__file__).resolve().parents[2]
_SCRIPT = """#!{python}
# memcli
import sys
sys.path.insert(0, {package!r})
from memcli.__main__ import script
script()
"""


@pytest.fixture
def mem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of `mem`, in a folder with a space and a quotation mark; it counts as no temporary place."""
    folder = tmp_path / "it's a bin"
    folder.mkdir()
    path = folder / "mem"
    path.write_text(_SCRIPT.format(python=sys.executable, package=str(PACKAGE)), encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(command, "_is_temporary", lambda path: False)
    return path


def settings(home: Path, text: str = '{"model": "opus"}\n') -> Path:
    """Claude Code's settings of the user."""
    file = home / SETTINGS
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def others(folder: Path) -> dict[str, bytes]:
    """All files below a folder but memcli's own state and configuration."""
    return {path: data for path, data in tree_bytes(folder).items() if not path.startswith(("state/", "config/mem/"))}
