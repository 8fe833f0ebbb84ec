from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memcli.encode import model
from memcli.encode.embedder import BATCH_TEXTS, BATCH_TOKENS, Embedder, _batches, default_threads
from memcli.errors import ModelUnavailable

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "We rotate refresh tokens on every use.",
    "",
    "The cat sleeps on the sofa all day long.",
    "Caroline went to a support group yesterday and it was powerful. " * 6,
    "def add(a, b):\n    return a + b",
    "\ud800 lone surrogate \0",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.open(model.load(model.available()[0]), threads=1)


def test_vectors_are_of_length_one_and_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.folder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(embedder.passages([text])[0] @ vector) > 0.99


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.passages([]).shape == (0, embedder.folder.dimensions)


def test_a_paraphrase_is_nearer_than_another_subject(embedder: Embedder) -> None:
    query = embedder.query("how do we handle token renewal in auth?")
    near, far = embedder.passages([TEXTS[0], TEXTS[2]]) @ query
    assert query.shape == (embedder.folder.dimensions,)
    assert near > far + 0.02


def test_progress_counts_every_text(embedder: Embedder) -> None:
    counts: list[int] = []
    embedder.passages(["a few words"] * (BATCH_TEXTS + 1), on_batch=counts.append)
    assert sum(counts) == BATCH_TEXTS + 1
    assert len(counts) > 1


def test_texts_beyond_the_limit_are_cut(embedder: Embedder) -> None:
    long = "memory " * 50_000
    vectors = embedder.passages([long, long + "and something else entirely", "x" * 350_000])
    assert float(vectors[0] @ vectors[1]) > 0.999


def test_batches_hold_every_position_once_and_keep_their_bounds() -> None:
    lengths = [3, 500, 12, 700, 12, 0] + [5] * 300
    batches = list(_batches(lengths))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[position] for position in batch)
        assert len(batch) <= BATCH_TEXTS
        assert len(batch) == 1 or len(batch) * longest <= BATCH_TOKENS


def test_default_threads_are_few() -> None:
    assert 1 <= default_threads() <= 4


@pytest.mark.parametrize("broken", ["weights", "tokenizer"])
def test_a_broken_file_makes_the_model_unavailable(embedder: Embedder, tmp_path: Path, broken: str) -> None:
    bad = tmp_path / "broken"
    bad.write_bytes(b"not a model")
    files = {**embedder.folder.files, broken: embedder.folder.files[broken]._replace(path=str(bad))}
    with pytest.raises(ModelUnavailable, match="cannot be loaded") as caught:
        Embedder.open(embedder.folder._replace(files=files))
    assert caught.value.hint == "mem model verify"
    assert "\n" not in caught.value.message


def test_a_missing_runtime_makes_the_model_unavailable(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable, match="cannot be imported"):
        Embedder.open(embedder.folder)


def test_the_runtime_is_imported_only_when_a_model_is_opened() -> None:
    code = "import json, sys, memcli.encode.embedder; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"onnxruntime", "tokenizers"} & set(json.loads(done.stdout))
