"""The watcher as it runs: what happens to files, to its processes and to itself, with real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memcli import config
from memcli.errors import StoreError
from memcli.places import Place, at_root
from memcli.serve import address, client, detached, lifetime
from memcli.store import Store
from tests.command import run_mem, without_model
from tests.serve.watching import (
    SERVER,
    alive,
    descendants,
    in_step,
    kill,
    left_behind,
    settled,
    until,
    watching,
    words,
)  # fmt: skip
from tests.snapshots import index_rows, rebuilt_rows

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are looked for in /proc")


@pytest.fixture(autouse=True)
def by_words_alone() -> None:
    without_model()


def status_of(place: Place) -> dict[str, object]:
    stores = (lifetime.read_status() or {"stores": []})["stores"]
    return next((store for store in stores if store["folder"] == place.folder), {})


def log() -> str:
    return Path(address.log_path()).read_text(encoding="utf-8")


def test_the_index_follows_the_files(store: Store, tmp_path: Path) -> None:
    """One thing after another that people, editors and git do to files; each is in the index a moment later."""
    tree = Path(store.place.tree)
    (tree / "old").mkdir()
    (tree / "old" / "note.md").write_text("there before\n")

    def becomes(*wanted: str, gone: tuple[str, ...] = ()) -> None:
        def holds() -> bool:
            found = words(store.place)
            return all(any(w in text for text in found) for w in wanted) and not any(
                g in t for g in gone for t in found
            )

        until(holds, seconds=10)

    with watching(store.place):
        becomes("there before")
        until(lambda: settled(store.place))

        (tree / "new.md").write_text("a new file\n")
        becomes("a new file")
        (tree / "new.md").write_text("written over in place\n")
        becomes("written over", gone=("a new file",))

        (tree / "old" / "4913").write_text("")  # vim
        (tree / "old" / "4913").unlink()
        (tree / "old" / "note.md").rename(tree / "old" / "note.md~")
        (tree / "old" / "note.md").write_text("saved by vim\n")
        (tree / "old" / "note.md~").unlink()
        becomes("saved by vim", gone=("there before",))
        os.symlink("me@host.1", tree / "old" / ".#note.md")  # emacs
        (tree / "old" / "#note.md#").write_text("autosaved")
        (tree / "old" / "note.md.tmp").write_text("saved by a rename\n")
        (tree / "old" / "note.md.tmp").rename(tree / "old" / "note.md")
        becomes("saved by a rename", gone=("saved by vim", "autosaved"))

        deep = tree / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "deep.md").write_text("three folders down\n")
        becomes("three folders down")
        (tree / "a").rename(tree / "moved")
        until(lambda: in_step(store.place))
        (tree / "moved" / "b" / "c" / "deep.md").write_text("edited after the move\n")
        becomes("edited after the move", gone=("three folders down",))
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "from.md").write_text("moved in from elsewhere\n")
        outside.rename(tree / "inside")
        becomes("moved in from elsewhere")
        (tree / "moved").rename(tmp_path / "out")
        becomes(gone=("edited after the move",))

        (tree / "new.md").rename(tree / "New.md")  # in case alone
        until(lambda: settled(store.place))
        assert {row[0] for row in index_rows(store.place)["entries"]} >= {"tree/New.md"}  # type: ignore[index]
        (tree / "note.sync-conflict-20261120-101112-ABCDEF.md").write_text("the other machine's\n")
        until(lambda: settled(store.place))
        assert not any("the other machine" in text for text in words(store.place))
        shown = run_mem("status").stdout
        assert "tree/note.sync-conflict-20261120-101112-ABCDEF.md: a copy left by a sync conflict" in shown
        assert "watched by mem watch" in shown

        (tree / ".memignore").write_text("inside/\n")
        becomes(gone=("moved in from elsewhere",))
        shutil.rmtree(tree)
        becomes(gone=("written over", "saved by a rename"))
        tree.mkdir()
        (tree / "again.md").write_text("a tree made anew\n")
        becomes("a tree made anew")
        (tree / "again.md").write_text("and it is watched\n")
        becomes("and it is watched")
        until(lambda: settled(store.place))
        assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path / "fresh")


def test_stores_and_trees_that_come_later(tmp_path: Path) -> None:
    """The personal store is made while it is watched; then a project uses a folder elsewhere as its tree."""
    project = at_root(str(tmp_path / "project"))
    vault = tmp_path / "vault"
    vault.mkdir()
    own = Place(os.path.join(os.environ["XDG_DATA_HOME"], "mem"), "personal")
    with watching(project, own):
        assert status_of(project)["mode"] == "nothing yet"
        assert run_mem("-g", "add", "Made while it was watched").code == 0
        until(lambda: status_of(own).get("mode") == "events")
        assert run_mem("init", "--tree", str(vault)).code == 0
        until(lambda: status_of(project).get("tree") == str(vault))
        (vault / "page.md").write_text("a page of the vault\n")
        until(lambda: any("a page of the vault" in text for text in words(Place(project.folder))))


def test_a_store_without_events_is_polled(store: Store) -> None:
    config.set_value("watch.poll_seconds", "1")
    with watching(store.place):
        assert status_of(store.place)["mode"] == "polling"
        Path(store.place.tree, "polled.md").write_text("found by a poll\n")
        until(lambda: any("found by a poll" in text for text in words(store.place)))
    assert "polled (as watch.poll_seconds asks)" in log()


@pytest.mark.skipif(not os.path.exists("/proc/sys/fs/inotify"), reason="is about inotify's queue")
def test_events_that_the_system_drops_are_made_up_for(store: Store) -> None:
    """The watcher is held while more happens than the system keeps for it; a folder that came then is watched, too."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("the queue is too long to fill")
    two = [Path(store.place.tree, f"{name}.md") for name in "ab"]
    with watching(store.place) as pid:
        until(lambda: settled(store.place))
        os.kill(pid, signal.SIGSTOP)
        files = [path.open("w") for path in two]
        for number in range(most + 100):
            files[number % 2].write("x")
            files[number % 2].flush()
        for file in files:
            file.close()
        late = Path(store.place.tree, "x", "y", "late.md")
        late.parent.mkdir(parents=True)
        late.write_text("nobody was told of it\n")
        os.kill(pid, signal.SIGCONT)
        until(lambda: any("nobody was told" in text for text in words(store.place)))
        until(lambda: settled(store.place))
        late.write_text("nor of this, unless it is watched by now\n")
        until(lambda: any("nor of this" in text for text in words(store.place)))


def test_there_is_one_for_a_user(store: Store) -> None:
    with watching(store.place) as pid:
        with pytest.raises(StoreError, match=rf"runs already \(process {pid}\)"):
            detached.launch([store.place], None)
        second = run_mem("watch")
        assert (second.code, "mem watch status" in second.stderr) == (20, True)
        assert run_mem("watch", "--detach").code == 20
        assert lifetime.holder() == pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_all_of_it(store: Store, number: int) -> None:
    pid = detached.launch([store.place], SERVER)
    family = [pid, *descendants(pid)]
    assert len(family) >= 2
    os.kill(pid, number)
    until(lambda: not alive(family))
    assert left_behind() == []
    assert lifetime.read_status() is None
    assert "ended: " in log()


def test_killed_it_leaves_nothing_behind(store: Store) -> None:
    """kill -9: its children notice, and take away what it cannot."""
    pid = detached.launch([store.place], SERVER)
    family = [pid, *descendants(pid)]
    assert os.path.exists(address.socket_path())
    kill(pid)
    until(lambda: not alive(family))
    until(lambda: left_behind() == [])
    with watching(store.place) as again:
        assert again != pid


def test_children_that_die_are_started_again(store: Store) -> None:
    with watching(store.place, server=SERVER):
        until(lambda: settled(store.place))
        before = lifetime.read_status() or {}
        kill(before["server"])
        kill(before["indexer"])
        Path(store.place.tree, "after.md").write_text("written after the indexer was killed\n")
        until(lambda: any("after the indexer" in text for text in words(store.place)))
        until(lambda: (client.status() or {}).get("pid", before["server"]) != before["server"])
        assert log().count("was killed (signal 9)") == 2


_POISON = """
import os
try:
    import memcli.memory as memory
except ImportError:
    memory = None
if memory:
    real = memory.parse
    def parse(data, *rest, **named):
        if b"poison" in data:
            os._exit(3)
        return real(data, *rest, **named)
    memory.parse = parse
"""


def test_a_file_that_kills_the_indexer_is_no_endless_loop(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it dies the next try comes later; other stores are looked at all the same."""
    other = Store.init(at_root(str(tmp_path / "other")))
    (tmp_path / "sitecustomize.py").write_text(_POISON)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with watching(store.place, other.place):
        until(lambda: settled(store.place) and settled(other.place))
        Path(store.place.tree, "bad.md").write_text("poison\n")
        until(lambda: log().count("the indexer ended with code") >= 2, seconds=30)
        Path(other.place.tree, "good.md").write_text("found all the same\n")
        until(lambda: any("found all the same" in text for text in words(other.place)), seconds=30)
        deaths = log().count("the indexer ended with code")
        time.sleep(2)
        assert log().count("the indexer ended with code") <= deaths + 1


def test_it_leaves_when_nothing_happens(store: Store) -> None:
    """A minute is the shortest that can be set; the clock of its waiting is turned forward here."""
    script = (
        "from memcli.serve import watcher, lifetime, options\nfrom memcli.places import Place\nimport sys\n"
        "lock = lifetime.take_lock()\n"
        "chosen = options.Options(idle_minutes=0.02)\n"
        "print(watcher.Watcher([Place(sys.argv[1])], chosen, tell=lambda line: None).run())\n"
        "lifetime.release_lock(lock)"
    )
    environment = lifetime.child_environment()
    ended = subprocess.run([sys.executable, "-c", script, store.place.folder], env=environment, capture_output=True,
                           text=True, timeout=30, check=True)  # fmt: skip
    assert ended.stdout == "nothing happened for 0.02 minutes\n"
    assert left_behind() == []


def test_the_parent_is_light(store: Store) -> None:
    """What only listens loads neither the model's libraries nor SQLite."""
    script = "import sys, memcli.serve.detached; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], env=lifetime.child_environment(), capture_output=True, text=True,
                         check=True)  # fmt: skip
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert "watchdog" in loaded
    assert loaded & {"numpy", "onnxruntime", "pysqlite3", "sqlite3", "typer", "rich", "yaml"} == set()


def test_stop_and_status_from_the_command_line(store: Store) -> None:
    assert run_mem("watch", "status").code == 1
    assert "did not run" in run_mem("watch", "stop").stdout
    started = run_mem("watch", "--detach", "--no-server")
    try:
        assert started.code == 0
        pid = int(started.stdout.rpartition("process ")[2].rstrip(")\n"))
        shown = run_mem("watch", "status", "--json").json()
        assert (shown["running"], shown["pid"], shown["server"]) == (True, pid, None)
        assert shown["stores"][0]["folder"] == store.place.folder
        assert shown["memory_mb"]["watcher"] > 1
        assert "events" in run_mem("watch", "status").stdout
        family = [pid, *descendants(pid)]
    finally:
        stopped = run_mem("watch", "stop")
    assert stopped.stdout == f"stopped (process {pid})\n"
    assert alive(family) == []
    assert left_behind() == []


def test_a_terminal_is_not_needed(store: Store) -> None:
    """In the foreground and piped: plain lines, one for each thing done, and ctrl-c ends it."""
    running = subprocess.Popen([sys.executable, "-P", "-m", "memcli", "watch", "--no-server"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=lifetime.child_environment())  # fmt: skip
    until(lambda: lifetime.holder() == running.pid)
    until(lambda: settled(store.place))
    Path(store.place.tree, "seen.md").write_text("seen\n")
    assert running.stdout is not None
    out = ""
    while "1 added" not in out:
        out += running.stdout.readline()
    running.send_signal(signal.SIGINT)
    rest, err = running.communicate(timeout=20)
    out += rest
    assert "watched by the system's events" in out
    assert "1 added in " in out
    assert "\x1b" not in out
    assert (running.returncode, err) == (0, "watching ended: stopped\n")


def test_autostart_is_for_those_who_ask(store: Store) -> None:
    """A recall starts nothing unasked; asked by the user's own settings, one watcher, however many recalls."""
    store.add("what a recall finds")
    store.sync()
    assert run_mem("recall", "finds").code == 0
    assert lifetime.holder() is None
    Path(store.place.config_file).write_text("watch.autostart: 1\n")  # a store may not ask
    assert run_mem("recall", "finds").code == 0
    assert not os.path.exists(lifetime.autostart_path())
    config.set_value("watch.autostart", "1")
    try:
        for _ in range(3):
            assert run_mem("recall", "finds").code == 0
        until(lambda: client.status(), seconds=30)
        assert log().count("watching, process") == 1
        assert json.loads(run_mem("watch", "status", "--json").stdout)["running"]
    finally:
        lifetime.stop()
