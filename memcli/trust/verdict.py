"""How a memory's text came to be here, and whether it may be put before an agent unasked.

Lean: imported by every hook.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.index.search import Document

YOURS, AGENT, TRUSTED = "yours", "agent", "trusted"
HELD, QUARANTINED = "held", "quarantined"
SPEAK = frozenset((YOURS, AGENT, TRUSTED))
"""yours        typed, edited or imported by this user
agent        written through `mem` by an agent of theirs
trusted      brought by somebody else, and accepted with `mem trust`
held         brought by somebody else, or nobody can tell
quarantined  reads as if it were written to command an agent; `mem review` asks about it"""


def may_speak(document: Document) -> bool:
    """Whether a memory may be put before an agent unasked. An explicit recall shows every memory, and marks these."""
    return document.trust in SPEAK


def who_said(document: Document) -> str:
    """Who a memory comes from, in a word for an agent: a turn's speaker, the agent that wrote it, "repository", else "user".

    What a repository brought says of itself who wrote it, so that is not repeated.
    """
    if document.trust == TRUSTED:
        return "repository"
    return str(document.speaker or (document.source or "").partition("/")[0]).strip()[:24] or "user"


def mark(trust: str) -> str | None:
    """What a reader of a result should know of where it came from; None for what speaks."""
    if trust == HELD:
        return "held: not yours; mem trust"
    return "quarantined: mem review" if trust == QUARANTINED else None
