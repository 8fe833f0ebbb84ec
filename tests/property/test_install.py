"""Installing into settings that others wrote: 1,000 random files with `--full`, a tenth of them otherwise."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.agents.install import jsontext, merge, targets
from memcli.agents.install.command import Command
from memcli.agents.install.manifest import opened
from memcli.agents.install.plans import Wish, plan, removal
from tests.agents.configurations import BOM, OURS, settings

# Agents whose JSON is edited: (file, events, whether hooks stand in no groups, keys that are ours to add)
EDITED = {
    "claude-code": (".claude/settings.json", ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"), False, ()),
    "codex": (".codex/hooks.json", ("SessionStart", "UserPromptSubmit", "Stop", "PreCompact"), False, ()),
    "gemini-cli": (".gemini/settings.json", ("SessionStart", "BeforeAgent", "AfterAgent"), False, ()),
    "qwen-code": (".qwen/settings.json", ("SessionStart", "UserPromptSubmit", "Stop"), False, ()),
    "cursor": (".cursor/hooks.json", ("sessionStart", "stop", "afterAgentResponse"), True, ("version",)),
}
EACH_FULL, EACH = 200, 20
PROGRAM = "/home/some one/.local/bin/mem"


def numbers(full: bool) -> range:
    return range(EACH_FULL if full else EACH)


def a_wish(rng: random.Random, scope: str = "user") -> Wish:
    return Wish(scope, os.getcwd(), Command(PROGRAM), capture=rng.random() < 0.5, allow=rng.random() < 0.3)


def install(name: str, wish: Wish) -> int:
    """Install; returns how many files changed."""
    with opened() as known:
        planned = plan(targets.load(name), wish, known)
        planned.apply(known)
    return len(planned.changes)


def uninstall(name: str, wish: Wish) -> None:
    with opened() as known:
        removal(targets.load(name), wish, known).apply(known)


def foreign(data: bytes) -> Any:
    """A document without the hooks that are ours, found by their words and not as the installer finds them."""
    document = json.loads(data.removeprefix(BOM), parse_float=str, parse_int=str)

    def ours(entry: Any) -> bool:
        command = entry.get("command", "") if isinstance(entry, dict) else ""
        starts = ("mem hook ", "/opt/old/bin/mem hook ", "'/home/", "command -v mem >")
        return isinstance(command, str) and command.startswith(starts) and "&& mem status" not in command

    hooks = document.get("hooks", {})
    for event, groups in list(hooks.items()):
        if not isinstance(groups, list):
            continue
        for group in groups:
            if "hooks" in group:
                group["hooks"] = [entry for entry in group["hooks"] if not ours(entry)]
        kept = [group for group in groups if not ours(group) and group.get("hooks", True)]
        hooks[event] = kept
    document["hooks"] = {event: groups for event, groups in hooks.items() if groups}
    allowed = document.get("permissions", {}).get("allow") if isinstance(document.get("permissions"), dict) else None
    if isinstance(allowed, list):
        document["permissions"]["allow"] = [rule for rule in allowed if not rule.startswith("Bash(mem ")]
    return {key: value for key, value in document.items() if value not in ({}, [], {"allow": []}) and key != "version"}


@pytest.mark.parametrize("name", EDITED)
def test_twice_is_once_and_back_is_back(name: str, home: Path, full: bool) -> None:
    path, events, flat, top = EDITED[name]
    for seed in numbers(full):
        rng = random.Random(f"{name} {seed}")
        file = home / path
        file.parent.mkdir(exist_ok=True)
        before = settings(rng, name, events, flat=flat, top=top)
        file.write_bytes(before)
        os.chmod(file, 0o640)
        wish = a_wish(rng)
        install(name, wish)
        once = file.read_bytes()
        assert install(name, wish) == 0, seed
        assert file.read_bytes() == once, seed
        assert foreign(once) == foreign(before), seed
        assert once.startswith(BOM) == before.startswith(BOM)
        assert file.stat().st_mode & 0o777 == 0o640
        uninstall(name, wish)
        assert file.read_bytes() == before, seed
        assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", EDITED)
def test_what_others_changed_since_stays(name: str, home: Path, full: bool) -> None:
    """Between installing and uninstalling somebody adds a hook and a setting: these stay, and only ours go."""
    path, events, flat, top = EDITED[name]
    for seed in numbers(full):
        rng = random.Random(f"changed {name} {seed}")
        file = home / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(settings(rng, name, events, flat=flat, top=top))
        wish = a_wish(rng)
        install(name, wish)
        text = file.read_bytes().removeprefix(BOM).decode()
        theirs: dict[str, Any] = {"command": f"their own {seed}"}
        group = theirs if flat else {"hooks": [theirs]}
        text = jsontext.append(text, ("hooks", events[0]), group)
        text = jsontext.append(text, (), {"since": [1.50]}, f"key {seed}")
        file.write_bytes(text.encode())
        uninstall(name, wish)
        after = file.read_bytes()
        assert foreign(after) == foreign(text.encode()), seed
        assert not list(merge.ours(jsontext.read(after.decode()))), seed
        assert f'"their own {seed}"' in after.decode()


@pytest.mark.parametrize("name", EDITED)
def test_hooks_of_an_older_mem_are_replaced_where_they_are(name: str, home: Path, full: bool) -> None:
    """What an older version, or a person, wrote becomes what is written today, once; with or without a manifest."""
    path, events, flat, top = EDITED[name]
    for seed in numbers(full):
        rng = random.Random(f"older {name} {seed}")
        file = home / path
        file.parent.mkdir(exist_ok=True)
        before = settings(rng, name, events, flat=flat, with_ours=True, top=top)
        file.write_bytes(before)
        wish = a_wish(rng)
        install(name, wish)
        once = file.read_bytes()
        commands = [entry["command"] for _, _, entry in merge.ours(jsontext.read(once.removeprefix(BOM).decode()))]
        assert len(commands) == len(set(commands)), seed
        assert all(command.startswith(f"'{PROGRAM}' hook {name} ") for command in commands), seed
        assert foreign(once) == foreign(before), seed
        assert install(name, wish) == 0, seed
        if rng.random() < 0.5:
            (home / "state" / "mem" / "hooks-manifest.json").unlink()
        uninstall(name, wish)
        assert foreign(file.read_bytes()) == foreign(before), seed
        assert not list(merge.ours(jsontext.read(file.read_bytes().removeprefix(BOM).decode()))), seed


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def containers(value: Any, path: jsontext.Path = ()) -> list[jsontext.Path]:
    """The paths of all objects and lists in a document."""
    if not isinstance(value, dict | list):
        return []
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(found for key, item in parts for found in containers(item, (*path, key)))]


@given(
    document=st.dictionaries(st.text(max_size=4), _JSON, max_size=4),
    added=_JSON,
    indent=st.sampled_from((None, 1, 2, "\t", "")),
    separators=st.sampled_from(((",", ":"), (", ", ": "), (",", ": "))),
    ascii_only=st.booleans(),
    place=st.randoms(use_true_random=False),
)
def test_taking_out_what_was_put_in_gives_the_text_back(
    document: dict[str, Any], added: Any, indent: Any, separators: Any, ascii_only: bool, place: random.Random
) -> None:
    """In any container of any document, and nothing else of the document changes."""
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=ascii_only)
    path = place.choice(containers(document))
    holder: Any = document
    for part in path:
        holder = holder[part]
    key = None if isinstance(holder, list) else "a key that no document has"
    at = (*path, len(holder) if key is None else key)
    longer = jsontext.append(text, path, added, key)
    if isinstance(holder, list):
        holder.append(added)
    else:
        holder[key] = added
    assert json.loads(longer) == document
    assert jsontext.remove(longer, at) == text
    replaced = json.loads(jsontext.replace(longer, at, 7))
    for part in at:
        replaced = replaced[part]
    assert replaced == 7


@pytest.mark.parametrize("line", OURS)
def test_what_the_generator_calls_ours_is_ours(line: str) -> None:
    from memcli.agents.install.ownership import is_our_line

    assert is_our_line(line.format(agent="codex", event="Stop"))
