"""The phrase channel: passages where words of the question stand together, in the question's order.

What the question quotes is looked for as it stands; the rest in pairs of telling words, and in runs of three that end in
a telling word and may hold stop words ("out of memory"). BM25 over these phrases does the rest: a rare phrase tells more
than a common one, and a longer run counts with all the shorter ones in it. Silent where no phrase occurs.

Words that are merely near each other (FTS5's NEAR) were tried as well and made answers worse.
"""

from __future__ import annotations

import re
from functools import cache

from memcli.encode import terms
from memcli.encode.terms import Term
from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

MOST = 24  # phrases
LONGEST = 3  # words of a phrase that nobody quoted; runs of four find nothing more, in twice the time
LONGEST_QUOTE = 16  # words; of a longer quotation, its beginning

_TAILS = frozenset({"s", "t", "d", "m", "re", "ll", "ve"})  # of contractions


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    asked = [Term(phrase, "phrase") for phrase in phrases(plan.text)]
    return search.keyword(source.connection, terms.match_expression(asked), limit, plan.where)


def phrases(text: str) -> list[str]:
    """What to look for as it stands: quotations, then pairs, then runs of three; of too many, those of the longest words."""
    found = [" ".join(words[:LONGEST_QUOTE]) for quoted in _quoted(text) if len(words := _words(quoted)) > 1]
    words = _words(text)
    for length in range(2, LONGEST + 1):
        runs = (words[at : at + length] for at in range(len(words) - length + 1))
        telling = [" ".join(run) for run in runs if _tells(run[-1]) and (length > 2 or _tells(run[0]))]
        found += sorted(telling, key=len, reverse=True)
    return list(dict.fromkeys(found))[:MOST]


def _words(text: str) -> list[str]:
    """All words in order, stop words too, as the keyword index holds them."""
    return _word().findall(terms.fts_text(text).partition(terms.STEM_MARK)[0].lower())


def _tells(word: str) -> bool:
    return word not in terms.STOP_WORDS and word not in _TAILS


@cache
def _word() -> re.Pattern[str]:
    return re.compile("(?:[^\\W_]|[\ue000-\ue853])+")  # letters in private use: see `encode.terms`


def _quoted(text: str) -> list[str]:
    if not any(mark in text for mark in '"“„«`'):
        return []
    return re.findall('["“„«`]([^"“”„«»`]+)["”“»`]', text)
