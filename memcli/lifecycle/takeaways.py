"""What one session of an agent says that may be worth keeping: decisions, preferences and corrections of its user, and commands
that failed where another did what was meant. Proposals for `mem review`; nothing here becomes a memory by itself.

Only what the user wrote counts as said, and only outside code, quotations and questions: what an agent muses, what a tool
prints and what a hook put in decides nothing. Commands are those that importers of sessions list ("- ran: …"), with their
outcome. At most MOST a session, the plainest first; none that a memory says already, that is proposed, or that was rejected,
in these words or others.

Promises: precision before recall, offline, linear, the same session gives the same proposals. English only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from memcli.index import db, schema
from memcli.lifecycle import instructions, lessons, proposals, repairs, wishes
from memcli.lifecycle.lessons import Told
from memcli.lifecycle.proposals import Draft
from memcli.lifecycle.sentences import sentences, telling
from memcli.places import Place

MOST = 3  # proposals of one session
LONGEST_TURN = 4_000  # characters; a longer one is pasted
AGAIN = 0.7  # of what it says, in another one: the same
SOURCES = ("claude-code", "codex", "gemini", "copilot", "opencode", "cursor", "cline", "windsurf", "kiro-cli", "vscode")
"""What the sessions of agents have as their source."""
REPAIR, CHOICE = "repair", "choice"
KINDS = (wishes.ORDER, wishes.DECISION, wishes.PREFERENCE, REPAIR, CHOICE)
"""The plainest first."""
_TYPES = dict(zip(KINDS, ("lesson", "decision", "preference", "procedure", "decision"), strict=True))
_REASONS = {
    wishes.ORDER: "you told an agent so",
    wishes.DECISION: "you decided this",
    wishes.PREFERENCE: "you said how you like it",
    REPAIR: "one command failed, the other worked",
    CHOICE: "you chose this when asked",
}
_QUOTED = re.compile(r"^[ \t]*>.*$|\"[^\"\n]{2,300}\"|“[^”\n]{2,300}”|(?<!\w)'[^'\n]{12,300}'(?!\w)", re.MULTILINE)
_CHOSE = re.compile(r"^(?P<question>[^\n]{8,300}\?(?: \([^\n]{1,200}\))?) — (?P<answer>[^\n]{2,200})$", re.MULTILINE)
_NO_CHOICE = re.compile(
    r"(?:yes|no|none|neither|other|skip|cancel|both|all|any|later|not (?:now|sure|yet)|ok(?:ay)?|proceed|continue)\b",
    re.IGNORECASE,
)


class Turn(NamedTuple):
    """A turn as the index has it: its anchor in the episode, who spoke (lower case), when (ISO), and the text."""

    anchor: str
    speaker: str
    at: str | None
    text: str


class Takeaway(NamedTuple):
    """What may be kept: of which kind, as one sentence, and the anchor of the turn that says it."""

    kind: str
    text: str
    anchor: str


def found(turns: Sequence[Turn]) -> list[Takeaway]:
    """What a session says that may be worth keeping, the plainest first; each thing once."""
    done = [(turn.anchor, turn.text) for turn in turns if turn.speaker not in instructions.USERS]
    mended = [
        Takeaway(REPAIR, f"When `{one.failed}` fails, `{one.worked}` works.", one.anchor)
        for one in repairs.repairs(done)
    ]
    everything = [*_said(turns), *mended]
    kept: list[Takeaway] = []
    for one in sorted(everything, key=lambda one: KINDS.index(one.kind)):
        if not any(_same(one.text, other.text) for other in kept):
            kept.append(one)
    return kept


def propose(place: Place, paths: Collection[str], now: float) -> int:
    """Propose what the sessions say that these files belong to, by the index; returns how much. Raises IndexUnavailable."""
    connection = schema.open_for_reading(place)
    try:
        made = drafts(place, connection, paths)
    finally:
        connection.close()
    return len(proposals.propose(place, made, now)) if made else 0


def drafts(place: Place, connection: db.Connection, paths: Collection[str] | None = None) -> list[Draft]:
    """New proposals from the sessions in a store, or from those that these files belong to; the plainest first."""
    ranked: list[tuple[int, Draft]] = []
    made = proposals.ever_made(place)
    texts = [text for one in made for text in _texts(one)]
    for files in _sessions(connection, paths):
        room = MOST - sum(any(path in link for path in map(_stem, files)) for one in made for link in _links(one))
        for path, one in [(path, one) for path, turns in files.items() for one in found(turns)]:
            if room <= 0:
                break
            if any(_same(one.text, text) for text in texts) or lessons.is_known(
                connection, one.text, telling(one.text), None
            ):
                continue
            texts.append(one.text)
            ranked.append((KINDS.index(one.kind), _draft(path, one)))
            room -= 1
    return [draft for _, draft in sorted(ranked, key=lambda pair: pair[0])]


def turns_of(connection: db.Connection, session: str) -> list[Turn]:
    """The turns of one session of an agent, in order."""
    files = next(_sessions(connection, None, session), {})
    return [turn for turns in files.values() for turn in turns]


def _draft(path: str, one: Takeaway) -> Draft:
    told = Told("", path, "", one.anchor)
    operation = {"op": "ADD", "text": one.text, "type": _TYPES[one.kind], "links": [f"learnt from:{told.link}"]}
    return Draft(one.kind, (), _REASONS[one.kind], (operation,))


def _sessions(
    connection: db.Connection, paths: Collection[str] | None, only: str | None = None
) -> Iterator[dict[str, list[Turn]]]:
    """The turns of each session by file, in order."""
    marks = ",".join("?" * len(SOURCES))
    asked = None if paths is None else db.array(paths)
    rows = connection.execute(
        "SELECT coalesce(session, name), path, anchor, lower(coalesce(speaker, '')), at, passages.text FROM entries"
        " JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
        f" WHERE type = 'episode' AND anchor IS NOT NULL AND source IN ({marks}) AND (? IS NULL OR session = ?)"
        " AND (? IS NULL OR session IN (SELECT session FROM entries WHERE path IN (SELECT value FROM json_each(?))))"
        " ORDER BY coalesce(session, name), part, path, documents.ordinal, passages.ordinal",
        (*SOURCES, only, only, asked, asked),
    )
    current, files = None, dict[str, list[Turn]]()
    for session, path, anchor, speaker, at, text in rows:
        if session != current:
            if files:
                yield files
            current, files = session, {}
        turns = files.setdefault(path, [])
        if turns and turns[-1].anchor == anchor:
            turns[-1] = turns[-1]._replace(text=f"{turns[-1].text}\n\n{text}")
        else:
            turns.append(Turn(anchor, speaker, at, text))
    if files:
        yield files


def _texts(draft: Draft) -> Iterator[str]:
    return (str(one["text"]) for one in draft.operations if isinstance(one.get("text"), str))


def _links(draft: Draft) -> Iterator[str]:
    for one in draft.operations:
        links = one.get("links")
        yield from (str(link) for link in links if draft.kind in KINDS) if isinstance(links, list) else ()


def _stem(path: str) -> str:
    return Told("", path, "", "").link.partition("#")[0] + "#"


def _same(text: str, other: str) -> bool:
    """Whether one says most of the other."""
    words, others = telling(text), telling(other)
    return bool(words) and len(words & others) >= AGAIN * min(len(words), len(others))


def _said(turns: Sequence[Turn]) -> Iterator[Takeaway]:
    for turn in turns:
        if (
            turn.speaker not in instructions.USERS
            or len(turn.text) > LONGEST_TURN
            or instructions.by_a_program(turn.text)
        ):
            continue
        for match in _CHOSE.finditer(turn.text):
            if not _NO_CHOICE.match(match["answer"]):
                yield Takeaway(CHOICE, f"{match['question']} — {match['answer']}", turn.anchor)
        for sentence in sentences(_QUOTED.sub(" ", _CHOSE.sub("", turn.text))):
            if kind := wishes.kind_of(sentence):
                text = wishes.without_lead(sentence)
                yield Takeaway(kind, text[:1].upper() + text[1:], turn.anchor)
