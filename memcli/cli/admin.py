"""Verbs about stores as a whole: export, doctor, model, config."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Annotated

import typer

from memcli import config, tree, walk
from memcli import doctor as examination
from memcli.cli import terminal
from memcli.cli.invocation import places, say
from memcli.cli.terminal import any_json, index_now, invocation, stores, writable
from memcli.encode import model as models
from memcli.errors import SecretFound, StoreMissing, UsageError, WriteFailed
from memcli.index.update import model_folder
from memcli.memory import parse
from memcli.places import Place
from memcli.text import human_size, plural


def export(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="A file or folder to write; `-` is stdout.")] = "-",
    format_: Annotated[str, typer.Option("--format", help="jsonl, or markdown (the files as they are).")] = "jsonl",
) -> None:
    """Write all memories out; `mem import` reads them back.

    Example: mem export backup.jsonl
    """
    opened = stores(ctx)
    if not opened:
        raise StoreMissing("there is no store here", hint="mem init")
    if format_ == "markdown":
        _export_files(opened[0].place, target)
        return
    if format_ != "jsonl":
        raise UsageError(f"there is no format {format_!r} to export", hint="mem export --format jsonl, or markdown")
    lines = (json.dumps(row, ensure_ascii=False) for row in _rows(opened[0].place))
    if target == "-":
        for line in lines:
            print(line)
        return
    count = 0
    try:
        with open(target, "x", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
    except FileExistsError:
        raise UsageError(f"{target} exists and is not overwritten", hint="choose another name") from None
    except OSError as error:
        raise WriteFailed(f"cannot write {target}: {error.strerror}") from None
    say(f"{count:,} lines in {target}")


def _rows(place: Place) -> Iterator[dict[str, object]]:
    for found in walk.walk(place):
        if found.problem:
            continue
        memory = parse(tree.read(place, found.path), name=found.path)
        if memory.turns:
            for turn in memory.turns:
                row = {"text": turn.text, "id": turn.ref, "created": turn.at, "session": memory.session or memory.title,
                       "speaker": turn.speaker}  # fmt: skip
                yield {key: value for key, value in row.items() if value is not None}
        else:
            entry = {"text": memory.body.rstrip("\n"), "id": memory.ref or memory.id, "type": memory.type,
                     "tags": list(memory.tags), "created": memory.created, "speaker": memory.speaker}  # fmt: skip
            yield {key: value for key, value in entry.items() if value}


def _export_files(place: Place, target: str) -> None:
    if target == "-":
        raise UsageError("the files need a folder to go to", hint="mem export FOLDER --format markdown")
    if os.path.exists(target):
        raise UsageError(f"{target} exists and is not overwritten", hint="choose another name")
    count = 0
    for found in walk.walk(place):
        if found.problem:
            continue
        destination = os.path.join(target, found.path.removeprefix("local/").removeprefix("tree/"))
        os.makedirs(os.path.dirname(destination), exist_ok=True)
        with open(destination, "xb") as file:
            file.write(tree.read(place, found.path))
        count += 1
    say(f"{plural(count, 'file')} in {target}")


def doctor(
    ctx: typer.Context,
    staged: Annotated[
        bool, typer.Option("--staged", help="Only: does what git is about to commit hold a secret? Exits 24 then.")
    ] = False,
) -> int:
    """Look for what is wrong and name it; changes nothing. Exits 1 when there is an error.

    Example: mem doctor
    """
    if staged:
        return _doctor_staged(ctx)
    opened = stores(ctx)
    if not opened:
        raise StoreMissing("there is no store here", hint="mem init")
    findings = [finding for store in opened for finding in examination.examine(store)]
    if not any_json(ctx, [finding._asdict() for finding in findings]):
        if not findings:
            print("all is well")
        for finding in findings:
            print(f"{finding.severity}: {finding.path}: {finding.message}")
            print(f"  try: {finding.hint}")
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _doctor_staged(ctx: typer.Context) -> int:
    """What the hook `pre-commit` runs: no store, nothing staged, nothing to say."""
    from memcli.staged import with_secrets

    found = [one for place in places(invocation(ctx)) if place.label == "project" for one in with_secrets(place)]
    if found:
        shown = "; ".join(f"{one.path} ({', '.join(one.rules)})" for one in found)
        hint = "take it out and git add it again; git commit --no-verify commits it all the same"
        raise SecretFound(f"a secret would be committed: {shown}", hint=hint)
    any_json(ctx, {"secrets": []})
    return 0


model_app = typer.Typer(help="The embedding model: list, verify, choose another local one.", no_args_is_help=True)


@model_app.command("list")
def model_list(ctx: typer.Context) -> None:
    """The models that came with memcli, and the one in use.

    Example: mem model list
    """
    in_use = os.path.realpath(config.load().text("model") or models.default())
    paths = dict.fromkeys([*map(os.path.realpath, models.available()), in_use])
    rows = []
    for path in paths:
        folder = models.load(path)
        total = sum(file.bytes for file in folder.files.values())
        rows.append({"name": folder.name, "revision": folder.revision, "dimensions": folder.dimensions, "bytes": total,
                     "path": path, "in_use": path == in_use})  # fmt: skip
    if not any_json(ctx, rows):
        cells = []
        for row in rows:
            size = human_size(float(str(row["bytes"])))
            cells.append(
                ("*" if row["in_use"] else "", row["name"], row["revision"], row["dimensions"], size, row["path"])
            )
        terminal.table(("", "name", "revision", "dimensions", "size", "path"), cells)


@model_app.command("verify")
def model_verify(
    ctx: typer.Context,
    path: Annotated[str | None, typer.Argument(help="A model folder; by default the one in use.")] = None,
) -> int:
    """Check a model's files by size and SHA-256, and embed a sentence with it.

    Example: mem model verify
    """
    from memcli.encode.embedder import Embedder

    folder = models.load(path) if path else model_folder(config.load())
    problems = models.verify(folder)
    if not problems:
        Embedder.open(folder).query("does it work?")
    if not any_json(ctx, {"model": folder.key, "problems": problems}):
        for problem in problems:
            print(problem)
        if not problems:
            print(f"{folder.key} is as described and works")
    return 28 if problems else 0


@model_app.command("use")
def model_use(
    ctx: typer.Context, path: Annotated[str, typer.Argument(help="A model folder with its model.yaml.")]
) -> None:
    """Use another local model from now on; the stores of this folder are embedded anew.

    Example: mem model use ~/models/e5-base
    """
    folder = models.load(os.path.expanduser(path))
    problems = models.verify(folder)
    if problems:
        raise UsageError(f"that model is not as described: {problems[0]}", hint=f"mem model verify {path}")
    shipped = os.path.realpath(folder.path) == os.path.realpath(models.default())
    config.set_value("model", None if shipped else folder.path)
    for store in stores(ctx):
        index_now(store)
    if not any_json(ctx, {"model": folder.key}):
        print(f"in use: {folder.key}; other stores are embedded anew when mem index runs there")


config_app = typer.Typer(help="Settings: list, get, set, unset.", invoke_without_command=True)


@config_app.callback()
def config_list(ctx: typer.Context) -> None:
    """Every setting, its value and meaning.

    Example: mem config
    """
    if ctx.invoked_subcommand is not None:
        return
    found = [place for place in places(invocation(ctx)) if place.exists()]
    settings = config.load(found[0] if found else None)
    rows = [
        {
            "name": setting.name,
            "value": settings.text(setting.name),
            "default": str(setting.default),
            "meaning": setting.meaning,
        }
        for setting in config.SETTINGS
    ]
    if not any_json(ctx, rows):
        terminal.table(
            ("name", "value", "meaning"), [(row["name"], row["value"] or "-", row["meaning"]) for row in rows]
        )


@config_app.command("get")
def config_get(ctx: typer.Context, name: str) -> None:
    """Print one setting.

    Example: mem config get recall.limit
    """
    if name not in {setting.name for setting in config.SETTINGS}:
        raise UsageError(f"there is no setting {name!r}", hint="mem config")
    value = config.load(places(invocation(ctx))[0]).text(name)
    if not any_json(ctx, {name: value}):
        print(value)


@config_app.command("set")
def config_set(
    ctx: typer.Context,
    name: str,
    value: str,
    store: Annotated[bool, typer.Option("--store", help="In this store's config.yaml instead of yours.")] = False,
) -> None:
    """Set one setting.

    Example: mem config set recall.limit 5
    """
    config.set_value(name, value, place=writable(ctx).place if store else None)


@config_app.command("unset")
def config_unset(
    ctx: typer.Context,
    name: str,
    store: Annotated[bool, typer.Option("--store", help="In this store's config.yaml.")] = False,
) -> None:
    """Go back to the default.

    Example: mem config unset recall.limit
    """
    config.set_value(name, None, place=writable(ctx).place if store else None)
