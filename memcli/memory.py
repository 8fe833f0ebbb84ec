"""Memory, Turn, Relation: what a Markdown file says as values, and Markdown ⇄ value (docs/format.md, format 1).

Promises: every file is readable as a memory, with or without front matter, and `parse(serialise(memory)) == memory`.
Does no input or output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from memcli.errors import UsageError
from memcli.frontmatter import BOM, front_line, split_front_matter
from memcli.guard.safe_yaml import FrontMatterError, load
from memcli.text import iso_date

TYPES = ("fact", "decision", "preference", "procedure", "lesson", "episode", "reference")
DEFAULT_TYPE = "fact"
PLAIN_TYPE = "reference"  # a Markdown file that says nothing about itself is somebody's note
MAX_TURNS = 200
MAX_EPISODE_BYTES = 256 * 1024

_LINE_END = re.compile(r"\r+\n")  # \r\r\n is left by tools that translate line ends twice
_TYPE = re.compile(r"[^\W\d_][\w-]{0,39}")  # printed beside every hit, so nothing but a word is one
_H1 = re.compile(r"#[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_TAG = re.compile(r"(?<![\w#&/])#([^\W\d_][\w/-]{0,60})")
_LINK = re.compile(r"\[\[([^\[\]\n|#^]{1,300})(?:[#^][^\[\]\n|]*)?(?:\|[^\[\]\n]*)?\]\]")
_RELATION = re.compile(r"^\s*[-*] ([^\W\d_][\w -]{0,40}?) \[\[([^\[\]\n|#^]{1,300})[^\[\]\n]*\]\]")
_TURN = re.compile(r"## (\S+)(?: (.*?))? \^(t\d{4,})")
_TURN_LOOKALIKE = re.compile(r"\\*## .*\^t\d{4,}\s*$")  # \s is what `rstrip` takes off before a header is read
_BARE_REF = re.compile(r'[^\s"]\S*(?: \S+)*')
_REF = re.compile(r"<!-- ref: (.*?) -->")
_DATED_NAME = re.compile(r"(?<!\d)(\d{4}-\d\d(?:-\d\d)?)(?!\d)")


class Relation(NamedTuple):
    """`[[target]]` in a body: `kind` is "links to", or the word of a `- word [[target]]` line."""

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of an episode. `at` is an ISO time or None; `line` the 1-based line of its text in the file.

    Like `Memory.body_line`, `line` says where, not what: front matter of another length moves it, so it is not compared.
    """

    anchor: str
    speaker: str | None
    at: str | None
    ref: str | None
    text: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one Markdown file says. `body` has LF line ends; `problem` says why front matter could not be read."""

    body: str
    id: str | None = None
    type: str = DEFAULT_TYPE
    title: str = ""
    created: str | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    ref: str | None = None
    speaker: str | None = None
    session: str | None = None
    part: int = 1
    supersedes: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None
    pinned: bool = False
    turns: tuple[Turn, ...] = ()
    relations: tuple[Relation, ...] = ()
    body_line: int = field(default=1, compare=False)
    problem: str | None = field(default=None, compare=False)


# --- reading ---------------------------------------------------------------------------------------------------------


def parse(data: bytes, *, name: str) -> Memory:
    """The memory in `data`, the bytes of a file called `name` (UTF-8, already bounded by guard.limits)."""
    text = data.decode("utf-8")
    opening, front, rest = split_front_matter(text)
    values: dict[str, object] = {}
    problem = None
    body, body_line = text.removeprefix(BOM), 1
    if opening:
        try:
            values = load(front)
            _, _, body = rest.partition("\n")
            body_line = 1 + opening.count("\n") + front.count("\n") + 1
        except FrontMatterError as error:
            problem = str(error)  # perhaps no front matter at all but text between two rules: all of it is body
    body = _LINE_END.sub("\n", body) if "\r" in body else body
    type_ = _string(values.get("type")) or ""
    if not _TYPE.fullmatch(type_):
        type_ = DEFAULT_TYPE if "id" in values else PLAIN_TYPE
    turns = _turns(body, body_line) if type_ == "episode" else ()
    identity = _string(values.get("id"))
    return Memory(
        body=body,
        id=identity if identity and re.fullmatch(r"[a-z][a-z0-9]{2,31}", identity) else None,
        type=type_,
        title=_title(values, body, name),
        created=iso_date(values.get("created") or values.get("date")) or _date_in(name),
        tags=tuple(dict.fromkeys([*_strings(values.get("tags")), *_inline_tags(body)])),
        source=_string(values.get("source")),
        ref=_string(values.get("ref")),
        speaker=_string(values.get("speaker")),
        session=_string(values.get("session")),
        part=_integer(values.get("part")),
        supersedes=tuple(_strings(values.get("supersedes"))),
        valid_from=iso_date(values.get("valid_from")),
        valid_to=iso_date(values.get("valid_to")),
        pinned=values.get("pinned") is True,
        turns=turns,
        relations=_relations(body),
        body_line=body_line,
        problem=problem,
    )


def _string(value: object) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value).strip() or None


def _strings(value: object) -> list[str]:
    items = value if isinstance(value, list) else str(value).split(",") if value is not None else []
    return [text for item in items if (text := (_string(item) or "").lstrip("#").strip())]


def _integer(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 1_000_000 else 1


def _date_in(name: str) -> str | None:
    match = _DATED_NAME.search(name)
    return iso_date(match.group(1)) if match else None


def _title(values: Mapping[str, object], body: str, name: str) -> str:
    """`title:`, else an opening level-1 heading, else the first line (in a file that mem wrote) or the file's name."""
    named = _string(values.get("title"))
    if named:
        return named[:300]
    first = next((line for line in body.split("\n", 50)[:50] if line.strip()), "").strip()
    heading = _H1.match(first)
    if heading:
        return heading.group(1)[:300]
    if "id" in values and (title := short_title(first)):
        return title
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return re.sub(r"[-_]+", " ", stem).strip() or stem


def short_title(line: str, limit: int = 80) -> str:
    """The beginning of a line, cut at a word."""
    line = " ".join(line.split()).lstrip("#>-* ")
    if len(line) <= limit:
        return line
    cut = line[:limit].rsplit(" ", 1)[0]
    return (cut or line[:limit]) + "…"


def first_line(text: str) -> str:
    """What a memory without a title is called: its first line that says something, heading marks aside."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return short_title(line, limit=300)


def _prose_lines(body: str) -> Iterable[str]:
    fence: str | None = None
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if mark and (fence is None or line.strip().startswith(fence)):
            fence = mark.group(1) if fence is None else None
        elif fence is None:
            yield line


def _inline_tags(body: str) -> list[str]:
    return [tag for line in _prose_lines(body) if "#" in line for tag in _TAG.findall(line)] if "#" in body else []


def _relations(body: str) -> tuple[Relation, ...]:
    found: dict[Relation, None] = {}
    for line in _prose_lines(body) if "[[" in body else ():
        named = _RELATION.match(line)
        if named:
            found[Relation(named.group(1).strip().lower(), named.group(2).strip())] = None
        for target in _LINK.findall(line):
            if not (named and named.group(2) == target):
                found[Relation("links to", target.strip())] = None
    return tuple(found)


# --- episodes --------------------------------------------------------------------------------------------------------


def _turns(body: str, body_line: int) -> tuple[Turn, ...]:
    """The turns of an episode's body. Text before the first turn header belongs to no turn."""
    turns: list[Turn] = []
    lines = body.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith("## ") and _TURN.fullmatch(line.rstrip())]
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        header = _TURN.fullmatch(lines[start].rstrip())
        assert header is not None
        at, speaker, anchor = header.groups()
        ref = _REF.fullmatch(lines[start + 1].rstrip()) if start + 1 < end else None
        first = start + (2 if ref else 1)
        text = "\n".join(_unescape(line) for line in lines[first:end])
        lead = len(text) - len(text.lstrip("\n"))
        turns.append(
            Turn(
                anchor=anchor,
                speaker=speaker or None,
                at=iso_date(at),
                ref=_read_ref(ref.group(1)) if ref else None,
                text=text.strip("\n"),
                line=body_line + first + lead,
            )
        )
    return tuple(turns)


def _escape(line: str) -> str:
    """A body line that looks like a turn header gets one more backslash; `_unescape` takes it away."""
    return "\\" + line if _TURN_LOOKALIKE.match(line) else line


def _unescape(line: str) -> str:
    return line[1:] if line.startswith("\\") and _TURN_LOOKALIKE.match(line) else line


def compose_turn(turn: Turn) -> str:
    """One turn as Markdown; no text in it can be read back as another turn, speaker or ref."""
    speaker = " ".join((turn.speaker or "").split()).replace("^", "ˆ")[:200].rstrip()
    head = f"## {iso_date(turn.at) or '-'}{' ' + speaker if speaker else ''} ^{turn.anchor}\n"
    if turn.ref is not None:
        head += f"<!-- ref: {_write_ref(turn.ref)} -->\n"
    text = turn.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    return head + "\n" + "\n".join(_escape(line) for line in text.split("\n")) + "\n"


def _write_ref(ref: str) -> str:
    """A ref as it stands in a comment: bare where that is unmistakable, else a JSON string; `_read_ref` undoes it exactly."""
    if _BARE_REF.fullmatch(ref) and "-->" not in ref:
        return ref
    import json

    return json.dumps(ref).replace(">", "\\u003e")


def _read_ref(written: str) -> str:
    import json

    try:
        ref = json.loads(written) if written.startswith('"') else written
    except ValueError:
        return written
    return ref if isinstance(ref, str) else written


# --- writing ---------------------------------------------------------------------------------------------------------

_FRONT_ORDER = (
    "id", "type", "title", "created", "tags", "source", "ref", "speaker", "session", "part",
    "supersedes", "valid_from", "valid_to", "pinned",
)  # fmt: skip


def serialise(memory: Memory) -> bytes:
    """A new file for `memory`: front matter with the keys that say something, then the body as it is.

    An episode's body is composed from its turns. `title` is written only where the body would not give it.
    """
    values: dict[str, object] = {key: getattr(memory, key) for key in _FRONT_ORDER}
    inline = _inline_tags(memory.body)
    named = [tag for tag in memory.tags if tag not in inline]
    values["tags"] = named if tuple(dict.fromkeys([*named, *inline])) == memory.tags else memory.tags
    if memory.part == 1:
        del values["part"]
    if _opening_heading(memory.body) == memory.title:
        del values["title"]
    front = "".join(front_line(key, value) for key, value in values.items() if value not in (None, "", [], (), False))
    return f"---\n{front}---\n{memory.body}".encode()


def entry_body(text: str, title: str | None = None, links: Sequence[str] = ()) -> str:
    """The body of an entry: its title as a heading, the text, and a line for each link (see `link_lines`)."""
    body = text if text.endswith("\n") else text + "\n"
    if title:
        body = f"# {' '.join(title.split())}\n\n{body}"
    return f"{body}\n{link_lines(links)}" if links else body


def link_lines(links: Sequence[str]) -> str:
    """Relations as lines of a body; a link is `target` or `relation:target`."""
    lines = ""
    for link in links:
        relation, colon, target = link.partition(":")
        named = colon and target.strip()
        lines += f"- {relation.strip() if named else 'relates to'} [[{(target if named else link).strip()}]]\n"
    return lines


def episode_body(title: str, turns: Sequence[Turn]) -> str:
    """The body of an episode file."""
    return f"# {' '.join(title.split())}\n\n" + "\n".join(compose_turn(turn) for turn in turns)


def _opening_heading(body: str) -> str | None:
    heading = _H1.match(body.lstrip("\n").split("\n", 1)[0].strip())
    return heading.group(1) if heading else None


def check_type(value: str) -> str:
    if value not in TYPES:
        raise UsageError(f"there is no type {value!r}", hint=f"one of: {', '.join(TYPES)}")
    return value
