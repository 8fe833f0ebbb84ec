"""Claude Code. What it loads from `.claude/settings.json`, Copilot and Cursor load too."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, END, ENVELOPE, PROMPT, START, TURN, Host

HOST = Host(
    "claude-code",
    "Claude Code",
    events={
        "SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PostCompact": TURN, "PreCompact": COMPACT,
        "SessionEnd": END,
    },
    reply={START: ENVELOPE, PROMPT: ENVELOPE},
    notices=True,
    loaded_by=(("COPILOT_CLI", "copilot-cli"), ("CURSOR_VERSION", "cursor")),
    session_variable="CLAUDE_CODE_SESSION_ID",
    install={
        "home": ("CLAUDE_CONFIG_DIR", "~/.claude"),
        "programs": ("claude",),
        "switches": {"disableAllHooks": True},
        "parts": (
            ("merge", "claude-code/settings.json", {
                "user": "{home}/settings.json", "project": ".claude/settings.json", "local": ".claude/settings.local.json",
            }),
            ("merge", "claude-code/capture.json", {
                "user": "{home}/settings.json", "project": ".claude/settings.json", "local": ".claude/settings.local.json",
            }, "capture"),
            ("merge", "claude-code/allow.json", {
                "user": "{home}/settings.json", "project": ".claude/settings.json", "local": ".claude/settings.local.json",
            }, "allow"),
            ("copy", "skill/SKILL.md", {
                "user": "{home}/skills/memcli/SKILL.md", "project": ".claude/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
