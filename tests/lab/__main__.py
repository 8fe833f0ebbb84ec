"""`python -m tests.lab [AGENT…]`: the trial of each agent that lies in MEM_LAB, as the table of docs/agents.md."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.lab.agents import AGENTS, missing
from tests.lab.trial import Trial, trial

HEADINGS = ("agent", "scope", "nothing before", "brief at the start", "memory at the prompt", "episode kept",
            "nothing after uninstall", "settings as before", "hooks, ms")  # fmt: skip


def main(wanted: list[str]) -> int:
    lab = os.environ.get("MEM_LAB")
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    fine = True
    for agent in AGENTS:
        if wanted and agent.name not in wanted:
            continue
        why = missing(agent, lab)
        if why or lab is None:
            print(f"{agent.name}: not run: {why}", file=sys.stderr)
            continue
        for scope in ("user", "project"):
            with tempfile.TemporaryDirectory(prefix="mem-lab-") as folder:
                try:
                    found = trial(agent, Path(lab), Path(folder), scope=scope)
                except Exception as error:  # the others are tried all the same
                    print(f"{agent.name}, {scope}: {error}", file=sys.stderr)
                    fine = False
                    continue
            print(f"| {' | '.join(row(found))} |", flush=True)
            if not found.fine:
                fine = False
                print(f"{agent.name}, {scope}: {found}", file=sys.stderr)
    return 0 if fine else 1


def row(found: Trial) -> list[str]:
    nothing_before = not (found.before.start or found.before.prompt)
    nothing_after = not (found.after.start or found.after.prompt)
    facts = [
        nothing_before,
        found.installed.start,
        found.installed.prompt,
        found.captured > 0,
        nothing_after,
        found.restored,
    ]
    times = ", ".join(f"{event} {'–'.join(map(str, sorted({min(ms), max(ms)})))}" for event, ms in found.hooks.items())
    return [f"{found.agent} {found.version}", found.scope, *("yes" if fact else "no" for fact in facts), times]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
