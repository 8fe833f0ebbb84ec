"""The watcher's indexer: `python -m memcli.serve.indexer LIFELINE` brings stores up to date, words first, vectors behind.

On its standard input it gets one JSON object a line, {"store", "label", "folders" (null: all), "embed"}, and answers each with
{"done", …} once the words of that store are current. What then waits for a vector is embedded by a thread of its own, a little
at a time, only while no words wait, and at low priority where it is much; {"embedded", …} tells how much is left. The model
stays loaded until the input ends.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from memcli import config
from memcli.errors import MemError, ModelUnavailable
from memcli.index import db, maintenance, schema, search
from memcli.index.reconcile import reconcile
from memcli.index.update import model_folder
from memcli.lifecycle import history, standing
from memcli.places import Place
from memcli.recall.refresh import EMBED_AT_ONCE
from memcli.serve import lifetime

if TYPE_CHECKING:
    from memcli.encode.embedder import Embedder

AT_ONCE_S = 0.4  # what is embedded between two looks at whether words wait
_FEWEST, _MOST = 16, 512
_NICE = 10


class Indexer:
    """Does what it is told, in order. `say` takes an answer."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._embedding = _Embedding(say)
        self._emptied: dict[str, Place] = {}

    def do(self, work: dict[str, Any]) -> None:
        """Bring a store's words up to date, and let its vectors follow."""
        place = Place(str(work["store"]), str(work["label"]))
        began = time.monotonic()
        answer: dict[str, Any] = {"done": place.folder}
        self._embedding.pause()
        try:
            answer |= self._words(place, work["folders"])
        except (MemError, OSError, db.DatabaseError) as error:
            answer["error"] = error.message if isinstance(error, MemError) else str(error)
        finally:
            self._embedding.go_on()
        answer["seconds"] = round(time.monotonic() - began, 3)
        self._say(answer)
        has_index = "error" not in answer and place.exists()
        if has_index and work["embed"] and (answer["waiting"] or work["folders"] is None):
            self._embedding.add(place)

    def _words(self, place: Place, folders: list[str] | None) -> dict[str, Any]:
        if not place.exists():
            return {"waiting": 0}
        report = reconcile(place, touched=folders)
        if folders is None or report.rebuilt:
            standing.renew_where_new(place, config.load(place), history.day_of(time.time()))
        if report.removed:
            self._emptied[place.folder] = place
        return {
            "added": len(report.added), "changed": len(report.changed), "removed": len(report.removed),
            "problems": len(report.problems), "rebuilt": report.rebuilt, "waiting": waiting(place),
        }  # fmt: skip

    def leave(self) -> None:
        """Give back the space of what went."""
        self._embedding.pause()
        for place in self._emptied.values():
            try:
                maintenance.compact(place)
            except (MemError, OSError, db.DatabaseError) as error:
                self._say({"note": f"{place.folder} could not be made smaller: {error}"})


def waiting(place: Place) -> int:
    """How many passages of a store wait for a vector."""
    connection = schema.open_for_reading(place)
    try:
        return search.waiting(connection, 10**9)
    finally:
        connection.close()


class _Embedding:
    """The thread that embeds. It holds still between `pause` and `go_on`, but for what it has begun."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._stores: dict[str, Place] = {}
        self._changed = threading.Condition()
        self._paused = False
        self._models: dict[str, Embedder] = {}
        self._at_once = _FEWEST
        self._nice = False
        self._thread: threading.Thread | None = None

    def add(self, place: Place) -> None:
        with self._changed:
            self._stores[place.folder] = place
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mem-embeds", daemon=True)
            self._thread.start()

    def pause(self) -> None:
        self._paused = True

    def go_on(self) -> None:
        with self._changed:
            self._paused = False
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._paused or not self._stores:
                    self._changed.wait()
                place = next(iter(self._stores.values()))
            left, problem = self._some(place)
            if not left or problem:
                with self._changed:
                    self._stores.pop(place.folder, None)
            self._say({"embedded": place.folder, "waiting": left, "problem": problem})

    def _some(self, place: Place) -> tuple[int, str | None]:
        """Embed a little of a store; returns what is left, and why nothing more can be done, if so."""
        before = waiting(place)
        if not before:
            self._derive(place)
            return 0, None
        self._give_way(before)
        try:
            from memcli.index.embeddings import embed_waiting

            settings = config.load(place)
            folder = model_folder(settings)

            def opened() -> Embedder:
                if folder.key not in self._models:
                    from memcli.encode.embedder import Embedder

                    self._models = {folder.key: Embedder.open(folder, threads=settings.number("threads") or None)}
                return self._models[folder.key]

            began = time.monotonic()
            done = embed_waiting(place, opened, folder.key, folder.dimensions, at_most=self._at_once)
            took = max(time.monotonic() - began, 0.001)
        except (ModelUnavailable, ImportError) as error:
            return before, str(error)
        except (MemError, OSError, db.DatabaseError) as error:
            return before, f"vectors wait: {error}"
        if done == self._at_once:
            self._at_once = max(_FEWEST, min(_MOST, int(done * AT_ONCE_S / took)))
        left = waiting(place)
        if not left:
            self._derive(place)
        return left, None if left < before or done else "nothing more could be embedded"

    def _give_way(self, waiting: int) -> None:
        """Work at low priority from now on, where there is much to do. A few passages are wanted by the next recall."""
        if waiting > EMBED_AT_ONCE and not self._nice:
            self._nice = True
            self._models = {}  # its threads have the priority of the one that opened it
            _be_nice()

    def _derive(self, place: Place) -> None:
        """Make the arrays of a large store, where they are due."""
        try:
            from memcli.index import arrays

            arrays.build_where_due(place)
        except ImportError:
            pass  # without numpy there are no vectors either
        except (MemError, OSError, db.DatabaseError) as error:
            self._say({"note": f"{place.folder} is searched vector by vector: {error}"})


def _be_nice() -> None:
    """Leave the processor to others. On Linux this counts for a thread and the model's threads that it starts."""
    try:
        if sys.platform.startswith("linux"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        else:
            os.nice(_NICE)
    except OSError:
        pass


def leave_with(lifeline: int) -> None:
    """End this process at once when the watcher is gone; whatever is interrupted, the next reconcile completes."""

    def wait() -> None:
        while os.read(lifeline, 1):
            pass
        lifetime.tidy()
        os._exit(0)

    threading.Thread(target=wait, name="mem-lifeline", daemon=True).start()


def _fall(what: threading.ExceptHookArgs) -> None:
    """What a thread did not foresee ends the process, which the watcher starts again, later each time."""
    traceback.print_exception(what.exc_value)
    sys.stderr.flush()
    os._exit(1)


def main() -> int:
    """Work until the input ends."""
    leave_with(int(sys.argv[1]))
    threading.excepthook = _fall
    lock = threading.Lock()

    def say(answer: dict[str, Any]) -> None:
        with lock:
            os.write(1, json.dumps(answer).encode("ascii") + b"\n")

    indexer = Indexer(say)
    for line in sys.stdin:
        indexer.do(json.loads(line))
    indexer.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
