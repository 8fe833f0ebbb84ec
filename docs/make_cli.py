"""Writes docs/cli.md from the command line itself: `python docs/make_cli.py`. A test keeps the two equal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from memcli.cli.app import app

PAGE = Path(__file__).with_name("cli.md")

HEAD = """# Command line

Written by `python docs/make_cli.py` from the code; do not edit.

Every verb also takes, anywhere on the line: `--root DIR` (the store of that folder alone), `-g`/`--global` (your personal
store), `--json` (for programs) and `--no-input` (never ask). What follows `--` is text, not an option. Data goes to stdout,
messages and hints to stderr. Aliases: `search` and `find` for `recall`, `remember` for `add`, `rm` for `forget`.

Exit codes: 0 ok, 1 nothing found, 2 not understood, 20 the store cannot be used, 21 there is none, 22 it is unsafe, 23 the
file changed or the path is taken, 24 the text holds a secret, 25 the text cannot be kept, 26 there is nothing to undo,
27 the index is out of step or unusable, 28 the model is missing or broken, 29 the source cannot be imported, 30 the disk
refused a write, 31 settings of an agent or of git cannot be changed safely, 32 packages are
missing that this verb needs, 33 only the user may do this, 70 something unforeseen, 130 interrupted.
"""


def page() -> str:
    """The whole page."""
    command: Any = typer.main.get_command(app)
    parts = [HEAD]
    for name, verb in command.commands.items():
        parts += _section(f"mem {name}", verb)
    return "\n".join(parts)


def _section(name: str, verb: Any) -> list[str]:
    about, _, example = (verb.callback.__doc__ or verb.help or "").strip().partition("Example: ")
    arguments = [p for p in verb.params if p.param_type_name == "argument"]
    options = [p for p in verb.params if p.param_type_name == "option" and "--help" not in p.opts]
    usage = " ".join([name, *(_argument(p) for p in arguments), *(["[options]"] if options else [])])
    lines = [f"## `{usage}`" if name.count(" ") == 1 else f"### `{usage}`", "", " ".join(about.split()), ""]
    if example:
        lines += ["```console", f"$ {' '.join(example.split())}", "```", ""]
    rows = [(_argument(p).strip("[]").replace("...", ""), p.help or "") for p in arguments if p.help]
    rows += [(", ".join([*p.opts, *p.secondary_opts]), p.help or "") for p in options]
    lines += [f"- `{flags}`: {meaning}" for flags, meaning in rows]
    lines += [""] if rows else []
    for child, command in getattr(verb, "commands", {}).items():
        lines += _section(f"{name} {child}", command)
    return lines


def _argument(parameter: Any) -> str:
    name = parameter.name.upper().rstrip("_") + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
