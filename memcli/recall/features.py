"""What speaks for a candidate: channel scores made comparable, what stands around it, and what it is. Each 0..1.

Pooled scores are scaled over the candidates of one question, so that a feature means the same for every question and store
(Bruch et al., "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv 2210.11934: scores, not reciprocal ranks, which
throw away how much better one hit is than the next). A feature is split by what decides how far it can be trusted, instead
of being one number for all texts:

    .prose .code   what the candidate's best passage is: code is found by meaning, as its words are named, not described
    .page          for a question as long as a page, such as a pasted issue: single words then say little
    session.…      what the session lends to a short turn, which means little alone; a long message and a note speak for
                   themselves, and have there what they have anyway, so that neither kind is ranked above the other

Whatever has no vectors or token codes (a script that the model cannot read) is judged by its words in their place, so that it
is neither lifted nor sunk. `recall.fusion` weighs features. Lean; reads the index only for what mentions a day.
"""

from __future__ import annotations

from memcli.index import timeline
from memcli.recall import intent, turns
from memcli.recall.channels import CHANNELS, SECOND_HAND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

FLOOR_RANK = 150  # the candidate whose cosine counts as no likeness at all
LEAST_SPREAD = 0.1  # of cosines, where there are fewer candidates than that
SESSION_BEST = 3  # turns whose mean speaks for a session
ABSOLUTE = frozenset(("entity", "links", "temporal"))
"""Channels whose scores are already 0..1 and mean the same for every question."""
AGENTS = frozenset(("assistant", "ai", "model", "agent", "bot"))  # speakers who answer


def own(pool: Pool, plan: Plan) -> None:
    """The features that a candidate has from the channels and from what it is, for all candidates and the turns around."""
    scales = {name: _scale(name, pool) for name in (*CHANNELS, *SECOND_HAND)}
    names = plan.text.lower()
    for_reply = intent.asks_for_reply(plan.text)
    silent = dict.fromkeys(scales, 0.0)
    candidates = {id(candidate) for candidate in pool.candidates}
    for candidate in pool.around.values():
        values = silent.copy()
        for name, score in candidate.scores.items():
            if name in scales:
                values[name] = _scaled(score, scales[name])
        if scales["typo"][1]:  # the corrected question is the one that was meant
            values["keyword"] = values["typo"]
        values["late"] = values["semantic"] if "semantic" in candidate.scores else values["keyword"]
        values["window"] = values["late"]
        candidate.values = values
        if id(candidate) in candidates:
            candidate.lent = shortness(candidate)
            candidate.features = _split(values, candidate, plan.length)
            candidate.features |= _what_it_is(candidate, names, for_reply)
    if plan.when:
        _dated(pool)


def late(pool: Pool, plan: Plan, first: list[Candidate]) -> None:
    """The features of late interaction, for the candidates that were compared."""
    scales = {name: _spread(name, first) for name in ("late", "window")}
    for candidate in first:
        if "late" in candidate.scores:
            for name, scale in scales.items():
                candidate.values[name] = _scaled(candidate.scores[name], scale)
            candidate.features |= _split(candidate.values, candidate, plan.length)


def around(pool: Pool, plan: Plan, candidates: list[Candidate]) -> None:
    """What sessions lend to short turns; needs the values of all candidates."""
    lending = {_session(candidate) for candidate in candidates if candidate.lent and not candidate.code}
    sessions = _sessions(pool, lending)
    share = 1.0 - plan.length
    for candidate in candidates:
        lent, values, features = candidate.lent, candidate.values, candidate.features
        session = sessions.get(_session(candidate), values)
        for name in _LENT if not candidate.code else ():
            features[f"session.{name}"] = share * (lent * session[name] + (1.0 - lent) * values[name])
        if values["temporal"]:
            features["temporal.relevant"] = values["temporal"] * values["late"]


def shortness(candidate: Candidate) -> float:
    """1 for a passing remark, 0 for a long message and for what is no turn of a session."""
    return turns.shortness(candidate.document.length) if candidate.document.anchor else 0.0


def _split(values: dict[str, float], candidate: Candidate, page: float) -> dict[str, float]:
    """Values under the name of what decides how far they can be trusted."""
    sentence, kind = 1.0 - page, _NAMES["code" if candidate.code else "prose"]
    features: dict[str, float] = {}
    for name, value in values.items():
        if not value:
            continue
        if name in kind:
            features[kind[name]] = sentence * value
        if page and name in _NAMES["page"]:
            features[_NAMES["page"][name]] = page * value
        if name not in _OTHERWISE:
            features[name] = value
    if not candidate.code:
        features["window"] = sentence * values["window"]
    if values["temporal"]:
        features["temporal.near"] = values["temporal"]
    if values["hierarchy"]:
        features["hierarchy.turn" if candidate.document.anchor else "hierarchy.note"] = sentence * values["hierarchy"]
    return features


_LENT = ("semantic", "keyword", "late")
_BY_KIND = (*_LENT, "entity", "spreading")
_NAMES = {kind: {name: f"{name}.{kind}" for name in _BY_KIND} for kind in ("prose", "code", "page")}
_OTHERWISE = frozenset((*_BY_KIND, "typo", "window", "temporal", "hierarchy"))


def _dated(pool: Pool) -> None:
    """Mark what mentions a day, for a question whose answer is one."""
    by_source: dict[Source, list[Candidate]] = {}
    for candidate in pool.candidates:
        by_source.setdefault(candidate.source, []).append(candidate)
    for source, members in by_source.items():
        known = timeline.dated(source.connection, (candidate.document.id for candidate in members))
        for candidate in members:
            if candidate.document.id in known and known[candidate.document.id].events:
                candidate.features["dated"] = 1.0


def _what_it_is(candidate: Candidate, names: str, for_reply: bool) -> dict[str, float]:
    speaker = (candidate.document.speaker or "").lower()
    by_agent = speaker in AGENTS
    found = {
        # An assistant's reply repeats the question's words at length; what a user said of himself is in his own turns.
        "said": 0.0 if by_agent and not for_reply else 1.0,
        "reply": 1.0 if by_agent and for_reply else 0.0,
        "speaker": 1.0 if speaker and speaker not in AGENTS and speaker in names else 0.0,
    }
    return {name: value for name, value in found.items() if value}


def _scale(name: str, pool: Pool) -> tuple[float, float]:
    """The channel's scores that count as nothing and as everything: what a distant candidate has, and the best.

    Shared words count from none at all. Cosines of unrelated texts are far from zero, so meaning counts from the
    candidate of rank FLOOR_RANK, or the last; a little store, where all may be good, counts from well below its best.
    """
    if name in ABSOLUTE:
        return 0.0, 1.0
    scores = sorted((c.scores[name] for c in pool.candidates if name in c.scores), reverse=True)
    if not scores:
        return 0.0, 0.0
    if name != "semantic":
        return 0.0, scores[0]
    floor = scores[min(len(scores), FLOOR_RANK) - 1]
    return (floor if len(scores) >= FLOOR_RANK else min(floor, scores[0] - LEAST_SPREAD)), scores[0]


def _spread(name: str, candidates: list[Candidate]) -> tuple[float, float]:
    """The least and the greatest score of those compared, which are all good ones."""
    scores = [c.scores[name] for c in candidates if name in c.scores]
    top = max(scores, default=0.0)
    return min(min(scores, default=0.0), top - LEAST_SPREAD), top


def _scaled(score: float, scale: tuple[float, float]) -> float:
    floor, top = scale
    if score <= floor:
        return 0.0
    return (score - floor) / (top - floor) if score < top else 1.0


def _session(candidate: Candidate) -> tuple[Source, str]:
    return candidate.source, candidate.document.session or str(candidate.document.entry)


def _sessions(pool: Pool, wanted: set[tuple[Source, str]]) -> dict[tuple[Source, str], dict[str, float]]:
    """For each of these sessions, the means of its best turns."""
    members: dict[tuple[Source, str], list[dict[str, float]]] = {}
    for candidate in pool.around.values():
        if candidate.document.anchor and (key := _session(candidate)) in wanted:
            members.setdefault(key, []).append(candidate.values)
    return {
        key: {
            name: sum(sorted([values[name] for values in turns], reverse=True)[:SESSION_BEST]) / SESSION_BEST
            for name in _LENT
        }
        for key, turns in members.items()
    }
