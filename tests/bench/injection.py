"""What hooks would put before an agent, over the development suites, unrelated prompts, and prompts to coding agents.

    python -m tests.bench.injection ../shared [--stores DIR] [--ways warm cold] [--quick] [--hook N]

Puts to each suite's stores (made once, in DIR; slow, resumable): the suite's own questions as prompts, to those of LoCoMo and
LongMemEval the benign texts of ../shared/data/guard, and the 200 coding prompts of prompts/unrelated.txt; and to a project
of sixty memories (prompts/project.txt) sixty prompts that each need one of them. Counted is what `agents.inject.choose`
would inject:

    helpful     a gold turn is in the block, whole or as a piece of at least 200 characters of it
    silent      nothing is injected

`warm` goes by meaning and words, `cold` by words alone, as hooks do without the warm server. `--quick` takes every tenth
prompt; `--hook N` puts the first N prompts of each kind through `mem hook claude-code UserPromptSubmit` as well and compares.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from memcli import config
from memcli.agents import fence, inject
from memcli.encode import days
from memcli.guard import speech
from memcli.places import at_root
from memcli.recall.pipeline import Recall
from memcli.store import Store
from tests.bench import suites

PROMPTS = Path(__file__).parent / "prompts"
STORES = ("locomo", "longmemeval", "beam", "cosqa", "cofix")
OWN = ("locomo", "longmemeval", "beam")  # suites whose questions ask for what was said
BARS = ("locomo", "longmemeval")  # suites that the benign texts are put to, and that the bars speak of
SNIPPET = 200
PROJECT = "project"
TODAY = "2026-06-01"  # after the last memory of the project


class Prompt(NamedTuple):
    """A prompt for a store: what `kind` it is (answerable, unanswerable, benign, coding, related), the texts of which one
    should be injected, and when it is put, in seconds since the epoch."""

    kind: str
    text: str
    gold: tuple[str, ...]
    now: float


class Told(NamedTuple):
    """What came of a prompt."""

    suite: str
    prompt: Prompt
    text: str
    silent: str | None
    ms: float

    @property
    def helpful(self) -> bool:
        return any(holds(self.text, gold) for gold in self.prompt.gold)


def holds(block: str, text: str) -> bool:
    """Whether a block has this text, whole or a piece of at least SNIPPET characters of it, white space aside."""
    said, whole = _flat(block), _flat(speech.for_prompt(text))
    pieces = (said[at : at + SNIPPET] for at in range(len(said) - SNIPPET + 1))
    return bool(whole) and (whole in said or any(piece in whole for piece in pieces))


def _flat(text: str) -> str:
    return " ".join(text.split())


def sections(text: str) -> list[tuple[str, str]]:
    """(heading, body) of each part of a file of prompts: a part begins with a line "%% heading"."""
    parts = (part.partition("\n") for part in re.split(r"^%% ", text, flags=re.MULTILINE)[1:])
    return [(heading.strip(), body.strip("\n")) for heading, _, body in parts]


def unrelated() -> list[tuple[str, str]]:
    """(kind, prompt) of the coding prompts that no memory of the suites has to do with."""
    return sections((PROMPTS / "unrelated.txt").read_text(encoding="utf-8"))


def project() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The memories of a project, ("type name date", text), and prompts that need one of them, (name, prompt)."""
    memories, _, prompts = (PROMPTS / "project.txt").read_text(encoding="utf-8").partition("\n==\n")
    return sections(memories), sections(prompts)


def make_project(folder: Path, some: Iterable[str] | None = None) -> None:
    """A store of the project's memories, or of those of these names, embedded."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store.init(at_root(str(folder)))
    for heading, text in project()[0]:
        type_, name, date = heading.split()
        if some is not None and name not in some:
            continue
        path = Path(store.place.tree) / f"{type_}s" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ntype: {type_}\ncreated: {date}\n---\n{text}\n", encoding="utf-8")
    store.sync()


def scopes(shared: Path, stores: Path, names: Iterable[str]) -> Iterator[tuple[str, Path, list[Prompt]]]:
    """(suite, store, prompts) of each store."""
    benign = [row["text"] for row in suites.rows(shared / "data" / "guard" / "benign.jsonl")]
    coding = [text for _, text in unrelated()]
    for suite in names:
        documents = {row["id"]: row["text"] for row in suites.rows(shared / "data" / suite / "corpus.jsonl")}
        for scope, own, queries in suites.scopes(shared, suite):
            latest = max((row.get("date") or "" for row in own), default="") or TODAY
            prompts = []
            for query in queries if suite in OWN else ():
                lacks = query["category"].startswith("abst")
                gold = () if lacks else tuple(documents[name] for name in query["gold"] if name in documents)
                kind = "unanswerable" if lacks else "answerable"
                prompts.append(Prompt(kind, query["query"], gold, _seconds(query.get("now") or latest)))
            prompts += [Prompt("benign", text, (), _seconds(latest)) for text in benign if suite in BARS]
            prompts += [Prompt("coding", text, (), _seconds(latest)) for text in coding]
            yield suite, stores / suite / scope, prompts
    texts = {heading.split()[1]: text for heading, text in project()[0]}
    related = [Prompt("related", text, (texts[name],), _seconds(TODAY)) for name, text in project()[1]]
    yield PROJECT, stores / PROJECT, related + [Prompt("benign", text, (), _seconds(TODAY)) for text in benign]


def _seconds(date: str) -> float:
    return 86400.0 * ((days.day_of(date) or 0) - (days.day_of("1970-01-01") or 0)) + 43200


def tell(suite: str, store: Path, prompts: list[Prompt], *, cold: bool) -> Iterator[Told]:
    """Ask for each prompt as a new session would."""
    with Recall([at_root(str(store))], config.load(), lexical=cold) as recall:
        for prompt in prompts:
            began = time.perf_counter()
            chosen = inject.choose(recall, prompt.text, now=prompt.now)
            took = 1000 * (time.perf_counter() - began)
            text = fence.block(chosen.header, chosen.lines) if chosen.lines else ""
            if len(text) > inject.ROOM:
                raise AssertionError(f"{len(text)} characters for {prompt.text[:80]!r}")
            yield Told(suite, prompt, text, chosen.silent, took)


def shares(told: list[Told]) -> dict[str, float]:
    """The share of prompts that went as they should, by what the bars ask for."""
    found: dict[str, list[bool]] = {}

    def count(name: str, good: bool) -> None:
        found.setdefault(name, []).append(good)

    for one in told:
        kind = one.prompt.kind
        if kind in ("answerable", "related") and one.prompt.gold:
            count(f"helpful {one.suite}", one.helpful)
            if one.suite in BARS:
                count("helpful locomo + longmemeval", one.helpful)
        elif kind != "answerable":
            count(f"silent {kind}: {one.suite}", one.silent is not None)
            if kind == "coding":
                count("silent coding: all", one.silent is not None)
            elif kind == "benign" and one.suite in BARS:
                count("silent benign: locomo + longmemeval", one.silent is not None)
    return {name: sum(good) / len(good) for name, good in sorted(found.items())}


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown: one row for each share, one column for each way of asking."""
    names = sorted({name for result in results.values() for name in result})
    lines = [f"| | {' | '.join(results)} |", f"|---|{'---|' * len(results)}"]
    for name in names:
        cells = [f"{result[name]:.3f}".lstrip("0") if name in result else "" for result in results.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


# --- through the command line -----------------------------------------------------------------------------------------


def through_hook(store: Path, prompt: Prompt, number: int) -> str:
    """The block that `mem hook` puts before an agent in a new session in this folder; "" for silence."""
    payload = {
        "session_id": f"bench-{os.getpid()}-{number}", "cwd": str(store), "hook_event_name": "UserPromptSubmit",
        "prompt": prompt.text, "permission_mode": "default", "transcript_path": "",
    }  # fmt: skip
    command = [sys.executable, "-m", "memcli", "hook", "claude-code", "UserPromptSubmit"]
    done = subprocess.run(command, input=json.dumps(payload), capture_output=True, text=True, cwd=store, check=True)
    said = json.loads(done.stdout) if done.stdout.strip() else {}
    return str(said.get("hookSpecificOutput", {}).get("additionalContext", ""))


def compare_with_hook(told: list[Told], stores: dict[str, Path], count: int) -> str:
    """How the hook does on the first `count` prompts of each suite and kind, beside what was decided in this process."""
    lines = []
    by_kind: dict[tuple[str, str], list[Told]] = {}
    for one in told:
        by_kind.setdefault((one.suite, one.prompt.kind), []).append(one)
    for (suite, kind), some in by_kind.items():
        same = good = 0
        for number, one in enumerate(some[:count]):
            text = through_hook(stores[suite], one.prompt, number)
            same += text == one.text
            helped = one._replace(text=text).helpful if one.prompt.gold else not text
            good += helped
        lines.append(f"{suite} {kind}: {good} of {len(some[:count])} as wanted, {same} the same as in process")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("suites", nargs="*", default=list(STORES))
    parser.add_argument("--stores", type=Path, default=Path("build/injection"))
    parser.add_argument("--ways", nargs="+", choices=("warm", "cold"), default=["warm", "cold"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--hook", type=int, default=0)
    arguments = parser.parse_args()
    suites.at_home(arguments.stores)
    for suite in arguments.suites:
        for scope, _, _ in suites.scopes(arguments.shared, suite):
            if not (arguments.stores / suite / scope / ".mem").exists():
                suites.build(arguments.shared, arguments.stores, [suite])
    if not (arguments.stores / PROJECT / ".mem").exists():
        make_project(arguments.stores / PROJECT)
    results: dict[str, dict[str, float]] = {}
    for way in arguments.ways:
        told: list[Told] = []
        first: dict[str, Path] = {}
        for suite, store, prompts in scopes(arguments.shared, arguments.stores, arguments.suites):
            if arguments.quick:
                prompts = prompts[::10]
            told += tell(suite, store, prompts, cold=way == "cold")
            first.setdefault(suite, store)
            print(f"{way}: {suite} {store.name}", file=sys.stderr, flush=True)
            if arguments.hook and way == "warm" and first[suite] == store:
                mine = [one for one in told if one.suite == suite]
                print(compare_with_hook(mine, first, arguments.hook), file=sys.stderr, flush=True)
        results[way] = shares(told)
    print(table(results))


if __name__ == "__main__":
    main()
