"""The whole of a recall: open the stores (mending an index first where it must be), ask, fuse, judge, cut.

Read-only towards memories and ranks; the index may be brought up to date with files that changed. Lean.
"""

from __future__ import annotations

from memcli.errors import IndexUnavailable
from memcli.index import db, schema, search
from memcli.recall import change, late, refresh
from memcli.recall.answer import EVERY_EPISODE, Answer, Hit, choose, fold, hits_of, within_budget
from memcli.recall.candidates import Candidate, gather
from memcli.recall.confidence import WEAK, confidence
from memcli.recall.fusion import fuse
from memcli.recall.plan import make_plan
from memcli.recall.revive import revive
from memcli.recall.source import QueryEncoder, Source, quiet
from memcli.trust import verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.config import Config
    from memcli.index.search import Document, Filter
    from memcli.places import Place
    from memcli.recall.candidates import Pool
    from memcli.recall.plan import Plan
    from memcli.recall.shelf import Shelf


NAME, WORDS, HYBRID, DEEP = "name", "words", "hybrid", "deep"
"""The tiers of an answer. *name*: the question is the id, path or title of a memory. *words*: it is one word of code, found as
it is written, or there is no model; the model is not loaded. *hybrid*: every channel, and late interaction. *deep*: the same
once more, because that answer was weak, with words of its best candidates."""


class Recall:
    """Stores opened for questions. Use as a context manager.

    A process that answers for others keeps what it opened on a `shelf`, and a Recall for each question: what is kept is as good
    as opened anew, and a store whose index has to be made anew is not opened (IndexUnavailable, DatabaseError).
    """

    def __init__(
        self,
        places: Iterable[Place],
        config: Config,
        *,
        lexical: bool = False,
        fresh: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        self.config = config
        self._shelf = shelf
        self._at_once = refresh.EMBED_AT_ONCE if shelf is None else refresh.EMBED_IN_TURN
        self._encoder = None if lexical else shelf.encoder(config) if shelf else QueryEncoder(config)
        self.notices: list[str] = []
        self.sources: list[Source] = []
        self._edits: dict[Source, dict[str, str]] = {}  # by path, when a file was last edited
        for place in places:
            if place.exists():
                self.sources.append(self._open(place, fresh))

    def _open(self, place: Place, fresh: bool) -> Source:
        """A store's index, brought up to date first where a look at the folders says that it is not."""
        try:
            source = self._source(place)
            waiting = search.waiting(source.connection, refresh.EMBED_AT_ONCE + 1) if source.wants_vectors else 0
            embeds = 0 < waiting <= refresh.EMBED_AT_ONCE
            if waiting > refresh.EMBED_AT_ONCE:
                self.notices.append(
                    f"{place.folder}: many memories are found by words only until mem index has embedded them"
                )
            elif waiting > self._at_once:
                raise IndexUnavailable("too much waits for a vector", hint="mem index")
            if not fresh and not embeds and not schema.changed_folders(place, source.connection):
                return source
            if self._shelf is None:
                source.close()
        except (IndexUnavailable, db.DatabaseError):
            if self._shelf is not None:
                raise
            # Missing, damaged or another's: the update makes it anew.
        self._update(place)
        source = self._source(place)
        self._leave_backlog(source)
        return source

    def _leave_backlog(self, source: Source) -> None:
        """Where more waits for a vector than a process embeds that others wait for too, have another one answer."""
        if self._shelf is not None and source.wants_vectors and search.waiting(source.connection, 1):
            raise IndexUnavailable("too much waits for a vector", hint="mem index")

    def _update(self, place: Place, paths: list[str] | None = None) -> None:
        """Index what changed (in these files), and embed a little of what waits."""
        if self._encoder is None or self._encoder.key is None:
            self.notices += refresh.update(place, paths=paths)
            return
        self.notices += refresh.update(
            place, paths=paths, embed_at_most=self._at_once, open_embedder=self._encoder.embedder
        )

    def _source(self, place: Place) -> Source:
        return self._shelf.source(place, self._encoder) if self._shelf else Source(place, self._encoder)

    def walk_where_due(self) -> None:
        """After answering: read the files of stores whose last full walk is a while ago; the next answer has what it finds."""
        for source in self.sources:
            if not source.closed and refresh.walk_is_due(source.connection):
                self._update(source.place)

    def __enter__(self) -> Recall:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shelf is None:
            for source in self.sources:
                source.close()

    def ask(
        self,
        text: str,
        *,
        where: Filter | None = None,
        limit: int = 8,
        episodes: int = EVERY_EPISODE,
        budget: int | None = None,
        now: int | None = None,
        least: float = 0.0,
        archived: bool = False,
    ) -> Answer:
        """The best memories for a question put on day `now` (`encode.days`). `budget` is in tokens.

        An answer whose confidence is below `least` has no hits. Archived memories are in it where it would be weak without
        them, or with `archived`.
        """
        for source in self.sources:
            source.kept.look()
        plan = make_plan(text, where, now)
        named = self._named(plan)
        pool, tier = self._ranked(plan, named)
        sure = 1.0 if named else confidence(pool, plan)
        if tier == HYBRID and sure < WEAK:
            plan, pool, sure, tier = self._deeper(plan, pool, sure)
        if not archived and not named:
            sure = self._without_archived(pool, plan, sure)
        same = fold(pool.candidates, limit)
        replaced = {} if named else change.put_current_first(pool.candidates, plan, limit)
        chosen, more = choose(pool.candidates, limit, episodes) if sure >= least else ([], 0)
        hits = within_budget(hits_of(chosen, sure, same), budget, plan)
        hits = [self._told(hit, replaced.get(id(hit.candidate), []), plan) for hit in hits]
        considered = sum(source.kept.memories() for source in self.sources)
        return Answer(hits, sure, considered, more, self.notices_now(), pool.candidates, tier, plan.added)

    def found(self, text: str, *, now: int | None = None) -> tuple[Plan, Pool]:
        """The candidates for a text put on day `now`, ranked, and how it was understood: what `ask` goes by, in two thirds of
        the time. No channel goes by what others found, fewer candidates are compared by tokens, weak ones are not asked for
        again, archived memories not read."""
        for source in self.sources:
            source.kept.look()
        plan = make_plan(text, None, now)
        pool = gather(self.sources, plan, second_hand=False)
        fuse(pool, plan, late.HURRIED)
        return plan, pool

    def _ranked(self, plan: Plan, named: dict[Source, dict[int, Document]]) -> tuple[Pool, str]:
        """The candidates in order, and the tier that answered: no deeper than the question needs (docs/recall.md)."""
        if named or plan.literal:
            with quiet(self.sources):
                pool = gather(self.sources, plan)
            if named or pool.candidates:
                fuse(pool, plan)
                _put_first(named, pool)
                return pool, NAME if named else WORDS
        pool = gather(self.sources, plan)
        revive(pool, plan)
        fuse(pool, plan)
        return pool, HYBRID if pool.matches else WORDS

    def _deeper(self, plan: Plan, pool: Pool, sure: float) -> tuple[Plan, Pool, float, str]:
        """A weak answer asked again with more words; the answer as it was where that has none to add or makes it weaker."""
        from memcli.recall import deep  # most answers are not weak

        expanded = deep.expanded(plan, pool, self.sources)
        if expanded is not None:
            again = gather(self.sources, expanded, pool)
            revive(again, expanded)
            fuse(again, expanded)
            surer = confidence(again, expanded)
            if surer >= sure - deep.LOSS:
                return expanded, again, surer, DEEP
        return plan, pool, sure, HYBRID

    def _without_archived(self, pool: Pool, plan: Plan, sure: float) -> float:
        """Leave archived memories out unless the answer is weak without them; returns the confidence of what is left."""
        rest = change.without_archived(pool.candidates)
        if len(rest) == len(pool.candidates):
            return sure
        everything, pool.candidates = pool.candidates, rest
        surer = confidence(pool, plan)
        if surer >= WEAK:
            return surer
        pool.candidates = everything
        return sure

    def _told(self, hit: Hit, replaced: list[Candidate], plan: Plan) -> Hit:
        """A hit with what it replaced, and with what a reader should know of it."""
        document = hit.candidate.document
        marks = [mark] if (mark := verdict.mark(document.trust)) else []
        marks += ["archived"] if document.tier == change.ARCHIVED else []
        marks += ["marked wrong"] if document.barred else []
        marks += [f"held until {document.valid_to[:10]}"] if change.expired(document, plan) else []
        if plan.where.as_of is not None and self._edited_since(hit.candidate, plan.where.as_of):
            marks.append("edited since")
        return hit._replace(replaces=tuple(replaced), marks=tuple(marks)) if marks or replaced else hit

    def _edited_since(self, candidate: Candidate, day: str) -> bool:
        """Whether the journal knows of an edit after a day; its text then is shown as it is now, not as it was."""
        source = candidate.source
        if source not in self._edits:
            from memcli import journal  # only a question about the past needs it

            edits: dict[str, str] = {}
            for event in journal.events(source.place):
                edits.update((path, event.at) for path, before, after in event.changes if before and after)
            self._edits[source] = edits
        return self._edits[source].get(candidate.document.path, "")[: len(day)] > day

    def latest_day(self) -> int | None:
        """The day of the newest memory: when a question is put that does not say when."""
        found = [search.latest_day(source.connection) for source in self.sources]
        return max((day for day in found if day is not None), default=None)

    def _named(self, plan: Plan) -> dict[Source, dict[int, Document]]:
        """Memories whose id, path or title is the question itself."""
        found = {
            source: search.documents(source.connection, search.named(source.connection, plan.text))
            for source in self.sources
        }
        return {source: documents for source, documents in found.items() if documents}

    def notices_now(self) -> list[str]:
        """What the user should know about the answers given so far."""
        notices = list(self.notices)
        if self._encoder is not None and self._encoder.problem:
            notices.append(f"found by words only: {self._encoder.problem}")
        notices += [f"{source.place.folder}: {source.problem}" for source in self.sources if source.problem]
        return list(dict.fromkeys(notices))

    def stale_paths(self, answer: Answer) -> dict[Place, list[str]]:
        """Files behind an answer that changed or vanished since they were indexed, by store."""
        stale: dict[Place, list[str]] = {}
        for hit in answer.hits:
            source, document = hit.candidate.source, hit.candidate.document
            known = stale.get(source.place, ())
            if document.path not in known and not refresh.is_current(source.place, document):
                stale.setdefault(source.place, []).append(document.path)
        return stale

    def update(self, stale: dict[Place, list[str]]) -> None:
        """Index these files anew, so that the question can be asked again."""
        for place, paths in stale.items():
            self._update(place, paths)
        for number, source in enumerate(self.sources):
            if source.place in stale and not source.is_of(source.place):  # the index was made anew
                source.close()
                self.sources[number] = self._source(source.place)
            if source.place in stale:
                self._leave_backlog(self.sources[number])


def _put_first(named: dict[Source, dict[int, Document]], pool: Pool) -> None:
    """Put memories that the question names before all others."""
    found = []
    best = max((candidate.score for candidate in pool.candidates), default=0.0)
    for source, documents in named.items():
        for number, document in documents.items():
            candidate = pool.around.get((source, number)) or Candidate(source, document)
            if not candidate.passages:
                candidate.passages = {"name": search.first_passages(source.connection, [number])[number]}
            candidate.shares["named"] = 1.0 + best - candidate.score
            candidate.score = 1.0 + best
            found.append(candidate)
    pool.candidates[:] = found + [c for c in pool.candidates if c not in found]
