"""Stores of all sizes, with their indexes and vectors, kept between runs in one folder (the *cache*).

    CACHE/stores/SIZE    a store of SIZE passages        CACHE/known    embeddings of real texts, whichever store had them first
    CACHE/home           the user they belong to

Files are written, indexed by words, and then given vectors, by the product itself. Texts that `known` has are not embedded
again. A generated passage gets the vector of the real one that it was made from, moved by NOISE times a difference between
two other vectors, so that the noise has the directions of real vectors, and the token codes as they are. An index of another
version, or of another model, is made anew from the files and what was embedded; the times of each build are kept beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memcli import config
from memcli.encode import model
from memcli.index import arrays, db, schema, vectors
from memcli.index.cache import EmbeddingCache
from memcli.index.update import update
from memcli.places import Place, at_root
from memcli.store import Store
from tests.bench.perf import texts

NOISE = 0.25  # length of what is added to a vector of length 1: the cosine with the original is .97
AT_ONCE = 20_000  # embeddings copied at a time
BUILT, ORIGINS = "built.json", "origins.json"


class Built(NamedTuple):
    """How a store was made. Seconds: of indexing words, of giving vectors to the index, of deriving the file that they are
    searched in, 0 where the store is too small for one; `embedded` are texts whose embedding was not known."""

    passages: int
    files: int
    version: int
    model: str
    words: float
    vectors: float
    derived: float
    embedded: int


class Cache:
    """The folder where stores are kept."""

    def __init__(self, folder: Path, shared: Path, say: Callable[[str], None], *, anew: bool = False) -> None:
        self.folder = folder.resolve()
        self._shared = shared
        self._say = say
        self._anew = anew
        self._made: set[int] = set()
        self.key = model.load(model.default()).key
        self.environment = {
            f"XDG_{kind}_HOME": str(self.folder / "home" / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")
        } | {"HOME": str(self.folder / "home")}
        os.environ.update(self.environment)

    def place(self, size: int) -> Place:
        return at_root(str(self.folder / "stores" / str(size)))

    def built(self, size: int) -> Built | None:
        """How the present store of this size was made; None where there is none, or another version made it."""
        file = self.folder / "stores" / str(size) / BUILT
        if not file.exists():
            return None
        found = Built(**json.loads(file.read_text(encoding="utf-8")))
        return found if (found.version, found.model) == (schema.VERSION, self.key) else None

    def store(self, size: int) -> Place:
        """The store of this size, made first where it is missing or of another version, or where all are made anew."""
        if self.built(size) is None or (self._anew and size not in self._made):
            self._build(self.folder / "stores" / str(size), size)
        self._made.add(size)
        return self.place(size)

    def scratch_store(self, size: int, folder: Path) -> Place:
        """A store of this size that may be changed, made anew in `folder`."""
        shutil.rmtree(folder, ignore_errors=True)
        self._build(folder, size)
        return at_root(str(folder))

    def exact(self, size: int) -> Path:
        """A store's vectors as its index keeps them, 8 bits a dimension, (passages, dimensions)."""
        return self.folder / "stores" / str(size) / "exact.npy"

    def _build(self, folder: Path, size: int) -> None:
        if (folder / ORIGINS).exists():  # its files are all there
            place = at_root(str(folder))
            db.discard_cache(place, keep_embeddings=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            place = Store.init(at_root(str(folder))).place
            self._say(f"{size:,} passages: writing the files")
            self._write(place, size)
        settings = config.load(place)
        self._say(f"{size:,} passages: indexing words")
        words = _timed(lambda: update(place, settings, embed_at_most=0))
        self._lend(place)
        waiting = self._unknown(place)
        self._say(f"{size:,} passages: vectors" + (f" ({len(waiting):,} to embed)" if waiting else ""))
        problems: list[str | None] = []
        gave = _timed(lambda: problems.append(update(place, settings)[1]))
        made_arrays: list[bool] = []
        derived = _timed(lambda: made_arrays.append(arrays.build_where_due(place)))
        if problems[0]:
            raise SystemExit(f"{folder} has no vectors: {problems[0]}")
        self._borrow(place, waiting)
        passages, files = self._export(place, folder)
        made = Built(
            passages, files, schema.VERSION, self.key, words, gave, derived if made_arrays[0] else 0.0, len(waiting)
        )
        (folder / BUILT).write_text(json.dumps(made._asdict()), encoding="utf-8")

    def _export(self, place: Place, folder: Path) -> tuple[int, int]:
        """Write the vectors down for exact search; returns how many passages and files there are."""
        connection = schema.open_for_reading(place)
        db.load_vectors(connection)
        tables = ("passages", "entries")
        passages, files = (connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables)
        dimensions = int(schema.get_meta(connection, "dimensions") or 0)
        ids, parts = zip(*vectors.stored(connection, dimensions), strict=True)
        np.save(folder / "exact.npy", np.concatenate(parts))
        np.save(folder / "exact.ids.npy", np.concatenate(ids))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return passages, files

    def _write(self, place: Place, size: int) -> None:
        topics = texts.topics(self._shared, size)
        folders: set[str] = set()
        origins = {}
        for number, text in enumerate(texts.corpus(self._shared, size)):
            path = text.path(number, topics)
            absolute = place.absolute(path)
            if (parent := os.path.dirname(absolute)) not in folders:
                os.makedirs(parent, exist_ok=True)
                folders.add(parent)
            with open(absolute, "wb") as file:
                file.write(text.file())
            origins[path] = (text.origin, text.round)
        (Path(place.project) / ORIGINS).write_text(json.dumps(origins), encoding="utf-8")

    # --- vectors

    def _known(self) -> EmbeddingCache:
        place = at_root(str(self.folder / "known"))
        return EmbeddingCache(place, self.key)

    def _lend(self, place: Place) -> None:
        """Give a store the embeddings of its texts: what is known of real ones, and moved ones for those that are generated."""
        known, own = self._known(), EmbeddingCache(place, self.key)
        held = set(own.held())
        real = {key for (_, round_), _, key in self.passages(place) if not round_} - held
        for some in db.chunks(sorted(real), AT_ONCE):
            own.put(known.get(some))
        known.close()
        if any(round_ for _, round_ in self._origins(place).values()):
            if real - set(own.held()):
                update(place, config.load(place), paths=self._real_paths(place))
            self._move(place, own, held)
        own.close()

    def _move(self, place: Place, own: EmbeddingCache, held: set[bytes]) -> None:
        """Embeddings for generated passages, each made from that of the passage at the same place of its original."""
        base: dict[tuple[int, int], bytes] = {}
        wanted: dict[bytes, tuple[int, int]] = {}
        last: dict[int, int] = {}
        for (origin, round_), ordinal, key in self.passages(place):
            if not round_:
                base[origin, ordinal] = key
                last[origin] = max(last.get(origin, 0), ordinal)
            elif key not in held:
                wanted[key] = origin, ordinal
        keys = sorted(wanted)
        draw = np.random.default_rng(texts.SEED)
        pool = [kept.vector for kept in own.get(sorted(set(base.values()))[:AT_ONCE]).values()]
        others = np.array([np.frombuffer(vector, dtype=np.float16) for vector in pool], dtype=np.float32)
        for some in db.chunks(keys, AT_ONCE):
            sources = [base[origin, min(ordinal, last[origin])] for origin, ordinal in (wanted[key] for key in some)]
            found = own.get(set(sources))
            usable = [(key, found[source]) for key, source in zip(some, sources, strict=True) if source in found]
            if not usable:  # what is left is embedded
                continue
            own_ = np.array([np.frombuffer(kept.vector, dtype=np.float16) for _, kept in usable], dtype=np.float32)
            moved = _moved(own_, others, draw).astype(np.float16)
            pairs = zip(usable, moved, strict=True)
            own.put({key: kept._replace(vector=row.tobytes()) for (key, kept), row in pairs})

    def _unknown(self, place: Place) -> set[bytes]:
        """Texts that wait for a vector and have none in the store's cache."""
        own = EmbeddingCache(place, self.key)
        held = set(own.held())
        own.close()
        connection = schema.open_for_reading(place)
        rows = connection.execute("SELECT hash FROM passages WHERE state = ?", (schema.WAITING,)).fetchall()
        connection.close()
        return {key for (key,) in rows} - held

    def _borrow(self, place: Place, keys: set[bytes]) -> None:
        """Remember what was embedded for this store."""
        known, own = self._known(), EmbeddingCache(place, self.key)
        for some in db.chunks(sorted(keys), AT_ONCE):
            known.put(own.get(some))
        known.close()
        own.close()

    def _origins(self, place: Place) -> dict[str, tuple[int, int]]:
        """By path, the number of the real text, and the round in which it was told."""
        found: dict[str, tuple[int, int]] = json.loads((Path(place.project) / ORIGINS).read_text(encoding="utf-8"))
        return found

    def _real_paths(self, place: Place) -> list[str]:
        return [path for path, (_, round_) in self._origins(place).items() if not round_]

    def passages(self, place: Place) -> Iterator[tuple[tuple[int, int], int, bytes]]:
        """(origin and round of the file, which of its passages, content hash) of each passage, in the order of the files."""
        origins = self._origins(place)
        connection = schema.open_for_reading(place)
        rows = connection.execute(
            "SELECT path, passages.hash FROM entries JOIN documents ON entry = entries.id"
            " JOIN passages ON document = documents.id ORDER BY entries.id, documents.ordinal, passages.ordinal"
        )
        before, ordinal = "", 0
        for path, key in rows:
            ordinal = ordinal + 1 if path == before else 0
            before = path
            yield origins[path], ordinal, key
        connection.close()


def _moved(vectors: NDArray[np.float32], others: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    one, two = (others[draw.integers(len(others), size=len(vectors))] for _ in range(2))
    noise = one - two
    noise *= NOISE / np.maximum(np.linalg.norm(noise, axis=1, keepdims=True), 1e-6)
    moved = vectors + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
