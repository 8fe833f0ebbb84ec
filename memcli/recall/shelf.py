"""What a process that answers many questions keeps open between them: the model, and the indexes of the stores asked last.

Nothing that is kept may make an answer another than the one of a process that has just started. Before each question it is
compared with what lies on disk: which model is chosen, which file is the store's index, whose it is. What an index holds is
SQLite's to keep track of, and what is derived from it goes by its `data_version`. One thread uses a shelf.
"""

from __future__ import annotations

import os

from memcli.encode import model as models
from memcli.recall.source import QueryEncoder, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.config import Config
    from memcli.places import Place

MOST = 8
"""Stores kept open. The vectors of one may take 100 MB; more stores than this are hardly asked in turn."""


class Shelf:
    """Open stores, the one asked last at the end, and the encoder of the model in use."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._sources: dict[str, Source] = {}
        self._encoder: QueryEncoder | None = None
        self._encoder_of: object = None

    def encoder(self, config: Config) -> QueryEncoder:
        """The encoder of the model that the settings name; made anew where that is another, has changed, or did not work."""
        path = config.text("model") or models.default()
        wanted = (path, config.number("threads"), _state(path))
        if self._encoder is None or self._encoder_of != wanted or self._encoder.problem:
            self._encoder, self._encoder_of = QueryEncoder(config), wanted
        return self._encoder

    def source(self, place: Place, encoder: QueryEncoder | None) -> Source:
        """A store, ready for one question. Raises what opening it raises."""
        source = self._sources.pop(place.folder, None)
        try:
            if source is not None and source.is_of(place):
                source.renew(place, encoder)
            else:
                if source is not None:
                    source.close()
                source = Source(place, encoder)
        except BaseException:
            if source is not None:
                source.close()
            raise
        self._sources[place.folder] = source
        return source

    def stores(self) -> list[str]:
        """The folders of the stores that are open."""
        return list(self._sources)

    def tidy(self) -> None:
        """Close stores that are no longer there, and those asked longest ago where too many are open."""
        gone = [folder for folder, source in self._sources.items() if not source.place.exists()]
        spare = [folder for folder in self._sources if folder not in gone][: -self._most]
        for folder in (*gone, *spare):
            self._sources.pop(folder).close()

    def clear(self) -> None:
        """Close all stores, as after an answer that failed."""
        while self._sources:
            self._sources.popitem()[1].close()


def _state(folder: str) -> tuple[tuple[str, int, int, int], ...]:
    """Which files a model's folder holds, and in which state."""
    found = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                info = entry.stat()
                found.append((entry.name, info.st_ino, info.st_size, info.st_mtime_ns))
    except OSError:
        return ()
    return tuple(sorted(found))
