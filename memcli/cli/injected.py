"""`mem log --injected`: what hooks put before agents, and why they said nothing where they did not."""

from __future__ import annotations

import time

from memcli.agents import inject, respond, sessions
from memcli.agents.sessions import Row
from memcli.cli import terminal
from memcli.cli.invocation import Invocation, as_json, say
from memcli.errors import NotFound

LAST = "last"
SHORT_ID, SHORT_SESSION = 4, 8
_WHY = respond.REASONS | inject.REASONS


def run(invocation: Invocation, *, session: str | None, limit: int, since: str) -> int:
    """Print the newest calls of hooks, newest first: of all sessions, of the one used last ("last"), or of one by its id.

    `since` is a day, or "". Raises NotFound where there is none.
    """
    rows = [row for calls in sessions.read(last=session == LAST) for row in calls]
    if session and session != LAST:
        rows = [row for row in rows if row.session.startswith(session)]
    rows = sorted((row for row in rows if _day(row) >= since), key=lambda row: -row.at)
    if not rows:
        raise NotFound("no hook has been called that is known of here", hint="mem hooks status")
    if invocation.json:
        print(as_json([_as_dict(row) for row in rows[:limit]]))
        return 0
    terminal.table(("when", "agent", "event", "said", "chars", "ms"), map(_cells, rows[:limit]))
    spoke = sum(row.silent is None for row in rows)
    say(f"{len(rows):,} calls, {spoke:,} spoke" + (f"; {limit} shown: --limit" if len(rows) > limit else ""))
    return 0


def _day(row: Row) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(row.at))


def _cells(row: Row) -> tuple[object, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.at))
    said = (
        f"silent: {_WHY.get(row.silent, row.silent)}"
        if row.silent
        else " ".join(_short(name) for name, _ in row.injected)
    )
    return when, f"{row.host} {row.session[:SHORT_SESSION]}".strip(), row.event, said, row.chars, row.ms


def _short(name: str) -> str:
    """The beginning of an id, and the turn of an episode whole."""
    identity, mark, turn = name.partition("^")
    return f"{identity[:SHORT_ID]}{mark}{turn}"


def _as_dict(row: Row) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row.at)), "agent": row.host, "session": row.session,
        "event": row.event, "cwd": row.cwd, "silent": row.silent, "why": _WHY.get(row.silent) if row.silent else None,
        "injected": [name for name, _ in row.injected], "chars": row.chars, "ms": row.ms,
    }  # fmt: skip
