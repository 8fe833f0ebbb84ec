"""What the real agents taught the installer: they write into our files too, and one stops where a hook cannot be started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.agents.installed import mem
from tests.command import run_mem

__all__ = ["mem"]

MERGED = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    "gemini-cli": ".gemini/settings.json",
    "qwen-code": ".qwen/settings.json",
}


@pytest.mark.parametrize("name", MERGED)
def test_what_an_agent_wrote_into_a_file_of_ours_is_all_that_stays(name: str, tmp_path: Path, mem: Path) -> None:
    assert run_mem("hooks", "install", "--agent", name, "--scope", "project", "--capture", "--allow").code == 0
    path = tmp_path / "project" / MERGED[name]
    settings = {**json.loads(path.read_text(encoding="utf-8")), "$version": 4}
    path.write_text(json.dumps(settings, indent=4), encoding="utf-8")  # as Qwen Code does when it first reads it
    assert run_mem("hooks", "uninstall", "--agent", name, "--scope", "project").code == 0
    assert json.loads(path.read_text(encoding="utf-8")) == {"$version": 4}


def test_gemini_goes_on_where_mem_is_gone(home: Path, mem: Path) -> None:
    """It does nothing with a prompt whose hook ends with another code than 0 or 1 and a word on stderr."""
    assert run_mem("hooks", "install", "--agent", "gemini-cli", "--capture").code == 0
    hooks = json.loads((home / ".gemini/settings.json").read_text(encoding="utf-8"))["hooks"]
    lines = [hook["command"] for groups in hooks.values() for group in groups for hook in group["hooks"]]
    assert len(lines) == 4
    assert run_mem("hooks", "status", "--agent", "gemini-cli").code == 0
    mem.unlink()
    for line in lines:
        assert subprocess.run(["sh", "-c", line], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    status = run_mem("hooks", "status", "--agent", "gemini-cli")
    assert status.code == 1 and "is not there, so nothing is said" in status.stdout + status.stderr
