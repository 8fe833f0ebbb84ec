"""What stored text may become before it is put before an agent, and which text looks as if it were written to command one.

`for_prompt` is the last gate: whatever somebody wrote into a memory leaves it as one line of plain text that a person would
have seen, that loads and sends nothing, that ends no block of ours and opens none of an agent's. What is legitimate survives:
emoji, right-to-left and Indic text, code, links.

`suspicious` is no filter that an attack could be held off with (filters alone stop few); it decides what waits for a person to
look at it before it may speak at all.

Pure functions, linear in their input. Lean: patterns are compiled when first needed.
"""

from __future__ import annotations

import re
from functools import cache

from memcli.guard import hidden

_ADDRESS = r"(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s\"'<>()]{1,2000}"
# What agents and models wrap their own words in: a tag is theirs if its name is made with one of these.
_OURS = frozenset((
    "system", "sys", "assistant", "human", "reminder", "hook", "hooks", "context", "instruction", "instructions", "inst",
    "tool", "tools", "function", "functions", "invoke", "antml", "memcli", "memories", "prompt", "prompts", "command",
    "commands", "thinking", "transcript", "query", "endoftext", "im",
))  # fmt: skip
_TURNS = "human|assistant|system|developer"


def for_prompt(text: str) -> str:
    """`text` as one line that is safe to put before an agent; the same, but for white space, where nothing is wrong with it."""
    text = hidden.printable(text)
    if "<!--" in text:
        text = _comments().sub(" ", text)
    if "![" in text or "<im" in text.lower():
        text = _images().sub(_image, text)
    if "//" in text:
        text = _links().sub(_link, text)
        text = _addresses().sub(_address, text)
    if "[" in text or "【" in text or "［" in text:
        text = _marks().sub(r"(\1)", text)
    if "<" in text or "＜" in text:
        text = _tags().sub(_tag, text)
    if "```" in text or "~~~" in text:
        text = _fences().sub(lambda run: run.group()[0], text)
    if ":" in text:
        text = _turns().sub(r"\1(\2)", text)
    return " ".join(text.split())


_BREAK, _INDENT = "\ue000", "\ue001"  # for private use: a line break and a column, while a text is one line


def lines(text: str) -> list[str]:
    """A whole text for an agent, line by line as `for_prompt` makes them, indented as they were. What is made harmless may
    have begun on one line and ended on another."""
    text = hidden.printable(text).replace("\t", "    ").replace(_BREAK, "").replace(_INDENT, "")
    marked = [_INDENT * (len(line) - len(line.lstrip())) + line.lstrip() for line in text.strip("\n").split("\n")]
    said = for_prompt(f" {_BREAK} ".join(marked)).split(_BREAK)
    return [_indented(line.strip()) for line in said]


def _indented(line: str) -> str:
    rest = line.lstrip(_INDENT)
    return " " * (len(line) - len(rest)) + for_prompt(rest.replace(_INDENT, " "))


def suspicious(text: str) -> str | None:
    """Why a text should be looked at by a person before it speaks by itself, in a few words; None for ordinary text."""
    kinds = [kind for kind in hidden.findings(text) if kind in _TELLING]
    if kinds:
        return f"hidden text: {', '.join(kinds)}"
    shown = hidden.printable(text)
    if _marks().search(shown) or any(_is_agents(tag) for tag in _tags().finditer(shown)):
        return "it imitates what an agent's own program writes"
    plain = " ".join(shown.lower().split())
    return next((reason for reason, pattern in _orders() if pattern.search(plain)), None)


_TELLING = ("bidirectional override", "image link carrying data", "tag characters", "variation-selector data")


# --- what is made harmless -------------------------------------------------------------------------------------------


@cache
def _comments() -> re.Pattern[str]:
    """HTML comments; one without an end hides all that follows."""
    return re.compile(r"<!--.*?(?:--!?>|\Z)", re.S)


@cache
def _images() -> re.Pattern[str]:
    return re.compile(
        r"!\[(?P<alt>[^\]\[]{0,500})\](?:\(\s*<?(?P<src>[^\s<>)]{0,4000})[^)]{0,1000}\)?|\[[^\]]{0,200}\])"
        r"|<(?:img|image|picture|source|video|audio|iframe|object|embed)\b[^>]{0,4000}>?",
        re.I,
    )


def _image(found: re.Match[str]) -> str:
    """An image as its description and where it lies; a tag as the word alone."""
    alt, source = found.group("alt"), found.group("src")
    host = _host(source or "")
    said = " ".join(filter(None, ("image", alt.strip() if alt else "", f"at {host}" if host else "")))
    return f"({said})"


@cache
def _links() -> re.Pattern[str]:
    return re.compile(rf"\[(?P<text>[^\]\[]{{0,500}})\]\(\s*<?(?P<to>{_ADDRESS})>?[^)\n]{{0,1000}}\)", re.I)


def _link(found: re.Match[str]) -> str:
    if not _carries_data(found.group("to")):
        return found.group()
    return f"{found.group('text')} ({_host(found.group('to'))})"


@cache
def _addresses() -> re.Pattern[str]:
    return re.compile(_ADDRESS, re.I)


def _address(found: re.Match[str]) -> str:
    """An address that carries data, without the data: `https://host/path?…`."""
    address = found.group()
    if not _carries_data(address):
        return address
    kept = re.split(r"[?#{$\[<]|%7[Bb]", address, maxsplit=1)[0]
    return (kept if "@" not in kept.split("//", 1)[1].split("/", 1)[0] else _host(address)) + "?…"


def _carries_data(address: str) -> bool:
    """Whether an address is filled in by whoever writes it, or has a long or empty value in its query, or a password."""
    return _data().search(address) is not None


@cache
def _data() -> re.Pattern[str]:
    return re.compile(
        r"[?&#][^=&\s]{0,60}=(?:[^&\s]{24}|(?=[&)\s]|\Z))|[{$\[<]|%7b|//[^/@\s]{1,200}:[^/@\s]{1,200}@", re.I
    )


def _host(address: str) -> str:
    return (
        re.split(r"[/?#]", address.split("//", 1)[1], maxsplit=1)[0].rpartition("@")[2][:100] if "//" in address else ""
    )


@cache
def _marks() -> re.Pattern[str]:
    """The fence of our own block, and what models were trained to take for the bounds of a turn."""
    return re.compile(r"[\[【［]\s*(/?\s*(?:memcli|INST|SYS)\b[^\]】］\n]{0,40})[\]】］]", re.I)


@cache
def _tags() -> re.Pattern[str]:
    return re.compile(
        r"[<＜]{1,2}\s{0,8}(?P<name>[/|]?\s{0,8}[A-Za-z][\w:.|-]{0,80})(?:(?P<rest>[^<>＜＞\n]{0,300})(?P<end>[>＞]{1,2}))?"
    )


def _tag(found: re.Match[str]) -> str:
    if not _is_agents(found):
        return found.group()
    return f"({(found.group('name') + (found.group('rest') or '')).strip('| ')})"


def _is_agents(tag: re.Match[str]) -> bool:
    """Whether a tag is one that agents or models use; not HTML, a component, a type parameter or a header file."""
    name = tag.group("name")
    if name[0] == "|" or name[-1] == "|":
        return True
    text, start = tag.string, tag.start()
    is_parameter = name[0].isupper() and start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_")
    if is_parameter or text[max(0, start - 9) : start].endswith("include "):
        return False
    name = name.strip("/ ")
    parts = _parts().findall(name)
    is_component = len(parts) > 1 and all(part[0].isupper() for part in parts) and name.replace(".", "").isalpha()
    return not is_component and any(part.lower() in _OURS for part in parts)


@cache
def _parts() -> re.Pattern[str]:
    """The words that a name is made of: `hook_context`, `system-reminder`, `additionalContext`."""
    return re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@cache
def _fences() -> re.Pattern[str]:
    return re.compile(r"`{3,}|~{3,}")


@cache
def _turns() -> re.Pattern[str]:
    """A word that begins a turn of a conversation, at the beginning of a line."""
    return re.compile(rf"^([ \t>*#-]*)({_TURNS})[ \t]*:", re.I | re.M)


# --- what commands ---------------------------------------------------------------------------------------------------

_ALL = (
    r"(?:(?:previous|prior|above|earlier|preceding|former|existing|original|your|all|any|every|these|those|the) ){1,4}"
)
_RULES = r"(?:instruction|direction|prompt|rule|guideline|command|order|constraint|guardrail|directive|context)s?\b"
_SECRETS = (
    r"(?:api[ _-]?keys?|secrets?|passwords?|credentials?|tokens?|private keys?|ssh keys?|cookies?|\.env\b|"
    r"environment variables?|security codes?|bank details?|system prompt)"
)
_SEND = r"\b(?:send|e-?mail|mail|post|upload|forward|transmit|exfiltrate|leak|curl|wget|share|disclose|reveal|print)\b"
_ADDRESSEE = r"\b(?:to|at|via|with|using)\b.{0,40}(?:https?:|www\.|@|\{|\[)"
_ORDERS = (
    (
        "it tells an agent to set its instructions aside",
        rf"\b(?:ignore|disregard|forget|override|bypass|discard|neglect) {_ALL}(?:\w+ ){{0,2}}{_RULES}",
        r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:above|before|prior|previous|you were|i said)\b",
        r"\b(?:ignore|disregard) the (?:above|previous)\b",
        r"\bnew (?:system )?instructions?:",
    ),
    (
        "it gives an agent another role",
        r"\byou are (?:now|no longer|about to become)\b.{0,60}\b(?:ai|model|dan|mode|assistant|bound|restricted)\b",
        r"\b(?:do anything now|developer mode enabled|without (?:any )?(?:restrictions|filters|ethics))\b",
    ),
    (
        "it tells an agent to keep something from its user",
        r"\b(?:do not|don'?t|never) (?:tell|inform|mention|notify|alert|show|ask)(?: (?:this|that|it|anything|to|the)){0,4} "
        r"(?:user|human|developer)\b",
        r"\bwithout (?:telling|informing|notifying|alerting|asking) (?:the )?(?:user|human|developer)\b",
    ),
    (
        "it asks for secrets to be sent or shown",
        rf"{_SEND}.{{0,60}}\b{_SECRETS}.{{0,80}}{_ADDRESSEE}",
        rf"{_SEND}.{{0,60}}\b(?:your|the user'?s|the system'?s|all of the) (?:\w+ ){{0,2}}{_SECRETS}",
    ),
    (
        "it asks for a program from the network to be run",
        r"\b(?:curl|wget|iwr|irm|invoke-webrequest)\b[^|;]{0,200}\|\s?(?:sudo )?(?:ba|z|da|k)?sh\b",
        r"\b(?:exec|eval|os\.system|subprocess\.\w+)\s?\(.{0,60}(?:urlopen|requests\.get|urllib|b64decode|urlretrieve)",
    ),
    (
        "it claims authority over an agent",
        r"\b(?:as|this is|message from|note from) (?:the |an? )?(?:system administrator|anthropic|openai|your developers?)\b",
        r"\b(?:always|must) (?:trust|obey|follow|execute) (?:this|these|the following)\b.{0,40}"
        r"\b(?:instruction|command|memor|order|without)",
    ),
)
"""Reasons, each with patterns over lower-case text on one line; the most telling first."""


@cache
def _orders() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((reason, re.compile("|".join(patterns))) for reason, *patterns in _ORDERS)
