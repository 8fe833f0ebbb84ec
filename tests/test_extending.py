"""The channel in docs/extending.md works as it stands there: it keeps the contract and lifts an answer."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from memcli import config, plainyaml
from memcli.recall import channels, fusion
from memcli.recall.source import QueryEncoder, Source
from memcli.store import Store
from tests.contract import test_channels as contract
from tests.recall.asking import ask, names, shares

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first code block of a language on the page, as it would stand in a file."""
    found = re.search(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, language
    return "".join(line.removeprefix(found[1]) for line in found[2].splitlines(keepends=True))


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The channel as a module, registered and weighted as the page says."""
    path = tmp_path / "tags.py"
    path.write_text(block("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("memcli.recall.channels.tags", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    added = plainyaml.parse(block("yaml"))
    weights = {name: {**fusion.ranking()[name], **added[name]} for name in ("hybrid", "words")}  # type: ignore[dict-item]
    monkeypatch.setitem(channels.CHANNELS, "tags", module)
    monkeypatch.setattr(fusion, "ranking", lambda: weights)
    return module


@pytest.fixture
def tagged(store: Store) -> Iterator[Source]:
    """The notes of the contract, each with a tag that its questions name."""
    for text, (type_, topic) in contract.NOTES.items():
        store.add(text, type_=type_, topic=topic, tags=("ngozi",), created="2026-05-01")
    store.sync()
    opened = Source(store.place, QueryEncoder(config.load()))
    yield opened
    opened.close()


def test_it_is_as_short_as_promised(channel: ModuleType) -> None:
    assert len(block("python").splitlines()) <= 30
    assert channel.__doc__


def test_it_keeps_the_contract(channel: ModuleType, tagged: Source) -> None:
    for question in contract.QUESTIONS:
        contract.test_ordered_distinct_and_bounded("tags", question, tagged)
    _, filters = contract.test_filters_hold.pytestmark[0].args  # type: ignore[attr-defined]
    for where, kept in filters:
        contract.test_filters_hold("tags", where, kept, tagged)
    contract.test_reads_only("tags", tagged)
    assert contract.ask("tags", tagged, contract.make_plan(contract.LONG), 10)


def test_it_lifts_what_has_the_tag(channel: ModuleType, store: Store) -> None:
    store.add("The kiln needs a new thermocouple.", title="Plain", topic="shop", created="2026-05-01")
    store.add(
        "The kiln needs a new thermocouple!", title="Tagged", topic="shop", tags=("urgent",), created="2026-05-01"
    )
    answer = ask("what is urgent about the kiln")
    assert names(answer)[0] == "tagged"
    assert shares(answer, "tagged")["tags"] == 0.5


def test_cases_are_written_as_described() -> None:
    """The lines on the page have the keys that the lines in tests/bench/cases have."""
    kinds = ("memory", "turn", "question")

    def shapes(lines: list[str]) -> dict[str, set[frozenset[str]]]:
        found: dict[str, set[frozenset[str]]] = {kind: set() for kind in kinds}
        for line in lines:
            row = json.loads(line)
            found[next(kind for kind in kinds if kind in row)].add(frozenset(row))
        return found

    files = sorted((ROOT / "tests" / "bench" / "cases").glob("*.jsonl"))
    real = shapes([line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line])
    assert shapes(block("json").splitlines()) == real


def test_every_channel_is_described() -> None:
    page = (ROOT / "docs" / "recall.md").read_text(encoding="utf-8")
    for name in (*channels.CHANNELS, *channels.SECOND_HAND):
        assert f"\n| *{name}* |" in page, name
