"""The entity channel: documents that mention what the question names, the rarer the better.

A document's score is the sum of log(1 + N/df) / log(1 + N) over the entities of the question, each counted once in whatever
form it is written: 1 for a name that only one document has, in every store, so scores need no scaling by the best of them.
What a large part of the store mentions tells nothing. Silent where the question names nothing that is known.
"""

from __future__ import annotations

import math

from memcli.index import graph
from memcli.index.search import PassageHit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.graph import Mention
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

COMMON_SHARE = 0.1  # of the documents; chosen on LoCoMo, where speakers and those they talk about are in every tenth
ALWAYS_RARE = 8  # documents: in a little store nothing is common


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    everything = source.kept.documents_in_all()
    at_most = max(ALWAYS_RARE, int(COMMON_SHARE * everything))
    scores: dict[int, float] = {}
    places: dict[Mention, float] = {}
    for entity in graph.named(source.connection, plan.text):
        own: dict[int, float] = {}
        for numbers in (entity.said, entity.spoken):  # who speaks in half of the store may be mentioned in a few places
            held, found = graph.mentioning(source.connection, numbers, at_most, plan.where)
            weight = math.log1p(everything / held) / math.log1p(everything) if held else 0.0
            for place in found:
                own[place.document] = max(own.get(place.document, 0.0), weight)
                places[place] = places.get(place, 0.0) + weight
        for document, weight in own.items():
            scores[document] = scores.get(document, 0.0) + weight
    best: dict[int, Mention] = {}
    for place in sorted(places, key=lambda place: (-places[place], place.ordinal)):
        best.setdefault(place.document, place)
    ranked = sorted(scores, key=lambda document: (-scores[document], document))[:limit]
    return [PassageHit(best[one].passage, one, scores[one], best[one].kind) for one in ranked]
