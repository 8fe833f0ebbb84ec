"""A watcher that nobody looks at: its own session, no terminal, a log; `launch` starts it and hears whether it is up.

`python -m memcli.serve.detached JSON` is the process itself, which loads nothing that watching does not need.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from typing import Any

from memcli import config, errors
from memcli.errors import MemError, StoreError, Unexpected
from memcli.places import Place, private_dir
from memcli.serve import address, lifetime
from memcli.serve.children import python
from memcli.serve.lifetime import child_environment
from memcli.serve.options import options
from memcli.serve.watcher import Watcher

LOG_BYTES, LOGS_KEPT = 1_000_000, 2
_UP_WITHIN_S = 40.0


def launch(places: Sequence[Place], server: Sequence[str] | None) -> int:
    """Start a watcher in the background and wait until it is up; returns its process id.

    Raises what it died of: StoreError where there is one already, UsageError for a setting of the wrong kind.
    """
    told, tell = os.pipe()
    asked = {"stores": [[place.folder, place.label] for place in places], "server": server, "tell": tell}
    command = [*python("memcli.serve.detached"), json.dumps(asked)]
    nowhere = subprocess.DEVNULL
    starter = subprocess.Popen(
        command, stdin=nowhere, stdout=nowhere, stderr=nowhere, pass_fds=[tell], env=child_environment(), cwd="/",
        start_new_session=True,
    )  # fmt: skip
    os.close(tell)
    with open(told, encoding="utf-8") as pipe:
        starter.wait(_UP_WITHIN_S)
        line = pipe.readline()
    said = json.loads(line) if line else {"message": "it ended before it was up", "hint": f"see {address.log_path()}"}
    if "pid" in said:
        return int(said["pid"])
    kind = getattr(errors, said.get("error", ""), StoreError)
    raise kind(said["message"], hint=said.get("hint"))


def main() -> int:
    """Be the watcher that `launch` asked for."""
    asked = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)  # the child is no leader of its session, and can get no terminal
    os.umask(0o077)
    tell = asked["tell"]
    os.set_inheritable(tell, False)

    def say(**what: Any) -> None:
        nonlocal tell
        if tell is not None:
            os.write(tell, json.dumps(what).encode("ascii") + b"\n")
            os.close(tell)
            tell = None

    try:
        _watch([Place(*pair) for pair in asked["stores"]], asked["server"], lambda: say(pid=os.getpid()))
    except MemError as error:
        say(error=type(error).__name__, message=error.message, hint=error.hint)
        return error.exit_code
    except OSError as error:
        say(error="StoreError", message=f"mem watch cannot run: {error}", hint="mem doctor")
        return StoreError.exit_code
    except Exception as error:
        _log().exception("mem watch failed")
        say(error="Unexpected", message=f"mem watch failed ({error})", hint=f"see {address.log_path()}")
        return Unexpected.exit_code
    return 0


def _watch(places: list[Place], server: list[str] | None, up: Any) -> None:
    chosen = options(config.load(), server)
    lock = lifetime.take_lock()
    log = _log()
    try:
        log.info("watching, process %d", os.getpid())
        log.info("ended: %s", Watcher(places, chosen, tell=log.info).run(up))
    finally:
        lifetime.release_lock(lock)


def _log() -> logging.Logger:
    """The log, readable by its user alone; old parts are kept beside it, and dropped in turn."""
    log = logging.getLogger("mem-watch")
    if not log.handlers:
        private_dir(os.path.dirname(address.log_path()))
        handler = RotatingFileHandler(address.log_path(), maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8",
                                      errors="backslashreplace")  # fmt: skip
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    return log


if __name__ == "__main__":
    sys.exit(main())
