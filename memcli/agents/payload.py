"""What an agent sends to a hook: JSON on standard input, or anything at all.

`read` takes at most MOST_BYTES from a descriptor, `parse` makes an object of what came, `Call` the values that matter out
of it. None of them fails: what is no JSON, no object, or of another type than it should be, counts as not said. Where
each agent puts what is declared in `agents.hosts`. Lean: json's Python would take as long to import as all of this takes
to run.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from memcli.agents.hosts import Host

    def _scanner(text: str, start: int) -> tuple[Any, int]: ...
else:
    try:
        from _json import make_scanner

        class _Plain:
            """How json's scanner in C shall read: as json.loads does, control characters in strings allowed."""

            strict = False
            object_hook = object_pairs_hook = None
            parse_float, parse_int, parse_constant = float, int, float

        _scanner = make_scanner(_Plain)
    except ImportError:  # another Python than CPython
        from json import JSONDecoder

        _scanner = JSONDecoder(strict=False).scan_once

MOST_BYTES = 1 << 20
LINGER_S = 0.05
MOST_CHARACTERS = 200  # of an id
MOST_PATH = 4096
_SPACE = " \t\n\r\x00\ufeff"


class Call:
    """One call of a hook; "" for what was not said. `session`, `turn`: ids, on one line; `cwd`, `transcript`: absolute paths,
    which need not exist; `source`: why a session starts, or who wrote the prompt; `agent`: the id of a subagent; `raw`: the
    whole object."""

    __slots__ = ("agent", "cwd", "prompt", "raw", "session", "source", "transcript", "turn")

    def __init__(self, host: Host, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.session = line(first(raw, host.session))
        self.cwd = path(first(raw, host.cwd))
        self.prompt = text_of(first(raw, host.prompt))
        self.transcript = path(first(raw, host.transcript))
        self.turn = line(first(raw, host.turn))
        self.source = line(raw.get("source"))
        self.agent = line(raw.get("agent_id") or raw.get("agentId"))


def read(descriptor: int) -> bytes:
    """What is to be read there, up to MOST_BYTES; nothing from a terminal, where a person would be waited for.

    Who sends an object and leaves the pipe open is not waited for longer than LINGER_S; else reading ends with the pipe.
    """
    parts: list[bytes] = []
    room = MOST_BYTES
    try:
        while room and (parts or not os.isatty(descriptor)):
            part = os.read(descriptor, min(room, 1 << 16))
            if not part:
                break
            parts.append(part)
            room -= len(part)
            if part.rstrip().endswith(b"}") and not _more(descriptor):
                break
    except OSError:  # closed, or a folder
        pass
    return b"".join(parts)


def _more(descriptor: int) -> bool:
    """Whether something comes, be it the end, within LINGER_S."""
    if os.name != "posix":
        return True
    import select

    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], LINGER_S)[0])
    waiting = select.poll()  # `select` cannot wait for a descriptor beyond 1,023
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(1000 * LINGER_S))


def decoded(data: bytes) -> str:
    """Bytes as text; what is no UTF-8 becomes U+FFFD."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # a shell of Windows
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


def parse(text: str) -> dict[str, Any]:
    """The object in a text; {} where there is none."""
    value = json_value(text.strip(_SPACE))
    return value if isinstance(value, dict) else {}


def json_value(text: str) -> Any:
    """The value that a text is, in JSON; None where it is none."""
    try:
        value, end = _scanner(text, 0)
    except (ValueError, StopIteration, RecursionError, MemoryError):
        return None
    return value if not text[end:].strip(_SPACE) else None


def first(raw: dict[str, Any], places: Iterable[str]) -> object:
    """The value at the first of these places that holds one; None where none does."""
    for place in places:
        value: Any = raw
        for step in place.split("."):
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                value = None
        if value is not None:
            return value
    return None


def line(value: object) -> str:
    """An id or a word: one short line of printable characters; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    return "".join([c for c in value[:MOST_CHARACTERS] if c.isprintable()])


def path(value: object) -> str:
    """An absolute path; "" for anything else."""
    if not isinstance(value, str) or len(value) > MOST_PATH or "\0" in value or not os.path.isabs(value):
        return ""
    return clean(value)


def text_of(value: object) -> str:
    """A text, or the texts among the parts of a message; a text that was quoted as a whole without its quotes."""
    if isinstance(value, list):
        parts = [part for part in value if isinstance(part, dict) and part.get("type", "text") == "text"]
        texts = [part.get("text") for part in parts if not part.get("synthetic")]
        value = "\n".join([text for text in texts if isinstance(text, str)])
    if not isinstance(value, str):
        return ""
    value = clean(value).strip()
    if len(value) > 2 and value[0] == value[-1] == '"' and '"' not in value[1:-1]:
        value = value[1:-1].strip()
    return value


def clean(text: str) -> str:
    """A text that can be encoded, without NUL: halves of pairs become U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\0", " ")
