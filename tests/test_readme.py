"""The README shows what its first command really prints, numbers and ids aside."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.command import run_mem

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def shape(text: str) -> list[str]:
    """Lines without what differs from run to run: ids, dates, paths above the store, the last digits of scores."""
    text = re.sub(r"\S*/\.mem\b(?=  )", "STORE", text)
    text = re.sub(r"^[a-z][a-z0-9]{11}$", "ID", text, flags=re.M)
    text = re.sub(r"^[a-z][a-z0-9]{3,11}  ", "ID  ", text, flags=re.M)
    return [re.sub(r"\d+", "#", line).rstrip() for line in text.strip().splitlines()]


def test_the_first_command_prints_what_is_shown() -> None:
    command = README.split("```sh\n", 1)[1].split("```", 1)[0].replace("\\\n", " ")
    shown = README.split("What it prints:", 1)[1].split("```console\n", 1)[1].split("```", 1)[0]
    printed = ""
    for step in command.split("&&"):
        words = shlex.split(step.replace("$(", "").replace(")", ""))
        if words[0] == "mem":
            printed += run_mem(*words[1:], model=True).stdout
    assert shape(printed) == shape(shown)


def test_ci_runs_the_second_command() -> None:
    """`.ci/run` calls exactly what the README tells a developer to run."""
    command = README.split("## Develop", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0].strip()
    ci = (Path(__file__).resolve().parents[1] / ".ci" / "run").read_text(encoding="utf-8")
    assert command in ci.splitlines()
