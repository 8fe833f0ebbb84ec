"""What sessions were shown: kept privately, bounded, once, and forgotten where the agent forgets it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memcli.agents import sessions
from memcli.agents.sessions import DEADLINE, Session

NOW = 1_795_000_000.0


def note(session: Session, event: str, about: str, now: float, *ids: str, **more: object) -> None:
    key = session.begin(event, about, now)
    assert key is not None
    session.end(key, injected=[(name, "store") for name in ids], **more)  # type: ignore[arg-type]


def test_a_session_has_what_it_was_shown_and_another_has_not() -> None:
    session = Session("claude-code", "one", "/shop")
    note(session, "prompt", "first", NOW, "a", "b")
    note(session, "prompt", "second", NOW + 1, "c")
    assert session.shown() == sessions.shown("claude-code", "one") == {"a", "b", "c"}
    assert sessions.shown("claude-code", "two") == sessions.shown("codex", "one") == frozenset()


def test_what_was_shown_may_be_shown_again_after_it_was_forgotten() -> None:
    session = Session("claude-code", "one")
    note(session, "prompt", "first", NOW, "a")
    note(session, "start", "compact", NOW + 9, "b", forget=True)
    assert session.shown() == {"b"}


def test_the_same_call_is_one_for_five_seconds() -> None:
    session = Session("copilot-cli", "one")
    assert session.begin("prompt", "hello", NOW)
    assert Session("copilot-cli", "one").begin("prompt", "hello", NOW + 4.9) is None
    assert session.begin("prompt", "other", NOW + 4.9)
    assert session.begin("start", "hello", NOW + 4.9)
    assert Session("copilot-cli", "two").begin("prompt", "hello", NOW + 4.9)
    assert session.begin("prompt", "hello", NOW + 5.1)


def test_of_calls_at_the_same_moment_one_is_answered() -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: Session("copilot-cli", "one").begin("prompt", "hello", NOW), range(40)))
    assert sum(key is not None for key in keys) == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a" * 5000, "", "\0", "é\ud83d", "CON", "."])
def test_a_session_id_is_never_a_path(name: str) -> None:
    session = Session("claude-code", name, "/shop")
    note(session, "prompt", "x", NOW, "a")
    (file,) = Path(sessions.folder()).iterdir()
    assert file == Path(session.path)
    assert file.stem.isalnum() and len(file.stem) == 24
    assert session.shown() == {"a"}


def test_without_an_id_the_folder_tells_sessions_apart() -> None:
    note(Session("kiro-cli", "", "/shop"), "prompt", "x", NOW, "a")
    assert sessions.shown("kiro-cli", "", "/shop") == {"a"}
    assert sessions.shown("kiro-cli", "", "/other") == frozenset()


def test_it_is_private() -> None:
    session = Session("claude-code", "one")
    note(session, "prompt", "x", NOW, "a")
    assert stat.S_IMODE(os.stat(session.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(sessions.folder()).st_mode) == 0o700


def test_no_prompt_is_kept() -> None:
    session = Session("claude-code", "one", "/shop")
    note(session, "prompt", "the secret plan", NOW, "a")
    assert "secret" not in Path(session.path).read_text(encoding="utf-8")


def test_rows_tell_what_came_of_each_call() -> None:
    session = Session("claude-code", "one", "/shop")
    note(session, "prompt", "x", NOW, "a", chars=120, ms=7, text="d1")
    note(session, "prompt", "y", NOW + 1, silent="weak")
    session.begin("prompt", "z", NOW + 2)  # killed
    first, second, third = session.rows()
    assert (first.at, first.host, first.event, first.session, first.cwd) == (
        NOW,
        "claude-code",
        "prompt",
        "one",
        "/shop",
    )
    assert (first.silent, first.injected, first.chars, first.ms) == (None, [("a", "store")], 120, 7)
    assert (second.silent, second.injected) == ("weak", [])
    assert third.silent == DEADLINE
    assert session.last_text("prompt") == "d1"


def test_sessions_are_read_last_used_first() -> None:
    for n, name in enumerate(("one", "two", "three")):
        session = Session("codex", name)
        note(session, "prompt", "x", NOW + n, "a")
        os.utime(session.path, (NOW + n, NOW + n))
    assert [rows[0].session for rows in sessions.read()] == ["three", "two", "one"]
    assert [rows[0].session for rows in sessions.read(last=True)] == ["three"]


def test_damage_costs_lines_and_no_more() -> None:
    session = Session("codex", "one")
    note(session, "prompt", "x", NOW, "a")
    with open(session.path, "ab") as file:
        file.write(b'\xff\xfe{"at":\n[1,2]\n"text"\n{"key":1,"injected":[["b"],7,["c","s",1]]}\n{"at":"x"}\n')
    note(session, "prompt", "y", NOW + 9, "d")
    assert session.shown() == {"a", "d"}
    assert [row.injected for row in session.rows() if row.injected] == [[("a", "store")], [("d", "store")]]


def test_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_BYTES", 4000)
    session = Session("codex", "one")
    for n in range(200):
        note(session, "prompt", str(n), NOW + n, f"id{n}")
    assert os.path.getsize(session.path) < 6000
    assert "id199" in session.shown() and "id0" not in session.shown()


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 3)
    for n in range(6):
        session = Session("codex", str(n))
        note(session, "prompt", "x", NOW, "a")
        os.utime(session.path, (NOW + n, NOW + n))
    sessions.prune()
    assert {rows[0].session for rows in sessions.read()} == {"3", "4", "5"}
