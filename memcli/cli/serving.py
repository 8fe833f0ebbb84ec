"""What the warm server answers, by kind of request, and the process that does: `python -m memcli.cli.serving`.

The functions are those of the cold path, given what the request says of its caller. What needs the caller itself is refused,
and so is everything out of the ordinary (help, an unknown option, an error, an index to be made anew): the caller then does
it, with every message in its place.
"""

from __future__ import annotations

import os
import sys
import time

from memcli import config
from memcli.agents import respond
from memcli.cli import recall
from memcli.cli.invocation import ALIASES, Page, take
from memcli.errors import MemError
from memcli.index import db
from memcli.recall.shelf import Shelf
from memcli.serve.protocol import Refused, Reply, Request
from memcli.serve.worker import Kind


class Kinds:
    """The kinds of requests, and what they keep between them. One thread calls them."""

    def __init__(self) -> None:
        self._shelf = Shelf()

    def table(self) -> dict[str, Kind]:
        return {"recall": self._recall, "hook": self._hook}

    def facts(self) -> dict[str, object]:
        """What the server's status says besides."""
        return {"stores": self._shelf.stores()}

    def warm_up(self) -> None:
        """Load what the first question would have to wait for: the model."""
        try:
            self._shelf.encoder(config.load()).encode("warm up")
        except MemError:
            pass  # settings that cannot be read: who asks is told

    def _recall(self, request: Request) -> Reply:
        if hasattr(time, "tzset"):
            time.tzset()  # the clock's zone may have been changed since the server began
        try:
            invocation, arguments = take(request.arguments)
            options = _options(arguments, request.stdin)
            page = Page(request.view)
            with recall.opened(invocation, options, page, self._shelf) as opened:
                code = recall.answer_on(page, opened, invocation, options, recall.filter_of(options))
        except MemError as error:  # the caller meets the same, and reports it
            raise Refused(type(error).__name__) from None
        except db.DatabaseError as error:
            self._shelf.clear()
            raise Refused(str(error)) from None

        def settle() -> None:
            opened.walk_where_due()
            self._shelf.tidy()

        stores = tuple(source.place.folder for source in opened.sources)
        return Reply(code, "".join(page.out), "".join(page.err), stores, settle)

    def _hook(self, request: Request) -> Reply:
        agent, event, *marks = [*request.arguments, "", ""] if len(request.arguments) < 2 else request.arguments
        if not respond.is_told(agent, event):
            raise Refused("nothing is said then")
        if hasattr(time, "tzset"):
            time.tzset()
        said = respond.respond(
            agent, event, marks, request.stdin or "", here=request.view.here, now=time.time(), until=request.until,
            shelf=self._shelf,
        )  # fmt: skip
        return Reply(0, said.text, "", said.stores, self._shelf.tidy)


def _options(arguments: list[str], stdin: str | None) -> recall.Options:
    """The options of a recall, its question read. Raises Refused for what only the caller can do."""
    verb = arguments[0] if arguments else ""
    options = recall.parse(arguments[1:]) if ALIASES.get(verb, verb) == "recall" else None
    if options is None or options.batch:
        raise Refused("not a question")
    if options.query != "-":
        return options
    if stdin is None:
        raise Refused("the question was not sent")
    return options._replace(query=stdin)


def serve(path: str, *, lifeline: int | None = None, tell: int | None = None) -> None:
    """Serve at a socket's path until told to leave (`serve.server.run`).

    To the descriptor `tell` is written, as JSON and one a line, the folder of each store that is asked.
    """
    import json

    from memcli.serve import server

    def told(folder: str) -> None:
        if tell is not None:
            os.write(tell, json.dumps(folder).encode("ascii") + b"\n")

    kinds = Kinds()
    server.run(path, kinds.table(), lifeline=lifeline, on_store=told, facts=kinds.facts, first=kinds.warm_up)


def _main() -> int:
    import argparse

    from memcli.serve import address, lifetime

    parser = argparse.ArgumentParser(prog="mem-server", description=__doc__)
    parser.add_argument("--lifeline", type=int, help="a descriptor whose end means: leave")
    parser.add_argument("--tell", type=int, help="a descriptor to name the stores on that are asked")
    arguments = parser.parse_args()
    serve(address.socket_path(), lifeline=arguments.lifeline, tell=arguments.tell)
    lifetime.tidy()  # where the watcher was killed, nobody else does
    return 0


if __name__ == "__main__":
    sys.exit(_main())
