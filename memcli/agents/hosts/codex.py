"""OpenAI Codex CLI. It refuses a reply with any key that it does not know, and prints an error for plain text at Stop."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, END, ENVELOPE, PROMPT, START, TURN, Host

HOST = Host(
    "codex",
    "Codex",
    events={
        "SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PostCompact": TURN, "PreCompact": COMPACT,
        "SessionEnd": END,
    },
    reply={START: ENVELOPE, PROMPT: ENVELOPE},
    notices=True,
    turn=("turn_id",),
    install={
        "home": ("CODEX_HOME", "~/.codex"),
        "programs": ("codex",),
        "told": "Codex runs no hook that you have not approved: start codex, type /hooks, and trust the ones with `mem hook`",
        "parts": (
            ("merge", "codex/hooks.json", {"user": "{home}/hooks.json", "project": ".codex/hooks.json"}),
            ("merge", "codex/capture.json", {"user": "{home}/hooks.json", "project": ".codex/hooks.json"}, "capture"),
            ("copy", "codex/memcli.rules", {"user": "{home}/rules/memcli.rules"}, "allow"),
            ("copy", "skill/SKILL.md", {
                "user": "~/.agents/skills/memcli/SKILL.md", "project": ".agents/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
