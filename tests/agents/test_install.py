"""`mem hooks` through the command line: every agent and scope, there and back, and what the options do."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from memcli.agents.install import targets
from memcli.agents.install.manifest import opened
from tests.agents.installed import SETTINGS, mem, others, settings
from tests.command import run_mem
from tests.conftest import tree_bytes

__all__ = ["mem"]

EVERYWHERE = [(name, scope) for name in targets.NAMES for scope in targets.load(name).scopes]


def commands(value: Any) -> list[str]:
    """All lines for a shell in a document."""
    if isinstance(value, dict):
        lines = [item for key, item in value.items() if key in ("command", "bash") and isinstance(item, str)]
        return lines + [line for item in value.values() for line in commands(item)]
    return [line for item in value for line in commands(item)] if isinstance(value, list) else []


@pytest.mark.parametrize(("name", "scope"), EVERYWHERE)
def test_every_agent_there_and_back(name: str, scope: str, tmp_path: Path, home: Path, mem: Path) -> None:
    before = {"home": others(home), "project": tree_bytes(tmp_path / "project")}
    wanted = ("hooks", "install", "--agent", name, "--scope", scope, "--capture", "--allow", "--skill")
    done = run_mem(*wanted)
    assert done.code == 0, done.stderr
    once = {"home": others(home), "project": tree_bytes(tmp_path / "project")}
    assert once != before
    assert "already installed" in run_mem(*wanted).stdout
    assert {"home": others(home), "project": tree_bytes(tmp_path / "project")} == once
    written = [tmp_path / part / path for part, tree in once.items() for path in tree if path not in before[part]]
    for path in written:
        if path.suffix == ".json":
            lines = commands(json.loads(path.read_text(encoding="utf-8")))
            assert lines or "permissions" in path.read_text(encoding="utf-8")
            for line in lines:
                assert line.startswith(
                    f"{shlex.quote(str(mem))} hook {name} " if scope == "user" else "command -v mem >"
                )
    assert run_mem("hooks", "uninstall", "--agent", name, "--scope", scope).code == 0
    assert {"home": others(home), "project": tree_bytes(tmp_path / "project")} == before
    assert not list((tmp_path / "project").iterdir()), "folders that were made are gone again"


def test_there_are_the_agents_that_were_promised() -> None:
    promised = {"claude-code", "codex", "gemini-cli", "qwen-code", "copilot-cli", "cursor", "opencode"}
    assert {name for name in promised if "user" in targets.load(name).scopes} == promised
    assert {"cline", "windsurf", "kiro-cli", "roo", "zed", "continue", "vscode"} <= {name for name, _ in EVERYWHERE}


@pytest.mark.parametrize("name", targets.NAMES)
def test_what_is_installed_lies_in_hooks(name: str) -> None:
    """Every file that an agent's data names is there, and every event that it asks for is one that `mem hook` knows."""
    agent = targets.load(name)
    for part in agent.parts:
        assert targets.source(part.source) or part.when == targets.SKILL
    if agent.manual:
        assert targets.source(agent.manual[0])


# Seconds, but for Gemini CLI, which counts milliseconds, and for Kiro, whose file nobody installs.
UNITS = {"gemini-cli": 1000.0}


@pytest.mark.parametrize(
    "source",
    [part.source for name in targets.NAMES for part in targets.load(name).parts if part.source.endswith(".json")],
)
def test_timeouts_are_in_the_agents_own_unit(source: str) -> None:
    """Pitfall 6: 15000 is 15 seconds here and four hours there."""
    document = json.loads(targets.source(source))
    entries = [
        entry
        for groups in document.get("hooks", {}).values()
        for group in groups
        for entry in group.get("hooks", [group])
    ]
    for entry in entries:
        seconds = entry.get("timeout", entry.get("timeoutSec")) / UNITS.get(source.partition("/")[0], 1.0)
        assert 1 <= seconds <= 15, entry


def test_no_hook_that_can_lock_a_user_out(home: Path) -> None:
    """Nothing before tools (Copilot denies them when a hook fails), nothing at Gemini's PreCompress or Codex's SessionEnd."""
    for path in Path(targets.folder()).rglob("*.json"):
        events = set(json.loads(path.read_text(encoding="utf-8")).get("hooks", {}))
        assert not {event for event in events if "tool" in event.lower() or event == "PreCompress"}, path
        assert not (path.parent.name == "codex" and "SessionEnd" in events)


def test_the_commands_never_change() -> None:
    """Pitfall 22: Codex forgets its trust in a hook whose command, matcher or timeout differs. Think before changing this."""
    document = json.loads(targets.source("codex/hooks.json"))["hooks"]
    assert document == {
        "SessionStart": [{"matcher": "startup|resume|clear|compact", "hooks": [
            {"type": "command", "command": "mem hook codex SessionStart", "timeout": 10, "statusMessage": "Loading memory"},
        ]}],
        "UserPromptSubmit": [{"hooks": [{"type": "command", "command": "mem hook codex UserPromptSubmit", "timeout": 5}]}],
    }  # fmt: skip


def test_without_an_agent_those_found_here_are_hooked(home: Path, mem: Path) -> None:
    """Pitfall 29: for the user, since hooks of a project make agents warn."""
    (home / ".codex").mkdir()
    (home / ".gemini").mkdir()
    done = run_mem("hooks", "install")
    assert done.code == 0
    assert sorted(others(home)) == [".codex/hooks.json", ".gemini/settings.json"]
    assert "/hooks" in done.stderr, "how Codex is told to trust them"


def test_where_there_is_no_agent_that_is_said(mem: Path) -> None:
    done = run_mem("hooks", "install")
    assert done.code == 2
    assert "no coding agent" in done.stderr


def test_a_dry_run_shows_the_difference_and_writes_nothing(home: Path, mem: Path) -> None:
    settings(home)
    before = tree_bytes(home)
    done = run_mem("hooks", "install", "--agent", "claude-code", "--dry-run", "--capture", "--warm")
    assert done.code == 0
    assert "+++ " in done.stdout and "UserPromptSubmit" in done.stdout
    assert {path: data for path, data in tree_bytes(home).items() if path != "config/mem/config.yaml"} == before
    assert "capture" not in (home / "config/mem/config.yaml").read_text(encoding="utf-8")


def test_keys_in_a_difference_are_masked(home: Path, mem: Path) -> None:
    key = "sk-ant-api03-" + "Zk3vQ9xB7tLmW2rY" * 5
    settings(home, json.dumps({"env": {"ANTHROPIC_API_KEY": key}}, indent=2))
    done = run_mem("hooks", "install", "--agent", "claude-code", "--dry-run")
    assert "ANTHROPIC_API_KEY" in done.stdout
    assert key not in done.stdout


def test_capture_is_installed_only_where_it_was_asked_for(home: Path, mem: Path) -> None:
    file = settings(home)
    run_mem("hooks", "install", "--agent", "claude-code")
    assert set(json.loads(file.read_text())["hooks"]) == {"SessionStart", "UserPromptSubmit"}
    run_mem("hooks", "install", "--agent", "claude-code", "--capture")
    assert set(json.loads(file.read_text())["hooks"]) >= {"Stop", "PreCompact", "SessionEnd"}
    assert run_mem("config", "get", "capture").stdout == "1\n"
    run_mem("hooks", "install", "--agent", "claude-code")
    assert "Stop" in json.loads(file.read_text())["hooks"], "the setting is on"
    run_mem("config", "unset", "capture")
    run_mem("hooks", "install", "--agent", "claude-code")
    assert set(json.loads(file.read_text())["hooks"]) == {"SessionStart", "UserPromptSubmit"}


def test_opencode_is_told_the_command_and_whether_to_capture(home: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "opencode", "--capture")
    text = (home / "config/opencode/plugins/memcli.js").read_text(encoding="utf-8")
    assert f"const MEM = {json.dumps(str(mem))}\n" in text
    assert "const CAPTURE = true" in text


def test_warm_asks_for_the_watcher_and_says_so(home: Path, mem: Path) -> None:
    settings(home)
    done = run_mem("hooks", "install", "--agent", "claude-code", "--warm")
    assert "watch.autostart" in done.stderr
    assert run_mem("config", "get", "watch.autostart").stdout == "1\n"


def test_permissions_are_the_users_to_keep(home: Path, mem: Path) -> None:
    """A rule that was there before stays when ours go."""
    file = settings(home, '{"permissions": {"allow": ["Bash(mem recall:*)"], "deny": ["Bash(rm:*)"]}}')
    run_mem("hooks", "install", "--agent", "claude-code", "--allow")
    assert json.loads(file.read_text())["permissions"]["allow"] == [
        "Bash(mem recall:*)",
        "Bash(mem show:*)",
        "Bash(mem add:*)",
    ]
    file.write_text(file.read_text().replace("Bash(rm:*)", "Bash(rmdir:*)"))
    run_mem("hooks", "uninstall", "--agent", "claude-code")
    assert json.loads(file.read_text()) == {"permissions": {"allow": ["Bash(mem recall:*)"], "deny": ["Bash(rmdir:*)"]}}


def test_what_others_put_into_a_file_of_ours_stays(home: Path, mem: Path) -> None:
    """We made the file, and somebody has written into what we made since."""
    file = home / SETTINGS
    run_mem("hooks", "install", "--agent", "claude-code", "--allow")
    document = json.loads(file.read_text())
    document["permissions"]["deny"] = ["Bash(rm:*)"]
    file.write_text(json.dumps(document, indent=2))
    run_mem("hooks", "uninstall", "--agent", "claude-code")
    assert json.loads(file.read_text()) == {"permissions": {"deny": ["Bash(rm:*)"]}}
    hooks = home / ".cursor/hooks.json"
    for theirs in ({"stop": [{"command": "theirs"}]}, {}):
        run_mem("hooks", "install", "--agent", "cursor")
        document = json.loads(hooks.read_text())
        document["hooks"] |= theirs
        hooks.write_text(json.dumps(document))
        run_mem("hooks", "uninstall", "--agent", "cursor")
        assert json.loads(hooks.read_text()) == {"version": 1, "hooks": theirs} if theirs else not hooks.exists()
        hooks.unlink(missing_ok=True)


def test_moved_folders_are_honoured(home: Path, tmp_path: Path, mem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, name, file in (
        ("CLAUDE_CONFIG_DIR", "claude-code", "settings.json"),
        ("CODEX_HOME", "codex", "hooks.json"),
        ("COPILOT_HOME", "copilot-cli", "hooks/memcli.json"),
    ):
        monkeypatch.setenv(variable, str(tmp_path / name))
        assert run_mem("hooks", "install", "--agent", name).code == 0
        assert (tmp_path / name / file).is_file()
        assert run_mem("hooks", "uninstall", "--agent", name).code == 0
        assert not (tmp_path / name).exists()


def test_json_for_programs(home: Path, mem: Path) -> None:
    settings(home)
    (done,) = run_mem("hooks", "install", "--agent", "claude-code", "--json").json()
    assert done["changed"] and done["files"] == [str(home / SETTINGS)]
    (again,) = run_mem("hooks", "install", "--agent", "claude-code", "--json").json()
    assert not again["changed"]
    settings(home, "{")
    refused = run_mem("hooks", "install", "--agent", "claude-code", "--json")
    (told,) = refused.json()
    assert refused.code == 31
    assert told["error"] == "SettingsRefused" and "UserPromptSubmit" in told["snippet"]


def test_print_writes_nothing(home: Path, mem: Path) -> None:
    done = run_mem("hooks", "print", "--agent", "codex", "--scope", "project")
    assert json.loads(done.stdout)["hooks"]["SessionStart"]
    assert ".codex/hooks.json" in done.stderr
    assert "read: [AGENTS.md]" in run_mem("hooks", "print", "--agent", "aider").stdout
    assert others(home) == {}
    assert run_mem("hooks", "install", "--agent", "aider").code == 2


def test_pause_and_resume(place: Any, store: Any, home: Path) -> None:
    paused = home / "state/mem/hooks-paused"
    assert run_mem("hooks", "pause").code == 0
    assert paused.exists()
    assert "paused" in run_mem("hooks", "status").stderr
    assert run_mem("hooks", "resume").code == 0
    assert not paused.exists()
    assert run_mem("hooks", "pause", "--here").code == 0
    assert os.path.exists(os.path.join(place.folder, "no-hooks"))
    assert run_mem("hooks", "resume", "--here").code == 0
    assert not os.path.exists(os.path.join(place.folder, "no-hooks"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--agent", "nobody"),
        ("--agent", "codex", "--scope", "local"),
        ("--agent", "codex", "--scope", "x"),
        ("--agent", "vscode", "--scope", "user"),
        ("--agent", "git", "--scope", "user"),
    ],
)
def test_what_there_is_not_is_said(arguments: tuple[str, ...], mem: Path) -> None:
    done = run_mem("hooks", "install", *arguments)
    assert done.code == 2
    assert "try: " in done.stderr


def test_status_names_what_is_hooked(store: Any, home: Path, mem: Path) -> None:
    assert "hooks " not in run_mem("status").stdout
    settings(home)
    run_mem("hooks", "install", "--agent", "claude-code")
    assert "hooks     claude-code (" in run_mem("status").stdout
    run_mem("hooks", "pause")
    assert "paused" in run_mem("status").stdout


def test_what_an_agent_does_not_have_is_said(home: Path, mem: Path) -> None:
    told = run_mem("hooks", "install", "--agent", "cursor", "--allow", "--skill").stderr
    assert "--allow" in told and "--skill" in told


def test_many_at_once(home: Path, mem: Path) -> None:
    """Installations of several processes wait for each other, and the manifest knows all of them."""
    names = ("claude-code", "codex", "gemini-cli", "qwen-code", "copilot-cli", "cursor")
    running = [subprocess.Popen([str(mem), "hooks", "install", "--force", "--agent", name]) for name in names]
    assert [process.wait(60) for process in running] == [0] * len(names)
    with opened() as known:
        assert {owner for record in known.records.values() for owner in record.owners} == {
            f"{name} user" for name in names
        }
    assert run_mem("hooks", "uninstall").code == 0
    assert others(home) == {}
