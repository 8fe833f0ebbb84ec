"""What a command does about a damaged index: throw it away and begin again, since the files make it anew.

SQLite notices damage when it reads the page that has it, which may be in the middle of any verb.
"""

from __future__ import annotations

from memcli.cli.invocation import Invocation, places, say
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.lock import write_lock
from memcli.places import Place

# Verbs that change no memory and can therefore be run twice.
REPEATABLE = ("recall", "show", "ls", "log", "status", "doctor", "index", "export")


def discard_damaged(error: Exception, invocation: Invocation, arguments: list[str]) -> None:
    """Discard the damaged indexes behind `error`, so that the verb can be run again; its vectors are kept.

    Raises `error` when it says nothing of damage, IndexUnavailable when the verb may already have changed something.
    """
    if not db.is_damage(error):
        raise error
    existing = [place for place in places(invocation) if place.exists()]
    for place in [place for place in existing if not _sound(place)] or existing:
        with write_lock(place):
            db.discard_cache(place, keep_embeddings=True)
    if arguments and arguments[0] not in REPEATABLE:
        raise IndexUnavailable(
            "the index was damaged and has been thrown away", hint="mem log, then repeat what is missing"
        )
    say(f"the index was rebuilt: {schema.DAMAGED}")


def _sound(place: Place) -> bool:
    try:
        connection = schema.open_for_reading(place)
        try:
            return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
        finally:
            connection.close()
    except (IndexUnavailable, db.DatabaseError):
        return False
