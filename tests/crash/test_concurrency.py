"""Many processes at once: every write arrives, no reader fails."""

from __future__ import annotations

from pathlib import Path

from memcli import tree, walk
from memcli.memory import parse
from memcli.places import at_root
from memcli.store import Store
from tests.command import without_model
from tests.crash.forks import Child, mem
from tests.snapshots import index_rows, rebuilt_rows


def prepare(tmp_path: Path) -> Store:
    import memcli.cli.app
    import memcli.index.embeddings  # noqa: F401

    without_model()
    return Store.init(at_root(str(tmp_path / "project")))


def test_adds_from_many_processes_all_arrive_and_readers_never_fail(tmp_path: Path, full: bool) -> None:
    """50 writers with 10 memories each in the long form; recall and ls read all the while."""
    store = prepare(tmp_path)
    writers, each = (50, 10) if full else (8, 5)
    assert mem("add", "the memory that readers look for").code == 0
    waiting = {writer: list(range(each)) for writer in range(writers)}
    running: dict[int, Child] = {}
    added = []
    reads = 0
    while waiting or running:
        for writer in [writer for writer in waiting if writer not in running]:
            number = waiting[writer].pop()
            running[writer] = Child(["add", f"writer {writer} says number {number}"])
            if not waiting[writer]:
                del waiting[writer]
        for read in (("recall", "--lexical", "memory readers look"), ("ls",)):
            ended = mem(*read)
            assert ended.code == 0, ended
            assert "the memory that readers look for" in ended.out
            reads += 1
        for writer, child in list(running.items()):
            ended = child.ended()
            assert ended.code == 0, ended
            added.append(ended.out.split()[0])
            del running[writer]
    bodies = {parse(tree.read(store.place, found.path), name=found.path).body for found in walk.walk(store.place)}
    assert len(set(added)) == writers * each
    assert bodies >= {f"writer {writer} says number {number}\n" for writer in range(writers) for number in range(each)}
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path)
    print(f"{len(added)} of {writers * each} added by {writers} processes, {reads} reads meanwhile, 0 errors")


def test_edits_of_one_memory_by_many_processes_lose_no_text(tmp_path: Path, full: bool) -> None:
    """8 processes append to the same memory at the same time."""
    prepare(tmp_path)
    rounds = 10 if full else 2
    identity = mem("add", "shared").out.split()[0]
    wanted = []
    for number in range(rounds):
        children = []
        for editor in range(8):
            wanted.append(f"editor {editor} round {number}")
            children.append(Child(["edit", identity, "--append", wanted[-1]]))
        for child in children:
            ended = child.ended()
            assert ended.code == 0, ended
    shown = mem("show", identity).out.splitlines()
    assert [line for line in wanted if line not in shown] == []


def test_two_adds_of_one_name_keep_both_texts(tmp_path: Path) -> None:
    """Two processes that take the same file name do not overwrite each other."""
    store = prepare(tmp_path)
    children = [Child(["add", "same title\n\nbody " + str(n)]) for n in range(6)]
    codes = [child.ended().code for child in children]
    texts = "".join(Path(file).read_text() for file in Path(store.place.tree).rglob("*.md"))
    assert set(codes) <= {0, 23}
    assert sum(f"body {n}" in texts for n in range(6)) == codes.count(0)
