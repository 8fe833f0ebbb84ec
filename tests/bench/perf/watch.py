"""How far `mem watch` is behind the files: after a checkout, after a burst of new files, and after single edits.

The burst and the checkout go to a watcher without a model, since only the keyword index is waited for; edits to one with it.
"""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from memcli import config
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.index.update import update
from memcli.places import Place, at_root
from memcli.store import Store
from memcli.text import content_hash
from tests.bench.perf import texts
from tests.bench.perf.bulk import fresh
from tests.bench.perf.home import home
from tests.bench.perf.measure import MS, SECONDS, Bench, Row, median, percentile, timed
from tests.bench.perf.whole import watching

CHECKOUT, BURST, EDITS = 5_000, 10_000, 200
RUNS = {CHECKOUT: 5, BURST: 3}
MOST_BEHIND, MOST_LATE_MS = 1.5, 1000.0
PATIENCE_S = 300.0
Files = dict[str, bytes]


def measure(bench: Bench) -> list[Row]:
    notes = itertools.cycle(text for text in texts.real(bench.shared) if not text.session)
    checkout, burst = (count // 100 if bench.quick else count for count in (CHECKOUT, BURST))
    rows = []
    for name, count, prepare in (
        (f"checkout of {checkout:,} files", checkout, _checkouts),
        (f"burst of {burst:,} files", burst, _bursts),
    ):
        bench.say(name)
        behind, cold = _lags(bench, prepare, list(itertools.islice(notes, 2 * count)), bench.few(RUNS.get(count, 2)))
        against = "cold index of words"
        rows.append(Row("watch", name, median(behind), SECONDS, median(cold), against, MOST_BEHIND, runs=len(behind)))
    bench.say("edits")
    late = _edits(bench, list(itertools.islice(notes, 200)), bench.few(EDITS))
    rows.append(Row("watch", "an edit until it is found, median", median(late, 1000), MS, runs=len(late)))
    name = "an edit until it is found, 95th percentile"
    rows.append(Row("watch", name, percentile(late, 0.95, 1000), MS, bar=MOST_LATE_MS, runs=len(late)))
    return rows


def _lags(
    bench: Bench, prepare: Callable[[Place, list[texts.Text]], Iterable[Files]], notes: list[texts.Text], runs: int
) -> tuple[list[float], list[float]]:
    """Seconds that the watcher needs after each change, and those of a cold index of the same files, made at once after it."""
    behind, cold = [], []
    with home(bench.scratch / "home", model=False):
        place = Store.init(at_root(str(fresh(bench.scratch / "watched"))), shared=True).place
        other = Store.init(at_root(str(fresh(bench.scratch / "cold")))).place
        changes = iter(prepare(place, notes))
        next(changes)
        with watching(bench, place):
            for files in itertools.islice(changes, runs):
                behind.append(timed(lambda files=files: wait_until_equal(place, files)))  # type: ignore[misc]
                _put(other, files)
                db.discard_cache(other)
                cold.append(timed(lambda: update(other, config.load(other), embed_at_most=0)))
    return behind, cold


def _checkouts(place: Place, notes: list[texts.Text]) -> Iterable[Files]:
    """Two branches by turns; every file of one differs from that of the other. Gives the files that are there then."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", place.project, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.email", "perf@example.com")
    git("config", "user.name", "perf")
    half = len(notes) // 2
    branches: list[Files] = []
    for name, some in (("one", notes[:half]), ("two", notes[half:])):
        git("checkout", "-q", "-b", name)
        branches.append({_path(n): text.file() for n, text in enumerate(some)})
        _put(place, branches[-1])
        git("add", "-A")
        git("commit", "-q", "-m", name)
    for number in itertools.count():
        git("checkout", "-q", ("one", "two")[number % 2])
        yield branches[number % 2]


def _bursts(place: Place, notes: list[texts.Text]) -> Iterable[Files]:
    """All files new each time, those before them gone. Gives the files that are there then."""
    half = len(notes) // 2
    yield {}
    for number in itertools.count():
        files = {_path(n): text.file() for n, text in enumerate(notes[:half] if number % 2 else notes[half:])}
        fresh(Path(place.tree))
        _put(place, files)
        yield files


def _path(number: int) -> str:
    return f"tree/topic-{number % 70}/note-{number}.md"


def _put(place: Place, files: Files) -> None:
    for path, data in files.items():
        file = Path(place.absolute(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def wait_until_equal(place: Place, files: Files) -> None:
    """Wait until the index holds exactly these files. Raises TimeoutError."""
    wanted = {path: content_hash(data) for path, data in files.items()}
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            connection = schema.open_for_reading(place)
        except IndexUnavailable:
            time.sleep(0.05)
            continue
        try:
            count = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
            if count == len(wanted) and dict(connection.execute("SELECT path, hash FROM entries")) == wanted:
                return
        finally:
            connection.close()
        time.sleep(0.05)
    raise TimeoutError(f"the index is not that of the files after {PATIENCE_S:.0f} s")


def _edits(bench: Bench, notes: list[texts.Text], count: int) -> list[float]:
    """Seconds from the end of each save until its new word is found."""
    late = []
    with home(bench.scratch / "home", model=True):
        place = Store.init(at_root(str(fresh(bench.scratch / "edited"))), shared=True).place
        files = {_path(n): text.file() for n, text in enumerate(notes)}
        _put(place, files)
        update(place, config.load(place))
        with watching(bench, place):
            wait_until_equal(place, files)
            connection = schema.open_for_reading(place)
            for n, path in zip(range(count), itertools.cycle(files)):
                word = f"zyx{n}word"
                with open(place.absolute(path), "ab") as file:
                    file.write(f"\nAlso {word}.\n".encode())
                late.append(timed(lambda word=word: _wait_for_word(connection, word)))  # type: ignore[misc]
                time.sleep(0.1)
            connection.close()
    return late


def _wait_for_word(connection: db.Connection, word: str) -> None:
    until = time.monotonic() + PATIENCE_S
    sql = "SELECT 1 FROM passages_fts WHERE passages_fts MATCH ?"
    while connection.execute(sql, (f'"{word}"',)).fetchone() is None:
        if time.monotonic() > until:
            raise TimeoutError(f"{word} is not found after {PATIENCE_S:.0f} s")
        time.sleep(0.005)
