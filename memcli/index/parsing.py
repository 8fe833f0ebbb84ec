"""Files → their rows, on all cores: for many files, in processes of their own beside this one.

`Parsing` gives the rows of files in their order, whoever made them: the processes and, whenever it would have to wait, this
one. A process that cannot be started or dies costs nothing but time. They hold no file or lock of the store, write nothing,
and end with the pipe to this process: nothing is left behind, however it ends. What comes through the pipe was pickled by
a process of ours, from this very package.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Condition, Thread
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from memcli import tree
from memcli.errors import InvalidMemory, NotFound
from memcli.index.rows import EntryRow, rows_of
from memcli.places import Place
from memcli.walk import Found

RACY_NS = 50_000_000
"""A file changed this shortly before it was read may change again without showing it in its stat."""

WORTH_IT = 1_000_000  # bytes to read from which starting processes pays; they take a tenth of a second
MOST_PROCESSES = 3
_FILE = 1_000  # bytes that a file counts for besides its own
_BATCH = 128_000  # bytes of one request
_AHEAD = 8  # batches that wait to be taken: what bounds memory
_LENGTH = struct.Struct(">Q")


class Read(NamedTuple):
    """A file as it was read: its rows, or None and the reason in `item.problem`."""

    item: Found
    row: EntryRow | None


def read(place: Place, item: Found) -> Read:
    if item.problem:
        return Read(item, None)
    try:
        data = tree.read(place, item.path)
        if data.startswith(b"<<<<<<< ") or (b"\n<<<<<<< " in data and b"\n>>>>>>> " in data):
            return Read(item._replace(problem="it holds merge conflict markers"), None)
        row = rows_of(item.path, data)
    except NotFound:
        return Read(item._replace(problem="it vanished while it was read"), None)
    except InvalidMemory as error:
        return Read(item._replace(problem=error.message.split(": ", 1)[-1]), None)
    if time.time_ns() - item.mtime_ns <= RACY_NS:
        item = item._replace(mtime_ns=0)
    # The text is in the passages; what nobody reads again would only be carried from process to process.
    return Read(item, row._replace(memory=replace(row.memory, body="", turns=())))


class Parsing:
    """The rows of these files, in order: to be iterated once, within `with`."""

    def __init__(self, place: Place, items: Sequence[Found]) -> None:
        self._place = place
        self._batches = list(_batches(items))
        self._taken = self._wanted = 0  # batches: begun by someone, given out
        self._given_back: list[int] = []
        self._made: dict[int, list[Read]] = {}
        self._change = Condition()
        self._closed = False
        work = sum(item.size + _FILE for item in items)
        wanted = min(_cores() - 1, MOST_PROCESSES, len(self._batches) - 1) if work >= WORTH_IT else 0
        self._threads = [Thread(target=self._delegate, daemon=True) for _ in range(wanted)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Read]:
        for number in range(len(self._batches)):
            yield from self._batch(number)

    def _batch(self, number: int) -> list[Read]:
        while True:
            with self._change:
                self._wanted = number
                self._change.notify_all()
                while number not in self._made and self._next() is None:
                    self._change.wait()
                if number in self._made:
                    return self._made.pop(number)
                mine = self._take()
            made = [read(self._place, item) for item in self._batches[mine]]
            with self._change:
                self._made[mine] = made

    # --- who makes what; all within `self._change`

    def _next(self) -> int | None:
        """The batch to be begun next; None while enough of them wait to be given out."""
        if self._given_back:
            return min(self._given_back)
        begin = self._taken < min(len(self._batches), self._wanted + _AHEAD)
        return self._taken if begin else None

    def _take(self) -> int:
        if self._given_back:
            number = min(self._given_back)
            self._given_back.remove(number)
            return number
        self._taken += 1
        return self._taken - 1

    # --- another process

    def _delegate(self) -> None:
        """Have another process make batches until there are none; in a thread of its own, which mostly waits."""
        process = _start()
        if process is None:
            return
        try:
            while (number := self._wait_for_work()) is not None:
                made = None
                try:
                    made = _ask(process, (self._place.folder, self._batches[number]))
                finally:
                    with self._change:
                        if made is None:
                            self._given_back.append(number)
                        else:
                            self._made[number] = made
                        self._change.notify_all()
                if made is None:
                    return
        finally:
            process.kill()
            process.communicate()

    def _wait_for_work(self) -> int | None:
        with self._change:
            while not self._closed and self._next() is None:
                if self._taken == len(self._batches):
                    return None
                self._change.wait()
            return None if self._closed else self._take()


def _batches(items: Sequence[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size + _FILE
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_MAIN = "import sys; sys.path.insert(0, sys.argv[1]); from memcli.index import parsing; parsing.serve()"


def _start() -> subprocess.Popen[bytes] | None:
    """A process that runs `serve`, or None. `-P`: the working folder is somebody's repository, nothing to import from."""
    if not sys.executable:
        return None
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, package],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None


def _ask(process: subprocess.Popen[bytes], question: object) -> list[Read] | None:
    """What the process makes of a batch; None if it does not answer."""
    assert process.stdin is not None and process.stdout is not None
    try:
        _send(process.stdin, question)
        made: list[Read] | None = _receive(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return made


def serve() -> None:
    """Answer batches, (folder of the store, files), with their rows until the pipe is closed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        while True:
            folder, items = _receive(questions)
            place = Place(folder)
            _send(answers, [read(place, item) for item in items])
    except (EOFError, OSError):
        return


def _send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)
