"""The spreading channel: what is connected to what the other channels found, by links, rare entities and the order of turns.

Personalised PageRank cut to a few steps (Haveliwala 2002; over a graph of entities and passages as in HippoRAG, arXiv
2405.14831), from the best hits of the other channels. A document's score is what reaches it from *other* documents: the
channel tells what those channels could not see, and does not repeat them. The graph is read from the index around the
seeds, so nothing is stored and nothing grows with the store.
"""

from __future__ import annotations

from memcli.index import graph, search
from memcli.index.search import PassageHit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.graph import Edge
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

    Place = tuple[int, int]  # a document, and the ordinal of one of its passages

SEEDS = 10
FRONTIER = 8  # documents that pass on what reached them
STEPS = 2
ONWARD = 0.5  # of what reaches a document goes on; the rest stays (a restart)
POOL = 50  # hits of a channel; the last of as many counts as not found


def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
    """What is connected to the best of `hits`, by channel, in the same store."""
    active = seeds(hits)
    adjacent: dict[int, list[tuple[Place, float]]] = {}
    frontier = sorted(active)
    for _ in range(STEPS):
        found = graph.edges(source.connection, frontier)
        adjacent.update((document, _passes(found.get(document, []))) for document in frontier)
        reached, places = _walk(active, adjacent)
        frontier = sorted((one for one in reached if one not in adjacent), key=lambda one: (-reached[one], one))[
            :FRONTIER
        ]
    inside = graph.within(source.connection, reached, plan.where)
    ranked = sorted(inside, key=lambda document: (-reached[document], document))[:limit]
    known = search.passages_at(source.connection, (places[document] for document in ranked))
    return [
        PassageHit(known[place][0], document, reached[document], known[place][1])
        for document in ranked
        if (place := places[document]) in known
    ]


def seeds(hits: dict[str, list[PassageHit]]) -> dict[int, float]:
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


def _passes(edges: list[Edge]) -> list[tuple[Place, float]]:
    """Which share of what reaches a document each of its edges takes on, and where to."""
    total = max(1.0, sum(edge.weight for edge in edges))  # few weak edges do not carry everything
    return [((edge.document, edge.ordinal), ONWARD * edge.weight / total) for edge in edges]


def _walk(
    start: dict[int, float], adjacent: dict[int, list[tuple[Place, float]]]
) -> tuple[dict[int, float], dict[int, Place]]:
    """What reaches each document from seeds (`start`) other than itself, and the passage by which most of it came."""
    parts: dict[Place, float] = {}
    for seed, weight in start.items():
        active = {seed: weight}
        for _ in range(STEPS):
            passed: dict[int, float] = {}
            for document, mass in active.items():
                for place, share in adjacent.get(document, ()):
                    passed[place[0]] = passed.get(place[0], 0.0) + mass * share
                    if place[0] != seed:
                        parts[place] = parts.get(place, 0.0) + mass * share
            active = passed
    reached: dict[int, float] = {}
    places: dict[int, Place] = {}
    for place in sorted(parts, key=lambda place: (-parts[place], place[1])):
        reached[place[0]] = reached.get(place[0], 0.0) + parts[place]
        places.setdefault(place[0], place)
    return reached, places
