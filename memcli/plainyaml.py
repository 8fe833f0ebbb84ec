"""A subset of YAML that thirty lines read, for files of our own that every recall needs: PyYAML takes 15 ms to import.

- one `key: value` a line; a key is letters, digits and `_`; `key:` alone opens a mapping, indented by two more spaces
- a value is "quoted" or 'quoted' without escapes, a number, true, false, a [list, of, values] or a bare string
- `#` at the start of a line, or after white space, starts a comment (never inside quotes)

Anything else is refused rather than guessed at, and PyYAML reads the same values from what is accepted. Lean, pure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Value = str | int | float | bool | list["Value"] | dict[str, "Value"]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./@+,()-")
_TYPED_BY_YAML = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))  # in any case


def parse(text: str) -> dict[str, Value]:
    """The mapping that `text` describes; ValueError names the first line outside of the subset."""
    top: dict[str, Value] = {}
    open_mappings = [top]
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip()
        if not content or content[0] == "#":
            continue
        depth, odd = divmod(len(line) - len(line.lstrip(" ")), 2)
        key, colon, rest = content.partition(":")
        if odd or depth >= len(open_mappings) or not colon or not key.isidentifier() or key in open_mappings[depth]:
            raise ValueError(f"line {number} is not understood")
        del open_mappings[depth + 1 :]
        if not _without_comment(rest):
            child: dict[str, Value] = {}
            open_mappings[depth][key] = child
            open_mappings.append(child)
        elif rest[0] == " " and (value := _scalar(rest.strip())) is not None:
            open_mappings[depth][key] = value
        else:
            raise ValueError(f"line {number} has a value that is not understood; quote it")
    return top


def _without_comment(rest: str) -> str:
    return f" {rest}".partition(" #")[0].strip()


def _scalar(rest: str) -> Value | None:
    """The value that `rest`, a line from its value on, starts with; None when it is outside of the subset."""
    if rest[0] in "\"'":
        content, closed, after = rest[1:].partition(rest[0])
        return content if closed and "\\" not in content and not _without_comment(after) else None
    value = _without_comment(rest)
    if value[0] == "[" and value[-1] == "]":
        items = [_scalar(item.strip()) for item in value[1:-1].split(",") if item.strip()]
        return None if None in items else [item for item in items if item is not None]
    if value in ("true", "false"):
        return value == "true"
    digits, point, decimals = value.partition(".")
    if digits.isdecimal() and value.isascii() and (digits[0] != "0" or digits == "0"):
        if not point:
            return int(digits)
        if decimals.isdecimal():
            return float(value)
    is_number = not value.strip("0123456789_.:eE+-") or value[:2].lower() in ("0x", "0o", "0b")
    if not value[0].isalnum() or not _BARE.issuperset(value) or is_number or value.lower() in _TYPED_BY_YAML:
        return None
    return value
