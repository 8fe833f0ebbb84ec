"""Transcripts of coding agents, line by line → turns: what is the same whatever the agent.

A format says of each line what it tells (`Said`, `Answered`, `Began`, `Ended`) and of what kind it is; here those become
turns. What the user wrote is a turn. What the agent did until the user wrote again is one turn, which lists the files it
changed and the commands it ran. Tool output, reasoning, notices, and what hooks and programs put into prompts are left out.

Promises: a line of any kind is counted, and one of a kind that is not known is named. A transcript is read as a stream; what
is held in memory is one line and one turn. Reading may begin where an earlier reading says so (`Reading.offset`): a turn that
was still going on is then made again, as a whole. Nothing that is read makes it fail.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol

from memcli.errors import ImportFailed
from memcli.importers import Item, Skipped
from memcli.importers.injected import without_injected
from memcli.places import open_regular
from memcli.text import iso_date

USER, ASSISTANT = "user", "assistant"
MAX_LINE_BYTES = 64 * 1024 * 1024
MOST_TURN = 32_000  # characters of an agent's turn, after which it goes on in another
MOST_COMMAND = 200
MOST_ACTIONS = 80  # lines of one turn that say what was done
_EMAIL = re.compile(
    r"(?<![\w.+-])(?!git@)[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[a-z]{2,24}\b(?![:/@])", re.IGNORECASE
)


class Said(NamedTuple):
    """The user wrote this."""

    text: str


class Answered(NamedTuple):
    """The agent wrote this. With an `id`, a later text of that id takes its place."""

    text: str
    id: str | None = None


class Began(NamedTuple):
    """The agent began to do something: the id of the call, and what, as one line ("ran: pytest -q")."""

    call: str
    what: str


class Ended(NamedTuple):
    """What it began came to an end; `how` is "" where it did what it should, else a word ("failed")."""

    call: str
    how: str = ""


Event = Said | Answered | Began | Ended


class Told(NamedTuple):
    """What one line tells: what kind of line it is, for the count; when (ISO) and in which session it was written, its id at
    the source, and what happened. `known` is False for a kind that this importer has never heard of."""

    kind: str
    events: tuple[Event, ...] = ()
    session: str | None = None
    at: str | None = None
    ref: str | None = None
    known: bool = True


class Format(Protocol):
    """How one agent writes. `facts` are what earlier lines said of the whole transcript ("session", "cwd"); a line may add to
    them. They are kept between readings, so they hold strings alone."""

    NAME: str

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told: ...


class Reading:
    """One reading of a transcript: give it a file, take its items, and ask it afterwards what it saw.

    `offset`: from where the next reading begins; `facts`: what that must know; `kinds`: lines by kind.
    """

    def __init__(self, form: Format, *, offset: int = 0, facts: dict[str, str] | None = None) -> None:
        self.offset = offset
        self.facts = dict(facts or {})
        self.kinds: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.torn = False
        self._form = form
        self._turn: _AgentTurn | None = None

    def items(self, file: BinaryIO) -> Iterator[Item]:
        """The turns from `offset` on, in order. The last may still have been going on; it comes all the same."""
        file.seek(self.offset)
        at = self.offset
        while line := file.readline(MAX_LINE_BYTES + 1):
            begin, at = at, at + len(line)
            if len(line) > MAX_LINE_BYTES:
                at += _skip_line(file)
                self._count(Told("longer than 64 MiB", known=False))
                continue
            row = _object(line)
            if row is None and not line.endswith(b"\n"):
                self.torn = bool(line.strip())  # still being written, or cut off: left for the next reading
                break
            yield from self._line(line, row, begin)
            if self._turn is None:
                self.offset = at
        if self._turn is not None and self._turn.says_something:
            yield self._turn.item()

    def skipped(self, where: str, *, whole: bool = True) -> Iterator[Skipped]:
        """What could not be read, by kind; in a transcript that is `whole`, a last line without an end is named too."""
        for kind, count in sorted(self.unknown.items()):
            yield Skipped(where, f"{count} line{'s' * (count > 1)} of no kind known here: {kind}")
        if self.torn and whole:
            yield Skipped(where, "the last line is cut off")

    def _line(self, line: bytes, row: dict[str, Any] | None, begin: int) -> Iterator[Item]:
        if row is None:
            if line.strip():
                self._count(Told(f"no JSON object ({line[:20].decode('ascii', 'replace').strip()})", known=False))
            return
        try:
            told = self._form.tell(row, self.facts)
        except (KeyError, TypeError, ValueError, AttributeError):  # a value of another type than any version writes
            told = Told(f"odd ({str(row.get('type'))[:40]})", known=False)
        self._count(told)
        if self._turn is not None and self._turn.full and not all(isinstance(event, Ended) for event in told.events):
            yield from self._close()
        for event in told.events:
            yield from self._event(event, told, begin)

    def _count(self, told: Told) -> None:
        self.kinds[told.kind] += 1
        if not told.known:
            self.unknown[told.kind] += 1

    def _close(self) -> Iterator[Item]:
        if self._turn is not None:
            self._turn.close()
            yield self._turn.item()
            self._turn = None

    def _event(self, event: Event, told: Told, begin: int) -> Iterator[Item]:
        ref = told.ref or f"byte-{begin}"
        session = told.session or self.facts.get("session") or "unnamed"
        if isinstance(event, Said):
            if text := kept(event.text):
                yield from self._close()
                yield Item(text, ref=ref, created=iso_date(told.at), session=session, speaker=USER, live=True)
            return
        if isinstance(event, Ended):
            if self._turn is not None:
                self._turn.add(event)
            return
        if self._turn is not None and self._turn.session != session:
            yield from self._close()
        if self._turn is None:
            self._turn = _AgentTurn(session, ref, told.at)
            self.offset = begin
        self._turn.add(event)
        if not self._turn.says_something and not self._turn.waits:
            self._turn = None  # an answer of nothing but white space is no turn


class _AgentTurn:
    """What an agent says and does between two texts of the user."""

    def __init__(self, session: str, ref: str, at: str | None) -> None:
        self.session = session
        self._ref, self._at = ref, at
        self._parts: list[tuple[str | None, str]] = []  # (id of the answer; None: done, text)
        self._begun: dict[str, str] = {}
        self._ended: set[str] = set()
        self._done = self._size = 0

    @property
    def full(self) -> bool:
        return self._size > MOST_TURN

    @property
    def says_something(self) -> bool:
        return bool(self._parts)

    @property
    def waits(self) -> bool:
        return bool(self._begun)

    def add(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._answer(kept(event.text), event.id)
        elif isinstance(event, Began):
            if event.call not in self._ended:
                self._begun[event.call] = event.what
        elif isinstance(event, Ended) and (what := self._begun.pop(event.call, None)) is not None:
            self._ended.add(event.call)
            self._do(f"{what} ({event.how})" if event.how else what)

    def close(self) -> None:
        """The user goes on: of what has not ended by now nothing more will be heard."""
        for what in self._begun.values():
            self._do(what)
        self._begun.clear()

    def item(self) -> Item:
        blocks: list[str] = []
        in_list = False
        for name, text in self._parts:
            is_done = name is None
            if is_done and in_list:
                blocks[-1] += f"\n{text}"
            else:
                blocks.append(text)
            in_list = is_done
        if self._done > MOST_ACTIONS:
            blocks.append(f"- and {self._done - MOST_ACTIONS} more")
        return Item(
            "\n\n".join(blocks), ref=self._ref, created=iso_date(self._at), session=self.session, speaker=ASSISTANT, live=True
        )  # fmt: skip

    def _answer(self, text: str, name: str | None) -> None:
        if not text:
            return
        self._size += len(text)
        for place, (other, _) in enumerate(self._parts):
            if name is not None and other == name:
                self._parts[place] = (name, text)
                return
        self._parts.append((name or "", text))

    def _do(self, what: str) -> None:
        line = f"- {_EMAIL.sub('[email]', what)}"
        if self._parts and self._parts[-1] == (None, line):
            return
        self._done += 1
        if self._done <= MOST_ACTIONS:
            self._size += len(line)
            self._parts.append((None, line))


# --- texts -----------------------------------------------------------------------------------------------------------


def kept(text: str) -> str:
    """A text as it is kept: without what programs put into it, and without e-mail addresses."""
    return _EMAIL.sub("[email]", without_injected(text)).strip()


def ran(command: object, cwd: str | None = None) -> str:
    """A command as one line."""
    if isinstance(command, list):  # ["bash", "-lc", "pytest -q"]
        words = [str(word) for word in command]
        is_shell = len(words) == 3 and words[1] in ("-c", "-lc", "-ic")
        command = words[2] if is_shell else " ".join(words)
    lines = [line.strip() for line in str(command).replace("[[", "[ [").splitlines() if line.strip()]
    line = " ".join(lines[0].split()) if lines else ""
    if cwd and len(cwd) > 1:
        line = line.removeprefix(f"cd {cwd} && ").replace(f"{cwd}/", "")
    line = line.replace(f"{_home()}/", "~/")
    cut = line[:MOST_COMMAND]
    return f"ran: {cut}{'…' if len(lines) > 1 or len(line) > MOST_COMMAND else ''}"


def changed(path: object, cwd: str | None, *, how: str = "edited") -> str:
    """A file that was changed, as seen from the folder of the session."""
    name = " ".join(str(path).split())
    if cwd and name.startswith(f"{cwd}/"):
        name = name[len(cwd) + 1 :]
    name = name.replace(f"{_home()}/", "~/")
    return f"{how}: {name[-MOST_COMMAND:]}"


def _home() -> str:
    """The user's folder, whose name is often theirs; a path that nobody has where there is none."""
    home = os.path.expanduser("~")
    return home if len(home) > 1 else "\0"


def texts_of(content: object, *kinds: str) -> str:
    """The texts of a message: a string, or those of its parts that are of these kinds (or plain strings)."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in kinds and isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "\n\n".join(text for text in texts if text.strip())


def note(facts: dict[str, str], **said: object) -> None:
    """Remember what a line says of the whole transcript. The first word counts: a reading that begins later knows no other."""
    for name, value in said.items():
        if known := word(value):
            facts.setdefault(name, known)


def word(value: object) -> str | None:
    """`value` if it is a text that says something."""
    return value if isinstance(value, str) and value.strip() else None


# --- files -----------------------------------------------------------------------------------------------------------


def read_file(form: Format, path: str | os.PathLike[str]) -> Iterator[Item | Skipped]:
    """One whole transcript. Raises ImportFailed where it cannot be read."""
    reading = Reading(form)
    try:
        with open(path, "rb") as file:
            yield from reading.items(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImportFailed(
            f"cannot read {os.fspath(path)}: {reason}", hint="mem import (lists what could be read)"
        ) from None
    yield from reading.skipped(os.path.basename(path))


def read_files(form: Format, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Item | Skipped]:
    """Many transcripts, one after the other; one that cannot be read is named."""
    for path in paths:
        try:
            yield from read_file(form, path)
        except ImportFailed as error:
            yield Skipped(os.path.basename(path), error.message.partition(": ")[2] or error.message)


def head(path: str | os.PathLike[str], lines: int = 30, size: int = 256 * 1024) -> Iterator[dict[str, Any]]:
    """The objects of the first lines of a file, as far as they lie within its first `size` bytes; none of what is no file."""
    try:
        with open_regular(path) as file:
            while lines and size > 0 and (line := file.readline(size)):
                lines, size = lines - 1, size - len(line)
                if (row := _object(line)) is not None:
                    yield row
    except (OSError, ValueError):
        return


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of the line; returns how many bytes that were."""
    count = 0
    while part := file.readline(1 << 20):
        count += len(part)
        if part.endswith(b"\n"):
            break
    return count
