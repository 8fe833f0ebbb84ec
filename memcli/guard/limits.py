"""The bounds for what is read from disk, and why file bytes cannot be a memory.

Owns the numbers; every reader of files from outside keeps to them, since a store may come with a clone. Lean.
"""

from __future__ import annotations

MAX_FILE_BYTES = 4 * 1024 * 1024  # ten times the longest episode part; one file must not stall an index run
MAX_LINE_BYTES = 1024 * 1024  # longer lines are data (minified, encoded), and cost every line-based reader
MAX_YAML_BYTES = 64 * 1024  # front matter is a dozen lines; YAML readers are the slowest part of reading a file
MAX_YAML_DEPTH = 8  # lists in mappings in lists: real metadata ends at 3; parsers recurse per level

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def problem(data: bytes) -> str | None:
    """One plain phrase on why these bytes of a file are not acceptable as text, or None where they are."""
    if len(data) > MAX_FILE_BYTES:
        return f"it is larger than {MAX_FILE_BYTES // (1024 * 1024)} MiB"
    if data.startswith(_UTF16_MARKS):
        return "it is UTF-16 text, not UTF-8"
    if b"\x00" in data:
        return "it holds a NUL byte, so it is not text"
    if _has_long_line(data):
        return f"it has a line over {MAX_LINE_BYTES // (1024 * 1024)} MiB"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"it is not UTF-8 text (line {line})"
    return None


def _has_long_line(data: bytes) -> bool:
    at = 0
    while len(data) - at > MAX_LINE_BYTES:
        # Only a line break within reach keeps this line short enough; the last one there skips the most.
        end = data.rfind(b"\n", at, at + MAX_LINE_BYTES + 1)
        if end < 0:
            return True
        at = end + 1
    return False
