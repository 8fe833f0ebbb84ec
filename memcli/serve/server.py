"""The warm server: a loop that listens, acknowledges and hands on, and a worker that answers (`serve.worker`).

What it answers is given to it: a table of kinds, each a function from a request to a reply. It serves its own user alone,
and only callers that go by the same folders and the same clock (`address.caller`); all others do without it. Nothing that
a client sends, or fails to send, stops or delays the loop; a client that sends what is no request is told so and cut off.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from memcli.serve import address
from memcli.serve.protocol import (
    CANCEL,
    MAX_REPLY,
    MAX_REQUEST,
    STATUS,
    Malformed,
    Request,
    line,
    parse,
    refusal,
    working,
)
from memcli.serve.worker import Job, Kind, Worker

MOST_CLIENTS = 64
MOST_IN_HAND = 8  # requests of one client
IDLE_CLIENT_S = 60.0  # a client that asks nothing for so long is cut off
TELL_AGAIN_S = 60.0  # how often the parent is told of a store that is asked again
_LEAVE_S = 2.0  # for the answer in hand, when leaving
_BACKLOG = 64


def run(
    path: str,
    kinds: Mapping[str, Kind],
    *,
    lifeline: int | None = None,
    on_store: Callable[[str], None] | None = None,
    facts: Callable[[], dict[str, object]] | None = None,
    first: Callable[[], None] | None = None,
) -> None:
    """Serve at a socket's path until SIGTERM, SIGINT or the end of `lifeline`, then leave nothing behind.

    `on_store` is told the folder of each store that is asked, `facts` adds to the status, `first` is done before anybody
    can ask. Raises OSError where the socket cannot be made, or another server answers there.
    """
    sys.setswitchinterval(0.0005)  # the loop must come to say "working" while an answer is being made
    if first is not None:
        first()
    server = Server(path, kinds, lifeline=lifeline, on_store=on_store, facts=facts)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.leave())
    server.serve()


class Server:
    """One server. `serve` returns when `leave` was called, from any thread or a signal handler."""

    def __init__(
        self,
        path: str,
        kinds: Mapping[str, Kind],
        *,
        lifeline: int | None = None,
        on_store: Callable[[str], None] | None = None,
        facts: Callable[[], dict[str, object]] | None = None,
        peer: Callable[[socket.socket], int] | None = None,
    ) -> None:
        self._path = path
        self._kinds = kinds
        self._on_store = on_store
        self._facts = facts
        self._peer = peer or peer_uid
        self._caller = address.caller()
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._done: deque[tuple[Job, bytes]] = deque()
        self._told: dict[str, float] = {}
        self._leaving = False
        self._began = self._last_asked = time.monotonic()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._worker = Worker(kinds, self._deliver)
        self._listener = listen(path)
        self._inode = os.lstat(path).st_ino
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake_up)
        if lifeline is not None:
            self._selector.register(lifeline, selectors.EVENT_READ, self.leave)

    def leave(self) -> None:
        """Make `serve` return soon."""
        self._leaving = True
        self._wake()

    def serve(self) -> None:
        """Answer until told to leave; then the socket is gone, and so are the connections and the worker."""
        self._worker.start()
        try:
            while not self._leaving and self._worker.is_alive():
                for key, _ in self._selector.select(timeout=IDLE_CLIENT_S / 2):
                    if isinstance(key.data, _Client):
                        self._serve_client(key.data)
                    else:
                        key.data()
                self._cut_off_idle()
        finally:
            self._close()

    def status(self) -> dict[str, object]:
        """What the server says of itself."""
        now = time.monotonic()
        found: dict[str, object] = {
            "pid": os.getpid(),
            "uptime_s": round(now - self._began, 1),
            "idle_s": round(now - self._last_asked, 1),
            "resident_mb": resident_mb(),
            "clients": len(self._clients),
            "requests": self._worker.served(),
        }
        return found | (self._facts() if self._facts else {})

    # --- what the selector calls ---

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # gone again, or too many files are open
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(0.01)
            return
        connection.setblocking(False)
        if len(self._clients) >= MOST_CLIENTS or self._peer(connection) != os.geteuid():
            connection.close()
            return
        client = _Client(connection)
        self._clients[client.number] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _serve_client(self, client: _Client) -> None:
        if client.number not in self._clients:  # what came before in the same round has closed it
            return
        if client.output:
            client.send()
        try:
            for request in client.requests():
                self._take(client, request)
        except Malformed as error:
            client.say(refusal(error.id, error))
            client.closing = True
        self._settle(client)

    def _take(self, client: _Client, request: Request) -> None:
        if request.kind == STATUS:
            client.say(line(request.id, status=self.status()))
            return
        if request.kind == CANCEL:
            client.drop(request.id)
            return
        self._last_asked = time.monotonic()
        refused = self._reason_against(client, request)
        if refused is None:
            job = Job(client.number, request)
            if self._worker.put(job):
                client.jobs[request.id] = job
                client.say(working(request.id))
                return
            refused = "busy"
        client.say(refusal(request.id, refused))

    def _reason_against(self, client: _Client, request: Request) -> str | None:
        if request.kind not in self._kinds:
            return "unknown kind"
        if request.caller != self._caller:
            return "another user's folders"
        if request.id in client.jobs or len(client.jobs) >= MOST_IN_HAND:
            return "busy"
        return None

    def _wake_up(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        while self._done:
            job, said = self._done.popleft()
            client = self._clients.get(job.connection)
            if client is not None and client.jobs.pop(job.request.id, None) is not None:
                client.say(said)
                self._settle(client)
            self._follow_up(job)

    def _follow_up(self, job: Job) -> None:
        """What comes after an answer: the parent hears which stores were asked, and the stores are looked after."""
        if job.reply is None:
            return
        now = time.monotonic()
        for folder in job.reply.stores:
            if self._on_store is not None and now - self._told.get(folder, -TELL_AGAIN_S) >= TELL_AGAIN_S:
                self._told[folder] = now
                self._on_store(folder)
        if job.reply.after is not None:
            self._worker.later(job.reply.after)

    # --- clients ---

    def _settle(self, client: _Client) -> None:
        """Close a connection that is over; else wait for what it needs next."""
        if client.gone or (client.closing and not client.output):
            self._selector.unregister(client.connection)
            del self._clients[client.number]
            client.close()
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.output else 0)
        self._selector.modify(client.connection, wanted, client)

    def _cut_off_idle(self) -> None:
        now = time.monotonic()
        for client in list(self._clients.values()):
            if not client.jobs and now - client.last_heard > IDLE_CLIENT_S:
                client.gone = True
                self._settle(client)

    # --- between the threads ---

    def _deliver(self, job: Job, said: bytes) -> None:
        self._done.append((job, said))
        self._wake()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except (BlockingIOError, OSError):
            pass  # it has been woken already, or is gone

    def _close(self) -> None:
        if _inode(self._path) == self._inode:
            os.unlink(self._path)
        self._listener.close()
        self._worker.stop(_LEAVE_S)
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._selector.close()
        self._waker.close()
        self._woken.close()


class _Client:
    """One connection: what came in, what shall go out, and the requests of it that are in hand."""

    _count = 0

    def __init__(self, connection: socket.socket) -> None:
        _Client._count += 1
        self.number = _Client._count
        self.connection = connection
        self.input = bytearray()
        self.output = bytearray()
        self.jobs: dict[str, Job] = {}
        self.last_heard = time.monotonic()
        self.gone = self.closing = False

    def requests(self) -> Iterator[Request]:
        """Read what has come, and parse what of it is whole. Raises Malformed; sets `gone` where the client left."""
        try:
            part = self.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self.gone = True
        if not part or self.closing:
            return
        self.last_heard = time.monotonic()
        self.input += part
        if b"\n" in part:
            *lines, self.input = self.input.split(b"\n")
            for one in lines:
                yield parse(bytes(one))
        if len(self.input) > MAX_REQUEST:
            raise Malformed("the request is too long")

    def say(self, said: bytes) -> None:
        self.output += said
        self.send()
        if len(self.output) > 2 * MAX_REPLY:  # it asks and does not read
            self.gone = True

    def send(self) -> None:
        try:
            while self.output:
                del self.output[: self.connection.send(self.output)]
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True

    def drop(self, identity: str) -> None:
        """Forget a request: it is not begun, or its answer is thrown away."""
        job = self.jobs.pop(identity, None)
        if job is not None:
            job.dropped = True

    def close(self) -> None:
        for identity in list(self.jobs):
            self.drop(identity)
        self.connection.close()


def listen(path: str) -> socket.socket:
    """A listening socket at a path, mode 0600 in a folder of mode 0700. A socket that nobody listens at is replaced.

    Raises OSError, also where somebody answers there.
    """
    address.make_private(os.path.dirname(path))
    if _inode(path) is not None:
        if _answers(path):
            raise OSError(errno.EADDRINUSE, "another server answers there", path)
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        address.at(path, listener.bind)
        os.chmod(path, 0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: str) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        address.at(path, probe.connect)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    finally:
        probe.close()
    return True


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end; -1 where the system does not say."""
    try:
        if sys.platform.startswith("linux"):
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return int(struct.unpack("3i", peer)[1])
        # macOS and the BSDs: LOCAL_PEERCRED of SOL_LOCAL gives a version, the user, and groups.
        return int(struct.unpack("2I", connection.getsockopt(0, 1, 8))[1])
    except OSError:
        return -1


def resident_mb() -> float | None:
    """Memory that the process has in use, in MB; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except (OSError, ValueError):
        return None


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None
