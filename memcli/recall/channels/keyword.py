"""The keyword channel: BM25 over title, headings, text, parts of identifiers, and facets (speaker, date, tags).

All of the question's words are alternatives: asking for every word at once finds nothing for a question in a sentence. Where
a weak answer is asked again with more words (`recall.deep`), a passage counts by the better of the two questions, so that no
passage is worse for words that nobody asked for.
"""

from __future__ import annotations

from memcli.encode import terms
from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    return search.keyword(source.connection, plan.match, limit, plan.where)


def deepen(source: Source, plan: Plan, asked: list[PassageHit], limit: int) -> list[PassageHit]:
    """`asked`, which `find` gave for the question, and what its terms find with those that were added to them."""
    more = search.keyword(source.connection, terms.match_expression([*plan.terms, *plan.added]), limit, plan.where)
    found = {hit.passage: hit for hit in asked}
    scale = asked[0].score / more[0].score if asked and more else 1.0
    for hit in more:
        score = scale * hit.score
        if hit.passage not in found or found[hit.passage].score < score:
            found[hit.passage] = hit._replace(score=score)
    return sorted(found.values(), key=lambda hit: -hit.score)[:limit]
