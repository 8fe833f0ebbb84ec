"""What became of the memories that a session was shown: one that shows in what the agent then did was of use, and lasts longer.

Noted in the journal as feedback, once for each memory and session, by the agent's name; `mem log` shows it and `mem undo OP`
takes it back. What a hook showed is read from `agents.sessions`, what the agent did from the session's episode, so nothing is
noticed where sessions are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from memcli import config, journal, places, tree
from memcli.agents.sessions import Session
from memcli.errors import IndexUnavailable, InvalidMemory, MemError, NotFound
from memcli.index import schema
from memcli.lifecycle import fade, history, instructions, outcomes, strength, takeaways
from memcli.lifecycle.fade import Stamp
from memcli.lifecycle.takeaways import Turn
from memcli.memory import parse
from memcli.places import Place

EARLIER_S = 2.0  # an answer's clock may be behind that of the hook


def credit(episodes: Place, host: str, session: str, cwd: str, now: float) -> list[str]:
    """Note which memories a session used; returns their ids. `episodes` is the store that has its episode."""
    shown: dict[tuple[str, str], float] = {}
    for row in Session(host, session, cwd).rows():
        for pair in row.injected:
            shown.setdefault(pair, row.at)
    if not shown:
        return []
    try:
        turns = _turns(episodes, session)
        stores = {
            place.state_key(): place for place in places.locate(root=None, personal_only=not cwd, start=cwd or None)
        }
    except MemError:
        return []
    stamp = Stamp(host, cwd, session, now)
    used: list[str] = []
    for key, place in stores.items() if turns else ():
        names = {name: at for (name, store), at in shown.items() if store == key}
        for name in names.keys() - (_credited(place, session) if names else set()):
            if _shows(place, name, turns, names[name]):
                fade.give_feedback(place, config.load(place), name, strength.USEFUL, stamp, note=journal.OUTCOME)
                used.append(name)
    return sorted(used)


def _turns(place: Place, session: str) -> list[Turn]:
    connection = schema.open_for_reading(place)
    try:
        return takeaways.turns_of(connection, session)
    finally:
        connection.close()


def _credited(place: Place, session: str) -> set[str]:
    """Memories for which this session has been noted already, undone or not: who took it back does not want it again."""
    events = (event for event in journal.events(place) if event.note == journal.OUTCOME and event.session == session)
    return {name for event in events for name, _ in event.about}


def _shows(place: Place, name: str, turns: Sequence[Turn], shown: float) -> bool:
    """Whether a memory shows in what was answered after it was shown."""
    since = history.day_of(shown - EARLIER_S)
    known: list[str] = []
    answers: list[str] = []
    for turn in turns:
        by_user = turn.speaker in instructions.USERS
        is_later = turn.at is not None and history.moment(turn.at) >= since
        (answers if is_later and not by_user else known).append(turn.text)
    if not answers:
        return False
    try:
        text = _text(place, name)
    except (NotFound, InvalidMemory, IndexUnavailable):
        return False
    return text is not None and outcomes.shows(text, known=known, answers=answers) is not None


def _text(place: Place, name: str) -> str | None:
    """What a memory says; None of an episode, which is no memory that is of use or not."""
    connection = schema.open_for_reading(place)
    try:
        row = connection.execute("SELECT path, type FROM entries WHERE name = ?", (name,)).fetchone()
    finally:
        connection.close()
    if row is None or row[1] == "episode":
        return None
    return parse(tree.read(place, row[0]), name=row[0]).body
