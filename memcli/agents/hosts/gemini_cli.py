"""Gemini CLI. It puts what SessionStart said into the prompts that later events bring (`fence.strip` takes it out),
escapes `<` and `>`, and tells of PreCompress before each call of the model, compressed or not: that is nothing to us.
"""

from __future__ import annotations

from memcli.agents.hosts import END, ENVELOPE, PROMPT, START, TURN, Host

HOST = Host(
    "gemini-cli",
    "Gemini CLI",
    events={"SessionStart": START, "BeforeAgent": PROMPT, "AfterAgent": TURN, "SessionEnd": END},
    reply={START: ENVELOPE, PROMPT: ENVELOPE},
    install={
        "home": "~/.gemini",
        "programs": ("gemini",),
        "switches": {"hooksConfig.enabled": False},
        "parts": (
            ("merge", "gemini-cli/settings.json", {"user": "{home}/settings.json", "project": ".gemini/settings.json"}),
            ("merge", "gemini-cli/capture.json", {
                "user": "{home}/settings.json", "project": ".gemini/settings.json",
            }, "capture"),
            ("copy", "gemini-cli/memcli.toml", {"user": "{home}/policies/memcli.toml"}, "allow"),
            ("copy", "skill/SKILL.md", {
                "user": "~/.agents/skills/memcli/SKILL.md", "project": ".agents/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
