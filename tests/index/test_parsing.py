"""Reading files in other processes gives what reading them here gives, in their order, whatever becomes of these processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli import walk
from memcli.index import parsing
from memcli.index.parsing import Parsing, Read
from memcli.store import Store
from tests.command import run_mem
from tests.snapshots import index_rows

EVERYTHING = """---
id: everything
type: note
title: 'All of it: "quoted"'
tags: [alpha, naïve, 記憶]
created: 2025-03-04T10:00
---
# All of it

Ngozi Okafor ran `mem index` on 2024-05-01, see [[other]] and https://example.org/a?b=c. Ticket HAL-123 says E0308.
The key is AKIAIOSFODNN7REALKEY, на сервере, 記憶の中.\u200b

```python
def getUserName(a_b):
    return src / "user_api.py"
```

<!-- hidden --> “Titles” and ‘more’: v1.2.3, next Friday, @ngozi.
"""
EPISODE = (
    "---\nid: talk\ntype: episode\nsession: s\n---\n# s\n\n## 2024-01-02T03:04 Ann ^t0001\n<!-- ref: r1 -->\n\nHi.\n"
)


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with enough files, by the measure of these tests, for two processes beside this one."""
    texts = {
        "tree/everything.md": EVERYTHING.encode(),
        "local/tree/talk.md": EPISODE.encode(),
        "tree/bad-front.md": b"---\na: [\n---\ntext\n",
        "tree/nul.md": b"a\x00b",
        "tree/latin.md": b"caf\xe9",
        "tree/conflict.md": b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n",
        **{f"tree/n{n % 7}/note-{n}.md": f"# Note {n}\n\nNumber {n} of many.\n".encode() for n in range(60)},
    }
    for path, data in texts.items():
        file = Path(store.place.absolute(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, ns=(10**18, 10**18))
    monkeypatch.setattr(parsing, "WORTH_IT", 0)
    monkeypatch.setattr(parsing, "_BATCH", 4000)
    monkeypatch.setattr(parsing, "_cores", lambda: 3)
    return store


def parsed(store: Store) -> list[Read]:
    with Parsing(store.place, walk.walk(store.place)) as files:
        return list(files)


@pytest.fixture
def here(many: Store) -> list[Read]:
    """What reading the files in this process gives."""
    return [parsing.read(many.place, item) for item in walk.walk(many.place)]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that were started; at the end none of them is left."""
    processes: list[subprocess.Popen[bytes]] = []
    start = parsing._start

    def noted() -> subprocess.Popen[bytes] | None:
        process = start()
        if process is not None:
            processes.append(process)
        return process

    monkeypatch.setattr(parsing, "_start", noted)
    yield processes
    assert all(process.returncode is not None for process in processes)


def without_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every file read by another process."""
    monkeypatch.setattr(parsing, "read", lambda place, item: pytest.fail("read in this process"))
    monkeypatch.setattr(Parsing, "_batch", waiting_batch)


def waiting_batch(self: Parsing, number: int) -> list[Read]:
    with self._change:
        self._wanted = number
        self._change.notify_all()
        assert self._change.wait_for(lambda: number in self._made, timeout=60)
        return self._made.pop(number)


def test_other_processes_read_what_this_one_reads(
    many: Store,
    here: list[Read],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_this_process(monkeypatch)
    assert parsed(many) == here
    assert len(started) == 2
    assert {file.item.problem is None for file in here} == {True, False}


@pytest.mark.parametrize(
    "main",
    [
        "raise SystemExit",
        "import sys; sys.stdin.buffer.read(20)",
        "import sys; sys.stdout.buffer.write(b'\\0' * 7 + b'\\x09nonsense!'); sys.stdout.flush(); sys.stdin.buffer.read()",
    ],
)
def test_a_process_that_dies_or_talks_nonsense_costs_nothing_but_time(
    many: Store,
    here: list[Read],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    main: str,
) -> None:
    monkeypatch.setattr(parsing, "_MAIN", main)
    assert parsed(many) == here


def test_a_process_killed_at_work_is_replaced_by_this_one(
    many: Store, here: list[Read], started: list[subprocess.Popen[bytes]]
) -> None:
    with Parsing(many.place, walk.walk(many.place)) as files:
        found = []
        for file in files:
            found.append(file)
            for process in started:
                process.kill()
    assert found == here


def test_where_no_process_can_be_started_this_one_reads(
    many: Store, here: list[Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert parsed(many) == here


def test_few_files_start_no_process(
    many: Store, here: list[Read], started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "WORTH_IT", 10**9)
    assert parsed(many) == here
    assert started == []


def test_one_who_stops_in_the_middle_leaves_no_process(many: Store, started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(KeyboardInterrupt), Parsing(many.place, walk.walk(many.place)) as files:
        for _ in files:
            raise KeyboardInterrupt
    assert all(process.returncode is not None for process in started)


def test_the_working_folder_is_not_imported_from(
    many: Store, tmp_path: Path, here: list[Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    assert parsed(many) == here
    assert not (tmp_path / "run").exists()


def test_a_rebuild_in_several_processes_gives_the_same_index(
    many: Store, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = os.path.dirname(many.place.folder)
    assert run_mem("--root", root, "index", "rebuild").code == 0
    assert started
    together = index_rows(many.place)
    monkeypatch.setattr(parsing, "WORTH_IT", 10**9)
    assert run_mem("--root", root, "index", "rebuild").code == 0
    assert index_rows(many.place) == together
