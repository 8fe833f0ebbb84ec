"""Change over time: what replaced what, what is forgotten, what was true at a date, and what outcomes say of a memory.

The current value goes first and says what it replaced; archived memories are left out where others answer clearly better; what
was useful or wrong before is a small, bounded prior that lifts nothing irrelevant. Lean.
"""

from __future__ import annotations

from memcli.encode import days
from memcli.index import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import Document
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

ARCHIVED = "archived"  # as in `lifecycle.tiers`, which recall need not load
UTILITY = 0.1  # of its score that a memory gains for each whole of utility above the usual
USUAL = 0.6  # utility of a memory without outcomes (`lifecycle.strength.KIND`)
EXPIRED = 0.9  # of its score that a memory keeps whose time is over
OUTDO = 0.8  # of the best other score, that an archived memory must have to be shown beside it
CHAIN = 8  # memories that replaced one another
READ = 3  # times the limit: candidates that are looked at for what replaced them


def apply_priors(pool: Pool, plan: Plan) -> None:
    """Let outcomes and validity move scores a little, and put the pool in order again."""
    moved = False
    for candidate in pool.candidates:
        document = candidate.document
        share = 0.0
        if document.utility is not None:
            share = UTILITY * (document.utility - USUAL) * candidate.score
        if expired(document, plan):
            share -= (1.0 - EXPIRED) * candidate.score
        if share:
            candidate.shares["standing"] = share
            candidate.score += share
            moved = True
    if moved:
        pool.candidates.sort(key=lambda c: -c.score)


def expired(document: Document, plan: Plan) -> bool:
    """Whether a memory's time was over on the day of the question."""
    if document.valid_to is None or plan.now is None or plan.where.as_of is not None:
        return False
    last = days.day_of(document.valid_to)
    return last is not None and last < plan.now


def without_archived(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates without the archived ones that are clearly worse than the best of the others."""
    best = next((c.score for c in candidates if c.document.tier != ARCHIVED), 0.0)
    return [c for c in candidates if c.document.tier != ARCHIVED or c.score > OUTDO * best]


def put_current_first(candidates: list[Candidate], plan: Plan, limit: int) -> dict[int, list[Candidate]]:
    """In the place of what was replaced put what replaced it; returns what each replaced, by its `id`, newest first.

    What replaced a memory is shown even where it was not found itself: it says what is true of the same thing now.
    """
    first = candidates[: READ * limit]
    replaced: dict[int, list[Candidate]] = {}
    for source in dict.fromkeys(candidate.source for candidate in first):
        mine = {c.document.name: c for c in first if c.source is source and not c.document.anchor}
        newer = search.superseding(source.connection, list(mine), plan.where)
        for name, candidate in list(mine.items()):
            current = _last(source, name, newer, plan)
            if current is None or current == name:
                continue
            holder = mine.get(current) or _candidate(source, current, candidate)
            if holder is None:
                continue
            if holder not in candidates:
                mine[current] = holder
                candidates.insert(candidates.index(candidate), holder)
            elif candidates.index(holder) > candidates.index(candidate):
                candidates.remove(holder)
                candidates.insert(candidates.index(candidate), holder)
            holder.score = max(holder.score, candidate.score)
            candidates.remove(candidate)
            replaced.setdefault(id(holder), []).append(candidate)
    for olds in replaced.values():
        olds.sort(key=lambda c: c.document.created or "", reverse=True)
    return replaced


def _last(source: Source, name: str, newer: dict[str, str], plan: Plan) -> str | None:
    """The end of the chain of what replaced a memory; None where nothing did, or where it comes back to itself."""
    current, seen = name, {name}
    for _ in range(CHAIN):
        following = newer.get(current) or search.superseding(source.connection, [current], plan.where).get(current)
        if following is None:
            return current
        if following in seen:
            return None
        seen.add(following)
        current = following
    return current


def _candidate(source: Source, name: str, instead_of: Candidate) -> Candidate | None:
    """A memory that was not found itself, as strong as what it replaces."""
    numbers = search.named(source.connection, name)
    known = search.documents(source.connection, numbers[:1])
    if not known:
        return None
    ((number, document),) = known.items()
    candidate = type(instead_of)(source, document)
    passage = search.first_passages(source.connection, [number]).get(number)
    if passage is None:
        return None
    candidate.passages = {"name": passage}
    candidate.found = {passage: None}
    candidate.score, candidate.values = instead_of.score, instead_of.values
    candidate.shares = {"replaces": instead_of.score}
    return candidate
