"""Sessions at the command line, as people read them: each `*.txt` here is run and must print what it shows.

    # a comment
    $ mem add "text" --type decision      a command (words are split as a shell does; `<<< text` gives it stdin, `NAME=value`
                                          before it an environment variable)
    {id}  …                               what it prints, stdout and stderr; `{name}` stands for any word and, seen again,
                                          for the same word; `{…}` for anything on a line
    [1]                                   its exit code, when it is not 0

The model is off, so that scores do not depend on it, except in sessions whose first line is `# with the model`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import run_mem

SESSIONS = sorted(Path(__file__).parent.glob("*.txt"))


def steps(text: str) -> list[tuple[int, str, list[str]]]:
    """(line number, command, expected lines) of each step."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            found.append((number, line[2:], []))
        elif found and not line.startswith("#"):
            found[-1][2].append(line)
    return found


def pattern_of(line: str, known: dict[str, str]) -> re.Pattern[str]:
    """A regular expression for an expected line; names seen before stand for what they matched."""
    parts = []
    for part in re.split(r"(\{\w+\}|\{…\})", line):
        name = part[1:-1]
        if part == "{…}":
            parts.append(".*")
        elif re.fullmatch(r"\{\w+\}", part):
            parts.append(re.escape(known[name]) if name in known else f"(?P<{name}>\\S+)")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_session(session: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = session.read_text(encoding="utf-8")
    known: dict[str, str] = {}
    for number, command, expected in steps(text):
        for name, value in known.items():
            command = command.replace("{" + name + "}", value)
        command, _, stdin = command.partition(" <<< ")
        words = shlex.split(command)
        where = f"{session.name}:{number}: $ {command}"
        if words[0] == "write":  # write FILE <<< text: somebody else edits a file
            path = Path(words[1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stdin.encode().decode("unicode_escape"), encoding="utf-8")
            continue
        with monkeypatch.context() as environment:
            while "=" in words[0]:
                environment.setenv(*words.pop(0).split("=", 1))
            assert words[0] == "mem", where
            result = run_mem(
                *words[1:], stdin=stdin.encode().decode("unicode_escape"), model=text.startswith("# with the model")
            )
        code = 0
        while expected and not expected[-1].strip():
            expected.pop()
        if expected and (match := re.fullmatch(r"\[(\d+)\]", expected[-1])):
            code = int(match.group(1))
            expected = expected[:-1]
        printed = [line.rstrip() for line in (result.stdout + result.stderr).splitlines()]
        assert len(printed) == len(expected), f"{where}\nprinted:\n" + "\n".join(printed)
        for line, wanted in zip(printed, expected, strict=True):
            match_line = pattern_of(wanted.rstrip(), known).fullmatch(line)
            assert match_line, f"{where}\nexpected: {wanted}\nprinted:  {line}\nall:\n" + "\n".join(printed)
            known.update(match_line.groupdict())
        assert result.code == code, f"{where}: exit code {result.code}\n" + "\n".join(printed)
