"""Vectors at about one bit a dimension, and cosines estimated from them without a bias.

After RaBitQ (Gao and Long, arXiv 2405.12497): what a vector has beside the texts' common centre is turned at random, and its
signs are kept with one number, by which a product with the exact question is estimated without a bias. The error is of the
order of ‖rest of the passage‖ · ‖rest of the question‖ / √dimensions, so both rests are made small first. Cosines of e5-small
lie in a narrow band because all vectors share a direction; that one, and the 31 in which the store's own vectors differ most,
are kept in 8 bits each, and the signs are asked only about what is left of both. Of a vector p of length 1, 84 bytes are kept:

    p = centre + step · leading @ directions + rest        32 numbers of 8 bits; 48 bytes of signs; step and factor, float16
    q · p ≈ q · centre + step · leading @ (directions @ q) + factor · (signs · turned(rest of q))
    factor = ‖rest‖² / ‖turned(rest)‖₁

Standard deviation of the error on the development suites, whose cosines have one of .035: .004 to .006; .005 to .007 with 16
directions, .006 to .008 with 8, .010 to .014 where the signs are asked about the whole question (tests/bench/space.py). Pure
arithmetic; it knows neither the model nor the store.
"""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LEADING = 32
LEARNT_FROM = 20_000
"""Vectors that are enough to learn a frame from. One learnt from a hundred serves later ones nearly as well: .005 to .007."""


class Frame(NamedTuple):
    """What coarse vectors are relative to: `centre`, shape (dimensions,), and `directions`, shape (at most 32, dimensions).

    Directions are of length 1 and at right angles; the first is the centre's.
    """

    centre: Floats
    directions: Floats

    def to_bytes(self) -> bytes:
        return np.vstack((self.centre[None], self.directions)).astype("<f2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, dimensions: int) -> Frame:
        rows = np.frombuffer(data, dtype="<f2").reshape(-1, dimensions).astype(np.float32)
        return cls(rows[0], rows[1:])


def learn(vectors: Floats) -> Frame:
    """The frame of these vectors, shape (count, dimensions), one at least: their mean, and how they differ most."""
    centre = vectors.mean(axis=0, dtype=np.float64)
    towards = centre / np.linalg.norm(centre)
    away = vectors - centre
    away -= np.outer(away @ towards, towards)
    _, axes = np.linalg.eigh(away.T @ away)  # ascending
    count = min(LEADING - 1, len(vectors) // 2)
    frame = Frame(centre.astype(np.float32), np.vstack((towards, axes[:, ::-1].T[:count])).astype(np.float32))
    return Frame.from_bytes(frame.to_bytes(), len(centre))  # as it will be read


def width(dimensions: int, frame: Frame) -> int:
    """Bytes of one coarse vector."""
    return _layout(dimensions, len(frame.directions)).itemsize


def pack(vectors: Floats, frame: Frame) -> list[bytes]:
    """Coarse vectors of `vectors`, shape (count, dimensions), each of length 1."""
    away = vectors - frame.centre
    leading, rest = _split(away, frame)
    packed = np.empty(len(vectors), dtype=_layout(vectors.shape[1], len(frame.directions)))
    greatest = np.abs(leading).max(axis=1, initial=0.0)
    packed["step"] = np.maximum(greatest, 1e-3) / 127.0
    step = packed["step"].astype(np.float32)[:, None]
    packed["leading"] = np.clip(np.round(leading / step), -127, 127)
    rest = _rotated(rest)
    packed["factor"] = (rest**2).sum(axis=1) / np.maximum(np.abs(rest).sum(axis=1), 1e-9)
    packed["signs"] = np.packbits(rest > 0, axis=1)
    return [row.tobytes() for row in packed]


def unpack(packed: bytes, frame: Frame) -> Floats:
    """What coarse vectors stand for, as nearly as they tell, shape (count, dimensions)."""
    rows = np.frombuffer(packed, dtype=_layout(len(frame.centre), len(frame.directions)))
    turned = np.unpackbits(rows["signs"], axis=1).astype(np.float32)
    turned *= 2.0
    turned -= 1.0
    # Of numbers spread like a bell, as turned ones are, the mean size is 2/π of their squares' mean over it.
    turned *= 2.0 / np.pi * rows["factor"].astype(np.float32)[:, None]
    leading = rows["leading"].astype(np.float32) * rows["step"].astype(np.float32)[:, None]
    found = frame.centre + leading @ frame.directions + _turned_back(turned)
    return found.astype(np.float32, copy=False)


class CoarseVectors:
    """Many coarse vectors, ready to be compared with questions."""

    def __init__(self, packed: bytes, frame: Frame) -> None:
        self._frame = frame
        rows = np.frombuffer(packed, dtype=_layout(len(frame.centre), len(frame.directions)))
        self._step = rows["step"].astype(np.float32)
        self._factor = rows["factor"].astype(np.float32)
        self._leading = rows["leading"].astype(np.float32)
        self._signs = np.ascontiguousarray(rows["signs"].T)

    def __len__(self) -> int:
        return len(self._step)

    def cosines(self, question: Floats) -> Floats:
        """Estimated cosines with a question of length 1, shape (count,)."""
        leading, rest = _split(question[None], self._frame)
        found: Floats = self._factor * self._signed_sums(_rotated(rest)[0])
        found += self._step * (self._leading @ leading[0])
        found += question @ self._frame.centre
        return found

    def _signed_sums(self, rotated: Floats) -> Floats:
        """signs · rotated for each vector, by a table of what each of the 256 values of a byte comes to, at each place."""
        tables = rotated.reshape(-1, 8) @ _byte_signs().T
        sums = np.zeros(len(self), dtype=np.float32)
        for table, bytes_ in zip(tables, self._signs, strict=True):
            sums += table.take(bytes_)
        return sums


def _split(vectors: Floats, frame: Frame) -> tuple[Floats, Floats]:
    """What vectors have in the frame's directions, shape (count, directions), and what is left of them."""
    leading: Floats = vectors @ frame.directions.T
    rest: Floats = vectors - leading @ frame.directions
    return leading, rest


@functools.cache
def _layout(dimensions: int, leading: int) -> np.dtype[np.void]:
    fields = [("step", "<f2"), ("factor", "<f2"), ("leading", "i1", (leading,)), ("signs", "u1", (dimensions // 8,))]
    return np.dtype(fields)


@functools.cache
def _byte_signs() -> Floats:
    """The signs that each byte stands for, shape (256, 8)."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    return 2.0 * bits.astype(np.float32) - 1.0


def _rotated(vectors: Floats) -> Floats:
    """Vectors, shape (count, dimensions), turned so that no dimension stands out; the same turn always.

    Random signs, then a Hadamard transform of blocks as long as the greatest power of two in the number of dimensions, and a
    reflection that mixes the blocks: 384 is 3 × 128.
    """
    count, dimensions = vectors.shape
    block = dimensions & -dimensions
    mixed = (vectors * _random_signs(dimensions)).reshape(count, -1, block) @ _hadamard(block)
    mixed -= np.float32(2.0 / mixed.shape[1]) * mixed.sum(axis=1, keepdims=True)
    turned: Floats = mixed.reshape(count, dimensions).astype(np.float32, copy=False)
    return turned


def _turned_back(vectors: Floats) -> Floats:
    """The opposite of `_rotated`: each of its steps undoes itself, so they are done in the opposite order."""
    count, dimensions = vectors.shape
    block = dimensions & -dimensions
    mixed = vectors.reshape(count, -1, block).copy()
    mixed -= np.float32(2.0 / mixed.shape[1]) * mixed.sum(axis=1, keepdims=True)
    back: Floats = (mixed @ _hadamard(block)).reshape(count, dimensions) * _random_signs(dimensions)
    return back


@functools.cache
def _random_signs(dimensions: int) -> Floats:
    bits = random.Random(dimensions).getrandbits(dimensions)
    return np.array([1.0 if bits >> n & 1 else -1.0 for n in range(dimensions)], dtype=np.float32)


@functools.cache
def _hadamard(size: int) -> Floats:
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.vstack((np.hstack((matrix, matrix)), np.hstack((matrix, -matrix))))
    unit: Floats = (matrix / size**0.5).astype(np.float32)
    return unit
