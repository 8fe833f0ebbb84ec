"""Open stores as recall sees them: an index each, and one query encoder shared by all.

Opening never writes: a store whose index is missing or another's raises IndexUnavailable, and `recall.refresh` mends it.
Lean: numpy and the model are loaded when a semantic question is asked.
"""

from __future__ import annotations

from memcli.encode import model as models
from memcli.encode import terms
from memcli.errors import IndexUnavailable, ModelUnavailable
from memcli.index import schema, search
from memcli.index.codes import TokenCodes
from memcli.index.search import Filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from memcli.config import Config
    from memcli.encode.embedder import Embedded, Embedder, Question
    from memcli.index.matrix import Matrix
    from memcli.index.search import PassageHit
    from memcli.places import Place

MOST_IN_MEMORY = 60_000  # vectors kept in memory between questions: 92 MB at 384 dimensions
COARSE = 8  # coarse ones that take the room of one


class QueryEncoder:
    """Turns questions into vectors and tokens with the model in use; loads it once, when first asked.

    `problem` says, after a failure, why there is no semantic search.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._embedder: Embedder | None = None
        self._last: tuple[str, Question | None] | None = None
        self.problem: str | None = None
        try:
            self._folder = models.load(config.text("model") or models.default())
            self.key: str | None = self._folder.key
        except ModelUnavailable as error:
            self.key = None
            self.problem = error.message

    def encode(self, text: str) -> Question | None:
        """A question as the model sees it; None when there is no model, or none for its script."""
        if self.key is None or not text or not terms.mostly_latin(text):
            return None
        if self._last is None or self._last[0] != text:
            self._last = (text, self._encode(text))
        return self._last[1]

    def _encode(self, text: str) -> Question | None:
        try:
            if self._embedder is None:
                from memcli.encode.embedder import Embedder

                self._embedder = Embedder.open(self._folder, threads=self._config.number("threads") or None)
            return self._embedder.query(text)
        except (ModelUnavailable, ImportError) as error:
            self.key = None
            self.problem = str(error)
            return None

    def passages(self, texts: list[str]) -> Embedded:
        """Texts of passages as the model sees them; only after a question was encoded."""
        assert self._embedder is not None
        return self._embedder.passages(texts)


class Source:
    """One store opened for recall. `encoder` is None for a purely lexical question; while `quiet`, every question is one."""

    def __init__(self, place: Place, encoder: QueryEncoder | None) -> None:
        self.place = place
        self.connection = schema.open_for_reading(place)
        self._encoder = encoder
        self._codes: TokenCodes | None = None
        self._revived: dict[bytes, tuple[NDArray[np.float32], bytes]] = {}  # vectors and codes by content hash
        self.quiet = False
        self._asked = 0
        self._matrix: Matrix | None = None
        self.problem: str | None = None
        self.wants_vectors = encoder is not None and encoder.key is not None
        self.has_vectors = encoder is not None and encoder.key is not None and self._vectors_match(encoder.key)

    def question(self, text: str) -> Question | None:
        """A question's vector and tokens, if this store has vectors to compare them with."""
        if self._encoder is None or not self.has_vectors or self.quiet:
            return None
        return self._encoder.encode(text)

    def nearest(self, vector: bytes, limit: int, where: Filter) -> list[PassageHit]:
        """The passages nearest to a query vector; from the second question on out of memory, where that is small enough."""
        self._asked += 1
        if self._asked == 2:
            fine, coarse = search.vectors(self.connection)
            if fine + coarse // COARSE <= MOST_IN_MEMORY:
                from memcli.index.matrix import Matrix

                self._matrix = Matrix(self.connection)
        if self._matrix is not None and where == Filter():
            return self._matrix.nearest(vector, limit)
        return search.semantic(self.connection, vector, limit, where)

    def codes(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The token codes of passages by their content hashes, as far as there are any."""
        if self._codes is None and self._encoder is not None and self._encoder.key is not None:
            self._codes = TokenCodes(self.place, self._encoder.key)
        if self._codes is None:
            return {}
        wanted = list(hashes)
        return {key: self._revived[key][1] for key in wanted if key in self._revived} | self._codes.of(wanted)

    def revived(self, texts: dict[int, tuple[bytes, str]]) -> dict[int, NDArray[np.float32]]:
        """The vectors of these passages, given by (content hash, text), embedded in memory; `codes` has theirs from then on."""
        new = dict(pair for pair in texts.values() if pair[0] not in self._revived)
        if new and self._encoder is not None:
            made = self._encoder.passages(list(new.values()))
            self._revived.update(zip(new, zip(made.vectors, made.codes, strict=True), strict=True))
        return {passage: self._revived[key][0] for passage, (key, _) in texts.items()}

    def close(self) -> None:
        self.connection.close()
        if self._codes is not None:
            self._codes.close()

    def _vectors_match(self, key: str) -> bool:
        try:
            model = search.vector_model(self.connection)
        except IndexUnavailable as error:
            self.problem = error.message
            return False
        if model is not None and model != key:
            # Vectors of two models must never be compared; `mem index` embeds anew.
            self.problem = f"its vectors are of {model}, the model in use is {key}: run mem index"
        return model == key


class quiet:
    """While inside, these stores answer by words alone. (contextlib would take 3 ms to import.)"""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources

    def __enter__(self) -> None:
        for source in self._sources:
            source.quiet = True

    def __exit__(self, *_: object) -> None:
        for source in self._sources:
            source.quiet = False
