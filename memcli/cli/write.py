"""Verbs that change memories: add, edit, mv, forget, restore."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from memcli import githistory, tree
from memcli.cli import terminal
from memcli.cli.invocation import may_ask, say
from memcli.cli.terminal import any_json, find, index_now, invocation, stamp, stores, text_from, writable
from memcli.errors import Conflict, NotFound, UsageError
from memcli.githistory import InGit
from memcli.guard.hidden import one_line, printable
from memcli.index import maintenance
from memcli.journal import Event
from memcli.lifecycle import changes, duplicates, fade, proposals, standing, strength, tiers
from memcli.memory import check_type, link_lines, parse
from memcli.resolve import Target
from memcli.store import Store, Written
from memcli.text import digest, iso_date, plural

REPORTED = 3  # memories that a new one is said to repeat or contradict

Text = Annotated[list[str] | None, typer.Argument(help="The text; `-` reads stdin.", show_default=False)]
Type = Annotated[
    str | None, typer.Option("--type", "-t", help="fact, decision, preference, procedure, lesson or reference.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeat for more.")]
Links = Annotated[
    list[str] | None, typer.Option("--link", help="A related memory, as PATH or RELATION:PATH; repeatable.")
]
Supersedes = Annotated[
    list[str] | None, typer.Option("--supersedes", help="A memory that this one replaces; repeatable.")
]
Topic = Annotated[str | None, typer.Option("--topic", help="The folder to file it under, as DOMAIN/TOPIC.")]
Redact = Annotated[bool, typer.Option("--redact", help="Keep the text with its secrets masked instead of refusing it.")]
Wanted = Annotated[str, typer.Argument(help="An id, its beginning, a path or a title.", show_default=False)]


def add(
    ctx: typer.Context,
    text: Text = None,
    type_: Type = None,
    title: Annotated[str | None, typer.Option(help="A title; without one the first line names the memory.")] = None,
    topic: Topic = None,
    tag: Tags = None,
    link: Links = None,
    supersedes: Supersedes = None,
    created: Annotated[str | None, typer.Option(help="When it was learnt, if not now (ISO date).")] = None,
    valid_from: Annotated[str | None, typer.Option(help="From when it holds (ISO date).")] = None,
    valid_to: Annotated[str | None, typer.Option(help="Until when it holds (ISO date).")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Never let it fade.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Keep it out of the shared tree.")] = False,
    file: Annotated[str | None, typer.Option("--file", "-f", help="Read the text from a file.")] = None,
    redact: Redact = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the memory of the same name.")] = False,
) -> None:
    """Keep a memory.

    Example: mem add "Rotate refresh tokens on every use" --type decision --topic auth
    """
    store = writable(ctx)
    said = text_from(text or (), file, editor=may_ask(invocation(ctx)))
    written = store.add(
        said,
        type_=check_type(type_ or "fact"),
        title=title,
        topic=topic,
        tags=tag or (),
        links=link or (),
        supersedes=[_existing_id(ctx, name) for name in supersedes or ()],
        created=_date(created),
        valid_from=_date(valid_from),
        valid_to=_date(valid_to),
        pinned=pin,
        private=private,
        redact=redact,
        overwrite=overwrite,
    )
    _acknowledge(ctx, store, written)
    index_now(store, [written.path])
    _report_similar(ctx, store, written)


def _acknowledge(ctx: typer.Context, store: Store, written: Written) -> None:
    """Say that the memory is safe on disk; programs get the id alone, before anything slower happens."""
    if not any_json(ctx, {"id": written.id, "path": store.place.shown(written.path), "masked": list(written.masked)}):
        if sys.stdout.isatty():
            print(f"{written.id[:4]}  {store.place.shown(written.path)}  {terminal.whose(store.place, store)}")
        else:
            print(written.id)
    sys.stdout.flush()
    if store.place.label == "personal" and not invocation(ctx).personal and not invocation(ctx).root:
        say("kept in your personal store: this folder has none (mem init makes one)")
    if written.masked:
        say(f"masked: {', '.join(written.masked)}")


def _report_similar(ctx: typer.Context, store: Store, written: Written) -> None:
    """Name what the new memory repeats or contradicts, with the command that settles it."""
    if invocation(ctx).json:
        return
    new = written.id[:4]
    found = duplicates.at_write(store.place, written.path, rejected=proposals.rejected_pairs(store.place))
    for one in found[:REPORTED]:
        old = one.goes.id[:4] if one.goes.id != written.id else one.stays.id[:4]
        if one.kind == changes.CHANGED:
            now, then = duplicates.said(one.stays.text, one.now), duplicates.said(one.goes.text, one.then)
            said = f"{one_line(now, 40)} here, {one_line(then, 40)} in {old}"
        else:
            said = f'{one.kind}: {old} "{one_line(one.goes.title, 60)}"'
        say(said, f"  does the new one replace it?  mem edit {new} --supersedes {old}")


def _existing_id(ctx: typer.Context, wanted: str) -> str:
    return find(ctx, wanted)[1].id


def _date(value: str | None) -> str | None:
    if value is None:
        return None
    date = iso_date(value)
    if date is None:
        raise UsageError(f"{value!r} is not an ISO date", hint="use 2026-11-20 or 2026-11-20T10:00")
    return date


def edit(
    ctx: typer.Context,
    wanted: Wanted,
    text: Annotated[list[str] | None, typer.Argument(help="The new text; without one the editor opens.")] = None,
    append: Annotated[str | None, typer.Option(help="Text to add at the end.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="Read the new text from a file (`-`: stdin).")
    ] = None,
    type_: Type = None,
    title: Annotated[str | None, typer.Option(help="A new title.")] = None,
    topic: Topic = None,
    tag: Tags = None,
    link: Links = None,
    supersedes: Supersedes = None,
    valid_from: Annotated[str | None, typer.Option(help="From when it holds (ISO date).")] = None,
    valid_to: Annotated[str | None, typer.Option(help="Until when it holds (ISO date).")] = None,
    pin: Annotated[bool | None, typer.Option("--pin/--unpin", help="Never let it fade, or let it again.")] = None,
    redact: Redact = False,
) -> None:
    """Change a memory: its text, or what is said about it.

    Example: mem edit k7q9 --append "Confirmed in the load test." --tag auth
    """
    store, target = find(ctx, wanted)
    front: dict[str, object] = {}
    if type_:
        front["type"] = check_type(type_)
    if title:
        front["title"] = title
    if valid_from:
        front["valid_from"] = _date(valid_from)
    if valid_to:
        front["valid_to"] = _date(valid_to)
    if pin is not None:
        front["pinned"] = True if pin else None
    present = parse(tree.read(store.place, target.path), name=target.path)
    if tag:
        front["tags"] = [*dict.fromkeys([*present.tags, *(name.lstrip("#") for name in tag)])]
    if supersedes:
        front["supersedes"] = [*dict.fromkeys([*present.supersedes, *(_existing_id(ctx, name) for name in supersedes)])]
    if link:
        lines = link_lines(link)
        append = f"{append}\n\n{lines}" if append else lines
    if text or file or append or front or topic is not None:
        new = text_from(text or (), file, editor=False) if text or file else None
        written = store.edit(target.path, text=new, append=append, front_matter=front, topic=topic, redact=redact)
    else:
        written = _edit_whole(ctx, store, target.path, redact)
    if not any_json(ctx, {"id": target.id, "path": store.place.shown(written.path), "masked": list(written.masked)}):
        print(f"{target.id[:4]}  {store.place.shown(written.path)}")
    index_now(store, [target.path, written.path])


def _edit_whole(ctx: typer.Context, store: Store, path: str, redact: bool) -> Written:
    """Open the file in the editor; the text typed there is never lost, whatever happened to the file meanwhile."""
    before = tree.read(store.place, path)
    if not sys.stdin.isatty() or invocation(ctx).no_input:
        raise UsageError("there is nothing to change", hint="mem edit ID --append TEXT, or --file -, or --tag NAME")
    after = terminal.edited(before.decode("utf-8")).encode("utf-8")
    if after == before:
        return Written("", path)
    try:
        return store.replace_file(path, after, expected=digest(before), redact=redact)
    except Conflict:
        say("the file changed while you were editing; what you typed:", after.decode("utf-8"))
        raise


def mv(
    ctx: typer.Context, wanted: Wanted, topic: Annotated[str, typer.Argument(help="DOMAIN/TOPIC to file it under.")]
) -> None:
    """Move a memory to another topic.

    Example: mem mv k7q9 auth/tokens
    """
    store, target = find(ctx, wanted)
    written = store.edit(target.path, topic=topic)
    if not any_json(ctx, {"id": target.id, "path": store.place.shown(written.path)}):
        print(f"{target.id[:4]}  {store.place.shown(written.path)}")
    index_now(store, [target.path, written.path])


def forget(
    ctx: typer.Context,
    wanted: Annotated[list[str], typer.Argument(help="Ids, paths or titles.", show_default=False)],
    purge: Annotated[
        bool, typer.Option("--purge", help="Delete it and all its earlier versions; cannot be undone.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --purge.")] = False,
) -> None:
    """Move memories to the trash (mem undo, or mem restore, brings them back).

    Example: mem forget k7q9
    """
    named = [find(ctx, name)[1] for name in wanted]
    found = list({(target.place.folder, target.path): target for target in named}.values())
    if purge and not yes and may_ask(invocation(ctx)):
        typer.confirm(f"Delete {plural(len(found), 'memory')} for good?", abort=True, err=True)
    if purge:
        _purge(ctx, found)
        return
    for place in {target.place.folder: target.place for target in found}.values():
        store = Store(place)
        index_now(store, store.forget([target.path for target in found if target.place.folder == place.folder]))
    if not any_json(ctx, [{"id": target.id, "path": target.path, "purged": False} for target in found]):
        for target in found:
            print(f"{target.id[:4]}  {one_line(target.title, 60)}: forgotten (mem undo brings it back)")


def _purge(ctx: typer.Context, found: list[Target]) -> None:
    """Delete memories for good, and say what that takes from undo and what it cannot reach."""
    rows: list[dict[str, object]] = []
    for target in found:
        store = Store(target.place)
        purged = store.purge(target.path)
        index_now(store)  # all of it, because the folders that the memory was in may be gone too
        maintenance.compact(store.place, force=True)
        in_git = githistory.look(store.place, purged.paths)
        row = {
            "id": target.id,
            "path": target.path,
            "purged": True,
            "versions": purged.versions,
            "not_undoable": [event.op for event in purged.lost],
            "undoable_without_it": [event.op for event in purged.lessened],
            "git": in_git and {"commits": list(in_git.commits), "staged": in_git.staged, "paths": list(in_git.paths)},
        }
        rows.append(row)
        if invocation(ctx).json:
            continue
        print(f"{target.id[:4]}  {one_line(target.title, 60)}: deleted for good ({plural(purged.versions, 'version')})")
        if purged.lost:
            say(f"can no longer be undone: {_operations(purged.lost)}")
        if purged.lessened:
            say(f"can be undone, but without it: {_operations(purged.lessened)}")
        if in_git is not None:
            say(*_advice(in_git))
    any_json(ctx, rows)


def _operations(events: Sequence[Event]) -> str:
    shown = [f"{event.verb} of {event.at[:16].replace('T', ' ')} ({event.op[:4]})" for event in events[:5]]
    return ", ".join(shown) + (f" and {len(events) - 5} more" if len(events) > 5 else "")


def _advice(in_git: InGit) -> list[str]:
    """What to do about what git still has."""
    paths = " ".join(f"--path {shlex.quote(path)}" for path in in_git.paths)
    if not in_git.commits:
        return ["git has it staged: git rm --cached it, and git gc --prune=now when nothing else needs it"]
    some = ", ".join(in_git.commits[:3]) + (", …" if len(in_git.commits) > 3 else "")
    return [
        f"git still holds it in {plural(len(in_git.commits), 'commit')} ({some}), here and wherever they were pushed",
        f"to take it out of the history: git filter-repo --invert-paths {paths} (paths from the tree), then push with force",
    ]


def restore(
    ctx: typer.Context,
    wanted: Annotated[str | None, typer.Argument(help="An id, path or title; without one the trash is listed.")] = None,
) -> None:
    """Bring a forgotten memory back, or one that has faded, with its rank and precision; alone, list the trash.

    Example: mem restore k7q9
    """
    opened = stores(ctx)
    if wanted is None:
        _list_trash(ctx, opened)
        return
    for store in opened:
        try:
            written = store.restore(wanted)
        except NotFound:
            continue
        if not any_json(ctx, {"id": written.id, "path": store.place.shown(written.path)}):
            print(f"{written.id[:4] or '-'}  {store.place.shown(written.path)}")
        index_now(store, [written.path])
        return
    _restore_faded(ctx, wanted)


def _restore_faded(ctx: typer.Context, wanted: str) -> None:
    """What is not in the trash may have faded: it is confirmed, which makes it hot again."""
    nothing = NotFound(f"the trash holds nothing called {wanted!r}", hint="mem restore (lists the trash)")
    try:
        store, target = find(ctx, wanted)
    except NotFound:
        raise nothing from None
    found = standing.survey(store.place, store.config, stamp().day, only=target.id).standings
    if not found or found[0].tier == tiers.HOT:
        raise nothing
    fade.give_feedback(store.place, store.config, target.id, strength.CONFIRMED, stamp())
    index_now(store, [target.path])
    if not any_json(
        ctx, {"id": target.id, "path": store.place.shown(target.path), "from": found[0].tier, "to": tiers.HOT}
    ):
        print(f"{target.id[:4]}  {store.place.shown(target.path)}  {found[0].tier} → {tiers.HOT}")


def _list_trash(ctx: typer.Context, opened: list[Store]) -> None:
    rows = []
    for store in opened:
        for path, file in tree.trash(store.place):
            with open(file, "rb") as handle:
                memory = parse(handle.read(), name=path)
            rows.append({"id": memory.id, "title": printable(memory.title), "path": store.place.shown(path)})
    if not any_json(ctx, rows):
        if not rows:
            say("the trash is empty")
        terminal.table(("id", "title", "path"), [((row["id"] or "-")[:6], row["title"], row["path"]) for row in rows])
