"""A warm server in a thread of the test, and clients that say what they like."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from memcli import __version__
from memcli.cli.serving import Kinds
from memcli.serve import address, client
from memcli.serve.server import Server
from memcli.serve.worker import Kind
from memcli.view import View
from tests.command import run_mem

LONG_S = 10.0  # nothing takes so long


@contextmanager
def serving(kinds: Mapping[str, Kind] | None = None, **options: Any) -> Iterator[Server]:
    """A server where the client looks for it; gone, and its thread with it, at the end."""
    server = Server(address.socket_path(), Kinds().table() if kinds is None else kinds, **options)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.leave()
        thread.join(LONG_S)
        assert not thread.is_alive()
        assert not os.path.lexists(address.socket_path())


def request(kind: str = "recall", *arguments: str, id: str = "1", **changes: Any) -> dict[str, Any]:
    """A request as a good client sends it, but for `changes`."""
    good = {
        "mem": address.PROTOCOL, "version": __version__, "id": id, "kind": kind, "deadline_ms": 5000,
        "caller": address.caller(), "arguments": list(arguments), "here": os.getcwd(), "width": 80, "colour": False,
        "stdin": None,
    }  # fmt: skip
    return good | changes


class Connection:
    """A client of its own make."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LONG_S)
        address.at(address.socket_path(), self.socket.connect)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *requests: dict[str, Any] | bytes) -> None:
        for one in requests:
            self.socket.sendall(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n")

    def line(self) -> dict[str, Any] | None:
        """The next line; None where the server has closed the connection."""
        said = self._file.readline()
        found: dict[str, Any] | None = json.loads(said) if said else None
        return found

    def reply(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What is answered, after "working"."""
        self.send(asked)
        first = self.line()
        return self.line() if first and first.get("state") == "working" else first


@contextmanager
def pretending(talk: Callable[[socket.socket], None] | None, backlog: int = 5) -> Iterator[socket.socket]:
    """Something that listens where a server would and talks as told; with None it accepts nobody."""
    path = address.socket_path()
    address.make_private(os.path.dirname(path))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    address.at(path, listener.bind)
    os.chmod(path, 0o600)
    listener.listen(backlog)
    listener.settimeout(0.05)
    leaving = threading.Event()

    def accept() -> None:
        taken = []
        while not leaving.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            taken.append(connection)
            try:
                if talk is not None:
                    talk(connection)
            except OSError:  # the client has hung up, as it should
                pass
        for connection in taken:
            connection.close()

    thread = threading.Thread(target=accept) if talk is not None else None
    if thread:
        thread.start()
    try:
        yield listener
    finally:
        leaving.set()
        if thread:
            thread.join(LONG_S)
        listener.close()
        os.unlink(path)


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


def ask(*words: str, here: str | None = None) -> tuple[int, str, str] | None:
    """What the server answers to a `mem recall`."""
    return client.ask("recall", ["recall", *words], View(here or os.getcwd(), 80, False))


def cold(*words: str) -> tuple[int, str, str]:
    return tuple(run_mem("recall", *words, model=True))  # type: ignore[return-value]


def same(*words: str) -> tuple[int, str, str]:
    """What the server answers, which is what a process of its own does."""
    warm = ask(*words)
    assert warm is not None, "the server did not answer"
    assert warm == cold(*words)
    return warm
