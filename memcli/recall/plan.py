"""What a query asks for, worked out once before any channel runs.

Lean: imported by every recall.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.encode import terms
from memcli.index.search import Filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.encode.terms import Term

Plan = namedtuple("Plan", "text terms match where length")
Plan.__doc__ = """`text` as asked; `terms` to search by words and `match`, their FTS5 expression; `where`, the Filter;
`length`, how much of a long text the question is: 0 for a sentence, 1 for a page, in between by its terms."""

SENTENCE, PAGE = 12, 40  # terms
MAX_QUERY_CHARACTERS = 20_000  # an issue with its log is a fair query; a pasted book is not, and its head says enough


def make_plan(text: str, where: Filter | None = None) -> Plan:
    """The plan for a query; never fails, whatever the text."""
    text = " ".join(text[:MAX_QUERY_CHARACTERS].split())
    asked: list[Term] = terms.query_terms(text)
    length = min(1.0, max(0.0, (len(asked) - SENTENCE) / (PAGE - SENTENCE)))
    return Plan(text, asked, terms.match_expression(asked), where or Filter(), length)
