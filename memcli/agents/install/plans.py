"""What installing into an agent would change, and what taking it back would.

Everything is planned first, as changes of whole files; a plan can be shown, applied, or dropped. What cannot be changed
safely is refused with SettingsRefused, which carries what to put where by hand. Nothing outside the agents' own files and
the user's state is touched, and no agent's trust in hooks is ever written: that is the user's to give.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from memcli.agents import block
from memcli.agents.install import command, files, jsontext, merge, targets
from memcli.agents.install.files import Change, Found
from memcli.agents.install.manifest import Manifest
from memcli.agents.install.ownership import is_ours
from memcli.agents.install.targets import ALLOW, ALWAYS, BLOCK, CAPTURE, COPY, MERGE, SKILL, Agent, Part
from memcli.errors import SettingsRefused, UsageError
from memcli.guard import secrets

BOM = b"\xef\xbb\xbf"
_SCRIPT_COMMAND = 'const MEM = "mem"'
_SCRIPT_CAPTURE = "const CAPTURE = false"


class Wish(NamedTuple):
    """What is to be installed, and where. `project` is the folder of files of a project; `command` stands for `mem`."""

    scope: str
    project: str
    command: command.Command
    capture: bool = False
    allow: bool = False
    skill: bool = False
    force: bool = False

    def wants(self, part: Part) -> bool:
        flags = {ALWAYS: True, CAPTURE: self.capture, ALLOW: self.allow, SKILL: self.skill}
        return flags[part.when] and self.scope in part.paths


class Plan(NamedTuple):
    """Changes that belong together, and what to tell about them.

    `owner` names the installation in the manifest; `shared`: files that others of ours use too, which only lose or gain it.
    """

    agent: str
    scope: str
    changes: list[Change]
    notes: list[str]
    remove: bool = False
    shared: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        return f"{self.agent} {self.scope}"

    def apply(self, manifest: Manifest) -> None:
        """Make the changes, all or none. Raises Conflict, WriteFailed."""
        if self.changes:
            manifest.apply(self.changes, self.owner, remove=self.remove)
        if self.shared:
            manifest.share(self.shared, self.owner, remove=self.remove)

    def diff(self) -> str:
        """The changes as a unified diff, keys and passwords in it masked."""
        return "".join(_diff(change) for change in self.changes)


def plan(agent: Agent, wish: Wish, manifest: Manifest) -> Plan:
    """What installing into an agent would change; an empty plan where all is there. Raises SettingsRefused, UsageError."""
    if wish.scope not in agent.scopes:
        raise _no_scope(agent, wish.scope)
    changes, notes, shared = [], [], []
    for path, parts in _by_path(agent, wish):
        with _explained(path, parts, wish):
            found = files.look(path, _roots(agent, wish))
            notes += _notes(agent, found, wish)
            change = _INSTALLING[parts[0].how](parts, found, wish, manifest)
        if change is not None:
            changes.append(change)
            notes += [f"{found.link} is a link: {found.path} is written"] if found.link else []
        elif found.path in manifest.records:
            shared.append(found.path)
    notes += [
        f"it has hooks of mem in {path} too: each event runs both, and the second says nothing"
        for path in _elsewhere(agent, wish)
    ]
    notes += [agent.told] if changes and agent.told else []
    for wanted, when in ((wish.allow, ALLOW), (wish.skill, SKILL)):
        if wanted and not any(part.when == when and wish.scope in part.paths for part in agent.parts):
            notes.append(f"there is nothing to install for --{when} (docs/agents.md)")
    return Plan(agent.name, wish.scope, changes, notes, shared=tuple(shared))


def removal(agent: Agent, wish: Wish, manifest: Manifest) -> Plan:
    """What taking everything of ours out of an agent would change."""
    if wish.scope not in agent.scopes:
        raise _no_scope(agent, wish.scope)
    changes, shared = [], []
    everything = wish._replace(capture=True, allow=True, skill=True)
    for path, parts in _by_path(agent, everything):
        found = files.look(path, _roots(agent, wish))
        record = manifest.records.get(found.path)
        owner = f"{agent.name} {wish.scope}"
        if record and set(record.owners) - {owner}:
            shared += [found.path] if owner in record.owners else []
            continue
        with _explained(path, [], wish):
            change = _REMOVING[parts[0].how](parts, found, wish, manifest) if found.data is not None else None
        changes += [change] if change is not None else []
    return Plan(agent.name, wish.scope, changes, [], True, tuple(shared))


def snippets(agent: Agent, wish: Wish) -> list[tuple[str, str]]:
    """What would be installed into nothing: (path, text) of each file; for those who write their files themselves."""
    found = [(path, _fresh(parts, wish)) for path, parts in _by_path(agent, wish)]
    if agent.manual:
        name, where = agent.manual
        found.append((where, _with_command(targets.source(name), name, wish)))
    return found


def installed(agent: Agent, scope: str, project: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Hooks of ours that an agent has: (file, event, entry). Files that cannot be read hold none."""
    for part in agent.parts:
        path = agent.path(part, scope, project)
        if path is None or part.when != ALWAYS or not part.source.endswith(".json"):
            continue
        try:
            document = jsontext.read(_text(files.current(path) or b"{}"))
        except (SettingsRefused, OSError):
            continue
        yield from ((path, event, entry) for event, _, entry in merge.ours(document))


def _elsewhere(agent: Agent, wish: Wish) -> list[str]:
    """Files of an agent's other scopes that have hooks of ours."""
    others = [scope for scope in agent.scopes if scope != wish.scope]
    found = [path for scope in others for path, _, _ in installed(agent, scope, wish.project)]
    return list(dict.fromkeys(found))


def _no_scope(agent: Agent, scope: str) -> UsageError:
    if not agent.scopes:
        return UsageError(f"mem writes nothing for {agent.label}", hint=f"mem hooks print --agent {agent.name}")
    offered = " or ".join(f"--scope {name}" for name in agent.scopes)
    return UsageError(f"{agent.label} has no settings for the scope {scope}", hint=f"mem hooks install {offered}")


def _by_path(agent: Agent, wish: Wish) -> list[tuple[str, list[Part]]]:
    """The files of an installation, each with the parts that go into it."""
    grouped: dict[str, list[Part]] = {}
    for part in agent.parts:
        path = agent.path(part, wish.scope, wish.project)
        if path is not None and wish.wants(part):
            grouped.setdefault(path, []).append(part)
    return list(grouped.items())


def _roots(agent: Agent, wish: Wish) -> list[str]:
    return [os.path.expanduser("~"), agent.home] if wish.scope == "user" else [wish.project]


@contextmanager
def _explained(path: str, parts: list[Part], wish: Wish) -> Iterator[None]:
    """Adds to a refusal which file it is about and, for an installation, what belongs into it."""
    try:
        yield
    except SettingsRefused as error:
        if path not in error.message:
            error.message = f"{path} stays as it is: {error.message}"
        error.path, error.snippet = path, _fresh(parts, wish) if parts else ""
        raise


def _notes(agent: Agent, found: Found, wish: Wish) -> list[str]:
    """What in an agent's own settings speaks against an installation. Raises SettingsRefused for a plugin of ours."""
    if found.data is None or not agent.parts or agent.parts[0].how != MERGE:
        return []
    try:
        settings = jsontext.read(_text(found.data))
    except SettingsRefused:
        return []
    if not isinstance(settings, dict):
        return []
    plugins = settings.get("enabledPlugins")
    if (
        not wish.force
        and isinstance(plugins, dict)
        and any(on and k.startswith("memcli@") for k, on in plugins.items())
    ):
        raise SettingsRefused("the plugin memcli is switched on there and has the same hooks", hint="--force has both")
    return [
        f"hooks are switched off there: {name}"
        for name, off in agent.switches.items()
        if _deep(settings, name.split(".")) is off
    ]


def _deep(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# --- what a file becomes ----------------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    try:
        return data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsRefused("it is not UTF-8 text") from None


def _data(text: str, like: bytes | None) -> bytes:
    return (BOM if like and like.startswith(BOM) else b"") + text.encode("utf-8")


def _with_command(text: str, name: str, wish: Wish) -> str:
    """A file of hooks/ with the command in it that belongs to the scope."""
    personal = wish.scope == "user"
    if name.endswith(".js"):
        program = jsontext.string(wish.command.program if personal else "mem")
        text = text.replace(_SCRIPT_COMMAND, f"const MEM = {program}", 1)
        return text.replace(_SCRIPT_CAPTURE, _SCRIPT_CAPTURE.replace("false", "true"), 1) if wish.capture else text
    if name.endswith(".json"):
        return jsontext.replace_strings(text, command.LINE, wish.command.line if personal else command.guarded)
    return text


def _fresh(parts: list[Part], wish: Wish) -> str:
    """A file with nothing but our parts in it."""
    first, *rest = parts
    text = _with_command(targets.source(first.source), first.source, wish)
    for part in rest:
        if part.how == MERGE:
            text = merge.merge(text, _document(part, wish), exact=False)[0]
        else:
            text = _with_command(targets.source(part.source), part.source, wish)
    return text


def _document(part: Part, wish: Wish) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_with_command(targets.source(part.source), part.source, wish))
    return document


def _merged(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    wanted: dict[str, Any] = {}
    for part in parts:
        document = _document(part, wish)
        hooks = {**wanted.get(merge.HOOKS, {}), **document.get(merge.HOOKS, {})}
        wanted = {**wanted, **document, **({merge.HOOKS: hooks} if hooks else {})}
    text = _text(found.data or b"")
    if not text.strip():
        made = merge.merge("{}", wanted)[1]  # an agent may write into the file before we take ours out
        return _change(found, _data(_fresh(parts, wish), found.data), found.data, made)
    after, made = merge.merge(text, wanted)
    origin = _origin(found, manifest, lambda known: merge.unmerge(text, known))
    return _change(found, _data(after, found.data), origin, made)


def _unmerged(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    record = manifest.records.get(found.path)
    if record is None and b" hook " not in (found.data or b""):
        return None  # nothing of ours, whatever else it is
    text = _text(found.data or b"")
    before = _origin(found, manifest, lambda known: merge.unmerge(text, known))
    is_made_by_us = record is not None and record.before is None
    if is_made_by_us and before is not None and "".join(_text(before).split()) == "{}":
        before = None
    return _change(found, before, None)


def _origin(found: Found, manifest: Manifest, without: Callable[[set[jsontext.Path] | None], str]) -> bytes | None:
    """A file as it was before us: its bytes where nobody changed it since, else what is there without our part."""
    if manifest.untouched(found.path, found.data):
        return manifest.before(found.path)
    record = manifest.records.get(found.path)
    return _data(without(set(record.made) if record else None), found.data)


def _copied(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    text = _fresh(parts[-1:], wish).encode("utf-8")
    if not _is_our_copy(found, parts, wish, manifest):
        if not wish.force:
            raise SettingsRefused("it is there already and not ours, or was changed since", hint="--force replaces it")
        return _change(found, text, found.data)
    untouched = manifest.untouched(found.path, found.data)
    return _change(found, text, manifest.before(found.path) if untouched else None)


def _deleted(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    if wish.force or _is_our_copy(found, parts, wish, manifest):
        untouched = manifest.untouched(found.path, found.data)
        return _change(found, manifest.before(found.path) if untouched else None, None)
    if manifest.records.get(found.path) is None:
        return None  # somebody's own file of that name
    raise SettingsRefused(f"{found.path} was changed since it was installed and is kept", hint="--force deletes it")


def _is_our_copy(found: Found, parts: list[Part], wish: Wish, manifest: Manifest) -> bool:
    """Whether a file of our own is as we wrote it, by the manifest, by its text, or because it only calls us."""
    if found.data is None or manifest.untouched(found.path, found.data):
        return True
    variants = {_fresh([part], wish._replace(capture=on)) for part in parts for on in (False, True)}
    if found.data.decode("utf-8", "replace") in variants:
        return True
    try:
        document = jsontext.read(_text(found.data))
    except SettingsRefused:
        return False
    groups = document.get(merge.HOOKS) if isinstance(document, dict) else None
    entries = list(groups.values()) if isinstance(groups, dict) else []
    return bool(entries) and all(
        isinstance(listed, list) and listed and all(map(is_ours, listed)) for listed in entries
    )


def _blocked(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    data = block.put(found.data, targets.source(parts[0].source), force=wish.force)
    origin = None if found.data is None else _before_block(found, wish, manifest)
    return _change(found, data, origin)


def _unblocked(parts: list[Part], found: Found, wish: Wish, manifest: Manifest) -> Change | None:
    return _change(found, _before_block(found, wish, manifest), None)


def _before_block(found: Found, wish: Wish, manifest: Manifest) -> bytes | None:
    if manifest.untouched(found.path, found.data):
        return manifest.before(found.path)
    return block.take(found.data or b"", force=wish.force)


_Becoming = Callable[[list[Part], Found, Wish, Manifest], Change | None]
_INSTALLING: dict[str, _Becoming] = {MERGE: _merged, COPY: _copied, BLOCK: _blocked}
_REMOVING: dict[str, _Becoming] = {MERGE: _unmerged, COPY: _deleted, BLOCK: _unblocked}


def _change(found: Found, after: bytes | None, origin: bytes | None, made: merge.Made | None = None) -> Change | None:
    if after == found.data:
        return None
    return Change(found.path, found.data, after, found.mode, origin, frozenset(made or ()))


def _diff(change: Change) -> str:
    before, after = (
        secrets.mask((data or b"").decode("utf-8", "replace"))[0].splitlines(keepends=True)
        for data in (change.before, change.after)
    )
    names = [change.path if data is not None else os.devnull for data in (change.before, change.after)]
    lines = difflib.unified_diff(before, after, names[0], names[1])
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
