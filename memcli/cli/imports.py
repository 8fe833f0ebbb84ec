"""`mem import`: memories from elsewhere, past sessions of coding agents, and what hooks noted of sessions for later."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from memcli.agents import ingest
from memcli.cli import terminal
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, index_now, invocation, writable
from memcli.errors import ImportFailed, IndexUnavailable, UsageError
from memcli.importers import Imported, bring, claude_memory, jsonl, registry
from memcli.importers.bring import Brought
from memcli.importers.registry import Importer
from memcli.lifecycle import takeaways
from memcli.store import Store
from memcli.text import plural


def import_(
    ctx: typer.Context,
    path: Annotated[
        str | None, typer.Argument(help="A file or folder; without one, what could be read is listed.")
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help=f"One of: {', '.join(registry.names())}.")] = None,
    topic: Annotated[str | None, typer.Option(help="The topic to file entries under.")] = None,
    captured: Annotated[
        bool, typer.Option("--captured", help="Take in what hooks have noted of sessions until now.")
    ] = False,
) -> None:
    """Bring in memories from elsewhere; repeating it changes nothing. Alone it lists what it could read.

    With --format alone it brings in all past sessions of this project that an agent has kept.

    Example: mem import --format claude-code
    """
    if captured:
        _captured(ctx, path, format_)
    elif path is None and format_ is None:
        _list_sources(ctx)
    elif path is None:
        _past_sessions(ctx, registry.for_format(str(format_)))
    else:
        _one_source(ctx, path, format_, topic)


def _one_source(ctx: typer.Context, path: str, format_: str | None, topic: str | None) -> None:
    source = Path(path).expanduser()
    if not source.exists():
        raise ImportFailed(f"there is no {path}", hint="mem import (lists what could be read)")
    importer = registry.for_format(format_) if format_ else registry.detect(source)
    store = writable(ctx)
    name = source.resolve().name if source.is_dir() else source.stem
    # What agents noted for their user, and a project's CLAUDE.md, have names that say nothing: the folder's is added.
    folder = source.resolve().parent.name
    origin = f"{importer.NAME}/{name if importer is jsonl else f'{folder}/{name}'}"
    if importer in registry.SESSIONS:
        origin = importer.NAME  # a session is the same wherever its transcript lies
    _bring(
        ctx, store, importer, _read(importer, source, store), origin, topic if topic is not None else f"imported/{name}"
    )


def _past_sessions(ctx: typer.Context, importer: Importer) -> None:
    store = writable(ctx)
    if importer not in registry.SESSIONS:
        raise UsageError(
            f"--format {importer.NAME} needs a file or folder", hint="mem import (lists what could be read)"
        )
    sources = importer.scan(Path(_project(ctx)), Path.home())
    if not sources:
        raise ImportFailed(f"no {importer.MEANING} were found for this project", hint="mem import PATH")
    found = (item for source, _ in sources for item in _read(importer, source, store))
    _bring(ctx, store, importer, found, importer.NAME, f"imported/{importer.NAME}")


def _read(importer: Importer, source: Path, store: Store) -> Iterator[Imported]:
    """What a source holds; of one that holds the sessions of many projects, those of this store's project."""
    for one in registry.SESSIONS:
        if one is importer and store.place.label == "project":
            return one.read(source, project=Path(store.place.project))
    return importer.read(source)


def _bring(
    ctx: typer.Context, store: Store, importer: Importer, found: Iterable[Imported], origin: str, topic: str
) -> None:
    brought = bring.bring_in(
        store,
        found,
        origin=origin,
        topic=topic,
        now=time.time(),
        private=store.shared and importer is claude_memory,
        episodes=ingest.episodes_folder(store),
    )
    _report(ctx, brought)
    index_now(store, brought.paths)
    if brought.turns and (proposed := _proposed(store, brought.paths)):
        say(f"{plural(proposed, 'thing')} said there may be worth keeping: mem review")


def _proposed(store: Store, paths: list[str]) -> int:
    try:
        return takeaways.propose(store.place, paths, time.time())
    except IndexUnavailable:
        return 0  # mem gc proposes it later


def _report(ctx: typer.Context, brought: Brought) -> None:
    shown = {
        "entries": brought.entries, "episodes": brought.episodes, "turns": brought.turns, "skipped": brought.skipped,
        "masked": brought.masked, "problems": brought.problems,
    }  # fmt: skip
    if not any_json(ctx, shown):
        parts = [plural(brought.entries, "entry")] if brought.entries or not brought.turns else []
        parts += [f"{plural(brought.turns, 'turn')} in {plural(brought.episodes, 'episode')}"] if brought.turns else []
        parts += [f"{brought.skipped:,} already here"] if brought.skipped else []
        print(f"imported {', '.join(parts)}" + (" (mem undo takes it back)" if brought.paths else ""))
    if brought.masked:
        say("secrets masked: " + ", ".join(f"{rule} {count}" for rule, count in sorted(brought.masked.items())))
    for problem in brought.problems:
        say(problem)


def _captured(ctx: typer.Context, path: str | None, format_: str | None) -> None:
    if path is not None or format_ is not None:
        raise UsageError("--captured takes what hooks noted, and no file", hint="mem import --captured")
    taken = ingest.take_in(time.time())
    if any_json(ctx, taken._asdict()):
        return
    print(f"{plural(taken.turns, 'turn')} taken in from {plural(taken.sessions, 'session')}")
    for problem in taken.problems:
        say(problem)


def _list_sources(ctx: typer.Context) -> None:
    found = registry.scan_all(Path(_project(ctx)), Path.home())
    rows = [
        {"format": importer.NAME, "path": str(path), "count": count, "what": importer.MEANING}
        for importer, path, count in found
    ]
    if any_json(ctx, rows):
        return
    if not rows:
        say("nothing to import was found here; mem import PATH reads a file or folder")
    terminal.table(
        ("format", "count", "path", "what"),
        [tuple(row[k] for k in ("format", "count", "path", "what")) for row in rows],
    )
    if rows:
        say("nothing was written; mem import PATH --format FORMAT brings one in")


def _project(ctx: typer.Context) -> str:
    """The folder whose sessions and files are meant."""
    return places(invocation(ctx))[0].project if invocation(ctx).root else os.getcwd()
