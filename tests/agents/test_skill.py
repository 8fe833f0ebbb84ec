"""The skill, and the rules that go into AGENTS.md: within the bounds of their formats, and every command in them works."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from memcli.memory import TYPES
from memcli.operations import NAMES
from memcli.store import Store
from tests.command import Result, run_mem

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
SKILL = (HOOKS / "skill" / "SKILL.md").read_text(encoding="utf-8")
RULES = (HOOKS / "rules" / "memcli.md").read_text(encoding="utf-8")
NAMED = (
    "k7q9d2xm3v4a",
    "h4d8s2aak9w2",
    "b2x5aaaaaaaa",
    "c9m4aaaaaaaa",
    "d3w8aaaaaaaa",
)  # memories that the examples speak of
FOUND_NOTHING = 1


@pytest.fixture
def store(store: Store) -> Store:
    """A store with the memories of the examples under their ids."""
    folder = Path(store.place.absolute("tree/auth"))
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMED):
        front = f"---\nid: {name}\ntype: fact\ncreated: 2026-01-0{number + 1}\n---\n"
        text = f"{front}# Note {number} on refresh tokens\n\nThe port is 80.\n"
        (folder / f"note-{number}.md").write_text(text, encoding="utf-8")
    store.sync()
    return store


def commands(text: str) -> Iterator[tuple[str, str]]:
    """(command line, what it reads) of the shell blocks of a text; comments taken off, here-documents taken apart."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        lines = iter(block.splitlines())
        for line in lines:
            if not line.startswith("mem"):
                continue
            command, here, end = line.partition(" <<")
            stdin: list[str] = []
            while here and (inner := next(lines)) != end.strip("'"):
                stdin.append(inner)
            yield command, "\n".join(stdin)


def mentioned(text: str) -> Iterator[str]:
    """Commands between backticks in running text."""
    yield from re.findall(r"`(mem [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def run(command: str, stdin: str = "") -> Result:
    return run_mem(*shlex.split(command, comments=True)[1:], stdin=stdin)


def test_the_frontmatter_is_that_of_a_skill() -> None:
    _, front, body = SKILL.split("---\n", 2)
    values = yaml.safe_load(front)
    assert values["name"] == "memcli" and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", values["name"])
    assert values.keys() <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert 100 < len(values["description"]) <= 1024 and "<" not in values["description"]
    assert len(body.splitlines()) < 200


def test_the_rules_are_short() -> None:
    assert len(RULES.strip().splitlines()) <= 12


def test_every_command_of_the_skill_works(store: Store) -> None:
    """In the order in which they stand, in one store, but each batch of curate on a store of its own."""
    ran = 0
    for command, stdin in commands(SKILL):
        if "curate" in command:
            continue
        done = run(command, stdin)
        allowed = {0, FOUND_NOTHING} if command.startswith("mem recall") else {0}
        assert done.code in allowed, (command, done.stderr)
        ran += 1
    assert ran >= 18


def test_the_batch_of_the_skill_works(store: Store) -> None:
    """Each operation is answered with an outcome that the skill names."""
    (batch,) = re.findall(r"```json\n(.*?)```", SKILL, re.DOTALL)
    asked = json.loads(batch)
    assert {operation["op"] for operation in asked} == set(NAMES)
    Path("tidy.json").write_text(batch, encoding="utf-8")
    ran = [(command, run(command)) for command, _ in commands(SKILL) if "curate" in command]
    assert [done.code for _, done in ran] == [0, 0], ran
    dry = ran[0][1].json()
    told = set(re.findall(r"`(\w+)`", SKILL.split("answered with an outcome:")[1].split("(")[0])) | {
        "exists",
        "refused",
    }
    assert {row["outcome"] for row in dry} == {"added", "changed", "merged", "superseded", "linked", "trashed"} <= told
    assert run("mem undo").code == 0
    assert run("mem show d3w8").code == 0


@pytest.mark.parametrize("text", [SKILL, RULES], ids=["skill", "rules"])
def test_commands_in_running_text_work(store: Store, text: str) -> None:
    """With something in place of what stands in capitals; `mem trust`, which is for people, only has to be there."""
    found = [command for command in mentioned(text) if command != "mem add"]
    assert found
    run("mem add 'something that can be undone'")
    for command in found:
        filled = command.replace("OLD", "h4d8").replace("ID", "k7q9").replace("…", "x")
        done = run(f"{filled} --help") if filled == "mem trust" else run(filled)
        assert done.code in {0, FOUND_NOTHING} if "recall" in filled else done.code == 0, (command, done.stderr)


def test_it_tells_of_every_type_that_an_agent_may_add() -> None:
    for type_ in TYPES:
        assert (f"| `{type_}` |" in SKILL) is (type_ not in ("episode", "reference"))
