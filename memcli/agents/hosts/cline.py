"""Cline, after its documentation. Each reply must say that the task goes on."""

from __future__ import annotations

from memcli.agents.hosts import CLINE, COMPACT, END, PROMPT, START, TURN, Host

_GOES_ON = '{"cancel":false}'

HOST = Host(
    "cline",
    "Cline",
    events={
        "TaskStart": START, "TaskResume": START, "UserPromptSubmit": PROMPT, "TaskComplete": TURN, "TaskCancel": END,
        "PreCompact": COMPACT,
    },
    reply={START: CLINE, PROMPT: CLINE},
    silence={START: _GOES_ON, PROMPT: _GOES_ON, TURN: _GOES_ON, COMPACT: _GOES_ON, END: _GOES_ON},
    session=("taskId",),
    cwd=("workspaceRoots.0",),
    prompt=("userPromptSubmit.prompt",),
    turn=(),
    install={
        "home": "~/.cline",
        "programs": ("cline",),
        "parts": (("copy", "rules/memcli.md", {"project": ".clinerules/memcli.md"}),),
        "manual": ("cline/UserPromptSubmit", "an executable file .clinerules/hooks/UserPromptSubmit, and TaskStart alike"),
    },
)  # fmt: skip
