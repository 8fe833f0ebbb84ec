"""What every channel promises (memcli/recall/channels/__init__.py), held for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memcli import config
from memcli.index.search import Filter
from memcli.recall.channels import CHANNELS
from memcli.recall.plan import make_plan
from memcli.recall.source import QueryEncoder, Source
from memcli.store import Store
from tests.conftest import tree_bytes

NOTES = {
    "Rotate refresh tokens on every use": ("decision", "auth"),
    "The mutex misses the retry after a 401": ("lesson", "auth"),
    "Deploys go out on Tuesday mornings": ("preference", "team"),
    "The invoice table is partitioned by month": ("fact", "billing"),
}
LONG = "Tell me about " + " ".join(f"word{n} tokens{n}" for n in range(20)) + " rotating refresh tokens and the mutex"
QUESTIONS = ("refresh tokens", "how do we deploy?", LONG, "", "?!", "日本", '"quotes" AND OR NEAR(', "x" * 5000)


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    for text, (type_, topic) in NOTES.items():
        store.add(text, type_=type_, topic=topic, created="2026-05-01")
    store.sync()
    opened = Source(store.place, QueryEncoder(config.load()))
    yield opened
    opened.close()


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=list(CHANNELS))
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text[:12] or "empty")
def test_ordered_distinct_and_bounded(channel: object, question: str, source: Source) -> None:
    """Best first, no passage twice, no more than asked for, whatever the question."""
    for limit in (1, 3, 100):
        hits = channel.find(source, make_plan(question), limit)  # type: ignore[attr-defined]
        assert len(hits) <= limit
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len({hit.passage for hit in hits}) == len(hits)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=list(CHANNELS))
@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (Filter(types=("decision",)), 1),
        (Filter(path="auth"), 2),
        (Filter(since="2026-06"), 0),
        (Filter(until="2026-05"), 4),
        (Filter(tags=("none",)), 0),
    ],
    ids=["type", "path", "since", "until", "tag"],
)
def test_filters_hold(channel: object, where: Filter, kept: int, source: Source) -> None:
    """Nothing outside the filter is offered; everything inside can be."""
    asks = [" ".join(NOTES), " ".join([*NOTES, LONG])]
    hits = [channel.find(source, make_plan(text, where), 100) for text in asks]  # type: ignore[attr-defined]
    assert max(len(found) for found in hits) == kept


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=list(CHANNELS))
def test_reads_only(channel: object, source: Source) -> None:
    before = tree_bytes(source.place.folder)
    channel.find(source, make_plan(LONG), 10)  # type: ignore[attr-defined]
    assert {k: v for k, v in tree_bytes(source.place.folder).items() if "cache" not in k} == {
        k: v for k, v in before.items() if "cache" not in k
    }


def test_each_channel_finds_something(source: Source) -> None:
    """A channel that never speaks is not wired."""
    for name, channel in CHANNELS.items():
        assert channel.find(source, make_plan(LONG), 10), name
