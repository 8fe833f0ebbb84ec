"""What a query asks for, worked out once before any channel runs.

Lean: imported by every recall.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode import dates, terms
from memcli.index.search import Filter
from memcli.recall import intent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.encode.dates import Asked
    from memcli.encode.terms import Term

Plan = namedtuple("Plan", "text terms match where length now asked order when literal added", defaults=((),))
Plan.__doc__ = """`text` as asked; `terms` to search by words and `match`, their FTS5 expression; `where`, the Filter;
`length`, how much of a long text the question is: 0 for a sentence, 1 for a page, in between by its terms; `now`, the day
on which it is asked, or None; `asked`, the time it asks about (`encode.dates.Asked`), or None; `order`, "latest" or
"first" where it wants that one of several answers, or None; `when`, whether the answer is a date; `literal`, whether it is
nothing but one word of code or one number (an identifier, a path, an error code), looked for as it is written; `added`, the
terms that a weak answer's candidates added to them (`recall.deep`)."""

SENTENCE, PAGE = 12, 40  # terms
MAX_QUERY_CHARACTERS = 20_000  # an issue with its log is a fair query; a pasted book is not, and its head says enough

MAX_ASKING_CHARACTERS = 1_000  # a longer text tells of many times and asks about none

# Words in dates that a memory of that day need not have; the names of months, days and feasts it may.
_RELATIVE_WORDS = """
ago after around before between beginning coming couple day days during early eight end few five following four half
last late mid middle month months next nine one over past previous quarter quarters seven several since six start ten
this three till today tomorrow twelve two until week weekend weekends weeks year years yesterday
"""
_CODE = ("identifier", "phrase")
_RELATIVE = frozenset(_RELATIVE_WORDS.split())


def make_plan(text: str, where: Filter | None = None, now: int | None = None) -> Plan:
    """The plan for a query put on day `now`, without which it has no dates; never fails, whatever the text."""
    # What is no text, half of a pair or a byte of another encoding, can be neither searched nor embedded.
    text = text[:MAX_QUERY_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    text = " ".join(text.split())
    asks = text if len(text) <= MAX_ASKING_CHARACTERS else ""
    asked = _asked(asks, now) if now is not None else None
    wanted: list[Term] = terms.query_terms(_without_relative(text, asked) if asked else text)
    length = min(1.0, max(0.0, (len(wanted) - SENTENCE) / (PAGE - SENTENCE)))
    order = intent.order_of(asks, asked.spans if asked else ())
    expression = terms.match_expression(wanted)
    literal = " " not in text and (any(c.isdigit() for c in text) or any(term.kind in _CODE for term in wanted))
    return Plan(text, wanted, expression, where or Filter(), length, now, asked, order, intent.asks_when(asks), literal)


def _asked(text: str, now: int) -> Asked | None:
    """The time that a question asks about; "as of today" is none."""
    asked = dates.asked(text, now)
    if asked is None:
        return None
    apart = [
        (interval, (start, end))
        for interval, (start, end) in zip(asked.intervals, asked.spans, strict=True)
        if not any(start < last and first < end for first, last in intent.of_now(text))
    ]
    return dates.Asked(tuple(i for i, _ in apart), tuple(s for _, s in apart)) if apart else None


def _without_relative(text: str, asked: Asked) -> str:
    """The question without what only says how its dates relate to today; the question itself where nothing else is left."""
    kept = text
    for start, end in reversed(asked.spans):
        words = [word for word in text[start:end].split() if word.lower() not in _RELATIVE]
        kept = f"{kept[:start]}{' '.join(words)}{kept[end:]}"
    return kept if kept.strip(" ?.!") else text
