"""`mem index`: bring the index up to date, check it, rebuild it, ask it questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from memcli import tree, walk
from memcli.cli import terminal
from memcli.cli.invocation import say
from memcli.cli.terminal import any_json, stores
from memcli.errors import StoreMissing, UsageError
from memcli.index import db, maintenance, schema, search
from memcli.index.reconcile import Report
from memcli.places import Place
from memcli.store import Store
from memcli.text import plural

app = typer.Typer(help="The index beside the files: update, check, rebuild or query it.", invoke_without_command=True)


@app.callback()
def update(ctx: typer.Context) -> None:
    """Bring the index up to date with the files, vectors included.

    Example: mem index
    """
    if ctx.invoked_subcommand is None:
        _each(ctx, _update)


def _each(ctx: typer.Context, work: Callable[[Store], dict[str, object]]) -> None:
    opened = stores(ctx)
    if not opened:
        raise StoreMissing("there is no store here", hint="mem init")
    results = [work(store) for store in opened]
    if not any_json(ctx, results):
        for store, result in zip(opened, results, strict=True):
            print(f"{store.place.label:<9} {result.pop('said')}")


def _update(store: Store) -> dict[str, object]:
    with terminal.progress("indexing") as advance:
        report, problem = store.sync(progress=advance)
    maintenance.compact(store.place)
    _derive(store.place)
    if problem:
        say(f"found by words only: {problem}", "try: mem model verify")
    return _counted(store, report)


def _derive(place: Place) -> None:
    """Make the file that a large store's vectors are searched in, where it is due; without numpy none can be searched."""
    try:
        from memcli.index import arrays
    except ImportError:
        return
    arrays.build_where_due(place)


def _counted(store: Store, report: Report) -> dict[str, object]:
    connection = schema.open_for_reading(store.place)
    try:
        memories, passages, embedded = search.count(connection)
    finally:
        connection.close()
    done = [f"{len(paths)} {what}" for paths, what in
            ((report.added, "added"), (report.changed, "changed"), (report.removed, "removed")) if paths]  # fmt: skip
    said = f"{plural(memories, 'memory')}, {plural(passages, 'passage')}, {plural(embedded, 'vector')}"
    return {
        "memories": memories,
        "passages": passages,
        "vectors": embedded,
        "added": len(report.added),
        "changed": len(report.changed),
        "removed": len(report.removed),
        "problems": len(report.problems),
        "said": f"{said} · {', '.join(done) or 'nothing had changed'}",
    }


@app.command()
def rebuild(ctx: typer.Context) -> None:
    """Throw the index away and make it anew from the files; nothing is embedded twice.

    Example: mem index rebuild
    """

    def work(store: Store) -> dict[str, object]:
        db.discard_cache(store.place, keep_embeddings=db.owns_cache(store.place))
        return _update(store)

    _each(ctx, work)


@app.command()
def check(
    ctx: typer.Context,
    clean: Annotated[bool, typer.Option("--clean", help="Also remove what killed processes left behind.")] = False,
) -> None:
    """Compare the index with the files and SQLite's own checks; exits 27 when they differ.

    Example: mem index check
    """
    import time

    from memcli.errors import IndexUnavailable

    differences = []
    for store in stores(ctx):
        if clean:
            tree.remove_leftovers(store.place, older_than_s=60.0, now=time.time())
        connection = schema.open_for_reading(store.place)
        try:
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                differences.append(f"{store.place.folder}: the index is damaged")
            indexed = {row[0]: row[1] for row in connection.execute("SELECT path, problem FROM entries")}
            differences += [f"{store.place.folder}: {problem}" for problem in _array_problems(store.place, connection)]
        finally:
            connection.close()
        present = {item.path for item in walk.walk(store.place)}
        differences += [f"{store.place.shown(path)} is not indexed" for path in sorted(present - indexed.keys())]
        differences += [f"{store.place.shown(path)} is gone" for path in sorted(indexed.keys() - present)]
        report, _ = store.sync(embed=False)
        differences += [f"{store.place.shown(path)} had changed" for path in report.changed]
    if not any_json(ctx, differences):
        for line in differences:
            print(line)
    if differences:
        raise IndexUnavailable(
            f"the index differed from the files in {plural(len(differences), 'place')}", hint="mem index"
        )
    say("the index agrees with the files")


def _array_problems(place: Place, connection: db.Connection) -> list[str]:
    try:
        from memcli.index import arrays
    except ImportError:
        return []
    return arrays.problems(place, connection)


@app.command()
def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="A SELECT; the tables are entries, documents, passages, relations.")],
) -> None:
    """Ask the index a question in SQL; it is opened read-only.

    Example: mem index sql "select type, count(*) from entries group by type"
    """
    import sqlite_utils

    store = stores(ctx)[0]
    connection = schema.open_for_reading(store.place)
    try:
        connection.execute("PRAGMA query_only=ON")
        rows = list(sqlite_utils.Database(connection).query(query))
    except (db.DatabaseError, ValueError) as error:
        raise UsageError(
            f"SQLite refuses that: {error}", hint='mem index sql "select * from entries limit 5"'
        ) from None
    finally:
        connection.close()
    if not any_json(ctx, [{key: _plain(value) for key, value in row.items()} for row in rows]):
        if rows:
            terminal.table(tuple(rows[0]), [[_plain(value) for value in row.values()] for row in rows])
        say(plural(len(rows), "row"))


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
