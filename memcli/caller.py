"""Who is calling: the coding agent and its session, from what they leave in the environment; else the person.

Lean: read before it is known which verb runs.
"""

from __future__ import annotations

import os

# What each puts around the commands that it runs, as its shell tool showed it (docs/agents.md); Cursor's is from its manual.
AGENT_MARKERS = {
    "CLAUDECODE": "claude-code",
    "CODEX_THREAD_ID": "codex",
    "CODEX_SANDBOX": "codex",
    "GEMINI_CLI": "gemini-cli",
    "QWEN_CODE": "qwen-code",
    "COPILOT_CLI": "copilot-cli",
    "CURSOR_AGENT": "cursor",
    "OPENCODE": "opencode",
}
# MEM_SESSION is for agents that export no session of their own, and for scripts.
SESSION_VARIABLES = (
    "MEM_SESSION", "CLAUDE_CODE_SESSION_ID", "CODEX_SESSION_ID", "GEMINI_SESSION_ID", "QWEN_CODE_SESSION_ID",
    "COPILOT_AGENT_SESSION_ID",
)  # fmt: skip
MAX_SESSION = 200
AGENT_VARIABLE = "MEM_AGENT"
"""Names an agent that leaves no marker of its own; `mem mcp` sets it for what it writes."""
MAX_AGENT = 40


def author() -> str:
    """Who is typing, for the journal: the coding agent that marked its environment, else "you"."""
    marked = next((name for marker, name in AGENT_MARKERS.items() if os.environ.get(marker)), "")
    return marked or _agent(os.environ.get(AGENT_VARIABLE, "")) or "you"


def _agent(name: str) -> str:
    """A name that an agent gave itself, as one word; never that of the person."""
    word = "-".join("".join(c if c.isalnum() else " " for c in name[: 2 * MAX_AGENT].lower()).split())[:MAX_AGENT]
    return "an-agent" if word == "you" else word


def session() -> str | None:
    """The agent's session as its environment names it, on one line; None where nothing does."""
    named = next((value for name in SESSION_VARIABLES if (value := os.environ.get(name, "").strip())), "")
    return "".join(c for c in named[:MAX_SESSION] if c.isprintable()) or None
