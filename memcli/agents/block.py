"""The block that `mem` keeps in an instruction file (AGENTS.md): putting it in and taking it out, bytes → bytes. Pure.

It stands between two comments, the first of which holds a hash of what is between them, so that somebody's edit inside is seen
and never overwritten unasked. All around it stays byte for byte, line ends are the file's, and a file that the block was added
to becomes again what it was: whether it ended with a line break is told by whether the block does.
"""

from __future__ import annotations

import difflib
import hashlib
import re

from memcli.errors import Conflict, SettingsRefused

_BEGIN, _END = b"<!-- BEGIN memcli ", b"<!-- END memcli -->"
_MARKS = re.compile(rb"^<!-- (BEGIN|END) memcli [^\n]*", re.M)
_HASH = re.compile(rb"sha256:([0-9a-f]{16})")


class Changed(Conflict):
    """Somebody changed the block by hand; `present` is what stands in it, against what `mem` would write."""


def put(data: bytes | None, text: str, *, force: bool = False) -> bytes:
    """`data` (None: there is no file) with the block of `text` in it, in place of the one that is there or at its end.

    Raises Changed where the present block was edited (unless `force`), SettingsRefused where its marks make no sense.
    """
    found = _find(data or b"")
    breaks = _breaks(data[found[0] : found[1]] if data and found else data or b"")
    inner = (text.strip("\n") + "\n").encode().replace(b"\n", breaks)
    block = _begin(inner) + breaks + inner + _END
    if data is None:
        return block + b"\n"
    if found is None:
        if not data:
            return block
        ends = data.endswith(b"\n")
        return data + breaks * (1 if ends else 2) + block + (breaks if ends else b"")
    start, end, is_ours = found
    if not is_ours and not force:
        raise Changed(
            "what stands in the block of mem was changed by hand",
            present=_difference(_inner(data[start:end]), _inner(block)),
            hint="repeat with --force to overwrite it, or move what you added out of the block",
        )
    return data[:start] + block + data[end:]


def take(data: bytes, *, force: bool = False) -> bytes | None:
    """`data` without the block; None where nothing else is left of a file that `put` made. Raises what `put` raises."""
    found = _find(data)
    if found is None:
        return data
    start, end, is_ours = found
    if not is_ours and not force:
        raise Changed(
            "what stands in the block of mem was changed by hand",
            present=_inner(data[start:end]),
            hint="repeat with --force to take it out all the same",
        )
    before, after = data[:start], data[end:]
    if not before and after in (b"\n", b"\r\n"):
        return None
    breaks = _breaks(data[start:end])
    if after.startswith(breaks):
        return before.removesuffix(breaks) + after.removeprefix(breaks)
    return before.removesuffix(breaks * 2) + after


def holds(data: bytes) -> bool:
    """Whether there is a block of ours."""
    return _find(data) is not None


def text_in(data: bytes) -> str:
    """The text of the block, "" where there is none."""
    found = _find(data)
    return _inner(data[found[0] : found[1]]) if found else ""


def _breaks(data: bytes) -> bytes:
    """How lines end in a text; in that of a block, as they did around it when it was put in."""
    return b"\r\n" if b"\r\n" in data else b"\n"


def _begin(inner: bytes) -> bytes:
    return _BEGIN + b"v1 sha256:" + _hash(inner) + b" (written by mem: edit above or below it) -->"


def _hash(inner: bytes) -> bytes:
    return hashlib.sha256(inner.replace(b"\r\n", b"\n")).hexdigest()[:16].encode()


def _find(data: bytes) -> tuple[int, int, bool] | None:
    """Where the block begins and ends, and whether it is as it was written. Raises SettingsRefused."""
    marks = list(_MARKS.finditer(data))
    if not marks:
        return None
    if [mark[1] for mark in marks] != [b"BEGIN", b"END"]:
        raise SettingsRefused("the marks of the block of mem are not one pair", hint="take them out by hand")
    start, end = marks[0].start(), marks[1].start() + len(_END)
    named = _HASH.search(marks[0][0])
    inner = data[marks[0].end() + 1 : marks[1].start()]
    return start, end, named is not None and named[1] == _hash(inner)


def _inner(block: bytes) -> str:
    return block.partition(b"\n")[2].rpartition(b"\n")[0].decode("utf-8", "replace").replace("\r\n", "\n") + "\n"


def _difference(present: str, wanted: str) -> str:
    return "".join(
        difflib.unified_diff(present.splitlines(True), wanted.splitlines(True), "in the file", "by mem", n=1)
    )
