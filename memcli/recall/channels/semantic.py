"""The semantic channel: cosine between the question's embedding and the passages', by brute force.

Silent where the store has no vectors of the model in use, or where the question is in a script that the model cannot read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import PassageHit
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

MAX_NEIGHBOURS = 4096  # what sqlite-vec allows


def find(source: Source, plan: Plan, limit: int) -> list[PassageHit]:
    question = source.question(plan.text)
    if question is None:
        return []
    from memcli.encode import codes  # numpy is there already: the question was encoded with it

    vector = codes.quantised(question.vector).tobytes()
    return source.nearest(vector, min(limit, MAX_NEIGHBOURS), plan.where)
