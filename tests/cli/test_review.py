"""`mem review`: one key each at a terminal, ids for agents; what is accepted can be undone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.cli import review
from memcli.index import schema
from memcli.lifecycle import duplicates, proposals
from memcli.lifecycle.proposals import Draft
from memcli.memory import parse
from memcli.store import Store
from tests.command import run_mem
from tests.conftest import tree_bytes

OLD, NEW = "Uploads are limited to 10 MB.", "Uploads are limited to 25 MB."
NOW = 1_767_225_600.0


@pytest.fixture
def pair(store: Store) -> tuple[str, str]:
    """The ids of an old and a new memory that contradict each other, with a proposal about them."""
    old = run_mem("add", OLD, "--created", "2026-01-02").stdout.split()[0]
    new = run_mem("add", NEW, "--created", "2026-05-02").stdout.split()[0]
    propose(store)
    return old, new


def propose(store: Store) -> None:
    connection = schema.open_for_reading(store.place)
    try:
        findings = duplicates.in_store(connection, rejected=proposals.rejected_pairs(store.place))
    finally:
        connection.close()
    proposals.propose(store.place, [proposals.of_finding(one) for one in findings], NOW)


def supersedes(store: Store) -> dict[str, tuple[str, ...]]:
    memories = [parse(data, name=name) for name, data in tree_bytes(store.place.tree).items()]
    return {str(memory.id): memory.supersedes for memory in memories}


def test_an_agent_lists_accepts_and_undoes(store: Store, pair: tuple[str, str]) -> None:
    old, new = pair
    before = tree_bytes(store.place.tree)
    (shown,) = run_mem("review", "--json").json()
    assert (shown["kind"], shown["reason"]) == ("changed", "10 MB → 25 MB")
    assert [about["id"] for about in shown["about"]] == [new, old]
    assert shown["operations"] == [{"op": "SUPERSEDE", "id": old, "by": new}]
    accepted = run_mem("review", "--accept", shown["id"][:4], "--json")
    assert accepted.json() == [{"id": shown["id"], "kind": "changed", "decision": "accepted"}]
    assert supersedes(store) == {new: (old,), old: ()}
    assert run_mem("review", "--json").json() == []
    assert run_mem("undo").code == 0
    assert tree_bytes(store.place.tree) == before


def test_what_is_rejected_stays_away(store: Store, pair: tuple[str, str]) -> None:
    before = tree_bytes(store.place.tree)
    (shown,) = run_mem("review", "--json").json()
    assert "rejected" in run_mem("review", "--reject", shown["id"]).stdout
    propose(store)
    assert run_mem("review").stdout == "nothing to review\n"
    assert tree_bytes(store.place.tree) == before


def test_an_unknown_id_decides_nothing(store: Store, pair: tuple[str, str]) -> None:
    """All ids are understood before the first is acted on."""
    (shown,) = run_mem("review", "--json").json()
    refused = run_mem("review", "--accept", shown["id"], "--accept", "nosuch")
    assert refused.code == 1
    assert "mem review --list" in refused.stderr
    assert len(run_mem("review", "--json").json()) == 1


def test_the_list_is_a_table(pair: tuple[str, str]) -> None:
    for arguments in (("--list",), ("--no-input",)):
        listed = run_mem("review", *arguments)
        _, kind, why, about = listed.stdout.rstrip("\n").split("\t")
        assert (kind, why) == ("changed", "10 MB → 25 MB")
        assert about == f"{NEW} / {OLD}"
        assert "--accept" in listed.stderr


def test_agents_are_not_asked(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    assert run_mem("review", stdin="y\n").stdout.count("\n") == 1


def test_answers_by_the_line(store: Store, pair: tuple[str, str]) -> None:
    old, new = pair
    skipped = run_mem("review", stdin="?\ns\n")
    assert skipped.stdout.count(review.KEYS) == 2, "what is no answer is asked again"
    assert "0 decided, 1 left" in skipped.stdout
    assert "0 decided, 1 left" in run_mem("review", stdin="").stdout
    answered = run_mem("review", stdin="Y\n")
    assert "«10»" in answered.stdout
    assert "«25»" in answered.stdout
    assert supersedes(store)[new] == (old,)


def test_wide_terminals_show_both_side_by_side(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    wide = run_mem("review", stdin="s\n").stdout.splitlines()
    assert any("«25» MB." in line and "│" in line and "«10» MB." in line for line in wide)
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run_mem("review", stdin="s\n").stdout
    assert "│" not in narrow
    assert "«25» MB." in narrow


def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\np = pathlib.Path(sys.argv[1])\n"
        f"p.write_text(p.read_text(encoding='utf-8').replace({old!r}, {new!r}), encoding='utf-8')\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    monkeypatch.delenv("VISUAL", raising=False)


def test_edit_opens_the_memory_that_would_stay(
    store: Store, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor(monkeypatch, tmp_path, "25 MB", "25 MB for members")
    assert "all decided" in run_mem("review", stdin="e\n").stdout
    texts = b"".join(tree_bytes(store.place.tree).values())
    assert b"25 MB for members." in texts
    assert b"10 MB." in texts
    assert run_mem("review", "--json").json() == [], "the proposal was about another text"


def test_edit_writes_the_text_of_a_new_memory(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    adding: dict[str, object] = {"op": "ADD", "text": "Always warm the cache.", "type": "lesson"}
    proposals.propose(store.place, [Draft("lesson", (), "said in 3 sessions", (adding,))], NOW)
    editor(monkeypatch, tmp_path, "Always", "On Mondays")
    shown = run_mem("review", stdin="e\n")
    assert "Always warm the cache." in shown.stdout
    assert b"On Mondays warm the cache." in b"".join(tree_bytes(store.place.tree).values())
    assert run_mem("undo").code == 0
    assert tree_bytes(store.place.tree) == {}


def test_a_proposal_that_cannot_be_done_any_more_is_said(store: Store) -> None:
    gone: dict[str, object] = {"op": "DELETE", "id": "nosuchmemory"}
    (made,) = proposals.propose(store.place, [Draft("unused", (), "never used", (gone,))], NOW)
    assert run_mem("review", "--accept", made.id).code == 23
    asked = run_mem("review", stdin="y\n")
    assert "cannot be done" in asked.stderr
    assert "0 decided, 1 left" in asked.stdout
    assert asked.code == 0


def test_escape_codes_of_texts_do_not_reach_the_terminal(store: Store) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07"
    for text in (OLD, NEW):
        run_mem("add", text.replace("Uploads", f"Uploads{evil}"), "--title", f"Limit{evil} of {text[-6:]}")
    propose(store)
    reason: dict[str, object] = {"op": "ADD", "text": f"Text{evil}"}
    proposals.propose(store.place, [Draft(f"kind{evil}", (), f"reason{evil}", (reason,))], NOW)
    for arguments, stdin in ((("--list",), ""), ((), "s\ns\n"), (("--json",), "")):
        result = run_mem("review", *arguments, stdin=stdin)
        assert result.stdout
        assert "\x1b" not in result.stdout + result.stderr
        assert "\x07" not in result.stdout + result.stderr


def test_secrets_in_texts_are_masked(store: Store) -> None:
    key = "AKIA" + "J5Q7ZP2MXW4RT6YB"
    for number, text in enumerate((OLD, NEW)):
        path = Path(store.place.tree) / f"{number}.md"
        path.write_text(f"{text[:-1]} with {key}.\n", encoding="utf-8")
    run_mem("index")
    propose(store)
    for arguments, stdin in ((("--list",), ""), ((), "s\n"), (("--json",), "")):
        result = run_mem("review", *arguments, stdin=stdin)
        assert "MB" in result.stdout
        assert key not in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_a_terminal_gives_one_key_without_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    import pty

    ours, theirs = pty.openpty()
    pressed = threading.Event()

    def press() -> None:  # more than once: what was typed before the question is not an answer to it
        while not pressed.wait(0.05):
            os.write(ours, b"n")

    finger = threading.Thread(target=press)
    finger.start()
    try:
        with open(theirs, encoding="utf-8") as keyboard:
            monkeypatch.setattr(sys, "stdin", keyboard)
            key: Callable[[], str] = review._key
            assert key() == "n"
    finally:
        pressed.set()
        finger.join()
        os.close(ours)
