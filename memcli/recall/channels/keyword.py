"""The keyword channel: BM25 over title, headings, text, parts of identifiers, and facets (speaker, date, tags).

All of the question's words are alternatives: asking for every word at once finds nothing for a question in a sentence.
"""

from __future__ import annotations

from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    return search.keyword(source.connection, plan.match, limit, plan.where)
