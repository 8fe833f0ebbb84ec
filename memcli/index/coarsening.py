"""From a finer precision to a coarser one: vectors and token codes of texts as the cache keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from memcli.encode import coarse, codes
from memcli.encode.coarse import Frame
from memcli.index.cache import Kept
from memcli.index.schema import BIT, BIT_ALONE, FULL, INT8, NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def coarser(kept: Mapping[bytes, Kept], wanted: Mapping[bytes, int], frame: Frame | None) -> dict[bytes, Kept]:
    """Each of these at the precision wanted of it, which must not be finer than it is, nor NONE."""
    keys = list(kept)
    vectors = vectors_at([kept[key] for key in keys], [wanted[key] for key in keys], frame)
    return {
        key: Kept(wanted[key], vector, _codes_at(kept[key], wanted[key], frame))
        for key, vector in zip(keys, vectors, strict=True)
    }


def vectors_at(kept: Sequence[Kept], wanted: Sequence[int], frame: Frame | None) -> list[bytes]:
    """The vectors of these at the precisions wanted; `frame` is needed where one becomes coarse.

    Coarse vectors are made from those of 8 bits, these from float16, so that all ways down end at the same bytes.
    """
    vectors = [row.vector for row in kept]
    full = [n for n, row in enumerate(kept) if row.precision == FULL and wanted[n] > FULL]
    if full:
        floats = np.array([np.frombuffer(vectors[n], dtype=np.float16) for n in full], dtype=np.float32)
        for n, small in zip(full, codes.quantised(floats), strict=True):
            vectors[n] = small.tobytes()
    fine = [n for n, row in enumerate(kept) if row.precision <= INT8 and wanted[n] in (BIT, BIT_ALONE)]
    if fine:
        assert frame is not None
        for n, packed in zip(fine, coarse.pack(units([vectors[n] for n in fine]), frame), strict=True):
            vectors[n] = packed
    return vectors


def units(small: Sequence[bytes]) -> NDArray[np.float32]:
    """Vectors of 8 bits a dimension as float32 of length 1."""
    return normalised(np.frombuffer(b"".join(small), dtype=np.int8).reshape(len(small), -1))


def normalised(small: NDArray[np.int8]) -> NDArray[np.float32]:
    """The same of vectors in one array, shape (count, dimensions)."""
    floats = small.astype(np.float32)
    floats /= np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-9)
    return floats


def _codes_at(row: Kept, wanted: int, frame: Frame | None) -> bytes:
    if wanted in (BIT_ALONE, NONE):
        return b""
    if wanted == BIT and row.precision < BIT:
        assert frame is not None
        return codes.pruned(row.codes, len(frame.centre))
    return row.codes
