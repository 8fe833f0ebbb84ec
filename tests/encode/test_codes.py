from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.encode import codes

DIMENSIONS = 16


def vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=8), st.integers(1, 4), st.integers(0, 1000))
def test_best_is_the_greatest_product_with_the_signs(lengths: list[int], asked: int, seed: int) -> None:
    mean = vectors(1, seed)[0]
    passages = [vectors(length, seed + n + 1) for n, length in enumerate(lengths)]
    question = codes.centred(vectors(asked, seed + 99), mean)
    found = codes.best(question, [codes.pack(tokens, mean) for tokens in passages])
    assert found.shape == (len(lengths), asked)
    for tokens, row in zip(passages, found, strict=True):
        signs = np.where(tokens > mean, 1.0, -1.0) / np.sqrt(DIMENSIONS)
        expected = (question @ signs.T).max(axis=1) if len(tokens) else np.zeros(asked)
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_blocks_do_not_change_the_result() -> None:
    mean, question = np.zeros(DIMENSIONS, np.float32), vectors(2, 1)
    long = codes.pack(vectors(5000, 2), mean)
    whole = codes.best(question, [long])
    parts = codes.best(question, [long[: 2 * 3000], long[2 * 3000 :]])
    np.testing.assert_allclose(whole[0], parts.max(axis=0), atol=1e-5)


def test_eight_bits_keep_a_cosine() -> None:
    plain = vectors(50, 3)
    small = codes.quantised(plain).astype(np.float32)
    cosines = (plain * small).sum(axis=1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(small, axis=1)
    assert cosines.min() > 0.9995
    assert codes.quantised(np.zeros((1, 4), np.float32)).tolist() == [[0, 0, 0, 0]]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 1000))
def test_pruning_keeps_half_in_order(tokens: int, seed: int) -> None:
    packed = codes.pack(vectors(tokens, seed), np.zeros(DIMENSIONS, np.float32))
    kept = codes.pruned(packed, DIMENSIONS)
    assert len(kept) == 2 * ((tokens + 1) // 2)
    places = iter(packed[start : start + 2] for start in range(0, len(packed), 2))
    assert all(kept[start : start + 2] in places for start in range(0, len(kept), 2))


@settings(max_examples=50, deadline=None)
@given(st.permutations(list(range(8)) * 2))
def test_pruning_drops_what_is_repeated_first(order: list[int]) -> None:
    """Eight tokens said twice each: the first saying of each is kept, wherever the second stands."""
    distinct = codes.pack(vectors(8, 5), np.zeros(DIMENSIONS, np.float32))
    said = [distinct[2 * n : 2 * n + 2] for n in order]
    assert len(set(said)) == 8
    assert codes.pruned(b"".join(said), DIMENSIONS) == b"".join(dict.fromkeys(said))
