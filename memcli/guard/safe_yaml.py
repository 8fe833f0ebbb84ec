"""Front matter: YAML metadata of untrusted files, read safely.

Owns `load`. Promises: bounded size and depth, checked before anything is built; no aliases; only mappings, lists and
scalars come out; whatever is wrong raises `FrontMatterError`, never an error of the YAML library. Reads only:
changes to front matter are line surgery elsewhere.

Scalars resolve as in YAML 1.1 with the surprises removed: dates, times, `10:30`, `012`, `yes`, `no`, `on` and `off`
stay strings as written; only `true` and `false` are booleans.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from memcli.guard.limits import MAX_YAML_BYTES, MAX_YAML_DEPTH

if TYPE_CHECKING:
    import yaml

_MAX_NUMBER_CHARS = 40  # longer digits are names; and Python refuses to convert thousands of them

_STANDARD_TAG = "tag:yaml.org,2002:"
_STRING_STYLES = ("'", '"', "|", ">")
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(
    rf"[-+]?(?:0|[1-9][0-9_]{{0,{_MAX_NUMBER_CHARS}}})|0x[0-9a-fA-F][0-9a-fA-F_]{{0,{_MAX_NUMBER_CHARS}}}"
)
_FLOAT = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,40})?\.[0-9]{1,40}(?:[eE][-+]?[0-9]{1,3})?|[-+]?[1-9][0-9]{0,40}\.(?:[eE][-+][0-9]{1,3})?"
)


class FrontMatterError(ValueError):
    """The front matter cannot be read; the message is one plain sentence without the text itself."""


def load(text: str) -> dict[str, object]:
    """The mapping written in `text` (YAML without its `---` fences); {} for empty text.

    Keys are strings; of duplicate keys the last wins. Raises FrontMatterError.
    """
    import yaml

    if len(text) > MAX_YAML_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_YAML_BYTES:
        raise FrontMatterError(f"the front matter is larger than {MAX_YAML_BYTES // 1024} KiB")
    try:
        return _read(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise FrontMatterError(f"the front matter is not valid YAML{where}") from None
    except UnicodeError:
        raise FrontMatterError("the front matter holds characters that cannot be encoded") from None


def _read(text: str) -> dict[str, object]:
    import yaml

    loader = _loader()
    _check_events(loader, text)
    node = yaml.compose(text, Loader=loader)
    if node is None:
        return {}
    value = _value(node)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FrontMatterError("the front matter is not a list of keys and values")
    return value


def _check_events(loader: type[yaml.SafeLoader], text: str) -> None:
    """Refuses, from the flat stream of parse events, what must not be composed: depth, aliases, anchors."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FrontMatterError("the front matter uses anchors or aliases, which are not read")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_YAML_DEPTH:
                raise FrontMatterError(f"the front matter is nested deeper than {MAX_YAML_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@cache
def _loader() -> type[yaml.SafeLoader]:
    """The C parser where PyYAML has it: 12 times faster, same events and nodes."""
    import yaml

    loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def _value(node: yaml.Node) -> object:
    """The value of a node. The nodes are read here, not by PyYAML's constructors, so that tags can build nothing.

    Recursion is bounded: the depth was checked on the events.
    """
    import yaml

    if isinstance(node, yaml.MappingNode):
        return {_key(key): _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return _scalar(node)


def _key(node: yaml.Node) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise FrontMatterError("the front matter has a list or mapping as a key")
    return str(node.value)


def _scalar(node: yaml.Node) -> object:
    """A plain scalar by its form; a quoted, block or tagged one as the string that it is."""
    text = str(node.value)
    if (
        getattr(node, "style", None) in _STRING_STYLES
        or node.tag == _STANDARD_TAG + "str"
        or not node.tag.startswith(_STANDARD_TAG)
    ):
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) <= _MAX_NUMBER_CHARS:
        if _INT.fullmatch(text):
            return int(text.replace("_", ""), 16 if text.startswith("0x") else 10)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text
