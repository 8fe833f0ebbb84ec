"""What comes over the wire: whatever it is, the server goes on and answers the next request right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.serve import protocol
from memcli.serve.protocol import Malformed, Reply, Request
from tests.serve.running import Connection, request, serving


def echo(asked: Request) -> Reply:
    return Reply(0, json.dumps(asked.arguments), "")


@pytest.fixture
def echoing() -> Iterator[None]:
    with serving({"echo": echo}):
        yield


ONE_STATE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_a_request_is_read() -> None:
    read = protocol.parse(json.dumps(request("recall", "recall", "x", width=97, colour=True)).encode())
    assert (read.id, read.kind, read.arguments, read.view.width, read.view.colour) == (
        "1",
        "recall",
        ["recall", "x"],
        97,
        True,
    )


WRONG: dict[str, Any] = {
    "no list": {"arguments": "recall x"},
    "numbers in it": {"arguments": [1]},
    "too many": {"arguments": ["x"] * (protocol.MAX_ARGUMENTS + 1)},
    "no kind": {"kind": None},
    "a kind of its own": {"kind": ["recall"]},
    "a long id": {"id": "x" * 65},
    "an empty id": {"id": ""},
    "a number for an id": {"id": 7},
    "no deadline": {"deadline_ms": None},
    "a deadline gone by": {"deadline_ms": 0},
    "a deadline that is true": {"deadline_ms": True},
    "a broken deadline": {"deadline_ms": 1.5},
    "an endless deadline": {"deadline_ms": 10**12},
    "no folder": {"here": None},
    "no width": {"width": -1},
    "a colour": {"colour": "red"},
    "stdin as a list": {"stdin": []},
    "no caller": {"caller": {}},
    "another protocol": {"mem": 2},
    "another version": {"version": "0.0.0"},
}  # fmt: skip


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_request_is_refused_and_the_client_cut_off(changes: dict[str, Any], echoing: None) -> None:
    asked = request("echo") | changes
    with pytest.raises(Malformed):
        protocol.parse(json.dumps(asked).encode())
    with Connection() as client:
        client.send(asked)
        said = client.line()
        assert said is not None
        assert said["refused"]
        assert client.line() is None


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"null", b"\xff\xfe", b"{", b"[" * 500_000, b'{"id":' * 100_000, b"1" * 5000, b'{"id":1e999}']
)
def test_what_is_no_request(line: bytes, echoing: None) -> None:
    with pytest.raises(Malformed):
        protocol.parse(line)
    with Connection() as client:
        client.send(line + b"\n")
        said = client.line()
        assert said is not None
        assert said["refused"]
    with Connection() as client:
        assert client.reply(request("echo", "still here")) is not None


def test_a_request_without_end_is_cut_off(echoing: None) -> None:
    with Connection() as client:
        try:
            for _ in range(40):
                client.send(b"x" * 65536)
            said = client.line()
        except OSError:  # cut off while we were still talking
            said = {"refused": "the request is too long"}
        assert said is not None
        assert said["refused"] == "the request is too long"


def test_an_answer_too_long_is_refused() -> None:
    with serving({"echo": lambda asked: Reply(0, "x" * (protocol.MAX_REPLY + 1), "")}), Connection() as client:
        said = client.reply(request("echo"))
        assert said is not None
        assert said["refused"] == "the answer is too long"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(request())), VALUES))
@settings(max_examples=200)
def test_a_request_is_whole_or_malformed(changes: dict[str, Any]) -> None:
    try:
        read = protocol.parse(json.dumps(request("echo") | changes).encode())
    except Malformed:
        return
    assert isinstance(read.kind, str)
    assert all(isinstance(one, str) for one in (*read.arguments, *read.caller, read.view.here))
    assert 0 < read.deadline_ms <= protocol.MAX_DEADLINE_MS


@given(
    st.lists(st.binary(max_size=200) | st.just(b"\n") | st.just(json.dumps(request("echo", "a")).encode()), max_size=6)
)
@settings(ONE_STATE, max_examples=60)
def test_any_bytes_leave_the_server_as_it_was(echoing: None, parts: list[bytes]) -> None:
    with Connection() as wild:
        try:
            wild.send(*parts)
        except OSError:  # cut off in the middle
            pass
        with Connection() as good:
            said = good.reply(request("echo", "a", "b"))
            assert said is not None
            assert json.loads(said["stdout"]) == ["a", "b"]


@given(st.text(max_size=50), st.lists(st.text(max_size=20), max_size=5), st.integers(1, 40))
@settings(ONE_STATE, max_examples=40)
def test_a_request_in_pieces_is_whole(echoing: None, word: str, more: list[str], size: int) -> None:
    line = json.dumps(request("echo", word, *more)).encode() + b"\n"
    with Connection() as client:
        client.send(*(line[place : place + size * 20] for place in range(0, len(line), size * 20)))
        assert client.line() == {**head(), "state": "working"}
        said = client.line()
        assert said is not None
        assert json.loads(said["stdout"]) == [word, *more]


def head() -> dict[str, Any]:
    return {name: request()[name] for name in ("mem", "version", "id")}
