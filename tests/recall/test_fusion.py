"""The weights of features: what ranking.yaml says, and that it says it of features that there are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from memcli.index.timeline import Dated
from memcli.recall import features, fusion, late
from memcli.recall.candidates import Pool
from memcli.recall.channels import CHANNELS, SECOND_HAND
from memcli.recall.plan import Plan, make_plan
from tests.recall.candidates import candidate, pool_of


def produced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every name of a feature: of prose, code and a note, for half a page that asks Ann for a date and for a reply."""
    eventful = Dated(None, None, [1])
    monkeypatch.setattr("memcli.index.timeline.dated", lambda _, documents: dict.fromkeys(documents, eventful))
    plan = make_plan("remind me when you said that Ann owes Wim")._replace(length=0.5, when=True)
    candidates = [
        candidate(Store, number, speaker=speaker) for number, speaker in enumerate(("Ann", "assistant", "Ann"))
    ]
    candidates.append(candidate(Store, 9, anchor=None))
    candidates[2].code = True
    for one in candidates:
        one.scores = dict.fromkeys((*CHANNELS, *SECOND_HAND, "late", "window"), 1.0)
    pool = pool_of(candidates)
    features.own(pool, plan)
    features.late(pool, plan, candidates)
    features.around(pool, plan, candidates)
    return {name for one in candidates for name in one.features}


class Store:
    connection = None


def test_every_weight_is_of_a_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name would weigh nothing, and nobody would see it."""
    known = produced(monkeypatch)
    for weights in fusion.ranking().values():
        assert set(weights) <= known
    assert {name.partition(".")[0] for name in known} >= {"semantic", "keyword", "late", "window", "session", "dated"}


def test_weights_are_what_the_file_says() -> None:
    """Nested names are joined by dots; none is negative, so that evidence never makes a result worse."""
    written = yaml.safe_load(Path(fusion.RANKING).read_text(encoding="utf-8"))
    assert set(fusion.ranking()) == set(written) == {"hybrid", "words"}
    assert fusion.ranking()["hybrid"]["window"] == written["hybrid"]["window"]
    assert fusion.ranking()["words"]["keyword.prose"] == written["words"]["keyword"]["prose"]
    assert all(weight >= 0.0 for weights in fusion.ranking().values() for weight in weights.values())


def test_words_alone_use_nothing_of_the_model() -> None:
    assert not [name for name in fusion.ranking()["words"] if "semantic" in name or "late" in name or name == "window"]


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other weights: each test says what its candidates have."""
    monkeypatch.setattr(fusion, "ranking", lambda: {"hybrid": {"keyword.prose": 2.0}, "words": {"keyword.prose": 3.0}})
    monkeypatch.setattr(late, "interact", lambda pool, plan, depth: None)
    monkeypatch.setattr("memcli.recall.order.put_in_order", lambda pool, plan: None)


def fused(scores: list[dict[str, float]], plan: Plan | None = None) -> Pool:
    candidates = [candidate(0, number, anchor=None) for number in range(1, len(scores) + 1)]
    for one, known in zip(candidates, scores, strict=True):
        one.scores = dict(known)
    pool = pool_of(candidates)
    fusion.fuse(pool, plan or make_plan("what"))
    return pool


@pytest.mark.usefixtures("weighed")
def test_a_score_is_the_sum_of_its_shares() -> None:
    pool = fused([{"keyword": 2.0}, {"keyword": 4.0}])
    assert [(c.document.id, c.score, c.shares) for c in pool.candidates] == [
        (2, 3.0, {"keyword.prose": 3.0}),
        (1, 1.5, {"keyword.prose": 1.5}),
    ]


@pytest.mark.usefixtures("weighed")
def test_vectors_choose_the_weights() -> None:
    pool = fused([{"keyword": 4.0, "semantic": 0.8}])
    assert pool.candidates[0].score == 2.0


@pytest.mark.usefixtures("weighed")
def test_what_was_not_compared_stays_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "DEPTH", 1)

    def lowered(pool: Pool, plan: Plan, first: list[object]) -> None:
        pool.candidates[0].features["keyword.prose"] = 0.1

    monkeypatch.setattr(features, "late", lowered)
    pool = fused([{"keyword": 4.0, "semantic": 0.8}, {"keyword": 3.0, "semantic": 0.8}])
    assert [c.document.id for c in pool.candidates] == [1, 2]
    assert pool.candidates[1].score <= pool.candidates[0].score
