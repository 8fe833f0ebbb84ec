"""What client and server say to each other: one JSON object a line, in both directions, ASCII alone.

A request is

    {"mem": 1, "version": "0.1.0", "id": "1", "kind": "recall", "deadline_ms": 2000, "caller": [...],
     "arguments": [...], "here": "/home/me/shop", "width": 80, "colour": false, "stdin": null}

`mem` is the protocol and `version` the program: another program may print another answer, so only the same one is served.
`caller` is whose stores are meant (`address.caller`). Each request is answered by two lines, the first at once:

    {"mem":1,"version":"0.1.0","id":"1","state":"working"}
    {"mem":1,"version":"0.1.0","id":"1","code":0,"stdout":"…","stderr":"…"}

or by one, {"…","refused":"why"}, which means: do it yourself. `{"…","kind":"status"}` is answered by {"…","status":{…}},
and `{"…","kind":"cancel"}`, with the id of a request, by nothing: neither is that request then. Whatever comes in is checked
here; what is wrong raises Malformed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from memcli import __version__
from memcli.serve.address import PROTOCOL
from memcli.view import View

MAX_REQUEST = 1 << 20  # bytes of a line
MAX_REPLY = 8 << 20
MAX_ID = 64
MAX_ARGUMENTS = 1000
MAX_DEADLINE_MS = 600_000

STATUS, CANCEL = "status", "cancel"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `stdin` is the text of the caller's standard input where the request needs it; `until`, when the answer must
    be there, as `time.monotonic()` tells it."""

    id: str
    kind: str
    deadline_ms: int
    caller: list[str]
    arguments: list[str]
    view: View
    stdin: str | None
    until: float


class Reply(NamedTuple):
    """What the caller prints and returns. `stores` are the folders that were asked; `after` is done once this is sent."""

    code: int
    stdout: str
    stderr: str
    stores: tuple[str, ...] = ()
    after: Callable[[], None] | None = None


class Refused(Exception):
    """The server does not do this; the caller does it without the server. The message says why."""


class Malformed(Refused):
    """What came is no request of this protocol; `id` is its id where that much could be read."""

    def __init__(self, why: str, identity: str = "") -> None:
        super().__init__(why)
        self.id = identity


def parse(line: bytes) -> Request:
    """The request in a line. Raises Malformed."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(values, dict):
        raise Malformed("not an object")
    identity = values.get("id")
    if not isinstance(identity, str) or not 0 < len(identity) <= MAX_ID:
        raise Malformed("no id")
    if values.get("mem") != PROTOCOL:
        raise Malformed("another protocol", identity)
    if values.get("version") != __version__:
        raise Malformed("another version", identity)
    try:
        return _request(identity, values)
    except (TypeError, ValueError):
        raise Malformed("not a request", identity) from None


def _request(identity: str, values: dict[str, Any]) -> Request:
    kind = _typed(values.get("kind"), str)
    if kind in (STATUS, CANCEL):
        return Request(identity, kind, MAX_DEADLINE_MS, [], [], View("", 80, False), None, 0.0)
    stdin = values.get("stdin")
    deadline_ms = _number(values.get("deadline_ms"), MAX_DEADLINE_MS)
    return Request(
        identity,
        kind,
        deadline_ms,
        _strings(values.get("caller")),
        _strings(values.get("arguments")),
        View(_typed(values.get("here"), str), _number(values.get("width"), 10_000), _typed(values.get("colour"), bool)),
        None if stdin is None else _typed(stdin, str),
        time.monotonic() + deadline_ms / 1000,
    )


def _typed(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _number(value: object, most: int) -> int:
    number = _typed(value, int)
    if isinstance(value, bool) or not 0 < number <= most:
        raise ValueError
    return number


def _strings(value: object) -> list[str]:
    found = _typed(value, list)
    if len(found) > MAX_ARGUMENTS:
        raise ValueError
    return [_typed(item, str) for item in found]


def line(identity: str, **said: object) -> bytes:
    """A line to a client: what is said of the request with this id."""
    values = {"mem": PROTOCOL, "version": __version__, "id": identity, **said}
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"


def working(identity: str) -> bytes:
    return line(identity, state="working")


def refusal(identity: str, why: object) -> bytes:
    return line(identity, refused=str(why))


def answer(identity: str, reply: Reply) -> bytes:
    """A reply as its line; a refusal where it would be too long."""
    said = line(identity, code=reply.code, stdout=reply.stdout, stderr=reply.stderr)
    return said if len(said) <= MAX_REPLY else refusal(identity, "the answer is too long")
