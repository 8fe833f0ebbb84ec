"""`mem hook git EVENT …`: after a commit, merge or checkout the memories that it changed are indexed, so that the next recall
or hook need not do it. Runs in the background (hooks/git/), where nobody waits and nobody reads what it says.
"""

from __future__ import annotations

import os

from memcli.places import project_chain
from memcli.recall import refresh
from memcli.trust import gitevents

EVENTS = ("post-commit", "post-merge", "post-checkout")
_GOING_ON = ("rebase-merge", "rebase-apply")  # folders of git while a rebase goes through many commits


def hook(event: str, arguments: list[str]) -> None:
    """What there is to do after an event of git in the working directory; for unknown events, nothing."""
    if event not in EVENTS or _moved_nothing(event, arguments) or _is_rebasing():
        return
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]  # they speak of this repository, and other stores may lie in others
    if event == "post-commit":
        gitevents.committed(os.getcwd())  # before an index takes what git has by now for somebody else's
    for place in project_chain(os.getcwd()):
        if place.exists():
            refresh.update(place, embed_at_most=refresh.EMBED_AT_ONCE)


def _moved_nothing(event: str, arguments: list[str]) -> bool:
    """Whether this is a checkout that only made a branch: the same commit before and after."""
    return event == "post-checkout" and len(arguments) == 3 and arguments[0] == arguments[1] and arguments[2] == "1"


def _is_rebasing() -> bool:
    """Whether more commits will follow at once; the last thing that a rebase does is a checkout of its own."""
    folder = os.environ.get("GIT_DIR") or ".git"
    return any(os.path.isdir(os.path.join(folder, name)) for name in _GOING_ON)
