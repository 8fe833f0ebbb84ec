"""Tidying memories in one go: a batch of operations is planned whole on copies, then done as one, or not at all.

Every problem of every operation is found before a file is touched. What is done is one event of the journal, so that one
`mem undo` takes all of it back. Operations see what those before them did, and may name it: `"as": "x"`, then `"$x"`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from memcli import tree
from memcli.errors import Ambiguous, Conflict, MemError, UsageError
from memcli.memory import Relation, entry_body, link_lines, parse
from memcli.operations import Operation, Values
from memcli.store import Said, Store
from memcli.text import iso_date
from memcli.workspace import File, Lost, Plan

REFUSED = "refused"
EXISTS = "exists"
UNCHANGED = "unchanged"
_FRONT = ("type", "title", "tags", "valid_from", "valid_to", "pinned")


@dataclass(slots=True)
class Outcome:
    """What became of one operation: added, changed, unchanged, merged, superseded, linked, trashed, exists or refused.

    `present` is the text that is there, and `digest` names it, where the operation lost against it; `code` is the exit
    code of the problem's class, 0 without one.
    """

    n: int
    op: str
    outcome: str
    id: str | None = None
    path: str | None = None
    problem: str | None = None
    hint: str | None = None
    present: str | None = None
    digest: str | None = None
    code: int = 0


def curate(store: Store, operations: Sequence[Operation], *, dry_run: bool = False) -> list[Outcome]:
    """Do a batch of operations, all of them or none; returns the outcome of each, in order.

    Where one is refused nothing is written, and the outcomes say why. Raises what `Store.apply` raises when a file
    changes in that moment or the disk refuses; then nothing was written either.
    """
    plan = Plan(store)
    outcomes = [_outcome(plan, operation) for operation in operations]
    bad = [outcome.n for outcome in outcomes if outcome.problem]
    if bad:
        why = f"not done: operation{'s' if len(bad) > 1 else ''} {', '.join(map(str, bad))} refused"
        return [one if one.problem else Outcome(one.n, one.op, REFUSED, problem=why) for one in outcomes]
    if dry_run:
        for outcome in outcomes:
            outcome.id = None if plan.is_new(outcome.path) else outcome.id  # another one would be given
    else:
        counted = Counter(outcome.outcome for outcome in outcomes if outcome.outcome != UNCHANGED)
        store.apply(plan.files(), verb="curate", note=", ".join(f"{count} {what}" for what, count in counted.items()))
    return outcomes


def _outcome(plan: Plan, operation: Operation) -> Outcome:
    """Plan one operation."""
    done = Outcome(operation.number, operation.name, REFUSED)
    label = operation.values.get("as")
    try:
        if operation.problems:
            raise UsageError("; ".join(operation.problems), hint="mem curate --help")
        if label in plan.named:
            raise UsageError(f"another operation is called {label!r}", hint="give each its own name")
        done.outcome, file = _VERBS[operation.name](plan, operation)
        if file.after is not None:
            tree.check(file.after)
        done.id, done.path = file.id, file.target or file.path
    except MemError as error:
        _refuse(done, error)
        file = None
    if isinstance(label, str):
        plan.named.setdefault(label, file)
    return done


# --- the operations --------------------------------------------------------------------------------------------------


def _add(plan: Plan, operation: Operation) -> tuple[str, File]:
    draft = plan.store.draft(str(operation.values["text"]), **_said(operation.values))
    existing = plan.same_name(draft)
    if existing is not None:
        raise Lost(
            f"{plan.place.shown(existing.path)} already holds a memory of that name",
            existing.data,
            hint='UPSERT with "overwrite": true, or SUPERSEDE',
            exists=True,
        )
    return "added", plan.new(draft, operation.number)


def _update(plan: Plan, operation: Operation) -> tuple[str, File]:
    values = operation.values
    if len(set(values) - {"id", "expected", "as"}) == 0 or ("text" in values and "append" in values):
        raise UsageError("say what changes: text or append, or keys", hint="mem curate --help")
    file = plan.find(values["id"])
    plan.expect(file, values)
    return ("changed" if _edit(plan, file, operation) else UNCHANGED), file


def _edit(plan: Plan, file: File, operation: Operation) -> bool:
    values = operation.values
    text, append, links = _optional(values.get("text")), _optional(values.get("append")), _list(values.get("links"))
    if text is not None:
        text = entry_body(text, None, links)
    elif links:
        append = f"{append}\n\n{link_lines(links)}" if append else link_lines(links)
    file.settle(operation.number, *(key for key in (*_FRONT, "topic", "text") if key in values))
    file.settle(operation.number, *(["more"] if append is not None else []))
    changed = plan.change(file, text=text, append=append, topic=_optional(values.get("topic")))
    present = parse(file.data, name=file.path)  # what the text itself says, as a heading or #tags, is not said again
    front = {key: _front_value(key, values[key]) for key in _FRONT if key in values}
    differing = {key: value for key, value in front.items() if value != (_listed(getattr(present, key)) or None)}
    return plan.change(file, front_matter=differing) or changed


def _front_value(key: str, value: object) -> object:
    """A value as front matter has it; None takes the key out."""
    if key == "tags":
        return [tag.lstrip("#") for tag in _list(value)] or None
    if key == "pinned":
        return True if value else None
    return iso_date(value) if key.startswith("valid") else value


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _upsert(plan: Plan, operation: Operation) -> tuple[str, File]:
    values = operation.values
    path = values.get("path")
    if path is None and "title" not in values:
        raise UsageError("an UPSERT needs a path, or a title and a topic", hint='"path": "auth/tokens"')
    said = _said(values)
    if path is not None:
        said["topic"] = str(path)  # what names a file is looked through for secrets like all else
    draft = plan.store.draft(str(values["text"]), **said)
    if path is None:
        existing = plan.same_name(draft)
    else:
        shared, private = plan.new_paths(str(path))
        draft = draft._replace(path=private if values.get("private") or str(path).startswith("local/") else shared)
        existing = plan.existing(str(path))
    if existing is None or existing.after is None:
        if "expected" in values:
            raise Conflict("there is no such memory any more", hint='leave "expected" out to add it')
        return "added", plan.new(draft, operation.number)
    plan.expect(existing, values)
    before, settled = (existing.after, existing.target), dict(existing.done)
    body = entry_body(str(values["text"]), _optional(values.get("title")), _list(values.get("links")))
    kept = {key: values[key] for key in ("type", "tags", "valid_from", "valid_to", "pinned") if key in values}
    changed = _edit(plan, existing, operation._replace(values={**kept, "text": body}))
    if changed and not values.get("overwrite"):
        (existing.after, existing.target), existing.done = before, settled
        raise Lost(
            f"{plan.place.shown(existing.path)} already exists",
            existing.data,
            hint='read what is present, then repeat with "overwrite": true and "expected": its digest',
            exists=True,
        )
    return ("changed" if changed else UNCHANGED), existing


def _merge(plan: Plan, operation: Operation) -> tuple[str, File]:
    values = operation.values
    into = values["into"]
    new = into if isinstance(into, dict) else {}  # what is said of a memory that is not there yet
    texts = [text for text in (values.get("text"), new.get("text")) if text is not None]
    if len(texts) != 1:
        raise UsageError(
            'a MERGE needs the merged "text", once', hint='{"op": "MERGE", "ids": […], "into": …, "text": …}'
        )
    kept = None if isinstance(into, dict) else plan.find(into)
    named = {file.path: file for file in map(plan.find, _list(values["ids"]))}
    merged = [file for file in named.values() if file is not kept]
    if not merged:
        raise UsageError("there is nothing to merge", hint='"ids" names the memories that go')
    for file in merged:
        file.settle(operation.number, "gone")
    replaced = [name for file in merged for name in (*parse(file.data, name=file.path).supersedes, file.id)]
    if kept is not None:
        present = parse(kept.data, name=kept.path).supersedes
        listed = [name for name in dict.fromkeys([*present, *replaced]) if name != kept.id]
        kept.settle(operation.number, "text")
        plan.change(kept, text=str(texts[0]), front_matter={"supersedes": listed})
        result = kept
    else:
        tags = dict.fromkeys(tag for file in merged for tag in parse(file.data, name=file.path).tags)
        types = {parse(file.data, name=file.path).type for file in merged}
        defaults = {"tags": list(tags), **({"type": types.pop()} if len(types) == 1 else {})}
        result = _in_place_of(plan, operation, {**defaults, **new, "text": texts[0]}, merged, replaced)
    for file in merged:
        file.after = None
    return "merged", result


def _supersede(plan: Plan, operation: Operation) -> tuple[str, File]:
    old, by = plan.find(operation.values["id"]), operation.values["by"]
    if isinstance(by, dict):
        type_ = parse(old.data, name=old.path).type
        return "superseded", _in_place_of(plan, operation, {"type": type_, **by}, [old], [old.id])
    file = plan.find(by)
    if file is old:
        raise UsageError("a memory cannot supersede itself", hint='"by" names the newer one')
    present = parse(file.data, name=file.path).supersedes
    if old.id in present:
        return UNCHANGED, file
    file.settle(operation.number, "read")
    plan.change(file, front_matter={"supersedes": [*present, old.id]})
    return "superseded", file


def _in_place_of(
    plan: Plan, operation: Operation, values: Values, old: Sequence[File], replaced: Iterable[str]
) -> File:
    """A new memory for old ones: where the first of them was, but private if any of them is, unless it says otherwise."""
    private = [file for file in old if file.path.startswith("local/")]
    said = _said(values)
    said["supersedes"] = [*dict.fromkeys(replaced)]
    said.setdefault("private", bool(private))
    draft = plan.store.draft(str(values["text"]), **said)
    beside = next((file for file in old if file.path.startswith("local/") == said["private"]), None)
    stays = beside is not None and "topic" not in values
    return plan.new(draft, operation.number, folder=beside.path.rpartition("/")[0] if beside and stays else None)


def _link(plan: Plan, operation: Operation) -> tuple[str, File]:
    file, to = plan.find(operation.values["from"]), plan.find(operation.values["to"])
    if file is to:
        raise UsageError("a memory is not linked with itself", hint='"from" and "to" are two memories')
    to.settle(operation.number, "read")
    path = (to.target or to.path).removeprefix("local/").removeprefix("tree/").removesuffix(".md")
    target = to.id if set(path) & set("[]|#^:") else path
    relation = str(operation.values.get("relation", "relates to"))
    if Relation(relation.strip().lower(), target) in parse(file.data, name=file.path).relations:
        return UNCHANGED, file
    file.settle(operation.number, "more")
    plan.change(file, append=link_lines([f"{relation}:{target}"]))
    return "linked", file


def _delete(plan: Plan, operation: Operation) -> tuple[str, File]:
    file = plan.find(operation.values["id"])
    plan.expect(file, operation.values)
    file.settle(operation.number, "gone")
    file.after = None
    return "trashed", file


_VERBS: dict[str, Callable[[Plan, Operation], tuple[str, File]]] = {
    "ADD": _add, "UPDATE": _update, "UPSERT": _upsert, "MERGE": _merge, "SUPERSEDE": _supersede, "LINK": _link,
    "DELETE": _delete,
}  # fmt: skip


def _said(values: Values) -> Said:
    """What an operation says of a new memory besides its text."""
    said: Said = {"tags": _list(values.get("tags")), "links": _list(values.get("links"))}
    if "type" in values:
        said["type_"] = str(values["type"])
    said["title"], said["topic"] = _optional(values.get("title")), _optional(values.get("topic"))
    said["valid_from"], said["valid_to"] = iso_date(values.get("valid_from")), iso_date(values.get("valid_to"))
    said["pinned"] = bool(values.get("pinned"))
    if "private" in values:
        said["private"] = bool(values["private"])
    return said


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _refuse(outcome: Outcome, error: MemError) -> None:
    outcome.outcome, outcome.problem, outcome.hint, outcome.code = REFUSED, error.message, error.hint, error.exit_code
    if isinstance(error, Lost):
        outcome.outcome = EXISTS if error.exists else REFUSED
        outcome.present, outcome.digest = error.present, error.digest
    if isinstance(error, Ambiguous):
        outcome.hint = "one of: " + "; ".join(f"{name} {title}" for name, _, title in error.candidates)
