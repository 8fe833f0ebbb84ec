"""Dates as people type them for --since and --until. Lean."""

from __future__ import annotations

import re
import time

from memcli.errors import UsageError
from memcli.text import iso_date

_AGO = r"(\d{1,4})\s*(d|day|w|week|m|month|y|year)s?(?: ago)?"
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def since_until(since: str | None, until: str | None, now: float | None = None) -> tuple[str | None, str | None]:
    return day(since, now) if since else None, day(until, now) if until else None


def day(text: str, now: float | None = None) -> str:
    """`2026-05`, `2026-05-12`, `today`, `yesterday`, `7d`, `2 weeks ago` as an ISO date. Raises UsageError."""
    now = time.time() if now is None else now
    asked = text.strip().lower()
    ago = re.fullmatch(_AGO, asked)
    days = {"today": 0, "yesterday": 1}.get(asked, int(ago.group(1)) * _DAYS[ago.group(2)[0]] if ago else None)
    if days is not None:
        return time.strftime("%Y-%m-%d", time.localtime(now - days * 86400))
    if re.fullmatch(r"\d{4}", asked):
        return asked
    date = iso_date(text)
    if date is None:
        raise UsageError(f"{text!r} is not a date", hint="use 2026-05-12, 2026-05, yesterday, 7d or '2 weeks ago'")
    return date
