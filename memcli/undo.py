"""Reverting journalled operations: every file back to the bytes it had, or nothing at all where later work would be lost."""

from __future__ import annotations

import os
from collections.abc import Sequence

from memcli import batch, journal, lock, tree, walk
from memcli.batch import image
from memcli.errors import Conflict, InvalidMemory, UndoImpossible, UsageError
from memcli.journal import Change, Event
from memcli.places import Place
from memcli.text import plural

MIN_SESSION = 4  # letters of a session that name it


def last(place: Place, count: int) -> list[Event]:
    """The last `count` operations that can be undone, newest first. Raises UndoImpossible when there are fewer."""
    left = [event for event in journal.left_to_undo(journal.events(place)) if journal.asked_for(event)]
    if count > len(left):
        raise UndoImpossible(
            f"only {plural(len(left), 'operation')} can be undone" if left else "there is nothing to undo",
            hint="mem log",
        )
    return left[: -count - 1 : -1]


def of_session(place: Place, wanted: str) -> list[Event]:
    """What was done in the agent session that `wanted` begins, newest first.

    Raises UndoImpossible when that is nothing, UsageError when several sessions begin so.
    """
    left = [event for event in journal.left_to_undo(journal.events(place)) if event.session]
    begun = {event.session for event in left if str(event.session).startswith(wanted)}
    sessions = {wanted} if wanted in begun else begun if len(wanted) >= MIN_SESSION else set()
    if len(sessions) > 1:
        raise UsageError(f"{wanted!r} begins {len(sessions)} sessions", hint="repeat with more letters of it; mem log")
    if not sessions:
        raise UndoImpossible(f"nothing of a session {wanted!r} is left to undo", hint="mem log --json names sessions")
    return [event for event in reversed(left) if event.session in sessions]


def revert(
    place: Place, events: Sequence[Event], *, by: str, origin: str, now: float, session: str | None = None
) -> list[str]:
    """Undo these operations, newest first; returns the paths that were touched.

    All changes of all of them are checked before the first is reverted. Raises UndoImpossible when a file has changed
    since, or when the earlier text was purged.
    """
    with lock.write_lock(place):
        check(place, events)
        paths: dict[str, None] = {}
        for event in events:
            done = _revert(place, event)
            paths.update((change.path, None) for change in done)
            journal.record(
                place, "undo", done, by=by, origin=origin, now=now, undoes=event.op, note=event.verb, session=session
            )
    return list(paths)


def check(place: Place, events: Sequence[Event]) -> None:
    """Raise UndoImpossible unless these operations, newest first, can all be reverted without losing anything."""
    there: dict[str, str | None] = {}  # as far as they are reverted
    seen: set[str | None] = set()  # texts that reverting takes out of the way, and thereby keeps
    for event in events:
        for change in reversed(event.changes):
            if change.path not in there:
                there[change.path] = _present(place, change.path)
            if not _is_left(place, event, change, there[change.path]):
                continue
            if change.before is not None and change.before not in seen:
                image(place, change.path, change.before)
            seen.add(there[change.path])
            there[change.path] = change.before


def _is_left(place: Place, event: Event, change: Change, there: str | None) -> bool:
    """Whether the change is still to be reverted (an undo that was killed half-way may have done it already)."""
    if there == change.before:
        return False
    if there != change.after:
        raise UndoImpossible(
            f"{place.shown(change.path)} has changed since; undoing the {event.verb} of {event.at} would lose that",
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
    if not is_store_path(path):
        raise UndoImpossible("the journal names a path outside the store", hint="mem doctor")
    try:
        return batch.present(place, path)
    except InvalidMemory as error:
        raise UndoImpossible(error.message, hint="mem doctor") from None


def _revert(place: Place, event: Event) -> list[Change]:
    """Revert what is left of one operation; returns the changes that this made."""
    todo = [c for c in reversed(event.changes) if _is_left(place, event, c, _present(place, c.path))]
    images = {change.before: image(place, change.path, change.before) for change in todo if change.before}
    for change in todo:
        _put_back(place, change, images)
    _forget_moved(place, event, todo)
    return [Change(change.path, change.after, change.before) for change in todo]


def _put_back(place: Place, change: Change, images: dict[str, bytes]) -> None:
    try:
        if change.after is not None and change.before is not None:
            journal.keep(place, tree.read(place, change.path))
            tree.replace(place, change.path, images[change.before], expected=change.after)
        elif change.after is not None:
            tree.to_trash(place, change.path, expected=change.after)
        else:
            assert change.before is not None
            tree.create(place, change.path, images[change.before])
            batch.leave_trash(place, change.path, change.before)
    except Conflict as error:
        raise UndoImpossible(error.message, hint="mem log") from None


def _forget_moved(place: Place, event: Event, todo: Sequence[Change]) -> None:
    """Take out of the trash what stood where a memory had moved to: it is the one that is back, not another."""
    moved = journal.moves(event)
    for change in todo:
        if change.path in moved and change.after is not None:
            journal.keep(place, image(place, change.path, change.after))
            batch.leave_trash(place, change.path, change.after)
