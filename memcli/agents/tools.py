"""What an agent may do with the memories of its project: the eight tools of `mem mcp`, without the protocol.

Each tool takes the folder that its client works in, does what the verb of its name does, and returns what it has to say
(`agents.shapes`). Refusals are MemErrors. One thread uses the tools; they keep what they opened, as the warm server does, until
`rest`.
"""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from memcli import caller, config, curate, operations, tree
from memcli.agents import brief, fence, shapes
from memcli.agents.shapes import Result
from memcli.encode.days import day_of
from memcli.errors import IndexUnavailable, MemError, NotFound, UsageError
from memcli.guard import secrets
from memcli.index import db, schema, search
from memcli.index.search import Filter
from memcli.lifecycle import duplicates, fade, history, proposals, standing
from memcli.lifecycle.fade import Stamp
from memcli.lock import write_lock
from memcli.memory import check_type, parse
from memcli.places import Place, locate
from memcli.recall import refresh
from memcli.recall.answer import Answer
from memcli.recall.pipeline import Recall
from memcli.recall.shelf import Shelf
from memcli.resolve import Target, resolve
from memcli.store import Store
from memcli.text import iso_date


class Tools:
    """The tools, on the stores that answer from a project's folder; `root` or `personal` fix one store instead."""

    def __init__(self, *, root: str | None = None, personal: bool = False) -> None:
        self._root = root
        self._personal = personal
        self._shelf = Shelf()
        self._answered: list[Recall] = []

    # --- reading ---

    def recall(
        self, here: str, query: str, *, limit: int, budget: int, where: Filter, archived: bool = False
    ) -> Result:
        """The memories that answer a question, best first."""
        if not query.strip():
            raise UsageError("there is no question", hint="repeat with a query: what you want to know")
        stores = self._existing(here)
        settings = config.load(stores[0])
        asked = {"limit": limit, "budget": budget, "where": where, "archived": archived}
        try:
            recall = Recall(stores, settings, shelf=self._shelf)
            self._answered.append(recall)
            return shapes.recalled(_ask(recall, query, asked), here)
        except (IndexUnavailable, db.DatabaseError):
            self._shelf.clear()  # what is missing, damaged or far behind is made anew by one who opens it alone
        with Recall(stores, settings) as recall:
            return shapes.recalled(_ask(recall, query, asked), here)

    def context(self, here: str, *, budget: int) -> Result:
        """What matters now in this project, as a session begins."""
        stores = [place for place in self._places(here) if place.exists()]
        text = brief.brief(stores, here=here, now=time.time(), budget=budget)
        said = text or "nothing to say yet: no memory matters now in this project"
        return Result(said, shapes.Brief(label=fence.LABEL, text=text))

    def show(self, here: str, wanted: str) -> Result:
        """A whole memory, with how it stands."""
        ((store, target),) = self._find(here, wanted)
        text, masked = secrets.mask(tree.read(store.place, target.path).decode("utf-8"))
        memory = parse(text.encode("utf-8"), name=target.path)
        stands = standing.survey(store.place, store.config, history.day_of(time.time()), only=target.id).standings
        trust = next((str(row["trust"]) for row in _rows(store.place, target.path) if row["path"] == target.path), "")
        return shapes.shown(store.place, target, memory, trust, stands[0] if stands else None, masked, here)

    def listing(
        self,
        here: str,
        *,
        limit: int,
        skip: int = 0,
        path: str | None = None,
        type_: str | None = None,
        tag: str | None = None,
    ) -> Result:
        """Memories, newest first."""
        rows: list[tuple[Place, Mapping[str, Any]]] = []
        for place in self._existing(here):
            refresh.update(place)
            rows += [(place, row) for row in _rows(place, path, type_, tag)]
        rows.sort(key=lambda one: (str(one[1]["created"] or ""), str(one[1]["id"])), reverse=True)
        return shapes.listing(rows, skip, limit, here)

    # --- writing ---

    def add(self, here: str, text: str, *, supersedes: Sequence[str] = (), redact: bool = False, **said: Any) -> Result:
        """Keep a new memory in the nearest store. `said` is what `store.Said` may hold."""
        if not text.strip():
            raise UsageError("there is nothing to remember", hint="repeat with a text: what you want to keep")
        place = self._places(here)[0]
        store = Store(place) if place.exists() else Store.init(place)
        said |= {key: _date(key, said[key]) for key in ("valid_from", "valid_to") if said.get(key)}
        check_type(said.get("type_") or "fact")
        replaced = [target.id for _, target in self._find(here, *supersedes)]
        written = store.add(text, redact=redact, supersedes=replaced, **said)
        self._index(store, [written.path])
        like = duplicates.at_write(place, written.path, rejected=proposals.rejected_pairs(place))
        return shapes.added(place, written, like, here)

    def feedback(self, here: str, wanted: str, word: str) -> Result:
        """Note how a memory did: useful, wrong or confirmed."""
        ((store, target),) = self._find(here, wanted)
        stamp = Stamp(caller.author(), here, caller.session(), time.time())
        one = fade.give_feedback(store.place, store.config, target.id, word, stamp)
        self._index(store, [target.path])
        after = "; mend it with curate (UPDATE), or confirm it where it holds after all" if word == "wrong" else ""
        data = shapes.Judged(id=target.id, feedback=word, tier=one.tier if one else None)
        return Result(f"{target.id}: {word}{after}", data)

    def curate(self, here: str, asked: Sequence[Mapping[str, Any]], *, dry_run: bool) -> Result:
        """Do a batch of operations on the nearest store: all of them or, where one is refused, none."""
        place = self._places(here)[0]
        store = Store(place) if place.exists() or dry_run else Store.init(place)
        if place.exists():
            refresh.update(place)
        outcomes = curate.curate(store, operations.read(json.dumps(list(asked))), dry_run=dry_run)
        result = shapes.outcomes(place, outcomes, here, dry_run=dry_run)
        if result.data["done"]:
            self._index(store, None)
        return result

    def forget(self, here: str, wanted: Sequence[str]) -> Result:
        """Move memories to the trash; where one of them is not found, none."""
        found = self._find(here, *wanted)
        stores = {store.place.folder: store for store, _ in found}
        for folder, store in stores.items():
            self._index(store, store.forget([target.path for _, target in found if target.place.folder == folder]))
        ids = [*dict.fromkeys(target.id for _, target in found)]
        return Result(f"forgotten: {', '.join(ids)} (mem undo brings back)", shapes.Forgotten(forgotten=ids))

    # --- between calls ---

    def settle(self) -> None:
        """What the last calls left to do, when nobody waits for it: look at files that may have changed unseen."""
        answered, self._answered = self._answered, []
        try:
            for recall in answered:
                recall.walk_where_due()
            self._shelf.tidy()
        except (MemError, db.DatabaseError, OSError):
            self._shelf.clear()

    def open_stores(self) -> list[str]:
        """The folders of the stores that are open."""
        return self._shelf.stores()

    def rest(self) -> None:
        """Close the stores and let go of the model; the next question opens them again."""
        self._shelf.clear()
        self._shelf = Shelf()
        self._answered = []
        try:
            ctypes.CDLL(None).malloc_trim(0)  # glibc keeps what was freed, here a third of all, for itself
        except (AttributeError, OSError):
            pass  # another C library

    def mend(self, here: str, error: Exception) -> None:
        """Throw damaged indexes away; the next call makes them anew. Raises `error` where it says nothing of damage."""
        if not db.is_damage(error):
            raise error
        self.rest()
        for place in self._existing(here):
            with write_lock(place):
                db.discard_cache(place, keep_embeddings=True)

    # --- inside ---

    def _places(self, here: str) -> list[Place]:
        return locate(root=self._root, personal_only=self._personal, start=here)

    def _existing(self, here: str) -> list[Place]:
        stores = [place for place in self._places(here) if place.exists()]
        if not stores:
            raise NotFound("there are no memories here yet", hint="add the first one")
        return stores

    def _find(self, here: str, *wanted: str) -> list[tuple[Store, Target]]:
        """The memories that are meant, each with its store. Raises NotFound and Ambiguous."""
        stores = [Store(place) for place in self._existing(here)] if wanted else []
        for store in stores:
            refresh.update(store.place)
        places = [store.place for store in stores]
        found = [resolve(places, name, stores[0].config) for name in wanted]
        return [(stores[places.index(target.place)], target) for target in found]

    def _index(self, store: Store, paths: list[str] | None) -> None:
        """Index what was just written, with the model that is open already. What fails is repaired by the next question."""
        encoder = self._shelf.encoder(store.config)
        if encoder.key is None:
            refresh.update(store.place, paths=paths)
            return
        refresh.update(store.place, paths=paths, embed_at_most=refresh.EMBED_AT_ONCE, open_embedder=encoder.embedder)


def _ask(recall: Recall, query: str, asked: Mapping[str, Any]) -> Answer:
    episodes = recall.config.number("recall.episodes")
    now = day_of(time.strftime("%Y-%m-%d"))
    answer = recall.ask(query, now=now, episodes=episodes, **asked)
    stale = recall.stale_paths(answer)
    if stale:
        recall.update(stale)
        answer = recall.ask(query, now=now, episodes=episodes, **asked)
    return answer


def _rows(
    place: Place, path: str | None = None, type_: str | None = None, tag: str | None = None
) -> Sequence[Mapping[str, Any]]:
    """What the index says of memories."""
    connection = schema.open_for_reading(place)
    try:
        return search.entries(connection, path, type_, tag)
    finally:
        connection.close()


def _date(key: str, value: object) -> str:
    date = iso_date(value)
    if date is None:
        raise UsageError(f"{key} is no ISO date", hint="repeat with one like 2026-11-20 or 2026-11-20T10:00")
    return date
