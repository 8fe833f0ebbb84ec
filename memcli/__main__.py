"""`mem`: `mem recall` goes straight to the lean path, all else loads the Typer application."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.cli.invocation import Invocation


def main() -> int:
    """Run the command line; returns the exit code."""
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


if __name__ == "__main__":
    sys.exit(main())
