"""Windsurf (Cascade), after its documentation. Nothing can be said to its model; a rule file says what `mem` is."""

from __future__ import annotations

from memcli.agents.hosts import PROMPT, TURN, Host

HOST = Host(
    "windsurf",
    "Windsurf",
    events={"pre_user_prompt": PROMPT, "post_cascade_response": TURN},
    session=("trajectory_id",),
    prompt=("tool_info.user_prompt",),
    turn=("execution_id",),
    install={
        "home": "~/.codeium/windsurf",
        "programs": ("windsurf",),
        "parts": (("copy", "rules/memcli.md", {"project": ".windsurf/rules/memcli.md"}),),
    },
)  # fmt: skip
