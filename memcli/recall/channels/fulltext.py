"""The full-text channel: BM25 over whole documents, for long questions (a pasted issue, a prompt with its log).

Many words spread over a document say more together than the best of its passages does; for a question of a few words it
is the other way round, and this channel is silent.
"""

from __future__ import annotations

from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    return search.fulltext(source.connection, plan.match, limit, plan.where) if plan.length else []
