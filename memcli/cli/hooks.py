"""`mem hooks`: install into coding agents and into git, take it out again, see whether it works, hold it for a while."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memcli import config
from memcli.agents.install import targets
from memcli.cli import terminal
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, invocation
from memcli.errors import SettingsRefused, StoreMissing, UsageError
from memcli.guard.hidden import printable
from memcli.places import private_dir, user_dir

if TYPE_CHECKING:
    from memcli.agents.install.carrying import Done
    from memcli.agents.install.check import Status
    from memcli.agents.install.plans import Plan

app = typer.Typer(
    help="Hooks in coding agents and in git: install, uninstall, status, print, pause.", no_args_is_help=True
)

_Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent", help="Which agent, or git, or all. May be repeated; without it, those that are found here."
    ),
]
_Scope = Annotated[
    str | None, typer.Option("--scope", help="user (all your projects, the default), project (shared in it), or local.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference; write nothing.")]
_Force = Annotated[bool, typer.Option("--force", help="Also from a temporary place, and over changed files of ours.")]
_Capture = Annotated[bool, typer.Option("--capture", help="Also keep your sessions, from now on (setting `capture`).")]
_Allow = Annotated[bool, typer.Option("--allow", help="Also let the agent run mem recall, show and add unasked.")]
_Skill = Annotated[bool, typer.Option("--skill", help="Also the skill that tells an agent how to use mem.")]
_Secrets = Annotated[bool, typer.Option("--secrets", help="With git: also stop commits of secrets in memories.")]


@app.command("install")
def install(
    ctx: typer.Context,
    agent: _Agents = None,
    scope: _Scope = None,
    dry_run: _DryRun = False,
    capture: _Capture = False,
    allow: _Allow = False,
    skill: _Skill = False,
    warm: Annotated[bool, typer.Option("--warm", help="Also start the watcher when an agent needs it.")] = False,
    secrets: _Secrets = False,
    force: _Force = False,
) -> int:
    """Have agents ask mem when a session starts and at each prompt; safe to repeat.

    Example: mem hooks install --agent claude-code --dry-run
    """
    from memcli.agents.install import carrying

    chosen = carrying.chosen(agent, scope)
    wish = carrying.wish(capture=capture, allow=allow, skill=skill, force=force)
    if wish.command.warning:
        say(wish.command.warning)
    done = carrying.carry_out(chosen, wish, dry_run=dry_run, secrets=secrets)
    if not any_json(ctx, [_as_data(one, dry_run=dry_run) for one in done]):
        report(done, dry_run=dry_run)
    if not dry_run:
        _set(warm=warm, capture=capture)
    return _code(done)


def _set(*, warm: bool, capture: bool) -> None:
    """The settings of the user that were asked for with an installation."""
    if warm:
        config.set_value("watch.autostart", "1")
        say(
            "set for you: watch.autostart 1 (a recall that finds no warm server starts one; mem config unset watch.autostart)"
        )
    if capture:
        config.set_value("capture", "1")
        say("set for you: capture 1 (sessions are kept in .mem/local, never committed; mem config unset capture)")


@app.command("uninstall")
def uninstall(
    ctx: typer.Context, agent: _Agents = None, scope: _Scope = None, dry_run: _DryRun = False, force: _Force = False
) -> int:
    """Take it all out again; a file that nobody else changed since gets its bytes back.

    Example: mem hooks uninstall --agent claude-code
    """
    from memcli.agents.install import carrying

    chosen = carrying.chosen(agent, scope, every=True)
    done = carrying.carry_out(chosen, carrying.bare_wish(force=force), dry_run=dry_run, remove=True)
    told = [one for one in done if agent or one.error or (one.plan and one.plan.changes)]
    if not any_json(ctx, [_as_data(one, dry_run=dry_run) for one in told]):
        report(told, dry_run=dry_run, remove=True)
    return _code(done)


@app.command("status")
def status(ctx: typer.Context, agent: _Agents = None) -> int:
    """What is installed, and whether it works: each command is run with a recorded payload. Exits 1 when one does not.

    Example: mem hooks status
    """
    from memcli.agents.install import carrying, check

    names = carrying.checked(agent) if agent else [*targets.NAMES, targets.GIT]
    wanted = carrying.bare_wish()
    agents = [targets.load(name) for name in names if name != targets.GIT]
    found = list(check.statuses(agents, wanted.project, os.getcwd(), wanted.command))
    found += check.of_git(wanted.project) if targets.GIT in names else []
    paused = os.path.exists(_pause_file())
    rest = [one for one in carrying.unhooked() if one.name in names]
    shown = [{**one._asdict(), "ok": one.problem is None} for one in found]
    if not any_json(ctx, {"paused": paused, "hooks": shown, "unhooked": [one.name for one in rest]}):
        _print_statuses(found, paused=paused)
        for one in rest:
            say(f"{one.label} is here and has nothing of mem: mem hooks install --agent {one.name}")
    return 1 if any(one.problem for one in found) else 0


@app.command("print")
def print_(
    ctx: typer.Context,
    agent: _Agents = None,
    scope: _Scope = None,
    capture: _Capture = False,
    allow: _Allow = False,
    skill: _Skill = False,
    secrets: _Secrets = False,
) -> None:
    """Print what would be installed, for those who write their settings themselves.

    Example: mem hooks print --agent codex
    """
    if not agent:
        raise UsageError("say for which agent", hint=f"mem hooks print --agent {targets.NAMES[0]}")
    from memcli.agents.install import carrying, githooks, plans

    wish = carrying.bare_wish(capture=capture, allow=allow, skill=skill)
    shown = []
    for name, where in carrying.chosen(agent, scope):
        if name == targets.GIT:
            shown += githooks.snippets(wish.project, wish, secrets=secrets)
        else:
            shown += plans.snippets(targets.load(name), wish._replace(scope=where))
    if any_json(ctx, [{"path": path, "text": text} for path, text in shown]):
        return
    for path, text in shown:
        say(f"in {_short(path)}:")
        print(printable(text).rstrip("\n"))


@app.command("pause")
def pause(
    ctx: typer.Context, here: Annotated[bool, typer.Option("--here", help="Only in this project.")] = False
) -> None:
    """Have every hook say and do nothing, until `mem hooks resume`.

    Example: mem hooks pause
    """
    path = _no_hooks_file(ctx) if here else _pause_file()
    private_dir(os.path.dirname(path))
    with open(path, "a", encoding="utf-8"):
        pass
    if not any_json(ctx, {"paused": True, "file": path}):
        print(f"paused {'in this project' if here else 'everywhere'}: mem hooks resume{' --here' if here else ''}")


@app.command("resume")
def resume(
    ctx: typer.Context, here: Annotated[bool, typer.Option("--here", help="Only in this project.")] = False
) -> None:
    """Let hooks speak again.

    Example: mem hooks resume
    """
    path = _no_hooks_file(ctx) if here else _pause_file()
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    if not any_json(ctx, {"paused": False, "file": path}):
        print("hooks speak again")


# --- telling ----------------------------------------------------------------------------------------------------------


def summary() -> str:
    """What is installed, for `mem status`; "" where nothing is."""
    from memcli.agents.install.manifest import Manifest

    owners = {owner.partition(" ")[0] for record in Manifest().records.values() for owner in record.owners}
    if not owners:
        return ""
    paused = "paused: mem hooks resume" if os.path.exists(_pause_file()) else "mem hooks status tries them"
    return f"{', '.join(sorted(owners))} ({paused})"


def _pause_file() -> str:
    from memcli.agents.respond import PAUSED

    return os.path.join(user_dir("state"), PAUSED)


def _no_hooks_file(ctx: typer.Context) -> str:
    from memcli.agents.respond import NO_HOOKS

    place = places(invocation(ctx))[0]
    if not place.exists():
        raise StoreMissing("there is no store here", hint="mem hooks pause")
    return os.path.join(place.folder, NO_HOOKS)


def _code(done: list[Done]) -> int:
    return next((one.error.exit_code for one in done if one.error), 0)


def report(done: list[Done], *, dry_run: bool = False, remove: bool = False) -> None:
    """Tell a person what was done, and what could not be."""
    for one in done:
        if one.error:
            _tell_refusal(one)
        elif one.plan is not None:
            _tell(one.plan, dry_run=dry_run, remove=remove)
    if remove and not done:
        print("nothing of mem's is installed there")


def _as_data(one: Done, *, dry_run: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"agent": one.agent, "scope": one.scope}
    if one.plan is not None:
        data |= {"changed": bool(one.plan.changes), "files": [change.path for change in one.plan.changes]}
        data |= {"notes": one.plan.notes, **({"diff": one.plan.diff()} if dry_run else {})}
    if one.error is not None:
        data |= {"error": type(one.error).__name__, "message": one.error.message, "hint": one.error.hint}
        data |= {"path": one.error.path, "snippet": one.error.snippet} if isinstance(one.error, SettingsRefused) else {}
    return data


def _short(path: str) -> str:
    home = os.path.expanduser("~") + os.sep
    return f"~{os.sep}{path.removeprefix(home)}" if path.startswith(home) else path


def _tell(plan: Plan, *, dry_run: bool, remove: bool) -> None:
    if dry_run:
        print(printable(plan.diff()), end="")
    verb = ("would be " if dry_run else "") + ("removed" if remove else "installed")
    for change in plan.changes:
        print(f"{plan.agent}  {verb}  {_short(change.path)}")
    if not plan.changes:
        print(f"{plan.agent}  {'nothing of mem is there' if remove else 'already installed'}  ({plan.scope})")
    for note in plan.notes:
        say(f"{plan.agent}: {note}")


def _tell_refusal(one: Done) -> None:
    error = one.error
    assert error is not None
    say(f"{one.agent}: {error.message}")
    if isinstance(error, SettingsRefused) and error.snippet:
        say(f"to do it by hand, put this into {_short(error.path)}:")
        say(*error.snippet.rstrip("\n").split("\n"))
    if error.hint:
        say(f"try: {error.hint}")


def _print_statuses(found: list[Status], *, paused: bool) -> None:
    if paused:
        say("paused everywhere: mem hooks resume")
    if not found:
        say("nothing is installed: mem hooks install")
    rows = [
        (
            one.agent, one.scope, _short(one.file), " ".join(one.events) or "rules",
            "" if one.ms is None else f"{one.ms:.0f} ms", "" if one.bytes is None else f"{one.bytes:,} B", one.problem or "ok",
        )
        for one in found
    ]  # fmt: skip
    terminal.table(("agent", "scope", "file", "hooks", "time", "said", "state"), rows)
    for name in dict.fromkeys(one.agent for one in found if one.agent in targets.NAMES):
        if told := targets.load(name).told:
            say(told)
    doubled = [one.agent for one in found if one.events and one.scope == "user" and any(
        other.agent == one.agent and other.scope != "user" and other.events for other in found
    )]  # fmt: skip
    for name in doubled:
        say(f"{name} has them for you and in this project: each event runs both, and one of them says nothing")
