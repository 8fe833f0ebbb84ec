"""What is not changed: settings that cannot be read, files that are not ours or were changed, links that lead elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memcli.agents.install import files, targets
from memcli.agents.install.command import Command
from memcli.agents.install.manifest import opened
from memcli.agents.install.plans import Wish, plan
from memcli.errors import Conflict
from tests.agents.installed import SETTINGS, mem, settings
from tests.command import run_mem

__all__ = ["mem"]

REFUSED = {
    "not JSON": '{"hooks": {',
    "comments": '{\n  // mine\n  "model": "opus"\n}',
    "a comma too many": '{"model": "opus",}',
    "a list": "[]",
    "a text": '"hooks"',
    "hooks that are none": '{"hooks": []}',
    "hooks that are null": '{"hooks": null}',
    "an event that is no list": '{"hooks": {"SessionStart": {"hooks": []}}}',
    "no number": '{"a": NaN}',
    "too deep": "[" * 300 + "]" * 300,
    "permissions that are none": '{"permissions": "all"}',
    "a rule list that is none": '{"permissions": {"allow": "all"}}',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_stays_as_it_is(text: str, home: Path, mem: Path) -> None:
    """Pitfall 24: Claude Code drops a broken file whole, the user's permissions with it."""
    file = settings(home, text)
    done = run_mem("hooks", "install", "--agent", "claude-code", "--allow")
    assert done.code == 31
    assert file.read_text(encoding="utf-8") == text
    assert "settings.json" in done.stderr and "UserPromptSubmit" in done.stderr, "the snippet, and where it goes"
    assert run_mem("hooks", "uninstall", "--agent", "claude-code").code in (0, 31)
    assert file.read_text(encoding="utf-8") == text


def test_bytes_that_are_no_text_stay(home: Path, mem: Path) -> None:
    file = settings(home)
    for data in (b"\xff\xfe{\x00}\x00", b'{"a": "\xff"}', b" " * (files.MAX_BYTES + 1)):
        file.write_bytes(data)
        assert run_mem("hooks", "install", "--agent", "claude-code").code == 31
        assert file.read_bytes() == data


def test_one_agent_that_refuses_keeps_none_back(home: Path, mem: Path) -> None:
    settings(home, "{")
    (home / ".codex").mkdir()
    assert run_mem("hooks", "install").code == 31
    assert (home / ".codex/hooks.json").is_file()


def test_a_folder_or_a_pipe_in_the_place_of_a_file(home: Path, mem: Path) -> None:
    (home / SETTINGS).mkdir(parents=True)
    assert run_mem("hooks", "install", "--agent", "claude-code").code == 31
    (home / ".codex").mkdir()
    os.mkfifo(home / ".codex/hooks.json")
    assert run_mem("hooks", "install", "--agent", "codex").code == 31


def test_a_link_inside_home_is_followed_and_stays_a_link(home: Path, mem: Path) -> None:
    """People keep their settings in a folder of dotfiles."""
    real = home / "dotfiles/claude.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    (home / ".claude").mkdir()
    (home / SETTINGS).symlink_to(real)
    done = run_mem("hooks", "install", "--agent", "claude-code")
    assert done.code == 0
    assert "is a link" in done.stderr
    assert (home / SETTINGS).is_symlink() and "hooks" in json.loads(real.read_text())
    run_mem("hooks", "uninstall", "--agent", "claude-code")
    assert (home / SETTINGS).is_symlink() and real.read_text() == "{}\n"


def test_a_link_out_of_the_project_is_refused(home: Path, tmp_path: Path, mem: Path) -> None:
    """A clone may bring `.claude/settings.json` as a link to anything."""
    victim = home / "victim.json"
    victim.write_text("{}")
    (tmp_path / "project/.claude").mkdir()
    (tmp_path / "project" / SETTINGS).symlink_to(victim)
    assert run_mem("hooks", "install", "--agent", "claude-code", "--scope", "project").code == 31
    assert victim.read_text() == "{}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_cannot_be_written(home: Path, mem: Path) -> None:
    file = settings(home)
    file.chmod(0o400)
    assert run_mem("hooks", "install", "--agent", "claude-code").code == 30
    assert json.loads(file.read_text()) == {"model": "opus"}


def test_without_a_place_for_the_state_nothing_is_written(
    home: Path, mem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it nobody could take it back byte for byte."""
    file = settings(home)
    blocked = home / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    assert run_mem("hooks", "install", "--agent", "claude-code").code == 30
    assert json.loads(file.read_text()) == {"model": "opus"}


def test_in_a_folder_that_is_gone(home: Path, tmp_path: Path, mem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run_mem("hooks", "install", "--agent", "claude-code").code == 2


def test_a_file_that_changes_meanwhile_is_not_written(home: Path) -> None:
    file = settings(home)
    wish = Wish("user", os.getcwd(), Command("mem"))
    with opened() as known:
        planned = plan(targets.load("claude-code"), wish, known)
        file.write_text('{"model": "sonnet"}')
        with pytest.raises(Conflict, match="another program"):
            planned.apply(known)
    assert file.read_text() == '{"model": "sonnet"}'


def test_a_plugin_of_ours_is_noticed(home: Path, mem: Path) -> None:
    """Pitfall 23: with plugin and settings every event fires twice."""
    file = settings(home, '{"enabledPlugins": {"memcli@market": true}}')
    done = run_mem("hooks", "install", "--agent", "claude-code")
    assert done.code == 31
    assert "plugin" in done.stderr
    assert run_mem("hooks", "install", "--agent", "claude-code", "--force").code == 0
    assert "hooks" in json.loads(file.read_text())


def test_hooks_that_are_switched_off_are_noticed(home: Path, mem: Path) -> None:
    settings(home, '{"disableAllHooks": true}')
    done = run_mem("hooks", "install", "--agent", "claude-code")
    assert "switched off" in done.stderr


def test_a_file_of_that_name_that_is_not_ours_stays(home: Path, mem: Path) -> None:
    file = home / ".copilot/hooks/memcli.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"version": 1, "hooks": {"sessionStart": [{"type": "command", "bash": "mine"}]}}')
    assert run_mem("hooks", "install", "--agent", "copilot-cli").code == 31
    assert run_mem("hooks", "uninstall", "--agent", "copilot-cli").code == 0
    assert "mine" in file.read_text()
    assert run_mem("hooks", "install", "--agent", "copilot-cli", "--force").code == 0
    assert "mine" not in file.read_text()
    assert run_mem("hooks", "uninstall", "--agent", "copilot-cli").code == 0
    assert "mine" in file.read_text(), "what --force replaced comes back"


def test_a_file_of_ours_that_was_changed_is_kept(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "opencode")
    file = home / "config/opencode/plugins/memcli.js"
    file.write_text(file.read_text() + "// mine\n")
    assert run_mem("hooks", "uninstall", "--agent", "opencode").code == 31
    assert file.exists()
    assert run_mem("hooks", "uninstall", "--agent", "opencode", "--force").code == 0
    assert not file.exists()


def test_a_file_of_ours_is_known_without_the_manifest(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "copilot-cli")
    (home / "state/mem/hooks-manifest.json").unlink()
    assert "already installed" in run_mem("hooks", "install", "--agent", "copilot-cli").stdout
    assert run_mem("hooks", "uninstall", "--agent", "copilot-cli").code == 0
    assert not (home / ".copilot/hooks/memcli.json").exists()


def test_a_file_that_two_agents_read_goes_with_the_last(home: Path, mem: Path) -> None:
    skill = home / ".agents/skills/memcli/SKILL.md"
    for name in ("codex", "copilot-cli"):
        run_mem("hooks", "install", "--agent", name, "--skill")
    run_mem("hooks", "uninstall", "--agent", "codex")
    assert skill.is_file()
    run_mem("hooks", "uninstall", "--agent", "copilot-cli")
    assert not skill.parent.exists()


def test_the_block_in_agents_md(tmp_path: Path, mem: Path) -> None:
    file = tmp_path / "project/AGENTS.md"
    file.write_bytes(b"# Ours\r\n\r\nBe kind.")
    run_mem("hooks", "install", "--agent", "agents-md")
    assert b"mem recall" in file.read_bytes() and file.read_bytes().startswith(b"# Ours\r\n\r\nBe kind.")
    assert run_mem("hooks", "install", "--agent", "zed").code == 0
    file.write_bytes(b"# Theirs\r\n" + file.read_bytes())
    run_mem("hooks", "uninstall", "--agent", "agents-md")
    assert b"mem recall" in file.read_bytes(), "Zed still reads it"
    run_mem("hooks", "uninstall", "--agent", "zed")
    assert file.read_bytes() == b"# Theirs\r\n# Ours\r\n\r\nBe kind."


def test_what_we_wrote_for_agents_is_not_imported_as_a_memory(tmp_path: Path, mem: Path) -> None:
    (tmp_path / "project/AGENTS.md").write_text("# Ours\n\nBe kind to databases.\n")
    for name in ("agents-md", "windsurf", "cursor"):
        run_mem("hooks", "install", "--agent", name, "--scope", "project")
    assert "1 entry" in run_mem("import", ".", "--format", "instructions").stdout
    assert "databases" in run_mem("recall", "databases").stdout
