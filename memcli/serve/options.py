"""How to watch: what the user's settings say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memcli.config import Config


class Options(NamedTuple):
    """How to watch. `server`: the command that serves, but for its lifeline; None: none. Times in minutes, 0: never."""

    server: tuple[str, ...] | None = None
    idle_minutes: float = 0.0
    reconcile_minutes: float = 5.0
    poll_seconds: float = 0.0


def options(config: Config, server: Sequence[str] | None) -> Options:
    """The user's settings."""
    return Options(
        None if server is None else tuple(server),
        config.number("watch.idle_minutes"), config.number("watch.reconcile_minutes"), config.number("watch.poll_seconds"),
    )  # fmt: skip
