"""The documentation says what is so: the CLI reference is generated, settings and exit codes are all described."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from memcli import config, errors
from memcli.cli import recall as lean
from memcli.cli.app import VERBS, app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def test_cli_reference_is_current() -> None:
    """docs/cli.md is what docs/make_cli.py writes."""
    spec = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == module.page(), "run: python docs/make_cli.py"


def test_verbs_are_the_registered_ones() -> None:
    """The verbs that typos are compared with are those that exist."""
    import typer

    assert set(VERBS) == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_every_verb_has_an_example() -> None:
    """Help without an example is half a help."""
    import typer

    def walk(command: object) -> list[object]:
        return [command, *(child for sub in getattr(command, "commands", {}).values() for child in walk(sub))]

    for command in walk(typer.main.get_command(app))[1:]:
        if command.no_args_is_help:  # type: ignore[attr-defined]
            continue
        assert "Example: mem " in (command.callback.__doc__ or ""), command.name  # type: ignore[attr-defined]


def test_lean_recall_has_the_options_of_its_declaration() -> None:
    """`mem recall` is parsed without Typer; the two must take the same options."""
    import typer

    command = typer.main.get_command(app).commands["recall"]  # type: ignore[attr-defined]
    declared = {flag for p in command.params for flag in p.opts if flag.startswith("-") and "help" not in flag}
    assert declared - {"-h"} == set(lean.VALUES) | set(lean.FLAGS)


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda setting: setting.name)
def test_settings_are_documented(setting: config.Setting) -> None:
    assert f"`{setting.name}`" in (DOCS / "format.md").read_text(encoding="utf-8")


def test_exit_codes_are_documented() -> None:
    """Each error class has a code of its own beyond 2, and the reference names it."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.MemError)]
    codes = [c.exit_code for c in classes if c.exit_code >= 20 and c is not errors.MemError]
    assert len(codes) == len(set(codes))
    for code in codes:
        assert re.search(rf"\b{code}\b", text), code


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
