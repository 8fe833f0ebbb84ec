"""Deleting a memory for good: its file, its trash, every earlier version, and what is said of it anywhere in the store.

The index is the caller's to bring up to date and to compact (`index.maintenance`), which takes its words out of free pages.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from memcli import journal, tree
from memcli.errors import InvalidMemory, NotFound, UndoImpossible
from memcli.guard import limits
from memcli.journal import Change, Event
from memcli.memory import Memory, parse
from memcli.places import Place
from memcli.text import digest, path_id

MIN_NAME = 3  # characters of a title or file name that tells something when it stands in a note
MIN_QUOTE = 12  # characters of a line that quotes a memory


class Purged(NamedTuple):
    """What a purge took away: the paths that the memory had, how many versions of its text there were, the operations
    that can no longer be undone, and those that can be undone without this memory."""

    paths: tuple[str, ...]
    versions: int
    lost: tuple[Event, ...]
    lessened: tuple[Event, ...]


def purge(place: Place, path: str) -> Purged:
    """Leave nothing of the memory at `path`; the caller holds the write lock.

    A version that another memory shares byte for byte stays with that one.
    """
    history = journal.events(place)
    left_before = {event.op for event in journal.left_to_undo(history)}
    data = tree.read(place, path)
    memory = parse(data, name=path)
    own = _own_changes(place, history, path, memory.id, digest(data))
    versions = {name for _, change in own for name in (change.before, change.after) if name} | {digest(data)}
    paths = {path, *(change.path for _, change in own)}
    traces = _Traces(paths, memory.id, _texts(place, paths, versions, data))
    tree.delete(place, path)
    for name, file in tree.trash(place):
        if (name in paths and _digest_of(file) in versions) or (memory.id and _id_of(file, name) == memory.id):
            tree.empty_trash(place, file)
    mine = {(event.op, change) for event, change in own}
    others = [change for event in history for change in event.changes if (event.op, change) not in mine]
    for version in versions - {name for change in others for name in (change.before, change.after)}:
        journal.purge_object(place, version)
    journal.erase(place, own, ids=traces.ids, tells=traces.names_it)
    _erase_derived(place, traces)
    touched = [event for event in history if event.op in {event.op for event, _ in own} and event.op in left_before]
    left = {event.op for event in journal.left_to_undo(journal.events(place))}
    return Purged(
        tuple(sorted(paths)),
        len(versions),
        tuple(event for event in touched if event.op not in left),
        tuple(event for event in touched if event.op in left),
    )


def _own_changes(
    place: Place, history: Iterable[Event], path: str, identity: str | None, present: str
) -> list[tuple[Event, Change]]:
    """What was done to the memory: as far as the journal follows its names, and wherever a kept text carries its id.

    The latter finds what was done before somebody renamed the file by hand.
    """
    events = list(history)
    own = dict.fromkeys(journal.lineage(events, path))
    if identity is not None:
        kept = {present, *(name for name, data in journal.objects(place) if _carries(data, identity))}
        kept |= {_digest_of(file) for name, file in tree.trash(place) if _id_of(file, name) == identity}
        for event in events:
            for change in event.changes:
                if (change.before in kept or change.after in kept) and not _is_copy(place, change.path, path, identity):
                    own[event, change] = None
    return list(own)


def _is_copy(place: Place, path: str, own: str, identity: str) -> bool:
    """Whether a path is now that of a copy of the memory, which stays."""
    return path != own and _id_of(place.absolute(path), path) == identity


def _carries(data: bytes, identity: str) -> bool:
    """Whether a kept text is a memory with this id."""
    return identity.encode() in data and parse(data, name="").id == identity


def _texts(place: Place, paths: Iterable[str], versions: Iterable[str], present: bytes) -> Iterator[Memory]:
    """The memory as it is, and all of its earlier versions that are kept."""
    names, wanted = list(paths), set(versions)
    kept = [present]
    for version in wanted:
        try:
            kept.append(journal.kept(place, version))
        except UndoImpossible:
            continue
    for name, file in tree.trash(place):
        if name in names and _digest_of(file) in wanted:
            kept.append(tree.read_file(file, name))
    return (parse(data, name=path) for data in kept for path in names)


class _Traces:
    """How to recognise what names or quotes a memory."""

    def __init__(self, paths: Collection[str], identity: str | None, texts: Iterable[Memory]) -> None:
        self.ids = {identity} if identity else {path_id(path) for path in paths}
        names = set(self.ids)
        self._text = ""
        self._lines: set[str] = set()
        for path in paths:
            names |= {path, os.path.splitext(os.path.basename(path))[0]}
        for memory in texts:
            names.add(memory.title)
            self._text += "\n" + _plain(memory.body)
            self._lines |= {plain for line in memory.body.splitlines() if len(plain := _plain(line)) >= MIN_QUOTE}
        listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if len(name) >= MIN_NAME)
        self._names = re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.I)

    def names_it(self, text: str) -> bool:
        """Whether a text holds the memory's id, path, file name or title."""
        return self._names.search(text) is not None

    def shows_it(self, text: str) -> bool:
        """Whether a text names the memory, or quotes a line of it or a part of one."""
        plain = _plain(text)
        return (
            self.names_it(text)
            or any(line in plain for line in self._lines)
            or any(len(part) >= MIN_QUOTE and part in self._text for part in map(_plain, text.splitlines()))
        )


def _plain(text: str) -> str:
    return " ".join(text.split()).strip("-*># ")


def _erase_derived(place: Place, traces: _Traces) -> None:
    """Drop proposals and digests that show the memory, and what killed processes left half written of it."""
    proposals = os.path.join(place.local, "proposals.jsonl")
    if os.path.isfile(proposals) and not os.path.islink(proposals):
        with open(proposals, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        kept = [line for line in lines if not any(traces.shows_it(text) for text in _strings(line))]
        if kept != lines:
            tree.rewrite_private(proposals, b"".join(kept))
    digests = list(_files(os.path.join(place.local, "digests")))
    leftovers = [path for top in (place.tree, place.local) for path in _files(top) if tree.TEMPORARY in path]
    for path in digests + leftovers:
        with open(path, encoding="utf-8", errors="replace") as handle:
            text = handle.read(limits.MAX_FILE_BYTES)
        if traces.shows_it(text) or traces.names_it(os.path.basename(path)):
            os.unlink(path)


def _files(folder: str) -> Iterator[str]:
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def _strings(line: bytes) -> Iterator[str]:
    """Every text in a line of JSON; a line that is none, as it is."""
    try:
        waiting = [json.loads(line)]
    except (ValueError, RecursionError):
        yield line.decode("utf-8", "replace")
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            waiting += [*value, *value.values()] if isinstance(value, dict) else value


def _id_of(file: str, name: str) -> str | None:
    try:
        return parse(tree.read_file(file, name), name=name).id
    except (InvalidMemory, NotFound):
        return None


def _digest_of(file: str) -> str:
    with open(file, "rb") as handle:
        return digest(handle.read())
