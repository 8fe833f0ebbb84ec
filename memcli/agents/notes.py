"""The memories of a store that a session brief may choose from, each with what speaks for it.

Owns who is let in: what may speak by itself, is in force on the day, is not replaced by something that may speak too, has not
faded, was not marked wrong. A replacement that may not speak replaces nothing, so that what a clone brought cannot silence what
is the user's own. Reads a bounded number of rows of each kind, whatever the size of the store. Lean.
"""

from __future__ import annotations

import os
import re
from collections import namedtuple
from functools import cache

from memcli.agents import work
from memcli.encode.entities import KINDS as ENTITY_KINDS
from memcli.index import db, schema, search
from memcli.places import open_regular, user_dir
from memcli.recall import refresh
from memcli.trust import verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memcli.agents.work import Work
    from memcli.index.search import Document
    from memcli.places import Place

Note = namedtuple("Note", "source document near fails edited day")
Note.__doc__ = """A memory that may be in a brief, and the `source` it was read from. `near`: how much it has to do with the
work in hand, 0..3; `fails`: whether it tells of something that went wrong; `edited`: the day of its last edit with `mem`,
where that is known; `day`, the day it was made or edited, "" for an undated one."""

TYPES = ("lesson", "preference", "decision", "procedure", "fact")
SESSION = "episode"
MOST = 200  # memories of each type, pinned ones and the newest first
MENTIONING = 100  # besides, that mention a file changed last
SESSIONS = 12
_FILE = ENTITY_KINDS.index("file")
_JOURNAL_BYTES = 1 << 16  # of the end of the journal, where the last edits are
_FAILURE_TAGS = frozenset(("failure", "failed", "gotcha", "pitfall", "bug", "incident", "regression"))


class Source:
    """A store's index, opened for one brief."""

    __slots__ = ("connection", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.connection = schema.open_for_reading(place)

    def take_in(self) -> None:
        """Index what changed a moment ago, where that is little and nobody else is at it; what is more waits for others.

        Raises what `refresh.take_in_few` raises.
        """
        refresh.take_in_few(self.place, self.connection)

    def close(self) -> None:
        self.connection.close()


def replaced(sources: Iterable[Source], day: str) -> dict[str, str]:
    """For each memory that is replaced on a day, by one that may speak and has begun to hold: what replaced it last."""
    rows: list[tuple[str, str, str]] = []
    for source in sources:
        rows += source.connection.execute(
            "SELECT coalesce(valid_from, created, ''), name, supersedes FROM entries"
            f" WHERE supersedes != '' AND problem IS NULL AND {_SPEAKS} AND {_BEGUN}",
            {"day": day},
        )
    found: dict[str, str] = {}
    for _, name, supersedes in sorted(rows):
        for old in supersedes.split("\n"):
            if old and old != name:
                found[old] = name
                if found.get(name) == old:  # of two that replace each other the newer one holds
                    del found[name]
    return found


def read(source: Source, day: str, without: Iterable[str], at_work: Work) -> list[Note]:
    """The memories of a store that may be in a brief on a day, but those called `without`."""
    execute, mentioning = source.connection.execute, _mentioning(source.connection, at_work)
    values = {"day": day, "without": db.array(without), "most": MOST, "mentioning": db.array(mentioning)}
    ids: dict[int, None] = {}
    for condition in (*(f"type = '{type_}'" for type_ in TYPES), f"type NOT IN {(*TYPES, SESSION)} AND pinned"):
        ids.update(dict.fromkeys(row[0] for row in execute(_sql(condition), values)))
    if mentioning:
        entries = "SELECT entry FROM documents WHERE id IN (SELECT value FROM json_each(:mentioning))"
        of_them = f"type IN {TYPES} AND entries.id IN ({entries})"
        ids.update(dict.fromkeys(row[0] for row in execute(_sql(of_them), values)))
    values["most"] = SESSIONS
    ids.update(dict.fromkeys(row[0] for row in execute(_sql(f"type = '{SESSION}' AND coalesce(part, 1) = 1"), values)))
    edited = _edited(source.place)
    found = []
    for number, one in search.documents(source.connection, ids).items():
        if verdict.may_speak(one):  # what a single turn says may hold it back, which is not its file's matter
            day_ = max((one.created or "")[:10], edited.get(one.path, ""))
            near = _near(one, number in mentioning, at_work)
            found.append(Note(source, one, near, _fails(one), edited.get(one.path), day_))
    return found


def titles(source: Source, names: list[str]) -> list[str]:
    """The titles of those of these memories that may speak."""
    chosen = "name IN (SELECT value FROM json_each(?)) AND title IS NOT NULL"
    sql = f"SELECT title FROM entries WHERE {chosen} AND {_SPEAKS} ORDER BY name"
    return [row[0] for row in source.connection.execute(sql, (db.array(names),))]


def dated(note: Note) -> str:
    """When a memory was made; "" where nothing says so."""
    return note.document.created or ""


def changed_on(note: Note) -> str:
    """When what a memory says began to hold, as far as anything says so."""
    return note.edited or note.document.valid_from or dated(note)


_SPEAKS = f"trust IN {(*sorted(verdict.SPEAK),)}"
_BEGUN = "(valid_from IS NULL OR substr(valid_from, 1, 10) <= substr(:day, 1, length(valid_from)))"
_LASTS = "(valid_to IS NULL OR substr(valid_to, 1, 10) >= substr(:day, 1, length(valid_to)))"


def _sql(condition: str) -> str:
    """The first documents of the memories that are let in and meet a condition, pinned ones and the newest first."""
    return (
        "SELECT documents.id FROM (SELECT entries.id AS number FROM entries LEFT JOIN standing USING (name, hash)"
        f" WHERE problem IS NULL AND {condition} AND {_SPEAKS} AND {_BEGUN} AND {_LASTS}"
        " AND ifnull(barred, 0) = 0 AND (pinned OR ifnull(tier, 'hot') IN ('hot', 'warm'))"
        " AND name NOT IN (SELECT value FROM json_each(:without))"
        " ORDER BY pinned DESC, created DESC, name LIMIT :most) JOIN documents ON entry = number AND ordinal = 0"
    )


# --- what speaks for a memory -----------------------------------------------------------------------------------------


def _mentioning(connection: db.Connection, at_work: Work) -> set[int]:
    """Documents that mention a file changed last."""
    if not at_work.files:
        return set()
    rows = connection.execute(
        "SELECT DISTINCT document FROM json_each(?) CROSS JOIN entities ON entities.key = value AND kind = ?"
        " CROSS JOIN mentions ON entity = entities.id LIMIT ?",
        (db.array(at_work.files), _FILE, MENTIONING),
    )
    return {row[0] for row in rows}


def _near(document: Document, mentions: bool, at_work: Work) -> int:
    """How much a memory has to do with the work in hand: 3 where it names one of its files, 0 where nothing says so."""
    if mentions:
        return 3
    folders = document.path.removeprefix("local/").partition("/")[2].rpartition("/")[0]
    if _shared(f"{folders} {document.tags}", at_work.topics):
        return 2
    in_title = _shared(document.title, at_work.topics)
    if in_title > 1:
        return 2
    return int(in_title == 1 or any(_shared(document.title, subject) > 1 for subject in at_work.subjects))


def _shared(text: str, wanted: frozenset[str]) -> int:
    """How many of these words a text has. Most have none, which is seen without taking them apart."""
    lowered = text.lower()
    held = {word for word in wanted if word in lowered}
    return len(held & work.words(text)) if held else 0


def _fails(document: Document) -> bool:
    if document.type != "lesson":
        return False
    return bool(_failure().search(document.title)) or not _FAILURE_TAGS.isdisjoint(document.tags.lower().split("\n"))


@cache
def _failure() -> re.Pattern[str]:
    return re.compile(
        r"\b(?:fail|error|broke|break|crash|wrong|never|don.?t|do not|cannot|can.?t|not work|miss(?:es|ed|ing)|lost|loses?|leak"
        r"|deadlock|race|time[ds]? ?out|hang|stale|corrupt|regress|flak)",
        re.IGNORECASE,
    )


def _edited(place: Place) -> dict[str, str]:
    """Paths that this user's last operations changed, with the day, as far as the end of their own journal tells."""
    try:
        with open(os.path.join(user_dir("state"), "writer"), encoding="ascii") as file:
            writer = file.read(64).strip()
        if not writer.isalnum():
            return {}
        path = os.path.join(place.local, "journal", f"{writer}.jsonl")
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _JOURNAL_BYTES))
            lines = file.read(_JOURNAL_BYTES).split(b"\n")
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for line in lines:
        if b'"verb":"edit"' in line or b'"verb":"curate"' in line:
            found.update(_changes(line))
    return found


def _changes(line: bytes) -> Iterator[tuple[str, str]]:
    """(path, day) of the files that an event of the journal changed; nothing of a line that is torn."""
    import json

    try:
        event = json.loads(line)
        for path, before, after in event["changes"]:
            if before and after and before != after:
                yield str(path), str(event["at"])[:10]
    except (ValueError, KeyError, TypeError):
        return
