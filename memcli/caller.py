"""Who is calling: the coding agent and its session, from what they leave in the environment; else the person.

Lean: read before it is known which verb runs.
"""

from __future__ import annotations

import os

AGENT_MARKERS = {
    "CLAUDECODE": "claude-code",
    "CODEX_SANDBOX": "codex",
    "GEMINI_CLI": "gemini-cli",
    "CURSOR_AGENT": "cursor",
    "OPENCODE": "opencode",
}
# MEM_SESSION is for agents that export no session of their own, and for scripts.
SESSION_VARIABLES = ("MEM_SESSION", "CLAUDE_CODE_SESSION_ID", "GEMINI_SESSION_ID", "QWEN_CODE_SESSION_ID")
MAX_SESSION = 200


def author() -> str:
    """Who is typing, for the journal: the coding agent that marked its environment, else "you"."""
    return next((name for marker, name in AGENT_MARKERS.items() if os.environ.get(marker)), "you")


def session() -> str | None:
    """The agent's session as its environment names it, on one line; None where nothing does."""
    named = next((value for name in SESSION_VARIABLES if (value := os.environ.get(name, "").strip())), "")
    return "".join(c for c in named[:MAX_SESSION] if c.isprintable()) or None
