"""The link channel: what the best hits of the other channels link to, and what links to them.

A link is somebody's word that two memories belong together, so it tells more than what the spreading channel infers; the
answer may share no word with the question. A link of the best hit counts 1, one of many counts less, and one more link away
half as much. Silent where nothing that was found has links.
"""

from __future__ import annotations

from memcli.index import graph, search
from memcli.index.search import PassageHit
from memcli.recall.channels.spreading import seeds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

STEPS = 2
ONWARD = 0.5  # of what reaches a memory goes on to what it links to
MANY = 8  # links of one memory; an index page connects everything


def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
    found = seeds(hits)
    best = max(found.values(), default=0.0)
    active = {document: weight / best for document, weight in found.items()}
    reached: dict[int, float] = {}
    for step in range(STEPS):
        passed: dict[int, float] = {}
        for document, others in graph.linked(source.connection, sorted(active)).items():
            for other in others if len(others) <= MANY else ():
                share = active[document] / len(others) ** 0.5 * (ONWARD if step else 1.0)
                passed[other] = max(passed.get(other, 0.0), share)
        for document, share in passed.items():
            reached[document] = max(reached.get(document, 0.0), share)
        active = {document: share for document, share in passed.items() if document not in found}
        if not active:
            break
    inside = graph.within(source.connection, reached, plan.where)
    ranked = sorted(inside, key=lambda document: (-reached[document], document))[:limit]
    known = search.passages_at(source.connection, ((document, 0) for document in ranked))
    return [
        PassageHit(known[document, 0][0], document, reached[document], known[document, 0][1])
        for document in ranked
        if (document, 0) in known
    ]
