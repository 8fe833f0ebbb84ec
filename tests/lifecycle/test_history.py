"""What happened to memories, as the journal tells it: adds, edits, moves, undos, feedback, tiers, files written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from memcli import journal
from memcli.lifecycle import history
from memcli.lifecycle.history import Known, Story
from memcli.store import Store
from memcli.text import content_hash, digest

START = 1_780_000_000.0  # 2026-05-28
DAY = 86_400.0
Clock = Callable[[float], None]


@pytest.fixture
def aging(store: Store) -> tuple[Store, Clock]:
    """The store, and a way to set its clock, in days after START."""
    at = [START]

    def to(day: float) -> None:
        at[0] = START + day * DAY

    return Store(store.place, now=lambda: at[0]), to


def told(store: Store, path: str, name: str) -> list[tuple[int, str]]:
    """(days after START, what) of the memory at `path`."""
    return [
        (round(what.day - history.moment("2026-05-28T20:26:40Z")), what.what)
        for what in story(store, path, name).happenings
    ]


def story(store: Store, path: str, name: str) -> Story:
    return history.stories(journal.events(store.place), [Known(name, path, "")])[name]


def about(store: Store, verb: str, pairs: Iterable[tuple[str, str]], day: float) -> str:
    return journal.record(store.place, verb, [], by="you", origin="/", now=START + day * DAY, about=pairs).op


def test_adds_edits_and_moves_belong_to_the_memory(aging: tuple[Store, Clock]) -> None:
    store, to = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    to(3)
    store.edit(written.path, append="Since May.")
    to(5)
    moved = store.edit(written.path, topic="machines")
    to(6)
    store.add("Another pump.", title="pump")
    assert told(store, moved.path, written.id) == [(0, "indexed"), (3, "edited"), (5, "edited")]
    assert told(store, "tree/inbox/pump.md", "other") == [(6, "indexed")]


def test_what_was_undone_never_happened(aging: tuple[Store, Clock]) -> None:
    store, to = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    to(3)
    store.edit(written.path, append="Since May.")
    to(4)
    store.undo()
    assert told(store, written.path, written.id) == [(0, "indexed")]


def test_feedback_goes_by_id_wherever_the_file_lies(aging: tuple[Store, Clock]) -> None:
    store, to = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    about(store, history.FEEDBACK, [(written.id, "useful"), ("other", "wrong")], 2)
    to(3)
    moved = store.edit(written.path, topic="machines")
    about(store, history.FEEDBACK, [(written.id, "wrong"), (written.id, "nonsense")], 4)
    assert told(store, moved.path, written.id) == [(0, "indexed"), (2, "useful"), (3, "edited"), (4, "wrong")]


def test_the_last_tier_counts_unless_it_was_undone(aging: tuple[Store, Clock]) -> None:
    store, _ = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    about(store, history.FADE, [(written.id, "cold")], 2)
    last = about(store, history.FADE, [(written.id, "archived"), ("x", "no tier")], 3)
    assert story(store, written.path, written.id).tier == "archived"
    journal.record(store.place, "undo", [], by="you", origin="/", now=START + 4 * DAY, undoes=last)
    assert story(store, written.path, written.id).tier == "cold"


def test_a_forgotten_memory_that_comes_back_is_the_same(aging: tuple[Store, Clock]) -> None:
    store, to = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    to(2)
    store.forget([written.path])
    to(9)
    store.restore(written.id)
    assert told(store, written.path, written.id)[0] == (0, "indexed")


def test_files_by_hand_begin_when_they_are_first_seen(aging: tuple[Store, Clock]) -> None:
    store, _ = aging
    Path(store.place.tree, "hand.md").write_text("By hand.\n", encoding="utf-8")
    assert story(store, "tree/hand.md", "hand") == Story([], "hot", None)
    about(store, journal.SEEN, [("hand", "hash1")], 2)
    about(store, journal.SEEN, [("hand", "hash2")], 5)
    assert told(store, "tree/hand.md", "hand") == [(2, "indexed"), (5, "edited")]
    assert story(store, "tree/hand.md", "hand").hash == "hash2"


def test_the_hash_of_what_mem_wrote_is_known(aging: tuple[Store, Clock]) -> None:
    store, _ = aging
    written = store.add("The pump runs at 40 bar.", title="pump")
    store.sync(embed=False)
    data = Path(store.place.absolute(written.path)).read_bytes()
    assert story(store, written.path, written.id).hash == content_hash(data)


def test_of_what_was_found_and_what_mem_wrote_the_later_counts(aging: tuple[Store, Clock]) -> None:
    """Else a file by hand that `mem` edited would be taken for edited by hand, at every look."""
    store, _ = aging
    Path(store.place.tree, "hand.md").write_text("By hand.\n", encoding="utf-8")
    about(store, journal.SEEN, [("hand", "found")], 2)
    assert story(store, "tree/hand.md", "hand").hash == "found"
    written = store.edit("tree/hand.md", append="By mem.")
    assert story(store, written.path, "hand").hash == digest(Path(store.place.absolute(written.path)).read_bytes())
    about(store, journal.SEEN, [("hand", "found later")], 3)
    assert story(store, written.path, "hand").hash == "found later"


def test_activity_is_what_people_did_not_what_fading_did(aging: tuple[Store, Clock]) -> None:
    store, to = aging
    store.add("one")
    about(store, history.FADE, [("x", "cold")], 200)
    about(store, journal.SEEN, [("x", "h")], 201)
    to(300)
    store.add("two")
    active = history.activity(journal.events(store.place))
    start = history.moment("2026-05-28")
    assert active.between(start, start + 300) == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-05-28T12:00:00Z", 739764.5),
        ("2026-05-28", 739764.0),
        ("nonsense", 0.0),
        ("1970-01-01T00:00:00Z", 719163.0),
    ],
)
def test_a_moment_in_days(at: str, day: float) -> None:
    assert history.moment(at) == day
