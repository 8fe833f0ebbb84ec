"""`mem context --prompt` and `mem log --injected`: what would be said at a prompt, what was, and why nothing."""

from __future__ import annotations

import json

import pytest

from memcli.agents import inject
from memcli.agents.evidence import ENOUGH
from memcli.agents.sessions import Session
from memcli.store import Store
from tests.agents.test_inject import ASK, PORTS, is_of, keep
from tests.command import run_mem

OTHER = "knit a scarf of merino wool"


@pytest.fixture
def ports(store: Store) -> Store:
    keep(store.place, "portspricing", PORTS, created="2026-02-17")
    keep(store.place, "otherthing22", "Tickets are rendered with typst since May.", created="2026-02-18")
    keep(store.place, "otherthing33", "Refunds come from the ledger entry of the sale.", created="2026-02-19")
    return store


def test_a_prompt_prints_the_block(ports: Store) -> None:
    found = run_mem("context", "--prompt", ASK)
    assert (found.code, found.stderr) == (0, "")
    opening, line, closing = found.stdout.splitlines()
    assert opening.startswith("[memcli] 1 memory (")
    assert line == f"- 2026-02-17 fact port (user): {PORTS}"
    assert closing == "[/memcli]"


def test_a_prompt_from_standard_input(ports: Store) -> None:
    assert PORTS in run_mem("context", "--prompt", "-", stdin=ASK).stdout


def test_silence_prints_nothing_and_says_why(ports: Store) -> None:
    found = run_mem("context", "--prompt", OTHER)
    assert (found.code, found.stdout) == (0, "")
    assert inject.REASONS["unknown"] in found.stderr
    assert "--explain" in found.stderr


def test_explained(ports: Store) -> None:
    """Each memory that was considered is named with what became of it, and how sure it was and had to be."""
    keep(ports.place, "portsofferry", "The ferry calls at three ports.", created="2026-02-20")
    keep(ports.place, "portsofcall2", "The pricing service listens on port 80, says the clone.")
    is_of(ports, "portsofcall2", "held")
    said = run_mem("context", "--prompt", ASK, "--explain").stdout
    rows = {line.split()[0]: line for line in said.splitlines() if line.startswith("  ")}
    assert "speaks · sure" in said
    assert f"{ENOUGH:.2f} is enough" in said
    assert "by words alone" in said
    told = run_mem("context", "--prompt", ASK, "--explain", "--json").json()
    reasons = {row["id"]: row["reason"] for row in told["considered"]}
    assert reasons["portspricing"] is None
    assert reasons["portsofcall2"] == "held"
    assert reasons["portsofferry"] == "weaker"
    assert {"portsp", "portsofc", "portsoff"} <= rows.keys()  # as much of an id as tells it from others
    for reason in ("held", "weaker"):
        assert inject.REASONS[reason] in said
    assert "put before the agent" in said


def test_explained_silence(ports: Store) -> None:
    is_of(ports, "portspricing", "quarantined")
    said = run_mem("context", "--prompt", ASK, "--explain").stdout
    assert said.startswith("says nothing: looks like an order to an agent (mem review) · sure ")


def test_as_json(ports: Store) -> None:
    found = run_mem("context", "--prompt", ASK, "--json").json()
    assert found["ids"] == ["portspricing"]
    assert found["text"].count(PORTS) == 1
    assert found["chars"] == len(found["text"]) <= inject.ROOM
    assert found["silent"] is None
    assert found["sure"] > found["enough"]
    silent = run_mem("context", "--prompt", OTHER, "--json").json()
    assert (silent["text"], silent["ids"], silent["silent"]) == ("", [], "unknown")


def test_what_the_session_was_shown_counts(ports: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session("claude-code", "s1")
    key = session.begin("prompt", ASK, 1_000.0)
    assert key is not None
    session.end(key, injected=[("portspricing", ports.place.state_key())], chars=100)
    assert PORTS in run_mem("context", "--prompt", ASK).stdout
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "s1")
    assert run_mem("context", "--prompt", ASK, "--json").json()["silent"] == "shown"


def test_no_store() -> None:
    found = run_mem("context", "--prompt", ASK)
    assert (found.code, found.stdout) == (1, "")


# --- the log ------------------------------------------------------------------------------------------------------------


def note(name: str, at: float, *, silent: str | None = None, injected: tuple[str, ...] = ()) -> None:
    session = Session("codex", name, "/work")
    key = session.begin("prompt", f"{name} {at}", at)
    assert key is not None
    session.end(key, silent=silent, injected=[(one, "store") for one in injected], chars=7 * len(injected), ms=12)


def test_the_log_of_hooks() -> None:
    """Newest first, with what was said or why nothing was; of one session, of the last, since a day, a few of them."""
    note("first-session", 1_780_000_000.0, injected=("portspricing", "session2222b^t0001"))
    note("first-session", 1_780_000_100.0, silent="shown")
    note("other-session", 1_780_300_000.0, silent="unsure")
    rows = run_mem("log", "--injected", "--json").json()
    assert [(row["session"], row["silent"]) for row in rows] == [
        ("other-session", "unsure"), ("first-session", "shown"), ("first-session", None),
    ]  # fmt: skip
    assert rows[2]["injected"] == ["portspricing", "session2222b^t0001"]
    assert rows[0]["why"] == inject.REASONS["unsure"]
    lines = run_mem("log", "--injected").stdout.splitlines()
    assert lines[0].split("\t")[1:4] == ["codex other-se", "prompt", "silent: not clearly about this"]
    assert lines[2].split("\t")[1:] == ["codex first-se", "prompt", "port sess^t0001", "14", "12"]
    last = json.loads(run_mem("log", "--injected", "--session", "last", "--json").stdout)
    assert [row["session"] for row in last] == ["other-session"]
    of_one = run_mem("log", "--injected", "--session", "first", "--json").json()
    assert {row["session"] for row in of_one} == {"first-session"}
    assert len(run_mem("log", "--injected", "-n", "1", "--json").json()) == 1
    assert len(run_mem("log", "--injected", "--since", "2026-05-30", "--json").json()) == 1


def test_the_log_of_hooks_that_were_never_called() -> None:
    found = run_mem("log", "--injected")
    assert (found.code, found.stdout) == (1, "")
    assert "mem hooks status" in found.stderr


def test_the_log_of_one_memory_is_another() -> None:
    assert run_mem("log", "k7q9", "--injected").code == 2
