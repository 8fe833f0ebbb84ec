"""Random settings files of coding agents, as people and programs write them: valid JSON in every dress."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

BOM = b"\xef\xbb\xbf"
_WORDS = (
    "model",
    "env",
    "theme",
    "mcpServers",
    "statusLine",
    "hooksConfig",
    "ключ",
    "a b",
    'quo"te',
    "",
    "permissions",
    "x" * 60,
)
_NUMBERS = ("0", "-1", "1.0", "1.50", "1e3", "1E+2", "-0.0", "123456789012345678901234567890", "1e400")
_STRINGS = (
    "opus",
    "rm -rf build",
    "https://example.org/?a=1&b=2",
    "日本語",
    "tab\there",
    "{not: json}",
    "// no comment",
    "[mem hook]",
)
_COMMANDS = (
    "echo hi",
    "python3 ~/.local/x.py --flag 'a b'",
    "my-mem hook SessionStart",
    "mem-hook start",
    "echo mem hook claude-code Stop",
    "mem status && mem hook claude-code SessionStart",
    "/usr/bin/mem recall x",
    "bash -c 'mem hook codex Stop'",
    "memory hook x",
)
OURS = (
    "mem hook {agent} {event}",
    "/opt/old/bin/mem hook {agent} {event}",
    "command -v mem >/dev/null 2>&1 && mem hook {agent} {event} || true",
    "'/home/o b/mem' hook {agent} {event}",
)


class Spelling:
    """A way of writing JSON: indentation, spaces, line ends; where `odd`, each place is written in its own way."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.unit = rng.choice(("  ", "    ", "\t", " ", None, None))
        self.newline = rng.choice(("\n", "\n", "\r\n"))
        self.odd = rng.random() < 0.3
        self.colon = rng.choice((": ", ":", " : "))
        self.ascii = rng.random() < 0.5

    def write(self, value: Any, depth: int = 0) -> str:
        if isinstance(value, Verbatim):
            return value.text
        if isinstance(value, list | Members):
            return self._container(value, depth)
        return json.dumps(value, ensure_ascii=self.ascii)

    def _container(self, value: Any, depth: int) -> str:
        is_list = isinstance(value, list)
        opening, closing = "[]" if is_list else "{}"
        inline = self.unit is None or (self.odd and self.rng.random() < 0.4)
        pad = self.rng.choice(("", " ")) if self.odd else ""
        if not (value if is_list else value.pairs):
            return opening + (self.rng.choice(("", " ", f"{self.newline}")) if self.odd else "") + closing
        pairs = [(None, item) for item in value] if is_list else value.pairs
        items = [self._key(key) + self.write(item, depth + 1) for key, item in pairs]
        if inline:
            comma = "," + (self.rng.choice(("", " ", "  ")) if self.odd else " " if self.unit is not None else "")
            return opening + pad + comma.join(items) + pad + closing
        inner, outer = (self.newline + (self.unit or "") * level for level in (depth + 1, depth))
        return opening + inner + f",{inner}".join(items) + outer + closing

    def _key(self, key: str | None) -> str:
        return "" if key is None else json.dumps(key, ensure_ascii=self.ascii) + self.colon


class Verbatim:
    """A number in a spelling of its own."""

    def __init__(self, text: str) -> None:
        self.text = text


class Members:
    """The members of an object, in order, keys repeated or not."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def settings(
    rng: random.Random,
    agent: str,
    events: tuple[str, ...],
    *,
    flat: bool,
    with_ours: bool = False,
    top: tuple[str, ...] = (),
) -> bytes:
    """The bytes of a settings file of `agent`, whose hooks are `events` among others; `flat`: as Cursor writes them."""
    spelling = Spelling(rng)
    pairs = [(rng.choice(_WORDS), _value(rng, 0)) for _ in range(rng.randrange(4))]
    if "permissions" not in dict(pairs) and rng.random() < 0.5:
        pairs.append(("permissions", Members([("allow", ["Bash(ls:*)"]), ("deny", [])])))
    pairs = [pair for pair in pairs if pair[0] != "permissions" or isinstance(pair[1], Members)]
    pairs = [(key, _harmless(key, value)) for key, value in pairs if key not in top]
    if rng.random() < 0.75:
        pairs.insert(
            rng.randrange(len(pairs) + 1), ("hooks", _hooks(rng, agent, events, flat=flat, with_ours=with_ours))
        )
    text = spelling.write(Members(pairs))
    lead, tail = rng.choice(("", "", "\n")), rng.choice(("", spelling.newline, "\n\n"))
    return (BOM if rng.random() < 0.1 else b"") + (lead + text + tail).encode()


def _harmless(key: str, value: Any) -> Any:
    """Permissions are objects of lists; what else they could be is refused, which is another test."""
    return Members([("allow", ["Bash(ls:*)"])]) if key == "permissions" else value


def _value(rng: random.Random, depth: int) -> Any:
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: rng.choice((None, True, False)),
        lambda: Verbatim(rng.choice(_NUMBERS)),
        lambda: rng.choice(_STRINGS),
        lambda: [_value(rng, depth + 1) for _ in range(rng.randrange(4))],
        lambda: Members([(rng.choice(_WORDS), _value(rng, depth + 1)) for _ in range(rng.randrange(4))]),
    )
    return rng.choice(kinds if depth < 3 else kinds[:3])()


def _hooks(rng: random.Random, agent: str, events: tuple[str, ...], *, flat: bool, with_ours: bool) -> Members:
    names = [name for name in (*events, "PreToolUse", "Notification") if rng.random() < 0.5]
    rng.shuffle(names)
    pairs: list[tuple[str, Any]] = []
    for name in names:
        groups = []
        for _ in range(rng.randrange(4)):
            entries = [_entry(rng, agent, name, with_ours=with_ours) for _ in range(rng.randrange(1, 3))]
            groups += entries if flat else [_group(rng, entries)]
        pairs.append((name, groups))
    if not flat and rng.random() < 0.2:
        pairs.append(("enabled", True))  # Gemini CLI once kept its switch here
    return Members(pairs)


def _group(rng: random.Random, entries: list[Members]) -> Members:
    matcher = [("matcher", rng.choice(("", "Bash", "startup|resume")))] if rng.random() < 0.6 else []
    pairs: list[tuple[str, Any]] = [*matcher, ("hooks", entries)]
    rng.shuffle(pairs)
    return Members(pairs)


def _entry(rng: random.Random, agent: str, event: str, *, with_ours: bool) -> Members:
    lines = [line.format(agent=agent, event=event) for line in OURS]
    command = rng.choice(lines if with_ours and rng.random() < 0.4 else _COMMANDS)
    pairs: list[tuple[str, Any]] = [("type", "command"), ("command", command)]
    if rng.random() < 0.5:
        pairs.append(("timeout", Verbatim(rng.choice(("5", "10", "1.5e1")))))
    rng.shuffle(pairs)
    return Members(pairs)
