"""Open stores as recall sees them: an index each, and one query encoder shared by all.

Opening never writes: a store whose index is missing or another's raises IndexUnavailable, and `recall.refresh` mends it.
Lean: numpy and the model are loaded when a semantic question is asked.
"""

from __future__ import annotations

import os

from memcli.encode import model as models
from memcli.encode import terms
from memcli.errors import IndexUnavailable, ModelUnavailable
from memcli.index import db, schema, search, vectors
from memcli.index.codes import TokenCodes
from memcli.index.kept import KeptRows
from memcli.recall.begun import Begun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from memcli.config import Config
    from memcli.encode.embedder import Embedded, Embedder, Question
    from memcli.index.arrays import ArraySearch
    from memcli.index.matrix import Matrix
    from memcli.index.search import Filter, PassageHit
    from memcli.places import Place

# numpy's products here are small: shared among threads each waits for the slowest, six times as long on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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
        self._begun: tuple[str, Begun] | None = None
        self.problem: str | None = None
        try:
            self._folder = models.load(config.text("model") or models.default())
            self.key: str | None = self._folder.key
        except ModelUnavailable as error:
            self.key = None
            self.problem = error.message

    def begin(self, text: str) -> None:
        """Start to encode a question in a second thread: what else is asked meanwhile, SQLite answers without Python."""
        known = self._begun or self._last
        if self._reads(text) and (known is None or known[0] != text):
            self._begun = (text, Begun(self._encode, text))

    def encode(self, text: str) -> Question | None:
        """A question as the model sees it; None when there is no model, or none for its script."""
        if not self._reads(text):
            return None
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] == text:
            self._last = (text, begun[1].result())
        if self._last is None or self._last[0] != text:
            self._last = (text, self._encode(text))
        return self._last[1]

    def _reads(self, text: str) -> bool:
        return self.key is not None and bool(text) and terms.mostly_latin(text)

    def _encode(self, text: str) -> Question | None:
        try:
            return self.embedder().query(text)
        except (ModelUnavailable, ImportError) as error:
            self.key = None
            self.problem = str(error)
            return None

    def passages(self, texts: list[str]) -> Embedded:
        """Texts of passages as the model sees them; only where questions are encoded."""
        return self.embedder().passages(texts)

    def embedder(self) -> Embedder:
        """The model itself, loaded when first asked for. Raises ModelUnavailable."""
        if self._embedder is None:
            from memcli.encode.embedder import Embedder

            self._embedder = Embedder.open(self._folder, threads=self._config.number("threads") or None)
        return self._embedder


class Source:
    """One store opened for recall. `encoder` is None for a purely lexical question; while `quiet`, every question is one."""

    def __init__(self, place: Place, encoder: QueryEncoder | None) -> None:
        self._identity = identity(place)  # before it is opened: a file put there meanwhile then counts as another
        self.connection = schema.open_for_reading(place)
        self.closed = False
        self._has_extension = False
        self._codes: TokenCodes | None = None
        self._codes_of: object = None
        self._revived: dict[bytes, tuple[NDArray[np.float32], bytes]] = {}  # vectors and codes by content hash
        self.quiet = False
        self._asked = 0
        self.kept = KeptRows(self.connection)
        self._matrix: Matrix | None = None
        self._arrays: ArraySearch | None = None
        self._aside: Source | None = None
        self.renew(place, encoder)

    def renew(self, place: Place, encoder: QueryEncoder | None) -> None:
        """Forget what held for the last question alone, so that the next one is answered as by a store opened for it."""
        self.place = place
        self._encoder = encoder
        self._revived.clear()
        self.problem: str | None = None
        self.wants_vectors = encoder is not None and encoder.key is not None
        self.has_vectors = encoder is not None and encoder.key is not None and self._vectors_match(encoder.key)
        if self.wants_vectors:
            codes_of = (encoder and encoder.key, self._identity[1])
            if self._codes is not None and (self._codes_of != codes_of or self._codes.closed):
                self._codes.close()
                self._codes = None
            self._codes_of = codes_of

    def is_of(self, place: Place) -> bool:
        """Whether this is still the store's index: not another file, nor another's, nor of another version."""
        self._identity, before = identity(place), self._identity
        return (
            self._identity[0] == before[0]
            and db.owns_cache(place)
            and schema.stored_version(self.connection) == schema.VERSION
            and schema.has_its_record(self.connection)
        )

    def expect(self, text: str) -> None:
        """Have a question encoded while other things are done, if `question` will be asked for it."""
        if self._encoder is not None and self.has_vectors and not self.quiet:
            self._encoder.begin(text)

    def question(self, text: str) -> Question | None:
        """A question's vector and tokens, if this store has vectors to compare them with."""
        if self._encoder is None or not self.has_vectors or self.quiet:
            return None
        return self._encoder.encode(text)

    def nearest(self, vector: bytes, limit: int, where: Filter) -> list[PassageHit]:
        """The passages nearest to a query vector: by the arrays of a large store, from the second question on out of memory."""
        if os.path.exists(vectors.arrays_path(self.place)):
            if self._arrays is None:
                from memcli.index.arrays import ArraySearch

                self._arrays = ArraySearch(self.place, self.kept)
            if self._arrays.usable:
                return self._arrays.nearest(vector, limit, where)
        self._asked += 1
        if self._asked == 2:
            fine, coarse = search.vectors(self.connection)
            if fine + coarse // COARSE <= MOST_IN_MEMORY:
                from memcli.index.matrix import Matrix

                self._matrix = Matrix(self.kept)
        if self._matrix is not None:
            return self._matrix.nearest(vector, limit, where)
        from memcli.index import nearest  # numpy: whoever has a vector has it

        return nearest.semantic(self.connection, vector, limit, where)

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

    def aside(self) -> Source:
        """The same store over a connection of its own, for what is asked by words in a second thread."""
        if self._aside is None:
            self._aside = Source(self.place, None)
        return self._aside

    def close(self) -> None:
        self.closed = True
        self.connection.close()
        if self._aside is not None:
            self._aside.close()
        if self._codes is not None:
            self._codes.close()

    def _vectors_match(self, key: str) -> bool:
        try:
            model = schema.get_meta(self.connection, "model")
            if model is not None and not self._has_extension:
                search.vector_model(self.connection)
                self._has_extension = True
        except IndexUnavailable as error:
            self.problem = error.message
            return False
        if model is not None and model != key:
            # Vectors of two models must never be compared; `mem index` embeds anew.
            self.problem = f"its vectors are of {model}, the model in use is {key}: run mem index"
        return model == key


def identity(place: Place) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Which files a store's index and its cache of embeddings are, by device and inode; None for one that is not there."""
    return _file(schema.index_path(place)), _file(os.path.join(place.cache, "embeddings.db"))


def _file(path: str) -> tuple[int, int] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


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
