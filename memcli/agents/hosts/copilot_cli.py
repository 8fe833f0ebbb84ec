"""GitHub Copilot CLI. Its own hooks come in camelCase, those it loads for Claude Code in PascalCase, both answered flat."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, END, FLAT, PROMPT, START, TURN, Host

HOST = Host(
    "copilot-cli",
    "Copilot CLI",
    events={
        "sessionStart": START, "userPromptSubmitted": PROMPT, "agentStop": TURN, "preCompact": COMPACT, "sessionEnd": END,
        "SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PreCompact": COMPACT, "SessionEnd": END,
    },
    reply={START: FLAT, PROMPT: FLAT},
    session=("sessionId", "session_id"),
    install={
        "home": ("COPILOT_HOME", "~/.copilot"),
        "programs": ("copilot",),
        "parts": (
            ("copy", "copilot-cli/memcli.json", {"user": "{home}/hooks/memcli.json", "project": ".github/hooks/memcli.json"}),
            ("copy", "copilot-cli/memcli.capture.json", {
                "user": "{home}/hooks/memcli.json", "project": ".github/hooks/memcli.json",
            }, "capture"),
            ("copy", "skill/SKILL.md", {
                "user": "~/.agents/skills/memcli/SKILL.md", "project": ".agents/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
