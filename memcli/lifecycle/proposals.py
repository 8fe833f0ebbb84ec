"""What might be tidied, waiting for somebody to say yes or no: `local/proposals.jsonl`, append-only.

A line proposes, or says what became of a proposal; reading folds them. The file is kept beside the journal and not in the
cache, because a decision must survive the index. A torn last line, which a kill can leave, is skipped by readers and closed
off by the next writer. At most `OPEN` are open; the oldest expire when more come.

A proposal is about memories with the content that they had. When one of them says something else by now, or is gone, the
proposal is stale: it is not shown, and the next writer notes that. What was rejected never comes again for the same content.

Promises: nothing here changes a memory. `mem review` carries out what is accepted, through the store, so that `mem undo`
takes it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from memcli import lock, tree
from memcli.errors import Ambiguous, InvalidMemory, NotFound, StoreUnsafe, UsageError, WriteFailed
from memcli.lifecycle import changes
from memcli.lifecycle.duplicates import Finding
from memcli.places import Place, private_dir
from memcli.text import content_hash, new_id, utc_iso
from memcli.trust.origin import came_with_git

OPEN = 20
MAX_LINE = 256 * 1024
ACCEPTED, REJECTED, EXPIRED, STALE = "accepted", "rejected", "expired", "stale"
PAIRS = frozenset((changes.DUPLICATE, changes.SUBSUMED, changes.CHANGED, changes.NEGATED))
"""Kinds that are about the relation of two memories: one of them rejected, none of the others comes for the same two texts."""

Key = tuple[str, frozenset[str]]


class About(NamedTuple):
    """A memory that a proposal is about: its id, where it lay, and the hash of what it said."""

    id: str
    path: str
    hash: str


class Draft(NamedTuple):
    """A proposal to be made. `kind` is any word; `operations` are what accepting it does, as `mem curate` takes them.

    `about` lists the memories in the order in which the reason speaks of them; none for a proposal about no memory.
    """

    kind: str
    about: tuple[About, ...]
    reason: str
    operations: tuple[Mapping[str, object], ...]

    @property
    def key(self) -> Key:
        """What makes two proposals the same one: what they are about, or where that is nothing, what they would write."""
        about = frozenset(one.hash for one in self.about)
        texts = (str(one.get("text", "")) for one in self.operations)
        return ("pair" if self.kind in PAIRS else self.kind), about or frozenset(
            content_hash(text.encode()) for text in texts
        )


class Proposal(NamedTuple):
    """An open proposal: its id, when it was made (ISO, UTC), and what it says."""

    id: str
    at: str
    draft: Draft


class _File(NamedTuple):
    """The file as folded: every proposal by id, and what became of those that are not open."""

    proposals: dict[str, Proposal]
    fates: dict[str, str]

    def open(self) -> list[Proposal]:
        return [one for one in self.proposals.values() if one.id not in self.fates]

    def keys(self, fate: str) -> set[Key]:
        return {self.proposals[id_].draft.key for id_, became in self.fates.items() if became == fate}


def of_finding(finding: Finding) -> Draft:
    """A finding as a proposal that the one memory replaces the other."""
    about = tuple(About(note.id, note.path, note.hash) for note in (finding.stays, finding.goes))
    return Draft(finding.kind, about, finding.reason, (finding.operation,))


def open_proposals(place: Place) -> list[Proposal]:
    """What waits for a decision, oldest first; what is stale is left out. Writes nothing."""
    return [one for one in _read(place).open() if _holds(place, one)]


def ever_made(place: Place) -> list[Draft]:
    """Everything that was ever proposed, whatever became of it."""
    return [one.draft for one in _read(place).proposals.values()]


def rejected_pairs(place: Place) -> set[frozenset[str]]:
    """Pairs of content hashes of which nobody wants to hear again."""
    return {hashes for kind, hashes in _read(place).keys(REJECTED) if kind == "pair"}


def propose(place: Place, drafts: Sequence[Draft], now: float) -> list[Proposal]:
    """Note what is new of these, the most important first; returns that. Only the first `OPEN` are looked at.

    Pass what there is to propose in one call: proposals that it repeats stay open, and the oldest others make room. What
    had expired comes again only while there is room.
    """
    with lock.write_lock(place, name="proposals"):
        file = _read(place)
        stale = [one for one in file.open() if not _holds(place, one)]
        left = [one for one in file.open() if one not in stale]
        unwanted, expired = file.keys(REJECTED), file.keys(EXPIRED)
        asked = {draft.key: draft for draft in reversed(drafts) if draft.key not in unwanted}  # of equals, the first
        wanted = [draft for draft in drafts if asked.get(draft.key) is draft][:OPEN]
        known = {one.draft.key for one in left}
        new = [draft for draft in wanted if draft.key not in known and draft.key not in expired]
        again = [draft for draft in wanted if draft.key not in known and draft.key in expired]
        new += again[: max(0, OPEN - len(left) - len(new))]
        made = [Proposal(new_id(), utc_iso(now), draft) for draft in new]
        repeated = {draft.key for draft in wanted}
        giving_way = [one for one in left if one.draft.key not in repeated]
        old = giving_way[: max(0, len(left) + len(made) - OPEN)]
        lines = [_fate(one.id, STALE, now) for one in stale] + [_fate(one.id, EXPIRED, now) for one in old]
        _append(place, lines + [_line(one) for one in made])
    return made


def decide(place: Place, wanted: str, decision: str, now: float) -> Proposal:
    """Note that the open proposal whose id begins with `wanted` was accepted or rejected; returns it.

    Raises NotFound when none is open, UsageError for another decision or when `wanted` names several.
    """
    if decision not in (ACCEPTED, REJECTED):
        raise UsageError(f"a proposal is {ACCEPTED} or {REJECTED}, not {decision}", hint="mem review")
    with lock.write_lock(place, name="proposals"):
        one = find(_read(place).open(), wanted)
        _append(place, [_fate(one.id, decision, now)])
    return one


def find(among: Iterable[Proposal], wanted: str) -> Proposal:
    """The proposal whose id begins with `wanted`. Raises NotFound, or Ambiguous with all that do."""
    found = [one for one in among if wanted and one.id.startswith(wanted)]
    if not found:
        raise NotFound(f"no open proposal is called {wanted!r}", hint="mem review --list")
    if len(found) > 1:
        raise Ambiguous(
            f"{wanted!r} names {len(found)} proposals",
            [(one.id, one.draft.kind, one.draft.reason) for one in found],
            hint="repeat with more letters of it",
        )
    return found[0]


def present(place: Place, about: About) -> bytes | None:
    """The bytes of a memory that a proposal is about, if it still says what it said; else None."""
    try:
        data = tree.read(place, about.path)
    except (NotFound, InvalidMemory, StoreUnsafe):
        return None
    return data if content_hash(data) == about.hash else None


def _holds(place: Place, one: Proposal) -> bool:
    return all(present(place, about) is not None for about in one.draft.about)


# --- the file --------------------------------------------------------------------------------------------------------


def _path(place: Place) -> str:
    return os.path.join(place.local, "proposals.jsonl")


def _read(place: Place) -> _File:
    file = _File({}, {})
    for line in [] if came_with_git(place, _path(place)) else _lines(_path(place)):
        try:
            raw = json.loads(line)
            if raw["do"] == "propose":
                one = _proposal(raw)
                file.proposals[one.id] = one
            elif raw["id"] in file.proposals and raw["do"] in (ACCEPTED, REJECTED, EXPIRED, STALE):
                file.fates.setdefault(raw["id"], raw["do"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # torn, or not ours
    return file


def _proposal(raw: Mapping[str, object]) -> Proposal:
    """A proposal from its line. Raises ValueError or TypeError for anything else, since a synced file may hold anything."""
    about = tuple(About(*map(_text, _list(one))) for one in _list(raw["about"]))
    operations = tuple(one for one in _list(raw["operations"]) if isinstance(one, dict))
    draft = Draft(_text(raw["kind"]), about, _text(raw["reason"]), operations)
    return Proposal(_text(raw["id"]), _text(raw["at"]), draft)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _lines(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while line := file.readline(MAX_LINE):
                if line.endswith(b"\n"):
                    yield line
    except OSError:
        return


def _line(one: Proposal) -> dict[str, object]:
    draft = one.draft
    return {
        "do": "propose", "id": one.id, "at": one.at, "kind": draft.kind, "about": [list(about) for about in draft.about],
        "reason": draft.reason, "operations": list(draft.operations),
    }  # fmt: skip


def _fate(id_: str, became: str, now: float) -> dict[str, object]:
    return {"do": became, "id": id_, "at": utc_iso(now)}


def _append(place: Place, lines: Sequence[Mapping[str, object]]) -> None:
    if not lines:
        return
    data = "".join(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n" for line in lines).encode()
    path = _path(place)
    private_dir(place.local)
    try:
        if came_with_git(place, path):
            os.replace(path, f"{path}.theirs")  # what somebody committed was proposed to somebody else
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, flags, 0o600), "rb+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                data = b"\n" + data
            file.write(data)
            os.fsync(file.fileno())
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror}") from None
