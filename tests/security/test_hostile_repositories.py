"""What a repository or an archive of somebody else's gets before the agent, without `mem trust`: nothing, whatever it pretends.

Each case is asked as a session begins, at a prompt that its payload answers, after a recall and an index made, and then again.
Meanwhile nothing is run, and nothing outside of the repository is opened.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memcli.guard.speech import suspicious
from memcli.places import at_root, user_dir
from memcli.store import Store
from tests.command import run_mem
from tests.security.hostile import CASES, OUTSIDE, PAYLOAD, PROMPT, SAID, TREE, cloned
from tests.trust.git import git, needs_git

pytestmark = needs_git

OWN = "walrus-narwhal-2342"
RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
# A clone cannot be told to say nothing and be helpful: these keep the user's own memories silent too, or are no store at all.
SILENT = {
    "a tree that is a link", "a private part that is a link", "a tree outside of the project", "settings that are a link",
}  # fmt: skip

_watching: list[Callable[[str, tuple[object, ...]], None]] = []


def _audit(name: str, arguments: tuple[object, ...]) -> None:
    for watch in _watching:
        watch(name, arguments)


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[tuple[list[str], list[str]]]:
    """What is run, and which files are opened, meanwhile."""
    ran: list[str] = []
    opened: list[str] = []

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if name.startswith(RUNS) and "from memcli.index import parsing" not in str(arguments):
            ran.append(f"{name} {arguments}")
        elif name == "open" and isinstance(arguments[0], str | bytes):
            opened.append(os.path.realpath(os.fsdecode(arguments[0])))

    _watching.append(watch)
    try:
        yield ran, opened
    finally:
        _watching.remove(watch)


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM_HOOK_DEADLINE_MS", "30000")


def hook(event: str, here: Path, prompt: str = PROMPT, session: str = "one") -> str:
    call = {
        "session_id": session, "cwd": str(here), "hook_event_name": event, "prompt": prompt, "source": "startup",
        "transcript_path": None,
    }  # fmt: skip
    if event == "UserPromptSubmit":
        del call["source"]
    result = run_mem("hook", "claude-code", event, stdin=json.dumps(call))
    assert result.code == 0
    return result.stdout


def both(here: Path, session: str) -> str:
    return hook("SessionStart", here, session=session) + hook("UserPromptSubmit", here, session=session)


def is_empty_index(here: Path, word: str) -> bool:
    path = here / ".mem/local/cache/index.db"
    if not path.exists():
        return True
    connection = sqlite3.connect(path)
    try:
        return not connection.execute("SELECT 1 FROM passages WHERE instr(text, ?)", (word,)).fetchone()
    finally:
        connection.close()


def test_there_are_forty_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_it_reaches_the_agent(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    here = CASES[name](folder)
    monkeypatch.chdir(here)
    run_mem("-g", "add", f"How {SAID}: {OWN} at midnight")
    with watched() as (ran, opened):
        said = both(here, "before")
        run_mem("recall", PROMPT)
        run_mem("index")
        run_mem("status")
        said += both(here, "after")
    assert PAYLOAD not in said and OUTSIDE not in said
    assert (OWN in said) != (name in SILENT), "the hook does not work here at all: this tests nothing"
    assert not (folder / "pwned").exists()
    assert ran == []
    beside = [path for path in opened if path.startswith(f"{folder}/outside/")]
    assert beside == []
    if name != "a store that is a link":
        assert is_empty_index(here, OUTSIDE)


def test_what_is_trusted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cloned(tmp_path)
    monkeypatch.chdir(here)
    assert PAYLOAD not in both(here, "before")
    run_mem("trust", "--yes")
    assert PAYLOAD in hook("UserPromptSubmit", here, session="after")
    run_mem("trust", "revoke")
    assert PAYLOAD not in both(here, "revoked")


def test_the_history_and_the_proposals_of_a_clone_are_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = CASES["a journal that says the user wrote it"](tmp_path / "one")
    monkeypatch.chdir(here)
    assert run_mem("log", "--json").json() == []
    assert run_mem("undo").code == 26
    run_mem("add", "mine", "--title", "mine")
    assert [row["verb"] for row in run_mem("log", "--json").json()] == ["add"]
    here = CASES["proposals and digests"](tmp_path / "two")
    monkeypatch.chdir(here)
    assert run_mem("review", "--json").json() == []
    for title in ("Deploy on Monday", "Deploy on Tuesday"):
        run_mem("add", "We deploy the shop to production every Monday at noon.", "--title", title)
    run_mem("gc")
    assert PAYLOAD not in run_mem("review", "--json").stdout and len(run_mem("review", "--json").json()) == 1


def test_the_user_is_told_and_the_agent_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cloned(tmp_path)
    monkeypatch.chdir(here)
    run_mem("status")
    reply = json.loads(hook("SessionStart", here))
    assert reply["systemMessage"] == "1 memory held: mem trust"
    assert "held" not in json.dumps(reply.get("hookSpecificOutput", {}))
    assert "systemMessage" not in hook("UserPromptSubmit", here)
    run_mem("trust", "--yes")
    assert "systemMessage" not in hook("SessionStart", here, session="two")


def test_an_edit_in_an_editor_is_said_at_the_next_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cloned(tmp_path)
    monkeypatch.chdir(here)
    run_mem("status")
    (here / TREE).write_text(f"# Refresh tokens\n\nHow {SAID}: {OWN}, I say.\n")
    said = hook("UserPromptSubmit", here)
    assert OWN in said and PAYLOAD not in said
    (here / ".mem/tree/new.md").write_text("# Colours\n\nThe buttons of the checkout page are painted vermilion.\n")
    assert "vermilion" in hook("UserPromptSubmit", here, "which colour do the buttons of the checkout page have")
    git(here, "checkout", "-q", ".")
    assert PAYLOAD not in hook("UserPromptSubmit", here, session="back")


def test_in_a_process_of_its_own_nothing_of_the_folder_is_imported(tmp_path: Path) -> None:
    here = CASES["modules that python would import"](tmp_path)
    call = json.dumps({"session_id": "x", "cwd": str(here), "hook_event_name": "UserPromptSubmit", "prompt": PROMPT})
    command = Path(sys.executable).with_name("mem")
    if not command.exists():
        pytest.skip("mem is not installed beside this Python")
    ended = subprocess.run(
        [str(command), "hook", "claude-code", "UserPromptSubmit"], cwd=here, input=call, capture_output=True, text=True
    )
    assert ended.returncode == 0 and PAYLOAD not in ended.stdout
    subprocess.run([str(command), "index"], cwd=here, capture_output=True)
    assert not (tmp_path / "pwned").exists()


# --- the attacks of others -------------------------------------------------------------------------------------------


def attacks(shared: Path) -> list[str]:
    lines = (shared / "data/guard/attacks.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def said_to(texts: list[str], here: Path) -> list[str]:
    """Those of these texts that are said to an agent that asks for them in their own words."""
    return [
        text
        for number, text in enumerate(texts)
        if hook("UserPromptSubmit", here, text[:2000], f"s{number}").strip("{}\n ")
    ]


@pytest.mark.parametrize("how", ["brought", "imported by an agent and quarantined"])
def test_no_attack_is_said_unasked(how: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = attacks(shared)
    files = {f".mem/tree/{number}.md": f"{text}\n" for number, text in enumerate(texts)}
    if how == "brought":
        here = cloned(tmp_path, files)  # type: ignore[arg-type]
        monkeypatch.chdir(here)
    else:
        here = tmp_path / "mine"
        here.mkdir()
        store = Store.init(at_root(str(here)))
        texts = [text for text in texts if suspicious(text)]
        assert len(texts) >= 20
        with monkeypatch.context() as agent:
            agent.setenv("CLAUDECODE", "1")
            notes = [(f"tree/{number}.md", f"{text}\n".encode()) for number, text in enumerate(texts)]
            store.write_many(notes, verb="import", note="x")
        monkeypatch.chdir(here)
    run_mem("index")
    assert said_to(texts, here) == []


def test_what_the_user_wrote_or_imported_is_never_muted(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = attacks(shared)[:60]
    folder = tmp_path / "notes"
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.md").write_text(f"{text}\n", encoding="utf-8")
    run_mem("init")
    run_mem("import", str(folder))
    assert {row["trust"] for row in run_mem("ls", "--json").json()} == {"yours"}
    assert Path(user_dir("state")).is_dir()
