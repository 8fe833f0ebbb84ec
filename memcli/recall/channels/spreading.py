"""The spreading channel: what is connected to what the other channels found, by links, rare entities and the order of turns.

Personalised PageRank cut to a few steps (Haveliwala 2002; over a graph of entities and passages as in HippoRAG, arXiv
2405.14831), from the best hits of the other channels. A document's score is what reaches it from *other* documents: the
channel tells what those channels could not see, and does not repeat them. The graph is read from the index around the
seeds, so nothing is stored and nothing grows with the store.
"""

from __future__ import annotations

from memcli.index import graph
from memcli.index.graph import Mention
from memcli.index.search import PassageHit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.graph import Edge
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

SEEDS = 10
FRONTIER = 12  # documents that pass on what reached them
STEPS = 2
ONWARD = 0.5  # of what reaches a document goes on; the rest stays (a restart)
POOL = 50  # hits of a channel; the last of as many counts as not found


def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
    """What is connected to the best of `hits`, by channel, in the same store."""
    seeds = _seeds(hits)
    adjacent: dict[int, list[Edge]] = {}
    frontier = sorted(seeds)
    for _ in range(STEPS):
        found = graph.edges(source.connection, frontier)
        adjacent.update((document, found.get(document, [])) for document in frontier)
        reached, places = _walk(seeds, adjacent)
        frontier = sorted((one for one in reached if one not in adjacent), key=lambda one: -reached[one])[:FRONTIER]
    inside = graph.within(source.connection, reached, plan.where)
    ranked = sorted(inside, key=lambda document: (-reached[document], document))[:limit]
    known = graph.passages(source.connection, (places[document] for document in ranked))
    return [
        PassageHit(known[place][0], document, reached[document], known[place][1])
        for document in ranked
        if (place := places[document]) in known
    ]


def _seeds(hits: dict[str, list[PassageHit]]) -> dict[int, float]:
    """The best documents of all channels together, and their share of the activation."""
    weights: dict[int, float] = {}
    for name, ranked in hits.items():
        if ranked:
            # Cosines of unrelated texts are far from zero; a word or name that is absent counts nothing.
            floor = ranked[:POOL][-1].score if len(ranked) >= POOL or name == "semantic" else 0.0
            best: dict[int, float] = {}
            for hit in ranked[: 2 * SEEDS]:
                best.setdefault(hit.document, (hit.score - floor) / (ranked[0].score - floor or 1.0))
            for document, weight in best.items():
                weights[document] = weights.get(document, 0.0) + weight
    chosen = sorted(weights, key=lambda document: (-weights[document], document))[:SEEDS]
    total = sum(weights[document] for document in chosen) or 1.0
    return {document: weights[document] / total for document in chosen if weights[document] > 0}


def _walk(seeds: dict[int, float], adjacent: dict[int, list[Edge]]) -> tuple[dict[int, float], dict[int, Mention]]:
    """What reaches each document from seeds other than itself, and the passage by which most of it came."""
    reached: dict[int, float] = {}
    parts: dict[Mention, float] = {}
    for seed, weight in seeds.items():
        active = {seed: weight}
        for _ in range(STEPS):
            passed: dict[int, float] = {}
            for document, mass in active.items():
                edges = adjacent.get(document, [])
                total = max(1.0, sum(edge.weight for edge in edges))  # few weak edges do not carry everything
                for edge in edges:
                    share = ONWARD * mass * edge.weight / total
                    passed[edge.document] = passed.get(edge.document, 0.0) + share
                    if edge.document != seed:
                        reached[edge.document] = reached.get(edge.document, 0.0) + share
                        place = Mention(edge.document, edge.ordinal)
                        parts[place] = parts.get(place, 0.0) + share
            active = passed
    places: dict[int, Mention] = {}
    for place in sorted(parts, key=lambda place: (-parts[place], place.ordinal)):
        places.setdefault(place.document, place)
    return reached, places
