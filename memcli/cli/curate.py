"""The verb for agents that tidy memories in one go: curate."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from memcli import curate as curating
from memcli import operations
from memcli.cli import terminal
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, index_now, invocation, writable
from memcli.curate import Outcome
from memcli.errors import IndexUnavailable, UsageError
from memcli.guard.hidden import printable
from memcli.index import schema
from memcli.places import Place
from memcli.recall import refresh
from memcli.store import Store

MAX_OPS_BYTES = 64 * 1024 * 1024


def curate(
    ctx: typer.Context,
    ops: Annotated[
        str, typer.Option("--ops", help="A file of operations, a JSON array or JSON Lines; `-` reads stdin.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
) -> int:
    """Do many changes as one: all of them or, where one is refused, none. One mem undo takes them back.

    Operations are ADD, UPDATE, UPSERT, MERGE, SUPERSEDE, LINK and DELETE, each an object with an "op". They name memories by
    id, path or title, and results of earlier ones by "$name" after "as": "name".

    Example: mem curate --ops tidy.jsonl --dry-run --json
    """
    asked = operations.read(_text_of(ops))
    place = places(invocation(ctx))[0]
    store = Store(place) if dry_run else writable(ctx)
    if store.place.exists() and not (dry_run and _is_current(store.place)):
        refresh.update(store.place)
    outcomes = curating.curate(store, asked, dry_run=dry_run)
    if not any_json(ctx, [_as_json(store.place, outcome) for outcome in outcomes]):
        _print(store.place, outcomes)
    code = max(outcome.code for outcome in outcomes)
    if code == 0 and not dry_run:
        index_now(store)
    return code


def _text_of(path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_OPS_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_OPS_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the operations are not UTF-8 text", hint="mem curate --ops FILE") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="mem curate --ops FILE") from None
    if len(data) > MAX_OPS_BYTES:
        raise UsageError(
            f"the operations are larger than {MAX_OPS_BYTES // 2**20} MiB", hint="make several batches of them"
        )
    return text


def _is_current(place: Place) -> bool:
    """Whether the index knows of every file, so that a dry run need not touch it."""
    try:
        connection = schema.open_for_reading(place)
    except IndexUnavailable:
        return False
    try:
        return not schema.changed_folders(place, connection)
    finally:
        connection.close()


def _as_json(place: Place, outcome: Outcome) -> dict[str, object]:
    shown: dict[str, object] = {
        "n": outcome.n,
        "op": outcome.op,
        "outcome": outcome.outcome,
        "id": outcome.id,
        "path": outcome.path and place.shown(outcome.path),
    }
    more = {key: getattr(outcome, key) for key in ("problem", "present", "digest", "hint")}
    return shown | {key: value for key, value in more.items() if value is not None}


def _print(place: Place, outcomes: list[Outcome]) -> None:
    rows = [
        (one.n, one.op, one.outcome, (one.id or "-")[:4], one.problem or place.shown(one.path or ""))
        for one in outcomes
    ]
    terminal.table(("n", "operation", "outcome", "id", "path"), rows)
    for outcome in outcomes:
        if outcome.present is not None:
            say(f"{outcome.n}: what is there now:", printable(outcome.present).strip("\n"))
        if outcome.hint:
            say(f"{outcome.n}: try: {outcome.hint}")
