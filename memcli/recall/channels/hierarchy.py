"""The hierarchy channel: the topic first, then inside: all members of the groups in which most was found.

A group is a folder of the tree or a stretch of an episode (`index.groups`). It counts by the mean of its best three members
in what the keyword channel, which knows paths and titles, and the semantic channel found, and gives that to every member:
so "He wants 2,400, half up front" is found by what is said around it, and a note by the notes beside it (coarse to fine, as
in MemGAS, arXiv 2505.19549). Which of the members is meant is left to fusion, which knows what each has of its own.
A long text speaks for itself: the longer a member, the less it is given. Lean.
"""

from __future__ import annotations

from memcli.index import graph, groups
from memcli.index.search import PassageHit
from memcli.recall.turns import shortness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.groups import Group, Member
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

POOL = 60  # hits of a channel that speak for their groups
GROUPS = 4
BEST = 3  # members whose mean speaks for a group; fewer count as if the others had nothing
FLOOR_RANK = 200  # the passage whose cosine counts as no likeness at all, or the last one
LEAST_SPREAD = 0.1  # of cosines, in a little store where all are near


def spread(source: Source, plan: Plan, hits: dict[str, list[PassageHit]], limit: int) -> list[PassageHit]:
    """The members of the best groups, by `hits`, channel → its hits in the same store."""
    evidence = _evidence(hits)
    scores: dict[int, float] = {}
    places: dict[int, Member] = {}
    for group, weight in _best_groups(groups.containing(source.connection, evidence), evidence):
        for member in groups.members(source.connection, group):
            scores[member.document] = weight * shortness(member.length)
            places[member.document] = member
    inside = graph.within(source.connection, scores, plan.where)
    # Members of one group that are alike long differ in nothing here; what was found itself is then the likelier one.
    ranked = sorted(inside, key=lambda one: (-scores[one], -evidence.get(one, 0.0), one))
    found = [PassageHit(places[one].passage, one, scores[one], places[one].kind) for one in ranked if scores[one] > 0]
    return found[:limit]


def _evidence(hits: dict[str, list[PassageHit]]) -> dict[int, float]:
    """What the keyword and the semantic channel say of the documents they found, 0..1."""
    evidence: dict[int, float] = {}
    for name in ("keyword", "semantic"):
        ranked = hits.get(name)
        if not ranked:
            continue
        top, floor = ranked[0].score, 0.0
        if name == "semantic":  # cosines of unrelated texts are far from zero; a word that is absent counts nothing
            floor = ranked[:FLOOR_RANK][-1].score
            floor = floor if len(ranked) >= FLOOR_RANK else min(floor, top - LEAST_SPREAD)
        best: dict[int, float] = {}
        for hit in ranked[:POOL]:
            best.setdefault(hit.document, (hit.score - floor) / (top - floor or 1.0))
        for document, value in best.items():
            evidence[document] = evidence.get(document, 0.0) + value / 2
    return evidence


def _best_groups(group_of: dict[int, Group], evidence: dict[int, float]) -> list[tuple[Group, float]]:
    """The groups that count most, and how much, 0..1."""
    found: dict[Group, list[float]] = {}
    for document, group in group_of.items():
        found.setdefault(group, []).append(evidence[document])
    weights = {group: sum(sorted(values, reverse=True)[:BEST]) / BEST for group, values in found.items()}
    ranked = sorted(weights, key=lambda group: (-weights[group], str(group)))[:GROUPS]
    return [(group, weights[group]) for group in ranked]
