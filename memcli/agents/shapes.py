"""What the tools of `mem mcp` say: as text for a model to read, and as data of a fixed shape.

Stored text is data from whoever wrote it: it is cleaned (`guard.speech`) and stands between the marks of a fenced block that
says so; with each memory comes who wrote it, and whether its user trusts it. Refusals are said with the next step that a tool
can take. Reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from typing_extensions import TypedDict  # of the extra, as `agents.mcp`, which alone needs these shapes at run time

from memcli.agents import fence
from memcli.curate import Outcome
from memcli.errors import Ambiguous, Conflict, MemError, NotFound, SecretFound
from memcli.guard import speech
from memcli.lifecycle import changes, duplicates
from memcli.lifecycle.duplicates import Finding
from memcli.lifecycle.standing import Standing
from memcli.memory import Memory
from memcli.places import Place
from memcli.recall.answer import Answer, Hit
from memcli.recall.confidence import WEAK
from memcli.resolve import Target
from memcli.store import Written
from memcli.text import plural
from memcli.trust import verdict

REPORTED = 3  # memories that a new one is said to repeat or contradict


class Result(NamedTuple):
    """What a tool says; `refused` where nothing was done."""

    text: str
    data: Mapping[str, Any]
    refused: bool = False


class Listed(TypedDict):
    """A memory without its text. `trust` is yours, agent (an agent of yours wrote it), trusted, held or quarantined."""

    id: str
    type: str
    title: str
    date: str
    source: str
    trust: str
    store: str
    path: str
    tags: list[str]


class Found(Listed):
    """A memory, or a turn of a past session, that answers a question."""

    line: int
    confidence: float
    text: str
    marks: list[str]


class Recalled(TypedDict):
    label: str
    confidence: float
    weak: bool
    searched: int
    memories: list[Found]
    notices: list[str]


class Shown(Listed):
    label: str
    supersedes: list[str]
    tier: str | None
    marks: list[str]
    text: str
    masked: list[str]


class Brief(TypedDict):
    label: str
    text: str


class Listing(TypedDict):
    label: str
    total: int
    memories: list[Listed]


class Similar(TypedDict):
    id: str
    how: str
    said: str


class Added(TypedDict):
    id: str
    path: str
    store: str
    masked: list[str]
    similar: list[Similar]


class Judged(TypedDict):
    id: str
    feedback: str
    tier: str | None


class Outcomes(TypedDict):
    done: bool
    outcomes: list[dict[str, Any]]


class Forgotten(TypedDict):
    forgotten: list[str]


def recalled(answer: Answer, here: str) -> Result:
    """An answer, or why there is none."""
    data = Recalled(
        label=fence.LABEL,
        confidence=round(answer.confidence, 2),
        weak=answer.confidence < WEAK,
        searched=answer.considered,
        memories=[_found(hit, here) for hit in answer.hits],
        notices=[speech.for_prompt(notice) for notice in answer.notices],
    )
    if not data["memories"]:
        tried = f"nothing found in {plural(answer.considered, 'memory')}; try other words, or fewer filters"
        return Result("\n".join([tried, *data["notices"]]), data)
    sure = "weak: nothing is clearly about this; the closest" if data["weak"] else "found"
    header = f"{sure}, confidence {data['confidence']:.2f}, of {plural(answer.considered, 'memory')}"
    lines = []
    for one in data["memories"]:
        text = one["text"] if one["text"].startswith(one["title"]) else f"{one['title']}: {one['text']}"
        lines.append(_line(one, one["marks"], text))
    return Result("\n".join([fence.block(header, lines), *data["notices"]]), data)


def _found(hit: Hit, here: str) -> Found:
    document, place = hit.candidate.document, hit.candidate.source.place
    speaker = f"{document.speaker}: " if document.anchor and document.speaker else ""
    return Found(
        id=document.name,
        type=speech.for_prompt(document.type),
        title=speech.for_prompt(f"{speaker}{document.title}"),
        date=str(document.at or document.created or ""),
        source=speech.for_prompt(document.source or "user"),
        trust=document.trust,
        store=place.label,
        path=speech.for_prompt(place.shown(document.path, here)),
        tags=[speech.for_prompt(tag) for tag in document.tags.split("\n")[1:-1]],
        line=hit.line,
        confidence=round(hit.confidence, 2),
        text=speech.for_prompt(hit.text),
        marks=[*dict.fromkeys([*_marks(document.trust), *hit.marks])],
    )


def shown(
    place: Place, target: Target, memory: Memory, trust: str, stands: Standing | None, masked: Sequence[str], here: str
) -> Result:
    """A whole memory; `memory` is its file with secrets masked."""
    barred = ["marked wrong"] if stands is not None and stands.state.barred else []
    lines = speech.lines(memory.body)
    data = Shown(
        label=fence.LABEL,
        id=target.id,
        type=speech.for_prompt(memory.type),
        title=speech.for_prompt(memory.title or target.title),
        date=memory.created or "",
        source=speech.for_prompt(memory.source or "user"),
        trust=trust,
        store=place.label,
        path=speech.for_prompt(place.shown(target.path, here)),
        tags=[speech.for_prompt(tag) for tag in memory.tags],
        supersedes=[speech.for_prompt(name) for name in memory.supersedes],
        tier=stands.tier if stands is not None else None,
        marks=[*_marks(trust), *barred],
        text="\n".join(lines),
        masked=list(dict.fromkeys(masked)),
    )
    return Result(fence.block("a memory", [_line(data, data["marks"], data["title"]), data["path"], "", *lines]), data)


def listing(rows: Sequence[tuple[Place, Mapping[str, Any]]], skip: int, limit: int, here: str) -> Result:
    """Some of the memories that there are."""
    listed = [_listed(place, row, here) for place, row in rows[skip : skip + limit]]
    data = Listing(label=fence.LABEL, total=len(rows), memories=listed)
    if not listed:
        return Result(f"nothing to list; {plural(len(rows), 'memory')} in all", data)
    lines = [_line(one, _marks(one["trust"]), f"{one['title']} · {one['path']}") for one in listed]
    header = f"memories {skip + 1:,} to {skip + len(listed):,} of {len(rows):,}, newest first"
    return Result(fence.block(header, lines), data)


def _listed(place: Place, row: Mapping[str, Any], here: str) -> Listed:
    return Listed(
        id=str(row["id"]),
        type=speech.for_prompt(str(row["type"])),
        title=speech.for_prompt(str(row["title"] or "")),
        date=str(row["created"] or ""),
        source=speech.for_prompt(str(row["source"] or "user")),
        trust=str(row["trust"]),
        store=place.label,
        path=speech.for_prompt(place.shown(str(row["path"]), here)),
        tags=[speech.for_prompt(tag) for tag in row["tags"]],
    )


def added(place: Place, written: Written, like: Sequence[Finding], here: str) -> Result:
    """A new memory, with what it repeats or contradicts."""
    path = speech.for_prompt(place.shown(written.path, here))
    similar = [_similar(one, written.id) for one in like[:REPORTED]]
    data = Added(id=written.id, path=path, store=place.label, masked=list(written.masked), similar=similar)
    parts = [f"kept as {written.id} in {path} ({place.label})"]
    parts += [f"masked: {', '.join(written.masked)}"] if written.masked else []
    if similar:
        lines = [f"- {one['id']} ({one['how']}) {one['said']}" for one in similar]
        parts.append(fence.block("like it; where the new one replaces one, curate with SUPERSEDE", lines))
    return Result("\n".join(parts), data)


def _similar(one: Finding, new: str) -> Similar:
    old = one.goes if one.goes.id != new else one.stays
    said = old.title
    if one.kind == changes.CHANGED:
        now, then = duplicates.said(one.stays.text, one.now), duplicates.said(one.goes.text, one.then)
        said = f"{old.title} ({now}, not {then})" if now != then else old.title
    return Similar(id=old.id, how=str(one.kind), said=speech.for_prompt(said))


def outcomes(place: Place, found: Sequence[Outcome], here: str, *, dry_run: bool) -> Result:
    """What became of a batch of operations."""
    refused = any(outcome.code for outcome in found)
    data = Outcomes(done=not refused and not dry_run, outcomes=[_outcome(place, one, here) for one in found])
    done = "done; one mem undo takes it back"
    verdict = "refused; nothing was written" if refused else "a dry run; nothing was written" if dry_run else done
    lines = []
    for one in data["outcomes"]:
        lines.append("- " + " ".join(str(one[key]) for key in ("n", "op", "outcome", "id", "path") if key in one))
        lines += [f"  {key}: {one[key]}" for key in ("problem", "hint", "digest") if key in one]
        lines += [f"  there now: {line}" for line in str(one.get("present", "")).splitlines()]
    return Result(fence.block(verdict, lines), data, refused)


def _outcome(place: Place, outcome: Outcome, here: str) -> dict[str, Any]:
    """The outcome of an operation as data: nothing that is None."""
    path, problem, hint = outcome.path, outcome.problem, outcome.hint
    told: dict[str, Any] = {"n": outcome.n, "op": outcome.op, "outcome": outcome.outcome, "id": outcome.id}
    told["path"] = speech.for_prompt(place.shown(path, here)) if path else None
    told["problem"] = speech.for_prompt(problem) if problem else None
    told["hint"] = speech.for_prompt(hint) if hint and not _is_of_shell(hint) else None
    told["present"] = "\n".join(speech.lines(outcome.present)) if outcome.present is not None else None
    told["digest"] = outcome.digest
    return {key: value for key, value in told.items() if value is not None}


def problem(error: MemError) -> str:
    """A refusal for a model: one sentence, what it is about, and the next step."""
    lines = [speech.for_prompt(error.message)]
    if isinstance(error, Ambiguous):
        candidates = [speech.for_prompt(f"- {name} {title} · {path}") for name, path, title in error.candidates]
        lines.append(fence.block("candidates", candidates))
    elif isinstance(error, Conflict) and error.present:
        lines.append(fence.block("what is there now", speech.lines(error.present)))
    step = error.hint
    if step and _is_of_shell(step):
        step = next((said for kind, said in _STEPS if isinstance(error, kind)), f"for the user: {step}")
    return "\n".join([*lines, f"next: {speech.for_prompt(step)}"] if step else lines)


_STEPS = (
    (SecretFound, "remove the secret, or repeat with redact: true to keep the text with it masked"),
    (Conflict, "curate: UPSERT with overwrite: true, or SUPERSEDE"),
    (NotFound, "list or recall shows which memories there are"),
)


def _is_of_shell(hint: str) -> bool:
    """Whether a hint is a command line, which not every client can run."""
    return hint.startswith("mem ") or "--" in hint


def _line(one: Listed | Found | Shown, marks: Sequence[str], text: str) -> str:
    """One memory: its id, what kind of thing was said when and by whom, what a reader should know of it, and the text."""
    parts = [one["type"], one["date"][:10] or "undated", one["source"], *marks]
    return speech.for_prompt(f"- {one['id']} ({', '.join(parts)}) {text}")


def _marks(trust: str) -> list[str]:
    marked = verdict.mark(trust)
    return [marked] if marked else []
