"""How sure it is that memories answer a prompt: more evidence never counts against them, and little stores are judged alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli import config
from memcli.agents import evidence
from memcli.agents.evidence import WITH_VECTORS, WORDS_ONLY, _no_likeness, measure, sureness
from memcli.recall.pipeline import Recall
from memcli.store import Store
from tests.agents.test_inject import keep


def test_signs() -> None:
    """What no memory says, and how much there is to find by chance, count against it; all else for it."""
    for weights in (WITH_VECTORS, WORDS_ONLY):
        assert {name for name, weight in weights.items() if weight < 0} <= {"unknown", "size", "bias"}


@pytest.mark.parametrize(("count", "expected"), [(1, 0.7), (30, 0.725), (60, 0.75), (200, 0.75)])
def test_what_is_no_likeness(count: int, expected: float) -> None:
    """The hundredth cosine, or the last; a store too small to have one goes by what is usual."""
    cosines = [0.9, *[0.75] * (count - 1)]
    assert _no_likeness(cosines) == pytest.approx(expected, abs=0.004)


def measured(store: Store, prompt: str) -> dict[str, float]:
    with Recall([store.place], config.load(), lexical=True) as recall:
        plan, pool = recall.found(prompt)
        seen = measure(pool, plan)
        assert 0 < sureness(pool, plan) < 1
        return seen


def test_words(store: Store) -> None:
    keep(store.place, "portspricing", "The pricing service listens on port 7120.")
    keep(store.place, "otherthing22", "Tickets are rendered with typst.")
    assert (
        measured(store, "which port does pricing use")["words"] > measured(store, "which port do tickets use")["words"]
    )
    assert measured(store, "pricing zeppelin")["unknown"] > 0.5
    assert measured(store, "pricing service")["unknown"] == 0
    assert measured(store, "pricing service")["phrase"] == 1
    assert measured(store, "service pricing")["phrase"] == 0


def test_whose_words_they_are(store: Store) -> None:
    """Where the prompt names somebody who speaks here, it counts who says it; "user" is nobody's name."""
    turns = "".join(
        f"## 2026-02-17T10:0{n} {who} ^t000{n}\n{text}\n\n"
        for n, (who, text) in enumerate(
            [
                ("Ann", "I bought a red canoe in Oslo."),
                ("Bob", "Nice, mine is a bicycle."),
                ("user", "I sold my canoe."),
            ],
            1,
        )
    )
    Path(store.place.tree, "s.md").write_text(f"---\ntype: episode\n---\n{turns}", encoding="utf-8")
    assert measured(store, "where did Ann buy the red canoe")["speaker"] > 0
    assert measured(store, "where did Bob buy the red canoe")["speaker"] < 0
    assert measured(store, "where did the user buy a red canoe")["speaker"] == 0
    assert measured(store, "where did Hannah buy a red canoe")["speaker"] == 0


def test_nothing_found(store: Store) -> None:
    keep(store.place, "portspricing", "The pricing service listens on port 7120.")
    with Recall([store.place], config.load(), lexical=True) as recall:
        plan, pool = recall.found("zeppelin")
        assert sureness(pool, plan) == 0.0
    assert evidence.CLEAR > evidence.ENOUGH
