"""Recall through the command line: filters, batches, several stores, freshness, honesty, any script, any question."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from memcli import config
from memcli.index import db
from memcli.index.matrix import Matrix
from memcli.index.search import Filter, PassageHit
from memcli.places import Place
from memcli.recall import refresh
from memcli.recall.pipeline import Recall
from memcli.store import Store
from tests.command import run_mem, without_model
from tests.recall.asking import embedded, note, talk
from tests.recall.hostile import HOSTILE


def write_lines(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def refs(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [row["ref"] for row in answer["results"]]


def test_paraphrase_is_confident_and_nonsense_is_weak(store: Store) -> None:
    """Confidence tells an answer from the nearest thing there is."""
    run_mem("add", "We deploy the web shop every Tuesday morning.", model=True)
    run_mem("add", "Refresh tokens are rotated on every use.", model=True)
    sure = run_mem("recall", "when is the shop deployed", "--json", model=True).json()["confidence"]
    unsure = run_mem("recall", "recipe for apple pie", "--json", model=True).json()["confidence"]
    assert sure > 0.5 > 0.2 > unsure
    assert "weak" in run_mem("recall", "recipe for apple pie", model=True).stdout


def test_identifiers_are_found_in_any_spelling(store: Store) -> None:
    run_mem("add", "getUserName() crashes on empty sessions")
    run_mem("add", "parse_config reads the file twice")
    assert "getUserName" in run_mem("recall", "get_user_name", "--json").json()["results"][0]["text"]
    assert "parse_config" in run_mem("recall", "parseConfig", "--json").json()["results"][0]["text"]


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--type", "decision", ["one"]),
        ("--tag", "red", ["one", "two"]),
        ("--path", "auth", ["one"]),
        ("--since", "2026-02", ["two"]),
        ("--until", "2026-01", ["one"]),
        ("--source", "claude", []),
    ],
)
def test_filters(option: str, value: str, found: list[str], store: Store) -> None:
    store.add("apple one", type_="decision", topic="auth", tags=["red"], created="2026-01-05")
    store.add("apple two", type_="fact", topic="team", tags=["red", "blue"], created="2026-03-05")
    answer = run_mem("recall", "apple", option, value, "--json").json()
    assert sorted(row["title"].split()[1] for row in answer["results"]) == found


def test_speaker_filter(store: Store, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "1", "text": "I like apples", "session": "s", "speaker": "Ann"},
        {"id": "2", "text": "I like apples too", "session": "s", "speaker": "Bob"},
    ]
    run_mem("import", write_lines(tmp_path / "talk.jsonl", rows))
    assert refs(run_mem("recall", "apples", "--speaker", "bob", "--json").json()) == ["2"]


def test_old_talk_does_not_drown_notes(store: Store, tmp_path: Path) -> None:
    """Two turns of past sessions beside other memories; all with --episodes; as many as fit where there is nothing else."""
    rows: list[dict[str, object]] = [{"id": str(n), "text": f"apple talk {n}", "session": "s"} for n in range(9)]
    run_mem("import", write_lines(tmp_path / "talk.jsonl", rows))
    assert len(run_mem("recall", "apple", "--json").json()["results"]) == 8
    for n in range(8):
        store.add(f"apple note {n}")
    shown = run_mem("recall", "apple").stdout
    assert shown.count(" episode ") == 2
    assert "more in past sessions: --episodes" in shown
    assert run_mem("recall", "apple talk", "--episodes", "-n", "20").stdout.count(" episode ") == 9


def test_batch(store: Store, tmp_path: Path) -> None:
    """One line for each question, in order; ids come back; what is not a question is refused."""
    store.add("apple one")
    asked = write_lines(
        tmp_path / "q.jsonl", [{"id": 7, "query": "apple"}, {"id": "b", "query": "zebra"}, {"query": ""}]
    )
    lines = [
        json.loads(line) for line in run_mem("recall", "--batch", asked, "--limit", "5", "--json").stdout.splitlines()
    ]
    assert [line["id"] for line in lines] == [7, "b", None]
    assert [len(line["results"]) for line in lines] == [1, 0, 0]
    assert all(0.0 <= line["confidence"] <= 1.0 for line in lines)
    bad = write_lines(tmp_path / "bad.jsonl", [])
    Path(bad).write_text("[1]\n", encoding="utf-8")
    assert run_mem("recall", "--batch", bad).code == 2


def test_each_question_of_a_batch_has_its_day(store: Store, tmp_path: Path) -> None:
    """What "last week" is depends on when the question was put, not on today or on the newest memory."""
    for week in ("2025-03-05", "2025-03-12"):
        store.add(f"We decided on slate, in the week of {week}.", title=f"Roof {week}", created=week)
    store.add("We decided nothing.", title="Roof, later", created="2025-09-01")
    days = ("2025-03-13", "2025-03-20")
    asked = write_lines(tmp_path / "q.jsonl", [{"query": "what did we decide last week", "now": day} for day in days])
    answered = [json.loads(line) for line in run_mem("recall", "--batch", asked, "--json").stdout.splitlines()]
    assert [row["results"][0]["title"] for row in answered] == ["Roof 2025-03-05", "Roof 2025-03-12"]


def test_from_the_second_question_on_vectors_are_in_memory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same answers as the first time."""
    store.add("Invoices are due within a month.")
    store.add("The cat sleeps on the sofa.")
    store.sync()
    asked = write_lines(tmp_path / "q.jsonl", [{"query": "payment deadline"}] * 3)
    searched: list[int] = []
    nearest = Matrix.nearest

    def counted(self: Matrix, vector: bytes, limit: int, where: Filter) -> list[PassageHit]:
        searched.append(limit)
        return nearest(self, vector, limit, where)

    monkeypatch.setattr(Matrix, "nearest", counted)
    run = run_mem("recall", "--batch", asked, "--json", model=True)
    assert len(searched) == 2
    assert len({json.dumps(json.loads(line)["results"]) for line in run.stdout.splitlines()}) == 1


def test_recall_sees_what_was_written_without_mem(store: Store) -> None:
    """A new, a changed, a renamed and a deleted file: each is seen by the next recall, none by running anything else."""
    run_mem("add", "first memory about apples")
    run_mem("recall", "apples")
    note = Path(store.place.tree) / "hand" / "pears.md"
    note.parent.mkdir()
    note.write_text("Pears ripen in autumn.\n", encoding="utf-8")
    assert "Pears" in run_mem("recall", "pears", "--json").json()["results"][0]["text"]
    note.write_text("Pears ripen in late summer already.\n", encoding="utf-8")
    assert "late summer" in run_mem("recall", "pears", "--json").json()["results"][0]["text"]
    note.rename(note.with_name("fruit.md"))
    assert run_mem("recall", "pears", "--json").json()["results"][0]["path"].endswith("fruit.md")
    note.with_name("fruit.md").unlink()
    assert not run_mem("recall", "pears", "--json").json()["results"]


def test_recall_changes_no_rank_and_no_file(store: Store) -> None:
    """Asking a hundred times leaves the same answer and the same memories."""
    for n in range(5):
        store.add(f"apple number {n}")
    first = run_mem("recall", "apple number 3", "--json").stdout
    files = {p: p.read_bytes() for p in Path(store.place.folder).rglob("*") if p.is_file() and "cache" not in p.parts}
    for _ in range(100):
        assert run_mem("recall", "apple number 3", "--json").stdout == first
    assert files == {
        p: p.read_bytes() for p in Path(store.place.folder).rglob("*") if p.is_file() and "cache" not in p.parts
    }


def test_without_a_model_words_are_found_and_it_is_said(store: Store) -> None:
    without_model()
    store.add("apple one")
    result = run_mem("recall", "apple", model=True)
    assert "apple one" in result.stdout
    assert "found by words only" in result.stderr


def test_two_stores_are_pooled(store: Store, home: Path) -> None:
    """The project's and the personal store answer together, and results say which they are from."""
    run_mem("add", "apples are red")
    run_mem("-g", "add", "apples are green")
    stores = {row["store"] for row in run_mem("recall", "apples", "--json").json()["results"]}
    assert stores == {"project", "personal"}
    assert {row["store"] for row in run_mem("-g", "recall", "apples", "--json").json()["results"]} == {"personal"}
    assert {row["store"] for row in run_mem("--root", os.getcwd(), "recall", "apples", "--json").json()["results"]} == {
        "project"
    }


OTHER_SCRIPTS = [
    ("我们每周二部署网站。", "部署"),
    ("数据库按月分区。", "分区"),
    ("リフレッシュトークンは毎回更新する。", "更新"),
    ("デプロイは火曜日に行う。", "火曜"),
    ("Мы обновляем токены при каждом запросе.", "обновление токенов"),
    ("Развёртывание проходит по вторникам.", "развёртывания"),
    ("ننشر الموقع كل يوم ثلاثاء.", "نشر الموقع"),
    ("قاعدة البيانات مقسمة شهريا.", "البيانات"),
]


@pytest.mark.parametrize(("text", "question"), OTHER_SCRIPTS)
def test_other_scripts(text: str, question: str, store: Store) -> None:
    """Two characters of Chinese or Japanese are a question; Russian and Arabic words are found inflected."""
    store.add(text)
    store.add("Unrelated note about apples.")
    store.add("另一个关于苹果的笔记。 別のメモ。 Другая заметка. ملاحظة أخرى.")
    answer = run_mem("recall", question, "--json", "--explain", model=True).json()
    assert answer["results"][0]["text"].strip() == text
    assert answer["results"][0]["why"]["channels"]["keyword"]["score"] > 0


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of memories in several scripts beside English ones, embedded as far as the model can read them."""
    notes = {f"other/{n}.md": note(text) for n, (text, _) in enumerate(OTHER_SCRIPTS)}
    notes |= {f"english/{n}.md": note(f"The {word} is in the shed.") for n, word in enumerate(("rake", "spade", "saw"))}
    return embedded(tmp_path_factory.mktemp("mixed"), notes)


@pytest.mark.parametrize(("text", "question"), OTHER_SCRIPTS)
@pytest.mark.parametrize("around", ["{}", "what about {}?"])
def test_other_scripts_among_english(text: str, question: str, around: str, mixed: str) -> None:
    """Where the model reads half of the store, or half of the question, the words of the rest still find it."""
    answer = run_mem("recall", around.format(question), "--root", mixed, "--json", model=True).json()
    assert answer["results"][0]["text"].strip() == text


ODD = [*HOSTILE, " ".join(HOSTILE[:6]), "?!", "…", "🎉"]


@pytest.mark.parametrize("question", ODD, ids=range(len(ODD)))
def test_no_question_is_an_error(question: str, mixed: str) -> None:
    for options in ((), ("--explain",), ("--budget", "50", "--json")):
        assert run_mem("recall", "--root", mixed, *options, "--", question, model=True).code in (0, 1)


def test_a_session_shown_twice_and_edited_in_place_is_read_anew_once(store: Store) -> None:
    path = Path(store.place.tree, "talk.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(talk(("Bob", "deploy on Monday"), ("Ann", "deploy on Tuesday")))
    store.sync()
    path.write_text(note("deploy on Friday"))
    found = run_mem("recall", "deploy")
    assert "Friday" in found.stdout
    assert "rebuilt" not in found.stderr


def test_an_index_made_anew_between_question_and_answer_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.place.absolute(store.add("deploy on Monday").path)
    store.sync()
    update = refresh.update

    def rebuild(place: Place, **options: Any) -> list[str]:
        db.discard_cache(place)
        return update(place, **options)

    with Recall([store.place], config.load(store.place), lexical=True) as recall:
        Path(path).write_text(note("deploy on Friday, all of it"))
        monkeypatch.setattr(refresh, "update", rebuild)
        stale = recall.stale_paths(recall.ask("deploy"))
        assert stale
        recall.update(stale)
        assert "Friday" in recall.ask("deploy").hits[0].text
