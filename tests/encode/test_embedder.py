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
    vectors = embedder.passages(TEXTS).vectors
    assert vectors.shape == (len(TEXTS), embedder.folder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(embedder.passages([text]).vectors[0] @ vector) > 0.99


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.passages([]).vectors.shape == (0, embedder.folder.dimensions)


def test_a_paraphrase_is_nearer_than_another_subject(embedder: Embedder) -> None:
    query = embedder.query("how do we handle token renewal in auth?").vector
    near, far = embedder.passages([TEXTS[0], TEXTS[2]]).vectors @ query
    assert query.shape == (embedder.folder.dimensions,)
    assert near > far + 0.02


def test_token_codes_are_48_bytes_for_each_token_that_says_something(embedder: Embedder) -> None:
    (codes,) = embedder.passages(["The cat sleeps, always!"]).codes
    assert len(codes) == 4 * embedder.folder.dimensions // 8  # the, cat, sleeps, always
    assert embedder.passages(["...", ""]).codes == [b"", b""]


def test_token_codes_do_not_depend_on_the_texts_embedded_beside_them(embedder: Embedder) -> None:
    together = embedder.passages(TEXTS).codes
    for text, codes in zip(TEXTS, together, strict=True):
        alone = np.frombuffer(embedder.passages([text]).codes[0], dtype=np.uint8)
        beside = np.frombuffer(codes, dtype=np.uint8)
        assert np.unpackbits(alone ^ beside).mean() < 0.01 if len(alone) else len(beside) == 0


def test_the_name_of_a_programming_language_does_not_pull_a_question_towards_texts_about_it(embedder: Embedder) -> None:
    named, plain = embedder.query("python read a file into a list").vector, embedder.query("python").vector
    with_name = embedder.passages(["python read a file into a list"]).vectors[0]
    assert float(named @ plain) < float(with_name @ plain)
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)


def test_the_token_mean_is_the_one_that_its_script_computes_from_any_texts(embedder: Embedder) -> None:
    mean = embedder.token_mean(["The cat sleeps on the sofa.", "def add(a, b): return a + b"])
    shipped = np.load(embedder.folder.files["token_mean"].path)
    assert float(mean @ shipped) / float(np.linalg.norm(mean) * np.linalg.norm(shipped)) > 0.8


def test_progress_counts_every_text(embedder: Embedder) -> None:
    counts: list[int] = []
    embedder.passages(["a few words"] * (BATCH_TEXTS + 1), on_batch=counts.append)
    assert sum(counts) == BATCH_TEXTS + 1
    assert len(counts) > 1


def test_texts_beyond_the_limit_are_cut(embedder: Embedder) -> None:
    long = "memory " * 50_000
    vectors = embedder.passages([long, long + "and something else entirely", "x" * 350_000]).vectors
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
