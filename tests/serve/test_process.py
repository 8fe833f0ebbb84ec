"""The warm server as a process, and `mem recall` beside it: how it ends, whom it tells, what is printed of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memcli.serve import address, client
from memcli.store import Store
from tests.command import without_model
from tests.serve.running import LONG_S, Connection, ask, same, serving, until

pytestmark = pytest.mark.usefixtures("patient")


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


def test_killed_it_leaves_a_socket_that_the_next_one_replaces() -> None:
    without_model()
    process = started()
    process.kill()
    process.wait(LONG_S)
    assert os.path.exists(address.socket_path())
    assert client.status() is None
    with serving({}):
        assert client.status() is not None


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
