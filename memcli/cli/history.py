"""Verbs about what was done to a store: log and undo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from memcli import journal
from memcli.cli import dates, terminal
from memcli.cli import injected as calls
from memcli.cli.terminal import any_json, find, index_now, stores, writable
from memcli.errors import IndexUnavailable, NotFound, UsageError
from memcli.guard.hidden import one_line
from memcli.index import db, schema
from memcli.journal import Event
from memcli.places import Place
from memcli.store import Store
from memcli.text import plural

SHORT_SESSION = 8


def log(
    ctx: typer.Context,
    wanted: Annotated[str | None, typer.Argument(help="Only this memory's history.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many operations.")] = 20,
    session: Annotated[
        str | None, typer.Option("--session", help="Only what was done in this agent session (or what begins so).")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only from this day on (2026-05, yesterday, 7d).")] = None,
    injected: Annotated[
        bool, typer.Option("--injected", help="What hooks put before agents, or why they said nothing (--session last).")
    ] = False,
) -> None:
    """What was done to the store, newest first: who, when, to which memory. mem undo takes an operation back by its name.

    Example: mem log k7q9 --since 30d
    """
    if injected:
        if wanted is not None:
            raise UsageError("what was injected is listed by session", hint="mem log --injected --session last")
        calls.run(terminal.invocation(ctx), session=session, limit=limit, since=dates.day(since) if since else "")
        return
    if wanted is None:
        store = next(iter(stores(ctx)), None)
        history = [] if store is None else journal.events(store.place)
        shown = [event for event in history if event.verb != journal.SEEN]
    else:
        store, target = find(ctx, wanted)
        history = journal.events(store.place)
        shown = _of_memory(history, target.path, target.id)
    first = dates.day(since) if since else ""
    shown = [event for event in shown if event.at >= first and (event.session or "").startswith(session or "")]
    undone = {event.undoes for event in history if event.undoes}
    newest = shown[: -limit - 1 : -1]
    titles = {} if store is None else _titles(store.place, {name for event in newest for name, _ in event.about})
    rows = [] if store is None else [_row(store, event, undone, titles) for event in newest]
    if any_json(ctx, rows):
        return
    if not rows:
        nothing = "nothing was done here yet" if not history else "nothing like that was done here"
        raise NotFound(nothing, hint="mem add …" if not history else "mem log")
    by_op = {event.op: event for event in history}
    terminal.table(
        ("op", "when (UTC)", "what", "who", "memory"),
        [
            _cells(event, row["verb"], by_op.get(event.undoes or ""), titles)
            for event, row in zip(newest, rows, strict=True)
        ],
    )


def _of_memory(history: list[Event], path: str, identity: str) -> list[Event]:
    """What happened to one memory, under all its names: to its file, and what was said of it; oldest first."""
    ops = {event.op for event, _ in journal.lineage(history, path)}
    ops |= {event.op for event in history if any(name == identity for name, _ in event.about)}
    ops |= {event.op for event in history if event.undoes in ops and not event.changes}
    return [event for event in history if event.op in ops]


def _titles(place: Place, names: Iterable[str]) -> dict[str, str]:
    """The titles of memories by id, as far as the index knows them."""
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return {}
    try:
        found: dict[str, str] = {}
        for some in db.chunks(list(names)):
            marks = ",".join("?" * len(some))
            found.update(
                connection.execute(f"SELECT name, coalesce(title, path) FROM entries WHERE name IN ({marks})", some)
            )
        return found
    finally:
        connection.close()


def _row(store: Store, event: Event, undone: set[str], titles: dict[str, str]) -> dict[str, object]:
    note = f" {event.note}" if event.verb == "undo" and event.note else ""
    return {
        "op": event.op,
        "verb": event.verb + note + (" (undone)" if event.op in undone else ""),
        "at": event.at,
        "by": event.by,
        "session": event.session,
        "from": event.origin,
        "note": event.note,
        "undoes": event.undoes,
        "paths": [store.place.shown(change.path) for change in event.changes],
        "about": [{"id": name, "title": titles.get(name), "said": word} for name, word in event.about],
    }


def _cells(event: Event, verb: object, undone: Event | None, titles: dict[str, str]) -> tuple[object, ...]:
    who = event.by + (f" {event.session[:SHORT_SESSION]}" if event.session else "")
    said_alone = undone is not None and not event.changes
    subject = _subject(undone if undone is not None and said_alone else event, titles)
    when = event.at[:16].replace("T", " ")
    return event.op[:4], when, "by hand" if event.verb == journal.SEEN else verb, who, subject


def _subject(event: Event, titles: dict[str, str]) -> str:
    """What an operation was about: files by a name that `mem show` takes, or what it said of which memories."""
    if event.changes:
        moved = journal.moves(event)
        left = set(moved.values())
        named = [
            f"{_name(moved[change.path])} → {_name(change.path)}" if change.path in moved else _name(change.path)
            for change in event.changes
            if change.path not in left
        ]
        return (f"{event.note}: " if event.verb == "curate" and event.note else "") + _brief(named)
    words = event.verb != journal.SEEN  # which holds the hash of what was seen
    said = [one_line(titles.get(name, name), 60) + (f": {word}" if words else "") for name, word in event.about]
    return _brief(said) if said else event.note or "-"


def _name(path: str) -> str:
    return path.removeprefix("tree/").removesuffix(".md")


def _brief(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{things[0]} and {len(things) - 1} more"


def undo(
    ctx: typer.Context,
    operation: Annotated[
        str | None, typer.Argument(help="How many of the last, or one from mem log; without it, the last.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="All that was done in this agent session (or what begins so).")
    ] = None,
) -> None:
    """Revert operations: the last, the last N, one from mem log, or all of an agent's session. Repeat to go further back.

    Refuses as a whole where a file has changed since, so that nothing is lost. What was undone is not brought back.

    Example: mem undo 3
    """
    store = writable(ctx)
    if operation is not None and session is not None:
        raise UsageError("an operation and a session are two things to undo", hint="mem undo --session SESSION")
    if session is not None:
        events, paths = store.undo_session(session)
    elif operation is not None and operation.isdecimal() and int(operation) > 0:
        events, paths = store.undo_last(int(operation))
    else:
        event, paths = store.undo(operation)
        events = [event]
    shown = [{"op": event.op, "verb": event.verb, "files": len(event.changes)} for event in events]
    if not any_json(ctx, {"op": events[0].op, "verb": events[0].verb, "operations": shown, "paths": paths}):
        for event in events:
            print(f"undone: {event.verb} of {event.at} ({_extent(event)})")
    index_now(store, paths)


def _extent(event: Event) -> str:
    """How much an operation touched: files, or memories that it only said something about."""
    return plural(len(event.changes), "file") if event.changes else plural(len(event.about), "memory")
