"""Texts → unit vectors, by the ONNX model of a model folder, on the CPU.

The only module that imports onnxruntime, and only when an `Embedder` is opened. Promises: whatever
keeps the model from running (no wheel for this platform, a broken file) is ModelUnavailable; any string is embedded;
memory is bounded however many texts are given. It downloads nothing and reports nothing to anyone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from memcli.encode import codes
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


_Made = TypeVar("_Made")

LANGUAGES = ("python", "java", "javascript", "typescript", "php", "perl", "kotlin", "haskell", "golang", "csharp")
"""Names that say what kind of code is asked for and seldom stand in it. A question's vector is the mean of its other
tokens, which have seen the name. (Names that are also words, as rust and go are, count like any word.)"""


class Embedded(NamedTuple):
    """Passages as the model sees them: `vectors`, shape (texts, dimensions), and the codes of each one's tokens."""

    vectors: NDArray[np.float32]
    codes: list[bytes]


class Question(NamedTuple):
    """A question as the model sees it: its `vector`, shape (dimensions,), and its `tokens` for late interaction.

    `tokens` are centred and of length 1, shape (tokens, dimensions); none where the model has no token mean.
    """

    vector: NDArray[np.float32]
    tokens: NDArray[np.float32]


class Embedder:
    """An open model. Vectors are float32 of length 1, so that a dot product is a cosine.

    With the shipped model a vector does not depend on the texts embedded beside it; another model's may, a little.
    """

    def __init__(
        self,
        folder: ModelFolder,
        session: Any,
        tokenizer: WordPiece,
        threads: int,
        mean: NDArray[np.float32] | None = None,
    ) -> None:
        self.folder = folder
        self._threads = threads
        self._session = session
        self._tokenizer = tokenizer
        self._mean = mean

    @classmethod
    def open(cls, folder: ModelFolder, threads: int | None = None) -> Embedder:
        """Load the model; `threads` defaults to the physical cores, at most `MAX_THREADS`. Raises ModelUnavailable."""
        # Since 1.31 it counts its use, under an id in the user's home, and sends that. Read when it is imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelUnavailable(
                f"the embedding runtime cannot be imported: {error}", hint="mem model verify"
            ) from error
        onnxruntime.disable_telemetry_events()  # what the variable is not for: Windows
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
        mean = _read_mean(folder) if "token_mean" in folder.files else None
        return cls(folder, session, tokenizer, threads or default_threads(), mean)

    def passages(self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None) -> Embedded:
        """The vectors and token codes of `texts`, in their order; codes are empty where the model has no token mean.

        `on_batch` is called after each batch with the number of texts in it. Texts are cut at the model's `max_tokens`.
        """
        vectors = np.empty((len(texts), self.folder.dimensions), dtype=np.float32)
        codes_of = [b""] * len(texts)
        for places, (found, packed) in self._in_batches(texts, self._embed):
            vectors[places] = found
            for place, bits in zip(places, packed, strict=True):
                codes_of[place] = bits
            if on_batch:
                on_batch(len(places))
        return Embedded(vectors, codes_of)

    def query(self, text: str) -> Question:
        """A question's vector and tokens.

        The vector is the mean of its own tokens, without the prefix, the marks around it and the names in `LANGUAGES`
        as far as others are left: that finds more on every development suite than the mean of all (docs/recall.md).
        """
        (ids,) = self._tokenise([self.folder.query_prefix + text])
        hidden, _ = self._run([ids])
        own = hidden[0, self._prefix(self.folder.query_prefix) : len(ids) - 1]
        own = own if len(own) else hidden[0]
        telling = [
            state for state, token in zip(own, ids[-1 - len(own) : -1], strict=False) if token not in self._languages
        ]
        vector = np.sum(telling if len(telling) > 1 else own, axis=0)
        tokens = own[:0] if self._mean is None else codes.centred(own, self._mean)
        return Question(vector / np.linalg.norm(vector), tokens)

    def token_mean(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The mean vector of the tokens of `texts` as passages, shape (dimensions,): what `codes` are centred on."""

        def sums(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.float64], int]:
            own = self._own(ids)
            return self._run(ids)[0][own].sum(axis=0, dtype=np.float64), int(own.sum())

        parts = [part for _, part in self._in_batches(texts, sums)]
        total = np.array([total for total, _ in parts], dtype=np.float64).sum(axis=0)
        return np.asarray(total / max(1, sum(count for _, count in parts)), dtype=np.float64)

    def _in_batches(
        self, texts: Sequence[str], work: Callable[[list[list[int]]], _Made]
    ) -> Iterator[tuple[list[int], _Made]]:
        """Places in `texts` of each batch, and what `work` makes of the token ids there; several threads work at once."""
        from concurrent.futures import ThreadPoolExecutor  # 15 ms that a question need not wait for

        for first in range(0, len(texts), _WINDOW):
            tokens = self._tokenise([self.folder.passage_prefix + text for text in texts[first : first + _WINDOW]])
            batches = list(_batches([len(ids) for ids in tokens]))
            with ThreadPoolExecutor(self._threads) as pool:
                made = pool.map(work, ([tokens[i] for i in batch] for batch in batches))
                for batch, result in zip(batches, made, strict=True):
                    yield [first + i for i in batch], result

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        longest = self.folder.max_tokens * _CHARACTERS_PER_TOKEN
        return [self._tokenizer.encode(text[:longest], self.folder.max_tokens) for text in texts]

    def _embed(self, tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.float32], list[bytes]]:
        """For each text the mean over its tokens, to length 1, and its token codes."""
        hidden, mask = self._run(tokens)
        # The sum stands for the mean: they differ by a factor, which the norm takes away.
        sums = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0, :]
        vectors: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        if self._mean is None:
            return vectors, [b""] * len(tokens)
        told = self._own(tokens) & self._says_something[[[*ids, *[0] * (hidden.shape[1] - len(ids))] for ids in tokens]]
        return vectors, [codes.pack(states[own], self._mean) for states, own in zip(hidden, told, strict=True)]

    def _run(self, tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Last hidden states, shape (texts, most tokens, dimensions), and the mask that tells tokens from padding."""
        longest = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        (hidden,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return hidden, mask

    def _own(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """Which positions hold tokens of the passages themselves: not the prefix, not the marks around, not padding."""
        positions = np.arange(max(len(ids) for ids in tokens))
        ends = np.array([len(ids) - 1 for ids in tokens])
        own: NDArray[np.bool_] = (positions >= self._prefix(self.folder.passage_prefix)) & (positions < ends[:, None])
        return own

    def _prefix(self, prefix: str) -> int:
        """How many tokens stand before a text's own."""
        return len(self._tokenizer.encode(prefix, self.folder.max_tokens)) - 1

    @cached_property
    def _says_something(self) -> NDArray[np.bool_]:
        """For each token id whether it has a letter or a digit; punctuation alone is not kept as a code."""
        return np.array(self._tokenizer.has_letters())

    @cached_property
    def _languages(self) -> frozenset[int]:
        return frozenset(i for name in LANGUAGES for i in self._tokenizer.encode(name, self.folder.max_tokens)[1:-1])


def _read_mean(folder: ModelFolder) -> NDArray[np.float32]:
    file = folder.files["token_mean"]
    try:
        mean: NDArray[np.float32] = np.load(file.path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{file.path} cannot be read: {error}", hint="mem model verify") from error
    if mean.shape != (folder.dimensions,) or mean.dtype != np.float32:
        raise ModelUnavailable(f"{file.path} is not a vector of {folder.dimensions} float32", hint="mem model verify")
    return mean


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
