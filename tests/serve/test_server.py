"""The warm server: who is served, in which order, with what, and what is left of it afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memcli import config
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.index.reconcile import reconcile
from memcli.places import Place, at_root
from memcli.recall.pipeline import Recall
from memcli.recall.shelf import MOST, Shelf
from memcli.serve import address, client, lifetime, server, worker
from memcli.serve.protocol import Refused, Reply, Request
from memcli.store import Store
from memcli.view import View
from tests.command import run_mem, without_model
from tests.serve.running import LONG_S, Connection, request, serving, until


class Gate:
    """A kind of request whose answer waits until it is let through; `begun` are the ids that were begun."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun: list[str] = []

    def __call__(self, asked: Request) -> Reply:
        self.begun.append(asked.id)
        assert self.open.wait(LONG_S)
        return Reply(0, asked.id, "")

    def table(self) -> dict[str, worker.Kind]:
        return {"wait": self, "count": lambda asked: Reply(0, str(len(self.begun)), "")}


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    with serving(gate.table()):
        yield gate
        gate.open.set()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server share an interpreter here, and the machine with other tests; `test_client` measures patience."""
    monkeypatch.setattr(client, "PATIENCE_S", LONG_S)
    monkeypatch.setattr(client, "ANSWER_S", LONG_S)
    monkeypatch.setattr(worker, "LONG_S", LONG_S)


def ask(*words: str, here: str | None = None) -> tuple[int, str, str] | None:
    return client.ask("recall", ["recall", *words], View(here or os.getcwd(), 80, False))


def files_open() -> int:
    return len(os.listdir("/proc/self/fd"))


# --- who is served ---------------------------------------------------------------------------------------------------


def test_socket_and_folder_are_the_users_alone() -> None:
    os.makedirs(address.state_folder(), mode=0o755)
    with serving({}):
        assert stat.S_IMODE(os.stat(address.socket_path()).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(address.socket_folder()).st_mode) == 0o700


def test_another_user_is_not_served() -> None:
    with serving({"recall": lambda asked: Reply(0, "", "")}, peer=lambda connection: os.geteuid() + 1):
        assert ask("x") is None
        with Connection() as stranger:
            assert stranger.line() is None


def test_the_user_at_the_other_end_is_known() -> None:
    here, there = socket.socketpair()
    assert server.peer_uid(here) == os.geteuid()
    here.close()
    there.close()


@pytest.mark.parametrize("variable", ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TZ"])
def test_who_goes_by_other_folders_or_another_clock_is_not_served(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"recall": lambda asked: Reply(0, "", "")}):
        path = address.socket_path()
        assert ask("x") is not None
        monkeypatch.setenv(variable, "/elsewhere")
        monkeypatch.setattr(address, "socket_path", lambda: path)
        assert ask("x") is None
        monkeypatch.undo()


def test_an_unknown_kind_is_refused() -> None:
    with serving({}), Connection() as asking:
        said = asking.reply(request("divine"))
        assert said is not None
        assert said["refused"] == "unknown kind"


def test_no_more_clients_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CLIENTS", 2)
    with serving({"recall": lambda asked: Reply(0, "", "")}), Connection() as one, Connection() as two:
        assert one.reply(request())
        assert two.reply(request())
        with Connection() as three:
            assert three.line() is None


def test_a_client_that_asks_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_CLIENT_S", 0.1)
    with serving({}), Connection() as idle:
        assert idle.line() is None


# --- order, deadline, cancel -----------------------------------------------------------------------------------------


def test_a_client_is_acknowledged_while_another_is_answered(gate: Gate) -> None:
    with Connection() as first, Connection() as second:
        first.send(request("wait"))
        assert first.line() == second_line("1", state="working")
        second.send(request("count"))
        assert second.line() == second_line("1", state="working")
        gate.open.set()
        assert first.line() == second_line("1", code=0, stdout="1", stderr="")
        assert second.line() == second_line("1", code=0, stdout="1", stderr="")


def second_line(identity: str, **said: Any) -> dict[str, Any]:
    good = request(id=identity)
    return {"mem": good["mem"], "version": good["version"], "id": identity, **said}


def test_several_requests_on_one_connection(gate: Gate) -> None:
    gate.open.set()
    with Connection() as asking:
        asking.send(*(request("wait", id=name) for name in "abc"))
        lines = [asking.line() for _ in range(6)]
    answers = [line["stdout"] for line in lines if line and "code" in line]
    assert answers == ["a", "b", "c"]


def test_when_too_many_wait_the_next_is_refused_at_once(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_WAITING", 2)
    with Connection() as asking, Connection() as other:
        asking.send(request("wait", id="a"))
        until(lambda: gate.begun == ["a"])
        asking.send(request("wait", id="b"), request("wait", id="c"))
        assert [line["state"] for line in (asking.line(), asking.line(), asking.line()) if line] == ["working"] * 3
        said = other.reply(request("wait"))
        assert said is not None
        assert said["refused"] == "busy"
        gate.open.set()
        assert [line["stdout"] for line in (asking.line(), asking.line(), asking.line()) if line] == ["a", "b", "c"]


def test_who_asks_while_something_takes_long_is_refused_at_once(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONG_S", 0.05)
    with Connection() as asking, Connection() as other:
        asking.send(request("wait", id="a"))
        until(lambda: gate.begun == ["a"])
        time.sleep(0.1)
        said = other.reply(request("count"))
        assert said is not None
        assert said["refused"] == "busy"
        gate.open.set()
        assert [line["id"] for line in (asking.line(), asking.line()) if line] == ["a", "a"]
        monkeypatch.setattr(worker, "LONG_S", LONG_S)
        assert "stdout" in (other.reply(request("count")) or {})


def test_one_client_has_only_so_many_requests_in_hand(gate: Gate) -> None:
    with Connection() as asking:
        asking.send(*(request("wait", id=str(n)) for n in range(server.MOST_IN_HAND + 1)))
        lines = [asking.line() for _ in range(server.MOST_IN_HAND + 1)]
        assert [line.get("refused") for line in lines if line] == [None] * server.MOST_IN_HAND + ["busy"]


def test_what_is_cancelled_is_not_begun(gate: Gate) -> None:
    with Connection() as asking:
        asking.send(
            request("wait", id="a"), request("wait", id="b"), request("cancel", id="b"), request("wait", id="c")
        )
        assert [asking.line() for _ in "abc"] == [second_line(name, state="working") for name in "abc"]
        gate.open.set()
        assert [line["stdout"] for line in (asking.line(), asking.line()) if line] == ["a", "c"]
        assert gate.begun == ["a", "c"]


def test_the_answer_to_what_was_cancelled_meanwhile_is_thrown_away(gate: Gate) -> None:
    with Connection() as asking:
        asking.send(request("wait", id="a"))
        until(lambda: gate.begun == ["a"])
        asking.send(request("cancel", id="a"), request("count", id="b"))
        gate.open.set()
        lines = [asking.line() for _ in range(3)]
        assert [line["id"] for line in lines if line] == ["a", "b", "b"]


def test_what_a_client_asked_that_hung_up_is_not_begun(gate: Gate) -> None:
    with Connection() as asking, Connection() as other:
        asking.send(request("wait", id="a"))
        until(lambda: gate.begun == ["a"])
        other.send(request("wait", id="gone"))
        assert other.line()
    with Connection() as last:
        last.send(request("count", id="z"))
        assert last.line()
        gate.open.set()
        said = last.line()
        assert said is not None
        assert said["stdout"] == "1"
    assert gate.begun == ["a"]


def test_a_client_that_hangs_up_as_its_answer_comes_harms_nobody() -> None:
    """The answer that cannot be sent and the end of the connection are seen in one round of the loop, in this order."""
    gate, round_, held = Gate(), threading.Event(), threading.Event()

    def peer(connection: socket.socket) -> int:
        if len(gate.begun) == 1:
            held.set()
            assert round_.wait(LONG_S)
        return os.geteuid()

    with serving(gate.table(), peer=peer), Connection() as asking:
        asking.send(request("wait", id="a"))
        assert asking.line()
        until(lambda: gate.begun == ["a"])
        with Connection():
            assert held.wait(LONG_S)
            gate.open.set()
            time.sleep(0.1)  # the worker has answered
            asking.close()
            round_.set()
        with Connection() as last:
            said = last.reply(request("count"))
            assert said is not None
            assert said["stdout"] == "1"


def test_what_comes_too_late_is_not_begun(gate: Gate) -> None:
    with Connection() as asking:
        asking.send(request("wait", id="a"))
        until(lambda: gate.begun == ["a"])
        asking.send(request("wait", id="b", deadline_ms=20))
        time.sleep(0.05)
        gate.open.set()
        lines = [asking.line() for _ in range(4)]
        assert [line.get("refused") or line.get("stdout") for line in lines if line] == [None, None, "a", "late"]
        assert gate.begun == ["a"]


def test_an_answer_that_fails_sends_the_caller_away_and_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    def answer(asked: Request) -> Reply:
        if asked.arguments:
            raise ZeroDivisionError("not foreseen")
        return Reply(0, "well", "")

    with serving({"recall": answer}), Connection() as asking:
        said = asking.reply(request("recall", "x"))
        assert said is not None
        assert said["refused"] == "ZeroDivisionError"
        said = asking.reply(request("recall"))
        assert said is not None
        assert said["stdout"] == "well"
    assert "not foreseen" in capfd.readouterr().err  # the log


def test_what_follows_an_answer_comes_after_it_was_sent() -> None:
    order: list[str] = []
    with serving({"recall": lambda asked: Reply(0, "", "", after=lambda: order.append("after"))}):
        assert ask("x") is not None
        order.append("answered")
        until(lambda: len(order) == 2)


def test_the_parent_is_told_once_of_each_store() -> None:
    told: list[str] = []
    kinds = {"recall": lambda asked: Reply(0, "", "", tuple(asked.arguments[1:]))}
    with serving(kinds, on_store=told.append):
        ask("a", "b")
        ask("b", "c")
        until(lambda: told == ["a", "b", "c"])


def test_status_says_how_it_goes() -> None:
    with serving({"recall": lambda asked: Reply(0, "", "")}, facts=lambda: {"stores": ["/a"]}):
        for _ in range(3):
            ask("x")
        until(lambda: (client.status() or {})["requests"]["recall"]["count"] == 3)
        said = client.status()
    assert said is not None
    assert said["stores"] == ["/a"]
    assert said["requests"]["recall"]["p95_ms"] >= said["requests"]["recall"]["median_ms"] >= 0
    assert said["idle_s"] <= said["uptime_s"]
    assert said["resident_mb"] is None or said["resident_mb"] > 1


# --- stores ----------------------------------------------------------------------------------------------------------


def cold(*words: str) -> tuple[int, str, str]:
    return tuple(run_mem("recall", *words, model=True))  # type: ignore[return-value]


def same(*words: str) -> tuple[int, str, str]:
    """What the server answers, which is what a process of its own does."""
    warm = ask(*words)
    assert warm is not None, "the server did not answer"
    assert warm == cold(*words)
    return warm


@pytest.fixture
def lexical(store: Store) -> Iterator[Store]:
    """A store, found by words only, and a server for it."""
    without_model()
    store.add("the deployment order is alphabetical")
    store.sync()
    with serving():
        yield store


def test_an_answer_is_that_of_a_process_of_its_own(lexical: Store) -> None:
    code, out, _ = same("deployment order")
    assert code == 0
    assert "alphabetical" in out
    assert same("nothing of the kind")[0] == 1


def test_the_folder_of_the_caller_counts(lexical: Store) -> None:
    tree = f"{lexical.place.tree}/inbox"
    warm = client.ask("recall", ["recall", "deployment"], View(tree, 80, False))
    assert warm is not None
    os.chdir(tree)
    assert warm == cold("deployment")
    assert "\n      the-deployment-order-is-alphabetical.md:" in warm[1]


def test_a_relative_root_is_relative_to_the_caller(lexical: Store, tmp_path: Path) -> None:
    words, here = ("deployment", "--root", "../../project"), tmp_path / "elsewhere" / "below"
    here.mkdir(parents=True)
    warm = ask(*words, here=str(here))
    os.chdir(here)
    assert warm == cold(*words)
    assert warm is not None
    assert warm[0] == 0


def test_the_stores_are_those_of_the_callers_folder(lexical: Store, tmp_path: Path) -> None:
    other = Store.init(at_root(str(tmp_path / "other")))
    other.add("the deployment of the other project")
    other.sync()
    warm = ask("deployment", here=str(tmp_path / "other"))
    os.chdir(tmp_path / "other")
    assert warm == cold("deployment")
    assert warm is not None
    assert "other project" in warm[1]


def test_a_new_memory_an_edit_and_a_deletion_are_seen(lexical: Store) -> None:
    same("release")
    written = lexical.add("the release is on Friday")
    assert "Friday" in same("release")[1]
    path = lexical.place.absolute(written.path)
    Path(path).write_text(Path(path).read_text().replace("Friday", "Thursday"))
    assert "Thursday" in same("release")[1]
    os.unlink(path)
    assert same("release")[0] == 1


def test_feedback_is_seen(lexical: Store) -> None:
    name = lexical.add("the release is on Friday").id
    lexical.sync()
    assert "marked wrong" not in same("release")[1]
    run_mem("feedback", name, "--wrong")
    assert "marked wrong" in same("release")[1]


@pytest.mark.parametrize("config_of", ["user", "store"])
def test_settings_are_seen(lexical: Store, config_of: str) -> None:
    lexical.add("the deployment of Friday")
    assert same("deployment")[1].count(".md:") == 2
    config.set_value("recall.limit", "1", place=lexical.place if config_of == "store" else None)
    assert same("deployment")[1].count(".md:") == 1


def test_several_stores_and_the_own_one(lexical: Store, tmp_path: Path) -> None:
    other = Store.init(at_root(str(tmp_path / "other")))
    other.add("the deployment of the other project")
    other.sync()
    run_mem("add", "-g", "deployment is my hobby")
    for _ in range(2):
        assert "hobby" in same("deployment")[1]
        assert "other project" in same("deployment", "--root", str(tmp_path / "other"))[1]
        assert same("deployment", "-g")[1].count(".md:") == 1


def test_what_the_server_cannot_answer_it_leaves_to_the_caller(lexical: Store) -> None:
    for words in (
        ["--help"], ["--batch", "x"], ["x", "--unknown"], ["x", "--limit", "many"], [""], ["-"], ["x", "--since", "soon"],
        ["x", "--root", "/nowhere"],
    ):  # fmt: skip
        assert ask(*words) is None, words


def test_a_store_that_was_deleted_is_let_go(lexical: Store) -> None:
    same("deployment")
    shutil.rmtree(lexical.place.folder)
    assert ask("deployment") is None  # no store is left: an error is told by the caller
    run_mem("init")
    run_mem("add", "deployment begins anew")
    assert "anew" in same("deployment")[1]


def test_an_index_that_was_made_anew_is_read(lexical: Store) -> None:
    same("deployment")
    db.discard_cache(lexical.place)
    assert ask("deployment") is None  # to make an index is the caller's work
    cold("deployment")
    lexical.add("deployment waits for nobody")
    assert "nobody" in same("deployment")[1]


def test_another_users_index_is_not_read(lexical: Store) -> None:
    same("deployment")
    (Path(lexical.place.cache) / "owner").write_text("f" * 32)
    assert ask("deployment") is None
    cold("deployment")
    same("deployment")


def test_an_index_of_another_version_is_not_read(lexical: Store) -> None:
    same("deployment")
    connection = db.connect(schema.index_path(lexical.place), create=False)
    schema.set_meta(connection, "version", "0")
    connection.close()
    assert ask("deployment") is None
    cold("deployment")
    same("deployment")


def test_a_damaged_index_is_left_to_the_caller(lexical: Store) -> None:
    same("deployment")
    lexical.sync()
    path = schema.index_path(lexical.place)
    connection = db.connect(path, create=False)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (os.path.getsize(path) - 4096))
    assert ask("deployment") is None
    code, _, err = cold("deployment")
    assert (code, "was rebuilt" in err) == (0, True)
    same("deployment")


def test_the_model_chosen_meanwhile_is_used(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    store.sync()
    with serving():
        assert "found by words only" not in same("in which sequence do we ship")[2]
        without_model()
        assert "found by words only" in same("in which sequence do we ship")[2]
        config.set_value("model", None)
        assert "found by words only" not in same("in which sequence do we ship")[2]


def test_what_was_wrong_with_a_store_is_not_said_for_ever(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    time.sleep(0.1)  # until the folder's time tells whether it changed: else recall would look, and mend it
    store.sync()
    connection = db.connect(schema.index_path(store.place), create=False)
    model = schema.get_meta(connection, "model")
    with serving():
        schema.set_meta(connection, "model", "another@1")
        assert "its vectors are of another@1" in same("in which sequence do we ship")[2]
        schema.set_meta(connection, "model", model)
        assert "its vectors" not in same("in which sequence do we ship")[2]
    connection.close()


def test_vectors_that_come_later_are_used(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    without_model()
    store.sync()
    with serving():
        same("in which sequence do we ship", "--explain")
        config.set_value("model", None)
        store.sync()
        assert "semantic" in same("in which sequence do we ship", "--explain")[1]


def test_what_is_embedded_for_one_question_is_not_there_for_the_next(store: Store) -> None:
    """Or an answer would depend on the one before."""
    store.add("the deployment order is alphabetical")
    store.sync()
    shelf = Shelf()
    encoder = shelf.encoder(config.load())
    source = shelf.source(store.place, encoder)
    assert encoder.encode("in which order") is not None
    source.revived({1: (b"a hash", "an archived text")})
    assert source.codes([b"a hash"])
    assert shelf.source(store.place, encoder) is source
    assert not source.codes([b"a hash"])
    shelf.clear()


def test_a_model_that_could_not_be_loaded_is_tried_again(store: Store) -> None:
    shelf = Shelf()
    encoder = shelf.encoder(config.load())
    assert shelf.encoder(config.load()) is encoder
    encoder.problem = "no memory was left"
    assert shelf.encoder(config.load()) is not encoder


def test_only_so_many_stores_are_kept_open(tmp_path: Path) -> None:
    without_model()
    shelf = Shelf(most=2)
    places = [made(tmp_path / str(number)) for number in range(4)]
    for place in places:
        shelf.source(place, None)
        shelf.tidy()
    assert shelf.stores() == [place.folder for place in places[2:]]
    shelf.source(places[2], None)
    shelf.source(places[0], None)
    shelf.tidy()
    assert shelf.stores() == [places[2].folder, places[0].folder]
    shutil.rmtree(places[0].folder)
    shelf.tidy()
    assert shelf.stores() == [places[2].folder]
    shelf.clear()
    assert MOST >= 2


def made(folder: Path) -> Place:
    store = Store.init(at_root(str(folder)))
    store.add("something")
    store.sync()
    return store.place


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_files_and_stores_do_not_pile_up(lexical: Store) -> None:
    for number in range(3):
        same(f"deployment {number}")
    before = files_open()
    for number in range(30):
        if number % 10 == 0:
            db.discard_cache(lexical.place)
            cold("deployment")
        assert ask(f"deployment {number}")
    until(lambda: files_open() <= before)


def test_many_clients_at_once_each_get_their_own_answer(lexical: Store) -> None:
    words = [f"word{number}" for number in range(8)]
    for word in words:
        lexical.add(f"{word} stands alone")
    lexical.sync()
    expected = {word: cold(word, "--json") for word in words}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for word, found in zip(words, pool.map(lambda word: ask(word, "--json"), words), strict=True):
                assert found in (expected[word], None)
        assert ask(words[0], "--json") == expected[words[0]]


def test_autostart_starts_a_watcher_after_an_answer_that_no_server_gave(
    lexical_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(lifetime, "start_detached", lambda: started.append(True))
    run_mem("recall", "deployment")
    assert not started
    config.set_value("watch.autostart", "1")
    run_mem("recall", "deployment")
    assert started == [True]
    monkeypatch.setenv("MEM_COLD", "1")
    run_mem("recall", "deployment")
    assert started == [True]


# --- the process -----------------------------------------------------------------------------------------------------


def started(**options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-m", "memcli.cli.serving", *options.pop("arguments", ())], env=environment, **options
    )
    until(lambda: client.status() is not None)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(store: Store, number: int) -> None:
    without_model()
    store.add("the deployment order is alphabetical")
    store.sync()
    process = started(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    same("deployment")
    with Connection():
        process.send_signal(number)
        said, _ = process.communicate(timeout=LONG_S)
        assert process.returncode == 0
        assert said == b""
    assert os.listdir(address.socket_folder()) == []


def test_it_leaves_when_its_parent_is_gone() -> None:
    without_model()
    here, there = os.pipe()
    process = started(arguments=["--lifeline", str(here)], pass_fds=[here])
    os.close(here)
    os.close(there)
    assert process.wait(LONG_S) == 0
    assert not os.path.exists(address.socket_path())


def test_it_tells_its_parent_which_stores_are_asked(lexical_store: Store) -> None:
    here, there = os.pipe()
    process = started(arguments=["--tell", str(there)], pass_fds=[there])
    assert ask("deployment") is not None
    told = os.read(here, 4096).decode().splitlines()
    process.terminate()
    assert process.wait(LONG_S) == 0
    os.close(here)
    os.close(there)
    assert told == [f'"{lexical_store.place.folder}"']


@pytest.fixture
def lexical_store(store: Store) -> Store:
    without_model()
    store.add("the deployment order is alphabetical")
    store.sync()
    return store


def test_killed_it_leaves_a_socket_that_the_next_one_replaces() -> None:
    without_model()
    process = started()
    process.kill()
    process.wait(LONG_S)
    assert os.path.exists(address.socket_path())
    assert client.status() is None
    with serving({}):
        assert client.status() is not None


def test_a_second_server_does_not_take_the_place_of_the_first() -> None:
    with serving({}), pytest.raises(OSError, match="another server"):
        server.listen(address.socket_path())


def test_a_refusal_is_no_answer() -> None:
    def answer(asked: Request) -> Reply:
        raise Refused("not today")

    with serving({"recall": answer}):
        assert ask("x") is None


# --- through the command line ----------------------------------------------------------------------------------------


def mem(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "memcli", *words],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "PYTHONIOENCODING": "utf-8",
            **environment,
        },
        capture_output=True,
        check=False,
        timeout=LONG_S * 3,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["recall", "deployment"], ["--json", "find", "deployment"], ["search", "nothing of the kind"],
        ["--root", ".", "recall", "deployment", "--explain"],
    ],
)  # fmt: skip
def test_mem_recall_prints_what_the_server_answers(lexical: Store, words: list[str]) -> None:
    told = mem(*words, MEM_COLD="1")
    assert served() == 0
    while not served():  # on a machine that is busy elsewhere the server may be late, and is not waited for
        warm = mem(*words)
        assert (warm.returncode, warm.stdout, warm.stderr) == (told.returncode, told.stdout, told.stderr)


def served() -> float:
    said = client.status()
    assert said is not None
    count: float = said["requests"]["recall"]["count"]
    return count


@pytest.mark.parametrize("words", [["recall", "--help"], ["recall"], ["recall", "x", "--since", "soon"], ["status"]])
def test_what_is_not_served_is_done_without_the_server(lexical: Store, words: list[str]) -> None:
    warm, told = mem(*words), mem(*words, MEM_COLD="1")
    assert (warm.returncode, warm.stdout, warm.stderr) == (told.returncode, told.stdout, told.stderr)


def test_a_reader_that_leaves_early_is_no_error(lexical: Store) -> None:
    here, there = os.pipe()
    os.close(here)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    ended = subprocess.run(
        [sys.executable, "-m", "memcli", "recall", "deployment"],
        env=environment,
        stdout=there,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(there)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_95th_percentile_of_two_answers_is_the_slower_one() -> None:
    def take(asked: Request) -> Reply:
        time.sleep(0.05 if "slowly" in asked.arguments else 0.0)
        return Reply(0, "", "")

    with serving({"recall": take}):
        for word in ("slowly", "quickly"):
            ask(word)
        until(lambda: (client.status() or {})["requests"]["recall"]["count"] == 2)
        said = client.status()
    assert said is not None
    assert said["requests"]["recall"]["p95_ms"] >= 50 > said["requests"]["recall"]["median_ms"]


def test_where_much_waits_for_a_vector_the_caller_answers(store: Store) -> None:
    """Others would wait while a server embeds; and an answer by words alone is not what a process of its own gives."""
    run_mem("add", "We deploy the web shop every Tuesday.", model=True)
    for number in range(9):
        (Path(store.place.tree) / f"note-{number}.md").write_text(f"Note number {number} tells of a lighthouse.\n")
    reconcile(store.place)
    settings = config.load(store.place)
    with pytest.raises(IndexUnavailable):
        Recall([store.place], settings, shelf=Shelf())
    with Recall([store.place], settings) as recall:
        recall.ask("where is the lighthouse")
    assert Recall([store.place], settings, shelf=Shelf()).ask("where is the lighthouse").hits
