"""Groups of documents that are about one thing, as far as the files say: folders of the tree, and stretches of episodes.

Nothing is stored; a group is read from the index when it is asked for. Lean: imported by every recall.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.index import db

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

Group = namedtuple("Group", "folder entry stretch")
Group.__doc__ = """Either the memories that lie in a `folder` itself, or a `stretch` of the turns of an `entry`, by its number;
what does not apply is None."""

Member = namedtuple("Member", "document length passage kind")
Member.__doc__ = "`length` in characters; `passage` is the document's first, of this `kind`."

MOST = 60
"""Members of a group: a longer episode is several stretches, and a folder of more is no topic."""
ROOTS = frozenset(("tree", "tree/inbox", "local/tree", "local/tree/inbox", ""))  # what lies there is under no topic


def containing(connection: db.Connection, documents: Iterable[int]) -> dict[int, Group]:
    """The group of each of these documents that has one."""
    found: dict[int, Group] = {}
    for some in db.chunks(list(documents)):
        sql = (
            "SELECT documents.id, entry, ordinal, anchor, path FROM documents JOIN entries ON entries.id = entry"
            f" WHERE documents.id IN ({','.join('?' * len(some))})"
        )
        for document, entry, ordinal, anchor, path in connection.execute(sql, some):
            folder = path.rpartition("/")[0]
            if anchor is not None:
                found[document] = Group(None, entry, ordinal // MOST)
            elif folder not in ROOTS:
                found[document] = Group(folder, None, None)
    return found


def members(connection: db.Connection, group: Group) -> list[Member]:
    """All members of a group, in the order of their files; none where a folder holds more than `MOST`."""
    chosen = "SELECT documents.id, length, passages.id, kind FROM"
    first = "passages ON document = documents.id AND passages.ordinal = 0"
    if group.folder is None:
        rows = connection.execute(
            f"{chosen} documents JOIN {first} WHERE entry = ? AND documents.ordinal BETWEEN ? AND ?",
            (group.entry, group.stretch * MOST, group.stretch * MOST + MOST - 1),
        )
        return [Member(*row) for row in rows]
    rows = connection.execute(
        f"{chosen} entries JOIN documents ON entry = entries.id AND anchor IS NULL JOIN {first}"
        " WHERE path > ?1 || '/' AND path < ?1 || '0'"  # "0" follows "/"
        " AND instr(substr(path, length(?1) + 2), '/') = 0 ORDER BY path LIMIT ?2",
        (group.folder, MOST + 1),
    )
    found = [Member(*row) for row in rows]
    return found if len(found) <= MOST else []
