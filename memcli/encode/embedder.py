"""Texts → unit vectors, by the ONNX model of a model folder, on the CPU.

The only module that imports onnxruntime, and only when an `Embedder` is opened. Promises: whatever
keeps the model from running (no wheel for this platform, a broken file) is ModelUnavailable; any string is embedded;
memory is bounded however many texts are given. It downloads nothing and reports nothing to anyone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from memcli.encode.model import ModelFolder
from memcli.encode.wordpiece import WordPiece
from memcli.errors import ModelUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_THREADS = 4
"""More threads than this gain little on 200-token passages and take the machine from its owner."""

BATCH_TEXTS = 64
BATCH_TOKENS = 512
"""Padded tokens of one batch. Small, because the work of a batch should stay in the processor's cache: 128 to 512
take the least time; 64 dialogue turns at once take 1.8 times that, and 2048 tokens of long passages 1.4 times."""
_WINDOW = 4096  # texts tokenised and sorted by length at a time

_CHARACTERS_PER_TOKEN = 16  # English has about 4; what lies beyond max_tokens of these is not even tokenised


class Embedder:
    """An open model. Vectors are float32 of length 1, so that a dot product is a cosine.

    With the shipped model a vector does not depend on the texts embedded beside it; another model's may, a little.
    """

    def __init__(self, folder: ModelFolder, session: Any, tokenizer: WordPiece, threads: int) -> None:
        self.folder = folder
        self._threads = threads
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def open(cls, folder: ModelFolder, threads: int | None = None) -> Embedder:
        """Load the model; `threads` defaults to the physical cores, at most `MAX_THREADS`. Raises ModelUnavailable."""
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelUnavailable(
                f"the embedding runtime cannot be imported: {error}", hint="mem model verify"
            ) from error
        options = onnxruntime.SessionOptions()
        # The shipped graph is optimised ahead of time: doing it again would only cost time at each start.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        # A thread for each batch, not several for one: texts are short, and sharing one among threads costs a tenth.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            tokenizer = WordPiece.load(folder.files["tokenizer"].path)
            session = onnxruntime.InferenceSession(
                folder.files["weights"].path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises bare Exceptions for a broken file
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelUnavailable(
                f"the model {folder.name} cannot be loaded: {reason}", hint="mem model verify"
            ) from error
        return cls(folder, session, tokenizer, threads or default_threads())

    def passages(self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """The vectors of `texts`, shape (len(texts), dimensions), in their order.

        `on_batch` is called after each batch with the number of texts in it. Texts are cut at the model's `max_tokens`.
        """
        from concurrent.futures import ThreadPoolExecutor  # 15 ms that a question need not wait for

        vectors = np.empty((len(texts), self.folder.dimensions), dtype=np.float32)
        for first in range(0, len(texts), _WINDOW):
            window = texts[first : first + _WINDOW]
            tokens = self._tokenise([self.folder.passage_prefix + text for text in window])
            batches = list(_batches([len(ids) for ids in tokens]))
            with ThreadPoolExecutor(self._threads) as pool:
                embedded = pool.map(self._embed, ([tokens[i] for i in batch] for batch in batches))
                for batch, found in zip(batches, embedded, strict=True):
                    vectors[[first + i for i in batch]] = found
                    if on_batch:
                        on_batch(len(batch))
        return vectors

    def query(self, text: str) -> NDArray[np.float32]:
        """The vector of a question, shape (dimensions,)."""
        vector: NDArray[np.float32] = self._embed(self._tokenise([self.folder.query_prefix + text]))[0]
        return vector

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        longest = self.folder.max_tokens * _CHARACTERS_PER_TOKEN
        return [self._tokenizer.encode(text[:longest], self.folder.max_tokens) for text in texts]

    def _embed(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Mean over each text's own tokens, then to length 1; shape (len(tokens), dimensions)."""
        longest = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        (hidden,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        # The sum stands for the mean: they differ by a factor, which the norm takes away.
        sums = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0, :]
        vectors: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions into `lengths`, longest first, in batches within `BATCH_TEXTS` and `BATCH_TOKENS` after padding."""
    order = iter(sorted(range(len(lengths)), key=lambda i: -lengths[i]))
    while batch := list(islice(order, 1)):
        fitting = min(BATCH_TEXTS, BATCH_TOKENS // max(1, lengths[batch[0]]))
        yield batch + list(islice(order, fitting - 1)) if fitting > 1 else batch


def default_threads() -> int:
    """The physical cores that this process may use, at most `MAX_THREADS`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/devices/system/cpu/smt/active") as file:  # Linux: two logical cores for each physical one?
            cores = max(1, cores // 2) if file.read().strip() == "1" else cores
    except OSError:
        pass
    return min(cores, MAX_THREADS)
