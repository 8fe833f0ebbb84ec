"""A batch that is killed at any moment: the next command that opens the store finds all of it, or takes all of it back."""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memcli import batch, journal, tree
from memcli.curate import curate
from memcli.operations import read
from memcli.places import at_root
from memcli.store import Store
from tests.batches import everything, trees
from tests.command import run_mem, without_model
from tests.conftest import tree_bytes
from tests.crash.forks import mem

KILLS, FULL_KILLS = 10, 300


def die_at(nth: int, operations: list[dict[str, Any]], store: Store) -> bool:
    """Do the batch in a process that dies right before, or right after, its nth step on disk; False if it outlived that."""
    child = os.fork()
    if child == 0:
        left = nth

        def dying(step: Callable[..., Any]) -> Callable[..., Any]:
            def stepped(*arguments: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os._exit(9)
                result = step(*arguments, **options)
                left -= 1
                if left == 0:
                    os._exit(9)
                return result

            return stepped

        try:
            for module, names in (
                (tree, ("create", "replace", "move", "to_trash", "rewrite_private")),
                (journal, ("record",)),
                (batch, ("_done",)),
            ):
                for name in names:
                    setattr(module, name, dying(getattr(module, name)))
            for way in ("rename", "replace", "link", "unlink"):  # between the two steps of a write, too
                setattr(os, way, dying(getattr(os, way)))
            curate(store, read(json.dumps(operations)))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_killed_at_every_step_it_is_all_or_nothing(store: Store, full: bool) -> None:
    """Every step in the long form, each fifth otherwise."""
    without_model()
    operations = everything(store)
    store.sync(embed=False)
    before = trees(store)
    taken_back = done = 0
    for nth in range(1, 1000, 1 if full else 5):
        died = die_at(nth, operations, store)
        again = Store(store.place)  # the next command
        assert not os.path.exists(batch._pending_path(store.place)), nth
        if journal.events(store.place)[-1].verb != "curate":
            assert trees(again) == before, nth
            taken_back += 1
            continue
        done += 1
        assert len(trees(again)) == 10
        again.undo()
        assert trees(again) == before, nth
        if not died:
            break
    assert taken_back > (60 if full else 10), "the batch has more steps than that"
    assert done >= (2 if full else 1), "it is done, too, when it dies after the journal has it"
    print(f"died at {taken_back + done - 1} steps, {taken_back} batches taken back")


def test_killed_after_the_journal_has_it_it_is_done(store: Store) -> None:
    without_model()
    operations = everything(store)
    store.sync(embed=False)
    child = os.fork()
    if child == 0:
        try:
            batch._done = lambda pending: os._exit(9)
            curate(store, read(json.dumps(operations)))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    done = trees(store)
    assert os.path.exists(batch._pending_path(store.place))
    again = Store(store.place)
    assert not os.path.exists(batch._pending_path(store.place))
    assert (trees(again), again.repaired, len(done)) == (done, False, 10)


@pytest.mark.parametrize(
    "command", [("undo",), ("ls",), ("show", "memory 0"), ("edit", "t0/memory-0", "--pin"), ("add", "something new")]
)
def test_the_next_command_repairs(store: Store, command: tuple[str, ...]) -> None:
    """`mem undo` takes back what was done before the batch, not half of the batch."""
    without_model()
    operations = everything(store)
    last = store.add("the last that was done")
    store.sync(embed=False)
    before = trees(store)
    assert die_at(40, operations, store)
    assert trees(store) != before
    ran = run_mem(*command)
    assert ran.code == 0
    assert "killed half-way has been taken back" in ran.stderr
    assert "taken back" not in run_mem("ls").stderr
    now = trees(store)
    changed = {"undo": last.path, "edit": "tree/t0/memory-0.md"}.get(command[0])
    assert now.keys() - before.keys() == ({"tree/inbox/something-new.md"} if command[0] == "add" else set())
    assert {path for path in before if now.get(path) != before[path]} == ({changed} if changed else set())


def test_what_somebody_changed_meanwhile_is_theirs(store: Store) -> None:
    without_model()
    operations = everything(store)
    store.sync(embed=False)
    before = trees(store)
    assert die_at(40, operations, store)
    changed = next(path for path, data in sorted(trees(store).items()) if before.get(path) != data)
    Path(store.place.absolute(changed)).write_bytes(b"a person's own\n")
    now = trees(Store(store.place))
    assert now.pop(changed) == b"a person's own\n"
    assert now == {path: data for path, data in before.items() if path != changed}


def test_a_batch_under_way_is_left_alone(store: Store) -> None:
    """Another process that opens the store meanwhile waits for it, and takes nothing back."""
    without_model()
    operations = everything(store)
    store.sync(embed=False)
    begun, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            create = tree.create

            def slow(*arguments: Any, **options: Any) -> None:
                create(*arguments, **options)
                os.write(tell, b".")
                time.sleep(0.1)

            tree.create = slow
            curate(store, read(json.dumps(operations)))
        finally:
            os._exit(0)
    os.read(begun, 1)
    assert os.path.exists(batch._pending_path(store.place))
    again = Store(store.place)
    assert not again.repaired
    assert journal.events(store.place)[-1].verb == "curate"
    os.waitpid(child, 0)
    assert len(trees(again)) == 10


def test_a_clone_brings_no_unfinished_batch(store: Store, tmp_path: Path) -> None:
    """The note of what is under way lies in the user's state; one of another store, or nonsense, changes nothing."""
    kept = store.add("kept")
    path = Path(batch._pending_path(store.place))
    path.parent.mkdir(parents=True, exist_ok=True)
    for nonsense in (b"", b"{", b"[]", b'{"at": 1, "changes": [["tree/inbox/kept.md", 1]]}', b"\xff"):
        path.write_bytes(nonsense)
        before = tree_bytes(store.place.folder)
        Store(store.place)
        assert tree_bytes(store.place.folder) == before
        assert not path.exists()
    assert trees(store).keys() == {kept.path}


def test_killed_at_any_moment_it_is_all_or_nothing(tmp_path: Path, full: bool) -> None:
    """kill -9 from outside, at moments drawn from the time that a batch usually takes."""
    import memcli.cli.app
    import memcli.index.embeddings  # noqa: F401

    without_model()
    random_ = random.Random(20261120)
    store = Store.init(at_root(str(tmp_path / "project")))
    ops = tmp_path / "ops.json"
    ops.write_text(json.dumps(everything(store)), encoding="utf-8")
    mem("index")
    before = trees(store)
    seconds: list[float] = []
    killed = done = 0
    while killed < (FULL_KILLS if full else KILLS):
        usual = statistics.median(seconds) if len(seconds) > 2 else None
        ended = mem("curate", "--ops", str(ops), kill_after=usual and random_.uniform(0.2, 1.2) * usual)
        killed += ended.code is None
        if ended.code is not None:
            assert ended.code == 0, ended
            seconds.append(ended.seconds)
        assert mem("ls").code == 0
        if journal.events(store.place)[-1].verb == "curate":
            done += 1
            assert mem("undo").code == 0
        assert trees(store) == before
    assert mem("index").code == 0
    assert mem("index", "check", "--clean").code == 0
    print(f"{killed} kills, {done} batches done, all others taken back")
