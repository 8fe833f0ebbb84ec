"""The one thread that answers, so that the loop which listens never waits for an answer.

One, because an answer is work for the processor and Python runs one thread at a time: two would finish both questions later.
What waits is bounded; what nobody waits for any more is not begun.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from statistics import median

from memcli.serve.protocol import Refused, Reply, Request, answer, refusal

MOST_WAITING = 32  # questions; the next one is refused at once
LONG_S = 0.25  # what takes longer may take for ever: who asks meanwhile is not made to wait for it
_REMEMBERED = 512  # durations of each kind, for the median and the 95th percentile

Kind = Callable[[Request], Reply]


class Job:
    """A request in hand. `dropped`: nobody waits for its answer; `connection` names who asked."""

    __slots__ = ("began", "connection", "dropped", "reply", "request")

    def __init__(self, connection: int, request: Request) -> None:
        self.connection = connection
        self.request = request
        self.began = time.monotonic()
        self.dropped = False
        self.reply: Reply | None = None

    def is_late(self) -> bool:
        return 1000 * (time.monotonic() - self.began) > self.request.deadline_ms


class Worker:
    """Answers jobs in their order. `deliver` is called from its thread with each finished job and the line to send."""

    def __init__(self, kinds: Mapping[str, Kind], deliver: Callable[[Job, bytes], None]) -> None:
        self._kinds = kinds
        self._deliver = deliver
        self._waiting: deque[Job] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._leaving = False
        self._busy_since: float | None = None
        self._took: dict[str, deque[float]] = {kind: deque(maxlen=_REMEMBERED) for kind in kinds}
        self._served = dict.fromkeys(kinds, 0)
        self._thread = threading.Thread(target=self._run, name="mem-answers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Begin nothing more, and wait this many seconds for what is being done."""
        with self._wake:
            self._leaving = True
            self._wake.notify()
        self._thread.join(timeout)

    def put(self, job: Job) -> bool:
        """Take a job; False where too many wait, or for too long."""
        since = self._busy_since
        with self._wake:
            if len(self._waiting) >= MOST_WAITING or (since is not None and time.monotonic() - since > LONG_S):
                return False
            self._waiting.append(job)
            self._wake.notify()
        return True

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def later(self, task: Callable[[], None]) -> None:
        """Do this when no question waits."""
        with self._wake:
            self._later.append(task)
            self._wake.notify()

    def served(self) -> dict[str, dict[str, float]]:
        """By kind of request, how many were answered and the time they took, waiting included."""
        found = {}
        for kind, count in self._served.items():
            found[kind] = {"count": float(count)}
            took = sorted(self._took[kind])
            if took:
                p95 = took[math.ceil(0.95 * len(took)) - 1]
                found[kind] |= {"median_ms": round(1000 * median(took), 2), "p95_ms": round(1000 * p95, 2)}
        return found

    def _run(self) -> None:
        while True:
            with self._wake:
                self._busy_since = None
                self._wake.wait_for(lambda: self._leaving or self._waiting or self._later)
                if self._leaving:
                    return
                self._busy_since = time.monotonic()
                job = self._waiting.popleft() if self._waiting else None
                task = None if job else self._later.popleft()
            if job:
                self._answer(job)
            elif task:
                _attempt(task)

    def _answer(self, job: Job) -> None:
        if job.dropped:
            return
        identity = job.request.id
        if job.is_late():
            self._deliver(job, refusal(identity, "late"))
            return
        try:
            job.reply = self._kinds[job.request.kind](job.request)
            said = answer(identity, job.reply)
            self._served[job.request.kind] += 1
            self._took[job.request.kind].append(time.monotonic() - job.began)
        except Refused as refused:
            said = refusal(identity, refused)
        except Exception as error:
            # The caller does it without the server, and reports what is wrong where that fails too.
            traceback.print_exc()
            said = refusal(identity, type(error).__name__)
        self._deliver(job, said)


def _attempt(task: Callable[[], None]) -> None:
    try:
        task()
    except Exception:  # nobody waits for it; the log says what was wrong
        traceback.print_exc()
