"""Reverting journalled changes: every file back to the bytes it had, or nothing at all where later work would be lost."""

from __future__ import annotations

import os

from memcli import journal, lock, tree, walk
from memcli.errors import Conflict, InvalidMemory, NotFound, UndoImpossible
from memcli.journal import Change, Event
from memcli.places import Place
from memcli.text import digest


def revert(place: Place, event: Event, *, by: str, origin: str, now: float) -> list[str]:
    """Undo one operation; returns the paths it touched.

    All of its changes are checked before the first is reverted. Raises UndoImpossible when a file has changed since, or
    when the earlier text was purged.
    """
    with lock.write_lock(place):
        todo = [change for change in reversed(event.changes) if _check(place, change)]
        images = {change.before: _before_image(place, change) for change in todo if change.before}
        done = []
        for change in todo:
            _revert(place, change, images)
            done.append(Change(change.path, change.after, change.before))
        if event.verb == "move":
            _forget_moved(place, todo)
        journal.record(place, "undo", done, by=by, origin=origin, now=now, undoes=event.op, note=event.verb)
    return [change.path for change in done]


def _check(place: Place, change: Change) -> bool:
    """Whether the change is still to be reverted (an undo that was killed half-way may have done it already)."""
    if not is_store_path(change.path):
        raise UndoImpossible("the journal names a path outside the store", hint="mem doctor")
    present = _present(place, change.path)
    if present == change.before:
        return False
    if present != change.after:
        raise UndoImpossible(
            f"{place.shown(change.path)} has changed since; undoing would lose that",
            hint="mem log, or edit it back by hand",
        )
    return True


def is_store_path(path: str) -> bool:
    """Whether a path from a journal, which may have come with a clone, can be that of a memory."""
    parts = path.removeprefix("local/").split("/")
    return (
        parts[0] == "tree"
        and len(parts) > 1
        and all(part and not part.startswith(".") for part in parts)
        and path.lower().endswith(walk.SUFFIXES)
        and "\0" not in path
        and (os.sep == "/" or "\\" not in path)
    )


def _present(place: Place, path: str) -> str | None:
    try:
        return digest(tree.read(place, path))
    except NotFound:
        return None
    except InvalidMemory as error:
        raise UndoImpossible(error.message, hint="mem doctor") from None


def _before_image(place: Place, change: Change) -> bytes:
    assert change.before is not None
    try:
        with open(tree.trash_path(place, change.before, change.path), "rb") as file:
            data = file.read()
        if digest(data) == change.before:
            return data
    except OSError:
        pass
    return journal.kept(place, change.before)


def _revert(place: Place, change: Change, images: dict[str, bytes]) -> None:
    try:
        if change.after is not None and change.before is not None:
            journal.keep(place, tree.read(place, change.path))
            tree.replace(place, change.path, images[change.before], expected=change.after)
        elif change.after is not None:
            tree.to_trash(place, change.path, expected=change.after)
        else:
            assert change.before is not None
            tree.create(place, change.path, images[change.before])
            _leave_trash(place, change.before, change.path)
    except Conflict as error:
        raise UndoImpossible(error.message, hint="mem log") from None


def _forget_moved(place: Place, todo: list[Change]) -> None:
    """Take out of the trash what stood where a memory had moved to: it is the one that is back, not another."""
    for change in todo:
        if change.before is None and change.after is not None:
            with open(tree.trash_path(place, change.after, change.path), "rb") as file:
                journal.keep(place, file.read())
            _leave_trash(place, change.after, change.path)


def _leave_trash(place: Place, before: str, path: str) -> None:
    try:
        tree.empty_trash(place, tree.trash_path(place, before, path))
    except FileNotFoundError:
        pass
