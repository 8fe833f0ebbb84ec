"""Qwen Code: Claude's names of events, Gemini's manners. After each answer of a tool it sends an empty prompt."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, END, ENVELOPE, PROMPT, START, TURN, Host

HOST = Host(
    "qwen-code",
    "Qwen Code",
    events={
        "SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PreCompact": COMPACT, "SessionEnd": END,
    },
    reply={START: ENVELOPE, PROMPT: ENVELOPE},
    install={
        "home": "~/.qwen",
        "programs": ("qwen",),
        "switches": {"disableAllHooks": True},
        "parts": (
            ("merge", "qwen-code/settings.json", {"user": "{home}/settings.json", "project": ".qwen/settings.json"}),
            ("merge", "qwen-code/capture.json", {"user": "{home}/settings.json", "project": ".qwen/settings.json"}, "capture"),
            ("merge", "qwen-code/allow.json", {"user": "{home}/settings.json", "project": ".qwen/settings.json"}, "allow"),
            ("copy", "skill/SKILL.md", {
                "user": "~/.agents/skills/memcli/SKILL.md", "project": ".agents/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
