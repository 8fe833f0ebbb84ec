"""Keeping recall honest about files that changed: cheap looks first, reading files only where something differs.

Before an answer each folder is stat'ed, so that a file added, removed or saved by an editor's rename is seen; after it,
the files that are about to be shown. A file overwritten in place is seen by the full walk that follows an answer when the
last one is over a minute old. Hooks walk nothing, but look at the files changed last. Lean: what reads and embeds files
is imported only when there is something to read.
"""

from __future__ import annotations

import os
import time

from memcli.errors import MemError
from memcli.index import db, schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memcli.encode.embedder import Embedder
    from memcli.index.search import Document
    from memcli.places import Place

WALK_EVERY_S = 60.0
EMBED_AT_ONCE = 256  # passages that a recall embeds before it answers; more than that waits for `mem index`
FEW = 200  # files that a hook indexes before it answers; where more changed it answers from what is indexed
LATELY = 32  # files changed last that a hook looks at
WAIT_S = 0.05  # how long a hook waits for a store's lock
EMBED_IN_TURN = 8  # the same of a process that others wait for; where more wait, it leaves the question to another


def update(
    place: Place,
    *,
    paths: list[str] | None = None,
    embed_at_most: int = 0,
    open_embedder: Callable[[], Embedder] | None = None,
) -> list[str]:
    """Reconcile (all of a store, or these paths) and embed a little; returns notices. Failing is one of them."""
    from memcli import config
    from memcli.index.update import update as update_index
    from memcli.lifecycle import history, standing

    settings = config.load(place)
    try:
        report, problem = update_index(
            place, settings, paths=paths, embed_at_most=embed_at_most, open_embedder=open_embedder
        )
        standing.renew_where_new(place, settings, history.day_of(time.time()))
    except (MemError, OSError) as error:
        return [f"the index could not be brought up to date: {error}"]
    notices = [f"the index was rebuilt: {report.rebuilt}"] if report.rebuilt else []
    return notices + ([f"found by words only: {problem}"] if problem else [])


def take_in_few(place: Place, connection: db.Connection, folders: Iterable[str] = ()) -> bool:
    """Index what changed in these folders, and in those that show it, where it is little; False where it is more than that.

    For hooks: the folders are looked at, and the files changed last, since what somebody edits they will edit again. The
    index is never made anew and nothing is embedded. Raises MemError, OSError and what SQLite raises.
    """
    touched = {*folders, *_edited_lately(place, connection)}
    if not touched and not schema.changed_folders(place, connection):
        return True
    from memcli.index import reconcile

    return reconcile.take_in_few(place, touched, most=FEW, wait_s=WAIT_S)


def _edited_lately(place: Place, connection: db.Connection) -> set[str]:
    """The folders of those of the files changed last that are no longer what was indexed."""
    rows = connection.execute(
        "SELECT path, size, mtime_ns, inode FROM entries ORDER BY mtime_ns = 0 DESC, mtime_ns DESC LIMIT ?", (LATELY,)
    )
    found = set()
    for path, size, mtime_ns, inode in rows:
        try:
            info = os.lstat(place.absolute(path))
        except OSError:
            continue  # its folder shows that
        if info.st_mtime_ns != mtime_ns or info.st_size != size or info.st_ino != inode:
            found.add(path.rpartition("/")[0])
    return found


def walk_is_due(connection: db.Connection) -> bool:
    """Whether the last full walk of the store is over a minute old."""
    return time.time() - float(schema.get_meta(connection, "walked") or 0.0) > WALK_EVERY_S


def is_current(place: Place, document: Document) -> bool:
    """Whether a document's file is still the one that was indexed."""
    try:
        info = os.lstat(place.absolute(document.path))
    except OSError:
        return False
    # mtime 0 marks a file indexed within moments of its change: its next walk will read it again.
    return (
        info.st_size == document.size and info.st_ino == document.inode and document.mtime_ns in (0, info.st_mtime_ns)
    )
