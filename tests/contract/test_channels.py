"""What every channel promises (memcli/recall/channels/__init__.py), held for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from memcli import config
from memcli.encode.days import day_of
from memcli.index.search import Filter, PassageHit
from memcli.recall.channels import CHANNELS, SECOND_HAND
from memcli.recall.plan import Plan, make_plan
from memcli.recall.source import QueryEncoder, Source
from memcli.store import Store
from tests.conftest import tree_bytes

NOTES = {
    "Rotate refresh tokens on every use, says Ngozi": ("decision", "auth"),
    "The mutex misses the retry after a 401, as Ngozi found": ("lesson", "auth"),
    "Deploys go out on Tuesday mornings after Ngozi looked": ("preference", "team"),
    "The invoice table is partitioned by month, by Ngozi": ("fact", "billing"),
}
LONG = (
    "Tell me about "
    + " ".join(f"word{n} tokens{n}" for n in range(20))
    + " rotating refresh tokens, Ngozi and the mutex in May"
)
NOW = day_of("2026-05-20")
QUESTIONS = ("refresh tokens", "how do we deploy?", LONG, "", "?!", "日本", '"quotes" AND OR NEAR(', "x" * 5000)

ALL = [*CHANNELS, *SECOND_HAND]


def ask(name: str, source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    """What a channel finds; one that goes by what others found gets theirs, which need not be within the filter."""
    channel: Any = CHANNELS.get(name) or SECOND_HAND[name]
    if name in CHANNELS:
        hits: list[PassageHit] = channel.find(source, plan, limit)
        return hits
    anywhere = plan._replace(where=Filter())
    first = {other: first_hand.find(source, anywhere, 100) for other, first_hand in CHANNELS.items()}
    reached: list[PassageHit] = channel.spread(source, plan, first, limit)
    return reached


@pytest.fixture
def source(store: Store) -> Iterator[Source]:
    for (text, (type_, topic)), other in zip(NOTES.items(), [*NOTES][1:] + [*NOTES][:1], strict=True):
        store.add(f"{text}\n\nSee [[{other}]]", type_=type_, topic=topic, created="2026-05-01")
    store.sync()
    opened = Source(store.place, QueryEncoder(config.load()))
    yield opened
    opened.close()


@pytest.mark.parametrize("channel", ALL)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text[:12] or "empty")
def test_ordered_distinct_and_bounded(channel: str, question: str, source: Source) -> None:
    """Best first, no passage twice, no more than asked for, whatever the question."""
    for limit in (1, 3, 100):
        hits = ask(channel, source, make_plan(question, None, NOW), limit)
        assert len(hits) <= limit
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len({hit.passage for hit in hits}) == len(hits)


@pytest.mark.parametrize("channel", ALL)
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
def test_filters_hold(channel: str, where: Filter, kept: int, source: Source) -> None:
    """Nothing outside the filter is offered; everything inside can be."""
    asks = [" ".join(NOTES), " ".join([*NOTES, LONG])]
    hits = [ask(channel, source, make_plan(text, where, NOW), 100) for text in asks]
    assert max(len(found) for found in hits) == kept


@pytest.mark.parametrize("channel", ALL)
def test_reads_only(channel: str, source: Source) -> None:
    before = tree_bytes(source.place.folder)
    ask(channel, source, make_plan(LONG, None, NOW), 10)
    assert {k: v for k, v in tree_bytes(source.place.folder).items() if "cache" not in k} == {
        k: v for k, v in before.items() if "cache" not in k
    }


def test_each_channel_finds_something(source: Source) -> None:
    """A channel that never speaks is not wired."""
    for name in ALL:
        assert ask(name, source, make_plan(LONG, None, NOW), 10), name
