from __future__ import annotations

import datetime
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode import dates, days
from memcli.encode.dates import MAX_MENTIONED, MAX_READ, asked, mentioned
from memcli.encode.days import Interval, day_of, iso_of, span_of

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-05-20"  # a Wednesday


def day(iso: str) -> int:
    number = day_of(iso)
    assert number is not None
    return number


def written(interval: Interval) -> str:
    """`2026-05-12`, `2026-05-12..2026-05-14`, `..2026-05-14`."""
    first, last = (iso_of(end) if end is not None else "" for end in interval)
    return first if first == last else f"{first}..{last}"


def intervals(query: str, now: str = NOW) -> list[str]:
    question = asked(query, day(now))
    return [written(interval) for interval in question.intervals] if question else []


def mentions(text: str, at: str | None = NOW) -> list[str]:
    return [written(interval) for interval in mentioned(text, day(at) if at else None)]


# Each means the same to a question and to a memory.
SAME = [
    ("2026-05-12", "2026-05-12"),
    ("2026-05-12T10:00:00Z", "2026-05-12"),
    ("2026-05", "2026-05-01..2026-05-31"),
    ("2026/05/12", "2026-05-12"),
    ("May 12", "2026-05-12"),
    ("MAY 12, 2024", "2024-05-12"),
    ("12 May 2026", "2026-05-12"),
    ("12th of May", "2026-05-12"),
    ("May 12th, 2026", "2026-05-12"),
    ("May the 12th", "2026-05-12"),
    ("1:56 pm on 8 May, 2023", "2023-05-08"),
    ("Mon, 12 May 2025 10:00", "2025-05-12"),
    ("on Friday, May 15", "2026-05-15"),
    ("3rd of may 2024", "2024-05-03"),
    ("the night of 3 mar 2024", "2024-03-03"),
    ("on may 12 we met", "2026-05-12"),
    ("the meeting, may 12", "2026-05-12"),
    ("on 12 may at noon", "2026-05-12"),
    ("Feb 29, 2024", "2024-02-29"),
    ("July 4, 1776", "1776-07-04"),
    ("in May", "2026-05-01..2026-05-31"),
    ("did it change in may?", "2026-05-01..2026-05-31"),
    ("in march we moved", "2026-03-01..2026-03-31"),
    ("last May", "2025-05-01..2025-05-31"),
    ("this May", "2026-05-01..2026-05-31"),
    ("next May", "2027-05-01..2027-05-31"),
    ("May 2025", "2025-05-01..2025-05-31"),
    ("may 2025", "2025-05-01..2025-05-31"),
    ("in May last year", "2025-05-01..2025-05-31"),
    ("February roadmap", "2026-02-01..2026-02-28"),
    ("5/13/2026", "2026-05-13"),
    ("13/5/2026", "2026-05-13"),
    ("5/5/2026", "2026-05-05"),
    ("12.05.2026", "2026-05-12"),
    ("in 2023", "2023-01-01..2023-12-31"),
    ("the year 2020", "2020-01-01..2020-12-31"),
    ("between 2020 and 2023", "2020-01-01..2023-12-31"),
    ("today", "2026-05-20"),
    ("yesterday's", "2026-05-19"),
    ("the day before yesterday", "2026-05-18"),
    ("tomorrow", "2026-05-21"),
    ("the day after tomorrow", "2026-05-22"),
    ("last night", "2026-05-19"),
    ("late last night", "2026-05-19"),
    ("this morning", "2026-05-20"),
    ("last week", "2026-05-11..2026-05-17"),
    ("this week", "2026-05-18..2026-05-24"),
    ("next week", "2026-05-25..2026-05-31"),
    ("last weekend", "2026-05-16..2026-05-17"),
    ("this weekend", "2026-05-23..2026-05-24"),
    ("last month", "2026-04-01..2026-04-30"),
    ("next month", "2026-06-01..2026-06-30"),
    ("last year", "2025-01-01..2025-12-31"),
    ("last quarter", "2026-01-01..2026-03-31"),
    ("next quarter", "2026-07-01..2026-09-30"),
    ("Q2 goals", "2026-04-01..2026-06-30"),
    ("in Q2", "2026-04-01..2026-06-30"),
    ("q2 2025", "2025-04-01..2025-06-30"),
    ("the third quarter of 2024", "2024-07-01..2024-09-30"),
    ("last Friday", "2026-05-15"),
    ("last Wednesday", "2026-05-13"),
    ("next Wednesday", "2026-05-27"),
    ("next Thursday", "2026-05-21"),
    ("this Monday", "2026-05-18"),
    ("this coming Friday", "2026-05-22"),
    ("this past Friday", "2026-05-15"),
    ("on Friday", "2026-05-15"),
    ("on Wednesday", "2026-05-20"),
    ("on Tue we met", "2026-05-19"),
    ("Monday morning", "2026-05-18"),
    ("Tuesday last week", "2026-05-12"),
    ("on Tuesday of next week", "2026-05-26"),
    ("two Fridays ago", "2026-05-08"),
    ("the Friday before last", "2026-05-08"),
    ("three weeks ago", "2026-04-26..2026-05-02"),
    ("two weeks ago today", "2026-05-03..2026-05-09"),
    ("a couple of days ago", "2026-05-17..2026-05-19"),
    ("a few weeks ago", "2026-04-12..2026-05-09"),
    ("2-3 weeks ago", "2026-04-26..2026-05-09"),
    ("a month or two ago", "2026-03-05..2026-05-05"),
    ("two weekends ago", "2026-05-09..2026-05-10"),
    ("10 days ago", "2026-05-10"),
    ("a year ago", "2024-11-19..2025-11-18"),
    ("half a year ago", "2025-10-06..2026-01-04"),
    ("the week before last", "2026-05-04..2026-05-10"),
    ("the launch is in two weeks", "2026-05-31..2026-06-06"),
    ("we are going to leave in 10 days", "2026-05-30"),
    ("past month", "2026-04-20..2026-05-20"),
    ("the last week", "2026-05-13..2026-05-20"),
    ("in the last 10 days", "2026-05-10..2026-05-20"),
    ("over the past two weeks", "2026-05-06..2026-05-20"),
    ("the next two weeks", "2026-05-20..2026-06-03"),
    ("early May", "2026-05-01..2026-05-10"),
    ("mid-May", "2026-05-11..2026-05-20"),
    ("late may", "2026-05-21..2026-05-31"),
    ("early 2024", "2024-01-01..2024-05-01"),
    ("the beginning of last month", "2026-04-01..2026-04-10"),
    ("what went wrong over the weekend?", "2026-05-16..2026-05-17"),
    ("the end of May", "2026-05-21..2026-05-31"),
    ("the first week of March", "2026-03-01..2026-03-07"),
    ("the last week of May", "2026-05-25..2026-05-31"),
    ("the last week of March 2025", "2025-03-25..2025-03-31"),
    ("the second Friday of May", "2026-05-08"),
    ("the last Sunday of April", "2026-04-26"),
    ("the first weekend of May", "2026-05-02..2026-05-03"),
    ("the week of May 12", "2026-05-11..2026-05-17"),
    ("this spring", "2026-03-01..2026-05-31"),
    ("last summer", "2025-06-01..2025-08-31"),
    ("last winter", "2025-12-01..2026-02-28"),
    ("next fall", "2026-09-01..2026-11-30"),
    ("summer of 2024", "2024-06-01..2024-08-31"),
    ("summer last year", "2025-06-01..2025-08-31"),
    ("at Christmas", "2025-12-24..2025-12-26"),
    ("next Christmas", "2026-12-24..2026-12-26"),
    ("Christmas Day 2020", "2020-12-25"),
    ("New Year's Eve", "2025-12-31"),
    ("New Years Eve 2024", "2024-12-31"),
    ("on New Year's", "2025-12-31..2026-01-01"),
    ("on New Year’s Day", "2026-01-01"),
    ("last Halloween", "2025-10-31"),
    ("Easter 2025", "2025-04-18..2025-04-21"),
    ("Thanksgiving 2024", "2024-11-28"),
    ("between May 3 and May 10", "2026-05-03..2026-05-10"),
    ("between May 3 and 10", "2026-05-03..2026-05-10"),
    ("between Monday and Wednesday", "2026-05-18..2026-05-20"),
    ("between Dec 2024 and March", "2024-12-01..2025-03-31"),
    ("from May to July 2025", "2025-05-01..2025-07-31"),
    ("June 3 to July 1, 2024", "2024-06-03..2024-07-01"),
    ("from two weeks ago to yesterday", "2026-05-03..2026-05-19"),
    ("from June 10, 2025 to June 3, 2024", "2024-06-03..2025-06-10"),
    ("2026-05-12 to 2026-05-15", "2026-05-12..2026-05-15"),
    ("May 3-10", "2026-05-03..2026-05-10"),
    ("3 to 10 May", "2026-05-03..2026-05-10"),
    ("May 3–10, 2024", "2024-05-03..2024-05-10"),
    ("Dec 28 - Jan 3", "2025-12-28..2026-01-03"),
    ("the day after May 12", "2026-05-13"),
    ("the week before June 9, 2023", "2023-06-02..2023-06-08"),
    ("a few days before 2026-05-12", "2026-05-07..2026-05-10"),
    ("around May 12", "2026-05-09..2026-05-15"),
    ("on the 12th", "2026-05-12"),
    ("on Friday the 15th", "2026-05-15"),
    ("between Feb 30 and March 3", "2026-03-03"),
]


@pytest.mark.parametrize(("text", "expected"), SAME)
def test_a_date_in_a_question_and_in_a_memory(text: str, expected: str) -> None:
    assert intervals(f"What about {text}") == [expected]
    assert mentions(text) == [expected]


@pytest.mark.parametrize(
    ("text", "question", "memory"),
    [
        ("in June", "2025-06-01..2025-06-30", "2026-06-01..2026-06-30"),
        ("June 3", "2025-06-03", "2026-06-03"),
        ("Feb 29", "2024-02-29", "2028-02-29"),
        ("in the summer", "2025-06-01..2025-08-31", "2026-06-01..2026-08-31"),
        ("on the 29th", "2026-04-29", "2026-05-29"),
        ("we will leave on Friday", "2026-05-15", "2026-05-22"),
        ("the launch is on Friday", "2026-05-15", "2026-05-22"),
        ("he is glad. We met on Friday", "2026-05-15", "2026-05-15"),
        ("by Friday", "..2026-05-15", "2026-05-22"),
        ("before June 3, 2024", "..2024-06-02", "2024-06-03"),
        ("before May", "..2026-04-30", "2026-05-01..2026-05-31"),
        ("after May 12", "2026-05-13..", "2026-05-12"),
        ("since May", "2026-05-01..", "2026-05-01..2026-05-31"),
        ("since the start of the year", "2026-01-01..", "2026-01-01..2026-05-01"),
        ("since 2019", "2019-01-01..", "2019-01-01..2019-12-31"),
        ("since the beginning of last month", "2026-04-01..", "2026-04-01..2026-04-10"),
        ("until yesterday", "..2026-05-19", "2026-05-19"),
    ],
)
def test_what_differs_between_a_question_and_a_memory(text: str, question: str, memory: str) -> None:
    assert intervals(text) == [question]
    assert mentions(text) == [memory]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It may be that you may 2 times",
        "may I ask? May I?",
        "May the force be with you",
        "they march on Berlin",
        "to march 10 km in a day",
        "march 10 and 12 km",
        "march 3 miles",
        "March forward! April said hi to June, Jan fixed it with August",
        "the folder it is in may change",
        "what it lives in may be deleted",
        "the 12 may fail, the 12th may fail",
        "the sun sat on Sat and Sun",
        "mon ami, we wed on fri",
        "every Friday morning, on Fridays, each Friday",
        "Friday's child met Friday, Black Friday",
        "from Monday to Friday the shop opens, on Tuesday mornings too",
        "in 2 steps, in 2000 ms, after 1500 requests, over 2024 tokens",
        "port 2024, RFC 2119, last 2024 rows, around 2020 files",
        "version 2.0.2023 and 1/2/2023 and 05/12/2026",
        "192.168.2024.1 and 31.02.2024 and 2024-13-40 and 0000-00-00",
        "3.5 days ago, 1,000 days ago, 0 days, long ago",
        "Q1: why is it? See Q2.",
        "spring boot in Spring, fall back, in fall, winter is coming, in the spring framework",
        "the Christmas tree, a new year and a new day",
        "on the 2nd floor, on the 3rd try, on the 2nd and 3rd floor, the 12th commit",
        "Copyright 2020-2023, CVE-2024-05, CVE-2024-12345, 555-2020-2023",
        "may_12 report_2026-05-12 v2026-05-12",
        "last time, last 3 commits, next step, this day, the next week, the next day",
        "the last day of the sprint, the last week of school, the first year of college",
        "in second place the second of all, a second ago, 3 hours ago",
        "we built it in two weeks, once in a day",
        "Feb 30, June 31 2024",
        "the end of the day, half past two, one day, some days, last years",
        "dec 10 = 0xa",
        "today = date.today(); today.weekday(); yesterday=1; in may(x)",
        "12-05-2026",
        "в мае 2026 года, 五月十二日, am 12. Mai",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert intervals(text) == []
    assert mentions(text) == []


def test_without_a_day_only_dates_that_say_their_year() -> None:
    text = (
        "Yesterday, on Friday, in May, June 3, three weeks ago, last summer, on the 12th; 2024-05-12, June 3 to 5, 2023"
    )
    assert mentions(text, None) == ["2024-05-12", "2023-06-03..2023-06-05"]
    assert mentions("June 3 to July 1, 2024", None) == ["2024-06-03..2024-07-01"]


def test_mentions_are_in_order_and_once_each() -> None:
    assert mentions("2024-05-12, yesterday, May 12, 2024 and 2023") == ["2024-05-12", "2026-05-19"]


def test_mentions_are_bounded() -> None:
    text = "; ".join(iso_of(number) for number in range(day(NOW), day(NOW) + 40))
    assert mentions(text) == text.split("; ")[:MAX_MENTIONED]


def test_paragraphs_and_list_items_do_not_run_together() -> None:
    assert mentions("done on May 3\n- June 3: next") == ["2026-05-03", "2026-06-03"]
    assert mentions("Who knows in May\n\n12 people came") == ["2026-05-01..2026-05-31"]
    assert mentions("on May\n12") == ["2026-05-12"]


def test_spans_cover_the_words_of_the_dates() -> None:
    query = "İstanbul: what changed between May 3 and May 10, or since last week?"
    question = asked(query, day(NOW))
    assert question is not None
    assert [query[start:end] for start, end in question.spans] == ["between May 3 and May 10", "since last week"]
    assert len(question.intervals) == 2


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert mentions("x " * (MAX_READ // 2 - 10) + "2024-05-12") == ["2024-05-12"]
    assert mentions("x " * (MAX_READ // 2) + "2024-05-12") == []


@pytest.mark.parametrize("now", [1, 3652059, 0, -(10**9), 10**12])
def test_days_at_and_beyond_the_ends_of_the_calendar(now: int) -> None:
    for text, _ in SAME:
        question = asked(text, now)
        for interval in question.intervals if question else ():
            assert 0 < len(written(interval)) <= 22
        mentioned(text, now)


WORDS = sorted({word for text, _ in SAME for word in text.split()} | {"-", ",", "every", "will", "since", "99", "0"})


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)), st.integers(-5000, 4_000_000))
def test_no_text_fails_and_all_intervals_are_in_order(text: str, now: int) -> None:
    question = asked(text, now)
    if question:
        assert len(question.intervals) == len(question.spans) > 0
        assert all(0 <= start < end <= len(text) for start, end in question.spans)
        assert all(None in interval or interval.first <= interval.last for interval in question.intervals)
    memory = mentioned(text, now)
    assert len(set(memory)) == len(memory) <= MAX_MENTIONED
    assert all(interval.first <= interval.last for interval in memory)
    mentioned(text, None)


@given(st.dates(datetime.date(1000, 1, 1), datetime.date(2999, 12, 31)), st.dates())
def test_a_written_date_is_read_back(date: datetime.date, now: datetime.date) -> None:
    expected = [Interval(date.toordinal(), date.toordinal())]
    texts = [f"on {date.day} {date:%B}, {date.year}", f"{date:%A}, {date:%b} {date.day}, {date.year}"]
    for text in [*texts, f"{date.day}.{date.month}.{date.year}", date.isoformat()]:
        assert mentioned(text, now.toordinal()) == mentioned(text, None) == expected


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)), st.sampled_from(range(7)))
def test_weekdays_agree_with_datetime(now: datetime.date, weekday: int) -> None:
    name = (datetime.date(2024, 1, 1) + datetime.timedelta(weekday)).strftime("%A")
    for query, offsets in (("on", range(0, -7, -1)), ("last", range(-1, -8, -1)), ("next", range(1, 8))):
        near = [now + datetime.timedelta(offset) for offset in offsets]
        expected = next(date for date in near if date.weekday() == weekday)
        assert intervals(f"{query} {name}", now.isoformat()) == [expected.isoformat()]


HOSTILE = [
    "May ",
    "1.1",
    "last ",
    "two or ",
    "two or three weeks ",
    "between may 3 and ",
    "from June to ",
    "will on friday ",
    "the end of the week of ",
    "2026-05-12 10:00:",
    "\n ",
    "'s ",
    "İ",
    "1",
    "may" * 50,
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "MAX_READ", 10**9)

    def best(length: int) -> float:
        text = (unit * (length // len(unit))) + " week"
        times = []
        for _ in range(3):
            start = time.process_time()
            mentioned(text, 739000)
            times.append(time.process_time() - start)
        return min(times)

    best(100)
    # Eight times the text: 8 times the time if linear, 64 if quadratic; the constant is for the clock's sake.
    assert best(64_000) <= 24 * best(8_000) + 0.02


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_is_not_read_whole(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert mentioned(text, 739000) == mentioned(text[:MAX_READ], 739000)


# --- day arithmetic ---------------------------------------------------------------------------------------------------


@given(st.dates())
def test_day_numbers_are_those_of_datetime(date: datetime.date) -> None:
    assert day_of(date.isoformat()) == days.number(date.year, date.month, date.day) == date.toordinal()
    assert iso_of(date.toordinal()) == date.isoformat()
    assert days.year_month_day(date.toordinal()) == (date.year, date.month, date.day)
    monday = date - datetime.timedelta(date.weekday())
    if monday.toordinal() <= days.MAX_DAY - 6:
        week = Interval(monday.toordinal(), monday.toordinal() + 6)
        assert days.calendar(date.toordinal(), "week") == week


@pytest.mark.parametrize(
    ("iso", "expected"),
    [
        ("2026", "2026-01-01..2026-12-31"),
        ("2024-02", "2024-02-01..2024-02-29"),
        ("2024-02-29", "2024-02-29"),
        (" 2024-02-29T10:00:00.5+02:00 ", "2024-02-29"),
        ("2024-02-29 10:00", "2024-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
    ],
)
def test_the_span_of_an_iso_date(iso: str, expected: str) -> None:
    interval = span_of(iso)
    assert interval is not None
    assert written(interval) == expected
    assert day_of(iso) == interval.first


@pytest.mark.parametrize(
    "iso",
    [None, "", "x", "0000", "0000-01-01", "2024-00", "2024-01-00", "2024-13", "2023-02-29", "2024-1-1", "２０２４"],
)
def test_what_is_no_iso_date(iso: str | None) -> None:
    assert span_of(iso) is None
    assert day_of(iso) is None


def test_iso_of_clamps() -> None:
    assert (iso_of(0), iso_of(-(10**9)), iso_of(10**9)) == ("0001-01-01", "0001-01-01", "9999-12-31")


@pytest.mark.parametrize(
    ("date", "count", "unit", "expected"),
    [
        ("2026-05-31", -3, "month", "2026-02-28"),
        ("2024-02-29", -1, "year", "2023-02-28"),
        ("2026-01-15", -1, "quarter", "2025-10-15"),
        ("2026-01-01", -2, "week", "2025-12-18"),
        ("2026-12-31", 14, "month", "2028-02-29"),
    ],
)
def test_shift(date: str, count: int, unit: str, expected: str) -> None:
    assert iso_of(days.shift(day(date), count, unit)) == expected


@pytest.mark.parametrize("sunday", ["1818-03-22", "1943-04-25", "2000-04-23", "2023-04-09", "2024-03-31", "2038-04-25"])
def test_easter(sunday: str) -> None:
    assert iso_of(days.easter(int(sunday[:4]))) == sunday


def test_lean_imports_nothing_heavy() -> None:
    code = "import sys, re, json, time, functools; before = set(sys.modules); import memcli.encode.dates; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(*(set(sys.modules) - before))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert {name for name in done.stdout.split() if not name.startswith("memcli")} <= {"__future__"}
