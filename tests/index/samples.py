"""A model that makes vectors out of nothing but the text, for tests that embed much; their cosines lie in a narrow band."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from memcli.encode.embedder import Embedded
from memcli.index.embeddings import embed_waiting
from memcli.places import Place

MODEL, DIMENSIONS, TOKENS = "made-up@1", 64, 10


class MadeUp:
    """Embeds by hash, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def passages(self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None) -> Embedded:
        self.texts += texts
        made = [_random(text) for text in texts]
        return Embedded(np.array([vector for vector, _ in made]), [codes for _, codes in made])

    def embed(self, place: Place, model: str = MODEL) -> list[str]:
        """Embed what waits in a store; returns the texts that the model was asked for."""
        before = len(self.texts)
        embed_waiting(place, lambda: self, model, DIMENSIONS)  # type: ignore[arg-type, return-value]
        return self.texts[before:]


def unit(text: str) -> np.ndarray:
    """The vector of a text: of length 1, most of it what all texts share."""
    return _random(text)[0]


def _random(text: str) -> tuple[np.ndarray, bytes]:
    draw = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))
    vector = 2.0 + draw.normal(size=DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32), draw.bytes(TOKENS * DIMENSIONS // 8)
