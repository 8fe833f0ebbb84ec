"""`mem watch`: keep the index in step with the files and a warm server at hand; see how that goes, and end it."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memcli import config
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, console, invocation
from memcli.errors import NotFound
from memcli.guard.hidden import one_line
from memcli.serve import address, client, lifetime
from memcli.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

SERVER = ("-P", "-m", "memcli.cli.serving")
_LINES_SHOWN = 8

app = typer.Typer(
    help="Keep the index in step with the files, and recall warm, for as long as it runs.", invoke_without_command=True
)


@app.callback()
def watch(
    ctx: typer.Context,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; returns when it is up.")] = False,
    server: Annotated[bool, typer.Option(" /--no-server", help="Watch the files alone; keep no model loaded.")] = True,
) -> None:
    """Watch the files of this folder's stores and your personal one: edits are found at once, recall answers warm.

    Example: mem watch --detach
    """
    if ctx.invoked_subcommand is not None:
        return
    command = [sys.executable, *SERVER] if server else None
    found = places(invocation(ctx))
    if detach:
        from memcli.serve import detached

        pid = detached.launch(found, command)
        if not any_json(ctx, {"pid": pid, "log": address.log_path()}):
            print(f"watching in the background (process {pid})")
            say("see how it goes: mem watch status · end it: mem watch stop")
        return
    from memcli.serve.options import options
    from memcli.serve.watcher import Watcher

    chosen = options(config.load(), command)
    lock = lifetime.take_lock()
    try:
        with _display() as display:
            why = Watcher(found, chosen, tell=display.tell, show=display.show).run()
    finally:
        lifetime.release_lock(lock)
    say(f"watching ended: {why}")


@app.command()
def status(ctx: typer.Context) -> int:
    """Whether a watcher runs, what it watches, how fast recall is answered, and the memory that it takes.

    Example: mem watch status
    """
    found = lifetime.read_status()
    if found is None:
        if any_json(ctx, {"running": False}):
            return 1
        raise NotFound("mem watch does not run", hint="mem watch --detach")
    warm = client.status() if found.get("address") else None
    memory = {
        name: _resident_mb(found.get(key))
        for name, key in (("watcher", "pid"), ("indexer", "indexer"), ("server", "server"))
    }
    facts = {"running": True, **found, "server": warm, "memory_mb": {k: v for k, v in memory.items() if v is not None}}
    if any_json(ctx, facts):
        return 0
    for line in _told(facts):
        print(line)
    return 0


@app.command()
def stop(ctx: typer.Context) -> None:
    """End the watcher, and wait until all of it is gone.

    Example: mem watch stop
    """
    pid = lifetime.stop()
    if any_json(ctx, {"stopped": pid}):
        return
    print("mem watch did not run" if pid is None else f"stopped (process {pid})")


def _told(facts: dict[str, Any]) -> Iterator[str]:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(facts["since"])) if "since" in facts else "just now"
    memory = " · ".join(f"{name} {size:.0f} MB" for name, size in facts["memory_mb"].items())
    yield f"running   process {facts['pid']} since {since}"
    yield f"memory    {memory}"
    warm = facts["server"]
    if warm:
        yield f"server    {facts['address']}"
        for line in _latencies(warm):
            yield f"          {line}"
    elif facts.get("address"):
        yield "server    does not answer (yet)"
    for store in facts["stores"]:
        yield f"{store['label']:<9} {_home(store['folder'])}  {store_state(store)}"


def _latencies(warm: dict[str, Any]) -> Iterator[str]:
    for kind, figures in (warm.get("requests") or {}).items():
        times = (
            f", median {figures['median_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms" if "median_ms" in figures else ""
        )
        yield f"{kind}: {int(figures['count']):,} answered{times}"


def store_state(store: dict[str, Any]) -> str:
    """How a watched store is doing, in a few words."""
    parts = [store["mode"] + (f" ({store['why']})" if store["why"] else "")]
    if store["problem"]:
        parts.append(store["problem"])
    if store["behind"]:
        parts.append("looking at what changed")
    elif store["looked_at"] and store["mode"] != "nothing yet":
        parts.append("current")
    if store["waiting"]:
        parts.append(f"{plural(store['waiting'], 'vector')} pending")
    return " · ".join(parts)


def _resident_mb(pid: int | None) -> float | None:
    """The memory of a process, what it shares with others counted in proportion where the system says."""
    if not pid:
        return None
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1000 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        pass
    import subprocess

    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(said) / 1000 if said.strip().isdigit() else None


def _home(path: str) -> str:
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path


# --- while it runs in a terminal -------------------------------------------------------------------------------------


class _Plain:
    """One line for each thing done, for logs and pipes."""

    def tell(self, line: str) -> None:
        print(time.strftime("%H:%M:%S"), one_line(_home(line)), flush=True)

    def show(self, status: dict[str, Any]) -> None:
        """The lines say it."""


class _Live:
    """The stores and how they are doing, with the last things done below, in place."""

    def __init__(self) -> None:
        from rich.live import Live

        self._lines: deque[str] = deque(maxlen=_LINES_SHOWN)
        self._status: dict[str, Any] = {"stores": []}
        self.live = Live(self._drawn(), console=console(), auto_refresh=False)

    def tell(self, line: str) -> None:
        self._lines.append(f"{time.strftime('%H:%M:%S')}  {one_line(_home(line))}")
        self._draw()

    def show(self, status: dict[str, Any]) -> None:
        self._status = status
        self._draw()

    def _draw(self) -> None:
        self.live.update(self._drawn(), refresh=True)

    def _drawn(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        stores = Table.grid(padding=(0, 2))
        for store in self._status["stores"]:
            stores.add_row(
                Text(store["label"], "bold"), Text(one_line(_home(store["folder"]))), Text(one_line(store_state(store)))
            )
        up = f"recall is answered warm (process {self._status['server']})" if self._status.get("server") else ""
        lines = [Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in self._lines]
        return Group(
            stores,
            Text(up),
            Text(),
            *lines,
            Text("ctrl-c ends it · mem watch --detach runs it in the background", "dim"),
        )


@contextmanager
def _display() -> Iterator[_Plain | _Live]:
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        yield _Plain()
        return
    display = _Live()
    with display.live:
        yield display
