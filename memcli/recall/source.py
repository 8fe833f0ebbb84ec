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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.config import Config
    from memcli.encode.embedder import Embedder, Question
    from memcli.places import Place


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


class Source:
    """One store opened for recall. `encoder` is None for a purely lexical question."""

    def __init__(self, place: Place, encoder: QueryEncoder | None) -> None:
        self.place = place
        self.connection = schema.open_for_reading(place)
        self._encoder = encoder
        self._codes: TokenCodes | None = None
        self.problem: str | None = None
        self.wants_vectors = encoder is not None and encoder.key is not None
        self.has_vectors = encoder is not None and encoder.key is not None and self._vectors_match(encoder.key)

    def question(self, text: str) -> Question | None:
        """A question's vector and tokens, if this store has vectors to compare them with."""
        return self._encoder.encode(text) if self._encoder is not None and self.has_vectors else None

    def codes(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The token codes of passages by their content hashes, as far as there are any."""
        if self._codes is None and self._encoder is not None and self._encoder.key is not None:
            self._codes = TokenCodes(self.place, self._encoder.key)
        return self._codes.of(hashes) if self._codes is not None else {}

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
