"""What runs in a second thread while recall goes on: the model, and the words of a large store."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from memcli import config
from memcli.encode.embedder import Embedder
from memcli.recall import candidates
from memcli.recall.begun import Begun
from memcli.recall.channels import CHANNELS, keyword
from memcli.recall.pipeline import Recall
from memcli.recall.source import QueryEncoder, Source
from memcli.store import Store
from tests.command import run_mem

QUESTIONS = ("when is the shop deployed", "refresh tokens", "parse_config", "what about apple pie")


def fill(store: Store) -> None:
    for text in (
        "We deploy the web shop every Tuesday.",
        "Refresh tokens rotate on every use.",
        "parse_config reads twice",
    ):
        run_mem("add", text, model=True)


def test_a_call_goes_on_beside_its_caller_and_hands_over_what_it_made() -> None:
    may_end = threading.Event()

    def make(value: int) -> int:
        assert may_end.wait(10)
        return value + 1

    begun = Begun(make, 41)
    may_end.set()
    assert begun.result() == 42


def test_what_fails_beside_fails_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        Begun(divmod, 1, 0).result()


def test_a_large_store_is_asked_by_two_threads_and_answers_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = [run_mem("recall", question, "--json", model=True).stdout for question in QUESTIONS]
    threads = []
    find = keyword.find

    def noted(source: Source, *rest: object) -> object:
        threads.append(threading.current_thread())
        return find(source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(candidates, "LARGE", 0)
    monkeypatch.setattr(CHANNELS["keyword"], "find", noted)
    assert [run_mem("recall", question, "--json", model=True).stdout for question in QUESTIONS] == before
    assert threading.main_thread() not in threads[:1]


def test_the_question_is_encoded_while_words_are_searched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    threads = []
    encode = QueryEncoder._encode

    def noted(encoder: QueryEncoder, text: str) -> object:
        threads.append(threading.current_thread())
        return encode(encoder, text)

    monkeypatch.setattr(QueryEncoder, "_encode", noted)
    with Recall([store.place], config.load(store.place)) as recall:
        assert recall.ask("when is the shop deployed").hits
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_the_model_is_loaded_once_where_something_waits_for_a_vector(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(store.place.tree) / "note.md").write_text("We deploy the web shop every Tuesday.\n", encoding="utf-8")
    opened = []
    opening = Embedder.open

    def noted(*arguments: Any, **options: Any) -> Embedder:
        opened.append(arguments)
        return opening(*arguments, **options)

    monkeypatch.setattr(Embedder, "open", noted)
    assert "Tuesday" in run_mem("recall", "when is the shop deployed", model=True).stdout
    assert len(opened) == 1
