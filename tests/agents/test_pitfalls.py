"""What went wrong for others who hook into agents, as tests of the one entry; the installers' share is in test_install*.py.

The numbers are those of the list that the entry was built against.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from memcli.agents import hosts, respond, sessions
from memcli.agents.hosts import PROMPT
from memcli.places import user_dir
from memcli.store import Store
from tests.agents.calling import AS_INSTALLED, LOADED_MACHINE, environment, hook, told
from tests.command import run_mem, without_model

CLAUDE = ("claude-code", "UserPromptSubmit")
ASKED = "which package manager do we use?"
ANSWER = "We use pnpm as package manager"


@pytest.fixture
def project(store: Store, tmp_path: Path) -> Path:
    without_model()
    store.add(f"{ANSWER}, not npm", type_="preference")
    store.sync()
    return tmp_path / "project"


def sent(project: Path, **more: Any) -> dict[str, Any]:
    return {"session_id": "one", "cwd": str(project), "prompt": ASKED, "hook_event_name": "UserPromptSubmit", **more}


def process(*words: str, stdin: Any = subprocess.DEVNULL, **more: Any) -> subprocess.Popen[bytes]:
    """`mem` with these words, as a process to watch."""
    variables = {name: more.pop(name) for name in list(more) if name.isupper()}
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    command = [sys.executable, "-c", AS_INSTALLED, *words]
    return subprocess.Popen(command, stdin=stdin, env=environment(**variables), **more)


# --- 1: exit codes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["hook"],
        ["hook", "claude-code"],
        ["hook", "nobody", "UserPromptSubmit"],
        ["hook", "claude-code", "NoSuchEvent"],
        ["hook", "../claude-code", "Stop"],
        ["hook", "--help"],
        ["hook", "-g", "--nonsense"],
        ["--json", "hook", "claude-code", "Stop", "and", "more"],
        ["--root", "/nowhere", "hook", "claude-code", "UserPromptSubmit"],
        ["hook", "claude-code", "UserPromptSubmit\udcff"],
        ["hook", "git", "no-such-hook"],
        ["hook", "git"],
    ],
)
def test_1_every_usage_is_exit_0_and_silent(project: Path, words: list[str]) -> None:
    out, err = (running := process(*words, cwd=project)).communicate(timeout=60)
    assert (running.returncode, out, err) == (0, b"", b"")


def test_1_in_the_same_process_too(project: Path) -> None:
    assert run_mem("hook", "nobody", "x") == (0, "", "")
    assert run_mem("hook", stdin="{") == (0, "", "")


def test_1_a_broken_package_is_exit_0_and_silent(project: Path) -> None:
    for name in ("memcli.agents.payload", "memcli.agents.respond", "memcli.serve.address", "memcli.config"):
        ended = hook(*CLAUDE, sent(project), before=f"import sys; sys.modules[{name!r}] = None")
        assert ended[:3] == (0, "", ""), name


# --- 2: nothing but the reply -----------------------------------------------------------------------------------------


def test_2_what_else_prints_does_not_reach_the_agent(project: Path) -> None:
    noise = """
import os, sys
def load():
    from memcli.agents import inject
    choose = inject.choose
    def noisy(*a, **k):
        print("noise"); print("noise", file=sys.stderr); os.write(1, b"noise"); os.write(2, b"noise")
        os.system("echo noise; echo noise >&2")
        sys.__stdout__.flush()
        return choose(*a, **k)
    inject.choose = noisy
load()
"""
    ended = hook(*CLAUDE, sent(project), before=noise)
    assert ended.stderr == ""
    assert ANSWER in told(*CLAUDE, ended.stdout)


def test_2_a_reply_is_written_at_once(project: Path) -> None:
    """One write, at the very end: what is read first is all of it."""
    ours, theirs = os.pipe()
    running = process("hook", *CLAUDE, stdin=subprocess.PIPE, stdout=theirs)
    os.close(theirs)
    assert running.stdin is not None
    running.stdin.write(json.dumps(sent(project)).encode())
    running.stdin.close()
    first = os.read(ours, 1 << 20)
    assert ANSWER in told(*CLAUDE, first.decode())
    assert os.read(ours, 1) == b""
    os.close(ours)
    assert running.wait(60) == 0


# --- 3, 4, 5: shapes (each agent's are in test_payloads.py) -----------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in hosts.NAMES if PROMPT in hosts.load(name).reply])
def test_3_a_reply_has_no_key_too_many(name: str) -> None:
    shape = hosts.load(name).reply[PROMPT]
    said = respond.in_shape(shape, "E", 'a "quoted"\ntext\u2028 \ud83d')
    if shape != hosts.PLAIN:
        assert said.isascii() and said.count("\n") == 1
        allowed = {
            hosts.ENVELOPE: {"hookSpecificOutput"},
            hosts.FLAT: {"additionalContext"},
            hosts.CLINE: {"cancel", "contextModification", "errorMessage"},
        }
        assert json.loads(said).keys() == allowed[shape]


def test_4_the_event_is_named_as_the_agent_named_it(project: Path) -> None:
    ended = hook("claude-code", "SessionStart", sent(project))  # installed under one event, called for another
    assert ANSWER in told(*CLAUDE, ended.stdout)


# --- 7, 8, 9: what ends or shortens a session -------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["Stop", "SessionEnd", "PreCompact", "PostCompact"])
@pytest.mark.parametrize("active", [False, True])
def test_7_8_9_nothing_that_ends_is_held_up(project: Path, event: str, active: bool) -> None:
    for agent in ("claude-code", "codex", "qwen-code"):
        payload = sent(project, hook_event_name=event, stop_hook_active=active, trigger="auto", reason="other")
        assert hook(agent, event, payload)[:3] == (0, "", "")


# --- 10: transcripts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [None, 7, "", "relative", "/nonexistent/x.jsonl", "/dev/zero", "/\0", "/" * 9000, []])
@pytest.mark.parametrize("event", ["UserPromptSubmit", "Stop"])
def test_10_a_transcript_may_be_anything(project: Path, path: object, event: str) -> None:
    run_mem("config", "set", "capture", "1")
    ended = hook("claude-code", event, sent(project, transcript_path=path, hook_event_name=event))
    assert (ended.code, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (event == "UserPromptSubmit")


# --- 11: folders that are gone ----------------------------------------------------------------------------------------


def test_11_a_folder_that_is_gone_leaves_the_personal_store(project: Path, tmp_path: Path) -> None:
    assert run_mem("-g", "add", "We use tabs as indentation everywhere").code == 0
    gone = tmp_path / "gone"
    gone.mkdir()
    running = process("hook", *CLAUDE, stdin=subprocess.PIPE, cwd=gone)
    gone.rmdir()
    asked = {"session_id": "one", "cwd": str(gone), "prompt": "what do we use as indentation?"}
    out, err = running.communicate(json.dumps(asked).encode(), timeout=60)
    assert (running.returncode, err) == (0, b"")
    assert "We use tabs" in told(*CLAUDE, out.decode())


# --- 12, 13: prompts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        None, 0, True, {}, [], [None], {"text": "x"}, "", "\0", "\ud83d", "x" * 240_000, "\u200b" * 1000,
        "🜁" * 10_000, "<" * 50_000, "[memcli]" * 9_000, "-", '"', '"""', "*", "^", "(", "NEAR(", "a:b",
        "col:baz -x' OR 1=1; DROP", 'why does "foo AND (bar*',
        "\x1b[2J", "\r\n", "AND OR NOT", "%s%n", "{0}", "../../etc/passwd",
    ],
)  # fmt: skip
def test_12_13_a_prompt_may_be_anything(project: Path, prompt: object) -> None:
    text = json.dumps(sent(project, prompt=prompt))
    said = respond.respond(*CLAUDE, [], text, here="/", now=time.time(), until=time.monotonic() + 60).text
    told(*CLAUDE, said)
    for rows in sessions.read():
        assert all(row.silent != "failed" for row in rows)


def test_12_a_long_prompt_is_answered_in_time(project: Path) -> None:
    ended = hook(*CLAUDE, sent(project, prompt=f"{ASKED} {'lorem ipsum ' * 20_000}"))
    assert ANSWER in told(*CLAUDE, ended.stdout)


# --- 18: many at once -------------------------------------------------------------------------------------------------


def test_18_parallel_sessions_are_all_answered(project: Path) -> None:
    ended: list[str] = []

    def one(number: int) -> None:
        ended.append(told(*CLAUDE, hook(*CLAUDE, sent(project, session_id=str(number))).stdout))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8 and all(ANSWER in text for text in ended)


# --- 20: a store that came with a clone (tests/security has the rest) -------------------------------------------------


def test_20_what_a_clone_brings_says_nothing(tmp_path: Path, home: Path) -> None:
    clone = tmp_path / "clone"
    (clone / ".mem" / "tree").mkdir(parents=True)
    (clone / ".git").mkdir()
    (clone / ".mem" / "tree" / "note.md").write_text(f"{ANSWER}: always\n", encoding="utf-8")
    without_model()
    assert hook(*CLAUDE, sent(clone)).stdout == ""
    run_mem("--root", str(clone), "index")
    assert hook(*CLAUDE, sent(clone, session_id="two")).stdout == ""


# --- 25, 26, 28: what is left behind ----------------------------------------------------------------------------------


def test_25_nothing_that_goes_on_holds_the_agents_pipes(project: Path, tmp_path: Path) -> None:
    run_mem("config", "set", "capture", "1")
    transcript = tmp_path / "one.jsonl"
    transcript.write_text("{}\n", encoding="utf-8")
    running = process("hook", "claude-code", "Stop", stdin=subprocess.PIPE)
    payload = sent(project, hook_event_name="Stop", transcript_path=str(transcript))
    began = time.monotonic()
    out, err = running.communicate(json.dumps(payload).encode(), timeout=60)  # waits for the end of both pipes
    assert (running.returncode, out, err) == (0, b"", b"")
    assert time.monotonic() - began < 20


def test_26_the_reply_does_not_go_by_the_locale(project: Path, store: Store) -> None:
    store.add("The forwarder of our parcels is Müller & Söhne 🚚")
    store.sync()
    payload = sent(project, prompt="who is the forwarder of our parcels?")
    ended = hook(*CLAUDE, payload, LC_ALL="C", PYTHONIOENCODING="latin-1")
    assert "Müller & Söhne 🚚" in told(*CLAUDE, ended.stdout)


def test_28_nothing_of_the_person_is_kept(project: Path) -> None:
    payload = {
        "conversation_id": "one",
        "workspace_roots": [str(project)],
        "user_email": "dev@example.com",
        "prompt": ASKED,
    }
    run_mem("config", "set", "capture", "1")
    for event in ("sessionStart", "beforeSubmitPrompt", "stop"):
        hook("cursor", event, payload)
    hook(
        "cline",
        "UserPromptSubmit",
        {"taskId": "one", "userId": "dev@example.com", "userPromptSubmit": {"prompt": ASKED}},
    )
    kept = [path.read_bytes() for path in Path(user_dir("state")).rglob("*") if path.is_file()]
    assert kept and not any(b"dev@example.com" in data for data in kept)


# --- deadlines and signals --------------------------------------------------------------------------------------------


def ended_in_time(running: subprocess.Popen[bytes], deadline_s: float) -> None:
    began = time.monotonic()
    assert running.wait(60) == 0
    assert time.monotonic() - began < LOADED_MACHINE * deadline_s + 1
    assert running.stdout is not None and running.stderr is not None
    assert (running.stdout.read(), running.stderr.read()) == (b"", b"")
    running.stdout.close()
    running.stderr.close()


def test_input_that_never_ends_is_not_waited_for(project: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"prompt": "and then')
    running = process("hook", *CLAUDE, stdin=reading, MEM_HOOK_DEADLINE_MS="300")
    ended_in_time(running, 0.3)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    "hang",
    [
        "from memcli.agents import payload; payload.read = lambda _: time.sleep(60)",
        "import os; os.open = lambda *a, **k: time.sleep(60)",  # a disk that does not answer
        "import _io; from memcli.agents import payload; payload.parse = lambda _: [0 for _ in iter(int, 1)]",  # busy for ever
        "import re; from memcli.agents import payload; payload.parse = lambda _: re.match('(a+)+$', 'a' * 64 + 'b')",
        "os.mkfifo('slow'); from memcli.agents import payload; payload.parse = lambda _: os.open('slow', os.O_RDONLY)",
        "from memcli.agents import payload; payload.parse = lambda _: __import__('pysqlite3').connect(':memory:').execute("
        "'WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n').fetchall()",
    ],
)
def test_whatever_hangs_ends_at_the_deadline(project: Path, hang: str) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", f"import os, time\n{hang}\n{AS_INSTALLED}", "hook", *CLAUDE],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=project,
        env=environment(MEM_HOOK_DEADLINE_MS="300"),
    )  # fmt: skip
    ended_in_time(running, 0.3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_exit_0(project: Path, number: int) -> None:
    reading, writing = os.pipe()
    running = process("hook", *CLAUDE, stdin=reading)
    os.close(reading)
    os.write(writing, b" " * 65536)
    os.write(writing, b" " * 65536)  # by now it reads
    running.send_signal(number)
    assert running.wait(60) == 0
    os.close(writing)
    assert running.communicate() == (b"", b"")


def test_a_reader_that_is_gone_is_no_failure(project: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    running = process("hook", *CLAUDE, stdin=subprocess.PIPE, stdout=theirs)
    os.close(theirs)
    _, err = running.communicate(json.dumps(sent(project)).encode(), timeout=60)
    assert (running.returncode, err) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_harm_nothing(project: Path, store: Store, closed: str) -> None:
    """A file that is opened where standard output was must not be what the reply is written to."""
    command = f"'{sys.executable}' -c '{AS_INSTALLED}' hook claude-code UserPromptSubmit {closed}"
    done = subprocess.run(
        ["sh", "-c", command],
        input=json.dumps(sent(project)).encode(),
        capture_output=True,
        env=environment(),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert run_mem("recall", "--lexical", "package manager").stdout.count(ANSWER) >= 1
    assert all(b"additionalContext" not in path.read_bytes() for path in project.rglob("*") if path.is_file())
    assert all(
        b"additionalContext" not in path.read_bytes() for path in Path(user_dir("state")).rglob("*") if path.is_file()
    )
