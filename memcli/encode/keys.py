"""One spelling for each name: what is compared when two texts name the same thing.

Pure and lean; fails on no string.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache


@lru_cache(1 << 16)
def fold(name: str) -> str:
    """A name as a key: case, accents, possessive, apostrophes and, in Cyrillic, case endings aside; hyphens are spaces."""
    name = name.strip()
    if name[-2:] in ("'s", "’s"):
        name = name[:-2]
    if name.isascii():
        return name.lower().replace("'", "").replace("-", " ")
    from unicodedata import normalize  # late: ASCII needs none of it

    name = _marks().sub("", normalize("NFKD", name.casefold())).replace("-", " ")
    return _cyrillic_ending().sub("", normalize("NFC", name))


@cache
def _marks() -> re.Pattern[str]:
    """Accents, apostrophes, and lone surrogates, which SQLite refuses."""
    return re.compile("[\u0300-\u036f'’\ud800-\udfff]+")


@cache
def _cyrillic_ending() -> re.Pattern[str]:
    return re.compile(r"(?<=[\u0400-\u04ff]{3})(?:[ая]ми|[аеиоуыэюяй]?[оеы]м|[аеиоуыэюяйь]{1,3})\b")


def words(name: str) -> list[str]:
    """The words of a name, each folded."""
    return [word for part in word_pattern().findall(name) if (word := fold(part))]


@lru_cache(1 << 15)
def joined(identifier: str) -> str:
    """One form for all ways to write an identifier: getUserQuota, get_user_quota and get-user-quota are getuserquota."""
    return fold(_joints().sub("", identifier)).replace(" ", "")


@cache
def _joints() -> re.Pattern[str]:
    return re.compile(r"[\W_]+")


@cache
def word_pattern() -> re.Pattern[str]:
    """Runs of letters and digits, with apostrophes inside."""
    return re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
