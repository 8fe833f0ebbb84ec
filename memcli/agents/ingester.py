"""The process that hooks start: has what they noted taken in, waits for what comes within the same minute, and ends.

The taking in is a process of its own, which loads the index and perhaps the model; this one waits without them. Lean.
"""

from __future__ import annotations

import os
import sys
import time

from memcli.agents import capture

_WORK = "from memcli.agents.ingest import main; main()"


def main() -> None:
    """Be that process, with nothing of the agent's: neither its files, nor its folder, nor its priority."""
    os.closerange(3, 256)  # whatever the agent had open and did not close for its children
    os.chdir("/")
    os.umask(0o077)
    if hasattr(os, "nice"):
        os.nice(10)
    _work()
    time.sleep(capture.due_again())
    if os.path.exists(capture.spool_path()):
        _work()


def _work() -> None:
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-P", "-c", _WORK])
