"""What the watcher decides, with children that are not there and a clock that is turned by hand."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from memcli.places import Place, at_root
from memcli.serve import address, detached, watched, watcher
from memcli.serve.options import Options
from memcli.serve.watched import MOST_STORES
from memcli.serve.watcher import Watcher
from memcli.store import Store


class Clock:
    """Both clocks of the machine; `sleep` is what only the one on the wall counts."""

    def __init__(self) -> None:
        self.now, self.wall = 1000.0, 1_700_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


class Absent:
    """A child that is nobody: what it was told, and how it would end."""

    def __init__(self, command: Sequence[str], lifeline: int, heard: Callable[[str], None]) -> None:
        self.pid: int | None = None
        self.not_before = 0.0
        self.told: list[dict[str, object]] = []
        self.heard = heard
        self.code: int | None = None
        self.finished = False
        self.output, self._writing = os.pipe()

    def start(self) -> None:
        self.pid = 1
        self.finished = False

    def send(self, line: str) -> bool:
        self.told.append(json.loads(line))
        return True

    def listen(self) -> int | None:
        self.pid = None
        return self.code

    def proved(self) -> None: ...

    def finish(self) -> None:
        self.finished = True

    def stop(self, patience: float) -> None:
        os.close(self.output)
        os.close(self._writing)


class Watch:
    """A watcher under test."""

    def __init__(self, places: list[Place], options: Options, clock: Clock) -> None:
        self.clock = clock
        self.said: list[str] = []
        self.watcher = Watcher(places, options, tell=self.said.append)

    @property
    def indexer(self) -> Absent:
        found = self.watcher._indexer
        assert isinstance(found, Absent)
        return found

    def pass_(self, seconds: float) -> None:
        """Let time go by, as the loop would see it."""
        self.clock.pass_(seconds)
        for store, folders in self.watcher._touched.take().items():
            self.watcher._take(store, folders, self.clock.now)
        self.watcher._tick(self.clock.now)
        self.watcher._hand_out(self.clock.now)

    def asked(self) -> list[tuple[str, object]]:
        """What the indexer was told since the last look at it: store and folders."""
        told, self.indexer.told = self.indexer.told, []
        return [(str(work["store"]), work["folders"]) for work in told]

    def answers(self, store: str, **what: object) -> None:
        self.indexer.heard(json.dumps({"done": store, "waiting": 0, "seconds": 0.1, **what}))

    def dies(self, code: int = -9) -> None:
        self.indexer.code = code
        self.watcher._listen_to_indexer()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(watcher, "time", found)
    monkeypatch.setattr(watched, "time", found)
    monkeypatch.setattr(watcher, "Child", Absent)
    return found


@pytest.fixture
def watch(store: Store, clock: Clock) -> Iterator[Watch]:
    found = Watch([store.place], Options(), clock)
    yield found
    found.watcher._close()


def settled(watch: Watch) -> str:
    """A watch that has looked at everything once; returns the store."""
    watch.pass_(0.0)
    watch.pass_(1.0)
    ((store, folders),) = watch.asked()
    assert folders is None
    watch.answers(store)
    return store


def test_everything_is_looked_at_first_and_every_few_minutes(watch: Watch) -> None:
    store = settled(watch)
    for _ in range(4):
        watch.pass_(60.0)
        assert watch.asked() == []
    watch.pass_(61.0)
    watch.pass_(1.0)
    assert watch.asked() == [(store, None)]


def test_everything_is_looked_at_after_sleep(watch: Watch) -> None:
    store = settled(watch)
    watch.clock.wall += 3600.0  # the other clock stood still
    watch.pass_(1.0)
    watch.pass_(1.0)
    assert watch.asked() == [(store, None)]
    assert any("slept for 3600 seconds" in line for line in watch.said)


def test_what_is_touched_is_looked_at(watch: Watch) -> None:
    store = settled(watch)
    watch.watcher._touched.add(store, {"tree/x"})
    watch.watcher._touched.add("/another", {"tree"})
    watch.pass_(0.1)
    watch.pass_(0.1)
    assert watch.asked() == [(store, ["tree/x"])]
    watch.watcher._touched.add(store, {"tree/y"})
    watch.pass_(5.0)
    assert watch.asked() == [], "it is in hand"
    watch.answers(store)
    watch.pass_(0.1)
    assert watch.asked() == [(store, ["tree/y"])]


def test_lost_events_mean_everything_and_new_watches(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    store = settled(watch)
    anew: list[str] = []
    monkeypatch.setattr(watch.watcher._stores._events, "watch", lambda place, roots: anew.append(place.folder))
    watch.watcher._touched.add(store, None)
    watch.pass_(0.1)
    watch.pass_(1.0)
    assert watch.asked() == [(store, None)]
    assert anew == [store]


def test_when_the_indexer_dies_everything_is_looked_at_again(watch: Watch, tmp_path: Path) -> None:
    store = settled(watch)
    other = Store.init(at_root(str(tmp_path / "other"))).place.folder
    watch.watcher._heard_server(json.dumps(other))
    watch.pass_(0.1)
    watch.pass_(1.0)
    assert watch.asked() == [(other, None)]
    watch.dies()
    watch.pass_(0.1)
    assert watch.asked() == [(store, None)], "the one it died of waits"
    watch.pass_(1.0)
    assert watch.asked() == [(other, None)]
    watch.dies()
    watch.pass_(4.9)
    assert watch.asked() == [(store, None)]
    watch.pass_(0.2)
    assert watch.asked() == [(other, None)]


def test_words_do_not_suffer_from_what_embedding_dies_of(watch: Watch) -> None:
    store = settled(watch)
    watch.watcher._touched.add(store, {"tree"})
    watch.pass_(0.1)
    watch.pass_(0.1)
    assert watch.indexer.told[-1]["embed"] is True
    watch.answers(store, waiting=7)
    watch.dies()
    watch.pass_(0.1)
    assert watch.indexer.told[-1]["embed"] is False
    watch.answers(store, waiting=7)
    watch.pass_(1.1)
    watch.pass_(0.1)
    assert watch.indexer.told[-1]["embed"] is True, "a while later it is tried again"


def test_the_indexer_is_let_go_when_there_is_nothing_to_do(watch: Watch) -> None:
    store = settled(watch)
    watch.indexer.heard(json.dumps({"embedded": store, "waiting": 5, "problem": None}))
    watch.pass_(100.0)
    assert not watch.indexer.finished, "vectors wait"
    watch.indexer.heard(json.dumps({"embedded": store, "waiting": 0, "problem": None}))
    watch.pass_(59.0)
    assert not watch.indexer.finished
    watch.pass_(2.0)
    assert watch.indexer.finished


def test_stores_heard_of_make_room(watch: Watch, tmp_path: Path) -> None:
    store = settled(watch)
    made = [Store.init(at_root(str(tmp_path / f"s{n}"))).place.folder for n in range(MOST_STORES + 2)]
    for folder in made:
        watch.clock.pass_(1.0)
        watch.watcher._heard_server(json.dumps(folder))
    kept = [one["folder"] for one in watch.watcher.status()["stores"]]
    assert kept == [store, *made[-(MOST_STORES - 1) :]]


def test_a_store_that_became_unsafe_is_not_read(watch: Watch, store: Store, tmp_path: Path) -> None:
    settled(watch)
    Path(store.place.config_file).write_text(f"tree: {tmp_path}\n")
    watch.pass_(1.0)
    (facts,) = watch.watcher.status()["stores"]
    assert facts["mode"] == "nothing yet"
    assert "lies outside its project" in facts["why"]


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "LOG_BYTES", 2000)
    log = detached._log()
    try:
        for number in range(200):
            log.info("line %d", number)
    finally:
        for handler in log.handlers[:]:
            log.removeHandler(handler)
            handler.close()
    parts = sorted(Path(address.log_path()).parent.iterdir())
    assert len(parts) == 1 + detached.LOGS_KEPT
    assert all(part.stat().st_size <= 2000 for part in parts)
    assert parts[0].read_text().endswith("line 199\n")
    assert logging.getLogger("mem-watch").handlers == []


def test_a_machine_without_room_is_no_reason_to_stop(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a process that cannot be started nor a status that cannot be written ends the watcher."""
    store = settled(watch)

    def refuses(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(watcher.lifetime, "write_status", refuses)
    watch.dies()
    monkeypatch.setattr(Absent, "start", refuses)
    watch.pass_(2.0)
    watch.watcher._write_status(force=True)
    assert sum("no room" in line for line in watch.said) == 2
    monkeypatch.undo()
    monkeypatch.setattr(watcher, "time", watch.clock)
    watch.pass_(2.0)
    assert watch.asked() == [(store, None)]
