"""Day arithmetic: calendar dates as day numbers, without datetime.

A day is an int, the proleptic Gregorian ordinal that `datetime.date.toordinal` counts: 1 is 0001-01-01. Arithmetic is
total: it goes on before year 1 and after 9999 and never raises; only reading a date refuses other years, and writing
one clamps to them.

Lean: imported by every recall.
"""

from __future__ import annotations

import re
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Interval = namedtuple("Interval", "first last")
Interval.__doc__ = """Days from `first` to `last`, both included."""

MAX_DAY = 3652059  # 9999-12-31
EPOCH = 719_163  # 1970-01-01
_ISO = r"(?s)([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[Tt ][0-9].*)?)?)?"


# --- calendar dates ---------------------------------------------------------------------------------------------------


def days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def number(year: int, month: int, day: int) -> int:
    """The day number of a date; a day beyond its month counts on into the next one."""
    year -= month < 3  # a year that begins in March has its leap day last
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 306


def year_month_day(day: int) -> tuple[int, int, int]:
    """The inverse of `number` (H. Hinnant, chrono-Compatible Low-Level Date Algorithms: civil_from_days)."""
    era, rest = divmod(day + 305, 146097)
    year = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
    rest -= 365 * year + year // 4 - year // 100
    month = (5 * rest + 2) // 153
    return year + 400 * era + (month > 9), (month + 2) % 12 + 1, rest - (153 * month + 2) // 5 + 1


def span(year: int, month: int = 0, first: int = 0, last: int = 0) -> Interval | None:
    """A year, a month of it, or the days `first` to `last` (or `first` alone) of that; None if there is no such date."""
    if not 1 <= year <= 9999:
        return None
    if month == 0:
        return Interval(number(year, 1, 1), number(year, 12, 31))
    if not 1 <= month <= 12:
        return None
    length = days_in(year, month)
    if first == 0:
        return Interval(number(year, month, 1), number(year, month, length))
    if not 1 <= first <= length or not 0 <= last <= length:
        return None
    return Interval(number(year, month, first), number(year, month, last or first))


def span_of(iso: str | None) -> Interval | None:
    """The day, month or year that an ISO 8601 date names; a time of day is ignored. None for anything else."""
    match = re.fullmatch(_ISO, (iso or "").strip())
    if match is None:
        return None
    year, month, day = match.groups()
    if month == "00" or day == "00":
        return None
    return span(int(year), int(month or 0), int(day or 0))


def day_of(iso: str | None) -> int | None:
    """The day that an ISO 8601 date or time names, the first one of a month or year. None for anything else."""
    days = span_of(iso)
    return days.first if days else None


def iso_of(day: int) -> str:
    """`2026-05-12`; days before year 1 or after 9999 come out as the first or the last of those."""
    year, month, day = year_month_day(min(max(day, 1), MAX_DAY))
    return f"{year:04}-{month:02}-{day:02}"


def hull(left: Interval | None, right: Interval | None) -> Interval | None:
    """The days from one interval to the other, or what there is of them."""
    if left is None or right is None:
        return left or right
    return Interval(min(left.first, right.first), max(left.last, right.last))


# --- weeks, months, quarters, years -----------------------------------------------------------------------------------

_UNIT_DAYS = {"day": 1, "week": 7, "weekend": 7, "month": 30, "quarter": 91, "year": 365}
_UNIT_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def week_of(day: int) -> int:
    """The number of the week, Monday to Sunday, that `day` is in; week 0 begins on day 1, a Monday."""
    return (day - 1) // 7


def shift(day: int, count: int, unit: str) -> int:
    """`day` moved by `count` days, weeks, months, quarters or years; 31 May less three months is 28 February."""
    if unit not in _UNIT_MONTHS:
        return day + count * _UNIT_DAYS[unit]
    year, month, day_of_month = year_month_day(day)
    years, month = divmod(month - 1 + count * _UNIT_MONTHS[unit], 12)
    year, month = year + years, month + 1
    return number(year, month, min(day_of_month, days_in(year, month)))


def calendar(day: int, unit: str, count: int = 0) -> Interval:
    """The calendar week (Monday first), weekend, month, quarter or year `count` after the one that holds `day`."""
    if unit in ("week", "weekend", "day"):
        first = day if unit == "day" else 7 * week_of(day) + (1 if unit == "week" else 6)
        first += count * _UNIT_DAYS[unit]
        return Interval(first, first + {"day": 0, "week": 6, "weekend": 1}[unit])
    year, month, _ = year_month_day(day)
    length = _UNIT_MONTHS[unit]
    first = shift(number(year, month - (month - 1) % length, 1), count, unit)
    return Interval(first, shift(first, 1, unit) - 1)


def away(day: int, low: int, high: int, unit: str) -> Interval:
    """What "`low` to `high` units away" means: days exactly, longer units give or take half of one."""
    if unit == "weekend":
        return Interval(calendar(day, unit, low).first, calendar(day, unit, high).last)
    slack = _UNIT_DAYS[unit] // 2
    return Interval(shift(day, low, unit) - slack, shift(day, high, unit) + slack)


def third(days: Interval, which: int) -> Interval:
    """The early (0), middle (1) or late (2) part of `days`: 1–10, 11–20 and 21–30 of a month."""
    size = (days.last - days.first + 1) // 3
    if size == 0:
        return days
    first = days.first + which * size
    return Interval(first, days.last if which == 2 else first + size - 1)


# --- what comes again -------------------------------------------------------------------------------------------------


def occurrence(spans: Callable[[int], Interval | None], period: int, day: int, which: str) -> Interval | None:
    """The one meant of something that comes once in each period: `spans(period)`, `period` being the one of `day`.

    `which` is "last" (the latest that ended before `day`), "this" (the one that holds `day`, else that of the period),
    "next" (the first that begins after it), "past" (the latest that began by then), "coming" (the first that has not
    ended) or "nearest" (the earlier of two as near). None if there is none within nine periods (30 February).
    """
    for reach in (1, 2, 9):  # 29 February may be eight years away
        near = [days for i in range(period - reach, period + reach + 1) if (days := spans(i))]
        if which == "this":
            fitting = [days for days in near if days.first <= day <= days.last] or [d for d in [spans(period)] if d]
        elif which in ("last", "past"):
            fitting = [days for days in near if (days.last < day if which == "last" else days.first <= day)][-1:]
        elif which in ("next", "coming"):
            fitting = [days for days in near if (days.first > day if which == "next" else days.last >= day)]
        else:
            fitting = sorted(near, key=lambda days: max(days.first - day, day - days.last, 0))
        if fitting:
            return fitting[0]
    return None


def easter(year: int) -> int:
    """Easter Sunday in the Gregorian calendar (Meeus, Jones and Butcher's algorithm)."""
    century, of_century = divmod(year, 100)
    epact = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - epact - of_century % 4) % 7
    late = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return number(year, month, day + 1)
