"""The verb that decides whose memories may speak: trust."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated

import typer

from memcli import acceptance
from memcli.acceptance import Waiting
from memcli.cli.invocation import may_ask, say
from memcli.cli.terminal import any_json, find, invocation, stores
from memcli.errors import NotFound, UsageError
from memcli.guard import hidden, secrets
from memcli.guard.hidden import one_line
from memcli.places import is_personal
from memcli.recall import refresh
from memcli.store import Store
from memcli.text import plural
from memcli.trust.record import Record

REVOKE = "revoke"
SHOWN = 100  # memories that are listed before a question

Found = list[tuple[Store, Waiting]]


def trust(
    ctx: typer.Context,
    wanted: Annotated[
        list[str] | None, typer.Argument(help="Only these ids, files or folders; `revoke [ID…]` takes trust back.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust without asking.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what is new since it was last trusted, and ask nothing.")
    ] = False,
    follow: Annotated[
        bool | None,
        typer.Option("--follow/--no-follow", help="Trust what git brings to this store from now on; or no longer."),
    ] = None,
) -> None:
    """Decide on memories that others brought, by a clone, a pull or a checkout: they are held until you trust them.

    Held memories answer mem recall, marked, and are never put before an agent by themselves.

    Example: mem trust --diff
    """
    opened = [store for store in stores(ctx) if not is_personal(store.place)]
    for store in opened:
        refresh.update(store.place)
    if wanted and wanted[0] == REVOKE:
        _revoke(ctx, opened, wanted[1:])
        return
    if follow is not None:
        _follow(ctx, opened, follow)
    held = [(store, one) for store in opened for one in acceptance.waiting(store.place, "held")]
    chosen, by_name = _chosen(opened, wanted) if wanted else (held, False)
    if diff:
        _print_differences(ctx, chosen)
        return
    asks = not yes and not follow and not wanted and may_ask(invocation(ctx))
    if not (yes or follow or wanted or asks):
        _list(ctx, chosen)
        return
    if asks and chosen:
        _print_list(chosen)
        if not typer.confirm(
            f"Let {'it' if len(chosen) == 1 else f'these {len(chosen):,}'} speak to your agents?", err=True
        ):
            raise typer.Abort
    _accept(ctx, opened, chosen, by_name)


def _accept(ctx: typer.Context, opened: list[Store], chosen: Found, by_name: bool) -> None:
    trusted: Found = []
    kept: Found = []
    for store in opened:
        mine = [one for owner, one in chosen if owner is store]
        accepted, quarantined = acceptance.accept(store.place, mine, by_name=by_name) if mine else ([], [])
        trusted += [(store, one) for one in accepted]
        kept += [(store, one) for one in quarantined]
    shown = {"trusted": [one.id for _, one in trusted], "quarantined": [one.id for _, one in kept]}
    if any_json(ctx, shown):
        return
    print(f"trusted {plural(len(trusted), 'memory')}" if chosen else "nothing is held here")
    for store, one in trusted:
        if by_name and (why := acceptance.reason(store.place, one)):
            say(f"{one.id[:4]} was trusted although {why}")
    for store, one in kept:
        say(f"quarantined {one.id[:4]} {one_line(one.title, 60)}: {acceptance.reason(store.place, one)}")
    if kept:
        say("decide on them one by one: mem review")


def _chosen(opened: list[Store], wanted: list[str]) -> tuple[Found, bool]:
    """The memories that are meant, held or quarantined, and whether each was named. Raises NotFound."""
    silent = [(store, one) for store in opened for one in acceptance.waiting(store.place, "held", "quarantined")]
    chosen: Found = []
    by_name = True
    for name in wanted:
        found = [pair for pair in silent if _is_called(*pair, name)]
        if not found:
            found = [pair for pair in silent if _lies_in(*pair, name) and pair[1].trust == "held"]
            by_name = False
        if not found:
            raise NotFound(f"nothing that is held is called {name!r}", hint="mem trust (lists what is held)")
        chosen += [pair for pair in found if pair not in chosen]
    return chosen, by_name


def _is_called(store: Store, one: Waiting, name: str) -> bool:
    paths = (one.path, one.path.removesuffix(".md"), store.place.shown(one.path), store.place.absolute(one.path))
    stem = one.path.rpartition("/")[2].removesuffix(".md")
    return name in (*paths, stem, one.title) or (len(name) >= 4 and one.id.startswith(name))


def _lies_in(store: Store, one: Waiting, name: str) -> bool:
    folder = name.rstrip("/") + "/"
    return any(
        path.startswith(folder)
        for path in (one.path, one.path.partition("/")[2], store.place.shown(one.path), store.place.absolute(one.path))
    )


def _follow(ctx: typer.Context, opened: list[Store], wanted: bool) -> None:
    if not opened:
        raise UsageError("there is no store of a project here", hint="mem init")
    acceptance.follow(opened[0].place, wanted)
    if not invocation(ctx).json:
        from_now = "is trusted from now on" if wanted else "is held from now on"
        print(f"what git brings to {opened[0].place.shown('tree')} {from_now}")


def _revoke(ctx: typer.Context, opened: list[Store], wanted: list[str]) -> None:
    if wanted:
        targets = [find(ctx, name) for name in wanted]
        count = sum(acceptance.revoke(store.place, [target.path]) for store, target in targets)
    else:
        count = sum(acceptance.revoke(store.place) for store in opened)
    if not any_json(ctx, {"held": count}):
        print(f"held again: {plural(count, 'memory')}")


# --- showing ---------------------------------------------------------------------------------------------------------


def _list(ctx: typer.Context, held: Found) -> None:
    rows = [
        {
            "id": one.id, "path": store.place.shown(one.path), "title": one_line(one.title), "created": one.created,
            "trust": one.trust, "reason": acceptance.reason(store.place, one),
        }
        for store, one in held
    ]  # fmt: skip
    if any_json(ctx, rows):
        return
    if not held:
        print("nothing is held here")
        return
    _print_list(held)
    say("read what is new: mem trust --diff · trust it: mem trust --yes, or mem trust ID")


def _print_list(held: Found) -> None:
    """What is held, by folder, with the first line of each."""
    folder = None
    for store, one in held[:SHOWN]:
        above = one_line(store.place.shown(one.path).rpartition("/")[0])
        if above != folder:
            print(f"{above}/")
            folder = above
        warning = "  ! " + why if (why := acceptance.reason(store.place, one)) else ""
        name = one_line(one.path.rpartition("/")[2], 40)
        print(f"  {one.id[:4]}  {(one.created or '')[:10]:<10}  {name}  {one_line(one.title, 60)}{warning}")
    if len(held) > SHOWN:
        print(f"and {len(held) - SHOWN:,} more")
    if any(Record(store.place).follows for store in {store for store, _ in held}):
        say("this repository is followed; what is listed came before that, or cannot be told")


def _print_differences(ctx: typer.Context, held: Found) -> None:
    differences = [(store, one, list(_difference(store, one))) for store, one in held]
    rows = [
        {"id": one.id, "path": store.place.shown(one.path), "diff": "\n".join(lines)}
        for store, one, lines in differences
    ]
    if any_json(ctx, rows):
        return
    if not rows:
        print("nothing is held here")
    for store, one, lines in differences:
        print(f"{one.id[:4]}  {one_line(store.place.shown(one.path))}")
        if why := acceptance.reason(store.place, one):
            print(f"  ! {why}")
        for line in lines:
            print(f"  {line}")
        print()
    if rows:
        say("trust it: mem trust --yes, or mem trust ID")


def _difference(store: Store, one: Waiting) -> Iterator[str]:
    """What a memory says against what it said when it last could speak: all of it, what is hidden spelled out."""
    now = _readable(acceptance.text_of(store.place, one) or "")
    before = acceptance.earlier(store.place, one)
    if before is None:
        yield from (f"+{line}" for line in now)
        return
    for number, line in enumerate(difflib.unified_diff(_readable(before), now, lineterm="", n=2)):
        if number >= 2:  # not the names of two files
            yield line


def _readable(text: str) -> list[str]:
    return hidden.visible(secrets.mask(text)[0]).split("\n")
