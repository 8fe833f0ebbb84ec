"""The session brief: what an agent should know before the first prompt, in at most so many characters.

Owns what is chosen of what may be in it (`notes`), and the order. By turns of their kinds come memories that are pinned, near
the work in hand (`work`), and new. Left out is what the agent's own instruction files say (`told`). A little that changed a
moment ago is indexed first; a file that is still another than what was indexed says nothing, for nobody has judged it.

Promises: never more than the budget, fence included; the same bytes while nothing changed (prompt caches), so no scores, ages
or clock in it, and of `now` the day alone, for what begins or ends to hold; "" where there is nothing to say. What is near the
work decides what is in the brief, never where it stands. Lean: a hook waits for it.
"""

from __future__ import annotations

import re
import time
from collections import namedtuple

from memcli.agents import fence, notes, work
from memcli.agents.lines import Writer
from memcli.agents.told import Told, told
from memcli.encode import days
from memcli.errors import MemError
from memcli.guard.speech import for_prompt
from memcli.index import db
from memcli.recall import refresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memcli.agents.notes import Note, Source
    from memcli.agents.work import Work
    from memcli.places import Place

Brief = namedtuple("Brief", "text lines shown sections left told")
Brief.__doc__ = """`text`, the whole block, or ""; `lines`, what stands in it; `shown`, the (store, id) of each line;
`sections`, the ids by kind, in order; `left`, how many more a larger budget could hold; `told`, how many the agent's
instructions say."""

BUDGET = 4000
HEADER = "session brief"
LESSONS, CHANGES, OTHER, SESSIONS = "lesson", "change", "other", "session"
ORDER = (LESSONS, CHANGES, "preference", "decision", "procedure", "fact", OTHER, SESSIONS)
TURNS = (
    LESSONS, "preference", "decision", CHANGES, "procedure", "fact", LESSONS, "preference", "decision", CHANGES, "procedure",
    OTHER, SESSIONS,
)  # fmt: skip
"""In which order the kinds take their turns, each with its best memory that is left, until none has one that fits."""
AT_MOST = {CHANGES: 5, SESSIONS: 3}
LATELY = 30  # days before the newest of all memories: what was made or changed in them is new
LONGEST, SHORTEST = 220, 100  # characters of a line's text at the usual budget, and at a small one
_ALWAYS = ("preference",)  # holds whatever the work is
_USUAL = 0.6  # utility of a memory without outcomes (`lifecycle.strength.KIND`)
_PERSONAL = (*_ALWAYS, LESSONS)  # what of the personal store concerns every project


def brief(places: Iterable[Place], *, here: str, now: float, budget: int = BUDGET, agent: str | None = None) -> str:
    """What an agent that begins in the folder `here` should know; "" for nothing."""
    text: str = compose(places, here=here, now=now, budget=budget, agent=agent).text
    return text


def compose(places: Iterable[Place], *, here: str, now: float, budget: int = BUDGET, agent: str | None = None) -> Brief:
    """`brief`, with what it is made of. `agent` names whose instruction files count; None: those of any agent."""
    return chosen(
        places,
        now=now,
        room=budget - len(fence.block(HEADER, [])),
        longest=max(SHORTEST, min(LONGEST, 60 + budget // 25)),
        at_work=work.in_hand(here),
        known=Told(told(here, work.repository(here), agent)),
        let_in=_concerns,
    )


def chosen(
    places: Iterable[Place],
    *,
    now: float,
    room: int,
    longest: int,
    at_work: Work,
    known: Told,
    let_in: Callable[[Note, bool], bool],
    turns: tuple[str, ...] = TURNS,
    lasting: bool = False,
) -> Brief:
    """The best memories whose lines, with a line break each, take at most `room` characters.

    A line says `longest` characters of a memory, or twice as many where there is room for all memories so. `let_in` says of
    a memory, and whether there is a project's store, if it may be chosen. `lasting`: for a file that is committed, where one
    more memory shall change no other line, and what changed lately is nothing apart.
    """
    day = time.strftime("%Y-%m-%d", time.localtime(now))
    sources = _opened(places)
    try:
        gone = notes.replaced(sources, day)
        in_project = any(source.place.label == "project" for source in sources)
        read = (note for source in sources for note in notes.read(source, day, gone, at_work))
        found = [note for note in read if let_in(note, in_project)]
        newest = days.day_of(max((note.day for note in found if note.day <= day), default=""))
        since = days.iso_of(newest - LATELY) if newest else ""
        kinds = _by_kind(found, gone, since, apart=not lasting)

        def filled(longest: int) -> Brief:
            return _Filling(kinds, since, Writer(sources, gone, longest, lasting=lasting), known).fill(turns, room)

        if not lasting and len(found) * longest < room:
            made = filled(2 * longest)
            if not made.left:
                return made
        return filled(longest)
    finally:
        for source in sources:
            source.close()


def _opened(places: Iterable[Place]) -> list[Source]:
    """The stores that have an index to be read; one that is missing, another's or damaged says nothing now."""
    sources = []
    for place in places:
        if not place.exists():
            continue
        try:
            source = notes.Source(place)
        except (MemError, db.DatabaseError):
            continue
        try:
            source.take_in()
            sources.append(source)
        except (MemError, db.DatabaseError, OSError):
            source.close()
    return sources


def _concerns(note: Note, in_project: bool) -> bool:
    """Whether a memory concerns the project: of the personal store beside one, what holds everywhere or is near."""
    if note.source.place.label == "project" or not in_project:
        return True
    type_ = note.document.type
    return note.document.pinned or type_ in _PERSONAL or (note.near > 1 and type_ != notes.SESSION)


# --- in which order ---------------------------------------------------------------------------------------------------


def _by_kind(found: list[Note], gone: dict[str, str], since: str, *, apart: bool) -> dict[str, list[Note]]:
    """Memories by kind, the best first; what changed last, `apart`, is a kind of its own, but for what is too much for it."""
    kinds: dict[str, list[Note]] = {kind: [] for kind in ORDER}
    found = sorted(found, key=lambda note: note.document.name)
    replacing = set(gone.values())
    changed = [note for note in found if apart and _changed(note, replacing) and note.day >= since]
    changed.sort(key=notes.changed_on, reverse=True)
    changed.sort(key=lambda note: note.document.name not in replacing)
    kinds[CHANGES] = changed[: AT_MOST[CHANGES]]
    for note in sorted(sorted(found, key=notes.dated, reverse=True), key=_rank):
        if note not in kinds[CHANGES]:
            kinds[_kind(note)].append(note)
    return kinds


def _kind(note: Note) -> str:
    type_: str = note.document.type
    return type_ if type_ in notes.TYPES else SESSIONS if type_ == notes.SESSION else OTHER


def _changed(note: Note, replacing: set[str]) -> bool:
    """Whether a memory replaced another, or was edited."""
    return note.document.type != notes.SESSION and (note.document.name in replacing or note.edited is not None)


def _rank(note: Note) -> tuple[bool, int, bool, bool, float, bool]:
    """What is taken first of one kind: pinned, near, corrections, failures, of use, hot; among equals the newest."""
    document = note.document
    faded = document.tier not in (None, "hot")
    return (not document.pinned, -note.near, not document.supersedes, not note.fails, -_utility(note), faded)


def _utility(note: Note) -> float:
    """What outcomes say of a memory; in steps, so that its way back to neutral changes little."""
    return _USUAL if note.document.utility is None else round(note.document.utility, 1)


def _matters(note: Note, since: str) -> bool:
    """Whether a memory matters whatever else there is: it holds for all work, is near this, was of use, or is new."""
    holds = note.document.pinned or note.document.type in _ALWAYS
    return holds or note.near > 0 or _utility(note) > _USUAL or note.day >= since


class _Filling:
    """Lines taken by turns until the room is filled: first of what matters, then of the rest."""

    def __init__(self, kinds: dict[str, list[Note]], since: str, writer: Writer, known: Told) -> None:
        matters: dict[str, list[Note]] = {kind: [] for kind in ORDER}
        rest: dict[str, list[Note]] = {kind: [] for kind in ORDER}
        for kind, some in kinds.items():
            for note in some[::-1]:  # the best last
                (matters if kind == CHANGES or _matters(note, since) else rest)[kind].append(note)
        self._rounds = (matters, rest)
        self._writer = writer
        self._known = known
        self._taken: dict[str, list[tuple[Note, str]]] = {kind: [] for kind in ORDER}
        self._said: set[str] = set()
        self._told = 0

    def fill(self, turns: tuple[str, ...], room: int) -> Brief:
        for waiting in self._rounds:
            going = dict.fromkeys(turns, True)
            while any(going.values()):
                for kind in turns:
                    row = self._next(kind, waiting[kind]) if going[kind] else None
                    if row is None:
                        going[kind] = False
                    elif len(row[1]) + 1 > room:
                        waiting[kind].append(row[0])
                        going[kind] = False
                    else:
                        self._taken[kind].append(row)
                        room -= len(row[1]) + 1
        return self._made()

    def _next(self, kind: str, waiting: list[Note]) -> tuple[Note, str] | None:
        """The best memory of a kind that is left and says something new, with its line."""
        while waiting and len(self._taken[kind]) < AT_MOST.get(kind, notes.MOST):
            note = waiting.pop()
            if not refresh.is_current(note.source.place, note.document):
                continue
            said = self._writer.said(note)
            words = " ".join(re.findall(r"\w+", said.lower()))
            if not words or words in self._said:
                continue
            if kind != SESSIONS and self._is_told(note, said):
                self._told += 1
                continue
            self._said.add(words)
            return note, self._writer.line(note, said, changed=kind == CHANGES)
        return None

    def _is_told(self, note: Note, said: str) -> bool:
        """Whether the agent's instructions say what a memory says, or what it is called if that says enough."""
        title = for_prompt(note.document.title).rstrip("…")
        return self._known.says(said.rstrip("…")) or (len(title.split()) > 3 and self._known.says(title))

    def _made(self) -> Brief:
        rows = [(note, line, kind) for kind in ORDER for note, line in _in_order(self._taken[kind], kind)]
        lines = [line for _, line, _ in rows]
        return Brief(
            fence.block(HEADER, lines) if lines else "",
            lines,
            [(note.source.place, note.document.name) for note, _, _ in rows],
            {kind: [note.document.name for note, _, one in rows if one == kind] for kind in ORDER if self._taken[kind]},
            sum(len(some) for waiting in self._rounds for kind, some in waiting.items() if kind not in AT_MOST),
            self._told,
        )


def _in_order(taken: list[tuple[Note, str]], kind: str) -> list[tuple[Note, str]]:
    """Pinned ones and failures first, then the newest; by id where that is all the same."""
    date = notes.changed_on if kind == CHANGES else notes.dated
    rows = sorted(taken, key=lambda row: row[0].document.name)
    rows.sort(key=lambda row: date(row[0]), reverse=True)
    return sorted(rows, key=lambda row: (not row[0].document.pinned, not row[0].fails))
