"""The watcher's child processes: started, heard line by line, started again (later and later) when they die.

A child holds the reading end of the watcher's lifeline, whose end it takes as its own: however the watcher dies, no child
outlives it. Children are told what to do on their standard input and answer on their standard output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from memcli.serve.lifetime import child_environment

BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
STEADY_S = 10.0  # a child that lived for so long is not one that cannot live
_MOST_LINE = 1 << 20


def python(module: str) -> list[str]:
    """The command that runs a module of ours with this Python, and with nothing from the working directory."""
    return [sys.executable, "-P", "-m", module]


class Child:
    """One child, running or not. `heard` is called with each line that it says."""

    def __init__(self, command: Sequence[str], lifeline: int, heard: Callable[[str], None]) -> None:
        self._command = list(command)
        self._lifeline = lifeline
        self._heard = heard
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._began = 0.0
        self._deaths = 0
        self.not_before = 0.0  # on the monotonic clock: when it may be started again

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def output(self) -> int | None:
        """The descriptor to listen at, then to call `listen`."""
        return self._process.stdout.fileno() if self._process and self._process.stdout else None

    def start(self) -> None:
        """Start it. Raises OSError, and then is not to be tried again at once."""
        self.not_before = time.monotonic() + BACK_OFF_S[3]
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=[self._lifeline], env=child_environment(), cwd="/", start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._rest = b""
        self._began = time.monotonic()
        self.not_before = 0.0

    def proved(self) -> None:
        """It did what it is for: its next death is as its first."""
        self._deaths = 0

    def send(self, line: str) -> bool:
        """Say a line to it; False where it has gone."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line.encode("ascii") + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def finish(self) -> None:
        """Let it leave when it has done what it was told."""
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass

    def listen(self) -> int | None:
        """Hear what it said; returns its exit code when it is gone (a signal's number below zero), None while it runs."""
        assert self._process is not None and self._process.stdout is not None
        gone = False
        while True:
            try:
                part = os.read(self._process.stdout.fileno(), 65536)
            except BlockingIOError:
                break
            if not part:
                gone = True
                break
            *lines, self._rest = (self._rest + part).split(b"\n")
            for line in lines:
                self._heard(line.decode("utf-8", "replace"))
            self._rest = self._rest[-_MOST_LINE:]
        return self._buried() if gone else None

    def stop(self, patience: float) -> None:
        """End it, at the latest by force after `patience` seconds."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        self._buried()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            pass

    def _buried(self) -> int:
        """Wait for its end, and say when it may be started again."""
        assert self._process is not None
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass
        code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        now = time.monotonic()
        if code == 0:
            self._deaths, self.not_before = 0, 0.0
        else:
            self._deaths = 1 if now - self._began > STEADY_S else self._deaths + 1
            self.not_before = now + BACK_OFF_S[min(self._deaths, len(BACK_OFF_S)) - 1]
        return code
