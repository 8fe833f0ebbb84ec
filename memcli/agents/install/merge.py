"""What we add to an agent's JSON settings, and taking it out again: a text and a document of ours → a text.

Pure. A document of ours (a file in hooks/) says which hooks there are by event, which strings belong to which lists, and
which values the file must have. Hooks of ours are known by their command (`ownership`): they are replaced where they are,
or appended, never moved, since Codex trusts a hook by its place. What is other people's stays, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from memcli.agents.install import jsontext
from memcli.agents.install.jsontext import Path
from memcli.agents.install.ownership import is_ours
from memcli.errors import SettingsRefused, Unexpected

HOOKS = "hooks"

Made = set[Path]
"""What was not there before: paths of objects, lists and values that we made; of a string in a list, (*path, string)."""


def merge(text: str, wanted: dict[str, Any], *, exact: bool = True) -> tuple[str, Made]:
    """`text` with all of `wanted` in it, and what had to be made for it. Raises SettingsRefused.

    With `exact` hooks of ours for events that are not wanted go away: what is there is then what was asked for.
    """
    before = jsontext.read(text)
    if not isinstance(before, dict):
        raise SettingsRefused("it is not an object in braces")
    made: Made = set()
    for path, value in _leaves(wanted):
        # A single value is put where there is none: somebody else's is not ours to change.
        put = _with_strings if isinstance(value, list) else _with_parents
        text = put(text, path, value, made)
    if HOOKS in wanted:
        text = _with_hooks(text, wanted[HOOKS], made, exact=exact)
    after = jsontext.read(text)
    if _foreign(after, made) != _foreign(before, made):
        raise Unexpected("settings of others would have changed", hint="mem hooks print, and add it by hand")
    return text, made


def unmerge(text: str, made: Made | None) -> str:
    """`text` without our part. `made` is what we are known to have made; None: containers that become empty were ours."""
    document = jsontext.read(text)
    if not isinstance(document, dict):
        raise SettingsRefused("it is not an object in braces")
    text = _without_hooks(text, document.get(HOOKS), made)
    # Last made, first taken: what lies deeper goes before what it lies in.
    for path in sorted(made or (), key=len, reverse=True):
        if path[0] != HOOKS:
            text = _without_made(text, path)
    text = _without_values(text, made or set())
    after = jsontext.read(text)
    if _foreign(after, made or set()) != _foreign(document, made or set()):
        raise Unexpected("settings of others would have changed", hint="take the lines with `mem hook` out by hand")
    return text


def ours(document: object) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Our hooks in a document: (event, path of the entry, the entry)."""
    hooks = document.get(HOOKS) if isinstance(document, dict) else None
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for index, group in enumerate(groups if isinstance(groups, list) else ()):
            if is_ours(group):
                yield event, (HOOKS, event, index), group
            inner = group.get(HOOKS) if isinstance(group, dict) else None
            for place, entry in enumerate(inner if isinstance(inner, list) else ()):
                if is_ours(entry):
                    yield event, (HOOKS, event, index, HOOKS, place), entry


# --- hooks ------------------------------------------------------------------------------------------------------------


def _with_hooks(text: str, wanted: dict[str, list[Any]], made: Made, *, exact: bool) -> str:
    hooks = jsontext.read(text).get(HOOKS, {})
    if not isinstance(hooks, dict):
        raise SettingsRefused(f'its "{HOOKS}" is not an object in braces')
    for event, groups in wanted.items():
        if not isinstance(hooks.get(event, []), list):
            raise SettingsRefused(f'its hooks for "{event}" are not a list')
        text = _with_event(text, event, groups[0], made)
    stale = dict.fromkeys(event for event, _, _ in ours(jsontext.read(text)) if event not in wanted)
    for event in stale if exact else ():
        text = _without_entries(text, event, [path for e, path, _ in ours(jsontext.read(text)) if e == event])
        text = _without_empty(text, (HOOKS, event), None)
    return text


def _with_event(text: str, event: str, group: dict[str, Any], made: Made) -> str:
    """One group of ours for an event: where ours was, or behind all others."""
    present = [path for e, path, _ in ours(jsontext.read(text)) if e == event]
    if not present:
        text = _with_parents(text, (HOOKS, event), [], made)
        return jsontext.append(text, (HOOKS, event), group)
    first, rest = present[0], present[1:]
    text = _without_entries(text, event, rest)
    entry = group[HOOKS][0] if HOOKS in group else group
    alone = len(first) == 3 or len(_value(text, first[:4])) == 1
    path, value = (first[:3], group) if alone else (first, entry)
    return text if _value(text, path) == _as_read(value) else jsontext.replace(text, path, value)


def _without_hooks(text: str, hooks: object, made: Made | None) -> str:
    events = dict.fromkeys(event for event, _, _ in ours({HOOKS: hooks}))
    for event in events:
        text = _without_entries(text, event, [path for e, path, _ in ours(jsontext.read(text)) if e == event])
        text = _without_empty(text, (HOOKS, event), made)
    return _without_empty(text, (HOOKS,), made) if events else text


def _without_entries(text: str, event: str, paths: list[Path]) -> str:
    """`text` without these entries, the last first, and without groups that hold nothing any more."""
    for path in reversed(paths):
        text = jsontext.remove(text, path)
        if len(path) > 3 and not _value(text, path[:4]):
            text = jsontext.remove(text, path[:3])
    return text


def _without_empty(text: str, path: Path, made: Made | None) -> str:
    """`text` without the container at `path`, if it is empty and we made it."""
    there = jsontext.find(text, path) is not None and not _value(text, path)
    return jsontext.remove(text, path) if there and (made is None or path in made) else text


# --- lists of strings, and single values ------------------------------------------------------------------------------


def _leaves(wanted: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths of the values of a document of ours, hooks left out."""
    for key, value in wanted.items():
        if isinstance(value, dict) and (path or key != HOOKS):
            yield from _leaves(value, (*path, key))
        elif not isinstance(value, dict):
            yield (*path, key), value


def _with_strings(text: str, path: Path, strings: list[str], made: Made) -> str:
    text = _with_parents(text, path, [], made)
    present = _value(text, path)
    if not isinstance(present, list):
        raise SettingsRefused(f'its "{".".join(map(str, path))}" is not a list')
    for string in strings:
        if string not in present:
            text = jsontext.append(text, path, string)
            made.add((*path, string))
    return text


def _with_parents(text: str, path: Path, value: object, made: Made) -> str:
    """`text` with something at `path`, and all that it lies in; what is there already stays."""
    for depth in range(1, len(path) + 1):
        if not isinstance(_value(text, path[: depth - 1]), dict):
            raise SettingsRefused(f'its "{".".join(map(str, path[: depth - 1]))}" is not an object in braces')
        if jsontext.find(text, path[:depth]) is None:
            text = jsontext.append(text, path[: depth - 1], value if depth == len(path) else {}, str(path[depth - 1]))
            made.add(path[:depth])
    return text


def _without_made(text: str, path: Path) -> str:
    """`text` without a string, list, object or value that we made, unless others have used it since."""
    *parents, last = path
    holder = jsontext.find(text, tuple(parents))
    if holder is None:
        return text
    within = _value(text, tuple(parents))
    if isinstance(within, list):
        return jsontext.remove(text, (*parents, within.index(last))) if last in within else text
    if isinstance(within, dict) and last in within and within[last] in ([], {}):
        return jsontext.remove(text, path)
    return text


def _without_values(text: str, made: Made) -> str:
    """`text` without the single values that we put there (a version), once nothing else is left that needs them."""
    left = jsontext.read(text)
    if all((key,) in made and not isinstance(value, dict | list) for key, value in left.items()):
        for key in left:
            text = jsontext.remove(text, (key,))
    return text


# --- values -----------------------------------------------------------------------------------------------------------


def _value(text: str, path: Path) -> Any:
    value = jsontext.read(text)
    for part in path:
        value = value[part]
    return value


def _as_read(value: object) -> Any:
    """A value of ours as `jsontext.read` would give it."""
    return jsontext.read(json.dumps(value))


def _foreign(document: Any, made: Made) -> Any:
    """A document without what is ours, and without all that is empty: what must be the same before and after."""
    return _clean(document, (), made)


def _clean(value: Any, path: Path, made: Made) -> Any:
    if isinstance(value, dict):
        own = {key for key, item in value.items() if (*path, key) in made and not isinstance(item, dict | list)}
        kept = {key: _clean(item, (*path, key), made) for key, item in value.items() if key not in own}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        foreign = [
            item for item in value if not is_ours(item) and not (isinstance(item, str) and (*path, item) in made)
        ]
        cleaned = [_clean(item, (*path, index), made) for index, item in enumerate(foreign)]
        return [item for item in cleaned if item not in ({}, []) and not _is_shell(item, path)]
    return value


def _is_shell(item: Any, path: Path) -> bool:
    """A group whose hooks were all ours: what is left of it says nothing."""
    return (
        len(path) == 2 and path[0] == HOOKS and isinstance(item, dict) and HOOKS not in item and "command" not in item
    )
