"""`mem`: `mem recall` asks the warm server, where one runs, or goes straight to the lean path, and so does `mem hook`; all else
loads the Typer application."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from memcli.cli.invocation import Invocation

_SERVED = ("recall", "search", "find")
_FLAGS = ("-g", "--global", "--json", "--no-input")  # what may stand before a verb, besides --root DIR


def main() -> int:
    """Run the command line; returns the exit code."""
    if _verb(sys.argv[1:]) == "hook":
        from memcli.agents import hook

        return hook.main(sys.argv[sys.argv.index("hook") + 1 :])
    if _may_be_served(sys.argv[1:]):
        try:
            code = _ask_server(sys.argv[1:])
        except (KeyboardInterrupt, BrokenPipeError) as error:
            return _stopped(error)
        if code is not None:
            return code
    return _run_here()


def _run_here() -> int:
    """The command line run in this process."""
    from memcli.cli.invocation import ALIASES, report, take
    from memcli.errors import MemError, Unexpected

    as_json = "--json" in sys.argv
    try:
        invocation, arguments = take(sys.argv[1:])
        if arguments:
            arguments[0] = ALIASES.get(arguments[0], arguments[0])
        try:
            return _run(invocation, arguments)
        except Exception as error:  # damage to an index shows wherever one of its pages is read
            from memcli.cli.damage import discard_damaged

            discard_damaged(error, invocation, arguments)
            return _run(invocation, arguments)
    except MemError as error:
        return report(error, as_json)
    except (KeyboardInterrupt, BrokenPipeError) as error:
        return _stopped(error)
    except Exception as error:
        if os.environ.get("MEM_DEBUG"):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "repeat with MEM_DEBUG=1 for the details; your memories are files and safe"
        return report(Unexpected(f"something unforeseen failed ({said})", hint=hint), as_json)


def _may_be_served(arguments: list[str]) -> bool:
    """Whether this is a question, put where the server's answer can be printed as it is. MEM_COLD=1 asks no server."""
    if os.name != "posix" or os.environ.get("MEM_COLD") or os.environ.get("MEM_DEBUG"):
        return False
    encodings = {getattr(stream, "encoding", None) for stream in (sys.stdout, sys.stderr)}
    return _verb(arguments) in _SERVED and encodings == {"utf-8"}


def _verb(arguments: list[str]) -> str | None:
    waiting = iter(arguments)
    for word in waiting:
        if word == "--root":
            next(waiting, "")
        elif word not in _FLAGS and not word.startswith("--root="):
            return word
    return None


def _ask_server(arguments: list[str]) -> int | None:
    """Print what the warm server answers; returns the exit code, or None where nobody does."""
    from memcli.serve import client
    from memcli.view import View

    try:
        view = View.of_process()
    except OSError:  # the working directory is gone
        return None
    answer = client.ask("recall", arguments, view)
    if answer is None:
        return None
    code, out, err = answer
    sys.stdout.write(out)
    sys.stdout.flush()
    if err:
        sys.stderr.write(err)
    return code


def _stopped(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    # The reader of our output has gone (`| head`); say nothing more, not even at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(invocation: Invocation, arguments: list[str]) -> int:
    if arguments and arguments[0] == "recall":
        from memcli.cli import recall

        options = recall.parse(arguments[1:])
        if options is not None:
            return recall.run(invocation, options)
    from memcli.cli.app import run

    return run(invocation, arguments)


def script() -> NoReturn:
    """The installed command.

    A recall is over before it pays to look for garbage, and ends without taking Python apart module by module, which together
    is a sixth of the time of one that starts cold: all it opened is closed by then, and all it wrote is written. Other verbs
    live and end as programs do, for what their libraries still have to tidy.
    """
    if _verb(sys.argv[1:]) == "hook":
        gc.disable()
        from memcli.agents import hook

        hook.script(sys.argv[sys.argv.index("hook") + 1 :])
    if _verb(sys.argv[1:]) in _SERVED and "--batch" not in sys.argv:
        gc.disable()
    code = main()
    if "typer" not in sys.modules:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # nobody reads any more
            pass
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    script()
