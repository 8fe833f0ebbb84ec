"""The temporal channel and the index of days, through small stores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.encode.days import day_of, iso_of
from memcli.importers import bring, jsonl
from memcli.index import search, timeline
from memcli.index.search import Filter, PassageHit
from memcli.recall.channels import keyword, temporal
from memcli.recall.plan import make_plan
from memcli.recall.source import Source
from memcli.store import Store
from tests.recall.hostile import HOSTILE
from tests.snapshots import index_rows, rebuilt_rows

NOW = day_of("2026-11-20")  # a Friday
NOTES = {
    "bills/march.md": "---\ncreated: 2026-03-31\n---\n# Bill\n\nFive thousand.",
    "bills/may.md": "---\ncreated: 2026-05-29\n---\n# Bill\n\nSeven thousand.",
    "bills/june.md": "---\ncreated: 2026-06-02\n---\n# Bill\n\nSix thousand.",
    "bills/november.md": "---\ncreated: 2026-11-12\n---\n# Bill\n\nFour thousand.",
    "talk/2026-04-09.md": "# Phones\n\nLast month the drivers lost five.",
    "talk/tank.md": f"---\ncreated: 2026-08-01\n---\n# Tank\n\n## What\n\n{'Diesel. ' * 60}\n\n## Who\n\n{'Osman. ' * 60}\n\n"
    "## When\n\nInspected on 14 August, as planned.",
    "talk/undated.md": "# Trial\n\nBegan in the spring of 2024.",
    "talk/never.md": "# Nothing\n\nNo day at all.",
    "warden/one.md": "---\ncreated: 2023-01-01\nvalid_from: 2025-09\nvalid_to: 2026-03\n---\n# Warden\n\nOsman.",
    "warden/two.md": "---\ncreated: 2023-01-01\nvalid_from: 2026-03-25\n---\n# Warden\n\nFenna.",
}


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    write(store, NOTES)
    opened = Source(store.place, None)
    yield opened
    opened.close()


def write(store: Store, notes: dict[str, str]) -> None:
    for path, text in notes.items():
        target = Path(store.place.tree, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    store.sync(embed=False)


def close(source: Source, question: str, *, now: int | None = NOW, where: Filter | None = None) -> dict[str, float]:
    """How close each file is to the time that the question asks about, the closest first."""
    hits = temporal.spread(source, make_plan(question, where, now), {}, 100)
    rows = source.connection.execute("SELECT documents.id, path FROM documents JOIN entries ON entries.id = entry")
    names = dict(rows.fetchall())
    return {names[hit.document].removeprefix("tree/").removesuffix(".md"): hit.score for hit in hits}


def shown(source: Source, hit: PassageHit) -> str:
    return search.passages(source.connection, [hit.passage])[hit.passage][0]


def test_inside_before_beside(source: Source) -> None:
    found = close(source, "how high was the bill in May?")
    assert found["bills/may"] == 1.0
    assert 0.3 < found["bills/june"] < 0.7
    assert "bills/march" not in found
    assert "bills/november" not in found
    assert all(0.0 < score <= 1.0 for score in found.values())


def test_the_day_it_tells_of_counts_more_than_its_own(source: Source) -> None:
    """Written in April about March: March comes first, and April is not lost."""
    march, april = close(source, "phones lost in March"), close(source, "phones lost in April")
    assert march["talk/2026-04-09"] == 1.0
    assert 0.5 < april["talk/2026-04-09"] < 1.0


def test_an_event_brings_its_passage(source: Source) -> None:
    (hit,) = temporal.spread(source, make_plan("what was inspected on 14 August?", None, NOW), {}, 1)
    assert "14 August" in shown(source, hit)


def test_what_another_channel_found_brings_its_passage(source: Source) -> None:
    """A document that is close by its own day is shown by what matched, not by how it begins."""
    plan = make_plan("Osman on 1 August", None, NOW)
    (own,) = [hit for hit in keyword.find(source, plan, 100) if "Osman. " in shown(source, hit)]
    (alone,) = [hit for hit in temporal.spread(source, plan, {}, 100) if hit.document == own.document]
    (found,) = [hit for hit in temporal.spread(source, plan, {"other": [own]}, 100) if hit.document == own.document]
    assert "Diesel" in shown(source, alone)
    assert found.passage == own.passage


def test_undated_by_what_it_tells(source: Source) -> None:
    assert close(source, "what did we try in the spring of 2024?") == {"talk/undated": 1.0}
    vague = close(source, "what did we try on 12 April 2024?")
    assert 0.4 < vague["talk/undated"] < 0.7


def test_what_holds_then(source: Source) -> None:
    assert close(source, "who was warden in July?")["warden/two"] > 0.5
    assert "warden/one" not in close(source, "who was warden in July?")
    assert close(source, "who was warden in December 2025?")["warden/one"] > 0.5
    assert {"warden/one", "warden/two"} <= set(close(source, "who was warden on 30 March?"))


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        ("bills before June", "bills/may", "bills/november"),
        ("bills since June", "bills/june", "bills/march"),
        ("bills since June", "bills/november", "bills/may"),
        ("bills until 29 May", "bills/may", "bills/november"),
    ],
)
def test_open_times(question: str, inside: str, outside: str, source: Source) -> None:
    found = close(source, question)
    assert found[inside] > 0.7
    assert found.get(outside, 0.0) < 0.6


def test_of_an_open_time_the_bound_is_closest(source: Source) -> None:
    found = close(source, "bills since June")
    assert found["bills/june"] > found["bills/november"]


def test_relative_to_now(source: Source) -> None:
    assert close(source, "last week's bill")["bills/november"] == 1.0
    assert close(source, "last week's bill", now=day_of("2026-06-09"))["bills/june"] == 1.0
    assert close(source, "last week's bill", now=None) == {}


def test_two_times(source: Source) -> None:
    found = close(source, "the bills in May and in November")
    assert found["bills/may"] == found["bills/november"] == 1.0


@pytest.mark.parametrize(
    "question",
    ["how high was the bill?", "the latest bill", "may I ask", "", "上週的帳單", "счёт в мае", "فاتورة مايو"],
)
def test_silent_without_a_date(question: str, source: Source) -> None:
    assert close(source, question) == {}


@pytest.mark.parametrize("question", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_questions(question: str, source: Source) -> None:
    for text in (question, f"{question} in May", f"on 31.12.9999 {question}", f"before 1000 {question} since 2999"):
        hits = temporal.spread(source, make_plan(text, None, NOW), {"keyword": []}, 10)
        assert all(0.0 < hit.score <= 1.0 for hit in hits)


@pytest.mark.parametrize("now", [1, -5, 3652059, 10**9])
def test_hostile_days(now: int, source: Source) -> None:
    for question in ("yesterday", "next year", "100 years ago", "since last month", "before today"):
        close(source, question, now=now)


def test_equally_close_in_the_order_of_the_others(source: Source) -> None:
    plan = make_plan("bills this year", None, NOW)
    ids = [hit.document for hit in temporal.spread(source, plan, {}, 100) if hit.score == 1.0]
    first = search.first_passages(source.connection, ids)
    for others in (ids, ids[::-1]):
        hits = {"other": [PassageHit(first[one], one, 1.0, "prose") for one in others]}
        assert [hit.document for hit in temporal.spread(source, plan, hits, len(ids))] == others


def test_what_others_found_is_judged_however_much_lies_inside(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "MISSED", 2)
    write(store, {f"n/{n}.md": f"---\ncreated: 2026-05-{n:02}\n---\n# Note {n}\n\nText" for n in range(1, 29)})
    source = Source(store.place, None)
    plan = make_plan("note 7 in May", None, NOW)
    hits = keyword.find(source, plan, 100)
    assert len(temporal.spread(source, plan, {}, 100)) == 2
    found = temporal.spread(source, plan, {"keyword": hits}, 100)
    assert {hit.document for hit in hits} <= {hit.document for hit in found}
    assert found[0].document == hits[0].document
    source.close()


def test_within_the_filter(source: Source) -> None:
    plan = make_plan("bills this year", None, NOW)
    everything = {"other": temporal.spread(source, plan, {}, 100)}
    inside = temporal.spread(source, plan._replace(where=Filter(path="talk")), everything, 100)
    paths = {row.path for row in search.documents(source.connection, [hit.document for hit in inside]).values()}
    assert paths == {"tree/talk/2026-04-09.md", "tree/talk/tank.md"}


def test_turns_have_their_own_days(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "turns.jsonl"
    turns = [
        ("a", "2026-05-07T17:00:00", "We fly to Oslo next Thursday."),
        ("b", "2026-05-14T08:00:00", "The plane to Gdynia leaves on 28 May."),
        ("c", "2026-05-14T09:00:00", "Fine."),
    ]
    rows = [{"id": i, "created": at, "text": text, "session": "s", "speaker": "Ilse"} for i, at, text in turns]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    bring.bring_in(store, jsonl.read(file), origin="jsonl/turns", topic="imported/turns", now=0.0)
    store.sync(embed=False)
    source = Source(store.place, None)
    hits = temporal.spread(source, make_plan("our plane on 14 May", None, NOW), {}, 10)
    known = search.documents(source.connection, [hit.document for hit in hits])
    assert {known[hit.document].ref: round(hit.score, 1) for hit in hits} == {"a": 1.0, "b": 0.6, "c": 1.0}
    assert search.latest_day(source.connection) == day_of("2026-05-14")
    source.close()


# --- the index --------------------------------------------------------------------------------------------------------


def events(source: Source, path: str) -> list[tuple[int, str, str]]:
    rows = source.connection.execute(
        "SELECT documents.id FROM documents JOIN entries ON entries.id = entry WHERE path = ?", (f"tree/{path}.md",)
    ).fetchall()
    known = timeline.dated(source.connection, [row[0] for row in rows])
    return [(event.ordinal, iso_of(event.first), iso_of(event.last)) for one in known.values() for event in one.events]


def test_events_are_kept_once_few_and_short(store: Store) -> None:
    many = "\n\n".join(f"Something on {day} May 2026." for day in range(1, 29))
    notes = {
        "many.md": many,
        "same.md": "# A\n\nOn 3 May 2026.\n\n## B\n\nAgain on 3 May 2026, and on 4 May 2026.",
        "long.md": "From 1999 to 2020 nothing.",
        "heading.md": "# Log\n\n## 2026-05-12\n\nAll quiet.",
    }
    write(store, notes)
    source = Source(store.place, None)
    assert len(events(source, "many")) == 8
    assert [event[1:] for event in events(source, "same")] == [("2026-05-03",) * 2, ("2026-05-04",) * 2]
    assert events(source, "long") == []
    assert [event[1:] for event in events(source, "heading")] == [("2026-05-12",) * 2]
    source.close()


def test_days_follow_the_files(store: Store, tmp_path: Path) -> None:
    """Changed, moved and deleted: the index knows the days of what is there, as one made anew does."""
    write(store, NOTES)
    tree = Path(store.place.tree)
    write(store, {"talk/undated.md": "# Trial\n\nBegan in the autumn of 2024."})
    shutil.move(tree / "talk/tank.md", tree / "talk/2026-01-01 tank.md")
    (tree / "bills/may.md").unlink()
    store.sync(embed=False)
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "scratch")
    source = Source(store.place, None)
    assert "talk/undated" not in close(source, "in the spring of 2024")
    assert "bills/may" not in close(source, "in May")
    assert source.connection.execute(
        "SELECT count(*) FROM events WHERE document NOT IN (SELECT id FROM documents)"
    ).fetchone() == (0,)
    source.close()


def test_without_any_date(store: Store) -> None:
    write(store, {"never.md": "# Nothing\n\nNo day at all."})
    source = Source(store.place, None)
    assert search.latest_day(source.connection) is None
    assert close(source, "what happened yesterday?") == {}
    source.close()
