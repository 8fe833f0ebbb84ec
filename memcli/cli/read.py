"""Verbs that only read: show, ls, status; and the declaration of recall, which answers on the lean path."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

import typer

from memcli import tree
from memcli.cli import hooks, lifecycle, terminal
from memcli.cli import recall as lean
from memcli.cli.invocation import say
from memcli.cli.terminal import any_json, find, invocation, stores
from memcli.cli.write import Wanted
from memcli.errors import ModelUnavailable, NotFound
from memcli.guard import hidden, secrets
from memcli.index import schema, search, trusting
from memcli.index.update import model_folder
from memcli.lifecycle import digests
from memcli.lifecycle.standing import Survey
from memcli.memory import parse
from memcli.recall import refresh
from memcli.serve import lifetime
from memcli.store import Store
from memcli.text import human_size, plural
from memcli.trust import verdict


def recall(
    ctx: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(help="What you want to know; `-` reads stdin.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, max=1_000_000, help="How many memories.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Stop after about this many tokens.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", "-t", help="Only this type; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; repeatable, all must match.")] = None,
    path: Annotated[str | None, typer.Option(help="Only below this path of the tree.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this day on (2026-05, yesterday, 7d).")] = None,
    until: Annotated[str | None, typer.Option(help="Only up to this day.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Only what this speaker said.")] = None,
    source: Annotated[str | None, typer.Option(help="Only from sources that begin so.")] = None,
    batch: Annotated[str | None, typer.Option(help='Answer a file of {"id", "query"} lines, as JSON Lines.')] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Answer nothing rather than something less sure than this.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each memory is where it is.")] = False,
    lexical: Annotated[bool, typer.Option("--lexical", help="By words only; the model is not loaded.")] = False,
    episodes: Annotated[bool, typer.Option("--episodes", help="Show all turns of past sessions.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read all files anew before answering.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Answer with what was in force on this day.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also memories that have faded away (archived).")] = False,
) -> int:
    """Find memories by meaning and by words.

    Example: mem recall "how do we rotate tokens" --since 30d --explain
    """
    options = lean.Options(
        " ".join(query or ()), limit, budget, tuple(type_ or ()), tuple(tag or ()), path, since, until, speaker, source,
        batch, min_confidence, explain, lexical, episodes, fresh, as_of, all_,
    )  # fmt: skip
    return lean.run(invocation(ctx), options)


def show(
    ctx: typer.Context,
    wanted: Wanted,
    curve: Annotated[bool, typer.Option("--curve", help="Draw how it faded, and how it will.")] = False,
) -> None:
    """Print a memory as it is, how it stands, and how to correct it; or, for a topic, the digest that mem gc made of it.

    Example: mem show k7q9 --curve
    """
    if _show_topic(ctx, wanted):
        return
    store, target = find(ctx, wanted)
    stands = lifecycle.standing_of(store, target.id)
    trust = trusting.of(store.place, target.path)
    text = tree.read(store.place, target.path).decode("utf-8")
    masked, rules = secrets.mask(text)
    memory = parse(masked.encode("utf-8"), name=target.path)
    shown = hidden.printable(masked)
    as_json = {
        "id": target.id, "path": store.place.shown(target.path), "type": memory.type, "title": memory.title,
        "created": memory.created, "tags": list(memory.tags), "source": memory.source, "session": memory.session,
        "trust": trust, "supersedes": list(memory.supersedes), "relations": [list(relation) for relation in memory.relations],
        "text": memory.body, **(lifecycle.state_dict(stands[0].state, stands[0].tier) if stands else {}),
    }  # fmt: skip
    if any_json(ctx, as_json):
        return
    print(shown, end="" if shown.endswith("\n") else "\n")
    concerns = [f"masked here: {', '.join(dict.fromkeys(rules))}"] if rules else []
    concerns += [mark] if (mark := verdict.mark(trust)) else []
    concerns += [f"hidden text: {', '.join(found)}"] if (found := hidden.findings(text)) else []
    short = target.id[:4]
    if stands and curve:
        lifecycle.print_curve(*stands)
    tier = f" · {stands[0].tier}, {stands[0].state.retention:.0%} remains" if stands else ""
    say("", f"{store.place.shown(target.path)} · {memory.source or 'you'}{tier}", *concerns)
    say(
        f"correct it: mem edit {short} · replace it: mem add … --supersedes {short} · drop it: mem forget {short}",
        f"say how it did: mem feedback {short} --useful, --wrong or --confirm",
    )


def _show_topic(ctx: typer.Context, wanted: str) -> bool:
    """Print the digest of a topic, where that is what `wanted` names; False where it names none, or a memory."""
    for store in stores(ctx):
        refresh.update(store.place)
        connection = schema.open_for_reading(store.place)
        try:
            topic = digests.topic(store.place, connection, wanted)
        finally:
            connection.close()
        if topic is None:
            continue
        if not any_json(ctx, {"topic": topic.name, "memories": topic.memories, "digest": topic.digest}):
            nothing = (
                f"{topic.name} has {plural(topic.memories, 'memory')} and no digest yet: mem gc, or mem ls {topic.name}"
            )
            print(hidden.printable(topic.digest or nothing))
        return True
    return False


def ls(
    ctx: typer.Context,
    path: Annotated[str | None, typer.Argument(help="Only below this path of the tree.")] = None,
    type_: Annotated[str | None, typer.Option("--type", "-t", help="Only this type.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    as_tree: Annotated[bool, typer.Option("--tree", help="Draw the context tree.")] = False,
) -> None:
    """List memories, newest first.

    Example: mem ls auth --tree
    """
    rows = []
    for store in stores(ctx):
        refresh.update(store.place)
        connection = schema.open_for_reading(store.place)
        try:
            found = search.entries(connection, path, type_, tag)
            rows += [{**row, "place": row["path"], "path": store.place.shown(str(row["path"]))} for row in found]
        finally:
            connection.close()
    if not as_tree:
        rows.sort(key=lambda row: str(row["created"] or ""), reverse=True)
    if any_json(ctx, rows):
        return
    if not rows:
        raise NotFound(
            "there are no memories here yet" if path is None else f"there is nothing below {path}", hint="mem add …"
        )
    if as_tree:
        _draw_tree({str(row["place"]): row for row in rows})
    else:
        cells = [(str(r["id"])[:4], r["type"], str(r["created"] or "")[:10], r["title"], r["path"]) for r in rows]
        terminal.table(("id", "type", "date", "title", "path"), cells)


def _draw_tree(rows: dict[str, dict[str, object]]) -> None:
    from rich.text import Text
    from rich.tree import Tree

    top = Tree("", hide_root=True)
    branches: dict[str, Tree] = {"": top}
    for path in sorted(rows):
        folder, _, _ = path.rpartition("/")
        parts = folder.split("/")
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            if name not in branches:
                branches[name] = branches["/".join(parts[: depth - 1])].add(
                    Text(hidden.one_line(parts[depth - 1]) + "/", "bold")
                )
        row = rows[path]
        branches[folder].add(Text(f"{str(row['id'])[:4]}  {hidden.one_line(str(row['title']), 70)}"))
    terminal.console().print(top)


def status(ctx: typer.Context) -> None:
    """Where memories are kept, how many, and whether the index is current.

    Example: mem status
    """
    opened = stores(ctx)
    reports, attention, surveys = zip(*map(_status_of, opened), strict=True) if opened else ((), (), ())
    if any_json(ctx, [{**report, "attention": lines} for report, lines in zip(reports, attention, strict=True)]):
        return
    if not reports:
        print('no memories yet: mem add "something worth keeping", or mem init for a store of this folder')
        return
    for report, lines in zip(reports, attention, strict=True):
        label = str(report["store"])
        print(
            f"{label:<9} {report['path']}  {plural(int(str(report['memories'])), 'memory')}"
            f" · {report['sharing']} · {report['size']}"
        )
        print(f"index     {report['index']}")
        for line in lines:
            print(f"          {line}")
    for found in surveys:
        lifecycle.print_population(found)
    if hooked := hooks.summary():
        print(f"hooks     {hooked}")


def _status_of(store: Store) -> tuple[dict[str, object], list[str], Survey]:
    """What there is to say of a store, what needs its owner, and how its memories stand."""
    notices = refresh.update(store.place)
    found = lifecycle.survey(store)
    connection = schema.open_for_reading(store.place)
    try:
        memories, passages, embedded = search.count(connection)
        waiting = search.waiting(connection, 10**9)
        model = schema.get_meta(connection, "model")
        keyword_only = passages - embedded - waiting
        problems = connection.execute("SELECT count(*) FROM entries WHERE problem IS NOT NULL").fetchone()[0]
        held, quarantined = (trusting.count(connection, word) for word in ("held", "quarantined"))
        conflicts = connection.execute(
            "SELECT path, problem FROM entries WHERE problem LIKE '%conflict%' ORDER BY path"
        ).fetchall()
        kinds = Counter(
            dict(connection.execute("SELECT type, count(*) FROM entries WHERE problem IS NULL GROUP BY type"))
        )
    finally:
        connection.close()
    try:
        in_use = model_folder(store.config).key
    except ModelUnavailable as error:
        in_use = f"no model ({error.message})"
    watched = _watched(store)
    pending = f"{plural(waiting, 'vector')} pending" + ("" if watched else ": mem index")
    parts = [pending if waiting else "current", in_use]
    if watched:
        parts.append(f"watched by mem watch ({watched['mode']})")
    if keyword_only:
        parts.append(f"{plural(keyword_only, 'passage')} keyword-only (not in the model's language)")
    if model and model != in_use:
        parts.append(f"vectors of {model}: mem index")
    attention = notices + ([f"{plural(problems, 'file')} not indexed: mem doctor"] if problems else [])
    attention += [f"{store.place.shown(path)}: {problem}" for path, problem in conflicts]
    attention += [f"held {held:,} → mem trust"] if held else []
    attention += [f"quarantined {quarantined:,} → mem review"] if quarantined else []
    trash = len(tree.trash(store.place))
    size = {part: _size(os.path.join(store.place.local, part)) for part in ("cache", "journal", "objects", "trash")}
    history = size["journal"] + size["objects"]
    sharing = ("shared" if store.shared else "private") if store.place.label == "project" else "yours"
    report: dict[str, object] = {
        "store": store.place.label,
        "path": store.place.shown(store.place.folder + "/x")[:-2],
        "memories": memories,
        "passages": passages,
        "types": dict(kinds),
        "tiers": lifecycle.population(found),
        "pending": waiting,
        "held": held,
        "quarantined": quarantined,
        "conflicts": [path for path, _ in conflicts],
        "watched": watched["mode"] if watched else None,
        "trash": trash,
        "sharing": sharing,
        "size": f"index {human_size(size['cache'])}, history {human_size(history)}, trash {trash}",
        "index": " · ".join(parts),
    }
    return report, attention, found


def _watched(store: Store) -> dict[str, str] | None:
    """What the watcher says of a store; None where none watches it."""
    watching = lifetime.read_status() or {"stores": []}
    return next((one for one in watching["stores"] if one["folder"] == store.place.folder), None)


def _size(folder: str) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_size
            except OSError:
                continue
    return total
