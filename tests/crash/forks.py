"""Commands in child processes that start warm (a fork of this one) and may be killed at any moment."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple


class Ended(NamedTuple):
    """How a child ended: its exit code, or None when it was killed; what it printed; how long it ran, in seconds."""

    code: int | None
    out: str
    seconds: float


class Child:
    """`mem` with these arguments in a forked process."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._started = time.monotonic()
        self._out, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _be_mem(arguments, write)
        os.close(write)

    def ended(self, kill_after: float | None = None) -> Ended:
        """Wait for the child's end, or kill it (SIGKILL) after so many seconds."""
        printed = b""
        killed = False
        while True:
            left = None if kill_after is None or killed else max(0.0, kill_after - (time.monotonic() - self._started))
            ready, _, _ = select.select([self._out], [], [], left)
            if not ready:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                killed = True
                continue
            data = os.read(self._out, 65536)
            if not data:
                break
            printed += data
        os.close(self._out)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return Ended(None if code < 0 else code, printed.decode("utf-8", "replace"), time.monotonic() - self._started)


def _be_mem(arguments: Sequence[str], write: int) -> None:
    code = 99
    try:
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        sys.argv = ["mem", *arguments]
        from memcli.__main__ import main

        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def mem(*arguments: str, kill_after: float | None = None) -> Ended:
    return Child(arguments).ended(kill_after)
