"""kill -9 at any moment: what was acknowledged stays, nothing is torn, and the next command repairs the rest.

The bar is 500 kills (`--full`); each run of the tests does 25. A memory counts as acknowledged once its id was printed, any
other change once its command exited with 0.
"""

from __future__ import annotations

import json
import os
import random
import statistics
from pathlib import Path

from memcli import tree, walk
from memcli.memory import parse
from memcli.places import at_root
from memcli.store import Store
from tests.command import without_model
from tests.crash.forks import Ended, mem
from tests.snapshots import index_rows, rebuilt_rows

KILLS, FULL_KILLS = 25, 500
VERBS = ("add", "edit", "forget", "import", "index")


class Ledger:
    """What the store promised, and what it may also hold because a command was killed before it said so.

    Each memory's text is a word that no other has, then its length in lines, then `END`: a torn file shows.
    """

    def __init__(self, store: Store, scratch: Path, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.scratch = scratch
        self.number = 0
        self.kept: dict[str, set[str]] = {}  # id → words that its text must hold
        self.maybe_forgotten: set[str] = set()
        self.imported: list[tuple[Path, list[str], bool]] = []
        self.seconds: dict[str, list[float]] = {}
        self.killed = 0
        self.acknowledged = 0
        self.killing = False

    def word(self) -> str:
        self.number += 1
        return f"word{self.number:06}x"

    def text(self, word: str) -> str:
        lines = self.random.choice((1, 3, 200))
        return "\n".join([word, *(f"{word} line {n}" for n in range(lines)), f"{word} END"])

    def run(self, verb: str, *arguments: str) -> Ended:
        """Run a verb and kill it at a moment drawn from the time that it usually takes."""
        usual = statistics.median(self.seconds.get(verb, [0.0]))
        ended = mem(verb, *arguments, kill_after=self.random.uniform(0.0, 1.3 * usual) if self.killing else None)
        if ended.code is None:
            self.killed += 1
        else:
            self.seconds.setdefault(verb, []).append(ended.seconds)
            assert ended.code == 0, ended
        return ended

    def add(self) -> None:
        word = self.word()
        ended = self.run("add", self.text(word))
        identity, newline, _ = ended.out.partition("\n")
        if newline:
            self.kept[identity] = {word}
            self.acknowledged += 1

    def edit(self) -> None:
        if self.kept:
            identity = self.random.choice(sorted(self.kept))
            word = self.word()
            ended = self.run("edit", identity, "--append", f"{word} END")
            if ended.code == 0:
                self.kept[identity].add(word)
                self.acknowledged += 1

    def forget(self) -> None:
        if len(self.kept) > 20:
            identity = self.random.choice(sorted(self.kept))
            words = self.kept.pop(identity)
            ended = self.run("forget", identity)
            if ended.code is None:
                self.maybe_forgotten.add(min(words))

    def import_(self) -> None:
        waiting = [number for number, (_, _, done) in enumerate(self.imported) if not done]
        if waiting:
            number = waiting[0]
        else:
            words = [self.word() for _ in range(4)]
            path = self.scratch / f"import{self.number}.jsonl"
            path.write_text(
                "".join(json.dumps({"text": f"{word} imported\n{word} END", "id": word}) + "\n" for word in words)
            )
            self.imported.append((path, words, False))
            number = len(self.imported) - 1
        path, words, _ = self.imported[number]
        ended = self.run("import", str(path))
        self.imported[number] = (path, words, ended.code == 0)
        self.acknowledged += 0 if ended.code is None else len(words)

    def index(self) -> None:
        self.run("index")

    def check(self) -> None:
        """Every promise, against the files and then, after one more command, against the index."""
        place = self.store.place
        texts = {}
        for found in walk.walk(place):
            assert found.problem is None
            data = tree.read(place, found.path)
            assert data.rstrip().endswith(b"END"), f"{found.path} is torn"
            memory = parse(data, name=found.path)
            assert memory.id is not None and memory.id not in texts
            texts[memory.id] = memory.body
        for identity, words in self.kept.items():
            assert identity in texts, f"{identity} is lost"
            assert all(word in texts[identity] for word in words), f"an edit of {identity} is lost"
        in_trash = "".join(Path(file).read_text() for _, file in tree.trash(place))
        everything = "".join(texts.values())
        for word in self.maybe_forgotten:
            assert word in everything or word in in_trash
        for path, words, done in self.imported:
            assert not done or all(word in everything for word in words), path
        self.store.sync(embed=False)
        indexed = {str(row[0]): row[1] for row in index_rows(place, ())["entries"]}  # type: ignore[index]
        assert indexed.keys() == {found.path for found in walk.walk(place)}

    def no_strangers(self) -> None:
        """Nothing is left but memories and hidden temporary files."""
        for top in (self.store.place.tree, self.store.place.private_tree):
            for folder, _, names in os.walk(top):
                for name in names:
                    assert name.endswith(".md") or name.startswith(tree.TEMPORARY), os.path.join(folder, name)


def test_nothing_acknowledged_is_lost(tmp_path: Path, full: bool) -> None:
    import memcli.cli.app
    import memcli.index.embeddings  # noqa: F401

    without_model()
    store = Store.init(at_root(str(tmp_path / "project")))
    wanted = FULL_KILLS if full else KILLS
    ledger = Ledger(store, tmp_path, seed=20261120)
    for verb in ("add",) * 22 + ("edit", "edit", "forget", "import_", "index"):  # how long each usually takes
        getattr(ledger, verb)()
    ledger.killing = True
    rounds = 0
    while ledger.killed < wanted:
        verb = ledger.random.choices(VERBS, weights=(6, 3, 1, 2, 2))[0]
        getattr(ledger, verb if verb != "import" else "import_")()
        rounds += 1
        assert rounds < 10 * wanted
        if not full or rounds % 5 == 0:
            ledger.check()
    ledger.check()
    ledger.no_strangers()
    for path, words, _ in ledger.imported:
        assert mem("import", str(path)).code == 0
        bodies = "".join(Path(file).read_text() for file in Path(store.place.tree).rglob("[!.]*.md"))
        assert all(bodies.count(f"{word} END") == 1 for word in words), (
            "an import that was repeated brought something twice"
        )
    assert mem("index").code == 0
    assert mem("index", "check", "--clean").code == 0
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path)
    assert len(ledger.kept) >= 20
    print(f"{ledger.killed} kills in {rounds} commands; {ledger.acknowledged} acknowledged writes, 0 lost")
