"""VS Code's own agent ("Local"), after its documentation."""

from __future__ import annotations

from memcli.agents.hosts import COMPACT, ENVELOPE, PROMPT, START, TURN, Host

HOST = Host(
    "vscode",
    "VS Code",
    events={"SessionStart": START, "UserPromptSubmit": PROMPT, "Stop": TURN, "PreCompact": COMPACT},
    reply={START: ENVELOPE, PROMPT: ENVELOPE},
    install={
        "home": "~/.vscode",
        "programs": ("code",),
        "parts": (("copy", "vscode/memcli.instructions.md", {"project": ".github/instructions/memcli.instructions.md"}),),
    },
)  # fmt: skip
