"""The command that is written into other programs' settings, and where it may lie."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from memcli.agents.install import command
from memcli.errors import SettingsRefused
from tests.agents.installed import mem, settings
from tests.command import run_mem

__all__ = ["mem"]


def test_the_command_runs_from_a_strange_folder(home: Path, mem: Path) -> None:
    """Pitfalls 19 and 26: an absolute path with a space and a quotation mark, run by a shell without a PATH."""
    file = settings(home)
    run_mem("hooks", "install", "--agent", "claude-code")
    line = json.loads(file.read_text())["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"]
    ended = subprocess.run(
        ["/bin/sh", "-c", line], input=b"{}", capture_output=True, env={"HOME": str(home)}, check=False
    )
    assert ended.returncode == 0 and ended.stderr == b""


def test_the_guard_disturbs_nobody_without_mem() -> None:
    """Pitfall 20: a teammate's machine, where the project's file calls a `mem` that is not there."""
    line = command.guarded("mem hook claude-code SessionStart")
    ended = subprocess.run(
        ["/bin/sh", "-c", line], input=b"{}", capture_output=True, env={"PATH": "/nowhere"}, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/home/a/.cache/uv/archive-v0/x/bin/mem",
        "/home/a/.cache/uv/builds-v0/x/bin/mem",
        "/x/environments-v2/y/bin/mem",
        "/home/a/.local/pipx/.cache/1/bin/mem",
        "/home/a/.cache/pipx/1/bin/mem",
        "/Users/a/Library/Caches/uv/archive-v0/x/bin/mem",
        "/var/x/pip-build-env-1/overlay/bin/mem",
        "/tmp/.mount_memAB/usr/bin/mem",
    ],
)
def test_fleeting_places_are_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.shutil, "which", lambda name: path)
    monkeypatch.setattr(command, "_is_this", lambda path: True)
    with pytest.raises(SettingsRefused) as refused:
        command.stable()
    assert "uv tool install" in str(refused.value.hint)
    assert command.stable(force=True).program == path


@pytest.mark.parametrize(
    "path",
    [
        "/home/a/.local/bin/mem",
        "/home/a/.local/pipx/venvs/memcli/bin/mem",
        "/home/a/.local/share/uv/tools/memcli/bin/mem",
    ],
)
def test_lasting_places_are_not(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.shutil, "which", lambda name: path)
    monkeypatch.setattr(command, "_is_this", lambda path: True)
    assert command.stable().program == path


def test_a_shim_is_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 21: pyenv's `mem` is another one in each folder; the one beside this Python is the same everywhere."""
    monkeypatch.setattr(command.shutil, "which", lambda name: "/home/a/.pyenv/shims/mem")
    monkeypatch.setattr(command, "_beside", lambda: "/home/a/.pyenv/versions/3.12/bin/mem")
    assert command.stable().program == "/home/a/.pyenv/versions/3.12/bin/mem"
    monkeypatch.setattr(command, "_beside", lambda: None)
    found = command.stable()
    assert found.program == "mem" and found.warning


def test_in_a_virtual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/home/a/shop/.venv")
    monkeypatch.setattr(command.shutil, "which", lambda name: "/home/a/shop/.venv/bin/mem")
    monkeypatch.setattr(command, "_is_this", lambda path: True)
    found = command.stable()
    assert found.program == "/home/a/shop/.venv/bin/mem" and "virtual environment" in str(found.warning)


def test_below_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, only the name is written, and only where it is found by its name."""
    path = tmp_path / "mem"
    path.write_text("#!/bin/sh\n# memcli\n")
    path.chmod(0o755)
    monkeypatch.setattr(command, "_is_temporary", lambda path: True)
    monkeypatch.setattr(command.shutil, "which", lambda name: str(path))
    found = command.stable()
    assert found.program == "mem" and "temporary" in str(found.warning)
    monkeypatch.setattr(command.shutil, "which", lambda name: None)
    monkeypatch.setattr(command, "_beside", lambda: str(path))
    with pytest.raises(SettingsRefused):
        command.stable()


def test_another_program_of_that_name_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mem"
    path.write_text("#!/bin/sh\necho some other tool\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(command, "_beside", lambda: None)
    with pytest.raises(SettingsRefused, match="no installed command"):
        command.stable()
