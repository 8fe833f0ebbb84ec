"""Recurring lessons: what counts as said again in several sessions, and what must not be proposed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli import operations
from memcli.index import schema
from memcli.lifecycle import consolidation, lessons
from memcli.lifecycle.instructions import instruction, signed
from memcli.lifecycle.lessons import Lesson
from memcli.store import Store
from tests.recall.asking import note, talk, write

Turns = tuple[tuple[str, str], ...]
# Sessions that have nothing to do with each other, so that words are as rare as they are in a store that is in use.
OTHERS = (
    "Add a Pause button to the timer.", "Rename the helper in the parser.", "Explain how the retry logic works.",
    "The header overlaps the menu on mobile.", "Write a script that exports the users as CSV.",
    "Make sure the dialog closes on escape.", "Never mind, I found it.", "Don't change the header for now.",
)  # fmt: skip


def recurring(
    store: Store, *sessions: str | Turns, embed: bool = False, files: dict[str, str] | None = None
) -> list[Lesson]:
    """The lessons of a store of these sessions, each one user turn or several turns, and eight others."""
    told = [session if isinstance(session, tuple) else (("user", session),) for session in (*sessions, *OTHERS)]
    episodes = {
        f"episodes/s{n:02}.md": talk(*turns, ("assistant", "Done."), day=f"2026-05-{n + 1:02}", session=f"s{n:02}")
        for n, turns in enumerate(told)
    }
    write(store.place.private_tree, episodes)
    write(store.place.tree, files or {})
    store.sync(embed=embed)
    connection = schema.open_for_reading(store.place)
    try:
        return lessons.recurring(connection)
    finally:
        connection.close()


def test_what_three_sessions_say_is_a_lesson_with_its_turns(store: Store) -> None:
    (lesson,) = recurring(
        store, "No, use pnpm, not npm.", "please use pnpm instead of npm", "again: pnpm, don't run npm here"
    )
    assert (lesson.text, lesson.type) == ("Use pnpm, not npm.", "preference")
    assert [told.link for told in lesson.told] == [f"episodes/s0{n}#^t0001" for n in range(3)]
    assert all(len(told.hash) == 64 for told in lesson.told)


@pytest.mark.parametrize(
    "sessions",
    [
        ("Always run tests before you commit.", "run the tests before committing", "Remember: run tests before each commit."),
        ("Never push to main.", "don't push to main, open a PR", "Please do not push straight to main."),
        ("Don't mock the database in tests.", "stop mocking the database", "I told you not to mock the database"),
        ("Always ask before you delete files.", "don't delete files without asking", "ask before deleting any files"),
    ],
)  # fmt: skip
def test_in_other_words(sessions: tuple[str, ...], store: Store) -> None:
    (lesson,) = recurring(store, *sessions)
    assert len(lesson.told) == 3


@pytest.mark.parametrize(
    ("why", "sessions"),
    [
        ("only two sessions", ("Always use pnpm for installs.", "Always use pnpm for installs.")),
        ("one says the opposite", ("Use tabs, not spaces.", "use tabs, not spaces", "Use spaces, not tabs.")),
        ("another number", [f"Always build container images of the workers with Node {n}." for n in (18, 20, 22)]),
        ("not self-contained", ("Don't mock it in the tests.",) * 3),
        ("says too little", ("I prefer blue.", "I prefer blue", "make sure the button is blue")),
        ("questions", ("Never use npm for installs?",) * 3),
        ("stories", ("I never thought about renting a van.",) * 3),
        ("orders for one task", ("Run the tests.", "run the tests", "Run the tests!")),
        ("a program's words", ("Log: <local-command-stdout>x. Always use pnpm for installs.",) * 3),
        ("a template", ("Always answer as a senior engineer of many years who cares about every detail.",) * 3),
    ],
)  # fmt: skip
def test_is_no_lesson(why: str, sessions: tuple[str, ...], store: Store) -> None:
    assert recurring(store, *sessions) == [], why


def test_what_the_assistant_says_is_no_lesson(store: Store) -> None:
    told: Turns = (("user", "Go on."), ("assistant", "Always use pnpm, not npm."))
    assert recurring(store, told, told, told) == []


def test_one_session_counts_once_however_often_it_says_so(store: Store) -> None:
    again: Turns = (("user", "Use pnpm, not npm."), ("user", "please use pnpm, not npm"))
    assert recurring(store, again, "no, use pnpm, not npm") == []


def test_a_resumed_session_counts_once(store: Store) -> None:
    turn = talk(("user", "Use pnpm, not npm."), session="a"), talk(("user", "Use pnpm, not npm."), session="b")
    write(store.place.private_tree, {"episodes/a.md": turn[0], "episodes/b.md": turn[1]})
    assert recurring(store, "no, use pnpm, not npm") == []


def test_what_a_memory_says_already_is_not_proposed(store: Store) -> None:
    said = ("Use pnpm, not npm.", "please use pnpm instead of npm", "again: pnpm, don't run npm here")
    assert (
        recurring(store, *said, files={"tools/pnpm.md": note("We install with pnpm; npm breaks the lock file.")}) == []
    )


def test_a_paraphrase_counts_by_its_vector(store: Store) -> None:
    said = (
        "Always give short and plain answers.",
        "Always give short and plain replies.",
        "Always give short, plain responses.",
    )
    assert recurring(store, *said) == []
    (lesson,) = recurring(store, *said, embed=True)
    assert len(lesson.told) == 3


def test_a_command_that_failed_and_what_worked_then(store: Store) -> None:
    def told(between: str) -> Turns:
        return (
            ("user", "Install it."),
            ("assistant", f"`pip install psycopg` failed with an error. {between}"),
            ("assistant", "`uv pip install psycopg` works."),
        )

    (lesson,) = recurring(store, told("Let me see."), told("Again."), told("Hm."))
    assert lesson.text == "When `pip install psycopg` fails, `uv pip install psycopg` works."
    assert lesson.type == "procedure"


def test_at_most_a_few(store: Store) -> None:
    rules = [
        f"Always wrap the {name} module in a {name} guard."
        for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")
    ]
    found = recurring(store, *[tuple(("user", rule) for rule in rules)] * 3)
    assert len(found) == lessons.MOST


def test_a_lesson_is_proposed_with_links_to_its_turns(store: Store) -> None:
    recurring(store, "No, use pnpm, not npm.", "please use pnpm instead of npm", "again: pnpm, don't run npm here")
    connection = schema.open_for_reading(store.place)
    (draft,) = consolidation.drafts(connection)
    connection.close()
    links = [f"learnt from:episodes/s0{n}#^t0001" for n in range(3)]
    assert draft.operations == ({"op": "ADD", "text": "Use pnpm, not npm.", "type": "preference", "links": links},)
    assert [one.path for one in draft.about] == [f"local/tree/episodes/s0{n}.md" for n in range(3)]
    assert not operations.read(json.dumps(draft.operations))[0].problems


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("use pnpm, not npm", {"pnpm": True, "npm": False}),
        ("don't use npm, use pnpm", {"npm": False, "pnpm": True}),
        ("use pnpm instead of npm", {"pnpm": True, "npm": False}),
        ("don't forget to update the changelog", {"updat": True, "changelog": True}),
        ("never commit without running tests", {"commit": False, "run": None, "test": None}),
        ("don't mock the database in tests", {"mock": False, "databas": False, "test": True}),
    ],
)  # fmt: skip
def test_signs(text: str, signs: dict[str, bool | None]) -> None:
    assert signed(text) == signs


@given(st.text(max_size=200))
def test_any_text_is_an_instruction_or_none(text: str) -> None:
    found = instruction(text)
    assert found is None or (found.signs and not found.contradicts(found))
