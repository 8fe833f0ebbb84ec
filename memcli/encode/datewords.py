"""English text → a string of word classes, one character each, on which the grammar of dates is written.

A regular expression over classes says `MONTH DAY COMMA? YEAR` where one over text would repeat a hundred words: it is
short, quick to compile and cannot backtrack over long stretches of text. `classed` turns class names in a pattern into
their characters, `words_of` reads a text, `may_hold_dates` says without reading it that there is nothing to find.

Lean: imported by every recall. Nothing is built or compiled before it is needed.
"""

from __future__ import annotations

import re
from collections import namedtuple
from functools import cache

from memcli.encode.days import span, span_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Word = namedtuple("Word", "kind value start end")
Word.__doc__ = """`kind` is the character of its class; `value` is what it stands for; `start` and `end` are offsets."""

_MONTHS = "january february march april may june july august september october november december"
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday"
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve"

_CLASSES = """
SURE FREE NAME VERB WEEKDAY WEEKDAYS STAMP RECENT OLD NUMBER BIG NUMERAL ARTICLE VAGUE ORDINAL RANK LAST PAST THIS NEXT
DAYWORD WEEKWORD MONTHWORD YEARWORD UNITS TODAY DAYTIME DAYTIMES NIGHT SEASON QUARTER HOLIDAY EVE NEW POSSESSIVE HALF EARLY EDGE
IN ON OF AT THE AND OR TO DASH COMMA AGO BEFORE AFTER SINCE UNTIL BY AROUND FROM BETWEEN DURING OVER FOR EVERY FUTURE IS
FUNCTION PUNCTUATION BREAK OTHER DATE
"""
KIND = {name: chr(0x100 + i) for i, name in enumerate(_CLASSES.split())}
"""Class → its character. The classes that their words do not explain:

SURE        months that mean nothing else: january, december
FREE        months that are no first names, and abbreviations: feb, aug, March with a capital
NAME        months that are: April, June, May with a capital
VERB        what is more often no month: may, march, mar, dec, oct, sep in lower case
STAMP       a date in digits, 2026-05-12 or 12.05.2026; its value is the interval
RECENT      1900–2039 but not 2000, a year where a year can stand; OLD: other numbers of four digits
NUMBER      1–31; BIG: 32–999; NUMERAL: one–twelve
VAGUE       couple, few, several; its value is the least and the most that it means
WEEKWORD    week, weekend; MONTHWORD: month, quarter; YEARWORD: year; UNITS: more of these; DAYWORD: day and days
FUTURE      what shows that a time to come is meant: will, going, due
FUNCTION    words that can follow a date and seldom follow "may" or a counted noun; with PUNCTUATION, part of STOP
BREAK       the end of a paragraph or list item
DATE        what the grammar has put in the place of the words of a date
"""

_GROUPS = {
    "MONTH": "SURE FREE NAME VERB",
    "CLEAR": "SURE FREE NAME",
    "DAY": "NUMBER ORDINAL",
    "YEAR": "RECENT OLD",
    "REL": "LAST PAST THIS NEXT",
    "UNIT": "WEEKWORD MONTHWORD YEARWORD",
    "SPAN": "DAYWORD WEEKWORD MONTHWORD YEARWORD UNITS",
    "COUNT": "NUMBER BIG NUMERAL ARTICLE VAGUE",
    "SIDE": "BEFORE AFTER SINCE UNTIL BY AROUND",
    "LICENCE": "IN SINCE UNTIL BEFORE AFTER DURING AROUND BETWEEN EARLY LAST PAST THIS NEXT",
    "END": "PUNCTUATION COMMA BREAK FUNCTION",
    "STOP": "FUNCTION FUTURE IS PUNCTUATION COMMA BREAK IN ON AT THE AND FOR TO FROM SINCE UNTIL BEFORE AFTER BY DURING "
    "BETWEEN ARTICLE THIS LAST POSSESSIVE",
}


@cache
def kinds(name: str) -> str:
    """The characters of a class or group of classes."""
    return "".join(KIND[member] for member in _GROUPS.get(name, name).split())


def classed(pattern: str) -> str:
    """A verbose regular expression over class names → the same over their characters."""

    def characters(match: re.Match[str]) -> str:
        members = kinds(match[0])
        return members if len(members) == 1 or _inside_set(pattern, match.start()) else f"[{members}]"

    return re.sub(r"[A-Z]{2,}", characters, re.sub(r"\s", " ", pattern)).replace(" ", "")


def _inside_set(pattern: str, at: int) -> bool:
    return pattern.rfind("[", 0, at) > pattern.rfind("]", 0, at)


@cache
def _vocabulary() -> dict[str, tuple[str, Any]]:
    """Word in lower case → the character of its class, and its value."""
    words: dict[str, tuple[str, Any]] = {}

    def add(name: str, text: str, value: Any = None) -> None:
        words.update(dict.fromkeys(text.split(), (KIND[name], value)))

    for month, name in enumerate(_MONTHS.split(), 1):
        add("FREE", f"{name[:3]} {'sept' if month == 9 else ''}", month)
        add("NAME" if name in ("april", "june", "august") else "SURE", name, month)
    add("NAME", "jan", 1)
    for month, text in (3, "march mar"), (5, "may"), (9, "sep"), (10, "oct"), (12, "dec"):
        add("VERB", text, month)
    for weekday, name in enumerate(_WEEKDAYS.split()):
        add("WEEKDAY", name, weekday)
        add("WEEKDAYS", name + "s", weekday)
        add("OTHER", name[:3], weekday)
    for number, word in enumerate(_NUMBERS.split(), 1):
        add("NUMERAL", word, (number, number))
    add("ARTICLE", "a an", (1, 1))
    add("VAGUE", "couple", (1, 3))
    add("VAGUE", "few", (2, 5))
    add("VAGUE", "several", (3, 8))
    for rank, word in enumerate(("first", "second", "third", "fourth"), 1):
        add("RANK", word, rank)
    for quarter in range(1, 5):
        add("QUARTER", f"q{quarter}", quarter)
    for unit in ("week", "weekend", "month", "quarter", "year"):
        add({"week": "WEEKWORD", "year": "YEARWORD"}.get(unit[:4], "MONTHWORD"), unit, unit)
        add("UNITS", unit + "s", unit)
    add("DAYWORD", "day days", "day")
    for season, text in (3, "spring"), (6, "summer"), (9, "autumn fall"), (12, "winter"):
        add("SEASON", text, season)
    for holiday in ("christmas", "easter", "halloween", "thanksgiving"):
        add("HOLIDAY", holiday, holiday)
    for name, text, value in _PLAIN:
        add(name, text, value)
    return words


_PLAIN: tuple[tuple[str, str, Any], ...] = (
    ("LAST", "last previous", "last"),
    ("PAST", "past", "last"),
    ("THIS", "this current", "this"),
    ("NEXT", "next coming upcoming", "next"),
    ("TODAY", "today tonight", 0),
    ("TODAY", "yesterday", -1),
    ("TODAY", "tomorrow", 1),
    ("DAYTIME", "morning afternoon evening", None),
    ("DAYTIMES", "mornings afternoons evenings nights", None),
    ("NIGHT", "night", None),
    ("EVE", "eve", None),
    ("NEW", "new", None),
    ("HALF", "half", None),
    ("EARLY", "early", 0),
    ("EARLY", "mid", 1),
    ("EARLY", "late", 2),
    ("EDGE", "beginning start", 0),
    ("EDGE", "middle", 1),
    ("EDGE", "end", 2),
    ("IN", "in", None),
    ("ON", "on", None),
    ("OF", "of", None),
    ("AT", "at", None),
    ("THE", "the", None),
    ("AND", "and", None),
    ("OR", "or", None),
    ("TO", "to through thru", None),
    ("AGO", "ago", None),
    ("BEFORE", "before", None),
    ("AFTER", "after", None),
    ("SINCE", "since", None),
    ("UNTIL", "until till til", None),
    ("BY", "by", None),
    ("AROUND", "around circa", None),
    ("FROM", "from", None),
    ("BETWEEN", "between", None),
    ("DURING", "during", None),
    ("OVER", "over", None),
    ("FOR", "for", None),
    ("EVERY", "every each", None),
    ("FUTURE", "will ll shall gonna going due plan plans planning planned scheduled upcoming deadline expect", None),
    ("FUTURE", "expected starts begins leaving", None),
    ("IS", "is are", None),
    ("FUNCTION", "i we you he she they who what which when where why how did does was were has had about with", None),
    ("FUNCTION", "because but my our your his her their its that if", None),
)
_BY_CAPITAL = {
    "may": "NAME",
    **dict.fromkeys(("march", "mar", "oct", "sep", "dec"), "FREE"),
    **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "WEEKDAY"),  # Sat and Sun are an exam and a company
}
"""Words whose class is another one when they have a capital."""


@cache
def _anchor_words() -> frozenset[str]:
    anchors = "".join(kinds(name) for name in ("MONTH", "SPAN", "WEEKDAY", "WEEKDAYS", "TODAY", "DAYTIME", "NIGHT"))
    anchors += "".join(kinds(name) for name in ("SEASON", "QUARTER", "HOLIDAY"))
    return frozenset(word for word, (kind, _) in _vocabulary().items() if kind in anchors).union(_BY_CAPITAL)


@cache
def _anchor() -> re.Pattern[str]:
    """What every date holds: one of the words that are about time, a year, or a day like 12th.

    Grouped by their first letters, which makes the search several times faster.
    """
    endings: dict[str, list[str]] = {}
    for word in sorted(_anchor_words()):
        endings.setdefault(word[0], []).append(word[1:])
    words = "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in endings.items())
    days = "[0-9]{1,2}(?:st|nd|rd|th|[./][0-9]{1,2}[./][0-9]{4})"
    return re.compile(rf"(?<![a-z0-9])(?:{words}|[12][0-9]{{3}}|{days})(?![a-z])")


def lowered(text: str) -> str:
    """`text` in lower case, of the same length: only İ becomes longer."""
    return text.replace("\u0130", "I").lower()


def may_hold_dates(lower: str) -> bool:
    if len(lower) < _QUESTION and lower.isascii() and not any(digit in lower for digit in "0123456789"):
        # The same without the pattern, which takes longer to compile than most questions do.
        words = "".join(letter if letter.isalpha() else " " for letter in lower).split()
        return not _anchor_words().isdisjoint(words)
    return _anchor().search(lower) is not None


_QUESTION = 300  # characters; what is longer is rather one of many texts to be indexed


@cache
def _token() -> re.Pattern[str]:
    return re.compile(
        r"""
        (?P<word> [a-z]\w* ) (?P<code> [([] | \.[a-z_][\w.]* | \ ?= )?
      | (?P<stamp> [12][0-9]{3}-[01][0-9]-[0-3][0-9](?![0-9])
                 | (?<![-./])[12][0-9]{3}-[01][0-9](?![\w-]) ) (?:[t\ ][0-9]{2}:[0-9]{2}[0-9:.]{0,12}z?)?
      | (?P<parts> [0-9]{1,4}(?:[./:][0-9]{1,4}){1,3}(?!\w) | [0-9]{1,3},[0-9]{3}(?![0-9]) )
      | (?P<number> [0-9]{1,4}(?!\w) )
      | (?P<ordinal> [0-9]{1,2}(?:st|nd|rd|th)(?!\w) )
      | (?P<other> \w+ )
      | (?P<possessive> ['’]s(?!\w) )
      | (?P<break> \n[^\S\n]*[\n*+\#>|•-] )
      | (?P<punctuation> [^\w\s] )
        """,
        re.VERBOSE,
    )


_MARKS = dict.fromkeys("-–", KIND["DASH"]) | {",": KIND["COMMA"]}  # an em dash sets sentences apart, not days
_MARKS |= dict.fromkeys("=+/\\%<>&$#@^~{[", KIND["OTHER"])


def words_of(text: str, lower: str, *, placed: bool = True) -> list[Word]:
    """The words, numbers and marks of `text`, of which `lower` is the lower case, with their classes.

    Without `placed` they do not say where they stand, which makes reading a text twice as fast.
    """
    vocabulary, anywhere, nothing = _vocabulary(), _anywhere(), Word(KIND["OTHER"], None, 0, 0)
    found = []
    for match in _token().finditer(lower):
        token = match[0]
        if not placed and (word := anywhere.get(token)) is not None:
            found.append(word)
            continue
        known = vocabulary.get(token) if match.lastgroup == "word" else _digits_or_mark(match)
        if known is None:
            found.append(nothing)  # in no date, so that all of them may share one place
            continue
        (kind, value), (start, end) = known, match.span()
        if token in _BY_CAPITAL and text[start].isupper():
            kind = KIND[_BY_CAPITAL[token]]
        found.append(Word(kind, value, start, end))
    return found


@cache
def _anywhere() -> dict[str, Word]:
    """Words and marks whose class depends on nothing but themselves, placed nowhere."""
    known = {token: word for token, word in _vocabulary().items() if token not in _BY_CAPITAL}
    known |= {mark: (_MARKS.get(mark, KIND["PUNCTUATION"]), None) for mark in "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"}
    return {token: Word(kind, value, 0, 0) for token, (kind, value) in known.items()}


def _digits_or_mark(match: re.Match[str]) -> tuple[str, Any] | None:
    token, group = match[0], match.lastgroup
    if group == "punctuation":
        return _MARKS.get(token, KIND["PUNCTUATION"]), None
    if group == "number":
        return _number(int(token), len(token))
    if group in ("stamp", "parts"):
        interval = span_of(match["stamp"]) if group == "stamp" else _numeric(token)
        return (KIND["STAMP"], interval) if interval else None
    if group == "ordinal":
        return (KIND["ORDINAL"], int(token[:-2])) if 1 <= int(token[:-2]) <= 31 else None
    return (KIND[group.upper()], None) if group in ("possessive", "break") else None


def _number(number: int, digits: int) -> tuple[str, Any] | None:
    if digits == 4:
        recent = 1900 <= number < 2040 and number != 2000
        return (KIND["RECENT" if recent else "OLD"], number) if 1000 <= number < 3000 else None
    return (KIND["NUMBER" if number <= 31 else "BIG"], number) if number else None


def _numeric(token: str) -> Any:
    """The day of 2026/05/12, of 12.05.2026 (with dots the day comes first) or of 5/13/2026 or 13/5/2026.

    5/12/2026 is May to some and December to others: None, as for anything else.
    """
    parts = re.split("[./]", token)
    if len(parts) != 3 or ":" in token or "," in token:
        return None
    first, second, year = (int(part) for part in parts)
    if len(parts[0]) == 4 and "." not in token:
        return span(first, second, year) if year and 1000 <= first < 3000 else None
    if len(parts[2]) != 4 or not 1000 <= year < 3000 or not first or not second:
        return None
    if "/" not in token or first > 12:
        return span(year, second, first)
    return span(year, first, second) if second > 12 or (first == second and "." not in token) else None
