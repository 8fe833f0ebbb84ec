"""Keeping sessions as they go: what hooks note, and what becomes of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from memcli import config, journal
from memcli.agents import capture, ingest
from memcli.agents.sessions import Session
from memcli.importers import bring
from memcli.lifecycle import history, proposals
from memcli.memory import Memory
from memcli.places import at_root, personal
from memcli.store import Store
from tests.agents.calling import hook
from tests.command import run_mem, without_model
from tests.importers import conversations
from tests.importers.conversations import FIXING, WRITERS, Step
from tests.importers.samples import memories
from tests.importers.test_transcripts import FIXED

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[float]:
    """A user who wants sessions kept; hooks start no process, but say when they would."""
    without_model()
    config.set_value("capture", "1")
    started: list[float] = []
    monkeypatch.setattr(capture, "_start", started.append)
    return started


def noted() -> list[dict[str, object]]:
    path = Path(capture.spool_path())
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def stop(transcript: Path | str, cwd: str, session: str = "5e55-1") -> dict[str, object]:
    return {"session_id": session, "transcript_path": str(transcript), "cwd": cwd, "last_assistant_message": "not this"}


def kept(store: Store) -> list[tuple[str | None, str]]:
    return [(turn.speaker, turn.text) for memory in episodes(store) for turn in memory.turns]


def episodes(store: Store) -> list[Memory]:
    return sorted((one for one in memories(store).values() if one.type == "episode"), key=lambda one: one.part)


# --- what a hook notes -----------------------------------------------------------------------------------------------


def test_nothing_is_noted_until_the_user_asks_and_no_store_can(store: Store) -> None:
    config.set_value("capture", None)
    Path(store.place.config_file).write_text("capture: 1\n")
    capture.spool("claude-code", "turn", stop("/t.jsonl", store.place.project), NOW)
    assert not os.path.exists(capture.folder())
    assert config.unknown_keys(store.place.config_file, store=True) == ["capture"]


def test_of_a_transcript_its_place_is_noted_and_no_more(wanted: list[float]) -> None:
    payload = {
        **stop("/t.jsonl", "/home/ana/shop"),
        "prompt": "AKIA" + "Q3EXV7LTZ2WJ6RNB",
        "user_email": "ana@example.com",
    }
    capture.spool("claude-code", "turn", payload, NOW)
    capture.spool("claude-code", "prompt", payload, NOW)
    said = {
        "host": "claude-code",
        "event": "turn",
        "session": "5e55-1",
        "cwd": "/home/ana/shop",
        "transcript": "/t.jsonl",
    }
    assert noted() == [{"at": NOW, **said}]
    assert wanted == [NOW]
    assert os.stat(capture.spool_path()).st_mode & 0o777 == 0o600
    assert os.stat(capture.folder()).st_mode & 0o777 == 0o700


def test_without_a_transcript_the_words_are_noted_with_secrets_masked(wanted: list[float]) -> None:
    key = "AKIA" + "Q3EXV7LTZ2WJ6RNB"
    base = {"conversation_id": "c", "workspace_roots": ["/home/ana/shop"], "user_email": "ana@example.com"}
    capture.spool("cursor", "prompt", {**base, "prompt": f"deploy with {key}"}, NOW)
    assert wanted == []
    capture.spool("cursor", "turn", {**base, "text": "Deployed."}, NOW + 1)
    capture.spool("cursor", "turn", base, NOW + 2)
    rows = noted()
    assert [row.get("answer") for row in rows] == [None, "Deployed."]
    assert str(rows[0]["prompt"]).startswith("deploy with [secret:")
    raw = Path(capture.spool_path()).read_text()
    assert key not in raw
    assert "ana@example.com" not in raw
    assert rows[0]["cwd"] == "/home/ana/shop"


@pytest.mark.parametrize("payload", [
    {}, {"session_id": 3, "transcript_path": ["x"], "cwd": None}, {"transcript_path": None, "last_assistant_message": None},
    {"cwd": "\ud800", "session_id": "\x00", "prompt": "\ud800"},
])  # fmt: skip
@pytest.mark.parametrize("host", ["claude-code", "codex", "cursor", "windsurf"])
def test_nothing_that_an_agent_sends_makes_it_fail(host: str, payload: dict[str, object]) -> None:
    capture.spool(host, "turn", payload, NOW)
    taken = ingest.take_in(NOW)
    assert (taken.turns, taken.problems) == (1 if payload.get("prompt") else 0, [])


def test_it_does_not_fail_where_it_cannot_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    capture.spool("claude-code", "turn", stop("/t.jsonl", "/"), NOW)


def test_a_trial_of_the_hooks_is_no_session() -> None:
    capture.spool("claude-code", "turn", {**stop("/t.jsonl", "/"), capture.TRIAL: True}, NOW)
    assert noted() == []


def test_what_nobody_takes_in_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "MOST_BYTES", 2000)
    for number in range(100):
        capture.spool("claude-code", "turn", stop(f"/{number}.jsonl", "/"), NOW)
    assert 2000 <= os.stat(capture.spool_path()).st_size < 2400


def test_a_process_is_started_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    capture.spool("claude-code", "turn", stop("/t.jsonl", "/"), NOW)
    assert [capture._is_time(NOW + seconds) for seconds in (0, 1, 59, 61, 100, 122)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    assert capture._is_time(NOW - 9999)  # the clock was set back


# --- what becomes of it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["claude-code", "codex", "gemini-cli", "qwen-code", "copilot-cli"])
def test_a_session_is_kept_as_it_goes(host: str, store: Store, tmp_path: Path) -> None:
    form = {"gemini-cli": "gemini", "qwen-code": "qwen", "copilot-cli": "copilot"}.get(host, host)
    written = WRITERS[form](FIXING, cwd=store.place.project)
    transcript = tmp_path / "t.jsonl"
    lines = written.splitlines(keepends=True)
    for count in (len(lines) // 2, len(lines)):
        transcript.write_bytes(b"".join(lines[:count]))
        capture.spool(host, "turn", {**stop(transcript, store.place.project), "transcriptPath": str(transcript)}, NOW)
        ingest.take_in(NOW)
    texts = [(who, text.replace(f"{store.place.project}/", "")) for who, text in kept(store)]
    assert texts == FIXED
    assert [path for path in memories(store) if not path.startswith("local/tree/episodes/")] == []
    verbs = [event.verb for event in journal.events(store.place)]
    assert verbs == ["capture", "capture"]


def test_opencode_is_read_from_its_database(store: Store, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    path = home / ".local/share/opencode/opencode.db"
    idle = {"input": {"properties": {"sessionID": "ses_1"}}, "cwd": store.place.project}
    for steps in (FIXING[:4], FIXING[:6], FIXING):
        path.unlink(missing_ok=True)
        conversations.opencode(path, steps, session="ses_1", cwd=store.place.project)
        conversations.opencode(path, [("user", "another")], session="ses_2", cwd=store.place.project)
        capture.spool("opencode", "turn", idle, NOW)
        assert ingest.take_in(NOW).problems == []
    assert kept(store) == FIXED


def test_a_session_without_a_transcript_is_kept_from_its_words(store: Store) -> None:
    base = {"conversation_id": "c1", "workspace_roots": [store.place.project]}
    capture.spool("cursor", "prompt", {**base, "prompt": "fix it"}, NOW)
    capture.spool("cursor", "turn", {**base, "text": "Fixed."}, NOW + 5)
    capture.spool("cursor", "turn", {**base, "text": "Fixed."}, NOW + 6)
    ingest.take_in(NOW)
    capture.spool("cursor", "prompt", {**base, "prompt": "and test it, mail ana@example.com"}, NOW + 60)
    ingest.take_in(NOW)
    assert kept(store) == [("user", "fix it"), ("assistant", "Fixed."), ("user", "and test it, mail [email]")]
    assert episodes(store)[0].source == "cursor"


def test_it_goes_to_the_nearest_store_or_the_personal_one(store: Store, tmp_path: Path) -> None:
    deep = Path(store.place.project) / "a" / "b"
    deep.mkdir(parents=True)
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(FIXING))
    capture.spool("claude-code", "turn", stop(transcript, str(deep / "gone")), NOW)
    ingest.take_in(NOW)
    assert len(kept(store)) == 4
    other = tmp_path / "t2.jsonl"
    other.write_bytes(conversations.claude_code([("user", "elsewhere")], session="other"))
    capture.spool("claude-code", "turn", stop(other, str(tmp_path), session="other"), NOW)
    ingest.take_in(NOW)
    assert kept(Store(personal())) == [("user", "elsewhere")]


def test_episodes_are_shared_only_if_the_user_wants_that(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    store = Store.init(at_root(str(tmp_path / "team")), shared=True)
    Path(store.place.config_file).write_text("capture.shared: 1\n")
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(FIXING[:2]))
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    ingest.take_in(NOW)
    assert [path.split("/")[0] for path in memories(store)] == ["local"]
    config.set_value("capture.shared", "1")
    transcript.write_bytes(conversations.claude_code(FIXING[:2], session="two"))
    capture.spool("claude-code", "turn", stop(transcript, store.place.project, session="two"), NOW)
    ingest.take_in(NOW)
    assert sorted(path.split("/")[0] for path in memories(store)) == ["local", "tree"]
    private = Store.init(at_root(str(tmp_path / "project")))
    assert ingest.episodes_folder(private) == bring.EPISODES


# --- transcripts that change -----------------------------------------------------------------------------------------


def test_a_transcript_that_was_replaced_or_cut_is_read_from_its_beginning(store: Store, tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"

    def told(steps: list[Step], session: str) -> list[str]:
        transcript.unlink(missing_ok=True)
        transcript.write_bytes(conversations.claude_code(steps, session=session))
        capture.spool("claude-code", "turn", stop(transcript, store.place.project, session=session), NOW)
        assert ingest.take_in(NOW).problems == []
        return [text for _, text in kept(store)]

    first = [("user", "one"), ("agent", "1"), ("user", "two")]
    assert told(first, "a") == ["one", "1", "two"]
    assert told(first[:2], "a") == ["one", "1", "two"]
    assert told([*first, ("agent", "2")], "a") == ["one", "1", "two", "2"]
    assert sorted(told([("user", "another session, longer than the first " * 50)], "b"))[1:] == [
        "2",
        "another session, longer than the first " * 49 + "another session, longer than the first",
        "one",
        "two",
    ]


def test_a_missing_transcript_is_tried_again_and_then_named(store: Store, tmp_path: Path) -> None:
    transcript = tmp_path / "late.jsonl"
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    assert ingest.take_in(NOW).problems == [f"claude-code, session 5e55-1: No such file or directory: {transcript}"]
    transcript.write_bytes(conversations.claude_code(FIXING))
    assert ingest.take_in(NOW).turns == 4
    transcript.unlink()
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    assert [len(ingest.take_in(NOW).problems) for _ in range(4)] == [1, 1, 1, 0]
    assert noted() == []


def test_a_pipe_or_folder_is_no_transcript(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "pipe.jsonl", tmp_path):
        capture.spool("claude-code", "turn", stop(path, store.place.project), NOW)
    taken = ingest.take_in(NOW)
    assert (taken.turns, len(taken.problems)) == (0, 2)


def test_what_a_killed_process_had_begun_comes_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(FIXING))
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bring, "bring_in", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest.take_in(NOW)
    assert noted() == []
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    assert ingest.take_in(NOW).turns == 4
    assert len(noted()) == 1
    assert ingest.take_in(NOW).turns == 0


def test_what_a_hook_adds_meanwhile_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    capture.spool("claude-code", "turn", stop("/none.jsonl", store.place.project), NOW)
    bring_ = ingest._bring

    def late(*arguments: object) -> object:
        with open(ingest._taken_path(), "ab") as file:  # a hook that had opened the file before it was renamed
            file.write(b'{"at":1,"host":"codex","session":"late","cwd":"/","transcript":"/late.jsonl"}\n')
        return bring_(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "_bring", late)
    ingest.take_in(NOW)
    assert [row["session"] for row in noted()] == ["5e55-1", "late"]


def test_undoing_the_last_thing_is_not_undoing_what_happened_beside_it(store: Store, tmp_path: Path) -> None:
    mine = store.add("Mine.").path
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(FIXING))
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    ingest.take_in(NOW)
    assert store.undo()[1] == [mine]
    assert len(kept(store)) == 4
    captured = next(event for event in journal.events(store.place) if event.verb == "capture")
    store.undo(captured.op)
    assert kept(store) == []


# --- what is learned from it -----------------------------------------------------------------------------------------

TALK: list[Step] = [
    ("user", "set up eslint"), ("agent", "With npm."), ("user", "no, use pnpm in this repository, not npm"), ("agent", "Ok."),
    ("run", "pytest tests", 127), ("run", "python -m pytest tests", 0),
]  # fmt: skip


def test_proposals_come_of_it_once_and_no_memory_by_itself(store: Store, tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    written = conversations.claude_code(TALK)
    for size in (len(written) // 2, len(written), len(written)):
        transcript.write_bytes(written[:size])
        capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
        ingest.take_in(NOW)
    waiting = proposals.open_proposals(store.place)
    assert [(one.draft.kind, one.draft.operations[0]["text"]) for one in waiting] == [
        ("order", "Use pnpm in this repository, not npm"),
        ("repair", "When `pytest tests` fails, `python -m pytest tests` works."),
    ]
    assert {memory.type for memory in memories(store).values()} == {"episode"}


def test_a_memory_that_shows_in_the_answer_was_of_use(store: Store, tmp_path: Path) -> None:
    used = store.add("API listens on port 8123 because 8000 is taken by the proxy.").id
    unused = store.add("Release notes go to docs/changes.md, newest first.").id
    store.sync(embed=False)
    session = Session("claude-code", "5e55-1", store.place.project)
    began = float(conversations.BEGAN) + 19
    key = session.begin("prompt", "start the server", began)
    assert key
    session.end(key, injected=[(used, store.place.state_key()), (unused, store.place.state_key())])
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code([
        ("user", "start the server"), ("agent", "Started the API on port 8123, since the proxy holds 8000."),
    ], cwd=store.place.project))  # fmt: skip
    for _ in range(3):
        capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
        ingest.take_in(NOW)
    told = [event for event in journal.events(store.place) if event.verb == history.FEEDBACK]
    assert [(event.about, event.by, event.session) for event in told] == [
        (((used, "useful"),), "claude-code", "5e55-1")
    ]


# --- as a whole ------------------------------------------------------------------------------------------------------


def test_on_the_command_line(store: Store, tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(TALK))
    capture.spool("claude-code", "turn", stop(transcript, store.place.project), NOW)
    assert run_mem("import", "--captured").stdout == "4 turns taken in from 1 session\n"
    assert run_mem("import", "--captured").stdout == "0 turns taken in from 0 sessions\n"
    assert "use pnpm in this repository" in run_mem("recall", "--episodes", "5", "pnpm").stdout
    assert "Use pnpm in this repository" in run_mem("review", "--list").stdout
    assert run_mem("import", "--captured", "x.jsonl").code == 2


def test_a_hook_starts_a_process_that_outlives_it_and_holds_nothing_of_it(store: Store, tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_bytes(conversations.claude_code(FIXING))
    ended = hook("claude-code", "Stop", stop(transcript, store.place.project))
    assert ended[:3] == (0, "", "")  # its pipes are closed by then, or this would have waited for a minute
    assert ended.seconds < 30
    until = time.monotonic() + 60
    while time.monotonic() < until and not kept(store):
        time.sleep(0.1)
    assert kept(store) == FIXED
    _end_ingester()


def test_a_hook_of_an_agent_without_transcripts_notes_what_was_said(store: Store) -> None:
    here = {"conversation_id": "c1", "workspace_roots": [store.place.project], "user_email": "ana@example.com"}
    assert (
        hook("cursor", "beforeSubmitPrompt", {**here, "prompt": "fix it", "hook_event_name": "beforeSubmitPrompt"}).code
        == 0
    )
    assert [(row["event"], row["prompt"]) for row in noted()] == [("prompt", "fix it")]
    config.set_value("capture", "0")
    assert hook("cursor", "beforeSubmitPrompt", {**here, "prompt": "and this"}).code == 0
    assert len(noted()) == 1


def _end_ingester() -> None:
    """The process waits for what comes within its minute: end the one that this test started, and no other."""
    for entry in Path("/proc").iterdir() if os.path.isdir("/proc") else ():
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if (
            b"memcli.agents.ingester" in command
            and f"XDG_STATE_HOME={os.environ['XDG_STATE_HOME']}".encode() in environment
        ):
            os.kill(int(entry.name), 15)
