"""The file of vectors: what is found in it is what an exact search finds, and what is no such file is not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode import coarse
from memcli.index import sketches
from memcli.index.coarsening import normalised
from memcli.index.sketches import Header, Sketches

NONE = np.empty(0, dtype=np.int64)


def drawn(seed: int, count: int, dimensions: int, clusters: int = 0) -> np.ndarray:
    """Vectors of length 1 that share a direction, as those of texts do, in clusters where asked for."""
    draw = np.random.default_rng(seed)
    vectors = 1.5 + draw.normal(size=(count, dimensions))
    if clusters:
        vectors += 1.5 * draw.normal(size=(clusters, dimensions))[draw.integers(clusters, size=count)]
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def small(vectors: np.ndarray) -> np.ndarray:
    filled: np.ndarray = 127 * vectors / np.abs(vectors).max(axis=1, keepdims=True)
    return np.round(filled).astype(np.int8)


def written(path: Path, vectors: np.ndarray, packed: list[bytes] = [], frame: coarse.Frame | None = None) -> Sketches:  # noqa: B006
    """A file in which passage 10 n has the n-th vector, the coarse ones after the others, its vectors given backwards."""
    rows = small(vectors)
    count = len(rows) + len(packed)
    width, directions = (len(packed[0]), len(frame.directions)) if frame and packed else (0, 0)
    header = Header("series", 7, vectors.shape[1], len(rows), len(packed), directions, width)
    numbers = 10 * np.arange(len(rows), dtype=np.int64)
    half = len(rows) // 2
    parts = [(numbers[half:], rows[half:]), (numbers[:half], rows[:half])]
    mean = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], dtype=np.float32)
    passages = 10 * np.arange(count, dtype=np.int64)
    sketches.write(str(path), header, mean, frame if packed else None, passages, parts, b"".join(packed))
    found = Sketches.open(str(path))
    assert found is not None
    assert found.header == header
    return found


@given(
    st.integers(0, 2**32),
    st.integers(0, 300),
    st.sampled_from((8, 24, 64, 72, 384)),
    st.sets(st.integers(0, 299)),
    st.none() | st.sets(st.integers(0, 299)),
    st.integers(0, 400),
)
def test_as_deep_as_there_are_vectors_it_is_an_exact_search(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    count: int,
    dimensions: int,
    hidden: set[int],
    allowed: set[int] | None,
    deeper: int,
) -> None:
    vectors = drawn(seed, count, dimensions)
    found = written(tmp_path_factory.mktemp("file") / "vectors", vectors)
    question = drawn(seed + 1, 1, dimensions)[0]
    hide = np.array(sorted(n for n in hidden if n < count), dtype=np.int64)
    allow = None if allowed is None else np.array(sorted(n for n in allowed if n < count), dtype=np.int64)
    passages, cosines = found.nearest(question, hide, allow, depth=count + deeper)
    expected = [n for n in range(count) if n not in hidden and (allowed is None or n in allowed)]
    assert sorted(passages.tolist()) == [10 * n for n in expected]
    exact = normalised(small(vectors)) @ question
    assert np.allclose(cosines, exact[passages // 10], atol=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 500), st.sets(st.integers(0, 1999), max_size=300))
def test_those_with_the_likest_sketches_are_compared_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, seed: int, depth: int, hidden: set[int]
) -> None:
    vectors = drawn(3, 2000, 64)
    path = tmp_path_factory.getbasetemp() / "likest"
    found = Sketches.open(str(path)) or written(path, vectors)
    question = drawn(seed, 1, 64)[0]
    passages, _ = found.nearest(question, np.array(sorted(hidden), dtype=np.int64), depth=depth)
    more = normalised(small(vectors)) > vectors.mean(axis=0)
    differ = (more != (question > vectors.mean(axis=0))).sum(axis=1)
    seen = [n for n in range(2000) if n not in hidden]
    last = sorted(differ[seen])[depth - 1]
    assert sorted(passages.tolist()) == [10 * n for n in seen if differ[n] <= last]


def test_of_clustered_vectors_the_nearest_ten_are_found(tmp_path: Path) -> None:
    vectors = drawn(5, 20_000, 384, clusters=200)
    found = written(tmp_path / "vectors", vectors)
    exact = normalised(small(vectors))
    agreed = []
    for question in vectors[::400] + 0.02 * np.random.default_rng(6).normal(size=(50, 384)).astype(np.float32):
        question = question / np.linalg.norm(question)
        passages, cosines = found.nearest(question, NONE, depth=600)
        best = set(passages[np.argsort(-cosines)[:10]].tolist())
        agreed.append(len(best & set((10 * np.argsort(-(exact @ question))[:10]).tolist())) / 10)
    assert np.mean(agreed) >= 0.98


def test_coarse_vectors_are_found_beside_the_others(tmp_path: Path) -> None:
    vectors = drawn(7, 900, 128, clusters=30)
    frame = coarse.learn(vectors[:300])
    packed = coarse.pack(vectors[450:], frame)
    found = written(tmp_path / "vectors", vectors[:450], packed, frame)
    estimates = coarse.CoarseVectors(b"".join(packed), frame)
    for question in vectors[::30]:
        passages, cosines = found.nearest(question, NONE, depth=100)
        assert 0 < (passages < 4500).sum() < len(passages) < 900
        exact = np.concatenate((normalised(small(vectors[:450])) @ question, estimates.cosines(question)))
        assert np.allclose(cosines, exact[passages // 10], atol=1e-5)
        assert set((10 * np.argsort(-exact)[:5]).tolist()) <= set(passages.tolist())


def test_what_coarse_vectors_stand_for_is_near_what_they_were_made_of() -> None:
    vectors = drawn(8, 400, 384)
    frame = coarse.learn(vectors)
    back = coarse.unpack(b"".join(coarse.pack(vectors, frame)), frame)
    away, back_away = vectors - frame.centre, back - frame.centre
    alike = (away * back_away).sum(axis=1) / np.linalg.norm(away, axis=1) / np.linalg.norm(back_away, axis=1)
    assert alike.min() > 0.75  # one bit a dimension leaves √(2/π) = .80 of a direction, the leading ones leave more
    assert np.allclose(coarse._turned_back(coarse._rotated(vectors)), vectors, atol=1e-5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"x" + data[1:],
        lambda data: data.replace(b'"generation": 7', b'"generation": 8'),
        lambda data: b"PK" * 5000,
        lambda data: bytes(len(data)),
    ],
)
def test_what_is_damaged_or_something_else_is_not_opened(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "vectors"
    written(path, drawn(1, 50, 64))
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert Sketches.open(str(path)) is None


def test_a_file_of_another_format_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "vectors", drawn(1, 50, 64))
    monkeypatch.setattr(sketches, "FORMAT", sketches.FORMAT + 1)
    assert Sketches.open(str(tmp_path / "vectors")) is None
    assert Sketches.open(str(tmp_path / "none")) is None


def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(tmp_path / "vectors", drawn(1, 50, 64))

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(sketches, "_fill", fail)
    with pytest.raises(OSError, match="full"):
        written(tmp_path / "vectors", drawn(2, 60, 64))
    assert [path.name for path in tmp_path.glob("vec*")] == ["vectors"]
    after = Sketches.open(str(tmp_path / "vectors"))
    assert after is not None
    assert after.header == before.header


def test_one_who_reads_goes_on_reading_while_a_new_file_takes_its_place(tmp_path: Path) -> None:
    vectors = drawn(1, 50, 64)
    before = written(tmp_path / "vectors", vectors)
    written(tmp_path / "vectors", drawn(2, 9, 64))
    passages, cosines = before.nearest(vectors[17], NONE)
    assert passages[cosines.argmax()] == 170


def test_blanked_vectors_are_gone_from_the_file_and_the_others_stay(tmp_path: Path) -> None:
    vectors = drawn(9, 400, 128)
    frame = coarse.learn(vectors)
    packed = coarse.pack(vectors[200:], frame)
    path = tmp_path / "vectors"
    written(path, vectors[:200], packed, frame)
    sketches.blank(str(path), np.array([30, 2500, 99_999], dtype=np.int64))
    data, rows = path.read_bytes(), small(vectors)
    assert [n for n in range(200) if rows[n].tobytes() not in data] == [3]
    assert [n for n in range(200) if packed[n] not in data] == [50]
