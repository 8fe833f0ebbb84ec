"""Changing many memory files as one operation: all of them or none, one event in the journal.

Before the first of several files is touched, what is about to be done is noted in the user's state; the note goes once the
journal has the event. An operation that fails puts back what it wrote. One that was killed is taken back by the next command
that opens the store; a file that somebody has changed meanwhile is left as it is. The note lies in the user's state, so that
no clone can bring one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memcli import journal, lock, tree
from memcli.errors import Conflict, InvalidMemory, NotFound, UndoImpossible
from memcli.journal import Change, Event
from memcli.places import Place, private_dir, user_dir
from memcli.text import digest, utc_iso


class FileChange(NamedTuple):
    """One file: `before` and `after` are its exact bytes, None where there is no file; `target`, the path it moves to."""

    path: str
    before: bytes | None
    after: bytes | None
    target: str | None = None

    def journalled(self) -> list[Change]:
        before, after = (None if data is None else digest(data) for data in (self.before, self.after))
        if self.target is not None:
            return [Change(self.path, before, None), Change(self.target, None, after)]
        return [Change(self.path, before, after)] if before != after else []


def apply(
    place: Place,
    files: Iterable[FileChange],
    *,
    verb: str,
    by: str,
    origin: str,
    now: float,
    note: str | None = None,
    session: str | None = None,
) -> Event | None:
    """Make these changes and journal them as one event; None when there is nothing to change. Holds no lock: the caller does.

    A file without `after` goes to the trash. Raises Conflict when a file is not what `before` says or a path is taken,
    InvalidMemory for text that cannot be kept, WriteFailed; then every file is as it was.
    """
    _repair(place)
    todo = sorted((file for file in files if file.journalled()), key=_turn)
    changes = [change for file in todo for change in file.journalled()]
    if not todo:
        return None
    for file in todo:
        _check(place, file)
    for file in todo:
        if file.before is not None and file.after is not None:
            journal.keep(place, file.before)
    pending = _announce(place, changes, utc_iso(now)) if len(changes) > 1 else None
    try:
        for file in todo:
            _write(place, file)
        tree.sync_folders(place, (file.path for file in todo if file.before is None))
        event = journal.record(place, verb, changes, by=by, origin=origin, now=now, note=note, session=session)
    except BaseException:
        _take_back(place, changes)
        _done(pending)
        raise
    _done(pending)
    return event


def repair(place: Place) -> bool:
    """Take back an operation on this store that was killed half-way; returns whether there was one."""
    if not os.path.exists(_pending_path(place)):
        return False
    with lock.write_lock(place):
        return _repair(place)


def image(place: Place, path: str, name: str) -> bytes:
    """The bytes with the digest `name` that were at `path`, from the trash or the kept ones. Raises UndoImpossible."""
    try:
        with open(tree.trash_path(place, name, path), "rb") as file:
            data = file.read()
        if digest(data) == name:
            return data
    except OSError:
        pass
    return journal.kept(place, name)


def leave_trash(place: Place, path: str, name: str) -> None:
    """Drop the trash's copy of a file that is back at its path, if there is one."""
    try:
        tree.empty_trash(place, tree.trash_path(place, name, path))
    except FileNotFoundError:
        pass


def present(place: Place, path: str) -> str | None:
    """The digest of the file at `path`; None where there is none. Raises InvalidMemory for what cannot be read."""
    try:
        return digest(tree.read(place, path))
    except NotFound:
        return None


def _turn(file: FileChange) -> int:
    """New files, then changed ones, moves, and what goes: so that `journal.moves` can tell a move from a removal."""
    return 3 if file.after is None else 2 if file.target is not None else 0 if file.before is None else 1


def _check(place: Place, file: FileChange) -> None:
    if file.after is not None:
        tree.check(file.after)
    if file.before is not None:
        data = tree.read(place, file.path)
        if data != file.before:
            raise Conflict(
                f"{place.shown(file.path)} changed since it was read; nothing was written",
                present=data.decode("utf-8"),
                hint="read it again and repeat the edit",
            )
    taken = file.path if file.before is None else file.target
    if taken is not None and os.path.lexists(place.absolute(taken)) and not _only_case_differs(place, file.path, taken):
        raise Conflict(f"{place.shown(taken)} already exists; nothing was written", hint="choose another name")


def _only_case_differs(place: Place, path: str, target: str) -> bool:
    """Whether a move changes nothing but the case of a name, on a disk where both names are the same file."""
    try:
        return path != target and os.path.samefile(place.absolute(path), place.absolute(target))
    except OSError:
        return False


def _write(place: Place, file: FileChange) -> None:
    if file.before is None:
        assert file.after is not None
        tree.create(place, file.path, file.after, sync_folder=False)  # many may go to one folder
        return
    expected = digest(file.before)
    if file.after is None:
        tree.to_trash(place, file.path, expected=expected)
        return
    if file.target is not None:
        tree.move(place, file.path, file.target, expected=expected)
    if file.after != file.before:
        tree.replace(place, file.target or file.path, file.after, expected=expected)


# --- taking back -----------------------------------------------------------------------------------------------------


def _take_back(place: Place, changes: Sequence[Change]) -> None:
    """Put every file back that is as these changes, some or all of which were made, left it."""
    ours = {name for change in changes for name in (change.before, change.after)}
    for path, before, after in reversed(changes):
        try:
            there = present(place, path)
        except InvalidMemory:
            continue  # somebody put something else there
        if there == before or there not in ours or (there is None and after is not None):
            continue
        if before is None:
            tree.delete(place, path)
        elif there is None:
            tree.create(place, path, image(place, path, before))
            leave_trash(place, path, before)
        else:
            tree.replace(place, path, image(place, path, before), expected=there)


def _repair(place: Place) -> bool:
    """`repair` for one who holds the lock."""
    path = _pending_path(place)
    try:
        with open(path, encoding="utf-8") as file:
            noted = json.load(file)
        at, changes = noted["at"], tuple(Change(*change) for change in noted["changes"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, TypeError, KeyError):
        at, changes = "", ()  # the note itself is written whole or not at all: this is none of ours
    is_done = any(event.at == at and event.changes == changes for event in journal.events(place))
    if not is_done:
        try:
            _take_back(place, changes)
        except UndoImpossible:
            pass  # the earlier text was deleted on purpose since
    os.unlink(path)
    return bool(changes) and not is_done


def _announce(place: Place, changes: Sequence[Change], at: str) -> str:
    path = _pending_path(place)
    private_dir(os.path.dirname(path))
    tree.rewrite_private(path, json.dumps({"at": at, "changes": changes}).encode("ascii"))
    return path


def _done(pending: str | None) -> None:
    if pending is not None:
        os.unlink(pending)


def _pending_path(place: Place) -> str:
    return os.path.join(user_dir("state"), "pending", f"{place.state_key()}.json")
