"""Deleting a memory for good: its file, its trash, every earlier version, and what the journal says of it.

The index is the caller's to bring up to date and to compact (`index.maintenance`), which takes its words out of free pages.
"""

from __future__ import annotations

from memcli import journal, tree
from memcli.places import Place
from memcli.text import digest


def purge(place: Place, path: str) -> None:
    """Leave nothing of the memory at `path`; the caller holds the write lock.

    A version that another memory shares byte for byte stays with that one.
    """
    history = journal.events(place)
    own = journal.lineage(history, path)
    versions = {name for _, change in own for name in (change.before, change.after) if name}
    versions.add(digest(tree.read(place, path)))
    mine = {(event.op, change) for event, change in own}
    others = [change for event in history for change in event.changes if (event.op, change) not in mine]
    tree.delete(place, path)
    names = {path, *(change.path for _, change in own)}
    for name, file in tree.trash(place):
        if name in names and _digest_of(file) in versions:
            tree.empty_trash(place, file)
    for version in versions - {name for change in others for name in (change.before, change.after)}:
        journal.purge_object(place, version)
    journal.erase(place, own)


def _digest_of(file: str) -> str:
    with open(file, "rb") as handle:
        return digest(handle.read())
