"""Vectors in one file, mapped into memory and searched in two steps: by sketches of one bit a dimension, then exactly.

A vector's sketch says of each dimension whether the vector has more of it than the mean of all. Vectors that are near have
sketches that differ in few bits, and counting bits reads 48 bytes of a vector where its numbers are 384. Of the `DEPTH`
vectors whose sketches differ least from the question's the numbers themselves are compared, so scores are exact, and what can
be missed is a near vector with an unlike sketch (docs/performance.md says how often). Coarse vectors (`encode.coarse`) are in
the same file, with the sketches of what they stand for, and compared by their estimates.

The file is written once and never changed, save that the vectors of what was purged are blanked. It opens at once,
whatever its size; it is read as it is needed; and processes that search it share the memory. Pure: no SQL.

    header   one JSON object with the numbers of vectors, padded to HEADER bytes and followed by its checksum
    arrays   each on a multiple of ALIGNED bytes, in the order of `_sections`
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memcli.encode import coarse
from memcli.encode.coarse import CoarseVectors, Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Places = NDArray[np.int64]

FORMAT = 1
DEPTH = 8192
"""Vectors compared exactly, of each question; where there are no more, the search is exact."""
HEADER = 4096
ALIGNED = 64
_BLOCK = 16_384  # vectors whose sketches are compared at a time, which stay in the processor's cache
_ROWS = 512  # vectors compared at a time, likewise
_HIDDEN = np.iinfo(np.uint16).max


class Header(NamedTuple):
    """`series` and `generation` name the state of the index that the file was made of (`index.arrays`)."""

    series: str
    generation: int
    dimensions: int
    fine: int
    coarse: int
    directions: int  # of the frame of coarse vectors
    width: int  # bytes of a coarse vector; 0, as `directions`, where there are none


class Sketches:
    """One file, open for searching. `passages` are the numbers of what it holds, fine vectors first, each part ascending."""

    def __init__(self, header: Header, buffer: mmap.mmap) -> None:
        self.header = header
        found = _parts(header, buffer)
        self.mean: Floats = found["mean"]
        self.passages: Places = found["passages"]
        self.lengths: Floats = found["lengths"]
        self.bits: NDArray[np.uint64] = found["bits"]
        self.rows: NDArray[np.int8] = found["rows"]
        self.packed: NDArray[np.uint8] = found["packed"]
        self.frame = Frame.from_bytes(found["frame"].tobytes(), header.dimensions) if header.coarse else None

    @classmethod
    def open(cls, path: str) -> Sketches | None:
        """The file at `path`; None where it is missing, cut short, of another format or something else."""
        try:
            with open(path, "rb") as file:
                header = _parse(file.read(HEADER))
                if header is None or os.fstat(file.fileno()).st_size != size(header):
                    return None
                return cls(header, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            return None

    def places(self, passages: Places) -> Places:
        """Where these passages are, as far as they are there."""
        fine, found = self.header.fine, []
        for part, base in ((self.passages[:fine], 0), (self.passages[fine:], fine)):
            at = np.searchsorted(part, passages)
            inside = at < len(part)
            at, wanted = at[inside], passages[inside]
            found.append(at[part[at] == wanted] + base)
        return np.concatenate(found)

    def nearest(
        self, question: Floats, hidden: Places, allowed: Places | None = None, depth: int = DEPTH
    ) -> tuple[Places, Floats]:
        """Passages and cosines of about the `depth` likeliest for a question of length 1, in no order.

        `hidden` are places that do not count; where `allowed` are given, no others do.
        """
        if allowed is not None and len(allowed) <= depth:
            chosen = np.setdiff1d(allowed, hidden)
        else:
            chosen = self._likeliest(question, hidden, allowed, depth)
        return self.passages[chosen], self.cosines(question, chosen)

    def cosines(self, question: Floats, places: Places) -> Floats:
        """Of the vectors at these places, ascending, with a question of length 1."""
        fine = places[places < self.header.fine]
        found = np.empty(len(fine), dtype=np.float32)
        for start in range(0, len(fine), _ROWS):
            some = fine[start : start + _ROWS]
            np.matmul(self.rows[some].astype(np.float32), question, out=found[start : start + _ROWS])
        found *= self.lengths[fine]
        if len(fine) == len(places) or self.frame is None:
            return found
        others = CoarseVectors(self.packed[places[len(fine) :] - self.header.fine].tobytes(), self.frame)
        return np.concatenate((found, others.cosines(question)))

    def _likeliest(self, question: Floats, hidden: Places, allowed: Places | None, depth: int) -> Places:
        """The places whose sketches differ least: `depth` of them, and all that differ by as much as the last of these."""
        if allowed is None and depth >= len(self.passages):
            return np.delete(np.arange(len(self.passages)), hidden)
        differ = self._differences(question)
        if allowed is not None:
            seen = np.full(len(differ), _HIDDEN, dtype=np.uint16)
            seen[allowed] = differ[allowed]
            differ = seen
        differ[hidden] = _HIDDEN
        counts = np.cumsum(np.bincount(differ, minlength=self.header.dimensions + 1)[: self.header.dimensions + 1])
        return np.flatnonzero(differ <= np.searchsorted(counts, min(depth, counts[-1])))

    def _differences(self, question: Floats) -> NDArray[np.uint16]:
        """In how many bits each sketch differs from the question's."""
        asked = sketch(question[None] - self.mean)[0]
        differ = np.zeros(len(self.passages), dtype=np.uint16)
        for start in range(0, len(differ), _BLOCK):
            part = differ[start : start + _BLOCK]
            for bits, word in zip(self.bits, asked, strict=True):
                part += np.bitwise_count(bits[start : start + _BLOCK] ^ word)
        return differ


def sketch(away: Floats) -> NDArray[np.uint64]:
    """The sketches of vectors less the mean, shape (count, dimensions), as words of 64 bits, shape (count, words)."""
    count, dimensions = away.shape
    bits = np.zeros((count, _words(dimensions) * 8), dtype=np.uint8)
    bits[:, : (dimensions + 7) // 8] = np.packbits(away > 0, axis=1)
    return bits.view(np.uint64)


def write(
    path: str,
    header: Header,
    mean: Floats,
    frame: Frame | None,
    passages: Places,
    fine: Iterable[tuple[Places, NDArray[np.int8]]],
    packed: bytes,
) -> None:
    """A new file of these `passages`, ordered as `Sketches` has them: `fine` vectors in parts, (passages, vectors), in any
    order, and `packed` coarse ones.

    It appears under its name when it is whole and on disk; there must be one writer at a time. Raises OSError.
    """
    temporary = f"{path}.tmp"
    try:
        with open(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "r+b") as file:
            file.truncate(size(header))
            with mmap.mmap(file.fileno(), 0) as buffer:
                _fill(buffer, header, mean, frame, passages, fine, packed)
                buffer[:HEADER] = _packed(header)
                buffer.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _fill(
    buffer: mmap.mmap,
    header: Header,
    mean: Floats,
    frame: Frame | None,
    passages: Places,
    fine: Iterable[tuple[Places, NDArray[np.int8]]],
    packed: bytes,
) -> None:
    parts = _parts(header, buffer)
    parts["mean"][:] = mean
    parts["passages"][:] = passages
    for numbers, rows in fine:
        at = np.searchsorted(passages[: header.fine], numbers)
        floats = rows.astype(np.float32)
        lengths = 1.0 / np.maximum(np.linalg.norm(floats, axis=1), 1e-9)
        parts["rows"][at] = rows
        parts["lengths"][at] = lengths
        parts["bits"][:, at] = sketch(floats * lengths[:, None] - mean).T
    if frame is not None:
        parts["frame"][:] = np.frombuffer(frame.to_bytes(), dtype=np.uint8)
        parts["packed"][:] = np.frombuffer(packed, dtype=np.uint8).reshape(header.coarse, -1)
        for start in range(0, header.coarse, _BLOCK):
            some = parts["packed"][start : start + _BLOCK]
            first = header.fine + start
            parts["bits"][:, first : first + len(some)] = sketch(coarse.unpack(some.tobytes(), frame) - mean).T


def blank(path: str, passages: Places) -> None:
    """Overwrite the vectors of these passages: a purged text is not to be guessed from what is left of it."""
    found = Sketches.open(path)
    if found is None:
        return
    places = found.places(passages)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as buffer:
        parts = _parts(found.header, buffer)
        parts["bits"][:, places] = 0
        parts["rows"][places[places < found.header.fine]] = 0
        parts["packed"][places[places >= found.header.fine] - found.header.fine] = 0
        del parts  # a buffer that is looked at cannot be closed
        buffer.flush()
        os.fsync(file.fileno())


# --- the layout -------------------------------------------------------------------------------------------------------


def size(header: Header) -> int:
    """Bytes of the whole file."""
    *_, (_, dtype, shape, start) = _sections(header)
    return start + int(np.prod(shape)) * np.dtype(dtype).itemsize


def _parts(header: Header, buffer: mmap.mmap) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, over the file itself."""
    return {
        name: np.frombuffer(buffer, dtype=dtype, count=int(np.prod(shape)), offset=start).reshape(shape)
        for name, dtype, shape, start in _sections(header)
    }


def _sections(header: Header) -> Iterator[tuple[str, str, tuple[int, ...], int]]:
    """(name, dtype, shape, place in the file) of each array."""
    everything, dimensions = header.fine + header.coarse, header.dimensions
    shapes: list[tuple[str, str, tuple[int, ...]]] = [
        ("mean", "<f4", (dimensions,)),
        ("frame", "u1", (2 * dimensions * (header.directions + 1),)),
        ("passages", "<i8", (everything,)),
        ("lengths", "<f4", (header.fine,)),
        ("bits", "<u8", (_words(dimensions), everything)),
        ("rows", "i1", (header.fine, dimensions)),
        ("packed", "u1", (header.coarse, header.width)),
    ]
    start = HEADER
    for name, dtype, shape in shapes:
        yield name, dtype, shape, start
        start += int(np.prod(shape)) * np.dtype(dtype).itemsize
        start += -start % ALIGNED


def _words(dimensions: int) -> int:
    return -(-dimensions // 64)


def _packed(header: Header) -> bytes:
    text = json.dumps({"format": FORMAT, **header._asdict()}).encode("ascii").ljust(HEADER - 4)
    return text + zlib.crc32(text).to_bytes(4, "little")


def _parse(data: bytes) -> Header | None:
    """The header of a file; None where it is none of ours."""
    text, checksum = data[:-4], data[-4:]
    if len(data) != HEADER or zlib.crc32(text).to_bytes(4, "little") != checksum:
        return None
    values = json.loads(text)
    return Header(**values) if values.pop("format") == FORMAT else None
