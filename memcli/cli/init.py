"""`mem init`: a store for this folder, and the offers that make it useful within minutes.

Nothing beyond the store happens unasked: a person at a terminal is asked, `--yes` takes all offers, and everybody else
is told in one line what there would be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from memcli import config
from memcli.agents.install import targets
from memcli.agents.install.targets import Agent
from memcli.cli import hooks, imports, terminal
from memcli.cli.invocation import may_ask, say
from memcli.cli.terminal import any_json, index_now, invocation
from memcli.errors import MemError, UsageError
from memcli.guard.hidden import printable
from memcli.importers import instructions, sessions
from memcli.index import trusting
from memcli.places import at_root, personal
from memcli.store import Store
from memcli.text import plural


class _Offers(NamedTuple):
    """What could be done: agents to hook, past sessions by agent, and instruction files: (path, how many)."""

    agents: list[Agent]
    sessions: list[sessions.Found]
    files: list[tuple[Path, int]]


def init(
    ctx: typer.Context,
    tree_folder: Annotated[
        str | None, typer.Option("--tree", help="Use this folder or vault as the tree, in place.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let tree/ be committed; everything else stays private.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take all that is offered: hooks, capture and imports.")] = False,
) -> None:
    """Make a store for this folder; safe to repeat. Offers to hook the coding agents found, and to import what they kept.

    Example: mem init --shared
    """
    asked = invocation(ctx)
    if not (asked.personal or asked.root) and os.path.realpath(os.getcwd()) == os.path.realpath(
        os.path.expanduser("~")
    ):
        raise UsageError(
            "the memories of your home folder are your personal store", hint="mem -g init, or cd into a project"
        )
    place = personal() if asked.personal else at_root(asked.root or os.getcwd())
    existed = place.exists()
    store = Store.init(place, shared=shared, tree_folder=tree_folder)
    made = {"store": store.place.folder, "tree": store.place.tree, "shared": store.shared, "existed": existed}
    if any_json(ctx, made):
        return
    print(f"{'already there' if existed else 'made'}: {store.place.folder}  {terminal.whose(store.place, store)}")
    if tree_folder:
        print(f"tree: {store.place.tree} (used in place, nothing in it was changed)")
        index_now(store)
        if held := trusting.notice([store.place]):
            say(f"{held} (git brought them here)")
    offers = _look_around(store, fresh=yes or not existed)
    if yes or may_ask(asked):
        _hook(offers.agents, yes=yes)
        _import(ctx, offers, yes=yes)
    elif any(offers):
        say(
            f"found here: {', '.join(_named(offers))}. mem init --yes hooks and imports them; mem hooks install, mem import"
        )


def _look_around(store: Store, *, fresh: bool) -> _Offers:
    """What there is to offer; imports where the store is new, since they were offered then."""
    from memcli.agents.install import carrying

    agents = carrying.unhooked()
    if not fresh or store.place.label != "project":
        return _Offers(agents, [], [])
    home = Path.home()
    files = [
        (path, count) for path, count in instructions.scan(Path(store.place.project), home) if home not in path.parents
    ]
    return _Offers(agents, sessions.found(store.place.project), files)


def _named(offers: _Offers) -> list[str]:
    return [
        *(agent.label for agent in offers.agents),
        *(_sessions(found) for found in offers.sessions),
        *(plural(count, "instruction file") for _, count in offers.files),
    ]


def _sessions(found: sessions.Found) -> str:
    label = targets.load(found.agent).label if found.agent in targets.NAMES else found.agent
    return plural(found.count, f"{label} session")


def _wanted(question: str, *, yes: bool) -> bool:
    return yes or typer.confirm(question, default=False, err=True)


def _hook(agents: list[Agent], *, yes: bool) -> None:
    """Offer to hook each agent, showing what would change; then, once, to keep sessions."""
    from memcli.agents.install import carrying, plans
    from memcli.agents.install.manifest import Manifest

    if not agents:
        return
    try:
        wish = carrying.wish()
    except MemError as error:
        say(f"agents are not hooked: {error.message}", f"try: {error.hint}")
        return
    if wish.command.warning:
        say(wish.command.warning)
    taken = []
    for agent in agents:
        try:
            planned = plans.plan(agent, wish, Manifest())
        except MemError as error:
            say(f"{agent.label} is not hooked: {error.message}")
            continue
        if planned.changes:
            say(*printable(planned.diff()).rstrip("\n").split("\n"))
            if _wanted(f"Hook {agent.label} into mem, as above?", yes=yes):
                taken.append(agent)
    if not taken:
        return
    if not wish.capture and _wanted("Keep your sessions from now on, in private? (setting `capture`)", yes=yes):
        config.set_value("capture", "1")
        wish = wish._replace(capture=True)
    hooks.report(carrying.carry_out([(agent.name, "user") for agent in taken], wish))


def _import(ctx: typer.Context, offers: _Offers, *, yes: bool) -> None:
    """Offer to import past sessions by agent, and instruction files. What fails is told, and keeps nothing else back."""
    found: list[tuple[str, str | None, str]] = [(f"{_sessions(one)} found", None, one.agent) for one in offers.sessions]
    found += [
        (f"{plural(count, 'instruction file')} found", str(path), instructions.NAME) for path, count in offers.files
    ]
    for what, path, format_ in found:
        if _wanted(f"{what}; import?", yes=yes):
            try:
                imports.import_(ctx, path, format_, None, False)
            except MemError as error:
                say(f"not imported: {error.message}", f"try: {error.hint or 'mem import'}")
