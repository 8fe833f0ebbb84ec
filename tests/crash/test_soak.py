"""A long day of everything at once: edits, adds, questions warm and cold, and processes killed at any moment.

After each round the answers are compared with what the files say, and warm ones with cold ones. The bar is 30 minutes
(`--full`, with the model); each run of the tests takes some seconds, and SOAK_S=120 is the form between.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memcli.places import Place, at_root
from memcli.serve import lifetime
from memcli.store import Store
from tests.command import without_model
from tests.serve.watching import SERVER, kill, settled, until, watching
from tests.snapshots import index_rows, rebuilt_rows

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are looked for in /proc")

SECONDS, FULL_SECONDS = 8.0, 1800.0
START, MOST = 40, 400  # memories
CALM = 0.6  # after this share of the time no server is killed, so that its memory can be watched


class Soak:
    """A store, what its files say, and random things done to both."""

    def __init__(self, store: Store, seed: int) -> None:
        self.tree = Path(store.place.tree)
        self.place = store.place
        self.random = random.Random(seed)
        self.number = 0
        self.said: dict[Path, str] = {}  # the one word that each file alone has
        self.gone: list[str] = []
        self.counts: dict[str, int] = {}

    def word(self) -> str:
        self.number += 1
        return f"zanzibar{self.number:05}q"

    def text(self, word: str) -> str:
        filler = " ".join(self.random.choices(("harbour", "lantern", "ledger", "copper", "meadow", "signal"), k=30))
        return f"# Note on {word}\n\nIt is about {word}. {filler}.\n"

    def write(self) -> None:
        path = self.tree / f"t{self.random.randrange(8)}" / f"n{self.number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.put(path)

    def put(self, path: Path) -> None:
        word = self.word()
        if self.random.random() < 0.5:
            path.write_text(self.text(word), encoding="utf-8")
        else:
            temporary = path.with_name(f".{path.name}.tmp")
            temporary.write_text(self.text(word), encoding="utf-8")
            temporary.rename(path)
        if path in self.said:
            self.gone.append(self.said[path])
        self.said[path] = word

    def any(self) -> Path:
        return self.random.choice(sorted(self.said))

    def edit(self) -> None:
        self.put(self.any())

    def remove(self) -> None:
        if len(self.said) > START // 2:
            path = self.any()
            path.unlink()
            self.gone.append(self.said.pop(path))

    def move(self) -> None:
        path = self.any()
        target = self.tree / f"t{self.random.randrange(8)}" / f"m{self.number}-{path.name[-40:]}"
        target.parent.mkdir(parents=True, exist_ok=True)
        self.said[target] = self.said.pop(path)
        path.rename(target)

    def move_folder(self) -> None:
        folder = self.any().parent
        target = self.tree / f"f{self.word()}"
        folder.rename(target)
        self.said = {target / p.name if p.parent == folder else p: word for p, word in self.said.items()}

    def add(self) -> None:
        word = self.word()
        run = mem("add", "--no-input", self.text(word), "--topic", f"added{self.random.randrange(3)}")
        assert run.returncode == 0, run.stderr
        paths = [path for path in self.tree.rglob("*.md") if word in path.read_text(encoding="utf-8")]
        self.said[paths[0]] = word

    def kill_a_client(self) -> None:
        running = mem_process("recall", self.said[self.any()])
        time.sleep(self.random.uniform(0.0, 0.15))
        running.kill()
        running.communicate()

    def kill_the_server(self) -> None:
        kill_child("server")

    def kill_the_indexer(self) -> None:
        kill_child("indexer")

    def ask_in_passing(self) -> None:
        """While all is in motion: an answer, and whatever it shows is in a file."""
        run = mem("recall", "--json", self.said[self.any()])
        assert run.returncode in (0, 1), run.stderr

    def act(self, calm: bool) -> None:
        weights = {
            self.write: 4 if len(self.said) < MOST else 0, self.edit: 8, self.remove: 2, self.move: 2, self.move_folder: 1,
            self.add: 1, self.kill_a_client: 1, self.ask_in_passing: 2,
            self.kill_the_indexer: 1, self.kill_the_server: 0 if calm else 1,
        }  # fmt: skip
        action = self.random.choices([*weights], weights=[*weights.values()])[0]
        action()
        self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1

    def check(self) -> int:
        """Ask for what is there and for what is gone, warm and cold; returns how many questions that were."""
        wanted = {self.said[path]: path for path in self.random.sample(sorted(self.said), 3)}
        for word, path in wanted.items():
            warm, cold = (mem("recall", "--json", word, cold=cold) for cold in (False, True))
            assert (warm.stdout, warm.returncode) == (cold.stdout, cold.returncode)
            hits = json.loads(warm.stdout)["results"]
            assert os.path.realpath(hits[0]["path"]) == str(path), (word, hits[0])
            assert word in hits[0]["text"]
        if self.gone:
            word = self.random.choice(self.gone)
            found = json.loads(mem("recall", "--json", word).stdout)["results"]
            assert all(word not in hit["text"] for hit in found), word  # a file may still be called by it
        return len(wanted) + 1


def mem_process(*arguments: str, cold: bool = False) -> subprocess.Popen[str]:
    environment = {**lifetime.child_environment(), **({"MEM_COLD": "1"} if cold else {})}
    return subprocess.Popen([sys.executable, "-P", "-m", "memcli", *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment)  # fmt: skip


def mem(*arguments: str, cold: bool = False) -> subprocess.CompletedProcess[str]:
    running = mem_process(*arguments, cold=cold)
    out, err = running.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, running.returncode, out, err)


def kill_child(name: str) -> None:
    pid = (lifetime.read_status() or {}).get(name)
    if pid:
        kill(pid)


def used(pid: int) -> tuple[float, int]:
    """The resident memory of a process in MB, and how many descriptors it has open."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").split("VmRSS:")[1]
    return int(status.split()[0]) / 1000, len(os.listdir(f"/proc/{pid}/fd"))


def test_a_long_day(tmp_path: Path, full: bool) -> None:
    seconds = float(os.environ.get("SOAK_S") or 0) or (FULL_SECONDS if full else SECONDS)
    if seconds < 60:
        without_model()
    store = Store.init(at_root(str(tmp_path / "project")))
    soak = Soak(store, seed=20261120)
    for _ in range(START):
        soak.write()
    asked = rounds = 0
    with watching(store.place, server=SERVER) as pid:
        until(lambda: settled(store.place), seconds=60)
        began = time.monotonic()
        watcher: list[tuple[float, int]] = []
        server: list[tuple[float, int]] = []
        while (spent := time.monotonic() - began) < seconds or rounds < 3:
            calm = spent > CALM * seconds
            for _ in range(soak.random.randrange(1, 12)):
                soak.act(calm)
            until(lambda: settled(store.place), seconds=60)
            asked += soak.check()
            rounds += 1
            if spent > 0.2 * seconds:
                watcher.append(used(pid))
            if calm and (serving := (lifetime.read_status() or {}).get("server")):
                server.append(used(serving))
        assert index_rows(store.place) == rebuilt_rows(Place(store.place.folder), tmp_path / "fresh")
        for name, samples in (("watcher", watcher), ("server", server)):
            print(f"{name}: {_range([mb for mb, _ in samples])} MB, {_range([n for _, n in samples])} descriptors")
            assert_flat(samples)
    print(f"{rounds} rounds in {seconds:.0f} s, {asked} questions, 0 wrong answers; {json.dumps(soak.counts)}")


def _range(values: list[float] | list[int]) -> str:
    return f"{min(values):.0f}–{max(values):.0f}" if values else "none"


def assert_flat(samples: list[tuple[float, int]]) -> None:
    """The last third is not above the first third by more than noise."""
    third = len(samples) // 3
    if third >= 3:
        for column, slack in ((0, 15.0), (1, 4)):
            first, last = ([sample[column] for sample in part] for part in (samples[:third], samples[-third:]))
            assert statistics.median(last) <= statistics.median(first) * 1.05 + slack
