"""Pure helpers on strings and bytes: ids, slugs, hashes, times and sizes as text.

Lean: imported by every command, so it imports nothing heavy before a function needs it.
"""

from __future__ import annotations

import os
import re
import time

_ID_LETTERS = "abcdefghjkmnpqrstvwxyz"
_ID_ALPHABET = _ID_LETTERS + "23456789"
ID_LENGTH = 12
_ISO = r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?)?\s*(Z|[+-]\d\d:?\d\d)?"
TOKEN = re.compile(r"[A-Za-z]{1,8}|[0-9]{1,3}|[^\sA-Za-z0-9]")
_WINDOWS_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
MAX_SLUG_BYTES = 80
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # letters of Hangul that are seen as nothing: no name of a file may hold them


def new_id() -> str:
    """A random memory id: 12 characters without look-alikes, the first a letter (about 58 bits)."""
    raw = os.urandom(ID_LENGTH)
    return _ID_LETTERS[raw[0] % len(_ID_LETTERS)] + "".join(_ID_ALPHABET[b % len(_ID_ALPHABET)] for b in raw[1:])


def path_id(path: str) -> str:
    """The id of a file that carries none: derived from its path, so that it is the same after every rebuild."""
    import hashlib

    raw = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
    return _ID_LETTERS[raw[0] % len(_ID_LETTERS)] + "".join(
        _ID_ALPHABET[b % len(_ID_ALPHABET)] for b in raw[1:ID_LENGTH]
    )


def digest(data: bytes) -> str:
    """Hash of the exact bytes: names before-images and guards edits."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def content_hash(data: bytes) -> str:
    """Hash of the text, blind to CRLF against LF: tells whether a file says something new."""
    return digest(data.replace(b"\r\n", b"\n"))


def slug(text: str, *, max_bytes: int = MAX_SLUG_BYTES) -> str:
    """A file name for `text`: letters and digits of any script (NFC, lower case), words joined by `-`.

    At most `max_bytes` bytes of UTF-8, never empty, never a name that Windows reserves, and the same on
    case-insensitive disks.
    """
    import unicodedata

    folded = unicodedata.normalize("NFC", text[:1000]).lower()
    words = re.findall(r"[^\W_]+", "".join(c for c in folded if not ("\ud800" <= c <= "\udfff" or c in _BLANK_LETTERS)))
    cut = ""
    for word in words:
        longer = f"{cut}-{word}" if cut else word
        if len(longer.encode()) > max_bytes:
            break
        cut = longer
    if not cut and words:
        cut = words[0].encode()[:max_bytes].decode("utf-8", "ignore")
    cut = unicodedata.normalize("NFC", cut) or "memory"
    return f"{cut}-memory" if cut in _WINDOWS_RESERVED else cut


def utc_iso(now: float | None = None) -> str:
    """Seconds since the epoch as `2026-11-20T10:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() if now is None else now))


def iso_date(value: object) -> str | None:
    """`value` as an ISO date or time of the precision it has (`2026-11`, `2026-11-20`, `2026-11-20T10:00`), or None.

    Understands ISO 8601 with `T` or a space, seconds, fractions and an offset; zero seconds are dropped, `Z` and
    offsets are kept. Impossible dates (month 13, hour 25, 30 February) are None: they sort and filter as undated.
    """
    match = re.match(_ISO, str(value).strip()) if value is not None else None
    if match is None or match.end() != len(str(value).strip()):
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    if not 1 <= int(month) <= 12 or (day and not 1 <= int(day) <= _days_in(int(year), int(month))):
        return None
    if hour and (int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59):
        return None
    out = f"{year}-{month}" + (f"-{day}" if day else "")
    if hour:
        out += f"T{hour}:{minute}" + (f":{second}" if second and second != "00" else "") + (zone or "")
    return out


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def plural(n: int, noun: str) -> str:
    """`1 memory`, `1,204 memories`."""
    if n == 1:
        return f"1 {noun}"
    return f"{n:,} {noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{n:,} {noun}s"


def human_size(n: float) -> str:
    """Bytes for people: `812 B`, `38 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.1f} {unit}" if unit != "B" and n < 10 else f"{n:.0f} {unit}"
        n /= 1000
    raise AssertionError


def estimate_tokens(text: str) -> int:
    """About how many word pieces a WordPiece vocabulary of 30,000 makes of `text`; no model needed.

    One for each run of up to eight Latin letters or three digits, one for any other character that is not white space
    (BERT splits at each punctuation mark and Han character, and spells out the scripts it hardly knows).
    """
    return len(TOKEN.findall(text))


def embedding_text(context: str, text: str) -> str:
    """What the model reads for a passage. Dates and tags are left to the keyword index."""
    return f"{context} {text}" if context.endswith(":") else f"{context}\n{text}" if context else text
