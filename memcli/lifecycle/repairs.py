"""Commands of an agent that failed where another, soon after, did what was meant.

Goes by the lines with which importers of sessions list what was done: "- ran: pytest -q (failed, exit code 1)", "- edited:
src/a.py". A failure that a changed file mended is no lesson about commands, nor is one of a command that only looks, that was
refused, or that worked another time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WITHIN = 6  # commands after one failed among which another may have done what was meant

_DID = re.compile(
    r"^- (ran|edited|wrote|deleted): (.+?)(?: \((failed|refused|interrupted)(?:, exit code \d+)?\))?$", re.MULTILINE
)
_LOOKING = """
ls cat head tail grep rg find fd cd pwd echo which whereis type file stat wc sed awk less more tree du df ps env printenv test
[ diff cmp history man date sleep true false kill pkill open xdg-open pbcopy
"""
_RUNNERS = """
npm pnpm yarn bun deno node run exec python -m make go cargo git docker compose podman uv poetry bundle mix gradle gradlew
mvn dotnet rake rails php composer pip cd
"""
_PREFIXES = "sudo time env nohup command exec then do npx uvx pipx"
_ASIDE = re.compile(r"\s(?:\||2?>|&>|;)")  # from here on a command says what becomes of its output
_VARIABLE = re.compile(r"[A-Z_]+=\S*")
_WORD = re.compile(r"[A-Za-z0-9_./@:=-]+")


class Repair(NamedTuple):
    """The command that failed, the one that worked, and the anchor of the turn in which it did."""

    failed: str
    worked: str
    anchor: str


class _Ran(NamedTuple):
    command: str
    failed: bool
    anchor: str
    changes: int  # of files, before it


def repairs(turns: Iterable[tuple[str, str]]) -> Iterator[Repair]:
    """The repairs in a session, from the agent's turns, (anchor, text) each; every pair of commands once."""
    ran = list(_ran(turns))
    worked = {one.command for one in ran if not one.failed}
    seen: set[tuple[str, str]] = set()
    for n, bad in enumerate(ran):
        if not bad.failed or bad.command in worked:
            continue
        for good in ran[n + 1 : n + 1 + WITHIN]:
            if good.changes != bad.changes:
                break
            if not good.failed and _means_the_same(bad.command, good.command):
                if (bad.command, good.command) not in seen:
                    seen.add((bad.command, good.command))
                    yield Repair(bad.command, good.command, good.anchor)
                break


def _ran(turns: Iterable[tuple[str, str]]) -> Iterator[_Ran]:
    changes = 0
    for anchor, text in turns:
        for verb, what, how in _DID.findall(text):
            if verb != "ran":
                changes += 1
            elif how not in ("refused", "interrupted") and "`" not in what and not what.endswith("…"):
                yield _Ran(what, how == "failed", anchor, changes)


def _means_the_same(bad: str, good: str) -> bool:
    """Whether two commands are about the same thing: most of what they name, besides the programs that only run others, is
    named by both, and neither only looks."""
    first, second = _words(bad), _words(good)
    if not first or not second or {first[0], second[0]} & set(_LOOKING.split()):
        return False
    if first == second:
        return bad != good and good.endswith(bad)  # with a variable set
    a, b = ({_spelt(word) for word in words} - set(_RUNNERS.split()) for words in (first, second))
    shared = len(a & b)
    return shared > 0 and shared >= 0.5 * min(len(a), len(b)) and shared >= 0.25 * max(len(a), len(b))


def _words(command: str) -> list[str]:
    """The words of a command without what surrounds it: filters of its output, variables, programs that only start it."""
    command = _ASIDE.split(f"{command} ")[0].rpartition("&&")[2]
    words = _WORD.findall(command)
    while words and (words[0] in _PREFIXES.split() or _VARIABLE.fullmatch(words[0])):
        words = words[1:]
    return words


def _spelt(word: str) -> str:
    """A word by what is alike in its spellings: docker-compose and compose, python and python3, ./gradlew and gradlew."""
    return re.sub(r"(?<=[a-z])[\d.]+$", "", word.removeprefix("./").removeprefix("docker-")) or word
