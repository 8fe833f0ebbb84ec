"""Sessions of opencode: another program's database, which is only ever read, and may be anything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.importers import Item, Skipped, opencode
from memcli.index import db
from tests.conftest import tree_bytes
from tests.importers import conversations
from tests.importers.conversations import FIXING

HELLO = [("user", "hello"), ("agent", "Hi.")]


def texts(path: Path, project: Path | None = None, session: str | None = None) -> list[str]:
    return [item.text for item in opencode.read(path, project, session) if isinstance(item, Item)]


def test_sessions_of_the_project_alone_and_none_of_subagents(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = home.parent / "project"
    path = home / ".local/share/opencode/opencode.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    conversations.opencode(path, HELLO, session="ses_1", cwd=str(project))
    conversations.opencode(path, FIXING, session="ses_2", cwd="/other")
    conversations.opencode(path, [("user", "a task of an agent")], session="ses_3", cwd=str(project), parent="ses_1")
    assert opencode.scan(project, home) == [(path, 1)]
    assert texts(path, project) == ["hello", "Hi."]
    assert len(texts(path)) == 6
    assert texts(path, session="ses_2") == texts(path)[2:]
    elsewhere = list(opencode.read(path, home / "elsewhere"))
    assert elsewhere == [Skipped("opencode.db", "2 sessions of other projects left out")]


def test_nothing_is_written_beside_it_even_while_it_is_in_use(tmp_path: Path) -> None:
    path = conversations.opencode(tmp_path / "opencode.db", HELLO)
    before = tree_bytes(tmp_path)
    assert texts(path) == ["hello", "Hi."]
    assert tree_bytes(tmp_path) == before
    running = sqlite3.connect(path)
    running.execute("PRAGMA journal_mode=WAL")
    running.execute("UPDATE part SET data = replace(data, 'Hi.', 'Hello!')")
    running.commit()
    assert texts(path) == ["hello", "Hello!"]
    running.close()


def test_parts_that_say_nothing_are_known_and_those_that_nobody_knows_are_named(tmp_path: Path) -> None:
    path = conversations.opencode(tmp_path / "opencode.db", HELLO)
    connection = sqlite3.connect(path)
    message = connection.execute("SELECT message_id FROM part LIMIT 1").fetchone()[0]
    for number, data in enumerate(
        [
            '{"type": "reasoning", "text": "hm"}',
            '{"type": "hologram"}',
            "{broken",
            '{"type": "text", "text": "x", "synthetic": true}',
        ]
    ):
        connection.execute("INSERT INTO part VALUES (?, ?, 'ses_5', 1, ?)", (f"z{number}", message, data))
    connection.commit()
    connection.close()
    assert texts(path) == ["hello", "Hi."]
    assert sorted(one.reason for one in opencode.read(path) if isinstance(one, Skipped)) == [
        "1 line of no kind known here: no JSON object", "1 line of no kind known here: user, hologram",
    ]  # fmt: skip


@pytest.mark.parametrize("make", ["text", "other", "view", "cut", "endless"])
def test_what_is_no_such_database_is_told_in_one_sentence(
    tmp_path: Path, make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "opencode.db"
    if make == "text":
        path.write_text("not a database, " * 100)
    else:
        connection = sqlite3.connect(path)
        if make == "view":  # a question asked of it would never end
            endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
            connection.executescript(
                f"CREATE TABLE message (a); CREATE TABLE part (a); CREATE VIEW session AS {endless} SELECT * FROM n;"
            )
        elif make == "other":
            connection.execute("CREATE TABLE session (id)")
        connection.close()
    if make in ("cut", "endless"):
        path.unlink()
        conversations.opencode(path, FIXING * 200)
    if make == "cut":
        path.write_bytes(path.read_bytes()[:20_000])
    if make == "endless":
        monkeypatch.setattr(db, "MOST_STEPS", 0)
        monkeypatch.setattr(opencode, "_TABLES", {"session"})
        connection = sqlite3.connect(path)
        connection.executescript("DROP TABLE session; CREATE TABLE session (id, parent_id, directory, time_created);"
                                 "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000)"
                                 " INSERT INTO session SELECT x, NULL, '/', x FROM n;")  # fmt: skip
        connection.close()
    assert opencode.claims(path) is (make in ("endless",)) or make == "cut"
    with pytest.raises(ImportFailed) as raised:
        list(opencode.read(path))
    assert "\n" not in raised.value.message
