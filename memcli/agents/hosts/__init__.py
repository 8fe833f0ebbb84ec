"""The coding agents that `mem hook` speaks with: one small file each, which declares and does nothing.

An agent is one file here and its name in NAMES; `load` imports that file alone, since a hook runs before each prompt. What
an agent sends and wants to hear was measured or read in its documentation (docs/agents.md says which). Lean.
"""

from __future__ import annotations

from collections import namedtuple

NAMES = (
    "claude-code", "codex", "gemini-cli", "qwen-code", "copilot-cli", "cursor", "opencode", "vscode", "cline", "windsurf",
    "kiro-cli",
)  # fmt: skip

START, PROMPT, TURN, COMPACT, END = "start", "prompt", "turn", "compact", "end"
"""Our events. *start*: a session begins, or goes on. *prompt*: somebody has written one. *turn*: the agent has answered.
*compact*: what was said is about to be shortened. *end*: the session is over."""

ENVELOPE, FLAT, CURSOR, CLINE, PLAIN = "envelope", "flat", "cursor", "cline", "plain"
"""Shapes of a reply that holds text for the model (`agents.respond` writes them)."""

Host = namedtuple(
    "Host",
    "name label events reply silence session cwd prompt transcript turn loaded_by session_variable notices install",
    defaults=(
        {},
        {},
        ("session_id", "sessionId"),
        ("cwd",),
        ("prompt",),
        ("transcript_path", "transcriptPath"),
        ("prompt_id", "turn_id"),
        (),
        None,
        False,
        None,
    ),
)
Host.__doc__ = """How one agent talks. `events`: the names of its events, to ours; what is not in it is nothing to us.
`reply`: the shape of a reply by our event; where there is none, nothing can be said to the model then. `silence`: what
must be printed by our event when there is nothing to say; "" where it is not in it. `session`, `cwd`, `prompt`,
`transcript`, `turn`: where these lie in what it sends, the first that is there counts ("a.b.0" goes into objects and
lists; `turn` is what one prompt and its answer share). `loaded_by`: (variable, host) of agents that run this one's hooks
as well, known by that variable of the environment, unless `session_variable` says that the session is this agent's own.
`notices`: whether `systemMessage` in a reply at a start is shown to the user. `install`: plain data for `agents.install`."""


def load(name: str) -> Host:
    """The host of that name. Raises KeyError where there is none."""
    if name not in NAMES:
        raise KeyError(name)
    module = __import__(f"{__name__}.{name.replace('-', '_')}", fromlist=("HOST",))
    host: Host = module.HOST
    return host
