"""Kiro CLI, after its documentation: plain text at exit 0 joins the context. It names no session."""

from __future__ import annotations

from memcli.agents.hosts import PLAIN, PROMPT, START, TURN, Host

HOST = Host(
    "kiro-cli",
    "Kiro CLI",
    events={"agentSpawn": START, "userPromptSubmit": PROMPT, "stop": TURN},
    reply={START: PLAIN, PROMPT: PLAIN},
    install={
        "home": "~/.kiro",
        "programs": ("kiro-cli", "kiro"),
        "parts": (
            ("copy", "kiro-cli/memcli.md", {"user": "{home}/steering/memcli.md", "project": ".kiro/steering/memcli.md"}),
        ),
        "manual": ("kiro-cli/agent.json", "the hooks of an agent of yours, in ~/.kiro/agents/"),
    },
)  # fmt: skip
