"""Git's objects, read without git: which there are, and what one says.

Formats after git's documentation (gitformat-pack, gitrepository-layout): loose objects, pack indexes of version 1 and 2, packs
with deltas. Everything is bounded, links are not followed, and what is not as git writes it raises Untold. Nothing is kept
open between two questions, since a repository may be repacked at any time.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from memcli.places import open_regular
from memcli.trust.repositories import Repository, Untold

MOST_PACKS = 1000
MAX_BUCKET = 16 * 2**20  # bytes of names that begin with the same two letters
MAX_OBJECT = 32 * 2**20
MAX_DELTAS = 64
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFFSET_DELTA, _NAMED_DELTA = 6, 7
_MISSING = (FileNotFoundError, NotADirectoryError)


class Object(NamedTuple):
    """One object: "commit", "tree", "blob" or "tag", and its bytes."""

    kind: str
    data: bytes


class _Pack(NamedTuple):
    """One pack: its path without ending, the version of its index, and how many names begin with each byte or a lower one."""

    stem: str
    version: int
    fanout: tuple[int, ...]


class Objects:
    """The objects of a repository, its alternates included."""

    def __init__(self, repository: Repository) -> None:
        self._folders = repository.objects
        self.width = 20 if repository.algorithm == "sha1" else 32
        self._algorithm = repository.algorithm
        self._packs: list[_Pack] | None = None

    def name(self, kind: str, data: bytes) -> str:
        """The name that an object with these bytes has."""
        header = f"{kind} {len(data)}\0".encode()
        return hashlib.new(self._algorithm, header + data, usedforsecurity=False).hexdigest()

    def has(self, name: str) -> bool:
        """Whether there is an object of that name. Raises Untold."""
        return self.is_loose(name) or any(self._position(pack, name) is not None for pack in self._all_packs())

    def is_loose(self, name: str) -> bool:
        return any(os.path.lexists(os.path.join(folder, name[:2], name[2:])) for folder in self._folders)

    def written_at(self, name: str) -> int | None:
        """When a loose object was written here (nanoseconds); None for one that is packed, borrowed or not there."""
        try:
            return os.lstat(os.path.join(self._folders[0], name[:2], name[2:])).st_ctime_ns
        except OSError:
            return None

    def read(self, name: str) -> Object | None:
        """An object; None where there is none of that name. Raises Untold."""
        for folder in self._folders:
            data = _file(os.path.join(folder, name[:2], name[2:]), 0, MAX_OBJECT)
            if data is not None:
                return _loose(data)
        for pack in self._all_packs():
            position = self._position(pack, name)
            if position is not None:
                return self._packed(pack, self._offset(pack, position), MAX_DELTAS)
        return None

    # --- packs

    def _all_packs(self) -> list[_Pack]:
        if self._packs is None:
            self._packs = [pack for folder in self._folders for pack in self._packs_in(os.path.join(folder, "pack"))]
        return self._packs

    def _packs_in(self, folder: str) -> Iterator[_Pack]:
        try:
            with os.scandir(folder) as listing:
                names = {entry.name for _, entry in zip(range(8 * MOST_PACKS), listing, strict=False)}
        except _MISSING:
            return
        except OSError as error:
            raise Untold(f"{folder} cannot be read: {error.strerror}") from None
        packs = sorted(name[:-5] for name in names if name.endswith(".pack"))
        if len(packs) > MOST_PACKS or len(names) == 8 * MOST_PACKS or any(f"{name}.idx" not in names for name in packs):
            raise Untold(f"{folder} holds packs without an index, or too many")
        for name in packs:
            yield self._index(os.path.join(folder, name))

    def _index(self, stem: str) -> _Pack:
        head = _file(f"{stem}.idx", 0, 8 + 1024, exactly=True)
        version = 2 if head is not None and head[:4] == b"\xfftOc" else 1
        if head is None or len(head) < 1024 + 8 * (version == 2) or (version == 2 and head[4:8] != b"\0\0\0\2"):
            raise Untold(f"{stem}.idx is no index of a pack")
        table = head[8:] if version == 2 else head[:1024]
        fanout = tuple(int.from_bytes(table[n : n + 4], "big") for n in range(0, 1024, 4))
        if any(one > next_ for one, next_ in pairwise(fanout)):
            raise Untold(f"{stem}.idx is no index of a pack")
        return _Pack(stem, version, fanout)

    def _position(self, pack: _Pack, name: str) -> int | None:
        """The number of an object among those of a pack, in the order of their names."""
        wanted = bytes.fromhex(name)
        first, last = pack.fanout[wanted[0] - 1] if wanted[0] else 0, pack.fanout[wanted[0]]
        step = self.width if pack.version == 2 else self.width + 4
        start, size = (1032 if pack.version == 2 else 1024) + first * step, (last - first) * step
        if not size:
            return None
        if size > MAX_BUCKET:
            raise Untold(f"{pack.stem}.idx is too large")
        bucket = _file(f"{pack.stem}.idx", start, size, exactly=True)
        if bucket is None:
            raise Untold(f"{pack.stem}.idx went away")
        lead = 0 if pack.version == 2 else 4
        at = bucket.find(wanted)
        while at >= 0 and (at - lead) % step:
            at = bucket.find(wanted, at + 1)
        return first + (at - lead) // step if at >= 0 else None

    def _offset(self, pack: _Pack, position: int) -> int:
        """Where an object begins in its pack."""
        count = pack.fanout[-1]
        if pack.version == 1:
            return _number(f"{pack.stem}.idx", 1024 + position * (self.width + 4), 4)
        tables = 1032 + count * (self.width + 4)  # past the names and the checksums
        offset = _number(f"{pack.stem}.idx", tables + 4 * position, 4)
        if offset & 0x80000000:
            offset = _number(f"{pack.stem}.idx", tables + 4 * count + 8 * (offset & 0x7FFFFFFF), 8)
        return offset

    def _packed(self, pack: _Pack, offset: int, deltas: int) -> Object:
        head = _file(f"{pack.stem}.pack", offset, 64)
        if not head or not deltas:
            raise Untold(f"{pack.stem}.pack is damaged")
        code, size, used = head[0] >> 4 & 7, head[0] & 15, 1
        shift = 4
        while head[used - 1] & 0x80:
            size |= (_byte(head, used) & 0x7F) << shift
            shift, used = shift + 7, used + 1
        if size > MAX_OBJECT:
            raise Untold(f"{pack.stem}.pack holds an object that is too large")
        if code in _KINDS:
            return Object(_KINDS[code], self._inflated(pack, offset + used, size))
        if code == _OFFSET_DELTA:
            back, used = _byte(head, used) & 0x7F, used + 1
            while head[used - 1] & 0x80:
                back, used = (back + 1) << 7 | _byte(head, used) & 0x7F, used + 1
            if not 0 < back <= offset:
                raise Untold(f"{pack.stem}.pack is damaged")
            base: Object | None = self._packed(pack, offset - back, deltas - 1)
        elif code == _NAMED_DELTA:
            position = self._position(pack, head[used : used + self.width].hex())
            used += self.width
            base = self._packed(pack, self._offset(pack, position), deltas - 1) if position is not None else None
        else:
            base = None
        if base is None:
            raise Untold(f"{pack.stem}.pack is damaged")
        return Object(base.kind, _patched(base.data, self._inflated(pack, offset + used, size)))

    def _inflated(self, pack: _Pack, start: int, size: int) -> bytes:
        packed = _file(f"{pack.stem}.pack", start, size + size // 500 + 1024) or b""
        return _inflate(packed, size)


def _loose(data: bytes) -> Object:
    whole = _inflate(data, MAX_OBJECT)
    head, _, content = whole[:64].partition(b"\0")
    kind, _, size = head.decode("ascii", "replace").partition(" ")
    content = whole[len(head) + 1 :]
    if kind not in _KINDS.values() or size != str(len(content)):
        raise Untold("an object of git is damaged or too large")
    return Object(kind, content)


def _inflate(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, max(size, 1))
    except zlib.error:
        raise Untold("an object of git is damaged") from None


def _patched(base: bytes, delta: bytes) -> bytes:
    """What a delta makes of its base (gitformat-pack, "Deltified representation")."""
    at = 0
    sizes = []
    for _ in range(2):
        size = shift = 0
        while True:
            byte = _byte(delta, at)
            size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
            if not byte & 0x80:
                break
        sizes.append(size)
    if sizes[0] != len(base) or sizes[1] > MAX_OBJECT:
        raise Untold("an object of git is damaged")
    made = bytearray()
    while at < len(delta) and len(made) <= sizes[1]:
        order, at = delta[at], at + 1
        if not order & 0x80:  # as many bytes of the delta itself
            made += delta[at : at + order]
            at += order
            continue
        values = [0] * 7
        for bit in range(7):
            if order & 1 << bit:
                values[bit], at = _byte(delta, at), at + 1
        start, length = int.from_bytes(values[:4], "little"), int.from_bytes(values[4:], "little") or 0x10000
        made += base[start : start + length]
    if len(made) != sizes[1]:
        raise Untold("an object of git is damaged")
    return bytes(made)


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Untold("an object of git is cut off")
    return data[at]


def _number(path: str, start: int, size: int) -> int:
    return int.from_bytes(_file(path, start, size, exactly=True) or b"", "big")


def _file(path: str, start: int, size: int, *, exactly: bool = False) -> bytes | None:
    """At most `size` bytes of a regular file; None where there is none. Raises Untold, with `exactly` also for fewer."""
    try:
        with open_regular(path) as file:
            data = os.pread(file.fileno(), size, start)
    except _MISSING:
        return None
    except OSError as error:
        raise Untold(f"{path} cannot be read: {error.strerror}") from None
    if exactly and len(data) < size:
        raise Untold(f"{path} is cut off")
    return data
