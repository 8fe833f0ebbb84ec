"""Which memories are put before an agent when a prompt arrives, or why none is.

Silence is the default. What may not speak (`trust.verdict`), has faded, was marked wrong, is over, was replaced, or was shown
in this session before is set aside first, so that nothing of it counts as evidence for what is left; then what is left must
be sure enough (`agents.evidence`). At most MOST memories, and a block of at most ROOM characters, its marks included: of a
long text the part that answers the prompt. Lessons come first: what went wrong before outranks what it contradicts (A-MemGuard,
arXiv 2510.02373). Reads the index, and the state of the files behind what it chose; prints and writes nothing. Lean.
"""

from __future__ import annotations

import time
from collections import namedtuple

from memcli.agents import fence
from memcli.agents.asked import asked
from memcli.agents.evidence import CLEAR, ENOUGH, sureness
from memcli.encode.days import day_of
from memcli.guard import speech
from memcli.index import search
from memcli.recall import answer, change, refresh
from memcli.trust import verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.index.search import Document
    from memcli.places import Place
    from memcli.recall.answer import Hit
    from memcli.recall.candidates import Candidate, Pool
    from memcli.recall.pipeline import Recall
    from memcli.recall.plan import Plan

Injection = namedtuple("Injection", "header lines shown silent sure considered")
Injection.__doc__ = """What to put before an agent: `lines`, to stand in a fence under `header`; `shown`, the (key, store) of
each, where the store is its name in the user's state; `silent`, one word of REASONS where there are no lines, else None;
`sure`, 0..1, the confidence; `considered`, best first, what was looked at."""
Considered = namedtuple("Considered", "candidate key reason")
Considered.__doc__ = "A candidate, the key it is shown under, and why it is left out: a word of REASONS, or None."
_Prompt = namedtuple("_Prompt", "text now shown explain gone", defaults=(frozenset(),))
_Prompt.__doc__ = (
    "What is asked of `choose`; `gone`: files, (store, path), that are not what was indexed and cannot be read now."
)

MOST = 5  # memories
ROOM = 1_500  # characters of the whole block
SNIPPET = 200  # characters of a text that has so many
KEPT = 222  # for each text before a better one gets more: a snippet, its marks, and the rest of a word
LONGEST = 600
NEAR, NEAR_TURN = 0.7, 0.55
"""Of the best score: what is much weaker is chance. A turn of a session says little alone, and what is asked for is often
spread over several."""
LIFTED = {"lesson": 0.15, "preference": 0.05, "decision": 0.05, "procedure": 0.05}
"""Of its score that a memory gains by its type: at equal evidence what was learned goes before what was said."""
SHOWN_CANDIDATES = 20  # of those considered, in an explanation

REASONS = {
    "empty": "the prompt has no words to search for",
    "unknown": "no memory has anything to do with it",
    "unsure": "not clearly about this",
    "weaker": "much weaker than the best",
    "held": "not trusted yet (mem trust)",
    "quarantined": "looks like an order to an agent (mem review)",
    "wrong": "marked wrong",
    "faded": "faded, and not clearly about this",
    "over": "its time is over",
    "replaced": "replaced by another memory",
    "shown": "shown in this session before",
    "changed": "changed since it was indexed, and could not be read",
    "same": "says nothing new beside the others",
    "room": "no room left",
}
"""Why a memory is left out, or why nothing is said."""


def choose(
    recall: Recall, prompt: str, *, now: float, shown: frozenset[str] = frozenset(), explain: bool = False
) -> Injection:
    """The memories for a prompt that arrives `now` (seconds since the epoch), without those whose key is in `shown`.

    A file that changed since it was indexed is read anew first (`Recall.update`). `considered` is filled for `explain`.
    """
    asks = _Prompt(prompt, now, shown, explain)
    chosen, stale = _chosen(recall, asks)
    if stale:
        recall.update(stale)
        chosen, stale = _chosen(recall, asks)
    if stale:  # they could not be read, and what they say by now is not what the index has
        gone = frozenset((place.folder, path) for place, paths in stale.items() for path in paths)
        chosen, _ = _chosen(recall, asks._replace(gone=gone))
    return chosen


def key_of(document: Document) -> str:
    """What a memory is remembered by as shown: its id; a turn of an episode, by the episode's and its own."""
    return f"{document.name}^{document.anchor}" if document.anchor else str(document.name)


def _chosen(recall: Recall, asks: _Prompt) -> tuple[Injection, dict[Place, list[str]]]:
    """What to show, and the files behind it that are no longer what was indexed, by store."""
    today = day_of(time.strftime("%Y-%m-%d", time.localtime(asks.now)))
    text = asked(fence.strip(asks.text))
    if not any(character.isalnum() for character in text):
        return _silence("empty", 0.0, ()), {}
    plan, pool = recall.found(text, now=today)
    ranked = list(pool.candidates)
    reasons = _set_aside(pool, plan, asks)
    sure = sureness(pool, plan)
    hits = _hits(pool, plan, sure, reasons) if sure >= ENOUGH else []
    for candidate in pool.candidates if sure < ENOUGH else ():
        reasons[id(candidate)] = "unsure"
    lines = _lines(hits, plan, reasons)
    considered = tuple(_considered(ranked, lines, reasons)) if asks.explain else ()
    if not lines:
        return _silence(_why(ranked, reasons), sure, considered), {}
    documents = [hit.candidate.document for hit, _ in lines]
    places = [hit.candidate.source.place for hit, _ in lines]
    stale: dict[Place, list[str]] = {}
    for place, document in zip(places, documents, strict=True):
        if not refresh.is_current(place, document):
            stale.setdefault(place, []).append(document.path)
    keys = [(key_of(document), place.state_key()) for place, document in zip(places, documents, strict=True)]
    return Injection(_header(len(lines)), [line for _, line in lines], keys, None, sure, considered), stale


def _silence(reason: str, sure: float, considered: Iterable[Considered]) -> Injection:
    return Injection("", [], [], reason, sure, tuple(considered))


def _why(ranked: list[Candidate], reasons: dict[int, str]) -> str:
    """The word for the whole: why the best candidate is not shown."""
    return reasons.get(id(ranked[0]), "unknown") if ranked else "unknown"


def _considered(ranked: list[Candidate], lines: list[tuple[Hit, str]], reasons: dict[int, str]) -> Iterable[Considered]:
    said = {id(hit.candidate) for hit, _ in lines}
    new = [hit.candidate for hit, _ in lines if hit.candidate not in ranked]  # what replaced a candidate
    for candidate in [*new, *ranked[:SHOWN_CANDIDATES]]:
        reason = None if id(candidate) in said else reasons.get(id(candidate), "weaker")
        yield Considered(candidate, key_of(candidate.document), reason)


# --- who may speak ----------------------------------------------------------------------------------------------------


def _set_aside(pool: Pool, plan: Plan, asks: _Prompt) -> dict[int, str]:
    """Leave in a pool what may be shown; returns why the others may not, by `id`."""
    reasons: dict[int, str] = {}
    silent = {id(c): reason for c in pool.candidates if (reason := _barred(c, plan)) is not None}
    reasons.update(silent)
    pool.candidates = [c for c in pool.candidates if id(c) not in silent]
    before = list(pool.candidates)
    same = answer.fold(pool.candidates, MOST)
    replaced = change.put_current_first(pool.candidates, plan, MOST)
    reasons.update({id(c): "same" for some in same.values() for c in some})
    reasons.update({id(c): "replaced" for some in replaced.values() for c in some})
    for holder in [c for c in pool.candidates if id(c) in replaced and c not in before]:
        reason = _barred(holder, plan)
        if reason is None:
            continue
        at = pool.candidates.index(holder)
        # What may not speak may not silence either.
        back = replaced[id(holder)][:1] if reason in (verdict.HELD, verdict.QUARANTINED) else []
        pool.candidates[at : at + 1] = back
        for candidate in back:
            del reasons[id(candidate)]
    for candidate in pool.candidates:
        if key_of(candidate.document) in asks.shown:
            reasons[id(candidate)] = "shown"
        elif (candidate.source.place.folder, candidate.document.path) in asks.gone:
            reasons[id(candidate)] = "changed"
    pool.candidates = [c for c in pool.candidates if id(c) not in reasons]
    return reasons


def _barred(candidate: Candidate, plan: Plan) -> str | None:
    """Why a memory may not be put before an agent at any prompt, if it may not."""
    document = candidate.document
    if not verdict.may_speak(document):
        return verdict.QUARANTINED if document.trust == verdict.QUARANTINED else verdict.HELD
    if document.barred:
        return "wrong"
    if document.tier not in _SPEAKS and document.tier != "cold":
        return "faded"
    return "over" if change.expired(document, plan) else None


_SPEAKS = (None, "hot", "warm")


# --- what is said -----------------------------------------------------------------------------------------------------


def _hits(pool: Pool, plan: Plan, sure: float, reasons: dict[int, str]) -> list[Hit]:
    """The candidates to show, best first, with the passage that speaks for each."""
    best = max((candidate.score for candidate in pool.candidates), default=0.0)
    found = []
    for candidate in pool.candidates:
        faded = candidate.document.tier not in _SPEAKS
        if faded and (sure < CLEAR or candidate.score < best):
            reasons[id(candidate)] = "faded"
        elif _worth(candidate) >= (NEAR_TURN if candidate.document.anchor else NEAR) * best:
            found.append(candidate)
    found.sort(key=_worth, reverse=True)
    reasons.update({id(candidate): "room" for candidate in found[2 * MOST :]})
    return answer.hits_of(found[: 2 * MOST], sure)


def _worth(candidate: Candidate) -> float:
    return candidate.score * (1.0 + LIFTED.get(candidate.document.type, 0.0))


def _lines(hits: list[Hit], plan: Plan, reasons: dict[int, str]) -> list[tuple[Hit, str]]:
    """The hits that are shown, each with its line, lessons first."""
    chosen: list[tuple[Hit, str, str]] = []
    said: set[str] = set()
    room = ROOM - len(fence.block(_header(MOST), []))
    for hit in hits:
        head = _head(hit)
        text = "\n".join(speech.lines(_said(hit)))
        words = set(text.lower().split())
        taken = len(head) + min(KEPT, len(text)) + 1
        if not words or (chosen and len(words & said) >= answer.NOTHING_NEW * len(words)):
            reasons[id(hit.candidate)] = "same"
        elif len(chosen) == MOST or taken > room:
            reasons[id(hit.candidate)] = "room"
        else:
            chosen.append((hit, head, text))
            said |= words
            room -= taken
    lines = []
    for hit, head, text in chosen:  # what is left goes to the best first
        least = min(KEPT, len(text))
        shown = _cut(text, min(LONGEST, least + room), plan)
        room -= len(shown) - least
        lines.append((hit, f"{head}{shown}"))
    return sorted(lines, key=lambda line: line[0].candidate.document.type != "lesson")


def _cut(text: str, room: int, plan: Plan) -> str:
    """A text on one line, or the part of it that answers, in at most `room` characters."""
    whole = " ".join(text.split())
    if len(whole) <= room:
        return whole
    marks = len("…  … …")
    return answer.shortened(text, room - marks, plan, len, min(room - marks, SNIPPET))


def _said(hit: Hit) -> str:
    """A passage as it stands, under the title of its memory where it does not say that itself."""
    document, text = hit.candidate.document, str(hit.text)
    title = document.title.rstrip("…").strip()
    if document.anchor or title in text:
        return text
    return f"{title}. {text}"


def _head(hit: Hit) -> str:
    """What stands before a text: date, type, id, and who said it."""
    document = hit.candidate.document
    date = (document.at or document.created or "")[:10] or "undated"
    who = speech.for_prompt(verdict.who_said(document))
    short = search.short_id(hit.candidate.source.connection, document.name)
    return f"- {date} {speech.for_prompt(document.type)} {short} ({who}): "


def _header(count: int) -> str:
    return f"{count} memories" if count != 1 else "1 memory"
