"""opencode's plugin, run by node as opencode runs it: what mem says reaches the model, and a bad mem holds nothing up."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.agents.installed import mem
from tests.command import run_mem

__all__ = ["mem"]

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which runs the plugin")

DRIVER = """
const { MemcliPlugin } = await import(process.argv[2])
const plugin = await MemcliPlugin({ directory: process.cwd() })
const system = async (id, first) => {
  const output = { system: [first] }
  await plugin["experimental.chat.system.transform"]({ sessionID: id, model: {} }, output)
  return output.system
}
const say = (id, text) => plugin["chat.message"]({ sessionID: id },
  { message: { id: "m" + text }, parts: [{ type: "text", text }, { type: "text", text: "not said", synthetic: true }] })
const began = Date.now()
await say("s1", "first prompt")
const one = await system("s1", "You are opencode")
const two = await system("s1", "You are opencode")
const title = await system("s1", "You are a title generator. You output ONLY a thread title.")
await say("s1", "second prompt")
const three = await system("s1", "You are opencode")
const none = await system(undefined, "x")
await plugin.event({ event: { type: "session.idle", properties: { sessionID: "s1" } } })
await plugin["experimental.session.compacting"]({ sessionID: "s1" }, { context: [] })
await plugin.event({})
await say("s2")
console.log(JSON.stringify({ one, two, title, three, none, ms: Date.now() - began }))
"""
ANSWERS = r"""
log="$(dirname "$0")/log"
text="$(cat)"
echo "$3 $text" >> "$log"
case "$3" in
  session.start) echo '{"additionalContext":"the start"}' ;;
  chat.message) printf '{"additionalContext":"for %s"}' "$(echo "$text" | sed 's/.*"prompt":"\([^"]*\)".*/\1/')" ;;
esac
"""


def drive(home: Path, tmp_path: Path) -> dict[str, Any]:
    plugin = home / "config/opencode/plugins/memcli.js"
    module = tmp_path / "plugin.mjs"
    module.write_bytes(plugin.read_bytes())
    driver = tmp_path / "driver.mjs"
    driver.write_text(DRIVER)
    ended = subprocess.run(
        ["node", str(driver), str(module)],
        cwd=tmp_path / "project",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


@pytest.mark.parametrize("capture", [False, True])
def test_what_mem_says_reaches_the_model_once_a_session(capture: bool, home: Path, tmp_path: Path, mem: Path) -> None:
    assert run_mem("hooks", "install", "--agent", "opencode", *(["--capture"] if capture else [])).code == 0
    mem.write_text(f"#!/bin/sh\n# memcli\n{ANSWERS}")
    said = drive(home, tmp_path)
    assert said["one"] == said["two"] == ["You are opencode", "the start", "for first prompt"]
    assert said["title"] == ["You are a title generator. You output ONLY a thread title."]
    assert said["three"] == ["You are opencode", "the start", "for second prompt"]
    assert said["none"] == ["x"]
    log = (mem.parent / "log").read_text().splitlines()
    asked = [line.partition(" ")[0] for line in log]
    assert asked.count("session.start") == 1
    assert ("session.idle" in asked, "session.compacting" in asked) == (capture, capture)
    first = json.loads(next(line for line in log if line.startswith("chat.message")).partition(" ")[2])
    assert first == {
        "session_id": "s1", "cwd": str(tmp_path / "project"), "message_id": "mfirst prompt", "prompt": "first prompt",
    }  # fmt: skip


@pytest.mark.parametrize("script", ["exit 2", "echo no JSON", "echo '{\"additionalContext\": 7}'", "kill -9 $$", None])
def test_a_bad_mem_is_silence(script: str | None, home: Path, tmp_path: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "opencode")
    mem.write_text(f"#!/bin/sh\n# memcli\n{script}\n")
    if script is None:
        mem.unlink()
    assert drive(home, tmp_path)["three"] == ["You are opencode"]


def test_a_mem_that_hangs_holds_a_session_up_for_seconds_at_most(home: Path, tmp_path: Path, mem: Path) -> None:
    run_mem("hooks", "install", "--agent", "opencode")
    plugin = home / "config/opencode/plugins/memcli.js"
    plugin.write_text(plugin.read_text().replace("LIMIT_MS = 5000", "LIMIT_MS = 200"))
    mem.write_text("#!/bin/sh\n# memcli\nexec sleep 30\n")
    said = drive(home, tmp_path)
    assert said["three"] == ["You are opencode"]
    assert said["ms"] < 5000
