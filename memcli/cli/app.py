"""The Typer application: every verb that is not on the lean path, help, completion and suggestions.

A group of verbs is one file; each verb is a function that takes its options, calls the store and prints. The invocation
(`--root`, `-g`, `--json`, `--no-input`) was taken from the command line before and is the context's object.
"""

from __future__ import annotations

import difflib

import typer

from memcli import __version__
from memcli.cli import (
    admin,
    context,
    curate,
    history,
    hooks,
    imports,
    index,
    init,
    lifecycle,
    mcp,
    read,
    review,
    trust,
    watch,
    write,
)
from memcli.cli.invocation import ALIASES, Invocation, say
from memcli.errors import UsageError

app = typer.Typer(
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A local-first memory for coding agents: Markdown files you own, found by meaning and by words.",
    epilog="Every verb also takes --root DIR (that store only), -g (your personal store), --json and --no-input.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mem {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    if ctx.invoked_subcommand is None:
        read.status(ctx)
        say("mem --help lists the verbs")


EVERYDAY = (
    write.add, read.recall, read.show, write.edit, write.forget, history.undo, history.log, read.status, lifecycle.feedback,
)  # fmt: skip
REST = (
    init.init, read.ls, write.restore, write.mv, context.context, curate.curate, lifecycle.gc, review.review, trust.trust,
    imports.import_, admin.export, admin.doctor, mcp.mcp,
)  # fmt: skip
GROUPS = {"hooks": hooks.app, "watch": watch.app, "index": index.app, "model": admin.model_app, "config": admin.config_app}
for panel, verbs in (("Everyday", EVERYDAY), ("The rest", REST)):
    for verb in verbs:
        app.command(name=verb.__name__.rstrip("_"), rich_help_panel=panel)(verb)
for name, group in GROUPS.items():
    app.add_typer(group, name=name, rich_help_panel="The rest")
VERBS = (*(verb.__name__.rstrip("_") for verb in (*EVERYDAY, *REST)), *GROUPS)


def run(invocation: Invocation, arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Raises MemError for the caller to report."""
    if arguments and not arguments[0].startswith("-") and arguments[0] not in VERBS:
        near = difflib.get_close_matches(arguments[0], [*VERBS, *ALIASES], n=1)
        raise UsageError(f"there is no verb {arguments[0]!r}", hint=f"mem {near[0]}" if near else "mem --help")
    try:
        result = typer.main.get_command(app).main(
            args=arguments, prog_name="mem", standalone_mode=False, obj=invocation
        )
    except typer.Abort:
        return 130
    except typer.TyperException as error:
        verb = next((word for word in arguments[:1] if word in VERBS), "")
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        raise UsageError(
            " ".join(said.split()).rstrip(".") or "that is not enough", hint=f"mem {verb} --help".replace("  ", " ")
        ) from None
    return result if isinstance(result, int) else 0
