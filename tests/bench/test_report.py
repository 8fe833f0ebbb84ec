"""The benchmark itself: its intervals, its tables, its figures, and that what it removes is gone."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from memcli import config
from memcli.recall.channels import CHANNELS, SECOND_HAND
from memcli.recall.pipeline import Recall
from memcli.store import Store
from tests.command import without_model

sys.path.insert(0, str(Path(__file__).parent))  # the scripts here import each other as scripts do
import beds
import figures
import pages
import paired
import tables
import variants

NOTE = "inbox/refresh-tokens-are-rotated-on-every-use.md"


class Judge(ModuleType):
    """Knows one question from another."""

    @staticmethod
    def score(queries: list[beds.Row], ranked: dict[str, list[str]], *_: object) -> dict[str, dict[str, float]]:
        (query,) = queries
        hit = float(query["gold"][0] in ranked[query["id"]])
        return {"micro": dict.fromkeys(paired.METRICS, hit)}

    @staticmethod
    def ask_fts5(documents: list[beds.Row], queries: list[beds.Row], depth: int) -> tuple[dict[str, list[str]]]:
        return ({query["id"]: [documents[0]["id"]] for query in queries},)


def test_interval_of_a_known_difference() -> None:
    """A constant gain has no width; noise around none holds 0; a gain of three standard errors does not."""
    assert paired.estimate([np.full(50, 0.1)]) == pytest.approx((0.1, 0.1, 0.1))
    noise = np.random.default_rng(1).normal(0.0, 1.0, 400)
    noise -= noise.mean()
    assert not paired.estimate([noise]).excludes_zero
    found = paired.estimate([noise + 0.15])
    assert found.excludes_zero
    error = 1.96 * noise.std() / 20
    assert (found.low, found.high) == pytest.approx((0.15 - error, 0.15 + error), abs=0.02)


def test_suites_count_alike_whatever_their_size() -> None:
    few, many = np.ones(10), np.zeros(1000)
    assert paired.estimate([few, many]).mean == 0.5


def test_numbers_as_they_are_written() -> None:
    assert [tables.number(value) for value in (0.5, 1.0, -0.0001, -0.25, None)] == [
        ".500",
        "1.000",
        ".000",
        "−.250",
        "–",
    ]
    assert tables.difference(paired.Estimate(0.02, 0.01, 0.03)) == "**+.020** [.010, .030]"
    assert tables.difference(paired.Estimate(-0.02, -0.05, 0.01), 2) == "−.02 [−.05, .01]"
    assert tables.difference(paired.Estimate(0.0, 0.0, 0.0)) == "0"


def result(full: list[float], lacking: list[float]) -> paired.Result:
    """A bed with a score for each question, of the whole system and without the keyword channel."""
    asked = [{"id": str(n), "query": "?", "gold": ["a"]} for n in range(len(full))]
    bed = beds.Bed("small", "suites", [beds.Scope(Path(), [], asked)])
    scores = {variants.FULL: full, variants.without("keyword"): lacking}
    return paired.Result(bed, {name: np.array([found, found]).T for name, found in scores.items()})


def test_ablation_table() -> None:
    """What a part adds is the difference of the same questions: 1 in 4 here, always."""
    shown = tables.ablation([result([1.0, 0.5] * 20, [0.75, 0.25] * 20)], "R@10").splitlines()
    assert shown[0] == "| R@10: with, less without | mean | small |"
    assert shown[2] == "| *all parts together reach* | .750 | .750 |"
    assert shown[3] == "| keyword | **+.250** [.250, .250] | **+.250** [.250, .250] |"


def test_blocks_go_between_their_markers(tmp_path: Path) -> None:
    """Everything else stays; a page without the place is left as it is."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- report:begin a -->\nold\n<!-- report:end a -->\nafter\n", encoding="utf-8")
    pages.put(page, {"a": r"new \1"})
    text = page.read_text(encoding="utf-8")
    assert text == "before\n<!-- report:begin a -->\nnew \\1\n<!-- report:end a -->\nafter\n"
    with pytest.raises(SystemExit):
        pages.put(page, {"a": "newer", "b": "lost"})
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("draw", [figures.upright, figures.lying])
def test_figures_are_well_formed(draw: object) -> None:
    estimates = (paired.Estimate(0.5, 0.4, 0.6), None)
    bars = [
        figures.Bars("R & <D>", "3 questions", estimates),
        figures.Bars("less", "", (paired.Estimate(-0.1, -0.2, 0), None)),
    ]
    assert callable(draw)
    root = ElementTree.fromstring(draw("Bars & <more>", ("one", "two"), bars))
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "Bars & <more>"
    assert "R & <D>" in said
    assert len(root.findall(".//{http://www.w3.org/2000/svg}rect")) == 4  # two of them the legend's
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) == 2


@pytest.fixture
def notes(store: Store) -> Store:
    for text in ("Refresh tokens are rotated on every use.", "Deploys go out on Tuesdays."):
        store.add(text)
    store.sync(embed=False)
    without_model()
    return store


def test_a_removed_channel_is_gone_and_comes_back(notes: Store) -> None:
    """Without the keyword channel nothing has its score; without any channel nothing is found."""
    query = {"query": "refresh tokens", "gold": []}
    order = [*CHANNELS], [*SECOND_HAND]
    with Recall([notes.place], config.load(), lexical=True) as recall:
        assert variants.ask(recall, query)[0] == [NOTE]
        assert "keyword" in recall.ask("refresh tokens").hits[0].candidate.scores
        with variants.removed("keyword"):
            assert all("keyword" not in hit.candidate.scores for hit in recall.ask("refresh tokens").hits)
        with ExitStack() as stack:
            for channel in order[0]:
                stack.enter_context(variants.removed(channel))
            assert variants.ask(recall, query)[0] == []
        assert ([*CHANNELS], [*SECOND_HAND]) == order
        assert variants.ask(recall, query)[0] == [NOTE]


def test_every_part_can_be_removed(notes: Store) -> None:
    """Whatever is registered: recall works without it."""
    with Recall([notes.place], config.load(), lexical=True) as recall:
        for part in variants.parts():
            with variants.removed(part):
                variants.ask(recall, {"query": "refresh tokens", "gold": []})


def test_answers_are_kept_until_the_questions_change(notes: Store, tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", Path(notes.place.project)
    asked = [{"id": "1", "query": "refresh tokens", "gold": ["a"]}]
    bed = beds.Bed("notes", "cases", [beds.Scope(folder, [{"id": "a", "text": "refresh"}], asked)])
    first = variants.answers(bed, Judge("judge"), kept)
    assert first[variants.alone("keyword")].ranked["1"] == [NOTE]
    file = kept / "notes" / "full.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "ranked": {"1": ["a"]}}), encoding="utf-8")
    again = variants.answers(bed, Judge("judge"), kept)
    assert again[variants.FULL].ranked == {"1": ["a"]}
    scores = paired.scored(Judge("judge"), bed, again)
    assert scores.of(variants.FULL, "R@10").tolist() == [1.0]
    assert scores.of(variants.alone("keyword"), "R@10").tolist() == [0.0]
    asked[0]["query"] = "deploys"
    assert variants.answers(bed, Judge("judge"), kept)[variants.FULL].ranked["1"] != ["a"]


def test_cases_become_beds(tmp_path: Path) -> None:
    """All kinds share the documents; a question without an answer is none to recall."""
    rows: list[dict[str, object]] = [
        {"memory": "team/deploys.md", "markdown": "# Deploys\n\nTuesdays.\n"},
        {
            "turn": "s1-1",
            "session": "s1",
            "speaker": "Ngozi",
            "created": "2026-05-01T10:00:00",
            "text": "Not on Fridays.",
        },
        {"question": "When do we deploy?", "gold": ["team/deploys.md"], "id": "1"},
        {"question": "When do we sleep?", "gold": [], "id": "2"},
    ]
    for kind in ("names", "dates"):
        (tmp_path / f"{kind}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = beds.of_cases(tmp_path / "stores", tmp_path)
    assert [bed.name for bed in found] == ["dates", "names"]
    assert found[0].scopes[0].documents == found[1].scopes[0].documents
    assert [query["id"] for query in found[0].answerable] == ["1"]
    assert [query["category"] for query in found[0].queries] == ["dates", "abstain"]
