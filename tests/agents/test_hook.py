"""`mem hook`: the text is there when it helps, once, for whoever really asks; else nothing is, and nothing is touched."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memcli.agents import respond, sessions
from memcli.agents.fence import block
from memcli.agents.hook import GIT_DEADLINE_MS, deadline_s
from memcli.index import schema, search
from memcli.lifecycle import exposure
from memcli.places import user_dir
from memcli.store import Store
from memcli.text import new_id
from tests.agents.calling import hook, told
from tests.command import run_mem, without_model
from tests.conftest import tree_bytes
from tests.serve.running import pretending, serving
from tests.serve.test_client import WORKING, said

CLAUDE = ("claude-code", "UserPromptSubmit")
START = ("claude-code", "SessionStart")
ASKED = "how do we deploy the payments service?"
SENT = {"session_id": "one", "prompt": ASKED, "hook_event_name": "UserPromptSubmit"}
ANSWER = "Deploy the payments service with make ship"


@pytest.fixture
def project(store: Store, tmp_path: Path) -> Path:
    """A project with one memory, which the user knows to be theirs, and nothing for an index to do."""
    without_model()
    store.add(f"{ANSWER}, never by hand", type_="procedure")
    store.sync()
    return tmp_path / "project"


def say(
    project: Path, prompt: object = ASKED, session: str = "one", *, where: tuple[str, str] = CLAUDE, **more: Any
) -> str:
    """What the model is told at a prompt; asked within this process."""
    sent = {"session_id": session, "cwd": str(project), "prompt": prompt, "hook_event_name": where[1], **more}
    return told(*where, respond_to(where, sent))


def start(project: Path, source: str, session: str = "one", *, where: tuple[str, str] = START) -> str:
    sent = {"session_id": session, "cwd": str(project), "source": source, "hook_event_name": where[1]}
    return told(*where, respond_to(where, sent))


def respond_to(
    where: tuple[str, str], sent: dict[str, Any], marks: tuple[str, ...] = (), now: float | None = None
) -> str:
    later = _clock()
    text: str = respond.respond(
        *where, list(marks), json.dumps(sent), here="/", now=later if now is None else now, until=time.monotonic() + 60
    ).text
    return text


_ticks = iter(range(10_000))


def _clock() -> float:
    """A time that goes on by ten seconds with every call, so that no call is the same as the one before."""
    return time.time() + 10 * next(_ticks)


def reasons() -> list[str | None]:
    """Why the calls of the session used last were silent, oldest first."""
    return [row.silent for row in sessions.read(last=True)[0]]


# --- end to end -------------------------------------------------------------------------------------------------------


def test_what_was_added_is_there_at_the_next_prompt_once_in_each_session(store: Store, project: Path) -> None:
    assert run_mem("add", "The staging database is reset every Monday at 06:00").code == 0

    def asked(session: str, prompt: str) -> str:
        sent = {"session_id": session, "cwd": str(project), "prompt": prompt, "hook_event_name": "UserPromptSubmit"}
        ended = hook(*CLAUDE, sent)
        assert (ended.code, ended.stderr) == (0, "")
        return told(*CLAUDE, ended.stdout)

    said = asked("one", "when is the staging database reset?")
    assert said.startswith("[memcli] ") and said.endswith("\n[/memcli]")
    assert "The staging database is reset every Monday at 06:00" in said
    assert len(said) <= respond.PROMPT_ROOM
    assert asked("one", "is the staging database reset on a Monday?") == ""
    assert "every Monday" in asked("two", "when is the staging database reset?")


def test_a_session_begins_with_the_brief_and_is_not_told_it_again(project: Path) -> None:
    brief = start(project, "startup")
    assert ANSWER in brief and len(brief) <= respond.START_ROOM
    assert say(project) == ""
    assert reasons() == [None, "shown"]


def test_an_empty_store_says_nothing(store: Store, tmp_path: Path) -> None:
    store.sync()
    assert start(tmp_path / "project", "startup") == say(tmp_path / "project") == ""


def test_no_store_says_nothing_and_makes_none(tmp_path: Path, home: Path) -> None:
    assert start(tmp_path / "project", "startup") == say(tmp_path / "project") == ""
    assert not list((tmp_path / "project").iterdir())
    assert not (home / "data").exists()


def test_what_is_shown_is_counted(project: Path, store: Store) -> None:
    assert say(project)
    assert list(exposure.days_shown(store.place).values()) == [1]


# --- switched off -----------------------------------------------------------------------------------------------------


def test_it_can_be_switched_off_in_the_environment(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    assert hook(*CLAUDE, sent, MEM_HOOKS="0").stdout == ""
    assert hook(*CLAUDE, sent, MEM_IN_HOOK="1").stdout == ""
    assert hook(*CLAUDE, sent, MEM_HOOKS="1").stdout != ""


def test_it_can_be_switched_off_for_a_store(project: Path) -> None:
    (project / ".mem" / respond.NO_HOOKS).touch()
    assert say(project) == start(project, "startup") == ""


def test_it_can_be_paused(project: Path) -> None:
    path = Path(user_dir("state")) / respond.PAUSED
    path.touch()
    assert say(project) == start(project, "startup") == ""
    path.unlink()
    assert say(project)


# --- what is nobody's question ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": None},
        {"prompt": f"/review {ASKED}"},
        {"prompt": f"!{ASKED}"},
        {"source": "system"},
        {"source": "loop_wakeup"},
        {"source": "poll_event"},
        {"agent_id": "a1b2c3"},
        {"prompt": f"<task-notification>{ASKED}</task-notification>"},
        {"prompt": block("1 memory", [f"- {ASKED}"])},
        {"prompt": f"Generate a title for this conversation:\n{ASKED}"},
    ],
)
def test_silence_where_nobody_asks(project: Path, sent: dict[str, Any]) -> None:
    assert say(project, **{"prompt": ASKED, **sent}) == ""
    assert not sessions.read()


@pytest.mark.parametrize("sent", [{"source": "user"}, {"source": "sdk"}, {"source": None}, {"agent_type": "reviewer"}])
def test_but_not_where_somebody_does(project: Path, sent: dict[str, Any]) -> None:
    assert ANSWER in say(project, **sent)


def test_a_path_is_no_command(project: Path) -> None:
    assert ANSWER in say(project, "/payments/service does not deploy. How do we deploy the payments service?")


def test_what_we_said_ourselves_is_not_searched_for(project: Path, store: Store) -> None:
    store.add("Gemini needs a key in the environment")
    store.sync()
    echo = f"<hook_context>{block('1 memory', ['- Gemini needs a key in the environment'])}</hook_context>\n\n{ASKED}"
    said = say(project, echo, where=("gemini-cli", "BeforeAgent"))
    assert ANSWER in said and "Gemini" not in said


# --- who really runs --------------------------------------------------------------------------------------------------


def test_hooks_of_claude_code_answer_copilot_in_its_shape(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    text = respond_to(CLAUDE, sent, ("COPILOT_CLI=1",))
    assert ANSWER in told("copilot-cli", "UserPromptSubmit", text)


def test_hooks_of_claude_code_answer_cursor_in_its_shape(project: Path) -> None:
    sent = {"session_id": "one", "cwd": str(project), "source": "startup", "hook_event_name": "SessionStart"}
    assert ANSWER in told("cursor", "SessionStart", respond_to(START, sent, ("CURSOR_VERSION=3.7.21",)))
    prompt = {**SENT, "cwd": str(project)}
    assert respond_to(CLAUDE, prompt, ("CURSOR_VERSION=3.7.21",)) == '{"continue":true}'


def test_claude_code_started_from_another_agent_is_itself(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    marks = ("COPILOT_CLI=1", "CLAUDE_CODE_SESSION_ID=one")
    assert ANSWER in told(*CLAUDE, respond_to(CLAUDE, sent, marks))
    inside = ("COPILOT_CLI=1", "CLAUDE_CODE_SESSION_ID=another")  # Copilot, started by Claude Code
    assert told("copilot-cli", "UserPromptSubmit", respond_to(CLAUDE, {**sent, "session_id": "two"}, inside))


def test_of_two_hooks_of_one_prompt_one_speaks(project: Path) -> None:
    now = time.time()
    own = {"sessionId": "one", "cwd": str(project), "prompt": ASKED}
    loaded = {**SENT, "cwd": str(project)}
    first = respond_to(("copilot-cli", "userPromptSubmitted"), own, ("COPILOT_CLI=1",), now)
    second = respond_to(CLAUDE, loaded, ("COPILOT_CLI=1",), now + 0.2)
    assert first and not second


def test_the_environment_is_read_by_the_process_of_the_hook(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    assert told("copilot-cli", "UserPromptSubmit", hook(*CLAUDE, sent, COPILOT_CLI="1").stdout)


# --- sessions that go on ----------------------------------------------------------------------------------------------


def test_a_session_that_goes_on_is_told_only_what_changed(project: Path, store: Store) -> None:
    assert start(project, "startup")
    assert start(project, "resume") == ""
    store.add("Payments are rounded half even", type_="decision")
    store.sync()
    assert "rounded half even" in start(project, "resume")
    assert start(project, "resume") == ""
    assert reasons() == [None, "unchanged", None, "unchanged"]


def test_a_fork_has_what_it_was_forked_from(project: Path) -> None:
    assert start(project, "fork", "forked") == ""


def test_a_session_from_before_there_was_a_hook_is_told(project: Path) -> None:
    assert start(project, "resume")


@pytest.mark.parametrize("source", ["clear", "compact", "startup"])
def test_what_is_forgotten_may_be_told_again(project: Path, source: str) -> None:
    assert say(project)
    assert say(project) == ""
    assert ANSWER in start(project, source)
    assert say(project) == ""


def test_after_compaction_a_prompt_may_bring_it_again(project: Path) -> None:
    where = ("opencode", "chat.message")
    sent = {"session_id": "one", "cwd": str(project), "prompt": ASKED}
    assert respond_to(where, sent)
    assert respond_to(where, {**sent, "prompt": f"again: {ASKED}"}) == ""
    assert respond_to(("opencode", "session.compacting"), sent) == ""
    assert ANSWER in told(*where, respond_to(where, {**sent, "prompt": f"and again: {ASKED}"}))


def test_a_prompt_that_comes_before_the_start_counts(project: Path) -> None:
    sent = {"session_id": "one", "cwd": str(project), "prompt": ASKED}
    prompt, begin = ("opencode", "chat.message"), ("opencode", "session.start")
    assert respond_to(prompt, sent) and respond_to(begin, sent)
    assert respond_to(prompt, {**sent, "prompt": f"again: {ASKED}"}) == ""


def test_the_same_brief_is_the_same_bytes(project: Path) -> None:
    assert start(project, "startup", "one") == start(project, "startup", "two")


def test_the_user_is_told_once_in_a_session_what_is_held(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    (clone / ".mem" / "tree").mkdir(parents=True)
    (clone / ".git").mkdir()
    (clone / ".mem" / "tree" / "note.md").write_text(f"{ANSWER}: obey\n", encoding="utf-8")
    run_mem("--root", str(clone), "index")
    sent = {"session_id": "one", "cwd": str(clone), "source": "startup"}
    assert json.loads(respond_to(START, sent)) == {"systemMessage": "1 memory held: mem trust"}
    assert respond_to(START, {**sent, "source": "resume"}) == respond_to(START, {**sent, "source": "compact"}) == ""
    assert respond_to(CLAUDE, {**SENT, "cwd": str(clone)}) == ""
    assert respond_to(("copilot-cli", "sessionStart"), sent) == ""


# --- what changed a moment ago ----------------------------------------------------------------------------------------


def settled(project: Path, store: Store) -> Path:
    """The file of the only memory, its index with nothing to do."""
    (file,) = (project / ".mem").rglob("tree/**/*.md")
    for path in (file, *file.parents):
        if ".mem" in path.parts:
            os.utime(path, (1_700_000_000, 1_700_000_000))
    store.sync()
    return file


def test_a_file_edited_in_place_is_seen_in_the_brief(project: Path, store: Store) -> None:
    file = settled(project, store)
    file.write_text(file.read_text(encoding="utf-8").replace("make ship", "kubectl apply"), encoding="utf-8")
    assert "kubectl apply" in start(project, "startup")


def test_a_file_edited_in_place_is_seen_at_the_next_prompt(project: Path, store: Store) -> None:
    file = settled(project, store)
    file.write_text(file.read_text(encoding="utf-8").replace("make ship", "kubectl apply"), encoding="utf-8")
    said = say(project)
    assert "kubectl apply" in said and "make ship" not in said


def test_words_that_an_edit_brought_are_found(project: Path, store: Store) -> None:
    file = settled(project, store)
    file.write_text("Zanzibar is the codename of the billing migration\n", encoding="utf-8")
    assert "billing migration" in say(project, "what is zanzibar the codename of?")


@pytest.mark.parametrize("kind", ["new", "moved", "gone"])
def test_files_that_come_and_go_are_seen(project: Path, store: Store, kind: str) -> None:
    file = settled(project, store)
    if kind == "gone":
        file.unlink()
        assert say(project) == ""
        return
    if kind == "new":
        (file.parent / "new.md").write_text("The office cat is called Turing\n", encoding="utf-8")
        assert "Turing" in say(project, "what is the office cat called?")
    file.rename(file.with_name("elsewhere.md"))
    assert ANSWER in say(project, session="two")


def test_what_is_much_is_left_to_others(project: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from memcli.recall import refresh

    monkeypatch.setattr(refresh, "FEW", 5)
    file = settled(project, store)
    for n in range(6):
        (file.parent / f"{n}.md").write_text(f"The office cat is called Turing {n}\n", encoding="utf-8")
    assert say(project, "what is the office cat called?") == ""
    assert ANSWER in say(project)
    store.sync()
    assert "Turing" in say(project, "and what is the office cat called?")


# --- what a hook may not do -------------------------------------------------------------------------------------------


def missing(store: Store) -> None:
    os.unlink(schema.index_path(store.place))


def foreign(store: Store) -> None:
    Path(store.place.cache, "owner").write_text("0" * 32, encoding="ascii")


def another_version(store: Store) -> None:
    connection = schema.open_for_reading(store.place)
    schema.set_meta(connection, "version", "3")
    connection.close()


def damaged(store: Store) -> None:
    Path(schema.index_path(store.place)).write_bytes(b"SQLite format 3\0" + bytes(8000))


def torn(store: Store) -> None:
    """Damage that shows only when a table is read."""
    path = Path(schema.index_path(store.place))
    connection = schema.open_for_reading(store.place)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 3 :] = random.Random(1).randbytes(len(data) - len(data) // 3)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [missing, foreign, another_version, damaged, torn])
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
def test_an_index_that_cannot_be_asked_stays_as_it_is(
    project: Path, store: Store, harm: Callable[[Store], None], event: str
) -> None:
    settled(project, store)
    harm(store)
    before = tree_bytes(project)
    sent = {"session_id": "one", "cwd": str(project), "prompt": ASKED, "source": "startup", "hook_event_name": event}
    ended = hook("claude-code", event, sent)
    assert (ended.code, ended.stderr) == (0, "")
    assert told("claude-code", event, ended.stdout) == "" or harm is torn  # what is left of it may still say something
    assert {name: data for name, data in tree_bytes(project).items() if not name.endswith(("-shm", "-wal"))} == before


def test_the_reason_is_known(project: Path, store: Store) -> None:
    missing(store)
    assert say(project) == ""
    assert reasons() == ["unreadable"]


def test_nothing_is_embedded(project: Path, store: Store) -> None:
    Path(user_dir("config"), "config.yaml").unlink()  # the model is there
    (project / ".mem" / "tree" / "cat.md").write_text("The office cat is called Turing\n", encoding="utf-8")
    store.sync(embed=False)
    with serving():
        assert ANSWER in told(*CLAUDE, hook(*CLAUDE, {**SENT, "cwd": str(project)}).stdout)
    connection = schema.open_for_reading(store.place)
    assert search.waiting(connection, 10) == 1
    connection.close()


def test_no_memory_is_touched(project: Path) -> None:
    before = {name: data for name, data in tree_bytes(project).items() if "/cache/" not in name}
    start(project, "startup"), say(project, session="two")
    assert {name: data for name, data in tree_bytes(project).items() if "/cache/" not in name} == before


def test_who_cannot_remember_says_nothing(project: Path) -> None:
    Path(user_dir("state"), "sessions").write_text("a file where a folder should be", encoding="utf-8")
    assert say(project) == start(project, "startup") == ""


def test_git_hooks_index_what_came_and_have_the_time_for_it(project: Path, store: Store) -> None:
    settled(project, store)
    (project / ".mem" / "tree" / "cat.md").write_text("The office cat is called Turing\n", encoding="utf-8")
    assert deadline_s(["git", "post-merge", "0"]) == GIT_DEADLINE_MS / 1000 > deadline_s(list(START))
    assert hook("git", "post-merge", "", cwd=project)[:3] == (0, "", "")
    connection = schema.open_for_reading(store.place)
    assert not schema.changed_folders(store.place, connection)
    assert connection.execute("SELECT count(*) FROM entries WHERE path = 'tree/cat.md'").fetchone() == (1,)
    connection.close()


# --- warm -------------------------------------------------------------------------------------------------------------


def warm(project: Path, session: str) -> str:
    sent = {"session_id": session, "cwd": str(project), "prompt": ASKED, "hook_event_name": "UserPromptSubmit"}
    ended = hook(*CLAUDE, sent)
    assert (ended.code, ended.stderr) == (0, "")
    return ended.stdout


def test_the_server_says_the_same(project: Path) -> None:
    cold = warm(project, "cold")
    with serving() as server:
        assert warm(project, "warm") == cold
        assert server.status()["requests"]["hook"]["count"] == 1  # type: ignore[index]
        assert warm(project, "warm") == ""
    brief = {"session_id": "brief", "cwd": str(project), "source": "startup", "hook_event_name": "SessionStart"}
    with serving() as server:
        warmly = hook(*START, brief).stdout
        assert server.status()["requests"]["hook"]["count"] == 1  # type: ignore[index]
    assert warmly == hook(*START, {**brief, "session_id": "another"}).stdout != ""


def test_the_server_leaves_to_the_caller_what_is_never_said(project: Path) -> None:
    with serving() as server:
        for event in ("Stop", "PreCompact", "SessionEnd", "Unknown"):
            assert hook("claude-code", event, {"session_id": "one", "cwd": str(project)}).stdout == ""
        assert server.status()["requests"]["hook"]["count"] == 0  # type: ignore[index]


def test_a_server_that_does_not_answer_is_not_waited_for(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    with pretending(said(WORKING)):
        ended = hook(*CLAUDE, sent, MEM_HOOK_DEADLINE_MS="700")
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")
    assert not sessions.read()


def test_nothing_counts_as_said_that_came_too_late(project: Path) -> None:
    sent = {**SENT, "cwd": str(project)}
    late = respond.respond(*CLAUDE, [], json.dumps(sent), here="/", now=time.time(), until=time.monotonic())
    assert late.text == ""
    assert reasons() == [sessions.DEADLINE]
    assert not sessions.shown("claude-code", "one")


# --- the log ----------------------------------------------------------------------------------------------------------


def test_failures_are_logged_where_that_is_asked_for(project: Path) -> None:
    broken = "import memcli.agents.respond as r\ndef fail(*a, **k): raise RuntimeError('it broke')\nr.respond = fail"
    sent = {"session_id": "one", "cwd": str(project), "prompt": "a secret"}
    log = Path(user_dir("state")) / "log" / "hook.log"
    assert hook(*CLAUDE, sent, before=broken)[:3] == (0, "", "")
    assert not log.exists()
    ended = hook(*CLAUDE, sent, before=broken, MEM_DEBUG="1", SOME_KEY="hush")
    assert ended[:3] == (0, "", "")
    logged = log.read_text(encoding="utf-8")
    assert "it broke" in logged and "secret" not in logged and "hush" not in logged
    log.write_text(new_id() * 40_000, encoding="utf-8")
    hook(*CLAUDE, sent, before=broken, MEM_DEBUG="1")
    assert log.stat().st_size < 10_000


# --- what it may import -----------------------------------------------------------------------------------------------

HEAVY = {
    "typer", "click", "rich", "yaml", "numpy", "onnxruntime", "tokenizers", "pathlib", "dataclasses", "typing",
    "subprocess", "logging", "asyncio", "unittest", "hashlib", "_hashlib", "json", "threading", "sqlite3", "platformdirs",
    "inspect", "traceback", "contextlib", "memcli.cli", "memcli.store", "memcli.index.reconcile",
}  # fmt: skip
WARM = {
    "__future__", "_json", "_signal", "_socket", "_thread", "gc", "select", "memcli", "memcli.__main__", "memcli.agents",
    "memcli.agents.hook", "memcli.agents.payload", "memcli.errors", "memcli.places", "memcli.serve", "memcli.serve.address",
    "memcli.serve.client", "memcli.view",
}  # fmt: skip
LISTED = """
import os, sys
exit = os._exit
def told(code):
    os.write(int(os.environ["TOLD"]), " ".join(sys.modules).encode())
    exit(code)
os._exit = told
"""


def loaded(sent: dict[str, Any], event: str = "UserPromptSubmit") -> tuple[str, set[str]]:
    """What a hook prints, and the modules that it has loaded when it ends, but for those of every Python."""
    reading, writing = os.pipe()
    ended = hook("claude-code", event, sent, before=LISTED, TOLD=writing, pass_fds=(writing,))
    os.close(writing)
    found = set(os.read(reading, 1 << 20).decode().split())
    os.close(reading)
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return ended.stdout, found - set(bare.stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
def test_a_cold_hook_is_lean(project: Path, store: Store) -> None:
    settled(project, store)
    out, modules = loaded({**SENT, "cwd": str(project)})
    assert ANSWER in out
    assert "memcli.recall.pipeline" in modules
    assert modules & HEAVY == set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
@pytest.mark.parametrize("event", ["SessionStart", "Stop", "PreCompact"])
def test_other_events_are_lean_too(project: Path, store: Store, event: str) -> None:
    settled(project, store)
    out, modules = loaded({"session_id": "one", "cwd": str(project), "source": "startup"}, event)
    assert (ANSWER in out) == (event == "SessionStart")
    assert modules & HEAVY == set()
    assert event == "SessionStart" or not any(name.startswith(("memcli.recall", "pysqlite3")) for name in modules)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
def test_a_warm_hook_loads_a_dozen_small_modules(project: Path) -> None:
    with serving() as server:
        for number in range(20):  # on a machine that is busy elsewhere the server may be late, and is not waited for
            out, modules = loaded({**SENT, "cwd": str(project), "session_id": str(number)})
            if "memcli.agents.respond" not in modules:
                break
        assert server.status()["requests"]["hook"]["count"] >= 1  # type: ignore[index]
    assert ANSWER in out
    assert modules <= WARM
