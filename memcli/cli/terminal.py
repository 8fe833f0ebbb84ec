"""Printing for people and programs, shared by the verbs; rich is loaded for trees and progress bars alone."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from memcli import caller
from memcli.cli.invocation import Invocation, as_json, may_ask, places, say
from memcli.errors import Ambiguous, UsageError
from memcli.guard import limits
from memcli.guard.hidden import columns, one_line
from memcli.lifecycle.fade import Stamp
from memcli.places import Place
from memcli.recall import refresh
from memcli.resolve import Target, resolve
from memcli.store import Store
from memcli.view import wants_colour

if TYPE_CHECKING:
    from rich.console import Console

MIN_COLUMN = 8


def invocation(context: typer.Context) -> Invocation:
    return context.obj if isinstance(context.obj, Invocation) else Invocation()


def stores(context: typer.Context) -> list[Store]:
    """The stores of this invocation that exist, the one written to first."""
    return [_opened(place) for place in places(invocation(context)) if place.exists()]


def _opened(place: Place) -> Store:
    store = Store(place)
    if store.repaired:
        say("an operation that was killed half-way has been taken back: mem log")
    return store


def writable(context: typer.Context) -> Store:
    """The store to write to; the personal one is made when it is needed and there is no other."""
    place = places(invocation(context))[0]
    return _opened(place) if place.exists() else Store.init(place)


def find(context: typer.Context, wanted: str) -> tuple[Store, Target]:
    """The memory that `wanted` names, asking which one where there is a person to ask."""
    opened = stores(context)
    if not opened:
        raise UsageError("there are no memories here yet", hint='mem add "something worth keeping"')
    found = [store.place for store in opened]
    for place in found:
        refresh.update(place)
    try:
        target = resolve(found, wanted, opened[0].config)
    except Ambiguous as error:
        if not may_ask(invocation(context)):
            raise
        target = resolve(found, _ask_which(error), opened[0].config)
    return next(store for store in opened if store.place is target.place), target


def _ask_which(error: Ambiguous) -> str:
    say(f"{error.message}:")
    for number, (identity, path, title) in enumerate(error.candidates, 1):
        say(f"  {number}  {identity[:6]}  {one_line(title, 60)}  {path}")
    answer = typer.prompt("Which one (a number; anything else stops)", err=True)
    if not answer.isdigit() or not 1 <= int(answer) <= len(error.candidates):
        raise typer.Abort
    return error.candidates[int(answer) - 1][0]


def stamp() -> Stamp:
    """Who is calling, and now."""
    return Stamp(caller.author(), os.getcwd(), caller.session(), time.time())


def print_json(value: object) -> None:
    print(as_json(value))


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in columns; where the terminal is narrow the widest columns give way. Piped: plain lines with tabs."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            print("\t".join(row))
        return
    if not cells:
        return
    widths = [max(columns(row[n]) for row in [list(headings), *cells]) for n in range(len(headings))]
    room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > MIN_COLUMN:
        widths[widths.index(max(widths))] -= 1
    dim, plain = ("\x1b[2m", "\x1b[0m") if wants_colour() else ("", "")
    for number, row in enumerate([list(headings), *cells]):
        cut = [one_line(cell, width) for cell, width in zip(row, widths, strict=True)]
        line = "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(cut, widths, strict=True)).rstrip()
        print(f"{dim}{line}{plain}" if number == 0 else line)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr for work that may take over a second; None where nobody looks."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def index_now(store: Store, paths: list[str] | None = None) -> None:
    """Index what was just written. A failure is only reported: the files are safe and the next command repairs it."""
    with progress("indexing") as advance:
        try:
            report, problem = store.sync(paths, progress=advance)
        except Exception as error:  # whatever breaks the index must not make a write look lost
            say(f"kept, but not indexed yet: {error}", "try: mem index")
            return
    if report.rebuilt:
        say(f"the index was rebuilt: {report.rebuilt}")
    if problem:
        say(f"found by words only: {problem}", "try: mem model verify")


def whose(place: Place, store: Store) -> str:
    """`(project, private)` after a path that was written."""
    return f"({place.label}, {'shared' if store.shared else 'private'})" if place.label == "project" else "(personal)"


def text_from(words: Sequence[str], file: str | None, *, editor: bool) -> str:
    """The text that a verb was given: arguments, `--file`, `-` or a pipe for stdin, or an editor where there is a person."""
    text = " ".join(words)
    if file is not None or text == "-" or (not text and not editor and not sys.stdin.isatty()):
        return _read_text(file or "-")
    return text if text or not editor else edited("")


def _read_text(path: str) -> str:
    """A file (or `-`, stdin) as text, no more of it than a memory may hold and one byte. Raises UsageError."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(limits.MAX_FILE_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(limits.MAX_FILE_BYTES + 1)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        shown = "the input" if path == "-" else path
        raise UsageError(f"{shown} is not UTF-8 text", hint="iconv -t utf-8 FILE | mem add -") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="mem add --file FILE") from None


def edited(text: str) -> str:
    """`text` after the user's editor ($VISUAL, $EDITOR, vi)."""
    import shlex
    import subprocess
    import tempfile

    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="mem-") as folder:
        path = os.path.join(folder, "memory.md")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            code = subprocess.call([*command, path])
        except OSError as error:
            raise UsageError(f"the editor {command[0]} does not start: {error.strerror}", hint="set EDITOR") from None
        if code != 0:
            raise UsageError(f"the editor {command[0]} ended with code {code}; nothing was changed", hint="mem edit ID")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()


def any_json(context: typer.Context, value: Any) -> bool:
    """Print `value` when the invocation asks for JSON; True if it did."""
    if invocation(context).json:
        print_json(value)
        return True
    return False
