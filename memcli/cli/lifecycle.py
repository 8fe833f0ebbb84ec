"""Verbs about how memories age: feedback, gc; and what status and show draw of it."""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from typing import Annotated

import typer

from memcli.cli import plots, terminal
from memcli.cli.invocation import say
from memcli.cli.terminal import any_json, find, stamp, writable
from memcli.cli.write import Wanted
from memcli.errors import UsageError
from memcli.guard.hidden import one_line
from memcli.lifecycle import consolidation, exposure, fade, standing, strength, tiers
from memcli.lifecycle.consolidation import Tidied
from memcli.lifecycle.fade import Move
from memcli.lifecycle.standing import Standing, Survey
from memcli.lifecycle.strength import State
from memcli.lifecycle.topics import BrokenLink
from memcli.store import Store
from memcli.text import plural

SHOWN_TO_AGENT = "shown"
SHOWN = 20  # moves of each kind that the table of `mem gc` has room for
BROKEN = 5  # broken links that gc names
AHEAD = 90  # days that a curve looks ahead
PLOT_HEIGHT = 8


def feedback(
    ctx: typer.Context,
    wanted: Wanted,
    useful: Annotated[bool, typer.Option("--useful", help="It helped: it lasts longer.")] = False,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="It was wrong: it no longer speaks by itself until it is mended.")
    ] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="It still holds.")] = False,
    shown: Annotated[
        bool, typer.Option("--shown", help="It was put before an agent; counted, and moves nothing.")
    ] = False,
) -> None:
    """Say how a memory did. Being found or shown is no use; being useful is.

    Example: mem feedback k7q9 --useful
    """
    chosen = [
        word
        for word, given in (
            (strength.USEFUL, useful), (strength.WRONG, wrong), (strength.CONFIRMED, confirm), (SHOWN_TO_AGENT, shown),
        )
        if given
    ]  # fmt: skip
    if len(chosen) != 1:
        raise UsageError(
            "say one of --useful, --wrong, --confirm and --shown", hint=f"mem feedback {one_line(wanted, 40)} --useful"
        )
    store, target = find(ctx, wanted)
    if shown:
        exposure.note(store.place, [target.id], time.time())
        any_json(ctx, {"id": target.id, "feedback": SHOWN_TO_AGENT})
        return
    one = fade.give_feedback(store.place, store.config, target.id, chosen[0], stamp())
    terminal.index_now(store, [target.path])
    said = {"id": target.id, "feedback": chosen[0], **(state_dict(one.state, one.tier) if one else {})}
    if not any_json(ctx, said):
        tail = f"  {one.tier}, strength {one.state.strength:.0f} days" if one else ""
        print(f"{target.id[:4]}  {one_line(target.title, 60)}: {chosen[0]}{tail}")
        if wrong:
            say(f"mend it: mem edit {target.id[:4]} · it holds after all: mem feedback {target.id[:4]} --confirm")


def gc(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fade even where the clock or the tree looks wrong, or half would go.")
    ] = False,
) -> None:
    """Let unused memories fade, propose what to tidy, and make digests. Nothing is deleted; mem undo takes a fading back.

    Faded memories take less room and no longer come before an agent by themselves; recall still finds them.

    Example: mem gc --dry-run
    """
    store = writable(ctx)
    if not dry_run:
        terminal.index_now(store)
    planned = fade.plan(store.place, store.config, stamp().day)
    moves = planned.moves
    if not dry_run:
        moves = fade.carry_out(store.place, planned, stamp(), force=force)
        terminal.index_now(store)
    refused = planned.refused if not force else None
    standings = planned.found.standings
    archived = [one.known.id for one in standings if one.tier == tiers.ARCHIVED]
    uses = {one.known.id: one.state.uses for one in standings}
    with terminal.progress("looking for what to tidy") as advance:
        tidied = consolidation.consolidate(
            store.place, now=time.time(), uses=uses, without=archived, dry_run=dry_run, progress=advance
        )
    shown = {
        "dry_run": dry_run,
        "refused": refused,
        "moves": [_move_dict(move) for move in moves],
        "population": planned.population if not refused else None,
        "proposals": [{"kind": draft.kind, "about": [one.id for one in draft.about], "reason": one_line(draft.reason)}
                      for draft in tidied.drafts],
        "digests": {"made": len(tidied.digests.made), "kept": len(tidied.digests.kept), "removed": len(tidied.digests.removed)},
        "orphans": len(tidied.links.orphans),
        "broken_links": [_broken_dict(store, one) for one in tidied.links.broken],
    }  # fmt: skip
    if any_json(ctx, shown):
        return
    _print_moves(moves)
    if refused:
        say(f"nothing {'would fade' if dry_run else 'faded'}: {refused}", "if that is right: mem gc --force")
    else:
        _print_count(moves, dry_run)
    _print_tidied(store, tidied, dry_run)


def _print_tidied(store: Store, tidied: Tidied, dry_run: bool) -> None:
    if tidied.drafts:
        kinds = Counter(draft.kind for draft in tidied.drafts)
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        print(f"would be proposed: {counted}" if dry_run else f"to decide: {counted}  (mem review)")
    if tidied.digests.made:
        print(f"{plural(len(tidied.digests.made), 'digest')} {'to make' if dry_run else 'made'}")
    for one in tidied.links.broken[:BROKEN]:
        meant = f"; {store.place.shown(one.meant.path)}?" if one.meant else ""
        print(
            f"broken link: {store.place.shown(one.memory.path)} → [[{one_line(one.target, 60)}]]{one_line(meant, 80)}"
        )
    if len(tidied.links.broken) > BROKEN:
        print(f"… and {len(tidied.links.broken) - BROKEN:,} more broken links: mem gc --dry-run --json")


def _broken_dict(store: Store, one: BrokenLink) -> dict[str, object]:
    meant = store.place.shown(one.meant.path) if one.meant else None
    return {"path": store.place.shown(one.memory.path), "target": one_line(one.target), "meant": meant}


def _print_moves(moves: list[Move]) -> None:
    rows = []
    for move in moves[:SHOWN]:
        one = move.standing
        rows.append(
            (
                one.known.id[:4],
                one.traits.type,
                one.title,
                f"{move.before} → {move.after}",
                f"{one.state.retention:.2f}",
                move.why,
            )
        )
    terminal.table(("id", "type", "title", "tier", "remains", "why"), rows)
    if len(moves) > SHOWN:
        say(f"… and {len(moves) - SHOWN:,} more: mem gc --dry-run --json")


def _print_count(moves: list[Move], dry_run: bool) -> None:
    faded = sum(tiers.TIERS.index(move.after) > tiers.TIERS.index(move.before) for move in moves)
    verb = "would fade" if dry_run else "faded"
    print(f"{plural(faded, 'memory')} {verb}, {len(moves) - faded:,} came back" if moves else "nothing to fade")


def _move_dict(move: Move) -> dict[str, object]:
    one = move.standing
    return {
        "id": one.known.id, "path": one.known.path, "title": one_line(one.title), "from": move.before, "to": move.after,
        "why": move.why, **state_dict(one.state, move.after),
    }  # fmt: skip


def state_dict(state: State, tier: str) -> dict[str, object]:
    """How a memory stands, for programs."""
    return {
        "tier": tier, "retention": round(state.retention, 4), "strength_days": round(state.strength, 1),
        "uses": state.uses, "utility": round(state.utility, 3), "barred": state.barred,
    }  # fmt: skip


# --- what status and show draw ------------------------------------------------------------------------------------------


def survey(store: Store) -> Survey:
    """How the memories of a store stand now."""
    return standing.survey(store.place, store.config, stamp().day)


def standing_of(store: Store, name: str) -> tuple[Standing, Survey] | None:
    """How one memory stands, and the survey that says so."""
    found = standing.survey(store.place, store.config, stamp().day, only=name)
    return (found.standings[0], found) if found.standings else None


def print_curve(one: Standing, found: Survey) -> None:
    """One memory's past and predicted retention."""
    now = stamp().day
    points = fade.curve(one, found, now, ahead=AHEAD)
    state = one.state
    barred = ", barred: it was wrong" if state.barred else ""
    pinned = "pinned: it never fades" if one.traits.pinned else f"strength {state.strength:.0f} days"
    print(f"{one.tier}, {state.retention:.0%} remains, {pinned}, used {state.uses}×{barred}")
    width = _plot_width()
    for line in plots.curve(points, width, PLOT_HEIGHT, marks=_marks()):
        print(f"  {line}")
    ago, today_at = int(now - points[0][0]), int((now - points[0][0]) / (points[-1][0] - points[0][0]) * width)
    scale = [" "] * width
    for at, label in ((0, f"{ago} days ago"), (today_at, "now"), (width - len(f"+{AHEAD}"), f"+{AHEAD}")):
        start = max(0, min(at, width - len(label)))
        if all(c == " " for c in scale[max(0, start - 1) : start + len(label) + 1]):
            scale[start : start + len(label)] = label
    print("  " + "".join(scale).rstrip())


def population(found: Survey) -> dict[str, int]:
    """How many memories are in each tier."""
    counts = dict.fromkeys(tiers.TIERS, 0)
    for one in found.standings:
        counts[one.tier] += 1
    return counts


def print_population(found: Survey) -> None:
    """The tiers as bars, and how fast a memory fades that nobody uses."""
    for line in plots.bars(list(population(found).items()), min(60, shutil.get_terminal_size().columns - 10)):
        print(f"          {line}")
    if not found.standings:
        return
    middle = sum(one.state.strength for one in found.standings) / len(found.standings)
    points = [(float(day), math.exp(-day / middle)) for day in range(AHEAD + 1)]
    print(
        f"          what remains of a memory of mean strength ({middle:.0f} days) after up to {AHEAD} days without use:"
    )
    for line in plots.curve(points, _plot_width(), PLOT_HEIGHT, marks=_marks()):
        print(f"          {line}")


def _marks() -> list[tuple[float, str]]:
    return [(1.0, "hot"), (tiers.BOUNDS[1], "warm"), (tiers.BOUNDS[2], "cold"), (0.0, "archived")]


def _plot_width() -> int:
    return max(20, min(60, shutil.get_terminal_size().columns - 24))
