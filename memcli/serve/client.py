"""Asking the warm server: connect, send one request, read two lines. Whatever is not as expected means None, and the caller
does the work itself.

Within PATIENCE_S somebody must have said "working", or nobody is waited for: no server, a stale socket, a full queue, a
stopped process, another version, garbage. Who said so has ANSWER_S to answer, since a large store needs its time once.
Lean as nothing else is: the parts of the standard library that matter are taken below their Python (socket and json would
take 17 ms to import, a third of a whole recall), so requests are written and replies read here, by a grammar that admits
what `serve.protocol` writes and nothing else.
"""

from __future__ import annotations

import time

from memcli import __version__
from memcli.serve import address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json.encoder import encode_basestring_ascii as quoted
    from socket import AF_UNIX, SOCK_STREAM, socket
    from typing import Any

    from memcli.view import View

    def scanstring(text: str, end: int) -> tuple[str, int]: ...
else:
    try:
        from _json import encode_basestring_ascii as quoted
        from _json import scanstring
        from _socket import AF_UNIX, SOCK_STREAM, socket
    except ImportError:  # another Python than CPython
        from json.decoder import scanstring
        from json.encoder import encode_basestring_ascii as quoted
        from socket import AF_UNIX, SOCK_STREAM, socket

PATIENCE_S = 0.015
"""Until "working" is said. A recall that nobody answers starts at most 20 ms later than it would have."""
ANSWER_S = 2.0
MOST = 8 << 20  # bytes of a reply, as `protocol.MAX_REPLY`
MOST_ASKED = 1 << 20  # bytes of a request, as `protocol.MAX_REQUEST`

_HEAD = f'{{"mem":{address.PROTOCOL},"version":{quoted(__version__)},"id":"1",'
_WORKING = f'{_HEAD}"state":"working"}}\n'.encode("ascii")
_ANSWER = f'{_HEAD}"code":'
_STATUS = f'{_HEAD}"status":'


def ask(
    kind: str,
    arguments: list[str],
    view: View,
    stdin: str | None = None,
    *,
    patience: float | None = None,
    within: float | None = None,
) -> tuple[int, str, str] | None:
    """(exit code, stdout, stderr) as the server has them for a command line; None where it is not there, declines, does not
    say "working" within `patience` seconds (PATIENCE_S), or does not answer `within` so many (ANSWER_S)."""
    within = ANSWER_S if within is None else within
    said = (
        f'{_HEAD}"kind":{quoted(kind)},"deadline_ms":{max(1, int(1000 * within))},"caller":{_listed(address.caller())},'
        f'"arguments":{_listed(arguments)},"here":{quoted(view.here)},"width":{view.width},'
        f'"colour":{"true" if view.colour else "false"},"stdin":{"null" if stdin is None else quoted(stdin)}}}\n'
    )
    line = _asked(said, _WORKING, PATIENCE_S if patience is None else patience, within)
    return None if line is None else _read_answer(line)


def status() -> dict[str, Any] | None:
    """What the server says of itself (`server.Server.status`); None where there is none."""
    line = _asked(f'{_HEAD}"kind":"status"}}\n', b"", ANSWER_S, ANSWER_S)
    if line is None or not line.startswith(_STATUS):
        return None
    import json  # for people who ask how it is; no recall comes here

    found: dict[str, Any] = json.loads(line)["status"]
    return found


def _listed(values: list[str]) -> str:
    return f"[{','.join(map(quoted, values))}]"


def _asked(request: str, greeting: bytes, patience: float, within: float) -> str | None:
    """The line that the server sends, after the greeting, to a request; None where one of them does not come in time."""
    began = time.monotonic()
    path = address.socket_path()
    said = request.encode("ascii")
    if len(said) > MOST_ASKED or not address.is_our_socket(path):
        return None
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.settimeout(patience)
        address.at(path, connection.connect)
        connection.sendall(said)
        return _received(connection, greeting, began + patience, began + within)
    except OSError:  # nobody listens, nobody accepts, or nothing came in time
        return None
    finally:
        connection.close()


def _received(connection: socket, greeting: bytes, until: float, end: float) -> str | None:
    parts: list[bytes] = []
    size = 0
    waiting = len(greeting)  # bytes of the greeting still to come
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        part = connection.recv(65536)
        if not part:
            return None
        if waiting:
            known = greeting[-waiting:]
            if part[:waiting] != known[: len(part)]:
                return None
            part, waiting = part[waiting:], max(0, waiting - len(part))
            if waiting:
                continue
            until = end
        parts.append(part)
        size += len(part)
        if size > MOST:
            return None
        if b"\n" in part:
            line = b"".join(parts)
            return line.decode("ascii", "replace") if line.index(b"\n") == len(line) - 1 else None


def _read_answer(line: str) -> tuple[int, str, str] | None:
    """`{…,"code":0,"stdout":"…","stderr":"…"}` read; None for anything else."""
    code, comma, rest = line[len(_ANSWER) :].partition(",")
    if not line.startswith(_ANSWER) or not comma or not (code.isascii() and code.isdigit() and len(code) <= 3):
        return None
    try:
        out, rest = _field("stdout", rest)
        err, rest = _field("stderr", rest[1:] if rest[:1] == "," else "")
    except ValueError:
        return None
    return (int(code), out, err) if rest == "}\n" else None


def _field(name: str, text: str) -> tuple[str, str]:
    """The string after `"name":`, and what follows. Raises ValueError where it is another, or none."""
    start = f'"{name}":"'
    if not text.startswith(start):
        raise ValueError(name)
    value, end = scanstring(text, len(start))
    return value, text[end:]
