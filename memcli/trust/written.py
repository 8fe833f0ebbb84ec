"""Noting whose text it is that memcli itself writes: called for each operation, before the journal has it.

A person's write makes a text theirs. An agent's makes it the agent's, but never out of a text that is held: editing what
somebody else brought is no way to let it speak. Texts that only move or come back are what they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memcli.places import Place
from memcli.trust.record import REJECTED, Record, append
from memcli.trust.verdict import AGENT, HELD, QUARANTINED, YOURS

SILENT = (HELD, QUARANTINED, REJECTED)
_RETURNING = ("undo", "restore")
_BY_HAND = ("add", "edit", "import")
CAPTURE = "capture"
"""The verb of what is taken from an agent's sessions: the agent's, whoever runs it."""


def note(
    place: Place, verb: str, changes: Iterable[tuple[str, str | None, str | None]], moved: Mapping[str, str], by: str
) -> None:
    """Note the texts of an operation: `changes` are (path, digest before, digest after), `moved` new paths by the old ones'.

    Raises WriteFailed.
    """
    done = list(changes)
    before = {path: name for path, name, _ in done if name}
    left = set(before.values())
    new = [(path, after) for path, _, after in done if after and after not in left]
    if not new:
        return
    if by == "you" and verb in _BY_HAND:  # whatever was known of it
        append(place, [f"{name} {YOURS}" for _, name in new])
        return
    record = Record(place)
    known = record.words({name for _, name in new} | left)
    words = {}
    for path, name in new:
        word = _word(verb, by, known.get(before.get(moved.get(path, path), "")), known.get(name))
        if word != known.get(name):
            words[name] = word
    record.note(words)


def _word(verb: str, by: str, before: str | None, present: str | None) -> str:
    """Whose an operation's text is: `before`, the word about what it replaces; `present`, that about the same text."""
    if verb in _RETURNING:
        return present or HELD
    silent = next((word for word in (present, before) if word in SILENT), None)
    if silent:
        return silent
    return YOURS if by == "you" and verb != CAPTURE else AGENT
