"""The watcher: keeps indexes in step with the files, and the warm server running, by means of two child processes.

This process only listens: to the file system (`serve.events`), to its children and to signals. It reads no memory and opens
no index, so that however much there is to index, no event waits. Events become looks (`serve.debounce`), looks are the
indexer's work (`serve.indexer`). All of a store is looked at when it is first watched, when events may have been lost, after
the machine slept, and every few minutes.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

from memcli.errors import MemError
from memcli.places import Place, personal
from memcli.serve import address, client, lifetime
from memcli.serve.children import Child, python
from memcli.serve.debounce import Debounce
from memcli.serve.events import Touched
from memcli.serve.options import Options
from memcli.serve.watched import EVENTS, NOTHING, Stores, Watched

TICK_S = 1.0
AWAY_S = 30.0  # a tick that comes this much too late by the clock on the wall: the machine slept
INDEXER_IDLE_S = 60.0
RETRY_S = (1.0, 5.0, 30.0, 300.0)  # after a look that failed
STATUS_EVERY_S = 0.5
_STOP_S = 5.0
_UP_S = 20.0


class Watcher:
    """One watcher; the caller holds the lock. `tell` gets a sentence for each thing done, `show` the status when it changes."""

    def __init__(
        self,
        places: Iterable[Place],
        options: Options,
        *,
        tell: Callable[[str], None],
        show: Callable[[dict[str, Any]], None] = lambda status: None,
    ) -> None:
        self._options = options
        self._tell = tell
        self._show = show
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe()
        self._lifeline, self._life = os.pipe()
        for descriptor in (self._woken, self._waker):
            os.set_blocking(descriptor, False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake_up)
        self._touched = Touched(self._wake)
        self._debounce = Debounce()
        self._stores = Stores(self._touched, self._debounce, tell, poll_seconds=options.poll_seconds)
        self._indexer = Child(
            [*python("memcli.serve.indexer"), str(self._lifeline)], self._lifeline, self._heard_indexer
        )
        server = [*(options.server or ()), "--lifeline", str(self._lifeline), "--tell", "1"]
        self._server = Child(server, self._lifeline, self._heard_server) if options.server else None
        self._embed_again = 0.0  # when to embed again after it killed the indexer; 0: it is allowed
        self._embed_deaths = 0
        self._leaving: str | None = None
        self._since = time.time()
        now = time.monotonic()
        self._active = self._indexer_active = now
        self._next_tick = now
        self._clocks = (now, time.time())
        self._shown: tuple[float, dict[str, Any]] = (0.0, {})
        for place in places:
            self._stores.add(place, asked_for=True)

    def run(self, ready: Callable[[], None] = lambda: None) -> str:
        """Watch until a signal or idleness ends it; returns why it ended. `ready` is called once all is up."""
        before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        up_by = time.monotonic() + _UP_S
        try:
            while self._leaving is None:
                self._step()
                if up_by and (self._is_up() or time.monotonic() > up_by):
                    up_by = 0.0
                    self._write_status(force=True)
                    ready()
            return self._leaving
        finally:
            self._close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self, why: str) -> None:
        """Make `run` return soon. May be called from a signal handler."""
        self._leaving = self._leaving or why
        self._wake()

    # --- the loop ---

    def _step(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            key.data()
        now = time.monotonic()
        for store, folders in self._touched.take().items():
            self._take(store, folders, now)
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._tick(now)
        self._hand_out(time.monotonic())
        self._write_status()

    def _patience(self) -> float:
        due = self._debounce.next_due()
        until = min(self._next_tick, self._next_tick if due is None else max(due, self._indexer.not_before))
        return max(0.0, until - time.monotonic())

    def _take(self, folder: str, folders: set[str] | None, now: float) -> None:
        store = self._stores.get(folder)
        if store is None:
            return
        self._active = now
        if folders is None:
            self._debounce.everything(folder, now)
            if store.mode == EVENTS:  # events were lost, or a tree was: with them perhaps what watched its folders
                store.stale = True
                self._next_tick = now
        else:
            self._debounce.touch(folder, folders, now)

    def _tick(self, now: float) -> None:
        """What is looked at every second: trees that came and went, the clocks, who is idle, who has to be started."""
        away = (time.time() - self._clocks[1]) - (now - self._clocks[0])
        self._clocks = (now, time.time())
        if away > AWAY_S:
            self._tell(f"the machine slept for {away:.0f} seconds; everything is looked at again")
        for store in self._stores:
            self._stores.tend(store, now)
            period = 60 * self._options.reconcile_minutes
            if store.mode != NOTHING and (away > AWAY_S or (period and now - store.checked > period)):
                self._stores.look_at_all(store, now)
        self._tend_server(now)
        self._rest(now)

    def _rest(self, now: float) -> None:
        """Let the indexer go when it has had nothing to do for a while; leave, where the user wants that, after longer."""
        pending = any(store.waiting and not store.words_only for store in self._stores)
        if self._embed_again and now >= self._embed_again:
            self._embed_again = 0.0
            for store in self._stores:
                self._debounce.touch(store.place.folder, (), now)
        if self._debounce.in_hand or (pending and not self._embed_again):
            self._indexer_active = now
        if self._indexer.pid and now - self._indexer_active > INDEXER_IDLE_S:
            self._indexer.finish()
        idle_s = 60 * self._options.idle_minutes
        if idle_s and now - self._active > idle_s:
            unasked = float((client.status() or {}).get("idle_s", idle_s))
            if unasked >= idle_s:
                self.leave(f"nothing happened for {self._options.idle_minutes:g} minutes")
            self._active = now - unasked

    # --- the indexer ---

    def _hand_out(self, now: float) -> None:
        due = self._debounce.next_due()
        if due is None or due > now or now < self._indexer.not_before:
            return
        if self._indexer.pid is None and not self._start(self._indexer, self._listen_to_indexer):
            return
        for folder, folders in self._debounce.due(now):
            store = self._stores.get(folder)
            assert store is not None
            work = {"store": folder, "label": store.place.label, "folders": folders, "embed": not self._embed_again}
            if not self._indexer.send(json.dumps(work)):
                self._debounce.failed(folder, now, wait=0.0)  # it is going; the next one does it
        self._indexer_active = now

    def _listen_to_indexer(self) -> None:
        output = self._indexer.output
        assert output is not None
        code = self._indexer.listen()
        if code is None:
            return
        self._selector.unregister(output)
        now = time.monotonic()
        in_hand = self._debounce.in_hand
        for store in self._stores:
            folder = store.place.folder
            if code != 0 and folder in in_hand:
                store.failures += 1
                self._debounce.failed(folder, now, wait=_wait(store.failures))
            elif code != 0 or folder in in_hand:
                self._debounce.failed(folder, now, wait=0.0)
        if code != 0:
            self._tell(
                f"the indexer {_ended(code)}; it is started again in {self._indexer.not_before - now:.1f} seconds"
            )
            if not in_hand or self._embed_deaths:  # it was embedding: words shall not suffer for that
                self._embed_deaths += 1
                self._embed_again = now + _wait(self._embed_deaths)

    def _heard_indexer(self, line: str) -> None:
        said = _json_object(line)
        if said is None:
            self._tell(f"indexer: {line}")
            return
        now = time.monotonic()
        if "note" in said:
            self._tell(str(said["note"]))
        store = self._stores.get(str(said.get("done") or said.get("embedded")))
        if store is None:
            return
        self._indexer_active = now
        before, store.waiting = store.waiting, said.get("waiting", store.waiting)
        if "done" in said:
            self._looked_at(store, said, now)
        elif said["problem"] != store.words_only:
            store.words_only = said["problem"]
            if store.words_only:
                self._tell(f"{store.place.folder}: found by words only: {store.words_only}")
        if "embedded" in said and not store.waiting:
            self._embed_deaths = 0
            if before:
                self._tell(f"{store.place.folder}: every vector is there")

    def _looked_at(self, store: Watched, said: dict[str, Any], now: float) -> None:
        folder = store.place.folder
        if "error" in said:
            store.failures += 1
            self._debounce.failed(folder, now, wait=_wait(store.failures))
            if said["error"] != store.problem:
                self._tell(f"{folder}: {said['error']}")
            store.problem = said["error"]
            return
        self._debounce.done(folder)
        self._indexer.proved()
        store.failures, store.problem = 0, None
        store.looked_at = time.time()
        done = [f"{said[what]} {what}" for what in ("added", "changed", "removed") if said.get(what)]
        if done or said.get("rebuilt"):
            rebuilt = f"the index was rebuilt ({said['rebuilt']}); " if said.get("rebuilt") else ""
            self._tell(
                f"{folder}: {rebuilt}{', '.join(done) or 'nothing had changed'} in {said['seconds']:.2f} seconds"
            )

    def _start(self, child: Child, listen: Callable[[], None]) -> bool:
        """Start a child and listen to it; False, to be tried again, where the system has no room for it now."""
        try:
            child.start()
        except OSError as error:
            self._tell(f"a process could not be started: {error}")
            return False
        assert child.output is not None
        self._selector.register(child.output, selectors.EVENT_READ, listen)
        return True

    # --- the server ---

    def _tend_server(self, now: float) -> None:
        if self._server is None or self._server.pid is not None or now < self._server.not_before:
            return
        self._start(self._server, self._listen_to_server)

    def _listen_to_server(self) -> None:
        assert self._server is not None
        output = self._server.output
        assert output is not None
        code = self._server.listen()
        if code is not None:
            self._selector.unregister(output)
            wait = max(0.0, self._server.not_before - time.monotonic())
            self._tell(f"the server {_ended(code)}; it is started again in {wait:.1f} seconds")

    def _heard_server(self, line: str) -> None:
        try:
            folder = json.loads(line)
        except ValueError:
            folder = None
        if not isinstance(folder, str):
            self._tell(f"server: {line}")
            return
        self._active = time.monotonic()
        try:
            own = personal()
            self._stores.add(own if folder == own.folder else Place(folder), asked_for=False)
            self._next_tick = 0.0
        except MemError as error:
            self._tell(f"{folder}: {error.message}")

    # --- what is said of it all ---

    def _is_up(self) -> bool:
        return self._server is None or (self._server.pid is not None and address.is_our_socket(address.socket_path()))

    def status(self) -> dict[str, Any]:
        """How the watcher is doing, as `mem watch status` tells it."""
        server = self._server
        return {
            "pid": os.getpid(), "since": self._since,
            "indexer": self._indexer.pid,
            "server": server.pid if server else None,
            "address": address.socket_path() if server else None,
            "stores": [store.facts(behind=self._debounce.waits(store.place.folder)) for store in self._stores],
        }  # fmt: skip

    def _write_status(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._shown[0] < STATUS_EVERY_S:
            return
        status = self.status()
        if status != self._shown[1]:
            self._shown = (now, status)
            self._show(status)
            try:
                lifetime.write_status(status)
            except OSError as error:  # a disk that is full is no reason to stop
                self._tell(f"the status could not be written: {error}")

    # --- beginning and end ---

    def _on_signal(self, number: int, _: object) -> None:
        self.leave({signal.SIGINT: "stopped", signal.SIGHUP: "its terminal has gone"}.get(number, "told to stop"))  # type: ignore[call-overload]

    def _wake(self) -> None:
        try:
            os.write(self._waker, b"\0")
        except (BlockingIOError, OSError):
            pass  # it has been woken already, or is leaving

    def _wake_up(self) -> None:
        try:
            os.read(self._woken, 4096)
        except BlockingIOError:
            pass

    def _close(self) -> None:
        self._stores.close()
        self._indexer.stop(_STOP_S)
        if self._server is not None:
            self._server.stop(_STOP_S)
        for descriptor in (self._woken, self._waker, self._lifeline, self._life):
            os.close(descriptor)
        self._selector.close()


def _wait(failures: int) -> float:
    return RETRY_S[min(failures, len(RETRY_S)) - 1]


def _ended(code: int) -> str:
    return f"was killed (signal {-code})" if code < 0 else f"ended with code {code}"


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
