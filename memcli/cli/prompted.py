"""`mem context --prompt TEXT`: what would be put before an agent at this prompt, or why nothing would.

The same function decides as for the hooks (`agents.inject`): by meaning and words where the warm server runs, else by words
alone, which is how a hook would be answered now. In an agent's own session, what it was shown already counts as shown.
"""

from __future__ import annotations

import sys
import time

from memcli import caller, config
from memcli.agents import fence, inject, sessions
from memcli.agents.evidence import ENOUGH
from memcli.cli.invocation import Invocation, as_json, places, say
from memcli.errors import NotFound
from memcli.guard.hidden import one_line
from memcli.index import search
from memcli.recall.pipeline import Recall
from memcli.serve import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memcli.agents.inject import Considered, Injection

TITLE = 60


def run(invocation: Invocation, prompt: str, *, explain: bool) -> int:
    """Print the block, or the reason for silence; with `explain`, each memory that was considered and what became of it."""
    text = sys.stdin.read() if prompt == "-" else prompt
    warm = client.status() is not None
    stores = places(invocation)
    with Recall(stores, config.load(stores[0]), lexical=not warm) as recall:
        if not recall.sources:
            raise NotFound("there are no memories here yet", hint='mem add "something worth keeping"')
        chosen = inject.choose(recall, text, now=time.time(), shown=_shown(), explain=explain)
        if invocation.json:
            print(as_json(_as_dict(chosen, warm=warm, explain=explain)))
        else:
            _print(chosen, warm=warm, explain=explain)
    return 0


def _shown() -> frozenset[str]:
    """What the agent's session that this runs in was shown."""
    session = caller.session()
    return sessions.shown(caller.author(), session) if session else frozenset()


def _print(chosen: Injection, *, warm: bool, explain: bool) -> None:
    if chosen.lines:
        print(fence.block(chosen.header, chosen.lines))
    if explain:
        _explain(chosen, warm=warm)
    elif chosen.silent:
        say(f"nothing would be said: {inject.REASONS[chosen.silent]}", "try: --explain")


def _explain(chosen: Injection, *, warm: bool) -> None:
    if chosen.lines:
        print()
    verdict = "says nothing" if chosen.silent else "speaks"
    reason = f": {inject.REASONS[chosen.silent]}" if chosen.silent else ""
    print(f"{verdict}{reason} · sure {chosen.sure:.2f}, {ENOUGH:.2f} is enough")
    for one in chosen.considered:
        document = one.candidate.document
        became = inject.REASONS[one.reason] if one.reason else "put before the agent"
        said = f"{document.speaker}: {document.title}" if document.anchor and document.speaker else document.title
        short = search.short_id(one.candidate.source.connection, document.name)
        print(f"  {short}  {document.type:<10}  {one_line(said, TITLE):<{TITLE}}  {became}")
    print("by meaning and words" if warm else "by words alone, since no server runs (mem watch)")


def _as_dict(chosen: Injection, *, warm: bool, explain: bool) -> dict[str, object]:
    text = fence.block(chosen.header, chosen.lines) if chosen.lines else ""
    shown: dict[str, object] = {
        "text": text, "chars": len(text), "silent": chosen.silent, "sure": round(chosen.sure, 4), "enough": ENOUGH,
        "warm": warm, "ids": [key for key, _ in chosen.shown],
    }  # fmt: skip
    if explain:
        shown["considered"] = [_row(one) for one in chosen.considered]
    return shown


def _row(one: Considered) -> dict[str, object]:
    document = one.candidate.document
    return {
        "id": document.name, "anchor": document.anchor, "type": document.type, "title": document.title,
        "score": round(one.candidate.score, 4), "reason": one.reason,
    }  # fmt: skip
