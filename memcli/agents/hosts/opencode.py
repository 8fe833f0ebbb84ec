"""opencode, by way of the plugin in hooks/opencode/, which sends flat objects; what its own events look like is
understood too."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, END, FLAT, PROMPT, START, TURN, Host

HOST = Host(
    "opencode",
    "opencode",
    events={
        "session.start": START, "system.transform": START, "chat.message": PROMPT, "session.idle": TURN,
        "event.session.idle": TURN, "session.compacting": COMPACT, "session.end": END,
    },
    reply={START: FLAT, PROMPT: FLAT},
    session=("session_id", "input.sessionID", "input.properties.sessionID"),
    cwd=("cwd", "input.directory"),
    prompt=("prompt", "output.parts"),
    turn=("message_id", "output.message.id"),
    install={
        "home": ("XDG_CONFIG_HOME", "~/.config/opencode", "opencode"),
        "programs": ("opencode",),
        "parts": (
            ("copy", "opencode/memcli.js", {"user": "{home}/plugins/memcli.js", "project": ".opencode/plugins/memcli.js"}),
            ("copy", "skill/SKILL.md", {
                "user": "~/.agents/skills/memcli/SKILL.md", "project": ".agents/skills/memcli/SKILL.md",
            }, "skill"),
        ),
    },
)  # fmt: skip
