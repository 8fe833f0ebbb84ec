"""Dates in plain English: the time a question asks about, and the days on which what a memory tells took place.

Owns the grammar. `asked` and `mentioned` read the same one; they differ in what an unfinished date means. To a question
"in May", "June 3" and "on Friday" are the latest that began by today. To a memory "on Friday" is the latest by its own
day, or the next one after words of the future ("will", "is", "by"); "in May" and "June 3" are the nearest.

Conventions, where people differ:
- Weeks run from Monday to Sunday. "last week" and "last month" are calendar ones; "the last week", "past month" and
  "the last 10 days" end today. "last Friday" is before today, "next Friday" after it, "this Friday" in this week.
- "three weeks ago", "two months ago" and "a year ago" give or take half a unit; "10 days ago" is one day. A couple is
  1–3, a few 2–5, several 3–8. "around" adds three days to both sides of a date, or half of its length.
- Seasons are northern and whole months: spring is March to May, winter 2025 ends in February 2026.
- 12.05.2026 is 12 May; 5/12/2026 is nothing, since half of the world disagrees about it; 5/13/2026 is.
- Easter is Good Friday to Monday, Christmas 24–26 December, New Year's 31 December to 1 January.

A false date is worse than a missed one. A month that is also a word or a name needs a preposition, a day or a year
("in May", "since April"); "may", "march", "mar", "dec", "oct" and "sep" in lower case also need to be followed by
something that does not follow a verb. A weekday needs "on", "last" or the like; "every Friday" is no date. "in two
weeks" needs a word of the future before it, because it is mostly a duration. Sat, Sun, fall and spring alone, "March
10 km", "the 2nd floor", "Q1: why?" are not dates.

Promises: pure, linear in the first `MAX_READ` characters, no failure on any string. Lean: imported by every recall.
"""

from __future__ import annotations

import re
from collections import namedtuple
from functools import cache

from memcli.encode import days
from memcli.encode.daterules import COUNT_OF, RULES, When, count, values
from memcli.encode.datewords import KIND, Word, classed, lowered, may_hold_dates, words_of
from memcli.encode.days import Interval, hull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_READ = 20_000
MAX_MENTIONED = 16

Asked = namedtuple("Asked", "intervals spans")
Asked.__doc__ = """The time that a question asks about.

`intervals` holds an `Interval` for each date in it, as written, mostly one; `first` or `last` is None where it is open
("before June 3", "since May"). `spans` holds the (start, end) of their words in the question.
"""

_Atom = namedtuple("_Atom", "meaning words future")
_Atom.__doc__ = """A date as found: the rule that gives its interval and the words to give it from."""


def asked(query: str, now: int) -> Asked | None:
    """The time that `query`, put on day `now`, asks about; None if it names none."""
    intervals, spans = [], []
    for phrase in _phrases(query):
        interval = _opened(phrase, _interval(phrase, When(now, "past", False)))
        if interval:
            intervals.append(interval)
            spans.append((phrase.start, phrase.end))
    return Asked(tuple(intervals), tuple(spans)) if intervals else None


def mentioned(text: str, at: int | None) -> list[Interval]:
    """The dates that `text`, written on day `at`, mentions: as they stand, each once, at most `MAX_MENTIONED`.

    Without `at` only those that say their year.
    """
    found: dict[Interval, None] = {}
    for phrase in _phrases(text, placed=False):
        if interval := _interval(phrase, When(at, "nearest", False)):
            found[interval] = None
            if len(found) == MAX_MENTIONED:
                break
    return list(found)


# --- dates put together -----------------------------------------------------------------------------------------------

_Phrase = namedtuple("_Phrase", "left right side offset start end")
_Phrase.__doc__ = """One date (`left`) or the two of a range, each as its words from "early" or "end" to the DATE.

`side` is the kind of "before", "since" and the like, or None; `offset` the words of "two days" in "two days before".
"""


@cache
def _dates() -> re.Pattern[str]:
    rules = "|".join(f"(?P<r{i}>{classed(pattern)})" for i, (pattern, _) in enumerate(RULES))
    never_first = classed("(?! [OTHER FUNCTION PUNCTUATION COMMA DASH BREAK ON OF AT TO AND FOR FROM FUTURE IS] )")
    return re.compile(f"{never_first}(?:{rules})")  # words of most texts fail one test instead of forty


@cache
def _combined() -> re.Pattern[str]:
    piece = "(?: (?: THE? (?: EARLY (?: DASH | IN )? | EDGE OF | WEEKWORD OF ) )? DATE )"
    return re.compile(
        classed(
            f"""BETWEEN (?P<lower> {piece} ) AND (?P<upper> {piece} )
            | FROM? (?P<since> {piece} ) (?: TO | DASH | UNTIL ) (?P<until> {piece} )
            | (?P<offset> (?: THE [DAYWORD UNIT] | {COUNT_OF} SPAN ) (?= [BEFORE AFTER] ) )? (?P<side> SIDE )?
              (?P<only> {piece} )"""
        )
    )


def _phrases(text: str, *, placed: bool = True) -> Iterator[_Phrase]:
    """The dates of a text and what belongs to them; without `placed` they do not say where they stand."""
    text = text[:MAX_READ]
    lower = lowered(text)
    if not may_hold_dates(lower):
        return
    read = words_of(text, lower, placed=placed)
    words = _with_dates(read)
    if words is read:
        return
    for match in _combined().finditer("".join([word.kind for word in words])):
        pieces = [words[match.start(name) : match.end(name)] for name in _PIECES if match[name]]
        offset = words[match.start("offset") : match.end("offset")]
        start, end = words[match.start()].start, words[match.end() - 1].end
        yield _Phrase(pieces[0], pieces[1] if len(pieces) > 1 else None, match["side"], offset, start, end)


_PIECES = ("lower", "upper", "since", "until", "only")


def _with_dates(words: list[Word]) -> list[Word]:
    """`words` with a DATE, whose value is an `_Atom`, in the place of those of each date; `words` itself without any."""
    kinds_of = "".join([word.kind for word in words])
    out, done = [], 0
    for match in _dates().finditer(kinds_of + KIND["PUNCTUATION"]):
        start, end = match.start(), match.end()
        of_date = words[start:end]
        meaning = RULES[int((match.lastgroup or "r0")[1:])][1]
        out += words[done:start]
        atom = _Atom(meaning, of_date, _is_ahead(kinds_of[max(start - 8, 0) : start]))
        out.append(Word(KIND["DATE"], atom, of_date[0].start, of_date[-1].end))
        done = end
    return out + words[done:] if out else words


@cache
def _future() -> re.Pattern[str]:
    return re.compile(classed("FUTURE [^ PUNCTUATION BREAK ]* $ | IS ON? $ | [BY UNTIL] $"))


def _is_ahead(before: str) -> bool:
    """Whether the words before a date, by their classes, show that it lies in the future."""
    return _future().search(before) is not None


def _interval(phrase: _Phrase, when: When) -> Interval | None:
    """The days of a phrase. In a range the side that says less is read from the other: "June 3 to July 1, 2024"."""
    left = _piece(phrase.left, when)
    if not phrase.right:
        return _moved(left, phrase) if left else None
    right = _piece(phrase.right, when)
    if right and _unfinished(phrase.left):
        left = _piece(phrase.left, When(right.last, "past", False))
    elif left and _unfinished(phrase.right):
        right = _piece(phrase.right, When(left.first, "coming", True))
    return hull(left, right)


def _unfinished(piece: list[Word]) -> bool:
    """Whether a date depends on the day only because it leaves something out."""
    words = piece[-1].value.words
    named = values(words, "MONTH") + values(words, "WEEKDAY") + values(words, "HOLIDAY") + values(words, "QUARTER")
    return bool(named) and not (values(words, "YEAR") or values(words, "REL") or values(words, "AGO"))


def _piece(words: list[Word], when: When) -> Interval | None:
    """The days of a date with what stands before it: "early", "the end of", "the week of"."""
    atom = words[-1].value
    interval = atom.meaning(atom.words, when._replace(future=when.future or atom.future))
    if interval is None:
        return None
    if unit := values(words, "UNIT"):
        return days.calendar(interval.first, unit[0]) if interval.last - interval.first < 7 else interval
    part = values(words, "EARLY") + values(words, "EDGE")
    return days.third(interval, part[0]) if part else interval


def _moved(interval: Interval, phrase: _Phrase) -> Interval:
    """ "two days before" a date, "the week after" it; "around" it: three days more on both sides, or half its length."""
    if phrase.side == KIND["AROUND"]:
        slack = max(3, (interval.last - interval.first + 1) // 2)
        return Interval(interval.first - slack, interval.last + slack)
    if not phrase.offset:
        return interval
    unit, before = values(phrase.offset, "SPAN")[0], phrase.side == KIND["BEFORE"]
    if phrase.offset[0].kind == KIND["THE"]:
        return (
            Interval(days.shift(interval.first, -1, unit), interval.first - 1)
            if before
            else Interval(interval.last + 1, days.shift(interval.last, 1, unit))
        )
    low, high = count(phrase.offset)
    return days.away(interval.first, -high, -low, unit) if before else days.away(interval.last, low, high, unit)


def _opened(phrase: _Phrase, interval: Interval | None) -> Interval | None:
    """The interval as "before", "after", "since", "until" or "by" leaves it open on one side."""
    if interval is None or phrase.offset or phrase.side in (None, KIND["AROUND"]):
        return interval
    if phrase.side == KIND["BEFORE"]:
        return Interval(None, interval.first - 1)
    if phrase.side == KIND["AFTER"]:
        return Interval(interval.last + 1, None)
    return Interval(interval.first, None) if phrase.side == KIND["SINCE"] else Interval(None, interval.last)
