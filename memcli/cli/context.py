"""The verb context: what an agent is told when it begins, what it would be told at a prompt, and the block in AGENTS.md."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Annotated

import typer

from memcli import caller, layout
from memcli.agents import block, brief, work
from memcli.agents.brief import Brief
from memcli.agents.install import files, targets
from memcli.agents.install.files import Change
from memcli.agents.notes import Note
from memcli.agents.told import Told, told, without_block
from memcli.agents.work import Work
from memcli.cli import prompted
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, invocation
from memcli.errors import SettingsRefused, UsageError
from memcli.guard.hidden import one_line
from memcli.places import Place, small_text
from memcli.recall import refresh
from memcli.text import plural

NAME, CLAUDE = "AGENTS.md", "CLAUDE.md"
SMALLEST, LARGEST = 200, 100_000
MEMORIES = 2000  # characters that memories may take in a file that every session reads
LINE = 160
TURNS = ("preference", "decision", "lesson", "procedure", "decision", "fact", "other")
"""What lasts: no sessions, and no difference between what changed lately and what did not."""


def context(
    ctx: typer.Context,
    file: Annotated[str | None, typer.Argument(help="The file for --write and --remove; else AGENTS.md.")] = None,
    budget: Annotated[
        int | None, typer.Option(min=SMALLEST, max=LARGEST, help="At most this many characters.", show_default="4000")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="What would be put before an agent at this prompt (`-`: stdin).")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, of each memory that was considered.")] = False,
    agents_md: Annotated[bool, typer.Option("--agents-md", help="Print the block for AGENTS.md.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the block into the file.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the block out of the file.")] = False,
    memories: Annotated[
        bool, typer.Option("--memories", help="With the memories that last, from those you share.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Private memories as well.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the block even where it was edited by hand.")
    ] = False,
) -> int:
    """Show what an agent is told when it begins to work here. An empty store says nothing.

    Example: mem context --budget 2000
    """
    if prompt is not None:
        return prompted.run(invocation(ctx), prompt, explain=explain)
    if explain:
        raise UsageError("there is nothing to explain without a prompt", hint='mem context --prompt "…" --explain')
    if agents_md or write or remove:
        path = _target(file)
        if remove:
            return _remove(ctx, path, force)
        text = _block(ctx, path, budget or MEMORIES, memories=memories, private=private)
        if write:
            return _write(ctx, path, text, force)
        printed = block.put(None, text).decode()
        if not any_json(ctx, {"text": printed}):
            print(printed, end="")
        return 0
    if file is not None or memories or private or force:
        raise UsageError("that belongs to the block for AGENTS.md", hint="mem context --agents-md --write")
    _show(ctx, _brief(_current(ctx), budget or brief.BUDGET), budget or brief.BUDGET)
    return 0


def _current(ctx: typer.Context) -> list[Place]:
    """The stores of this invocation, their indexes up to date."""
    found = [place for place in places(invocation(ctx)) if place.exists()]
    for place in found:
        say(*refresh.update(place))
    return found


# --- the brief --------------------------------------------------------------------------------------------------------


def _brief(stores: list[Place], budget: int) -> Brief:
    agent = caller.author()
    return brief.compose(
        stores, here=os.getcwd(), now=time.time(), budget=budget, agent=None if agent == "you" else agent
    )


def _show(ctx: typer.Context, made: Brief, budget: int) -> None:
    kinds = {name: kind for kind, names in made.sections.items() for name in names}
    shown = [{"id": name, "store": place.label, "kind": kinds[name]} for place, name in made.shown]
    as_json = {
        "text": made.text, "chars": len(made.text), "budget": budget, "ids": [row["id"] for row in shown],
        "sections": made.sections, "memories": shown, "left": made.left, "told": made.told,
    }  # fmt: skip
    if any_json(ctx, as_json):
        return
    if made.text:
        print(made.text)
    if sys.stdout.isatty():
        say(_summary(made, budget))


def _summary(made: Brief, budget: int) -> str:
    if not made.text and made.told:
        return f"nothing that the agent's instruction files do not say: {plural(made.told, 'memory')} of theirs"
    if not made.text:
        return 'nothing to tell an agent yet: mem add "something worth keeping"'
    more = f" · {made.left:,} more that may be told: mem recall, or --budget {2 * budget}" if made.left else ""
    return f"{plural(len(made.lines), 'memory')}, {len(made.text):,} of {budget:,} characters{more}"


# --- the block --------------------------------------------------------------------------------------------------------


def _target(file: str | None) -> str:
    """The file that holds the block: not CLAUDE.md where that reads AGENTS.md, lest an agent read it twice.

    A link is followed only from one of the two names to the other. Raises SettingsRefused for any other link.
    """
    here = os.getcwd()
    path = os.path.abspath(file) if file else os.path.join(work.repository(here) or here, NAME)
    if not os.path.islink(path):
        return os.path.join(os.path.dirname(path), NAME) if _imports(path) else path
    real = os.path.realpath(path)
    if os.path.basename(real) == NAME and os.path.dirname(real) == os.path.realpath(os.path.dirname(path)):
        return real
    raise SettingsRefused(
        f"{file or NAME} is a symbolic link", hint=f"mem context --agents-md --write {one_line(real)}"
    )


def _imports(path: str) -> bool:
    """Whether a file is a CLAUDE.md that reads the AGENTS.md beside it."""
    return os.path.basename(path) == CLAUDE and re.search(rf"(?:^|\s)@(?:\./)?{NAME}\b", small_text(path)) is not None


def _block(ctx: typer.Context, path: str, room: int, *, memories: bool, private: bool) -> str:
    """The text of the block: how to use `mem`, and the memories that last, if they are asked for."""
    text = targets.source("rules/memcli.md").strip("\n")
    if not memories:
        return text
    stores = _current(ctx)
    shared = {place.folder for place in stores if place.label == "project" and layout.is_shared(place)}

    def lasts(note: Note, _: bool) -> bool:
        place, document = note.source.place, note.document
        is_shared = place.folder in shared and not document.path.startswith("local/")
        return document.type != "episode" and (private or is_shared)

    here = os.path.dirname(path)
    known = Told([text, *map(without_block, told(here, work.repository(here)))])
    made = brief.chosen(
        stores, now=time.time(), room=room, longest=LINE, at_work=Work(frozenset(), (), ()), known=known, let_in=lasts,
        turns=TURNS, lasting=True,
    )  # fmt: skip
    if not made.lines:
        hint = "those of a private store, and of your own, only with --private" if not private else "mem add …"
        say(f"there is no memory to put into {os.path.basename(path)}", f"try: {hint}")
        return text
    return "\n".join([text, "", "What lasts (`mem show ID` for more):", "", *made.lines])


def _write(ctx: typer.Context, path: str, text: str, force: bool) -> int:
    found = files.look(path, [os.path.dirname(path)])
    after = block.put(found.data, text, force=force)
    code = _change(ctx, Change(found.path, found.data, after, found.mode), "written")
    beside = os.path.join(os.path.dirname(path), CLAUDE)
    if (
        os.path.basename(path) == NAME
        and os.path.isfile(beside)
        and not os.path.islink(beside)
        and not _imports(beside)
    ):
        say(f"{CLAUDE} does not read {NAME}, so Claude Code will not: add a line @{NAME} to it")
    return code


def _remove(ctx: typer.Context, path: str, force: bool) -> int:
    found = files.look(path, [os.path.dirname(path)])
    after = block.take(found.data, force=force) if found.data is not None else None
    return _change(ctx, Change(found.path, found.data, after, found.mode), "taken out")


def _change(ctx: typer.Context, change: Change, done: str) -> int:
    changed = change.after != change.before
    if changed:
        files.write(change)
    shown = os.path.relpath(change.path)
    if not any_json(ctx, {"path": shown, "changed": changed}):
        print(f"{one_line(shown)}: {f'block {done}' if changed else 'nothing to change'}")
    return 0
