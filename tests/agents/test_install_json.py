"""Editing JSON as text, and knowing whose a command is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memcli.agents.install import jsontext, merge
from memcli.agents.install.ownership import is_our_line, is_ours
from memcli.errors import SettingsRefused

OURS = [
    "mem hook claude-code SessionStart",
    "/usr/local/bin/mem hook codex Stop",
    "'/home/some one/bin/mem' hook codex Stop",
    '"/home/some one/bin/mem" hook codex Stop',
    "command -v mem >/dev/null 2>&1 && mem hook codex Stop || true",
    "command -v mem > /dev/null 2>&1 && mem hook codex Stop 2>/dev/null || :",
    "command -v '/a b/mem' >/dev/null && '/a b/mem' hook codex Stop || exit 0",
    r'"C:\Program Files\mem\mem.exe" hook codex Stop',
    r"C:\tools\mem.exe hook codex Stop",
]
NOT_OURS = [
    "mem",
    "mem hooks status",
    "mem recall hook",
    "memory hook x",
    "/usr/bin/mem-hook x",
    "echo mem hook codex Stop",
    "bash -c 'mem hook codex Stop'",
    "my-setup && mem hook codex Stop",
    "mem hook codex Stop; rm -rf build",
    "mem hook codex Stop | tee log",
    "mem hook codex Stop && mem hook codex Stop",
    "an unclosed 'quotation mem hook x",
    "",
]


@pytest.mark.parametrize("line", OURS)
def test_ours(line: str) -> None:
    assert is_our_line(line)
    assert is_ours({"type": "command", "command": line})
    assert is_ours({"bash": line, "powershell": "whatever"})


@pytest.mark.parametrize("line", NOT_OURS)
def test_not_ours(line: str) -> None:
    assert not is_our_line(line)
    assert not is_ours({"command": line})


def test_programs_with_arguments() -> None:
    assert is_ours({"command": "/a b/mem", "args": ["hook", "claude-code", "Stop"]})
    assert not is_ours({"command": "/a b/mem", "args": ["status"]})
    assert not is_ours({"command": "python3", "args": ["mem", "hook"]})
    for odd in (None, 3, "mem hook x", [], {}, {"command": 3}, {"command": None, "args": "hook"}):
        assert not is_ours(odd)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("{}", '{\n  "k": [\n    1\n  ]\n}'),
        ("[]", None),
        ('{"a":1}', '{"a":1,"k":[1]}'),
        ('{"a": 1}', '{"a": 1, "k": [1]}'),
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"k": [\n\t\t1\n\t]\n}\n'),
        ('{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "k": [\r\n        1\r\n    ]\r\n}'),
        ('{\n}', '{\n  "k": [\n    1\n  ]\n}'),
        ('{ "a": 1 ,\n  "b": {} }', '{ "a": 1 ,\n  "b": {},\n  "k": [1] }'),
    ],
)  # fmt: skip
def test_a_member_is_written_as_its_neighbours_are(text: str, after: str | None) -> None:
    if after is None:
        with pytest.raises(SettingsRefused):
            merge.merge(text, {"k": [1]})
        return
    added = jsontext.append(text, (), [1], "k")
    assert json.loads(added)["k"] == [1]
    assert added == after or "k" not in after
    assert jsontext.remove(added, ("k",)) in (text, "{}", text.replace("{\n}", "{\n}"))


def test_a_repeated_key_counts_where_readers_see_it() -> None:
    """The last of equal keys is what every reader takes."""
    text = '{"hooks": {"Stop": [1]}, "hooks": {"Stop": [2]}}'
    span = jsontext.find(text, ("hooks", "Stop", 0))
    assert span is not None
    assert text[span.start : span.end] == "2"


@pytest.mark.parametrize(
    ("text", "line"),
    [('{\n"a": 1,\n}', 3), ('{\n// x\n}', 2), ("{'a': 1}", 1), ("", 1), ("{} {}", 1), ('{"a": "\t"}', 1)],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SettingsRefused, match=f"line {line}"):
        jsontext.read(text)


def test_numbers_keep_their_spelling_and_may_be_long() -> None:
    text = '{"a": 1.50, "b": 1E+2, "c": ' + "9" * 5000 + "}"
    assert jsontext.read(text)["a"] == ("number", "1.50")
    assert merge.merge(text, {"hooks": {"Stop": [{"hooks": [{"command": "mem hook codex Stop"}]}]}})[0].startswith(
        text[:-1]
    )


@pytest.mark.parametrize("depth", [50, 1000, 100_000])
def test_depth(depth: int) -> None:
    text = '{"a": ' + "[" * depth + "]" * depth + "}"
    if depth < jsontext.MAX_DEPTH:
        assert jsontext.read(text)
    else:
        with pytest.raises(SettingsRefused, match="deep"):
            jsontext.read(text)


def test_our_group_goes_behind_all_others_and_stays_there() -> None:
    """Codex trusts a hook by its place in the file."""
    theirs = {"hooks": [{"command": "x"}]}
    wanted = {"hooks": {"Stop": [{"hooks": [{"command": "mem hook codex Stop", "timeout": 10}]}]}}
    text, _ = merge.merge(json.dumps({"hooks": {"Stop": [theirs, theirs]}}), wanted)
    groups: list[Any] = json.loads(text)["hooks"]["Stop"]
    assert groups[:2] == [theirs, theirs]
    later = json.dumps({"hooks": {"Stop": [*groups, {"hooks": [{"command": "y"}]}]}})
    newer = {"hooks": {"Stop": [{"hooks": [{"command": "/new/mem hook codex Stop", "timeout": 10}]}]}}
    moved = json.loads(merge.merge(later, newer)[0])["hooks"]["Stop"]
    assert [group["hooks"][0]["command"] for group in moved] == ["x", "x", "/new/mem hook codex Stop", "y"]


def test_a_sibling_in_our_group_stays_in_it() -> None:
    wanted = {"hooks": {"Stop": [{"hooks": [{"command": "mem hook codex Stop", "timeout": 10}]}]}}
    text = (
        '{"hooks": {"Stop": [{"matcher": "m", "hooks": [{"command": "mem hook codex Stop"}, {"command": "theirs"}]}]}}'
    )
    (group,) = json.loads(merge.merge(text, wanted)[0])["hooks"]["Stop"]
    assert group == {
        "matcher": "m",
        "hooks": [{"command": "mem hook codex Stop", "timeout": 10}, {"command": "theirs"}],
    }
    assert json.loads(merge.unmerge(text, None)) == {
        "hooks": {"Stop": [{"matcher": "m", "hooks": [{"command": "theirs"}]}]}
    }


def test_what_was_empty_before_us_stays() -> None:
    """Containers that we did not make stay, empty as they were."""
    wanted = {"hooks": {"Stop": [{"hooks": [{"command": "mem hook codex Stop"}]}]}}
    for text in ('{"hooks": {}}', '{"hooks": {"Stop": []}}', '{"hooks":{"Stop":[],"Start":[]},"x":{}}'):
        merged, made = merge.merge(text, wanted)
        assert json.loads(merge.unmerge(merged, made)) == json.loads(text)
