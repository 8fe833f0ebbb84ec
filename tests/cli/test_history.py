"""`mem log` and `mem undo`: what was done, by whom, in which session, and taking back as much of it as was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memcli import caller, journal
from memcli.store import Store
from tests.batches import trees
from tests.command import run_mem
from tests.conftest import tree_bytes


def added(text: str) -> str:
    return run_mem("add", text).stdout.split()[0]


def say(store: Store, verb: str, *about: tuple[str, str], **more: Any) -> journal.Event:
    """An event that changes no file, as feedback and fading are."""
    return journal.record(store.place, verb, [], by="you", origin="/", now=1.9e9, about=about, **more)


@pytest.mark.parametrize(
    ("environment", "author", "session"),
    [
        ({}, "you", None),
        ({"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "9f03-2faa"}, "claude-code", "9f03-2faa"),
        ({"GEMINI_CLI": "1", "GEMINI_SESSION_ID": "g1"}, "gemini-cli", "g1"),
        ({"QWEN_CODE_SESSION_ID": "q1"}, "you", "q1"),
        ({"QWEN_CODE": "1", "QWEN_CODE_SESSION_ID": "q1"}, "qwen-code", "q1"),
        ({"CODEX_THREAD_ID": "t1", "CODEX_SESSION_ID": "c1"}, "codex", "c1"),
        ({"COPILOT_CLI": "1", "COPILOT_AGENT_SESSION_ID": "p1"}, "copilot-cli", "p1"),
        ({"OPENCODE": "1"}, "opencode", None),
        ({"MEM_AGENT": "Some Editor/9"}, "some-editor-9", None),
        ({"MEM_AGENT": " You "}, "an-agent", None),
        ({"MEM_AGENT": "other", "CLAUDECODE": "1"}, "claude-code", None),
        ({"MEM_SESSION": "mine", "CLAUDE_CODE_SESSION_ID": "9f03"}, "you", "mine"),
        ({"MEM_SESSION": " \n ", "CLAUDE_CODE_SESSION_ID": ""}, "you", None),
        ({"MEM_SESSION": "a\x1b[31mb\nc" + "d" * 500}, "you", "a[31mbc" + "d" * 191),
    ],
)
def test_who_is_calling(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], author: str, session: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (caller.author(), caller.session()) == (author, session)


def test_every_writing_verb_notes_the_session(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "9f032faa")
    one = added("a memory")
    talk = tmp_path / "talk.jsonl"
    talk.write_text(json.dumps({"text": "brought in"}))
    for command in (
        ("edit", one, "--append", "x"), ("mv", one, "b"), ("forget", one), ("restore", one), ("import", str(talk)),
        ("undo",), ("forget", one, "--purge", "--yes"),
    ):  # fmt: skip
        assert run_mem(*command).code == 0
    run_mem("curate", "--ops", "-", stdin='{"op": "ADD", "text": "new"}')
    events = journal.events(store.place)
    assert len(events) == 9
    assert {event.session for event in events} == {"9f032faa"}


# --- log ---


def test_log_shows_what_was_said_of_which_memory(store: Store) -> None:
    one, two = added("Deploys run on Tuesday"), added("Lunch at noon")
    say(store, "feedback", (one, "useful"))
    say(store, "fade", (one, "cold"), (two, "warm"), ("unknownid", "cold"))
    say(store, journal.SEEN, (one, "0" * 64))
    shown = [line.split("\t")[2:] for line in run_mem("log").stdout.splitlines()]
    assert shown[:2] == [
        ["fade", "you", "Deploys run on Tuesday: cold and 2 more"],
        ["feedback", "you", "Deploys run on Tuesday: useful"],
    ]
    assert len(shown) == 4
    rows = run_mem("log", "--json").json()
    assert rows[0]["about"] == [
        {"id": one, "title": "Deploys run on Tuesday", "said": "cold"},
        {"id": two, "title": "Lunch at noon", "said": "warm"},
        {"id": "unknownid", "title": None, "said": "cold"},
    ]


def test_log_of_a_memory_has_all_of_its_names_and_nothing_of_others(store: Store) -> None:
    one, two = added("Deploys run on Tuesday"), added("Lunch at noon")
    run_mem("mv", one, "team")
    say(store, "feedback", (two, "useful"))
    feedback = say(store, "feedback", (one, "wrong"))
    say(store, journal.SEEN, (one, "0" * 64))
    run_mem("undo", feedback.op)
    batch = [{"op": "UPDATE", "id": one, "topic": "x"}, {"op": "ADD", "text": "new"}, {"op": "DELETE", "id": two}]
    assert run_mem("curate", "--ops", "-", stdin=json.dumps(batch)).code == 0
    shown = [line.split("\t")[2:] for line in run_mem("log", one).stdout.splitlines()]
    assert shown == [
        ["curate", "you", "1 changed, 1 added, 1 trashed: inbox/new and 2 more"],
        ["undo feedback", "you", "Deploys run on Tuesday: wrong"],
        ["by hand", "you", "Deploys run on Tuesday"],
        ["feedback (undone)", "you", "Deploys run on Tuesday: wrong"],
        ["move", "you", "inbox/deploys-run-on-tuesday → team/deploys-run-on-tuesday"],
        ["add", "you", "inbox/deploys-run-on-tuesday"],
    ]


def test_log_by_session_and_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Store(store.place, now=lambda: 1.7e9)
    old.add("long ago")
    monkeypatch.setenv("MEM_SESSION", "session-one")
    added("just now")
    assert [row["session"] for row in run_mem("log", "--session", "session-o", "--json").json()] == ["session-one"]
    assert len(run_mem("log", "--since", "7d", "--json").json()) == 1
    assert len(run_mem("log", "--since", "2023", "--json").json()) == 2
    assert run_mem("log", "--session", "other").code == 1
    assert run_mem("log", "--since", "someday").code == 2


def test_log_of_nothing(store: Store) -> None:
    assert run_mem("log").code == 1
    assert run_mem("log", "--json").json() == []


def test_what_is_logged_reaches_no_terminal_raw(store: Store) -> None:
    """Titles and words come from files and journals that anybody may have written."""
    (Path(store.place.tree) / "x.md").write_text('---\nid: abcdefgh\ntitle: "a\\e[31mred"\n---\nx\n')
    run_mem("index")
    say(store, "feedback", ("abcdefgh", "us\x1b]52;c;x\x07eful"), session="s\x1b[2J" + "x" * 9)
    for shown in (run_mem("log").stdout, run_mem("log", "--json").stdout):
        assert "\x1b" not in shown and "\x07" not in shown


# --- undo ---


def test_undo_takes_back_the_last_n_newest_first(store: Store) -> None:
    states = [trees(store)]
    one = added("first")
    states.append(trees(store))
    for command in (("edit", one, "--append", "a"), ("mv", one, "b"), ("forget", one), ("restore", one)):
        run_mem(*command)
        states.append(trees(store))
    said = run_mem("undo", "3", "--json").json()
    assert [event["verb"] for event in said["operations"]] == ["restore", "forget", "move"]
    assert trees(store) == states[2]
    assert run_mem("undo", "2").code == 0
    assert trees(store) == states[0]


def test_undo_of_what_was_only_said_says_so_in_the_journal(store: Store) -> None:
    one = added("first")
    event = say(store, "feedback", (one, "wrong"), ("other", "wrong"))
    before = trees(store)
    assert run_mem("undo").stdout.startswith("undone: feedback of 2030")
    assert trees(store) == before
    (undone,) = [event for event in journal.events(store.place) if event.verb == "undo"]
    assert (undone.undoes, undone.changes, undone.about) == (event.op, (), ())
    assert run_mem("undo").stdout.startswith("undone: add")


def test_undo_refuses_several_as_a_whole(store: Store) -> None:
    """The oldest of three cannot be reverted: the two newer ones stay, too, and the file is named."""
    one, two = added("first"), added("second")
    (Path(store.place.tree) / "inbox" / "first.md").write_text("a person's edit\n")
    run_mem("edit", two, "--append", "more")
    before, events = tree_bytes(store.place.tree), journal.events(store.place)
    refused = run_mem("undo", "3")
    assert refused.code == 26
    assert "inbox/first.md has changed since" in refused.stderr
    assert tree_bytes(store.place.tree) == before
    assert journal.events(store.place) == events
    assert run_mem("undo", "2").code == 0
    assert one


def test_undo_refuses_several_where_an_earlier_text_was_purged(store: Store) -> None:
    one = added("first")
    run_mem("edit", one, "second text")
    run_mem("edit", one, "third text")
    before = trees(store)
    (kept,) = [e.changes[0].before for e in journal.events(store.place)[1:2]]
    assert kept is not None
    journal.purge_object(store.place, kept)
    assert run_mem("undo", "2").code == 26
    assert trees(store) == before
    assert run_mem("undo").code == 0


@pytest.mark.parametrize("count", ["0", "-1", "99", "x9", "1.5"])
def test_undo_of_what_cannot_be_counted(store: Store, count: str) -> None:
    added("first")
    before = trees(store)
    assert run_mem("undo", "--", count).code in (2, 26)
    assert trees(store) == before


def test_a_session_by_what_it_begins_with(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for session in ("aaaa-1", "aaaa-2", "bbbb"):
        monkeypatch.setenv("MEM_SESSION", session)
        added(f"of {session}")
    monkeypatch.delenv("MEM_SESSION")
    assert run_mem("undo", "--session", "aaaa").code == 2
    assert run_mem("undo", "--session", "bbb").code == 26
    assert run_mem("undo", "2", "--session", "bbbb").code == 2
    assert run_mem("undo", "--session", "bbbb").code == 0
    assert run_mem("undo", "--session", "aaaa-1").code == 0
    assert list(trees(store)) == ["tree/inbox/of-aaaa-2.md"]


def test_a_session_stays_where_others_built_on_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM_SESSION", "the-agent")
    one = added("first")
    added("second")
    monkeypatch.delenv("MEM_SESSION")
    run_mem("edit", one, "--append", "by a person")
    before = trees(store)
    refused = run_mem("undo", "--session", "the-agent")
    assert refused.code == 26
    assert "inbox/first.md has changed since" in refused.stderr
    assert trees(store) == before


def test_forgetting_several_is_one_operation(store: Store) -> None:
    one, two = added("first"), added("second")
    before = trees(store)
    assert run_mem("forget", one, two, one).code == 0
    assert trees(store) == {}
    assert run_mem("undo").code == 0
    assert trees(store) == before


def test_forgetting_is_all_or_nothing(store: Store) -> None:
    """Until now the first of two went to the trash, and stood in no journal, when the second could not be read."""
    written = store.add("first")
    before = trees(store)
    with pytest.raises(Exception, match="there is no file"):
        store.forget([written.path, "tree/inbox/not-there.md"])
    assert trees(store) == before
