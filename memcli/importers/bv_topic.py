"""ByteRover's HTML topics → Markdown: `<bv-topic title=… summary=…><bv-rule severity="must">…</bv-rule>…</bv-topic>`.

Conservative: every word of the text and of the attributes that say something survives; elements not known here become
plain blocks; markup that is broken stays as text. Rules, facts and decisions of one line become `- [rule] …` lines.
The standard library's HTML parser takes time quadratic in some malformed input (a minute for 300 KB), so the few forms
that occur are recognised here, with a bound on the length of a tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from memcli.memory import PLAIN_TYPE, Memory, serialise
from memcli.text import iso_date

MAX_HTML_BYTES = 512 * 1024  # a topic is a page or two
_MAX_TAG_CHARS = 8192
_MAX_DEPTH = 40  # deeper elements are read as if they were not there; their text stays

_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]{1,60})(?:\s*+=\s*+("[^"]*"|'[^']*'|[^\s"'<>=`]++))?""")
_TAG = re.compile(rf"<(/?)([A-Za-z][A-Za-z0-9-]{{0,40}})((?:\s++(?:{_ATTRIBUTE.pattern})?|/)*+)>")
_VOID = frozenset(
    {"br", "hr", "img", "input", "link", "meta", "wbr", "area", "base", "col", "embed", "source", "track"}
)
_INLINE = frozenset(
    {"a", "abbr", "b", "br", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "q", "s", "samp", "small"}
    | {"span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)
_DROPPED = frozenset({"script", "style"})
_STATEMENTS = frozenset({"bv-rule", "bv-fact", "bv-decision", "bv-pattern", "bv-bug", "bv-fix"})
_SIGNALS = frozenset({"importance", "maturity", "recency", "accesscount", "updatecount"})  # scores, not knowledge


@dataclass(slots=True)
class _Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[_Element | str] = field(default_factory=list)


def is_topic(text: str) -> bool:
    return re.search(r"<bv-topic[\s/>]", text, re.IGNORECASE) is not None


def to_markdown(text: str, *, name: str) -> bytes:
    """The topic in `text` as a Markdown file; `name` is its title where it has none. The same text gives the same bytes."""
    document = _parse(text)
    topic = _first(document, "bv-topic") or document
    said = {key: " ".join(value.split()) for key, value in topic.attributes.items()}
    title = said.get("title") or re.sub(r"[-_]+", " ", name)
    content = list(_without_topics(document.children))
    statements = [child for child in content if isinstance(child, _Element) and child.tag in _STATEMENTS]
    sections = [child for child in content if isinstance(child, str) or child.tag not in _STATEMENTS]
    # Statements come first: below the heading of a section they would read as part of it.
    parts = [f"# {title}", said.get("summary", ""), "\n".join(_blocks(statements)), *_blocks(sections)]
    if said.get("keywords"):
        parts.append("Keywords: " + ", ".join(_listed(said["keywords"])))
    related = [
        re.sub(r"\.(?:html|md)$", "", re.sub(r"[\[\]|#^@]", "", ref)) for ref in _listed(said.get("related", ""))
    ]
    parts.append("\n".join(f"- relates_to [[{ref}]]" for ref in related if ref))
    memory = Memory(
        body="\n\n".join(part for part in parts if part) + "\n",
        type=PLAIN_TYPE,
        title=title,
        created=iso_date(said.get("createdat")),
        tags=tuple(_listed(said.get("tags", ""))),
    )
    return serialise(memory)


def _listed(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


# --- HTML → elements -------------------------------------------------------------------------------------------------


def _parse(text: str) -> _Element:
    document = _Element("")
    stack = [document]
    for piece in _tokens(text):
        if isinstance(piece, str):
            stack[-1].children.append(piece)
            continue
        closes, tag, attributes, empty = piece
        if closes:
            depth = next((n for n in range(len(stack) - 1, 0, -1) if stack[n].tag == tag), 0)
            del stack[depth or len(stack) :]
            continue
        if stack[-1].tag == tag and tag in ("li", "p"):
            stack.pop()  # their end tags may be left out
        if len(stack) > _MAX_DEPTH:
            continue
        element = _Element(tag, attributes)
        stack[-1].children.append(element)
        if not empty and tag not in _VOID:
            stack.append(element)
    return document


def _tokens(text: str) -> Iterator[str | tuple[bool, str, dict[str, str], bool]]:
    """Texts, entities decoded, and tags as (closes, name, attributes, whether it closes itself). Comments are dropped."""
    start = at = 0
    has_comment_end = True
    while (at := text.find("<", at)) >= 0:
        if has_comment_end and text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            has_comment_end = end >= 0
            if has_comment_end:
                yield html.unescape(text[start:at])
                start = at = end + 3
                continue
        tag = _TAG.match(text, at, at + _MAX_TAG_CHARS)
        if tag is None:
            at += 1
            continue
        yield html.unescape(text[start:at])
        attributes = {
            match[1].lower(): html.unescape((match[2] or "").strip("\"'")) for match in _ATTRIBUTE.finditer(tag[3])
        }
        yield tag[1] == "/", tag[2].lower(), attributes, tag[3].endswith("/")
        start = at = tag.end()
    yield html.unescape(text[start:])


def _without_topics(children: Iterable[_Element | str]) -> Iterator[_Element | str]:
    """The children, with those of a topic in its place."""
    for child in children:
        if isinstance(child, _Element) and child.tag == "bv-topic":
            yield from _without_topics(child.children)
        else:
            yield child


def _first(element: _Element, tag: str) -> _Element | None:
    for child in element.children:
        if isinstance(child, _Element):
            found = child if child.tag == tag else _first(child, tag)
            if found:
                return found
    return None


# --- elements → Markdown ---------------------------------------------------------------------------------------------


def _blocks(children: Iterable[_Element | str]) -> list[str]:
    """Markdown blocks, none of them blank; text and inline elements between blocks make paragraphs."""
    blocks: list[str] = []
    for kind, group in _runs(children):
        if kind == "inline":
            blocks.append(_inline(group))
        elif kind == "item":  # ByteRover writes list items without a list around them
            blocks.append(_list(group, ordered=False))
        else:
            blocks += [block for child in group if isinstance(child, _Element) for block in _block(child)]
    return [block for block in blocks if block.strip()]


def _runs(children: Iterable[_Element | str]) -> Iterator[tuple[str, list[_Element | str]]]:
    """Neighbours of one kind: "inline", "item" or "block"; white space between two others is nothing."""
    runs: list[tuple[str, list[_Element | str]]] = []
    for child in children:
        inline = isinstance(child, str) or child.tag in _INLINE
        kind = "inline" if inline else "item" if not isinstance(child, str) and child.tag == "li" else "block"
        if not _says(child) and runs and runs[-1][0] != "inline":
            continue
        if not runs or runs[-1][0] != kind:
            runs.append((kind, []))
        runs[-1][1].append(child)
    yield from runs


def _block(element: _Element) -> list[str]:
    tag = element.tag
    if tag in _DROPPED:
        return []
    if re.fullmatch(r"h[1-6]", tag):
        return [f"{'#' * max(int(tag[1]), 2)} {title}"] if (title := _inline(element.children)) else []
    if tag in ("ul", "ol"):
        return [_list(element.children, ordered=tag == "ol")]
    if tag == "pre":
        return [_fenced(_text(element), _language(element))]
    if tag == "blockquote":
        return ["\n".join(f"> {line}".rstrip() for block in _blocks(element.children) for line in block.split("\n"))]
    if tag == "tr":
        cells = [
            _inline([cell] if isinstance(cell, str) else cell.children) for cell in element.children if _says(cell)
        ]
        return [f"| {' | '.join(cells)} |"]
    if tag == "bv-diagram" and not any(isinstance(child, _Element) for child in element.children):
        return ["## Diagram", _fenced(_text(element), element.attributes.get("type", ""))]
    if tag.startswith("bv-") and tag != "bv-topic":
        return _typed(element)
    return _blocks(element.children)


def _typed(element: _Element) -> list[str]:
    """A `<bv-*>` element: a statement as `- [rule] text (severity: must) ^id`, anything else under a heading."""
    kind = element.tag.removeprefix("bv-")
    content = _blocks(element.children)
    said = " ".join(content).casefold()
    facts = [
        f"{key}: {value}"
        for key, value in element.attributes.items()
        if key != "id" and key not in _SIGNALS and value.strip() and value.casefold() not in said
    ]
    if not content and not facts:
        return []
    known_as = element.attributes.get("id", "")
    anchor = f" ^{known_as}" if re.fullmatch(r"[A-Za-z0-9-]+", known_as) else ""
    extra = f" ({', '.join(facts)})" if facts else ""
    if element.tag not in _STATEMENTS:
        return [f"## {kind.replace('-', ' ').capitalize()}{extra}{anchor}", *content]
    first, *rest = content or [""]
    if first.startswith(("- ", "1. ", "```", "|", ">")):
        first, rest = "", content
    return [_indented("\n\n".join([f"- [{kind}] {first}".rstrip() + extra + anchor, *rest]), "  ")]


def _indented(text: str, by: str) -> str:
    """`text` with all lines but the first moved in, blank ones left blank."""
    return re.sub(r"\n(?=[^\n])", "\n" + by, text)


def _list(children: list[_Element | str], *, ordered: bool) -> str:
    """A list of its items; anything else that stands among them becomes one."""
    lines: list[str] = []
    for child in filter(_says, children):
        mark = f"{len(lines) + 1}. " if ordered else "- "
        content = "\n\n".join(_blocks(child.children if isinstance(child, _Element) and child.tag == "li" else [child]))
        content = re.sub(r"\n\n(?=- |\d+\. )", "\n", content)  # a list inside an item follows it directly
        if content:
            lines.append(_indented(mark + content, " " * len(mark)))
    return "\n".join(lines)


def _says(child: _Element | str) -> bool:
    return not isinstance(child, str) or bool(child.strip())


def _inline(children: Iterable[_Element | str]) -> str:
    """One paragraph; white space is folded, `<br>` breaks the line."""
    folded = re.sub(r"[ \t\r\n\f]+", " ", "".join(map(_span, children)))
    return "\n".join(line.strip() for line in folded.split("\v")).strip()


def _span(child: _Element | str) -> str:
    if isinstance(child, str):
        return child.replace("\v", " ")
    if child.tag in ("br", "wbr"):
        return "\v" if child.tag == "br" else ""
    if child.tag == "img":
        source = child.attributes.get("src", "")
        return (
            f"![{child.attributes.get('alt', '')}](<{source}>)"
            if re.search(r"[\s()]", source)
            else (f"![{child.attributes.get('alt', '')}]({source})")
        )
    if child.tag in ("code", "kbd", "samp"):
        text = " ".join(_text(child).split())
        ticks = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
        return f"{ticks}{text}{ticks}" if "`" not in text else f"{ticks} {text} {ticks}"
    if child.tag in _DROPPED:
        return ""
    inner = "".join(map(_span, child.children))
    mark = {"strong": "**", "b": "**", "em": "*", "i": "*"}.get(child.tag, "")
    target = child.attributes.get("href", "") if child.tag == "a" else ""
    if target and target != inner.strip():
        return f"[{inner}]({target})" if not re.search(r"[\s()]", target) else f"[{inner}](<{target}>)"
    core = inner.strip()
    if not mark or not core:
        return inner
    return inner.replace(core, f"{mark}{core}{mark}", 1)


def _text(element: _Element) -> str:
    return "".join(
        child if isinstance(child, str) else "\n" if child.tag == "br" else _text(child) for child in element.children
    )


def _language(element: _Element) -> str:
    code = _first(element, "code")
    classes = f"{element.attributes.get('class', '')} {code.attributes.get('class', '') if code else ''}"
    match = re.search(r"(?:language|lang)-([\w+#-]+)", classes)
    return match[1] if match else ""


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    language = language if re.fullmatch(r"[\w+#-]*", language) else ""
    return f"{fence}{language}\n{text.strip(chr(10)).rstrip()}\n{fence}"
