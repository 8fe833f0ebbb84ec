"""The verb that decides on proposals: review. What is accepted is done as `mem curate` does it, so `mem undo` reverts it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

import typer

from memcli import acceptance, caller, operations, tree
from memcli import curate as curating
from memcli.acceptance import Waiting as Quarantined
from memcli.cli import terminal
from memcli.cli.invocation import say
from memcli.cli.terminal import any_json, index_now, invocation, stores
from memcli.errors import Conflict, MemError, NotFound
from memcli.guard import secrets
from memcli.guard.hidden import columns, one_line, printable, visible
from memcli.lifecycle import changes, proposals
from memcli.lifecycle.proposals import ACCEPTED, REJECTED, About, Draft, Proposal
from memcli.memory import Memory, parse
from memcli.recall import refresh
from memcli.store import Store
from memcli.text import digest, path_id

SHOWN = 280  # characters of a memory beside another
SUSPICIOUS = "suspicious"
NARROW = 80  # columns below which memories are shown one after the other
KEYS = "y accept · n reject · e edit · s skip · q stop"


class _Waiting(NamedTuple):
    """An open proposal, and the store that it is about; `quarantined`, the memory that it asks to let speak."""

    store: Store
    proposal: Proposal
    quarantined: Quarantined | None = None


def review(
    ctx: typer.Context,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Do what this proposal says; repeatable.")
    ] = None,
    reject: Annotated[list[str] | None, typer.Option("--reject", help="Never propose this again; repeatable.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show what is open, and ask nothing.")] = False,
) -> None:
    """Decide on what mem proposes: duplicates, changed values, contradictions, what to tidy. One key each; nothing is deleted.

    Example: mem review --list
    """
    opened = stores(ctx)
    waiting = [one for store in opened for one in _suspicious(store)]
    waiting += [_Waiting(store, one) for store in opened for one in proposals.open_proposals(store.place)]
    if accept or reject:
        _decide(ctx, waiting, accept or [], reject or [])
        return
    if any_json(ctx, [_as_dict(one) for one in waiting]):
        return
    if not waiting:
        print("nothing to review")
    elif listed or invocation(ctx).no_input or caller.author() != "you":
        _print_list(waiting)
    else:
        _ask_about_each(waiting)


def _suspicious(store: Store) -> Iterator[_Waiting]:
    """What is quarantined, as proposals to let it speak. They lie in no file of the store, which somebody may have sent."""
    refresh.update(store.place)
    for one in acceptance.undecided(store.place):
        why = acceptance.reason(store.place, one) or "it was written to look harmless"
        draft = Draft(SUSPICIOUS, (About(one.id, one.path, one.hash),), f"{why}; accept lets it speak", ())
        yield _Waiting(store, Proposal(path_id(one.hash), one.created or "", draft), one)


# --- without asking --------------------------------------------------------------------------------------------------


def _decide(ctx: typer.Context, waiting: list[_Waiting], accept: Sequence[str], reject: Sequence[str]) -> None:
    """Carry out decisions; every id is understood before the first is."""
    decided = [
        (_find(waiting, name), word) for names, word in ((accept, ACCEPTED), (reject, REJECTED)) for name in names
    ]
    for one, word in decided:
        if word == ACCEPTED:
            _accept(one)
        else:
            _reject(one)
    if not any_json(
        ctx, [{"id": one.proposal.id, "kind": one.proposal.draft.kind, "decision": word} for one, word in decided]
    ):
        for one, word in decided:
            print(f"{one.proposal.id[:4]}  {word}: {one_line(_what(one), 100)}")


def _find(waiting: list[_Waiting], wanted: str) -> _Waiting:
    found = proposals.find([one.proposal for one in waiting], wanted)
    return next(one for one in waiting if one.proposal is found)


def _print_list(waiting: list[_Waiting]) -> None:
    rows = []
    for one in waiting:
        draft = one.proposal.draft
        texts = [str(one["text"]) for one in draft.operations if isinstance(one.get("text"), str)]
        titles = [_title(one.store, about) for about in draft.about] or [one_line(text, 100) for text in texts]
        about = " / ".join(titles)
        rows.append((one.proposal.id[:4], draft.kind, draft.reason, about))
    terminal.table(("id", "kind", "why", "about"), rows)
    say("decide: mem review --accept ID · mem review --reject ID")


def _as_dict(one: _Waiting) -> dict[str, object]:
    draft = one.proposal.draft
    return {
        "id": one.proposal.id,
        "kind": draft.kind,
        "at": one.proposal.at,
        "reason": draft.reason,
        "about": [
            {"id": about.id, "path": one.store.place.shown(about.path), "title": _title(one.store, about)}
            for about in draft.about
        ],
        "operations": [dict(operation) for operation in draft.operations],
    }


def _accept(one: _Waiting, instead: Sequence[Mapping[str, object]] | None = None) -> None:
    """Do what a proposal says (or these operations) and note that. Raises Conflict where it cannot be done any more."""
    if one.quarantined is not None:
        acceptance.accept(one.store.place, [one.quarantined], by_name=True)
        return
    wanted = one.proposal.draft.operations if instead is None else instead
    if wanted:
        refresh.update(one.store.place)
        outcomes = curating.curate(one.store, operations.read(json.dumps(list(wanted))))
        refused = next((outcome for outcome in outcomes if outcome.problem and outcome.code), None)
        if refused is not None:
            raise Conflict(
                f"that cannot be done any more: {refused.problem}", present=refused.present, hint=refused.hint
            )
        index_now(one.store, [outcome.path for outcome in outcomes if outcome.path])
    proposals.decide(one.store.place, one.proposal.id, ACCEPTED, time.time())


def _reject(one: _Waiting) -> None:
    if one.quarantined is not None:
        acceptance.reject(one.store.place, one.quarantined)
        return
    proposals.decide(one.store.place, one.proposal.id, REJECTED, time.time())


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask_about_each(waiting: list[_Waiting]) -> None:
    decided = 0
    for number, one in enumerate(waiting, 1):
        print(f"{number} of {len(waiting)}  {one_line(_what(one), 100)}")
        for line in _shown(one):
            print(line)
        answer = _answer()
        if answer == "q":
            break
        decided += answer != "s" and _done(one, answer)
        print()
    left = len(waiting) - decided
    print(f"{decided} decided, {left} left" if left else "all decided; mem undo takes back the last one")


def _done(one: _Waiting, answer: str) -> bool:
    """Do what was answered; a decision that cannot be carried out is said, and the next proposal comes."""
    try:
        if answer == "y":
            _accept(one)
        elif answer == "n":
            _reject(one)
        else:
            return _edit(one)
    except MemError as error:
        say(f"mem: {error.message}", *([f"try: {error.hint}"] if error.hint else []))
        return False
    return True


def _edit(one: _Waiting) -> bool:
    """Let the person write it: the text that a proposal would add, else the memory that would stay."""
    draft = one.proposal.draft
    for number, operation in enumerate(draft.operations):
        if isinstance(operation.get("text"), str):
            text = terminal.edited(str(operation["text"]))
            changed = [*draft.operations]
            changed[number] = {**operation, "text": text}
            _accept(one, changed)
            return True
    if not draft.about:
        raise NotFound("there is no text to edit in this one", hint="answer y or n")
    path = draft.about[0].path
    before = tree.read(one.store.place, path)
    after = terminal.edited(before.decode("utf-8")).encode("utf-8")
    if after == before:
        return False
    one.store.replace_file(path, after, expected=digest(before))
    index_now(one.store, [path])
    return True


def _answer() -> str:
    """One key where a person types, one line where lines are piped; "q" at their end."""
    while True:
        print(KEYS, end="  ", flush=True)
        said = _key() if sys.stdin.isatty() else sys.stdin.readline()
        answer = said.strip()[:1].lower()
        print(printable(answer))
        if not said or answer in tuple("ynesq"):
            return answer or "q"


def _key() -> str:
    """One key, without waiting for Enter."""
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.getwch()
    import termios
    import tty

    terminal_ = sys.stdin.fileno()
    before = termios.tcgetattr(terminal_)
    try:
        tty.setcbreak(terminal_)  # drops what was typed before the question
        return os.read(terminal_, 1).decode("ascii", "replace")
    finally:
        termios.tcsetattr(terminal_, termios.TCSADRAIN, before)


# --- showing ---------------------------------------------------------------------------------------------------------


def _what(one: _Waiting) -> str:
    draft = one.proposal.draft
    return f"{draft.kind}: {draft.reason}"


def _shown(one: _Waiting) -> Iterator[str]:
    """The memories of a proposal, two of them side by side where there is room; what differs is marked «so»."""
    about = one.proposal.draft.about
    memories = [_memory(one.store, item) for item in about]
    texts = [memory.body if memory else "" for memory in memories]
    if one.quarantined is not None:
        texts = [visible(text) for text in texts]  # what is hidden in it may be what is wrong with it
    if len(texts) == 2 and (change := changes.between(*texts, at_least=0.0)):
        texts = [_marked(texts[0], change.first), _marked(texts[1], change.second)]
    cells = [
        [f"{item.id[:4]}  {(memory.created or '')[:10] if memory else ''}".rstrip(), _excerpt(text)]
        for item, memory, text in zip(about, memories, texts, strict=True)
    ]
    for operation in one.proposal.draft.operations:
        if isinstance(operation.get("text"), str):
            cells.append([str(operation.get("op", "")).lower(), _excerpt(str(operation["text"]))])
    yield from _side_by_side(cells)


def _side_by_side(cells: list[list[str]]) -> Iterator[str]:
    room = shutil.get_terminal_size().columns
    if len(cells) != 2 or room < NARROW or any(columns(text) != len(text) for cell in cells for text in cell):
        for head, text in cells:
            yield f"  {head}"
            yield from textwrap.wrap(text, max(20, room - 6), initial_indent="    ", subsequent_indent="    ")
        return
    width = (room - 5) // 2
    left, right = ([head, *textwrap.wrap(text, width)] for head, text in cells)
    for number in range(max(len(left), len(right))):
        one, other = (lines[number] if number < len(lines) else "" for lines in (left, right))
        yield f"  {one:<{width}} │ {other}".rstrip()


def _marked(text: str, span: tuple[int, int]) -> str:
    start, end = span
    return text if start == end else f"{text[:start]}«{text[start:end].strip()}»{text[end:]}"


def _excerpt(text: str) -> str:
    """About `SHOWN` characters of a text on one line, around what is marked."""
    line = one_line(text)
    mark = max(0, line.find("«"))
    start = max(0, mark - SHOWN // 2) if len(line) > SHOWN else 0
    cut = line[start : start + SHOWN]
    return ("…" if start else "") + cut + ("…" if start + SHOWN < len(line) else "")


def _memory(store: Store, about: About) -> Memory | None:
    """A memory as it is shown: secrets masked."""
    data = proposals.present(store.place, about)
    if data is None:
        return None
    return parse(secrets.mask(data.decode("utf-8"))[0].encode("utf-8"), name=about.path)


def _title(store: Store, about: About) -> str:
    memory = _memory(store, about)
    return one_line(memory.title, 60) if memory else about.id[:4]
