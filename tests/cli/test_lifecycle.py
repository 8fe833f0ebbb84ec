"""Aging through the command line: feedback, gc, what recall does with faded memories, what status and show draw."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memcli import config
from memcli.lifecycle import fade
from memcli.store import Store
from tests.command import run_mem

DAY = 86_400.0
START = 1_780_000_000.0
Clock = Callable[[float], None]


@pytest.fixture
def to(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock of every command, in days after START."""

    def set_clock(day: float) -> None:
        monkeypatch.setattr("time.time", lambda: START + day * DAY)

    set_clock(0)
    return set_clock


def add(text: str, *options: str) -> str:
    written: str = run_mem("add", text, "--json", *options).json()["id"]
    return written


def live(to: Clock, days: int, *used: str) -> list[dict[str, Any]]:
    """Days on which somebody works with the store: every week each of `used` helps, something is noted, and gc runs.

    Returns all moves, in order.
    """
    moves: list[dict[str, Any]] = []
    for day in range(0, days, 6):
        to(day)
        add(f"note of day {day}", "--topic", "diary")
        for name in used:
            run_mem("feedback", name, "--useful")
        moves += gc()["moves"]
    to(days)
    return moves + gc()["moves"]


def gc(*options: str) -> Any:
    return run_mem("gc", "--json", *options).json()


def tier(name: str) -> str:
    found: str = run_mem("show", name, "--json").json()["tier"]
    return found


def snapshot(folder: str) -> dict[str, str]:
    """Every file below a folder, by its bytes."""
    return {
        os.path.join(top, name): hashlib.sha256(Path(top, name).read_bytes()).hexdigest()
        for top, _, names in os.walk(folder)
        for name in names
        if not name.endswith(("-shm", "-wal"))
    }


def test_what_is_used_stays_and_the_rest_fades(store: Store, to: Clock) -> None:
    used, unused = add("The pump runs at 40 bar."), add("The kettle is in the shed.")
    pinned = add("Never paint the gate.", "--pin")
    moved = [move for move in live(to, 90, used) if move["id"] == unused]
    assert [move["to"] for move in moved] == ["warm", "cold", "dormant", "archived"]
    assert "never used" in moved[-1]["why"]
    assert (tier(used), tier(unused), tier(pinned)) == ("hot", "archived", "hot")
    assert gc()["moves"] == [], "once is enough"


def test_a_dry_run_writes_nothing(store: Store, to: Clock) -> None:
    add("The kettle is in the shed.")
    live(to, 30)
    to(36)
    run_mem("status")
    before = snapshot(store.place.folder)
    shown = gc("--dry-run")
    assert shown["moves"]
    assert snapshot(store.place.folder) == before
    assert "would fade" in run_mem("gc", "--dry-run").stdout


def test_undo_takes_a_fading_back(store: Store, to: Clock) -> None:
    unused = add("The kettle is in the shed.")
    to(6)
    assert [move["to"] for move in gc()["moves"]] == ["warm"]
    assert tier(unused) == "warm"
    run_mem("undo")
    assert tier(unused) == "hot"


def test_archived_memories_speak_where_nothing_else_does(store: Store, to: Clock) -> None:
    old = add("The kettle is in the shed.")
    live(to, 90)
    new = add("The kettle is new and red.")
    answer = run_mem("recall", "kettle red", "--json").json()["results"]
    assert new in [row["id"] for row in answer]
    assert old not in [row["id"] for row in answer]
    everything = run_mem("recall", "kettle red", "--all", "--json").json()["results"]
    assert [row["marks"] for row in everything if row["id"] == old] == [["archived"]]
    alone = run_mem("recall", "what lies in the shed", "--json").json()["results"]
    assert [row["marks"] for row in alone if row["id"] == old] == [["archived"]]


def test_a_weak_answer_shows_what_is_archived_too(store: Store, to: Clock) -> None:
    """Even far behind what is not archived: nothing here is sure to answer."""
    old = add("The kettle and the ladder are in the shed behind the garden, says Ann, who was there.")
    live(to, 90)
    add("The shed door.", "--title", "Shed")
    unknown = " ".join(f"zebra{n}quartz" for n in range(22))
    assert old not in [row["id"] for row in run_mem("recall", "who saw the shed", "--json").json()["results"]]
    weak = run_mem("recall", f"who saw the shed {unknown}", "--json").json()
    assert weak["confidence"] < 0.35
    assert old in [row["id"] for row in weak["results"]]


def test_an_archived_memory_is_judged_by_its_meaning(store: Store, to: Clock) -> None:
    """Words lead to it; that it is the one which answers, only its meaning says."""
    old = add("Invoices of the boiler are due within a month.", "--title", "Boiler papers")
    other = add("The boiler hums in the cellar like a cat.", "--title", "Boiler poem")
    live(to, 90)
    assert (tier(old), tier(other)) == ("archived", "archived")
    config.set_value("model", None)  # the shipped one
    run_mem("index", model=True)
    question = "when must we pay what the boiler cost"
    found = run_mem("recall", question, "--all", "--json", "--explain", model=True).json()["results"]
    scores = {row["id"]: row["why"]["channels"].get("semantic", {}).get("score", 0.0) for row in found}
    assert scores[old] > 0.7
    assert scores[old] > scores[other]
    assert run_mem("show", old, "--json").json()["tier"] == "archived", "nothing is written"


def test_feedback_brings_back_at_once(store: Store, to: Clock) -> None:
    old = add("The kettle is in the shed.")
    live(to, 90)
    assert tier(old) == "archived"
    shown = run_mem("feedback", old, "--useful", "--json").json()
    assert (shown["tier"], shown["uses"]) == ("hot", 1)
    assert tier(old) == "hot"
    assert "marks" not in run_mem("recall", "shed", "--json").json()["results"][0]


def test_restore_brings_a_faded_memory_back(store: Store, to: Clock) -> None:
    old = add("The kettle is in the shed.")
    assert run_mem("restore", old).code == 1, "it is neither forgotten nor faded"
    live(to, 90)
    assert run_mem("restore", old, "--json").json()["from"] == "archived"
    assert tier(old) == "hot"


def test_what_was_wrong_is_marked_until_it_is_mended(store: Store, to: Clock) -> None:
    wrong = add("The kettle is in the shed.", "--title", "Kettle place")
    run_mem("feedback", wrong, "--wrong")
    assert run_mem("show", wrong, "--json").json()["barred"]
    assert run_mem("recall", "shed", "--json").json()["results"][0]["marks"] == ["marked wrong"]
    run_mem("edit", wrong, "--append", "No: in the hall.")
    assert not run_mem("show", wrong, "--json").json()["barred"]
    assert "marks" not in run_mem("recall", "shed", "--json").json()["results"][0]


def test_outcomes_decide_between_equals(store: Store) -> None:
    first, second = (add("The gate code is kept by Ann.", "--topic", where) for where in ("a", "b"))
    for name, word in ((first, "--wrong"), (second, "--useful")):
        run_mem("feedback", name, word)
    row = run_mem("recall", "who keeps the gate code", "--json", "--explain").json()["results"][0]
    assert (row["id"], row["why"]["shares"]["standing"] > 0) == (second, True)


def test_recalling_moves_nothing(store: Store, to: Clock) -> None:
    for n in range(6):
        add(f"The pump number {n} runs at {40 + n} bar.")
    live(to, 30)
    asked = Path(store.place.project, "asked.jsonl")
    asked.write_text('{"query": "pump bar", "now": "2026-07-01"}\n' * 450, encoding="utf-8")
    lines = run_mem("recall", "--batch", str(asked), "--json").stdout.splitlines()
    assert len(lines) == 450
    assert len({json.dumps(json.loads(line)["results"]) for line in lines}) == 1
    assert gc()["moves"] == []


@pytest.mark.parametrize(
    ("day", "reason"),
    [(-3650.0, "behind"), (3650.0, "may have jumped"), (-START / DAY, "behind")],
    ids=("-10y", "+10y", "1970"),
)
def test_a_clock_that_jumped_fades_nothing(day: float, reason: str, store: Store, to: Clock) -> None:
    name = add("The kettle is in the shed.")
    add("The pump runs at 40 bar.")
    to(day)
    shown = gc()
    assert (shown["moves"], reason in shown["refused"]) == ([], True)
    assert run_mem("show", name, "--json").json()["retention"] <= 1.0
    to(0)
    assert tier(name) == "hot"


def test_an_hour_more_or_less_is_nothing(store: Store, to: Clock) -> None:
    add("The kettle is in the shed.")
    for hours in (-1, 1):
        to(hours / 24)
        assert (gc()["moves"], gc()["refused"]) == ([], None)


def test_another_branch_fades_nothing(store: Store, to: Clock) -> None:
    for n in range(8):
        add(f"Memory number {n}.")
    to(6)
    for path in list(Path(store.place.tree).rglob("*.md"))[1:]:
        path.unlink()
    shown = gc()
    assert (shown["moves"], "another branch" in shown["refused"]) == ([], True)


def test_half_of_a_store_does_not_fall_silent_at_once(store: Store, to: Clock) -> None:
    for n in range(fade.FEW):
        add(f"Memory number {n} of a project.")
    for day in range(7, 90, 6):
        to(day)
        run_mem("feedback", run_mem("ls", "--json").json()[0]["id"], "--useful")
    shown = gc()
    assert (shown["moves"], "fall silent" in shown["refused"]) == ([], True)
    assert "mem gc --force" in run_mem("gc").stderr
    assert gc("--force")["moves"]


def test_a_rebuilt_index_has_the_same_tiers(store: Store, to: Clock) -> None:
    unused = add("The kettle is in the shed.")
    live(to, 90)
    run_mem("index", "rebuild")
    assert tier(unused) == "archived"
    assert "archived" in run_mem("recall", "what lies in the shed", "--json").json()["results"][0]["marks"]


def test_files_by_hand_fade_and_come_back_when_edited(store: Store, to: Clock) -> None:
    path = Path(store.place.tree, "hand.md")
    path.write_text("The kettle is in the shed, by hand.\n", encoding="utf-8")
    live(to, 90)
    assert tier("hand") == "archived"
    path.write_text("The kettle is in the hall, by hand.\n", encoding="utf-8")
    assert tier("hand") == "hot"


def test_status_and_show_draw(store: Store, to: Clock) -> None:
    name = add("The kettle is in the shed.")
    live(to, 60)
    shown = run_mem("status").stdout
    assert "archived" in shown
    assert "without use" in shown
    assert run_mem("status", "--json").json()[0]["tiers"]["warm"] == 1
    curve = run_mem("show", name, "--curve").stdout
    assert "60 days ago" in curve
    assert any("\u2800" < c <= "\u28ff" for c in curve)


def test_feedback_says_one_thing(store: Store) -> None:
    name = add("The kettle is in the shed.")
    for options in ((), ("--useful", "--wrong")):
        run = run_mem("feedback", name, *options)
        assert (run.code, "mem feedback" in run.stderr) == (2, True)
    assert run_mem("feedback", "zzzzzz", "--useful").code == 1


# --- consolidation -----------------------------------------------------------------------------------------------------


def test_gc_proposes_and_review_decides(store: Store) -> None:
    old = add("The API gateway retries failed requests 3 times.", "--title", "Gateway retries", "--topic", "net")
    new = add("The API gateway retries failed requests 5 times.", "--title", "Retries of the gateway", "--topic", "api")
    (proposed,) = gc()["proposals"]
    assert (proposed["kind"], set(proposed["about"])) == ("changed", {old, new})
    assert gc()["proposals"] == [], "once is enough"
    (waiting,) = run_mem("review", "--json").json()
    run_mem("review", "--accept", waiting["id"])
    assert run_mem("review", "--json").json() == []
    (shown,) = run_mem("recall", "how often does the gateway retry", "--json").json()["results"]
    assert (shown["id"], shown["replaces"][0]["id"]) == (new, old)


def test_a_topic_has_a_digest(store: Store) -> None:
    for n, thing in enumerate(("pump", "kettle", "ladder", "gate", "roof")):
        add(f"The {thing} was mended in week {n} by the neighbours, and paid in apples.", "--topic", "garden")
    assert "no digest yet" in run_mem("show", "garden").stdout
    assert gc()["digests"]["made"] == 1
    assert "neighbours" in run_mem("show", "garden").stdout
    assert run_mem("recall", "digest of 5 memories", "--json", "--lexical").json()["results"] == []


def test_gc_names_broken_links(store: Store) -> None:
    add("See [[garden/pumps]] for more.", "--title", "Water")
    add("The pump runs at 40 bar.", "--title", "Pumps", "--topic", "gardens")
    (broken,) = gc()["broken_links"]
    assert broken["target"] == "garden/pumps"
    assert "broken link: " in run_mem("gc").stdout


def test_what_is_shown_often_and_never_used_is_asked_about(store: Store, to: Clock) -> None:
    idle, used, pinned = add("The kettle is red."), add("The pump runs at 40 bar."), add("The gate is shut.", "--pin")
    run_mem("feedback", used, "--useful")
    for day in range(8):
        to(day)
        for name in (idle, used, pinned):
            run_mem("feedback", name, "--shown")
            run_mem("feedback", name, "--shown")
    (proposed,) = [row for row in gc()["proposals"] if row["kind"] == "unused"]
    assert proposed["about"] == [idle]
    run_mem("review", "--accept", run_mem("review", "--json").json()[0]["id"])
    assert idle in run_mem("restore", "--json").stdout


def test_being_shown_moves_nothing(store: Store, to: Clock) -> None:
    names = [add(f"The pump number {n} runs at {40 + n} bar.") for n in range(3)]
    before = run_mem("recall", "pump bar", "--json").json()["results"], run_mem("show", names[0], "--json").json()
    journal = Path(store.place.local, "journal")
    written = snapshot(str(journal))
    for _ in range(5):
        run_mem("feedback", names[0], "--shown")
    assert snapshot(str(journal)) == written
    after = run_mem("recall", "pump bar", "--json").json()["results"], run_mem("show", names[0], "--json").json()
    assert after == before


def test_purging_forgets_what_was_shown(store: Store) -> None:
    name = add("The kettle is red.")
    run_mem("feedback", name, "--shown")
    state = os.path.join(os.environ["XDG_STATE_HOME"] if "XDG_STATE_HOME" in os.environ else str(Path.home()), "")
    held = [path for path in Path(state).rglob("*.jsonl") if name in path.read_text()]
    assert held
    run_mem("forget", name, "--purge", "--yes")
    assert not [path for path in held if name in path.read_text()]
