"""Hidden text reaches no prompt and no terminal, by any command that prints what memories say; and legitimate text is unharmed.

Every case lies in a memory of its own, in its text, its title, its tags and its source, written by the user, so that nothing
else keeps it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.guard import speech
from memcli.guard.hidden import printable
from memcli.store import Store
from tests.command import run_mem
from tests.security.concealed import CASES, CODE, HARMLESS, Case

_AGENT_TURN = re.compile(r"(?im)^[\s>*#-]*(?:human|assistant|system)\s*:")
_TITLE, _SOURCE = "Zones", "origin"


def word(number: int) -> str:
    """A word that no other memory has."""
    return "qu" + "".join("bcdfghjklm"[int(digit)] + "a" for digit in f"{number:03}") + "x"


NUMBERS = {name: number for number, name in enumerate(CASES)}


def quoted(text: str) -> str:
    """A text as YAML can hold it: control characters as escapes, everything else as it is."""
    return re.sub("[\x7f-\x9f]", lambda found: f"\\x{ord(found.group()):02x}", json.dumps(text, ensure_ascii=False))


def memory(number: int, text: str) -> str:
    inline = " ".join(text.split())
    front = f"---\ntitle: {quoted(f'{_TITLE} {word(number)} {inline}')}\ntags: [{quoted(inline[:60])}]\n"
    front += f"source: {quoted(f'{_SOURCE} {inline}')}\ntype: decision\n---\n"
    return f"{front}The {word(number)} gateway of the payment cluster says: {text}\n"


@pytest.fixture
def full_of_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MEM_HOOK_DEADLINE_MS", "30000")
    for name, case in CASES.items():
        path = Path(store.place.tree) / "zones" / f"{word(NUMBERS[name])}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(memory(NUMBERS[name], case.text).encode())
    run_mem("index")
    return store


def test_there_are_eighty_cases_and_forty_harmless_texts() -> None:
    assert len(CASES) >= 80 and len(HARMLESS) >= 40


# --- prompts ---------------------------------------------------------------------------------------------------------


def in_prompt(agent: str, event: str, number: int, here: str) -> str:
    """What an agent's model reads after a hook that is asked about one case."""
    prompt = f"what does the {word(number)} gateway of the payment cluster say"
    call = {
        "session_id": f"s{number}", "sessionId": f"s{number}", "cwd": here, "hook_event_name": event, "prompt": prompt,
        "source": "startup" if event == "SessionStart" else "user",
    }  # fmt: skip
    printed = run_mem("hook", agent, event, stdin=json.dumps(call)).stdout
    assert printed.isascii()  # escaped, so that no terminal or log obeys it either
    reply = json.loads(printed) if printed.strip() else {}
    return str(reply.get("additionalContext") or reply.get("hookSpecificOutput", {}).get("additionalContext", ""))


def check_prompt(block: str, case: Case) -> None:
    assert block == printable(block)
    head, _, rest = block.partition("\n")
    said, _, end = rest.rpartition("\n")
    assert head.startswith("[memcli] ") and end == "[/memcli]"
    for forbidden in case.never:
        assert forbidden.lower() not in said.lower(), said
    assert not any(_AGENT_TURN.match(line) for line in said.split("\n"))
    assert all(line.startswith("- ") for line in said.split("\n")), said


@pytest.mark.parametrize(
    ("agent", "event"), [("claude-code", "UserPromptSubmit"), ("copilot-cli", "userPromptSubmitted")]
)
def test_no_prompt_has_it(agent: str, event: str, full_of_them: Store) -> None:
    for name, case in CASES.items():
        block = in_prompt(agent, event, NUMBERS[name], full_of_them.place.project)
        assert word(NUMBERS[name]) in block, f"{name}: nothing was said, which tests nothing"
        check_prompt(block, case)


def test_no_brief_has_it(store: Store, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM_HOOK_DEADLINE_MS", "30000")
    for number, (name, case) in enumerate(CASES.items()):
        path = Path(store.place.tree) / "only.md"
        path.write_bytes(memory(number, case.text).encode())
        run_mem("index")
        block = in_prompt("claude-code", "SessionStart", number, store.place.project)
        assert word(number) in block, name
        check_prompt(block, case)
        if full or number % 7 == 0:
            printed = run_mem("context").stdout
            assert word(number) in printed
            check_prompt(printed.rstrip("\n"), case)


# --- terminals -------------------------------------------------------------------------------------------------------

PATHS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "recall": lambda asked: ("recall", f"{asked} gateway"),
    "recall explained": lambda asked: ("recall", f"{asked} gateway", "--explain"),
    "recall as json": lambda asked: ("recall", f"{asked} gateway", "--json"),
    "show": lambda asked: ("show", f"tree/zones/{asked}"),
    "show as json": lambda asked: ("show", f"tree/zones/{asked}", "--json"),
    "history": lambda asked: ("log", f"tree/zones/{asked}"),
}
LISTS = {
    "ls": ("ls",), "ls as json": ("ls", "--json"), "ls as a tree": ("ls", "--tree"), "log": ("log",),
    "log as json": ("log", "--json"), "status": ("status",), "doctor": ("doctor",), "doctor as json": ("doctor", "--json"),
    "review": ("review", "--list"), "review as json": ("review", "--json"), "trust": ("trust",),
    "trust as json": ("trust", "--json"), "differences": ("trust", "--diff"),
    "differences as json": ("trust", "--diff", "--json"),
    "what was injected": ("log", "--injected"), "context explained": ("context", "--prompt", "the gateway says", "--explain"),
}  # fmt: skip


def check_terminal(*arguments: str) -> str:
    result = run_mem(*arguments)
    for printed in (result.stdout, result.stderr):
        assert printed == printable(printed), [c for c in printed if printable(c) != c and c != "\n"]
    return result.stdout


def test_no_terminal_has_it(full_of_them: Store, full: bool) -> None:
    for number, name in enumerate(CASES):
        paths = list(PATHS) if full else [list(PATHS)[number % len(PATHS)], "recall"]
        for path in paths:
            said = check_terminal(*PATHS[path](word(number)))
            assert word(number) in said or path == "history", name


def test_no_list_has_it(full_of_them: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as agent:  # what may be quarantined, and what is told of a write
        agent.setenv("CLAUDECODE", "1")
        for number, case in enumerate(CASES.values()):
            title = f"agents {word(number)} {' '.join(case.text.split())}"
            check_terminal("add", f"Agents say {case.text}", "--title", title)
    check_terminal("trust", "revoke", *[f"tree/zones/{word(number)}" for number in range(len(CASES))])
    for path, arguments in LISTS.items():
        said = check_terminal(*arguments)
        assert said.strip() or "injected" in path, path
    listed = run_mem("trust", "--json").json()
    assert len(listed) == len(CASES) == len(run_mem("trust", "--diff", "--json").json())
    assert len(run_mem("review", "--json").json()) >= 20


# --- what is legitimate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HARMLESS)
def test_legitimate_text_is_said_as_it_is(name: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM_HOOK_DEADLINE_MS", "30000")
    text = HARMLESS[name]
    assert speech.for_prompt(text) == text and speech.suspicious(text) is None
    run_mem("add", f"The {word(7)} gateway of the payment cluster says: {text}", "--title", f"Zone {word(7)}")
    assert text in in_prompt("claude-code", "UserPromptSubmit", 7, store.place.project)
    assert text in run_mem("show", f"Zone {word(7)}").stdout


@pytest.mark.parametrize("text", CODE)
def test_code_is_said_as_it_is(text: str) -> None:
    assert speech.for_prompt(text) == text
    assert speech.suspicious(text) is None


@pytest.mark.parametrize("name", CASES)
def test_cleaning_twice_is_cleaning_once(name: str) -> None:
    once = speech.for_prompt(CASES[name].text)
    assert speech.for_prompt(once) == once and "\n" not in once


@pytest.mark.parametrize(
    "part", ["<!--", "![", "[a](//x?q=", "<a ", "[memcli ", "ignore the ", "send your ", "human:", "<<", "//a?b="]
)
def test_no_text_takes_long(part: str) -> None:
    import time

    began = time.perf_counter()
    speech.for_prompt(part * 20_000)
    speech.suspicious(part * 20_000)
    assert time.perf_counter() - began < 3.0


def test_how_many_ordinary_texts_are_suspicious(shared: Path) -> None:
    texts = (shared / "data/guard/benign.jsonl").read_text(encoding="utf-8").splitlines()
    flagged = [text for line in texts if speech.suspicious(text := json.loads(line)["text"])]
    assert len(flagged) <= len(texts) / 100
