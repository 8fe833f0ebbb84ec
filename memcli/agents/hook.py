"""`mem hook AGENT EVENT`: what an agent runs before each prompt, and a person must never notice.

Whatever happens, the process ends with exit code 0 before its deadline and prints one reply of the agent's shape, or nothing:
a usage error, a broken store, a full disk, a signal, standard input that never ends. What it prints is written at the end and
at once, by a descriptor that nobody else has; what anything else in the process prints goes nowhere. The warm server is asked
first, before anything is loaded that takes time; without one the same is done here (`agents.respond`). Lean as nothing else is.

    MEM_HOOKS=0             says nothing and does nothing; as do `.mem/no-hooks` and `mem hooks pause`
    MEM_HOOK_DEADLINE_MS    instead of DEADLINE_MS
    MEM_DEBUG=1             failures go to `log/hook.log` in the user's state; stderr stays silent all the same
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEADLINE_MS, START_DEADLINE_MS = 400, 1500
MOST_DEADLINE_MS, GIT_DEADLINE_MS = 60_000, 20_000
STARTS = ("start", "spawn", "resume", "transform")  # in the names of events at which there is more time
TOLD = ("COPILOT_CLI", "CURSOR_VERSION", "CLAUDE_CODE_SESSION_ID")
"""Variables by which the agent that really runs is known (`Host.loaded_by`, `Host.session_variable`)."""
LEAST_S = 0.1  # what is left of the deadline must be more than this to begin without a server
PATIENCE_S = 0.1
"""Until the server says "working". Longer than a recall waits: a server that is left and answers all the same would note that
the session was told what nobody printed."""
IN_HOOK = "MEM_IN_HOOK"
MOST_LOG = 256 << 10

_writing = False


def script(arguments: list[str]) -> NoReturn:
    """The whole process: prints what there is to say and ends it with exit code 0."""
    until = time.monotonic() + deadline_s(arguments)
    try:
        _end_at(until)
        _end_on_signals()
        out = _take_stdout()
        if is_wanted(arguments):
            os.environ[IN_HOOK] = "1"
            said = answer(arguments, _stdin(arguments), until)
            if said:
                _write(out, said)
    except BaseException as error:
        note(error)
    os._exit(0)


def main(arguments: list[str]) -> int:
    """The same inside a process that goes on; returns 0."""
    try:
        if is_wanted(arguments):
            sys.stdout.write(answer(arguments, sys.stdin.buffer.read(), time.monotonic() + deadline_s(arguments)))
    except Exception as error:
        note(error)
    return 0


def _stdin(arguments: list[str]) -> bytes:
    from memcli.agents import payload

    return payload.read(0) if arguments[0] != "git" else b""


def is_wanted(arguments: list[str]) -> bool:
    """Whether there is anything to do: two words, not switched off, and not called by a hook of ours."""
    return len(arguments) >= 2 and os.environ.get("MEM_HOOKS") != "0" and not os.environ.get(IN_HOOK)


def deadline_s(arguments: list[str]) -> float:
    """The time there is for a call, in seconds."""
    asked = os.environ.get("MEM_HOOK_DEADLINE_MS", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 9:
        return min(max(int(asked), 1), MOST_DEADLINE_MS) / 1000
    if arguments[:1] == ["git"]:  # in the background, and nobody waits
        return GIT_DEADLINE_MS / 1000
    event = arguments[1].lower() if len(arguments) > 1 else ""
    return (START_DEADLINE_MS if any(name in event for name in STARTS) else DEADLINE_MS) / 1000


def answer(arguments: list[str], data: bytes, until: float) -> str:
    """What is printed for a call whose standard input is `data`, to be known at `until` (`time.monotonic()`)."""
    agent, event, *rest = arguments
    if agent == "git":
        from memcli.agents import git

        git.hook(event, rest)
        return ""
    from memcli.agents import payload

    text = payload.decoded(data)
    marks = [f"{name}={os.environ[name]}" for name in TOLD if os.environ.get(name)]
    try:
        here = os.getcwd()
    except OSError:  # it is gone; what the agent sends may name another
        here = ""
    served = _from_server([agent, event, *marks], text, here, until)
    if served is not None:
        return served
    if until - time.monotonic() < LEAST_S:
        return ""
    from memcli.agents.respond import respond

    said: str = respond(agent, event, marks, text, here=here, now=time.time(), until=until).text
    return said


def _from_server(arguments: list[str], text: str, here: str, until: float) -> str | None:
    """What the warm server says; None where there is none, or it leaves this to us."""
    if os.name != "posix" or os.environ.get("MEM_COLD"):
        return None
    from memcli.serve import address

    if not address.is_our_socket(address.socket_path()):  # the client looks too, but takes a millisecond to be loaded
        return None
    from memcli.serve import client
    from memcli.view import View

    left = until - time.monotonic()
    answered = client.ask(
        "hook", arguments, View(here, 80, False), stdin=text, patience=min(PATIENCE_S, left / 2), within=left
    )
    return None if answered is None else answered[1]


# --- the process ------------------------------------------------------------------------------------------------------


def _take_stdout() -> int:
    """A descriptor for our reply; whatever else is printed from now on goes nowhere.

    Descriptors 0 to 2 are open from here on: a file opened where one was closed would be what is printed to.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    while nowhere < 3:
        nowhere = os.dup(nowhere)
    out = os.dup(1)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    return out


def _end_on_signals() -> None:
    if TYPE_CHECKING:
        from signal import SIGINT, SIGTERM, signal
    else:
        from _signal import SIGINT, SIGTERM, signal  # the Python of `signal` would load enum

    for number in (SIGTERM, SIGINT):
        signal(number, lambda *_: os._exit(0))


def _end_at(until: float) -> None:
    """The last resort, twice: a thread ends the process at its deadline whatever call it waits in, SQLite's included, and an
    alarm, a moment later, ends a search by a pattern, which lets no other thread run."""
    from _thread import start_new_thread

    def end() -> None:
        time.sleep(max(0.0, until - time.monotonic()))
        if _writing:  # a reader that is slow gets the rest of it, one that does not read at all does not
            time.sleep(LEAST_S)
        os._exit(0)

    start_new_thread(end, ())
    if os.name != "posix":
        return
    if TYPE_CHECKING:
        from signal import ITIMER_REAL, SIGALRM, setitimer, signal
    else:
        from _signal import ITIMER_REAL, SIGALRM, setitimer, signal

    signal(SIGALRM, lambda *_: os._exit(0))
    setitimer(ITIMER_REAL, max(0.0, until - time.monotonic()) + 1.5 * LEAST_S)


def _write(out: int, said: str) -> None:
    global _writing
    _writing = True
    data = said.encode("utf-8", "replace")
    while data:
        data = data[os.write(out, data) :]


def note(error: BaseException) -> None:
    """With MEM_DEBUG=1, log a failure, in the user's state; of the environment, which holds secrets, nothing."""
    if os.environ.get("MEM_DEBUG") != "1":
        return
    try:
        import traceback

        from memcli.places import private_dir, user_dir

        path = os.path.join(private_dir(os.path.join(user_dir("state"), "log")), "hook.log")
        if os.path.exists(path) and os.path.getsize(path) > MOST_LOG:
            os.replace(path, f"{path}.1")
        said = "".join(traceback.format_exception(error))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {sys.argv[1:5]!r}\n{said}")
    except Exception:  # a log that cannot be written is no reason to fail
        return
