"""What `mem curate` may be asked to do: the operations, their keys and values, read from JSON and checked for shape alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from memcli.errors import UsageError
from memcli.memory import TYPES
from memcli.text import iso_date

Values = Mapping[str, object]


class Operation(NamedTuple):
    """One operation: its number in the batch (from 1), its name, its values by key, and what is wrong with its shape."""

    number: int
    name: str
    values: Values
    problems: tuple[str, ...] = ()


class _Shape(NamedTuple):
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


_SAID = ("type", "title", "topic", "tags", "links", "valid_from", "valid_to", "pinned")
_NEW = _Shape(("text",), (*_SAID, "private"))
_SHAPES = {
    "ADD": _Shape(("text",), (*_SAID, "private")),
    "UPDATE": _Shape(("id",), ("text", "append", "expected", *_SAID)),
    "UPSERT": _Shape(("text",), ("path", "overwrite", "expected", *_SAID, "private")),
    "MERGE": _Shape(("ids", "into"), ("text",)),
    "SUPERSEDE": _Shape(("id", "by")),
    "LINK": _Shape(("from", "to"), ("relation",)),
    "DELETE": _Shape(("id",), ("expected",)),
}
NAMES = tuple(_SHAPES)
_LABEL = re.compile(r"[A-Za-z][\w-]{0,63}")
_RELATION = re.compile(r"[^\W\d_][\w -]{0,40}")  # what a body can hold before a [[link]]


def read(text: str) -> list[Operation]:
    """The operations of a batch: a JSON array, JSON Lines, or a single object. Raises UsageError for anything else.

    An operation that is not as it should be is there with its problems, all of them.
    """
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        found = [_line(line) for line in text.splitlines() if line.strip()]
        if text.lstrip().startswith("["):
            raise UsageError(
                "the operations are no JSON array", hint="mem curate --ops FILE, a JSON array or JSON Lines"
            ) from None
    else:
        found = whole if isinstance(whole, list) else [whole]
    if not found:
        raise UsageError("there are no operations", hint='[{"op": "ADD", "text": "what you want to keep"}]')
    return [_operation(number, raw) for number, raw in enumerate(found, 1)]


def _line(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _operation(number: int, raw: object) -> Operation:
    if not isinstance(raw, dict):
        return Operation(number, "?", {}, ("it is no JSON object",))
    name = str(raw.get("op", "")).upper()
    if name not in _SHAPES:
        return Operation(
            number, name[:20] or "?", {}, (f"there is no operation {name[:20]!r}; one of {', '.join(NAMES)}",)
        )
    values = {key: value for key, value in raw.items() if key != "op"}
    return Operation(number, name, values, tuple(_problems(_SHAPES[name], values, labelled=True)))


def _problems(shape: _Shape, values: Values, *, labelled: bool = False) -> list[str]:
    known = (*shape.needs, *shape.may, *(("as",) if labelled else ()))
    found = [f"{key!r} means nothing here" for key in values if key not in known]
    found += [f"{key!r} is missing" for key in shape.needs if key not in values]
    return found + [
        problem for key in known if key in values and (problem := _CHECKS.get(key, _text)(key, values[key]))
    ]


def _text(key: str, value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else f"{key!r} must be a text"


def _texts(key: str, value: object) -> str | None:
    fine = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
    return None if fine else f"{key!r} must be a list of texts"


def _names(key: str, value: object) -> str | None:
    return _texts(key, value) if value else f"{key!r} must be a list of texts"


def _flag(key: str, value: object) -> str | None:
    return None if isinstance(value, bool) else f"{key!r} must be true or false"


def _date(key: str, value: object) -> str | None:
    return None if isinstance(value, str) and iso_date(value) else f"{key!r} must be an ISO date"


def _type(key: str, value: object) -> str | None:
    return None if value in TYPES else f"{key!r} must be one of {', '.join(TYPES)}"


def _label(key: str, value: object) -> str | None:
    fine = isinstance(value, str) and _LABEL.fullmatch(value)
    return None if fine else f"{key!r} must be a short word; later operations say $word"


def _relation(key: str, value: object) -> str | None:
    fine = isinstance(value, str) and _RELATION.fullmatch(value)
    return None if fine else f"{key!r} must be a few words without punctuation"


def _name_or_new(key: str, value: object) -> str | None:
    """`into` and `by`: a memory by name, or a new one."""
    if not isinstance(value, dict):
        return None if _text(key, value) is None else f"{key!r} must be a memory, or an object for a new one"
    shape = _NEW if key == "by" else _Shape((), (*_NEW.needs, *_NEW.may))  # a MERGE may say its text outside of `into`
    problems = _problems(shape, value)
    return f"{key!r}: {'; '.join(problems)}" if problems else None


_CHECKS: dict[str, Callable[[str, object], str | None]] = {
    "tags": _texts, "links": _texts, "ids": _names, "pinned": _flag, "private": _flag, "overwrite": _flag,
    "valid_from": _date, "valid_to": _date, "type": _type, "as": _label, "relation": _relation,
    "into": _name_or_new, "by": _name_or_new,
}  # fmt: skip
