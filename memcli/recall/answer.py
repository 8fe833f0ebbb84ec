"""Answers: what recall returns of ranked candidates, cut to a limit, a share for past sessions, and a budget of tokens.

What says the same as something better is folded into it. Under a budget the best passages come first, each cut to what
answers the question where the whole does not fit, and what adds nothing new gives way to what does. The order is that of
the scores, and the same for the same store and question. Lean; reads the index only for the texts to show.
"""

from __future__ import annotations

import re
from collections import namedtuple
from functools import cache

from memcli.encode import terms
from memcli.index import search
from memcli.text import estimate_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memcli.encode.terms import Term
    from memcli.recall.candidates import Candidate
    from memcli.recall.plan import Plan
    from memcli.recall.source import Source

Hit = namedtuple("Hit", "candidate score confidence text heading line same replaces marks", defaults=((), (), ()))
Hit.__doc__ = """One result. `score` orders this answer's hits; `confidence` 0..1 compares across answers; `text` is its best
passage, or what of it fits a budget, which starts at `line` of the file, below `heading`; `same`, the candidates folded
into it; `replaces`, those that it replaced; `marks`, what a reader should know of it ("archived", "marked wrong")."""

FOLDED = 3  # times the limit: how far down candidates are compared for it
NOTHING_NEW = 0.8  # of a text's words said already: under a budget it gives way
HEAD_TOKENS = 16  # of a hit besides its text: id, date, type, path
LEAST_TOKENS = 24  # of a passage that is worth cutting to


class Answer:
    """What recall found: `hits` best first; `confidence` 0..1 that they answer the question; `considered`, the memories
    searched; `more_episodes`, turns of past sessions left out; `notices`, what the user should know about this answer; `tier`,
    how deep recall had to go for it (`recall.pipeline`); `added`, the terms that the deepest tier asked for besides."""

    __slots__ = ("_candidates", "added", "confidence", "considered", "hits", "more_episodes", "notices", "tier")

    def __init__(
        self,
        hits: list[Hit],
        confidence: float,
        considered: int,
        more_episodes: int,
        notices: list[str],
        candidates: list[Candidate],
        tier: str,
        added: tuple[Term, ...] = (),
    ) -> None:
        self.tier = tier
        self.added = added
        self.hits = hits
        self.confidence = confidence
        self.considered = considered
        self.more_episodes = more_episodes
        self.notices = notices
        self._candidates = candidates

    def rank(self, channel: str, score: float) -> int:
        """The rank that a channel's score has among all candidates of this question, from 1."""
        return 1 + sum(1 for c in self._candidates if c.scores.get(channel, float("-inf")) > score)

    def short_ids(self) -> dict[str, str]:
        """For each hit's id its shortest prefix (of 4 letters or more) that no other memory of its store shares."""
        shortened = {}
        for hit in self.hits:
            name = hit.candidate.document.name
            shortened[name] = search.short_id(hit.candidate.source.connection, name)
        return shortened


EVERY_EPISODE = -1


def choose(candidates: list[Candidate], limit: int, episodes: int) -> tuple[list[Candidate], int]:
    """The first `limit` candidates with at most `episodes` turns of past sessions among them, and how many that left out.

    The cap only makes room for curated memories: where there are fewer of these, sessions fill the rest.
    """
    candidates = candidates[:1] + [c for c in candidates[1:] if any(c.values.values())]  # no evidence is no answer
    if episodes == EVERY_EPISODE:
        return candidates[:limit], 0
    curated = sum(1 for c in candidates if not c.document.anchor)
    allowed = max(episodes, limit - curated)
    chosen: list[Candidate] = []
    left_out = 0
    for candidate in candidates:
        if len(chosen) == limit:
            break
        if candidate.document.anchor:
            if not allowed:
                left_out += 1
                continue
            allowed -= 1
        chosen.append(candidate)
    return chosen, left_out


def fold(candidates: list[Candidate], limit: int) -> dict[int, list[Candidate]]:
    """Take candidates out of the first ones that say the same as a better one; returns these by the better one's `id`.

    The same, word for word: another number, name or "not" makes another memory, however alike two texts are otherwise.
    """
    first = candidates[: FOLDED * limit]
    said = {id(hit.candidate): tuple(_words(hit.text)) for hit in hits_of(first, 1.0)}
    kept: dict[tuple[str, ...], Candidate] = {}
    same: dict[int, list[Candidate]] = {}
    for candidate in first:
        words = said.get(id(candidate)) or (str(id(candidate)),)
        if words in kept:
            same.setdefault(id(kept[words]), []).append(candidate)
        else:
            kept[words] = candidate
    candidates[: len(first)] = kept.values()
    return same


def hits_of(candidates: list[Candidate], sure: float, same: dict[int, list[Candidate]] | None = None) -> list[Hit]:
    """Candidates with the passage that speaks for each: the one found by the channel that thinks most of it.

    The first hit has the answer's confidence, the others as much of it as their score is of the first's.
    """
    first = max((c.score for c in candidates), default=0.0) or 1.0
    wanted: dict[Source, list[int]] = {}
    best = {}
    for candidate in candidates:
        # What is found by its neighbours or its date comes with a passage that need not be the one that says it.
        channel = max(candidate.passages, key=lambda name: (name in _SPEAKS, candidate.values.get(name, 0.0)))
        best[id(candidate)] = candidate.passages[channel]
        wanted.setdefault(candidate.source, []).append(candidate.passages[channel])
    texts = {source: search.passages(source.connection, ids) for source, ids in wanted.items()}
    return [
        Hit(
            candidate,
            candidate.score,
            sure * max(0.0, candidate.score) / first,
            *texts[candidate.source][best[id(candidate)]],
            tuple((same or {}).get(id(candidate), ())),
        )
        for candidate in candidates
        if best[id(candidate)] in texts[candidate.source]
    ]


_SPEAKS = frozenset(("semantic", "keyword", "typo", "phrase", "entity"))


def within_budget(hits: list[Hit], tokens: int | None, plan: Plan) -> list[Hit]:
    """The most useful of these hits that together take at most about `tokens` tokens, in their order; at least one."""
    if tokens is None:
        return hits
    kept: list[Hit] = []
    said: set[str] = set()
    for hit in hits:
        words = set(_words(hit.text))
        if kept and words and len(words & said) >= NOTHING_NEW * len(words):
            continue
        room = tokens - HEAD_TOKENS - estimate_tokens(hit.candidate.document.title)
        if estimate_tokens(hit.text) > room:
            if kept and room < LEAST_TOKENS:
                continue
            hit = hit._replace(text=shortened(hit.text, max(room, LEAST_TOKENS), plan))
        kept.append(hit)
        said |= words
        tokens -= HEAD_TOKENS + estimate_tokens(f"{hit.candidate.document.title} {hit.text}")
        if tokens < HEAD_TOKENS + LEAST_TOKENS:
            break
    return kept


def shortened(
    text: str, room: int, plan: Plan, size: Callable[[str], int] = estimate_tokens, least: int = 0
) -> str:
    """The sentence of a text that says most of what is asked, with as many beside it as fit, left-out parts marked by ….

    `size` measures a text in the unit of `room`. Where whole sentences take less than `least`, words beside them join.
    """
    parts = _sentence_ends().split(text)
    asked = [term.text.lower() for term in plan.terms]
    best = max(range(len(parts)), key=lambda n: (sum(term in parts[n].lower() for term in asked), -n))
    first = last = best
    while True:
        grown = [(first - 1, last)] if first else []
        grown += [(first, last + 1)] if last + 1 < len(parts) else []
        fitting = [span for span in grown if size(" ".join(parts[span[0] : span[1] + 1])) <= room]
        if not fitting:
            break
        first, last = fitting[-1]  # what follows explains more than what came before
    cut = " ".join(part.strip() for part in parts[first : last + 1])
    if size(cut) > room:
        while size(cut) > room:
            cut = cut[: len(cut) * room // (size(cut) + 1)]
        whole, _, part = cut.rpartition(" ")  # not within a word, in scripts that have spaces
        cut = (whole if whole and len(part) < 40 else cut) + " …"
    before, after = " ".join(parts[:first]).split(), " ".join(parts[last + 1 :]).split()
    while size(cut) < least and (after or before):
        longer = f"{cut} {after[0]}" if after else f"{before[-1]} {cut}"
        if size(longer) > room:
            break
        cut = longer
        (after or before).pop(0 if after else -1)
    return f"{'… ' if before else ''}{cut}{' …' if after else ''}"


@cache
def _sentence_ends() -> re.Pattern[str]:
    return re.compile(r"(?<=[.!?。！？])\s+|\n+")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", terms.fts_text(text).lower())
