"""The hierarchy channel on a small store: what lies beside the things that were found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.importers import bring, jsonl
from memcli.index import groups
from memcli.index.search import Filter
from memcli.recall.channels import hierarchy, keyword
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store

NOTES = {
    "robots/arm/keeper.md": "# Keeper\n\nOlga.",
    "robots/arm/supply.md": "# Supply\n\n24 V from the bench unit of the arm.",
    "robots/arm/joints/second.md": "# Second joint\n\nOiled.",
    "robots/rover/keeper.md": "# Keeper\n\nWim.",
    "top.md": "# On the arm\n\nIn no folder.",
}
TALK = {
    "bath": ("Mum's bathroom at last!", "Which plumber for the bathroom?", "He wants 2,400, half up front.", "Fine."),
    "roof": ("It drips again.", "They want 6,800.", "A third before they start."),
}


@pytest.fixture
def source(store: Store, tmp_path: Path) -> Iterator[Source]:
    for path, text in NOTES.items():
        target = Path(store.place.tree, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    import_talk(store, tmp_path, TALK)
    opened = Source(store.place, None)
    yield opened
    opened.close()


def import_talk(store: Store, folder: Path, talk: dict[str, tuple[str, ...]]) -> None:
    """Index sessions of turns; the turns of `s` are `s0`, `s1`, …"""
    lines = [
        json.dumps({"id": f"{session}{n}", "text": text, "session": session})
        for session, turns in talk.items()
        for n, text in enumerate(turns)
    ]
    (folder / "talk.jsonl").write_text("\n".join(lines), encoding="utf-8")
    bring.bring_in(store, jsonl.read(folder / "talk.jsonl"), origin="jsonl/talk", topic="talk", now=1_795_000_000.0)
    store.sync(embed=False)


def spread(source: Source, question: str, where: Filter | None = None, limit: int = 100) -> dict[str, float]:
    """Scores of the turns and files that are found, best first."""
    plan = make_plan(question, where)
    first = {"keyword": keyword.find(source, plan._replace(where=Filter()), 600)}
    rows = source.connection.execute(
        "SELECT documents.id, coalesce(ref, path) FROM documents JOIN entries ON entries.id = entry"
    )
    names = dict(rows.fetchall())
    hits = hierarchy.spread(source, plan, first, limit)
    return {names[hit.document].removeprefix("tree/"): hit.score for hit in hits}


def test_a_turn_is_found_by_its_session(source: Source) -> None:
    """No word of the question is in the answer."""
    assert "bath2" in spread(source, "What does the bathroom plumber charge?")


def test_a_session_in_which_nothing_was_found_is_left_out(source: Source) -> None:
    assert not any(name.startswith("roof") for name in spread(source, "bathroom plumber"))


def test_a_note_is_found_by_its_folder(source: Source) -> None:
    found = spread(source, "24 V bench unit")
    assert "robots/arm/keeper.md" in found
    assert "robots/rover/keeper.md" not in found


def test_a_folder_below_is_another_group(source: Source) -> None:
    assert "robots/arm/joints/second.md" not in spread(source, "bench unit")


def test_the_root_is_no_group(source: Source) -> None:
    assert spread(source, "in no folder") == {}


def test_the_group_of_more_evidence_counts_more(source: Source) -> None:
    found = spread(source, "arm keeper supply")
    assert found["robots/arm/keeper.md"] > found["robots/rover/keeper.md"] > 0


def test_scores_are_at_most_one(source: Source) -> None:
    found = spread(source, "bathroom")
    assert found
    assert all(0 < score <= 1 for score in found.values())


def test_what_was_found_itself_comes_first_in_its_group(source: Source) -> None:
    assert set(list(spread(source, "Mum's bathroom"))[:2]) == {"bath0", "bath1"}


def test_nothing_from_nothing(source: Source) -> None:
    assert spread(source, "zzz") == {}
    assert hierarchy.spread(source, make_plan("bathroom"), {}, 10) == []


def test_filter_and_limit(source: Source) -> None:
    assert list(spread(source, "bench unit of the arm", Filter(path="robots/arm/keeper.md"))) == [
        "robots/arm/keeper.md"
    ]
    assert len(spread(source, "bathroom plumber", limit=2)) == 2


def test_a_long_message_is_given_less(store: Store, tmp_path: Path) -> None:
    talk = ("The bathroom.", "Well. " * 200, "Well. " * 2000, "Well.")
    import_talk(store, tmp_path, {"s": talk})
    opened = Source(store.place, None)
    try:
        found = spread(opened, "bathroom")
        assert found["s3"] == found["s0"] > found["s1"]
        assert "s2" not in found
    finally:
        opened.close()


def test_a_folder_of_very_many_is_no_topic(store: Store) -> None:
    for number in range(groups.MOST):
        store.add(f"Number {number}", topic="heap")
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        assert len(spread(opened, "number 7")) == groups.MOST
    finally:
        opened.close()
    store.add("One more", topic="heap")
    store.sync(embed=False)
    opened = Source(store.place, None)
    try:
        assert spread(opened, "number 7") == {}
    finally:
        opened.close()


def test_a_long_session_is_taken_in_stretches(store: Store, tmp_path: Path) -> None:
    """The turns around what was found are found, those a hundred turns away are not."""
    turns = ["Yes."] * (2 * groups.MOST)
    turns[3] = "The bathroom."
    import_talk(store, tmp_path, {"s": tuple(turns)})
    opened = Source(store.place, None)
    try:
        found = spread(opened, "bathroom")
        assert "s4" in found
        assert f"s{groups.MOST + 4}" not in found
        assert len(found) == groups.MOST
    finally:
        opened.close()


def test_bounded(store: Store, tmp_path: Path) -> None:
    import_talk(store, tmp_path, {f"s{n}-": ("The bathroom.", "Yes.") for n in range(3 * hierarchy.GROUPS)})
    opened = Source(store.place, None)
    try:
        assert len(spread(opened, "bathroom")) == 2 * hierarchy.GROUPS
    finally:
        opened.close()
