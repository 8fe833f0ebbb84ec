"""Coarse vectors: what an estimate may be off, that it leans to neither side, and that every part of it is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.encode import coarse
from memcli.encode.coarse import CoarseVectors, Frame


def like_e5(count: int, dimensions: int, spread: float, seed: int) -> np.ndarray:
    """Vectors of length 1 in a narrow cone, a few dimensions of which stand out and vary much more than others."""
    world = np.random.default_rng(dimensions)
    common, scale = world.normal(size=dimensions), np.exp(world.normal(scale=0.7, size=dimensions))
    common *= 1.0 / np.linalg.norm(common)
    away = np.random.default_rng(seed).normal(size=(count, dimensions)) * scale
    vectors = common + spread * away / np.sqrt((scale**2).sum())
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def estimates(passages: np.ndarray, questions: np.ndarray, frame: Frame) -> np.ndarray:
    packed = coarse.pack(passages, frame)
    assert {len(row) for row in packed} == {coarse.width(passages.shape[1], frame)}
    held = CoarseVectors(b"".join(packed), frame)
    return np.array([held.cosines(question) for question in questions])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from((64, 96, 384, 768)),
    st.floats(0.3, 1.5),
    st.integers(0, 10_000),
    st.sampled_from((2, 20, 300)),
)
def test_an_estimate_is_near_the_cosine_and_leans_to_neither_side(
    dimensions: int, spread: float, seed: int, learnt_from: int
) -> None:
    """Within RaBitQ's bound, of the order of ‖rest‖ · ‖rest of the question‖ / √dimensions, where rest is what frame leaves."""
    frame = coarse.learn(like_e5(learnt_from, dimensions, spread, seed + 1))
    passages, questions = like_e5(200, dimensions, spread, seed), like_e5(30, dimensions, spread, seed + 2)
    errors = estimates(passages, questions, frame) - questions @ passages.T

    def rest(vectors: np.ndarray) -> float:
        left = vectors - vectors @ frame.directions.T @ frame.directions
        return float(np.sqrt((left**2).sum(axis=1).mean()))

    bound = rest(passages) * rest(questions) / np.sqrt(dimensions)
    assert errors.std() < 1.1 * bound
    assert np.abs(errors).max() < 6.0 * bound
    assert abs(errors.mean()) < 0.35 * bound


def test_the_size_is_about_a_bit_a_dimension() -> None:
    frame = coarse.learn(like_e5(100, 384, 0.5, 1))
    assert coarse.width(384, frame) == 84
    assert len(frame.to_bytes()) == 2 * 384 * (1 + coarse.LEADING)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, 500])
def test_a_frame_survives_being_stored(count: int) -> None:
    frame = coarse.learn(like_e5(count, 96, 0.5, count))
    again = Frame.from_bytes(frame.to_bytes(), 96)
    assert len(frame.directions) == 1 + min(coarse.LEADING - 1, count // 2)
    np.testing.assert_array_equal(frame.centre, again.centre)
    np.testing.assert_array_equal(frame.directions, again.directions)
    np.testing.assert_allclose(frame.directions @ frame.directions.T, np.eye(len(frame.directions)), atol=2e-3)


def test_a_passage_and_itself() -> None:
    """What a vector is estimated to be to itself is what it is, but for the rounding of its parts."""
    passages = like_e5(50, 384, 0.5, 3)
    assert np.diag(estimates(passages, passages, coarse.learn(passages))) == pytest.approx(np.ones(50), abs=0.02)


def test_the_turn_keeps_lengths_and_angles() -> None:
    for dimensions in (8, 96, 384, 1000):
        vectors = like_e5(20, dimensions, 0.7, 5)
        turned = coarse._rotated(vectors)
        np.testing.assert_allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-5)
        assert np.abs(turned - vectors).max() > 0.01


def test_the_centre_itself_can_be_packed() -> None:
    passages = like_e5(1, 96, 0.5, 3)
    assert estimates(passages, passages, coarse.learn(passages)) == pytest.approx(1.0, abs=1e-3)
