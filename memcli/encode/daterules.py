"""What single dates mean: patterns over word classes, and the days that each of them stands for.

"May 12, 2024", "last Friday", "three weeks ago", "the first week of March" are single dates; `encode.dates` finds them
in a text and puts them together to ranges. The conventions are written down there.

Lean: imported by every recall. Nothing is compiled here.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode import days
from memcli.encode.datewords import KIND, Word, kinds
from memcli.encode.days import Interval, hull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Meaning = Callable[[list[Word], "When"], Interval | None]

When = namedtuple("When", "day pick future")
When.__doc__ = """What a date is read against.

`day` is the one that it is relative to, or None; `pick` is the `days.occurrence` that is meant without a year; `future`
says that the words before the date speak of what is to come.
"""

RULES: list[tuple[str, Meaning]] = []
"""Pattern → meaning; of two that begin at the same word the first one holds."""


def _rule(pattern: str) -> Callable[[Meaning], Meaning]:
    def register(meaning: Meaning) -> Meaning:
        RULES.append((pattern, meaning))
        return meaning

    return register


def _relative(pattern: str) -> Callable[[Meaning], Meaning]:
    """A rule for dates that mean nothing without a day to count from."""

    def register(meaning: Meaning) -> Meaning:
        def known(words: list[Word], when: When) -> Interval | None:
            return meaning(words, when) if when.day is not None else None

        RULES.append((pattern, known))
        return known

    return register


def values(words: list[Word], name: str) -> list[Any]:
    """The values of the words of a class or group."""
    among = kinds(name)
    return [word.value for word in words if word.kind in among]


def _yearly(of_year: Callable[[int], Interval | None], words: list[Word], when: When) -> Interval | None:
    """The one meant of what comes once a year: that of the year said, or by "last", "this", "next", or as usual."""
    if years := values(words, "YEAR"):
        return of_year(years[-1])
    if when.day is None:
        return None
    year, relation = days.year_month_day(when.day)[0], values(words, "REL")
    if relation and values(words, "YEARWORD"):
        return of_year(year + _STEPS[relation[-1]])
    return days.occurrence(of_year, year, when.day, relation[-1] if relation else when.pick)


_STEPS = {"last": -1, "this": 0, "next": 1}
_WHICH = "(?: THIS? REL )"
_OF_YEAR = f"(?: COMMA? RECENT | COMMA OLD | OF RECENT | COMMA? OF? {_WHICH} YEARWORD )"
_ON = "(?<= [ON SINCE UNTIL BEFORE AFTER BY AROUND BETWEEN] )"
_WEEKDAY = "(?: WEEKDAY COMMA? )?"
_MORE_DAYS = "(?: (?: DASH | TO ) DAY )?"
_LICENSED = """(?: (?<= LICENCE ) | (?<= [EDGE UNIT] OF ) | (?<= EARLY DASH ) | (?<= [MONTH YEAR] [DASH TO] )
    | (?<= BETWEEN MONTH AND ) | (?<= YEAR AND ) )"""


@_rule(f"{_WEEKDAY} STAMP")
def _stamp(words: list[Word], when: When) -> Interval | None:
    return values(words, "STAMP")[0]  # type: ignore[no-any-return]


@_rule(f"THE? (?: RANK | ORDINAL | LAST ) [WEEKWORD WEEKDAY] [OF IN] MONTH {_OF_YEAR}?")
def _week_of_month(words: list[Word], when: When) -> Interval | None:
    """ "the first week of March" is its first seven days, "the last Friday of March" the one in its last seven."""
    month = _month(words[3:], when)  # without the "last" of "the last week"
    weekend = "weekend" in values(words, "UNIT")
    rank = (values(words, "RANK") + values(words, "ORDINAL") + [5])[0]
    if month is None or rank > 5:
        return None
    last_seven = words[0].kind == KIND["LAST"] or words[1].kind == KIND["LAST"]
    first = month.last - 6 if last_seven else month.first + 7 * (rank - 1)
    if first + 6 > month.last:
        return None
    for weekday in [5] if weekend else values(words, "WEEKDAY"):
        first += (weekday + 1 - first) % 7
        return Interval(first, first + weekend)
    return Interval(first, first + 6)


@_rule(
    f"""{_WEEKDAY} {_WHICH}? (?: CLEAR | (?<= [LICENCE ON BY FROM] ) VERB | VERB (?= DAY COMMA? RECENT | ORDINAL | DAY END ) )
    THE? DAY {_MORE_DAYS} {_OF_YEAR}?
    | BETWEEN CLEAR DAY AND DAY {_OF_YEAR}?
    | {_WEEKDAY} THE? DAY {_MORE_DAYS} (?: OF MONTH | CLEAR | VERB (?= COMMA? RECENT) ) {_OF_YEAR}?
    | (?<= [LICENCE ON BY FROM] ) DAY VERB (?= STOP)"""
)
def _days_of_month(words: list[Word], when: When) -> Interval | None:
    month, first, last = values(words, "MONTH")[0], values(words, "DAY")[0], values(words, "DAY")[-1]
    return _yearly(lambda year: days.span(year, month, first, max(first, last)), words, when)


@_rule(
    f"""{_WHICH} (?: CLEAR | VERB (?= STOP) )
    | MONTH (?: COMMA | OF )? RECENT | CLEAR COMMA? OF? {_WHICH} YEARWORD
    | SURE | {_LICENSED} CLEAR | {_LICENSED} VERB (?= STOP | (?:TO | DASH) MONTH )
    | (?<= [BY FROM] ) FREE | CLEAR (?= (?:TO | DASH) MONTH ) | (?<= FROM ) VERB (?= TO MONTH )"""
)
def _month(words: list[Word], when: When) -> Interval | None:
    month = values(words, "MONTH")[0]
    return _yearly(lambda year: days.span(year, month), words, when)


@_rule(
    f"""QUARTER (?: {_OF_YEAR} | RECENT ) | THE? RANK MONTHWORD (?: {_OF_YEAR} | RECENT ) | RECENT QUARTER
    | {_WHICH} QUARTER | (?<= [LICENCE BY FOR OF] ) QUARTER | QUARTER (?= OTHER )"""
)
def _quarter(words: list[Word], when: When) -> Interval | None:
    if "month" in values(words, "UNIT"):
        return None
    quarter = (values(words, "QUARTER") + values(words, "RANK"))[0]
    return _yearly(lambda year: _months(year, 3 * quarter - 2), words, when)


@_rule(
    f"""SEASON {_OF_YEAR} | {_WHICH} SEASON
    | (?<= [IN DURING OVER SINCE UNTIL BEFORE AFTER AROUND] THE ) SEASON (?= STOP)"""
)
def _season(words: list[Word], when: When) -> Interval | None:
    season = values(words, "SEASON")[0]
    return _yearly(lambda year: _months(year, season), words, when)


def _months(year: int, month: int) -> Interval | None:
    """The three months from `month` on."""
    if not 1 <= year <= 9999:
        return None
    first = days.number(year, month, 1)
    return Interval(first, days.shift(first, 3, "month") - 1)


@_rule(
    f"""HOLIDAY (?: EVE | DAYWORD )? {_OF_YEAR} | HOLIDAY (?: EVE | DAYWORD ) | {_WHICH} HOLIDAY
    | (?<= [ON AT FOR SINCE UNTIL BEFORE AFTER BY AROUND DURING OVER] ) HOLIDAY (?= STOP)
    | NEW (?: YEARWORD POSSESSIVE? | UNITS ) (?: EVE | DAYWORD ) {_OF_YEAR}? | NEW YEARWORD POSSESSIVE (?= STOP )"""
)
def _holiday(words: list[Word], when: When) -> Interval | None:
    holiday = (values(words, "HOLIDAY") + values(words, "UNIT") + values(words, "UNITS"))[0]
    narrow = "eve" if values(words, "EVE") else "day" if values(words, "DAYWORD") else "all"
    return _yearly(lambda year: _holiday_of(year, holiday, narrow), words, when)


def _holiday_of(year: int, holiday: str, narrow: str) -> Interval | None:
    """A holiday with the days around it that its name also covers, or ("eve", "day") one of them."""
    if not 1 <= year <= 9999:
        return None
    day, before, after = {
        "christmas": (days.number(year, 12, 25), 1, 1),
        "year": (days.number(year, 13 if narrow == "eve" else 1, 1), 1, 0),
        "easter": (days.easter(year), 2, 1),
        "halloween": (days.number(year, 10, 31), 0, 0),
        "thanksgiving": (days.calendar(days.number(year, 11, 25), "week").first + 3, 0, 0),
    }.get(holiday, (0, 0, 0))
    if day == 0:
        return None
    if narrow == "all":
        return Interval(day - before, day + after)
    day -= narrow == "eve"
    return Interval(day, day)


@_rule(
    """(?<= [IN SINCE UNTIL BEFORE AFTER DURING BETWEEN FROM BY EARLY YEARWORD] ) RECENT
        (?: (?: DASH | TO | AND | UNTIL ) RECENT )?
    | (?: (?<= [EDGE UNIT] OF ) | (?<= EARLY DASH ) ) RECENT | (?<= AROUND ) RECENT (?= STOP )"""
)
def _year(words: list[Word], when: When) -> Interval | None:
    years = values(words, "YEAR")
    return hull(days.span(years[0]), days.span(years[-1]))


@_relative("THE? DAYWORD [BEFORE AFTER] TODAY | TODAY | LAST NIGHT | THIS DAYTIME")
def _today(words: list[Word], when: When) -> Interval | None:
    offset = sum(values(words, "TODAY")) - bool(values(words, "NIGHT"))
    if values(words, "DAYWORD"):
        offset += 1 if values(words, "AFTER") else -1
    return Interval(when.day + offset, when.day + offset)


@_relative("THE? (?: UNIT | WEEKDAY ) BEFORE LAST")
def _before_last(words: list[Word], when: When) -> Interval | None:
    if unit := values(words, "UNIT"):
        return days.calendar(when.day, unit[0], -2)
    return _weekday(words, When(when.day - 7, when.pick, False))


COUNT_OF = "(?: ARTICLE? VAGUE OF? | COUNT (?: (?: OR | TO | DASH ) COUNT )? )"


def count(words: list[Word]) -> tuple[int, int]:
    """The least and the most that is meant: (2, 3) for "two or three", (1, 3) for "a couple"."""
    counts = [value if isinstance(value, tuple) else (value, value) for value in values(words, "COUNT")]
    counts = counts[1:] if len(counts) > 1 and values(words, "VAGUE") else counts
    return min(low for low, _ in counts), max(high for _, high in counts)


@_relative(
    f"HALF ARTICLE UNIT AGO | {COUNT_OF} SPAN AGO TODAY? | {COUNT_OF} [WEEKDAY WEEKDAYS] AGO | ARTICLE SPAN OR COUNT AGO"
)
def _ago(words: list[Word], when: When) -> Interval | None:
    low, high = count(words)
    if weekday := values(words, "WEEKDAY") + values(words, "WEEKDAYS"):
        latest = when.day - 1 - (when.day - 2 - weekday[0]) % 7
        return Interval(latest - 7 * (high - 1), latest - 7 * (low - 1))
    unit = values(words, "SPAN")[0]
    if words[0].kind == KIND["HALF"]:
        return {"year": days.away(when.day, -2, -2, "quarter"), "month": days.away(when.day, -2, -2, "week")}.get(unit)
    return days.away(when.day, -high, -low, unit)


@_relative(f"IN {COUNT_OF} SPAN (?! AGO )")
def _ahead(words: list[Word], when: When) -> Interval | None:
    low, high = count(words)
    return days.away(when.day, low, high, values(words, "SPAN")[0]) if when.future else None


@_relative(f"[LAST PAST NEXT] {COUNT_OF} SPAN | PAST UNIT (?! OF ) | THE LAST UNIT (?! OF )")
def _rolling(words: list[Word], when: When) -> Interval | None:
    """ "the last 10 days", "past month": up to today. "the next two weeks": from today on."""
    most = max(count(words)) if values(words, "COUNT") else 1
    unit = values(words, "SPAN")[0]
    if unit == "weekend":
        return days.calendar(when.day, unit, -1) if most == 1 else None
    if values(words, "NEXT"):
        return Interval(when.day, days.shift(when.day, most, unit))
    return Interval(days.shift(when.day, -most, unit), when.day)


@_relative(f"{_ON} {_WEEKDAY} THE ORDINAL (?= STOP ) (?! AND )")
def _day_of_month(words: list[Word], when: When) -> Interval | None:
    """ "on the 12th": of this month or of one beside it."""
    year, month, _ = days.year_month_day(when.day)
    wanted = values(words, "ORDINAL")[0]
    return days.occurrence(
        lambda months: days.span(months // 12, months % 12 + 1, wanted), 12 * year + month - 1, when.day, when.pick
    )


@_relative(
    f"""{_WHICH} WEEKDAY | WEEKDAY COMMA? OF? {_WHICH} WEEKWORD | {_WHICH} WEEKWORD ON? WEEKDAY
    | {_ON} WEEKDAY (?! DAYTIMES ) | (?<= BETWEEN WEEKDAY AND ) WEEKDAY | (?<! EVERY ) WEEKDAY (?= DAYTIME )"""
)
def _weekday(words: list[Word], when: When) -> Interval | None:
    weekday, unit, relation = values(words, "WEEKDAY")[0], values(words, "UNIT"), values(words, "REL")
    if unit:
        day = days.calendar(when.day, "week", _STEPS[relation[-1]]).first + weekday
        return Interval(day, day)
    pick = "coming" if when.future and when.pick != "past" else "past"
    return days.occurrence(
        lambda week: Interval(7 * week + weekday + 1, 7 * week + weekday + 1),
        days.week_of(when.day),
        when.day,
        relation[-1] if relation else pick,
    )


@_relative(
    """THIS REL UNIT (?! OF ) | (?: THIS | LAST | (?<! THE ) NEXT ) UNIT (?! OF )
    | (?<= SINCE THE EDGE OF ) THE UNIT | (?<= OVER ) THE WEEKWORD"""
)
def _calendar_unit(words: list[Word], when: When) -> Interval | None:
    unit, relation = values(words, "UNIT")[0], values(words, "REL") or ["this"]
    interval = days.calendar(when.day, unit, _STEPS[relation[-1]])
    if words[0].kind == KIND["THE"] and interval.first > when.day:
        return days.calendar(when.day, unit, -1)  # "over the weekend", told on a weekday
    return interval
