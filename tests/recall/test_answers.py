"""What recall returns of what it ranked: folded, cut to a budget, or nothing below a confidence; and how deep it went."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.cli.recall import TIERS
from memcli.encode.embedder import Embedder
from memcli.errors import ModelUnavailable
from memcli.recall.answer import LEAST_TOKENS, shortened
from memcli.recall.pipeline import DEEP, HYBRID, NAME, WORDS
from memcli.recall.plan import make_plan
from memcli.store import Store
from memcli.text import estimate_tokens
from tests.command import run_mem
from tests.recall.asking import Row, ask, embedded, names, note, shares, write

# --- what says the same ----------------------------------------------------------------------------------------------

LONG = "The harbour crane is serviced by the Dutch firm every spring, and the invoice goes to the port office in town"


def test_what_says_the_same_is_folded(store: Store) -> None:
    """One of them is shown, and the other is named there; what says something else is not folded."""
    write(
        store.place.tree,
        {
            "a/one.md": note(f"{LONG}."),
            "b/two.md": note(f"{LONG}!"),
            "c/other.md": note("The harbour crane is painted by the Dutch firm every autumn."),
        },
    )
    answer = ask("who services the harbour crane")
    assert names(answer) == ["one", "other"]
    (two,) = answer["results"][0]["same"]
    assert two == run_mem("show", "b/two", "--json").json()["id"]
    assert "same" not in answer["results"][1]
    shown = run_mem("recall", "who services the harbour crane").stdout
    assert shown.count("and 1 more that says the same") == 1
    write(store.place.tree, {"d/three.md": note(f"{LONG}…")})
    assert "and 2 more that say the same" in run_mem("recall", "who services the harbour crane").stdout


def test_folding_makes_room_for_others(store: Store) -> None:
    copies = {f"copies/{n}.md": note(f"{LONG}{'.' * n}") for n in range(1, 6)}
    write(store.place.tree, copies | {"z/other.md": note("The firm has a crane of its own.")})
    assert names(ask("harbour crane firm", "-n", "2")) == ["1", "other"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{LONG}, which pays 400 euros.", f"{LONG}, which pays 900 euros."),
        (f"{LONG}.", f"{LONG.replace('serviced', 'not serviced')}."),
        ("Olga owes Wim money.", "Wim owes Olga money."),
    ],
    ids=["number", "negation", "order"],
)
def test_a_changed_value_is_not_the_same(one: str, other: str, store: Store) -> None:
    write(store.place.tree, {"a/one.md": note(one), "b/other.md": note(other)})
    assert sorted(names(ask(one))) == ["one", "other"]


def test_what_nothing_speaks_for_is_left_out(store: Store) -> None:
    """The one that is furthest in meaning, shares no word and is connected to nothing."""
    write(
        store.place.tree,
        {"a.md": note("# Labels\n\nLabels stop."), "b.md": note("# Parking\n\nThere is room for six.")},
    )
    answer = ask("labels stop", model=True)
    assert names(answer) == ["a"], shares(answer, "b")


# --- a budget --------------------------------------------------------------------------------------------------------

FILLER = "Nothing of note happened in this part of the day, which went on for quite a while. "


def budgeted(question: str, tokens: int) -> list[Row]:
    first = run_mem("recall", question, "--budget", str(tokens), "--json").stdout
    result = run_mem("recall", question, "--budget", str(tokens), "--json")
    assert result.stdout == first  # the same answer each time
    rows: list[Row] = result.json()["results"]
    return rows


def test_a_passage_is_cut_to_what_answers(store: Store) -> None:
    write(store.place.tree, {"long.md": note(f"{FILLER * 5}The apples are in the cellar. {FILLER * 5}")})
    (row,) = budgeted("apples", 60)
    assert row["text"].startswith("… ")
    assert row["text"].endswith(" …")
    assert "The apples are in the cellar." in row["text"]
    assert estimate_tokens(row["text"]) <= 60
    assert "…" not in budgeted("apples", 500)[0]["text"]


def test_a_budget_is_filled_with_what_differs(store: Store) -> None:
    """A passage that says nothing new gives way, however good; without a budget it is shown."""
    write(
        store.place.tree,
        {
            "first.md": note("Apples are in the cellar, apples and pears, says Ann."),
            "second.md": note("Apples are in the cellar."),
            "third.md": note("The orchard has sold its apples since the frost, to the press beyond the river."),
        },
    )
    assert set(names(ask("apples in the cellar"))) == {"first", "second", "third"}
    assert {row["path"].rpartition("/")[2] for row in budgeted("apples in the cellar", 400)} == {"first.md", "third.md"}


def test_a_budget_counts_tokens_and_a_limit_memories(store: Store) -> None:
    fruits = ("apple plum", "apple pear", "apple fig", "apple quince", "apple grape", "apple melon")
    words = [f"{fruit} " + " ".join(f"{fruit[6:]}{n}" for n in range(40)) for fruit in fruits]
    write(store.place.tree, {f"{n}.md": note(text) for n, text in enumerate(words)})
    assert len(ask("apple", "-n", "3")["results"]) == 3
    sizes = [sum(estimate_tokens(row["text"]) for row in budgeted("apple", tokens)) for tokens in (60, 200, 400, 4000)]
    assert sizes == sorted(sizes)
    assert all(size <= tokens for size, tokens in zip(sizes, (60, 200, 400, 4000), strict=True))
    assert len(budgeted("apple", 1)) == 1
    assert len(budgeted("apple", 4000)) == 6


LATIN = [
    "word " * 800,
    "One. Two is a sentence of some length. Three apple here. " * 20,
    "Dr. Smith said so, e.g. this; " * 50,
    "apple\n\n" + "- an item\n" * 300,
]
OTHERS = [
    pytest.param("我们每周二部署网站。" * 100, id="chinese"),
    pytest.param("x" * 3000, id="one word"),
    pytest.param("слово " * 500, id="russian"),
]


@pytest.mark.parametrize("text", [*LATIN, *OTHERS])
@pytest.mark.parametrize("tokens", [LEAST_TOKENS, 100])
def testshortened_keeps_within_its_tokens(text: str, tokens: int) -> None:
    """And uses them: the marks of what is left out come on top."""
    cut = shortened(text, tokens, make_plan("apple"))
    assert tokens / 3 < estimate_tokens(cut) <= tokens + 3
    assert "…" in cut


# --- a least confidence ----------------------------------------------------------------------------------------------


def test_nothing_below_the_least_confidence(store: Store) -> None:
    write(store.place.tree, {"a.md": note("Apples are in the cellar."), "b.md": note("The press is by the river.")})
    question = "which apples did the auditor of the museum complain about"
    sure = ask(question)["confidence"]
    assert 0.0 < sure < 0.9
    result = run_mem("recall", question, "--min-confidence", "0.9")
    assert (result.code, result.stdout) == (1, "")
    said = f"{sure:.2f}".removeprefix("0")
    assert f"nothing above .90 in 2 memories; the closest has {said}" in result.stderr
    answer = run_mem("recall", question, "--min-confidence", "0.9", "--json")
    assert answer.code == 1
    assert (answer.json()["results"], answer.json()["confidence"]) == ([], sure)
    assert run_mem("recall", question, "--min-confidence", f"{sure - 0.01}").code == 0


@pytest.mark.parametrize("value", ["2", "-1", "many"])
def test_a_confidence_is_between_0_and_1(value: str, store: Store) -> None:
    assert run_mem("recall", "apples", "--min-confidence", value).code == 2


# --- tiers -----------------------------------------------------------------------------------------------------------

ASKED = [
    ("deploy plan", NAME),
    ("team/plan.md", NAME),
    ("getUserQuota", WORDS),
    ("HAL-123", WORDS),
    ("who is on call", HYBRID),
    ("get_nothing_like_it", HYBRID),  # not found as written
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    plan = "# Deploy plan\n\nSee the calendar; `getUserQuota` is slow, says HAL-123."
    return embedded(tmp_path_factory.mktemp("tiers"), {"team/plan.md": note(plan), "b.md": note("Ann is on call.")})


@pytest.mark.parametrize(("question", "tier"), ASKED)
def test_no_deeper_than_the_question_needs(
    question: str, tier: str, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the model is opened for the deepest tier alone."""
    assert ask(question, "--root", root, model=True)["tier"] == tier
    shown = run_mem("recall", question, "--root", root, "--explain", model=True).stdout
    assert shown.splitlines()[-1].endswith(f"answered by {TIERS[tier]}")

    def broken(*_: object, **__: object) -> Embedder:
        raise ModelUnavailable("the model is broken", hint="mem model verify")

    monkeypatch.setattr(Embedder, "open", broken)
    notices = ask(question, "--root", root, model=True).get("notices", [])
    assert notices == (["found by words only: the model is broken"] if tier == HYBRID else [])


def test_a_weak_answer_is_asked_again_with_its_words(tmp_path: Path) -> None:
    """What the first find leads to comes before what says the same of something else."""
    notes = {
        "drip.md": "# Espresso\n\nThe espresso machine drips until the descaler has run.",
        "keep/first.md": "# Cupboard\n\nThere is varnish under the sink, on the left.",
        "keep/second.md": "# Cupboard\n\nThere is descaler under the sink, on the left.",
        "fence.md": "# Paint\n\nThe fence gets a second coat in May.",
        "bus.md": "# Bus\n\nThe bus leaves at nine and comes back at four.",
    }
    root = embedded(tmp_path, {path: note(text) for path, text in notes.items()})
    question = "the espresso was bad today"
    answer = ask(question, "--root", root, model=True)
    assert (answer["tier"], answer["added"], names(answer)[:3]) == (DEEP, ["descaler"], ["drip", "second", "first"])
    shown = run_mem("recall", question, "--root", root, "--explain", model=True).stdout
    assert shown.splitlines()[-1].endswith(f"answered by {TIERS[DEEP]} (descaler)")


def test_a_named_memory_goes_first(store: Store) -> None:
    """A question that is an id, path or title is answered by that memory, whatever else shares its words."""
    store.add("deploy deploy deploy", title="Noise about deploy plan")
    written = store.add("See the calendar.", title="Deploy plan", topic="team")
    for name in (written.id, "team/deploy-plan", "deploy plan"):
        answer = ask(name)
        assert answer["results"][0]["id"] == written.id
        assert (answer["confidence"], answer["tier"]) == (1.0, "name")
    assert Path(answer["results"][0]["path"]).name == "deploy-plan.md"


@pytest.mark.parametrize("room", [204, 230, 400])
@pytest.mark.parametrize("sentence", [9, 60, 150])
def test_shortened_fills_what_is_least_wanted(room: int, sentence: int) -> None:
    """By characters, and with words of the sentences beside it where whole ones take too little."""
    text = " ".join(f"{'pear ' * (sentence // 5)}n{n}." for n in range(80)).replace("n40.", "apple.")
    cut = shortened(text, room, make_plan("apple"), len, 200)
    kept = cut.strip("… ")
    assert "apple" in kept
    assert 195 <= len(kept) <= room  # a word more would not fit
    assert kept in text
    assert cut.startswith("… ")
    assert cut.endswith(" …")
