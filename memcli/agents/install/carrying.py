"""Doing what was asked for: which agents and scopes are meant, a plan for each, and carrying it out.

One agent that refuses keeps none of the others back; what came of each is told in its `Done`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from memcli import config
from memcli.agents.install import command, githooks, manifest, plans, targets
from memcli.agents.install.plans import Plan, Wish
from memcli.agents.install.targets import GIT, Agent
from memcli.errors import MemError, SettingsRefused, UsageError

ALL = "all"


class Done(NamedTuple):
    """What came of one agent: the plan that was made and carried out, or why not."""

    agent: str
    scope: str
    plan: Plan | None
    error: MemError | None = None


def wish(*, capture: bool = False, allow: bool = False, skill: bool = False, force: bool = False) -> Wish:
    """What is to be installed, with the command of this installation. Raises SettingsRefused where there is none that lasts.

    Sessions are captured where this is asked for, or was before (setting `capture`).
    """
    captured = capture or bool(config.load().number("capture"))
    return Wish("user", project(), command.stable(force=force), captured, allow, skill, force)


def bare_wish(*, capture: bool = False, allow: bool = False, skill: bool = False, force: bool = False) -> Wish:
    """The same for removing and for showing: with a plain `mem` where no installed one lasts."""
    try:
        program = command.stable()
    except SettingsRefused:
        program = command.PLAIN
    return Wish("user", project(), program, capture, allow, skill, force)


def carry_out(
    chosen: list[tuple[str, str]], wanted: Wish, *, dry_run: bool = False, remove: bool = False, secrets: bool = False
) -> list[Done]:
    """Plan for each agent and scope and, but for a dry run, do it."""
    done = []
    for name, scope in chosen:
        one = wanted._replace(scope=scope)
        try:
            if dry_run:
                plan = _plan(name, one, manifest.Manifest(), remove=remove, secrets=secrets)
            else:
                with manifest.opened() as known:
                    plan = _plan(name, one, known, remove=remove, secrets=secrets)
                    plan.apply(known)
            done.append(Done(name, scope, plan))
        except MemError as error:
            done.append(Done(name, scope, None, error))
    return done


def _plan(name: str, wanted: Wish, known: manifest.Manifest, *, remove: bool, secrets: bool) -> Plan:
    if name == GIT:
        return githooks.removal(wanted, known) if remove else githooks.plan(wanted, known, secrets=secrets)
    agent = targets.load(name)
    return plans.removal(agent, wanted, known) if remove else plans.plan(agent, wanted, known)


def chosen(names: list[str] | None, scope: str | None, *, every: bool = False) -> list[tuple[str, str]]:
    """(agent, scope) of what is meant: without names the agents that are here, or with `every` all that there are.

    Without a scope it is the user's, where an agent has such a place. Raises UsageError.
    """
    if scope is not None and scope not in targets.SCOPES:
        raise UsageError(f"there is no scope {scope!r}", hint=f"--scope {'|'.join(targets.SCOPES)}")
    if names and ALL not in names:
        return [(name, scope or _first_scope(name)) for name in checked(names)]
    agents = [targets.load(name) for name in targets.NAMES] if every else targets.detected(scope or "user")
    found = [(agent.name, scope or "user") for agent in agents if (scope or "user") in agent.scopes]
    if not found:
        raise UsageError(
            "no coding agent was found here", hint=f"mem hooks install --agent {'|'.join(targets.NAMES[:5])}|…"
        )
    return found


def unhooked() -> list[Agent]:
    """The agents that are here and have nothing of ours, neither for the user nor in this project."""
    here = project()
    records = manifest.Manifest().records.values()
    owners = {owner.partition(" ")[0] for record in records for owner in record.owners}
    return [
        agent
        for agent in targets.detected()
        if agent.name not in owners
        and not any(next(plans.installed(agent, scope, here), None) for scope in agent.scopes)
    ]


def checked(names: list[str]) -> list[str]:
    """The names, all of which are agents or git. Raises UsageError."""
    for name in names:
        if name not in (GIT, ALL):
            targets.load(name)
    return list(targets.NAMES) if ALL in names else names


def _first_scope(name: str) -> str:
    scopes = ("project",) if name == GIT else targets.load(name).scopes
    return scopes[0] if scopes else "user"


def project() -> str:
    """The folder that holds a project's own settings: the root of the repository, else the working directory."""
    try:
        here = folder = os.getcwd()
    except FileNotFoundError:
        raise UsageError("the working directory is gone", hint="cd, and repeat it") from None
    while folder != os.path.dirname(folder):
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        folder = os.path.dirname(folder)
    return here
