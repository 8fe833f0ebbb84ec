"""Two texts → how one relates to the other: the same, more of the same, another value, or the opposite; or nothing.

High similarity *and* a difference of the right kind. Two statements have one subject where `subjects` says so; then values of
the same unit that differ, names after the same preposition, or a denial make a change. Without any of these, two texts of
which one says all that the other says are duplicates, or one is contained in the other.

Precision comes first: a false finding costs a person's attention; one that is missed costs little, because recall shows what
is newer first. Pure: no model, no clock; linear in the texts up to the bounds of `statements`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from memcli.lifecycle import subjects
from memcli.lifecycle.statements import DIMENSIONS, Statement, Word, statements, word_set
from memcli.lifecycle.subjects import Weigh

Span = tuple[int, int]
Words = tuple[Word, ...]

DUPLICATE, SUBSUMED, CHANGED, NEGATED = "duplicate", "subsumed", "changed", "negated"
SURE = 0.7  # confidence from which a difference is a finding

MANY = 10  # statements of a text, from which on it says so many things that one of them differing tells nothing

_NOTHING: Span = (0, 0)
_SAME, _CONTAINED = 0.8, 0.9  # shares of what one text says that the other says too
_PARAPHRASE = 0.9  # cosine at which shares count as they are; a nearer pair needs a little less of them
_PLACES = word_set("with in on through to by via as at")  # a name after one of these is a value of what goes before
_MOVES = word_set("mov switch migrat chang replac")
_ROLES = word_set("own lead maintain manag review approv")
_DIRECTED = word_set("depend befor after prefer over than call import extend block inherit replac")
_TIMES = ("on to for at of", "by until before due", "from since after between starting")  # prepositions of one meaning
# In a long sentence a subject is never whole: what is near must be nearly the same, unless a word says that something is new.
_LONG, _NEWS, _DENIAL = 1.0, 1.55, 1.75


class Change(NamedTuple):
    """How two texts differ. `first` and `second` are the spans that do, in each text; empty where nothing does.

    `confidence` is 0..1. `wider` is the text (0 or 1) that says more, for "subsumed", else None.
    """

    kind: str
    confidence: float
    first: Span
    second: Span
    wider: int | None = None


def between(
    a: str, b: str, *, cosine: float | None = None, weigh: Weigh | None = None, at_least: float = SURE
) -> Change | None:
    """How `b` relates to `a`, or None.

    `cosine` is that of their vectors, where there are some (e5-small: unrelated texts lie near .75, paraphrases above .9).
    `weigh` gives the rarity of a word (a stem) in the store, 0..1; without it all words are alike.
    """
    if " ".join(a.split()).lower() == " ".join(b.split()).lower():
        return Change(DUPLICATE, 1.0, _NOTHING, _NOTHING)
    weight = subjects.weights(weigh)
    ours, theirs = statements(a), statements(b)
    found = None
    if max(len(ours), len(theirs)) < MANY:
        differences = _differences(ours, theirs, weight)
        found = max(differences, key=lambda change: (change.confidence, change.kind), default=None)
    if found is not None:
        found = found._replace(confidence=min(1.0, found.confidence) * _nearness(cosine))
    if found is None or found.confidence < at_least:
        found = _same(ours, theirs, weight, cosine)
    return found._replace(confidence=round(found.confidence, 3)) if found and found.confidence >= at_least else None


def _nearness(cosine: float | None) -> float:
    """A factor for texts that are not near: full from .92 on, a tenth less at .88."""
    return 1.0 if cosine is None else min(1.0, max(0.0, 0.7 + 2.5 * (cosine - 0.8)))


# --- another value, or the opposite ----------------------------------------------------------------------------------


def _differences(ours: Sequence[Statement], theirs: Sequence[Statement], weight: Weigh) -> Iterator[Change]:
    values = _values(ours), _values(theirs)
    lines = [word for part in ours for word in part.words], [word for part in theirs for word in part.words]
    for u in ours:
        for v in theirs:
            which, other = u.which(), v.which()
            if any(other.get(unit, number) != number for unit, number in which.items()):
                continue  # issue 41 is open, issue 42 is closed
            pairs = list(_changed_values(u, v, values))
            if 0 < sum(x.is_label for x, _ in pairs) < len(pairs):
                continue  # sprint 1 ends in May, sprint 2 in June
            if u.run_on or v.run_on:
                yield from _in_long_sentences(pairs, lines, u.news or v.news, weight)
            elif pair := _value(pairs) or _denied(u, v) or _changed_name(u, v):
                yield _changed(u, v, *pair, weight)
                continue
            if u.negative != v.negative and u.asserts and v.asserts:
                yield _negated(u, v, weight)


def _values(parts: Iterable[Statement]) -> set[str]:
    return {word.key for part in parts for word in part.words if word.is_value and not word.denied}


def _changed_values(u: Statement, v: Statement, values: tuple[set[str], set[str]]) -> Iterator[tuple[Word, Word]]:
    """Values of one kind and unit that differ, where neither text also gives the other's."""
    for x in u.words:
        if x.is_value and not x.denied and x.key not in values[1]:
            for y in v.words:
                if y.is_value and not y.denied and y.key not in values[0] and _comparable(x, y):
                    yield x, y


def _comparable(x: Word, y: Word) -> bool:
    if x.kind != y.kind or x.kind == "listed":
        return False
    if x.kind in ("number", "goal"):
        return x.unit == y.unit or not set(x.unit.split()).isdisjoint(y.unit.split())
    return x.unit == y.unit


def _value(pairs: list[tuple[Word, Word]]) -> tuple[Words, Words] | None:
    return ((pairs[0][0],), (pairs[0][1],)) if pairs else None


def _changed(u: Statement, v: Statement, x: Words, y: Words, weight: Weigh) -> Change:
    ours, theirs = subjects.keys(u, x), subjects.keys(v, y)
    sure = subjects.same_subject(ours, theirs, weight)
    if sure and subjects.in_its_place(u, v, ours, theirs):
        sure *= subjects.OTHER_SUBJECT
    return Change(CHANGED, sure, (x[0].start, x[-1].end), (y[0].start, y[-1].end))


def _in_long_sentences(
    pairs: list[tuple[Word, Word]], lines: tuple[list[Word], list[Word]], news: bool, weight: Weigh
) -> Iterator[Change]:
    for x, y in pairs:
        near = subjects.around(lines[0], x), subjects.around(lines[1], y)
        if x.unit in DIMENSIONS and len(subjects.telling(*near)) < 2:
            continue  # anything can have hours and percents
        sure = subjects.same_surroundings(*near, weight) * _likeness(x, y) * (_NEWS if news else _LONG)
        yield Change(CHANGED, sure, (x.start, x.end), (y.start, y.end))


def _likeness(x: Word, y: Word) -> float:
    """How much two values of a kind are values of the same thing, by how they are said."""
    if x.kind == "goal":
        return 0.0  # people have many goals
    if x.kind == "date":
        return 0.85 if any(x.link == y.link or {x.link, y.link} <= set(of.split()) for of in _TIMES) else 0.5
    if x.kind == "clock" or x.is_label:
        return 0.6
    return 1.0 if x.unit == y.unit else 0.75


def _negated(u: Statement, v: Statement, weight: Weigh) -> Change:
    denial, claim = (u, v) if u.negative else (v, u)
    sure = subjects.denied_by(denial, claim, weight)
    if u.run_on or v.run_on:
        both = subjects.telling(subjects.keys(u), subjects.keys(v)) - subjects.denied_verbs(denial)
        sure = _DENIAL * sure if claim.reports and len(both) > 1 else 0.0
    return Change(NEGATED, sure, (u.start, u.end), (v.start, v.end))


# --- another name ----------------------------------------------------------------------------------------------------


def _denied(u: Statement, v: Statement) -> tuple[Words, Words] | None:
    """A word that one statement says and the other denies in passing ("in the repository, not in Notion any more")."""
    for first, second in ((u, v), (v, u)):
        said = subjects.keys(second)
        denied = {word.key: word for word in second.words if word.denied and word.key not in said}
        for word in first.words:
            if not word.denied and word.key in denied:
                ours, theirs = (word,), (denied[word.key],)
                return (ours, theirs) if first is u else (theirs, ours)
    return None


def _changed_name(u: Statement, v: Statement) -> tuple[Words, Words] | None:
    """Names in the same place: before the same verb of a role ("Kim owns"), or after the same preposition."""
    ours, theirs = {word.key for word in u.words}, {word.key for word in v.words}
    if len(u.words) > 2 and len(v.words) > 2:
        (x, verb), (y, other) = u.words[:2], v.words[:2]
        if verb.key == other.key and verb.key in _ROLES and x.key not in theirs and y.key not in ours:
            return (x,), (y,)
    found = _left_over(v, ours)
    for x_run, before in _left_over(u, theirs):
        for y_run, after in found:
            if "name" in (x_run[0].kind, y_run[0].kind) and _same_place(x_run[0], before, y_run[0], after):
                return x_run, y_run
    return None


def _left_over(statement: Statement, others: Collection[str]) -> list[tuple[Words, str]]:
    """Runs of words that the other statement lacks, each with the word before it."""
    runs: list[tuple[Words, str]] = []
    before: Word | None = None
    for word in statement.words:
        if word.key not in others and not word.is_value and not word.denied:
            if runs and before is runs[-1][0][-1] and not word.link:
                runs[-1] = ((*runs[-1][0], word), runs[-1][1])
            else:
                runs.append(((word,), before.key if before else ""))
        before = word
    return runs


def _same_place(x: Word, before_x: str, y: Word, before_y: str) -> bool:
    if x.link not in _PLACES or y.link not in _PLACES or not before_x or not before_y:
        return False
    return (before_x == before_y and x.link == y.link) or before_x in _MOVES or before_y in _MOVES


# --- the same --------------------------------------------------------------------------------------------------------


def _same(ours: Sequence[Statement], theirs: Sequence[Statement], weight: Weigh, cosine: float | None) -> Change | None:
    """Whether one text says all that the other says, in whatever order, unless order is what it says."""
    x, y = _said(ours), _said(theirs)
    if not x or not y or {part.negative for part in ours} != {part.negative for part in theirs}:
        return None
    if _denials(ours) != _denials(theirs) or subjects.opposed(set(x) - set(y), set(y) - set(x)):
        return None
    if _named(ours) - set(y) and _named(theirs) - set(x):
        return None  # one tells of Ann and 5, the other of Bob and 7
    shared = [key for key in x if key in y]
    if _DIRECTED & set(shared) and shared != [key for key in y if key in x]:
        return None
    nearer = 0.0 if cosine is None else min(0.08, max(-0.2, 2 * (cosine - _PARAPHRASE)))
    in_theirs, in_ours = (min(1.0, _share(p, q, weight) + nearer) for p, q in ((x, y), (y, x)))
    if min(in_theirs, in_ours) >= _SAME:
        return Change(DUPLICATE, min(in_theirs, in_ours), _NOTHING, _NOTHING)
    if max(in_theirs, in_ours) >= _CONTAINED:
        wider = 1 if in_theirs >= in_ours else 0
        return Change(SUBSUMED, max(in_theirs, in_ours), _NOTHING, _NOTHING, wider)
    return None


def _named(parts: Sequence[Statement]) -> set[str]:
    return {word.key for part in parts for word in part.words if word.kind != "word"}


def _said(parts: Sequence[Statement]) -> list[str]:
    return list(dict.fromkeys(word.key for part in parts for word in part.words))


def _denials(parts: Sequence[Statement]) -> set[str]:
    return {word.key for part in parts for word in part.words if word.denied} - {
        word.key for part in parts for word in part.words if not word.denied
    }


def _share(x: list[str], y: list[str], weight: Weigh) -> float:
    others = set(y)
    whole = sum(map(weight, x))
    return sum(weight(key) for key in x if key in others) / whole if whole else 0.0
