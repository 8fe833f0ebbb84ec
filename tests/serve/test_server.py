"""The warm server: who is served, in which order, with what, and what is left of it afterwards."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from memcli.serve import address, client, server, worker
from memcli.serve.protocol import Refused, Reply, Request
from tests.serve.running import LONG_S, Connection, ask, request, serving, until

pytestmark = pytest.mark.usefixtures("patient")


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


def test_a_refusal_is_no_answer() -> None:
    def answer(asked: Request) -> Reply:
        raise Refused("not today")

    with serving({"recall": answer}):
        assert ask("x") is None


def test_a_second_server_does_not_take_the_place_of_the_first() -> None:
    with serving({}), pytest.raises(OSError, match="another server"):
        server.listen(address.socket_path())
