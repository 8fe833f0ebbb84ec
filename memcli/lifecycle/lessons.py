"""Recurring lessons: what users had to say in several sessions, and commands that failed in several until another worked.

Owns when two instructions (`instructions`) say the same: one is supported by another that says most of it again, by the
rarity of the words, and contradicts none of it. In other words counts if the vectors are near and the two still share
something.

Promises: precision before recall (a handful of lessons, none that a curated memory says already), offline, the same
store gives the same lessons, linear in the turns and in the pairs that share a word which few instructions have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from memcli.encode import codes, terms
from memcli.index import db, nearest, search
from memcli.lifecycle import instructions, nearness
from memcli.lifecycle.instructions import Instruction
from memcli.lifecycle.sentences import Rarity, sentences, telling

if TYPE_CHECKING:
    from memcli.lifecycle.nearness import Vector

SESSIONS = 3  # in which a lesson must have come up
MOST = 5  # lessons of one run
LONGEST_TURN = 2000  # characters; a longer one is pasted
AGAIN = 0.7  # of what a sentence says, by rarity, must be said again
AGAIN_NEAR, NEAR = 0.5, 0.92  # or this much, by a sentence as near as this (cosine; unrelated ones lie near .75)
KNOWN, SAME = 0.75, 0.93  # of its words in one curated passage, or its cosine with one: it is said already
MAX_SHARED = 200  # instructions: a word that more of them have brings no two together
TYPED = 10  # words: what is longer and the same letter by letter in several sessions was written by a program
WITHIN = 12  # turns after a command failed in which another may have worked
_ASSISTANTS = frozenset(("assistant", "ai", "model", "agent", "bot"))
_NO_USERS = _ASSISTANTS | {"tool", "system"}


class Told(NamedTuple):
    """A turn in which something was said, of the memory with this id, path and content hash."""

    id: str
    path: str
    hash: str
    anchor: str

    @property
    def link(self) -> str:
        """What goes between double brackets."""
        below = self.path.removeprefix("local/").removeprefix("tree/").removesuffix(".md")
        return f"{below}#^{self.anchor}"


class Lesson(NamedTuple):
    """What recurred: its clearest sentence; the type of memory it would be; a turn of each session that it comes from."""

    text: str
    type: str
    told: tuple[Told, ...]


if TYPE_CHECKING:
    _Found = tuple[
        Lesson, set[str], Vector | None
    ]  # with what it says, and the vector of its sentence where that has its own


class _Turn(NamedTuple):
    session: str
    told: Told
    speaker: str
    at: str | None
    passage: int
    text: str


class _Said(NamedTuple):
    """An instruction in a turn; `alone` where it is most of its passage, whose vector then is its own."""

    turn: _Turn
    says: Instruction
    alone: bool


def recurring(connection: db.Connection) -> list[Lesson]:
    """What recurs in at least `SESSIONS` sessions and is in no curated memory, the best supported first."""
    turns = list(_turns(connection))
    said = list(_instructions(turns))
    vectors = nearness.of_passages(connection, {one.turn.passage for one in said if one.alone})
    found: list[Lesson] = []
    for lesson, says, vector in chain(_repairs(turns), _repeated(said, vectors, Rarity(connection))):
        if len(found) == MOST:
            break
        if not is_known(connection, lesson.text, says, vector):
            found.append(lesson)
    return found


# --- what was said ----------------------------------------------------------------------------------------------------


def _turns(connection: db.Connection) -> Iterator[_Turn]:
    """The prose of all turns, passage by passage, in order; pasted texts and what programs wrote left out."""
    for session, speaker, at, passage, text, *told in connection.execute(
        "SELECT coalesce(session, name), lower(coalesce(speaker, '')), at, passages.id, text, name, path,"
        " coalesce(entries.hash, ''), anchor FROM entries JOIN documents ON entry = entries.id"
        " JOIN passages ON document = documents.id WHERE anchor IS NOT NULL AND length <= ?"
        " ORDER BY path, documents.ordinal, passages.ordinal",
        (LONGEST_TURN,),
    ):
        if not instructions.by_a_program(text):
            yield _Turn(session, Told(*told), speaker, at, passage, text)


def _instructions(turns: list[_Turn]) -> Iterator[_Said]:
    """What users told agents to do, each sentence once in a session and once wherever a program repeats it."""
    with_agent = {turn.session for turn in turns if turn.speaker in _ASSISTANTS}
    known: set[tuple[str, str]] = set()
    for turn in turns:
        named = turn.session in with_agent and turn.speaker not in _NO_USERS
        by_user = turn.speaker in instructions.USERS or named
        for sentence in sentences(turn.text) if by_user else ():
            says = instructions.instruction(sentence)
            if says is None:
                continue
            written = " ".join(sentence.casefold().split())
            # A resumed or forked session holds the same turns again, at the same time.
            keys = {(turn.session, written), (turn.at or turn.session, written)}
            keys |= {("", written)} if len(written.split()) > TYPED else set()
            if not keys & known:
                yield _Said(turn, says, 2 * len(sentence) > len(turn.text))
            known |= keys


# --- what recurs ------------------------------------------------------------------------------------------------------


def _repeated(said: list[_Said], vectors: dict[int, Vector], rarity: Rarity) -> Iterator[_Found]:
    """Instructions that recur, each with the sentence that stands for it, the best supported first.

    The sentence is the one with which the sessions share most: not the shortest, which many support because it says little.
    """
    supporters = _support(said, vectors, rarity)
    strength: list[tuple[float, int]] = []
    for n, found in supporters.items():
        if len(found) + 1 >= SESSIONS:
            strength.append((-sum(shared for shared, _ in found.values()), n))
    taken: set[int] = set()
    for _, n in sorted(strength):
        own = {other for _, other in supporters[n].values()} | {n}
        left = own - taken
        if n in taken or len(left) < SESSIONS:
            continue
        taken |= own
        told = _in_order(said[m].turn.told for m in left)
        lesson = Lesson(said[n].says.text, "preference" if said[n].says.prefers else "lesson", told)
        yield lesson, {*said[n].says.signs}, vectors.get(said[n].turn.passage) if said[n].alone else None


def _in_order(told: Iterable[Told]) -> tuple[Told, ...]:
    return tuple(sorted(told, key=lambda one: (one.path, one.anchor)))


def _support(said: list[_Said], vectors: dict[int, Vector], rarity: Rarity) -> dict[int, dict[str, tuple[float, int]]]:
    """For each sentence that could stand for a lesson: by other session, how much of it is said again there, and where."""
    having: dict[str, list[int]] = {}
    for n, one in enumerate(said):
        for word in one.says.signs:
            having.setdefault(word, []).append(n)
    found: dict[int, dict[str, tuple[float, int]]] = {}
    for n, one in enumerate(said):
        if not (one.says.strong and one.says.whole and len(one.says.signs) > 1):
            continue
        weight = {word: rarity.of(word) for word in one.says.signs}
        others = {m for word in weight if len(having[word]) <= MAX_SHARED for m in having[word]}
        by_session: dict[str, tuple[float, int]] = {}
        for m in sorted(others):
            other = said[m]
            if other.turn.session == one.turn.session or one.says.contradicts(other.says):
                continue
            shared = sum(value for word, value in weight.items() if word in other.says.signs)
            share = shared / sum(weight.values())
            if share >= AGAIN or (share >= AGAIN_NEAR and other.says.strong and _near(one, other, vectors)):
                by_session[other.turn.session] = max(by_session.get(other.turn.session, (0.0, m)), (shared, m))
        found[n] = by_session
    return found


def _near(one: _Said, other: _Said, vectors: dict[int, Vector]) -> bool:
    a, b = vectors.get(one.turn.passage), vectors.get(other.turn.passage)
    return one.alone and other.alone and a is not None and b is not None and float(a @ b) >= NEAR


def is_known(connection: db.Connection, text: str, says: set[str], vector: Vector | None) -> bool:
    """Whether a memory that is no session has most of the words that `text` `says`, or is as near as a repetition."""
    types = [row[0] for row in connection.execute("SELECT DISTINCT type FROM entries WHERE type <> 'episode'")]
    if not types:
        return False
    curated = search.Filter(types=tuple(types))
    hits = search.keyword(connection, terms.match_expression(terms.query_terms(text)), 20, curated)
    texts = search.passages(connection, [hit.passage for hit in hits])
    if any(len(says & telling(passage)) >= KNOWN * len(says) for passage, _, _ in texts.values()):
        return True
    near = nearest.semantic(connection, codes.quantised(vector).tobytes(), 1, curated) if vector is not None else []
    return any(hit.score >= SAME for hit in near)


# --- commands that failed ---------------------------------------------------------------------------------------------

_COMMAND = re.compile(r"`([a-z][\w.+-]*(?: [^`\n]{1,80})?)`|^\$ ([a-z][^\n]{1,80})$", re.MULTILINE)
_FAILED = re.compile(
    r"\b(?:fail(?:s|ed|ing)?|errors? out|error|not found|no such|(?:does|did)(?:n['’]t| not) work|denied"
    r"|exit(?:ed)? (?:with )?(?:code|status) [1-9]|traceback|broken?|crash(?:es|ed)?|time[sd] out)\b",
    re.IGNORECASE,
)
_WORKED = re.compile(
    r"\b(?:work(?:s|ed)|succeed(?:s|ed)|pass(?:es|ed)?|fixe[sd]|did it|does it|(?:use|using|used|ran|run) .{0,60}instead)\b",
    re.IGNORECASE,
)


def _repairs(turns: list[_Turn]) -> Iterator[_Found]:
    """Commands that failed where a kindred one worked then, the same two in several sessions; whoever told it."""
    sessions: dict[tuple[str, str], dict[str, Told]] = {}
    failed: list[tuple[int, str]] = []
    session = ""
    for n, turn in enumerate(turns):
        if turn.session != session:
            session, failed = turn.session, []
        for clause in re.split(r"(?<=[.!?])\s+|[;\n]+", turn.text):
            commands = [" ".join((a or b).split()) for a, b in _COMMAND.findall(clause)]
            if commands and _FAILED.search(clause):
                failed.append((n, commands[0]))
                commands = commands[1:]
            if commands and _WORKED.search(clause):
                for before in {command for at, command in failed if n - at <= WITHIN and command != commands[-1]}:
                    if set(before.split()) & set(commands[-1].split()):
                        sessions.setdefault((before, commands[-1]), {}).setdefault(session, turn.told)
    for (before, after), told in sorted(sessions.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(told) >= SESSIONS:
            text = f"When `{before}` fails, `{after}` works."
            yield Lesson(text, "procedure", _in_order(told.values())), telling(f"{before} {after}"), None
