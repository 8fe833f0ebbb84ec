"""Cursor. A session's start is the only event that can bring text to the model; a prompt must be let through in words.

It names no working directory but its workspaces, and sends the user's mail address, which nobody here reads.
"""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, CURSOR, END, PROMPT, START, TURN, Host

HOST = Host(
    "cursor",
    "Cursor",
    events={
        "sessionStart": START, "beforeSubmitPrompt": PROMPT, "afterAgentResponse": TURN, "stop": TURN,
        "preCompact": COMPACT, "sessionEnd": END,
        "SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PreCompact": COMPACT, "SessionEnd": END,
    },
    reply={START: CURSOR},
    silence={PROMPT: '{"continue":true}'},
    session=("conversation_id", "session_id"),
    cwd=("cwd", "workspace_roots.0"),
    turn=("generation_id",),
    install={
        "home": "~/.cursor",
        "programs": ("cursor", "cursor-agent"),
        "parts": (
            ("merge", "cursor/hooks.json", {"user": "{home}/hooks.json", "project": ".cursor/hooks.json"}),
            ("merge", "cursor/capture.json", {"user": "{home}/hooks.json", "project": ".cursor/hooks.json"}, "capture"),
            ("copy", "cursor/memcli.mdc", {"project": ".cursor/rules/memcli.mdc"}),
        ),
    },
)  # fmt: skip
