"""Answers: what recall returns, cut to a limit, a share for past sessions, and a budget of tokens.

Lean; reads the index only for the texts to show.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.index import search
from memcli.text import estimate_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.recall.candidates import Candidate
    from memcli.recall.source import Source

Hit = namedtuple("Hit", "candidate score confidence text heading line")
Hit.__doc__ = """One result. `score` orders this answer's hits; `confidence` 0..1 compares across answers; `text` is its best
passage, which starts at `line` of the file, below `heading`."""


class Answer:
    """What recall found: `hits` best first; `confidence` 0..1 that they answer the question; `considered`, the memories
    searched; `more_episodes`, turns of past sessions left out; `notices`, what the user should know about this answer."""

    __slots__ = ("_candidates", "confidence", "considered", "hits", "more_episodes", "notices")

    def __init__(
        self,
        hits: list[Hit],
        confidence: float,
        considered: int,
        more_episodes: int,
        notices: list[str],
        candidates: list[Candidate],
    ) -> None:
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
    candidates = candidates[:1] + [c for c in candidates[1:] if c.score > 0.0]  # no evidence at all is no answer
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


def hits_of(candidates: list[Candidate], sure: float) -> list[Hit]:
    """Candidates with the passage that speaks for each: the one its weightiest channel found.

    The first hit has the answer's confidence, the others as much of it as their score is of the first's.
    """
    first = max((c.score for c in candidates), default=0.0) or 1.0
    wanted: dict[Source, list[int]] = {}
    best = {}
    for candidate in candidates:
        # Whole documents are found with their first passage, which need not be the one that says it.
        channel = max(candidate.passages, key=lambda name: (name != "fulltext", candidate.features.get(name, 0.0)))
        best[id(candidate)] = candidate.passages[channel]
        wanted.setdefault(candidate.source, []).append(candidate.passages[channel])
    texts = {source: search.passages(source.connection, ids) for source, ids in wanted.items()}
    return [
        Hit(
            candidate,
            candidate.score,
            sure * max(0.0, candidate.score) / first,
            *texts[candidate.source][best[id(candidate)]],
        )
        for candidate in candidates
        if best[id(candidate)] in texts[candidate.source]
    ]


def within_budget(hits: list[Hit], tokens: int | None) -> list[Hit]:
    """The first hits whose texts together take at most about `tokens` tokens; always at least one."""
    if tokens is None:
        return hits
    kept: list[Hit] = []
    for hit in hits:
        tokens -= estimate_tokens(f"{hit.candidate.document.title} {hit.text}") + 16  # id, date, path
        if kept and tokens < 0:
            break
        kept.append(hit)
    return kept
