"""Front matter as text: taking it off, writing its lines, and changing some of them without touching the others.

Promises: `set_front_matter` changes the lines of the keys it is given and no other byte, or refuses. PyYAML only reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from memcli.errors import InvalidMemory
from memcli.guard.safe_yaml import FrontMatterError, load

BOM = "\ufeff"
_OPENING = re.compile(r"---[ \t]*\r?\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.M)
_KEY_LINE = re.compile(r"([A-Za-z_][\w-]*)[ \t]*:(?=[ \t\r\n]|$)")


def split_front_matter(text: str) -> tuple[str, str, str]:
    """(opening with BOM and `---` line, front matter lines, the rest from the closing line on); joined, they are `text`.

    Without front matter the first two are empty.
    """
    bom = BOM if text.startswith(BOM) else ""
    opening = _OPENING.match(text, len(bom))
    if opening is None:
        return "", "", text
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        return "", "", text
    return text[: opening.end()], text[opening.end() : closing.start()], text[closing.start() :]


def set_front_matter(data: bytes, updates: Mapping[str, object]) -> bytes:
    """`data` with the given front matter keys set (or, with None, removed), every other byte as it was.

    Line surgery, then a check: the result must read back as the old values with just these changes; front matter too
    unusual for that raises InvalidMemory and nothing is lost.
    """
    text = data.decode("utf-8")
    opening, front, rest = split_front_matter(text)
    newline = "\r\n" if "\r\n" in (opening or text.split("\n", 1)[0] + "\n") else "\n"
    if not opening:
        bom = BOM if text.startswith(BOM) else ""
        opening, front, rest = f"{bom}---{newline}", "", f"---{newline}{text.removeprefix(BOM)}"
    try:
        before = load(front)
    except FrontMatterError as error:
        raise InvalidMemory(
            f"its front matter cannot be read ({error})", hint="mend it in an editor: mem edit ID"
        ) from None
    new = {key: None if value is None else front_line(key, value) for key, value in updates.items()}
    lines = front.splitlines(keepends=True)
    for key, line in new.items():
        lines = _with_key(lines, key, None if line is None else line.replace("\n", newline), newline)
    front = "".join(lines)
    wanted = {key: value for key, value in before.items() if key not in updates}
    wanted |= load("".join(line for line in new.values() if line is not None))
    try:
        safe = load(front) == wanted
    except FrontMatterError:
        safe = False
    if not safe:
        raise InvalidMemory(
            "its front matter is too unusual to change safely", hint="change it in an editor: mem edit ID"
        )
    return (opening + front + rest).encode("utf-8")


def _with_key(lines: list[str], key: str, new_line: str | None, newline: str) -> list[str]:
    """`lines` with the block of top-level `key` replaced by `new_line`, or the line added at the end.

    A key that stands there twice (YAML takes the last) is there once afterwards.
    """
    kept: list[str] = []
    found = False
    number = 0
    while number < len(lines):
        match = _KEY_LINE.match(lines[number])
        if match is None or match.group(1) != key:
            kept.append(lines[number])
            number += 1
            continue
        if new_line is not None and not found:
            kept.append(new_line)
        found = True
        number = _block_end(lines, number)
    if new_line is not None and not found:
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += newline
        kept.append(new_line)
    return kept


def _block_end(lines: list[str], start: int) -> int:
    """The line after the value of the key on line `start`: indented lines and list items, blank ones only between them."""
    end = start + 1
    for number in range(end, len(lines)):
        line = lines[number]
        if (line[0] in " \t" and line.strip()) or re.match(r"-(?:\s|$)", line):
            end = number + 1
        elif line.strip():
            break
    return end


def with_body(data: bytes, text: str) -> bytes:
    """`data` with its front matter as it was and `text` for a body."""
    opening, front, rest = split_front_matter(data.decode("utf-8"))
    closing = rest[: rest.index("\n") + 1] if opening and "\n" in rest else "---\n" if opening else ""
    return (opening + front + closing + (text if text.endswith("\n") else text + "\n")).encode("utf-8")


def with_appended(data: bytes, text: str) -> bytes:
    """`data` with `text` on lines of its own at the end, in the file's line ends."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    gap = b"" if data.endswith(newline) else newline
    return data + gap + (text if text.endswith("\n") else text + "\n").encode("utf-8").replace(b"\n", newline)


# --- writing lines -----------------------------------------------------------------------------------------------------


def front_line(key: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return f"{key}: [{', '.join(_scalar(str(item), flow=True) for item in value)}]\n"
    if isinstance(value, bool | int):
        return f"{key}: {str(value).lower()}\n"
    return f"{key}: {_scalar(str(value))}\n"


_PLAIN = re.compile(r"(?:[A-Za-z_/]|\.{1,2}/)[\w ./@+-]*(?:(?<! )[:#][\w./@+-]+)*")
_DATE_LIKE = re.compile(r"\d{4}-\d\d(-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)?)?)?")


def _scalar(text: str, *, flow: bool = False) -> str:
    """`text` as a YAML scalar: bare where that is unmistakable, else in double quotes."""
    plain = _PLAIN.fullmatch(text) or (_DATE_LIKE.fullmatch(text) and not flow)
    if (
        plain
        and text == text.strip()
        and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "~")
    ):
        return text
    escaped = json.dumps(text, ensure_ascii=False)
    # JSON leaves these as they are; YAML does not take them raw inside double quotes.
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]", lambda m: f"\\u{ord(m.group()):04x}", escaped
    )
