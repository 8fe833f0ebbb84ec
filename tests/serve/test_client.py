"""The thin client: what it accepts, and that whatever else happens costs at most 20 ms."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli import __version__
from memcli.serve import address, client, protocol
from memcli.serve.protocol import Reply
from memcli.view import View
from tests.serve.running import LONG_S, Connection, pretending, request, serving

MOST_S = 0.020
WORKING = protocol.working("1")


def ask(*arguments: str) -> tuple[int, str, str] | None:
    return client.ask("recall", list(arguments) or ["recall", "x"], View(os.getcwd(), 80, False))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what has to be answered, also on a machine that is busy elsewhere."""
    monkeypatch.setattr(client, "PATIENCE_S", LONG_S)
    monkeypatch.setattr(client, "ANSWER_S", LONG_S)


def said(*parts: bytes) -> Callable[[socket.socket], None]:
    """A server that says this and then nothing more."""

    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return talk


def hangs_up(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.close()


def says_half_and_hangs_up(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.sendall(WORKING + protocol.answer("1", Reply(0, "half of an ans", ""))[:70])
    connection.close()


def speaks_slowly(connection: socket.socket) -> None:
    for byte in WORKING:
        connection.sendall(bytes([byte]))
        time.sleep(0.004)


FAILURES = {
    "nobody ever": lambda: nullcontext(),
    "silent": lambda: pretending(said()),
    "hangs up": lambda: pretending(hangs_up),
    "garbage": lambda: pretending(said(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "zeros": lambda: pretending(said(b"\0" * 100_000)),
    "half a greeting": lambda: pretending(said(WORKING[:20])),
    "a slow greeting": lambda: pretending(speaks_slowly),
    "another version": lambda: pretending(said(WORKING.replace(__version__.encode(), b"99.0.0"))),
    "another protocol": lambda: pretending(said(WORKING.replace(b'"mem":1', b'"mem":2'))),
    "another request": lambda: pretending(said(protocol.working("2"))),
    "refused": lambda: pretending(said(protocol.refusal("1", "busy"))),
    "half an answer": lambda: pretending(says_half_and_hangs_up),
    "a broken answer": lambda: pretending(said(WORKING, b'{"code":0}\n')),
    "two answers": lambda: pretending(said(WORKING + 2 * protocol.answer("1", Reply(0, "a", "")))),
    "an answer refused": lambda: pretending(said(WORKING, protocol.refusal("1", "IndexUnavailable"))),
}  # fmt: skip


def costs_at_most(seconds: float, attempts: int = 20) -> bool:
    """Whether a question that nobody answers takes no longer; once of several times, since the machine has other work too."""
    for _ in range(attempts):
        began = time.perf_counter()
        assert ask() is None
        if time.perf_counter() - began <= seconds:
            return True
    return False


@pytest.mark.parametrize("server", FAILURES.values(), ids=FAILURES.keys())
def test_a_server_that_fails_costs_20_ms_at_most(server: Callable[[], AbstractContextManager[object]]) -> None:
    with server():
        assert costs_at_most(MOST_S)


def test_a_stale_socket_costs_nothing() -> None:
    path = address.socket_path()
    address.make_private(os.path.dirname(path))
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    address.at(path, dead.bind)
    os.chmod(path, 0o600)
    dead.close()
    assert costs_at_most(MOST_S / 4)


def test_a_full_backlog_costs_20_ms_at_most() -> None:
    with pretending(None, backlog=0):
        held = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for one in held:
            one.setblocking(False)
            try:
                address.at(address.socket_path(), one.connect)
            except BlockingIOError:
                pass
        assert costs_at_most(MOST_S)
        for one in held:
            one.close()


def test_a_server_of_ours_that_is_stopped_costs_20_ms_at_most() -> None:
    with pretending(None):
        assert costs_at_most(MOST_S)


def test_who_has_said_working_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.5)

    def talk(connection: socket.socket) -> None:
        connection.sendall(WORKING)
        time.sleep(1.0)
        connection.sendall(protocol.answer("1", Reply(0, "late but here\n", "")))

    with pretending(talk):
        assert ask() == (0, "late but here\n", "")


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_S", 0.1)
    with pretending(said(WORKING)):
        began = time.perf_counter()
        assert ask() is None
        assert 0.09 < time.perf_counter() - began < 1.0


def test_an_answer_in_small_pieces_is_whole(patient: None) -> None:
    whole = WORKING + protocol.answer("1", Reply(1, "a\u2028b", "é\n"))

    def talk(connection: socket.socket) -> None:
        for place in range(0, len(whole), 7):
            connection.sendall(whole[place : place + 7])

    with pretending(talk):
        assert ask() == (1, "a\u2028b", "é\n")


@pytest.mark.parametrize("change", ["folder", "socket", "file"])
def test_nothing_is_said_to_a_socket_that_others_can_reach(change: str) -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))

    with pretending(talk):
        path = address.socket_path()
        if change == "folder":
            os.chmod(os.path.dirname(path), 0o755)
        elif change == "socket":
            os.chmod(path, 0o666)
        else:
            os.rename(path, f"{path}.real")
            os.symlink(f"{path}.real", path)
        assert ask() is None
    assert not heard


def test_what_is_too_long_is_not_asked() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heard.append(connection.recv(1 << 16))

    with pretending(talk):
        assert ask("recall", "x" * client.MOST_ASKED) is None
    assert not heard


def test_a_path_longer_than_an_address_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("deep" * 30)))
    assert len(address.socket_path()) > 108
    with serving({"recall": lambda request: Reply(0, "reached", "")}):
        assert ask() == (0, "reached", "")


def test_the_runtime_folder_is_used_where_it_is_the_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert address.socket_folder() == address.state_folder()  # the state was moved: a profile of its own
    monkeypatch.delenv("XDG_STATE_HOME")
    tmp_path.chmod(0o700)
    assert address.socket_folder() == str(tmp_path / "mem")
    tmp_path.chmod(0o755)
    assert address.socket_folder() == address.state_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert address.socket_folder() == address.state_folder()


def test_the_client_asks_what_the_server_understands(patient: None) -> None:
    asked: list[protocol.Request] = []

    def answer(request: protocol.Request) -> Reply:
        asked.append(request)
        return Reply(0, "", "")

    words = ["recall", 'a "quoted" \\ word', "naïve\n\t\x00", "\udcff not UTF-8", "🜁"]
    with serving({"recall": answer}):
        assert client.ask("recall", words, View("/somewhere else", 97, True), "piped\n") == (0, "", "")
    (request,) = asked
    assert request.arguments == words
    assert (request.view.here, request.view.width, request.view.colour) == ("/somewhere else", 97, True)
    assert request.stdin == "piped\n"
    assert request.deadline_ms == 1000 * LONG_S


def test_status() -> None:
    assert client.status() is None
    with serving({"recall": lambda request: Reply(0, "", "")}), Connection() as other:
        other.reply(request())
        found = client.status()
    assert found is not None
    assert found["pid"] == os.getpid()
    assert found["requests"]["recall"]["count"] == 1


@given(st.integers(0, 255), st.text(), st.text())
def test_a_reply_is_read_as_it_was_written(code: int, out: str, err: str) -> None:
    line = protocol.answer("1", Reply(code, out, err)).decode("ascii")
    assert client._read_answer(line) == (code, out, err)


@given(st.data())
def test_a_reply_that_is_damaged_is_no_other_reply(data: st.DataObject) -> None:
    """Cut, doubled or changed in its frame, a reply is None; the same only where nothing that counts was touched."""
    line = protocol.answer("1", Reply(0, "out", "err")).decode("ascii")
    place = data.draw(st.integers(0, len(line) - 1))
    kind = data.draw(st.sampled_from(["cut", "insert", "delete"]))
    changed = {
        "cut": line[:place],
        "insert": line[:place] + data.draw(st.sampled_from('{}",:\\x \n')) + line[place:],
        "delete": line[:place] + line[place + 1 :],
    }[kind]
    read = client._read_answer(changed)
    texts = (line.index('"out"') + 1, line.index('"out"') + 5), (line.index('"err"') + 1, line.index('"err"') + 5)
    inside = any(first <= place <= last for first, last in texts)
    number = line.index('"code":') + 7 <= place <= line.index('"code":') + 8
    assert read is None or inside or number or changed == line
