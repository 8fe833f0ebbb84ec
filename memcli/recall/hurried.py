"""A recall for those who must not be kept waiting: the hooks of agents, which run before each prompt.

It mends nothing, embeds nothing that waits for a vector, and walks no tree. A store whose index cannot be asked as it is is
left out; what changed a moment ago is taken in where it is little: the folders are looked at, and the files changed last,
since what somebody edits they will edit again. Lean.
"""

from __future__ import annotations

from memcli.errors import MemError
from memcli.index import db
from memcli.recall import refresh
from memcli.recall.pipeline import Recall
from memcli.recall.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.config import Config
    from memcli.places import Place
    from memcli.recall.shelf import Shelf


class Hurried(Recall):
    """Stores opened for one question, to be asked before `until`, a moment of `time.monotonic()`; what SQLite does longer ends
    with OperationalError. `unasked` says of a store that was left out, or was asked as it was indexed before, why."""

    def __init__(
        self,
        places: Iterable[Place],
        config: Config,
        until: float,
        *,
        lexical: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        super().__init__((), config, lexical=lexical, shelf=shelf)
        self.unasked: list[str] = []
        for place in places:
            if place.exists():
                try:
                    self.sources.append(self._source(place))
                except (MemError, db.DatabaseError) as error:
                    self.unasked.append(str(error))
        self._limited = db.limited([source.connection for source in self.sources], until)

    def __enter__(self) -> Hurried:
        self._limited.__enter__()
        for source in self.sources:
            self._take_in(source)
        return self

    def __exit__(self, *error: object) -> None:
        self._limited.__exit__()
        super().__exit__(*error)

    def update(self, stale: dict[Place, list[str]]) -> None:
        """Index these files anew where that is quickly done, so that the question can be asked again."""
        for source in self.sources:
            if source.place in stale:
                self._take_in(source, [path.rpartition("/")[0] for path in stale[source.place]])

    def walk_where_due(self) -> None:
        """Nothing: whoever waits longer walks."""

    def _take_in(self, source: Source, folders: Iterable[str] = ()) -> None:
        try:
            if not refresh.take_in_few(source.place, source.connection, folders):
                self.unasked.append("more has changed than a hook reads")
        except (MemError, OSError) as error:
            self.unasked.append(str(error))
