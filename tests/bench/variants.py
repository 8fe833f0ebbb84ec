"""The pipeline as it is, without one of its parts, and each channel by itself; and their answers, kept between runs.

What can be removed is what is registered in `recall.channels`, late interaction, what neighbours and the session lend, the
deep tier, and order in time.
A removed channel is silent, so its features are 0; weights stay as they are. Without the semantic channel recall is what it is
without a model: the weights for words alone, no late interaction. A channel alone ranks by nothing but its own scores; one
that goes by what others found is given what they found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import beds
import suites
from beds import Bed, Row, Scope

from memcli import config
from memcli.encode import model
from memcli.index import search
from memcli.index.search import Document, PassageHit
from memcli.places import at_root
from memcli.recall import candidates, features, late, order, pipeline
from memcli.recall.channels import CHANNELS, SECOND_HAND
from memcli.recall.pipeline import Recall
from memcli.recall.plan import Plan, make_plan
from memcli.recall.source import Source

DEPTH = 20  # results kept of each answer
FULL = "full"
FTS5 = "fts5"
LATE = "late interaction"
AROUND = "neighbours and session"
DEEPER = "deep tier"
IN_TIME = "order in time"
PACKAGE = Path(model.__file__).parents[1]


class Answers(NamedTuple):
    """The references of what was found, best first, and the confidence, by question."""

    ranked: dict[str, list[str]]
    confidence: dict[str, float]


def parts() -> list[str]:
    """What can be removed."""
    return [*CHANNELS, *SECOND_HAND, LATE, AROUND, DEEPER, IN_TIME]


def without(part: str) -> str:
    """The name of the variant that lacks a part."""
    return f"without {part}"


def alone(channel: str) -> str:
    """The name of the variant that has nothing but a channel."""
    return f"only {channel}"


@contextmanager
def removed(part: str) -> Iterator[None]:
    """Recall without this part, while the context lasts."""
    with ExitStack() as stack:
        if part == LATE:
            stack.enter_context(patch.object(late, "interact", _nothing))
        elif part == AROUND:
            stack.enter_context(patch.object(features, "shortness", _lent_nothing))
        elif part == DEEPER:
            stack.enter_context(patch.object(pipeline, "WEAK", 0.0))
        elif part == IN_TIME:
            stack.enter_context(patch.object(order, "put_in_order", _nothing))
        else:
            stack.enter_context(patch.dict(CHANNELS if part in CHANNELS else SECOND_HAND, {part: _Silent()}))
        yield


def answers(bed: Bed, judge: ModuleType, kept: Path) -> dict[str, Answers]:
    """The answers of every variant, by name; `kept` is the folder where they stay until code, weights or questions change."""
    key = _key(bed)
    names = [FULL, FTS5, *map(without, parts()), *map(alone, (*CHANNELS, *SECOND_HAND))]
    known = {name: found for name in names if (found := _load(_file(kept, bed, name), key)) is not None}
    missing = {name: Answers({}, {}) for name in names if name not in known}
    if missing:
        for scope in bed.scopes:
            beds.say(f"{bed.name}: {len(scope.queries)} questions of {scope.folder}, {len(missing)} variants")
            _ask_scope(scope, missing)
            if FTS5 in missing:
                missing[FTS5].ranked.update(judge.ask_fts5(scope.documents, scope.queries, DEPTH)[0])
        for name, found in missing.items():
            _save(_file(kept, bed, name), key, found)
    return known | missing


def ask(recall: Recall, query: Row, **options: Any) -> tuple[list[str], float]:
    """The references of what recall finds, on the day when it is asked, and how sure it is."""
    answer = recall.ask(query["query"], now=suites.day_of(query, recall), **{"limit": DEPTH, **options})
    return list(dict.fromkeys(reference(hit.candidate.document) for hit in answer.hits)), answer.confidence


def reference(document: Document) -> str:
    """What gold calls a document: its ref where it came with one, else its path below the tree."""
    return str(document.ref or document.path.removeprefix("tree/"))


def _ask_scope(scope: Scope, wanted: dict[str, Answers]) -> None:
    """Ask all questions of a store in all variants; question by question, as they share what the channels find."""
    removals = {name: part for part in parts() if (name := without(part)) in wanted}
    with _remembering(), Recall([at_root(str(scope.folder))], config.load()) as recall:
        for query in scope.queries:
            for name, refs in _each_alone(recall, query).items():
                if name in wanted:
                    wanted[name].ranked[query["id"]] = refs
            if FULL in wanted:
                wanted[FULL].ranked[query["id"]], wanted[FULL].confidence[query["id"]] = ask(recall, query)
            for name, part in removals.items():
                with removed(part):
                    wanted[name].ranked[query["id"]], _ = ask(recall, query)
        for notice in recall.notices_now():
            beds.say(f"  {notice}")


def _each_alone(recall: Recall, query: Row) -> dict[str, list[str]]:
    """What each channel ranks first, by the name of its variant."""
    (source,) = recall.sources
    plan = make_plan(query["query"], now=suites.day_of(query, recall))
    hits = {name: channel.find(source, plan, candidates.REACH) for name, channel in CHANNELS.items()}
    first_hand = dict(hits)
    for name, channel in SECOND_HAND.items():
        hits[name] = channel.spread(source, plan, first_hand, candidates.REACH)
    best = {name: list(dict.fromkeys(hit.document for hit in ranked))[:DEPTH] for name, ranked in hits.items()}
    known = search.documents(source.connection, {document for ranked in best.values() for document in ranked})
    return {alone(name): [reference(known[document]) for document in ranked] for name, ranked in best.items()}


# --- channels in the place of others ---------------------------------------------------------------------------------


class _Silent:
    """A channel that finds nothing."""

    def find(self, source: Source, plan: Plan, limit: int) -> list[PassageHit]:
        return []

    def deepen(self, source: Source, plan: Plan, asked: list[PassageHit], limit: int) -> list[PassageHit]:
        return []

    def spread(self, source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
        return []


class _Remembered:
    """A channel that is asked once by all variants of a question."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._question: object = None
        self._found: dict[object, list[PassageHit]] = {}

    def find(self, source: Source, plan: Plan, limit: int) -> list[PassageHit]:
        found = self._answers_to(source, plan, limit)
        if None not in found:
            found[None] = self._channel.find(source, plan, limit)
        return found[None]

    def deepen(self, source: Source, plan: Plan, asked: list[PassageHit], limit: int) -> list[PassageHit]:
        found = self._answers_to(source, plan, limit)
        if plan.added not in found:
            found[plan.added] = self._channel.deepen(source, plan, asked, limit)
        return found[plan.added]

    def spread(self, source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
        found = self._answers_to(source, plan, limit)
        asked = plan.added, frozenset(name for name, ranked in hits.items() if ranked)
        if asked not in found:
            found[asked] = self._channel.spread(source, plan, hits, limit)
        return found[asked]

    def _answers_to(self, source: Source, plan: Plan, limit: int) -> dict[object, list[PassageHit]]:
        """What was found for this question, by the channels that spoke before; earlier questions are forgotten."""
        question = (id(source), plan.text, plan.now, limit)
        if question != self._question:
            self._question, self._found = question, {}
        return self._found


@contextmanager
def _remembering() -> Iterator[None]:
    with ExitStack() as stack:
        for table in (CHANNELS, SECOND_HAND):
            remembered = {name: _Remembered(channel) for name, channel in table.items()}
            stack.enter_context(patch.dict(table, remembered))
        yield


def _nothing(*_: object) -> None:
    pass


def _lent_nothing(_: object) -> float:
    """In the place of `features.shortness`: every turn speaks for itself, as a long message does."""
    return 0.0


# --- answers between runs --------------------------------------------------------------------------------------------


def _key(bed: Bed) -> str:
    """Changes with whatever an answer depends on: documents, questions, weights, code, model."""
    found = hashlib.sha256(model.load(model.default()).key.encode())
    for folder in ("recall", "index", "encode"):
        for path in sorted((PACKAGE / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                found.update(path.read_bytes())
    found.update(Path(__file__).read_bytes())
    for scope in bed.scopes:
        found.update(beds.digest(scope.documents + scope.queries).encode())
    return found.hexdigest()


def _file(kept: Path, bed: Bed, name: str) -> Path:
    return kept / bed.name / f"{name.replace(' ', '-')}.json"


def _load(path: Path, key: str) -> Answers | None:
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Answers(found["ranked"], found["confidence"]) if found["key"] == key else None


def _save(path: Path, key: str, found: Answers) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, **found._asdict()}), encoding="utf-8")
