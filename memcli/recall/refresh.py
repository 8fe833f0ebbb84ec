"""Keeping recall honest about files that changed: cheap looks first, reading files only where something differs.

Before an answer each folder is stat'ed, so that a file added, removed or saved by an editor's rename is seen; after it,
the files that are about to be shown. A file overwritten in place is seen by the full walk that follows an answer when the
last one is over a minute old. Lean: what reads and embeds files is imported only when there is something to read.
"""

from __future__ import annotations

import os
import time

from memcli.errors import MemError
from memcli.index import db, schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memcli.encode.embedder import Embedder
    from memcli.index.search import Document
    from memcli.places import Place

WALK_EVERY_S = 60.0
EMBED_AT_ONCE = 256  # passages that a recall embeds before it answers; more than that waits for `mem index`
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
