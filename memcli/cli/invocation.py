"""What every verb understands, wherever it stands on the command line: which store, for whom, how to print.

Lean: read before it is known which verb runs.
"""

from __future__ import annotations

import os
import sys
from collections import namedtuple

from memcli.errors import UsageError
from memcli.guard.hidden import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.errors import MemError
    from memcli.places import Place
    from memcli.view import View

Invocation = namedtuple("Invocation", "root personal json no_input", defaults=(None, False, False, False))
Invocation.__doc__ = (
    "`root`: the store of this folder alone; `personal`: only your own store; `json`: print for programs."
)

_FLAGS = {"-g": "personal", "--global": "personal", "--json": "json", "--no-input": "no_input"}
ALIASES = {"search": "recall", "find": "recall", "remember": "add", "rm": "forget"}


def take(arguments: list[str]) -> tuple[Invocation, list[str]]:
    """Take the common options out of the arguments, up to a `--`; returns them and what is left."""
    found: dict[str, object] = {}
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _FLAGS:
            found[_FLAGS[argument]] = True
        elif argument == "--root":
            found["root"] = next(waiting, None)
            if not found["root"]:
                raise UsageError("--root needs a folder", hint="mem --root DIR …")
        elif argument.startswith("--root="):
            found["root"] = argument[7:]
        else:
            rest.append(argument)
    return Invocation(**found), rest


def places(invocation: Invocation, here: str | None = None) -> list[Place]:
    """The stores of an invocation in the folder `here` (the working directory), the one written to first."""
    from memcli.places import locate

    return locate(root=invocation.root, personal_only=invocation.personal, start=here)


def may_ask(invocation: Invocation) -> bool:
    """Whether there is a person at a terminal to answer a question."""
    from memcli.caller import AGENT_MARKERS

    if invocation.no_input or any(os.environ.get(marker) for marker in (*AGENT_MARKERS, "CI")):
        return False
    return sys.stdin.isatty() and sys.stderr.isatty()


class Page:
    """What a verb prints, put together before it is printed: the warm server prints for another process."""

    __slots__ = ("err", "out", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self.out: list[str] = []
        self.err: list[str] = []

    def print(self, line: str) -> None:
        """A line of data."""
        self.out.append(f"{line}\n")

    def say(self, *lines: str) -> None:
        """A message or a hint for the person."""
        self.err += [f"{printable(line)}\n" for line in lines]

    def show(self) -> None:
        """Print it in this process."""
        sys.stdout.write("".join(self.out))
        sys.stdout.flush()
        sys.stderr.write("".join(self.err))
        sys.stderr.flush()


def say(*lines: str) -> None:
    """A message or a hint for the person, on stderr."""
    for line in lines:
        print(printable(line), file=sys.stderr)


def as_json(value: object) -> str:
    """A value as JSON for programs, which print it: no string of it holds what a terminal obeys or an eye misses."""
    import json

    return json.dumps(_printable(value), ensure_ascii=False)


def _printable(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


def report(error: MemError, json_wanted: bool) -> int:
    """Print an error as one sentence and the next command to try; returns the exit code."""
    if json_wanted:
        shown = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        print(as_json({key: value for key, value in shown.items() if value}))
    else:
        say(f"mem: {error.message}")
        for identity, path, title in getattr(error, "candidates", ()):
            say(f"  {identity}  {path}  {title}")
        present = getattr(error, "present", None)
        if present:
            say("what is there now:", printable(present).strip("\n"))
        if error.hint:
            say(f"try: {error.hint}")
    return error.exit_code
