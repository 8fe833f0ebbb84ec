"""One memory file → the rows that the index holds of it. Pure: bytes in, rows out, the same on every machine.

Incremental indexing and a rebuild both go through `rows_of`, which is what makes them equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from memcli.encode import dates, days, entities, passages, terms
from memcli.encode.days import Interval
from memcli.guard import hidden, secrets
from memcli.index import vocabulary
from memcli.index.timeline import MAX_EVENT_DAYS
from memcli.memory import Memory, parse
from memcli.text import content_hash, embedding_text

MAX_EVENTS = 8  # of one document, the first ones; a log is about no day in particular
ROLES = frozenset({"user", "assistant", "human", "ai", "model", "agent", "system", "tool", "bot"})


Words = tuple[str, str, str, str, str]  # the columns of an FTS5 row: title, heading, body, code, facets


class PassageRow(NamedTuple):
    """One passage: `context` (title and heading path) is embedded before `text` and never shown as part of it.

    `mentions` are the entities named in it, as (key, kind); a document's speaker, title and tags count to its first passage.
    `events` are the days that it, or the headings above it, mention and no passage before it did.
    """

    heading: str
    line: int
    kind: str
    text: str
    context: str
    hash: bytes
    keyword_only: bool
    words: Words
    mentions: tuple[tuple[str, str], ...]
    events: tuple[Interval, ...]


class DocumentRow(NamedTuple):
    """What a result stands for: `passages` are its parts, `day` the number of the day of `at`."""

    anchor: str | None
    ref: str | None
    speaker: str | None
    at: str | None
    day: int | None
    line: int
    length: int
    passages: tuple[PassageRow, ...]


class EntryRow(NamedTuple):
    """One file. `secrets` and `hidden` name what was found in its text; `vocabulary` are the words by which it is found."""

    path: str
    hash: str
    memory: Memory
    secrets: tuple[str, ...]
    hidden: tuple[str, ...]
    documents: tuple[DocumentRow, ...]
    vocabulary: frozenset[str]

    def said(self) -> list[str]:
        """The texts of the file, one for each turn, the first with its title and tags."""
        about = "\n".join((self.memory.title, *self.memory.tags))
        texts = ["\n".join(f"{part.heading}\n{part.text}" for part in one.passages) for one in self.documents]
        return [f"{about}\n{text}" if number == 0 else text for number, text in enumerate(texts)]


def rows_of(path: str, data: bytes) -> EntryRow:
    """The rows of the file at `path` (as the index names it) with these bytes (already bounded)."""
    memory = parse(data, name=path)
    masker = _Masker()
    memory = replace(memory, title=masker(memory.title), tags=tuple(masker(tag) for tag in memory.tags))
    title = memory.title
    title_in_body = memory.body.lstrip("\n").startswith(f"# {memory.title}")
    documents = tuple(_documents(path, memory, title, title_in_body, masker))
    return EntryRow(
        path,
        content_hash(data),
        memory,
        tuple(masker.rules),
        tuple(hidden.findings(memory.body)),
        documents,
        frozenset(_vocabulary(path, memory, documents)),
    )


def _vocabulary(path: str, memory: Memory, documents: tuple[DocumentRow, ...]) -> set[str]:
    tags = "\n".join(memory.tags)
    return vocabulary.words_of(
        (path, memory.title, tags, document.anchor, document.speaker, document.at, passage.heading, passage.text)
        for document in documents
        for passage in document.passages
    )


class _Masker:
    """Masks secrets and remembers the rules that hit, for `mem doctor`."""

    def __init__(self) -> None:
        self.rules: dict[str, None] = {}

    def __call__(self, text: str) -> str:
        masked, rules = secrets.mask(text)
        self.rules.update(dict.fromkeys(rules))
        return masked


def _documents(path: str, memory: Memory, title: str, title_in_body: bool, mask: _Masker) -> Iterator[DocumentRow]:
    topic = " ".join(path.split("/")[1:-1]) if path.startswith("tree/") else ""
    if not memory.turns:
        context = "" if title_in_body or memory.body.lstrip().startswith(title[:40].rstrip("…")) else title
        yield _document(
            memory.body, memory.body_line, None, memory.ref, memory.speaker, memory.created, title, topic,
            _speaker_context(memory.speaker) or context,
            memory.tags, memory.tags, mask,
        )  # fmt: skip
        return
    at = memory.created
    for turn in memory.turns:
        at = turn.at or at  # a turn without a date was said when the one before it was
        yield _document(
            turn.text, turn.line, turn.anchor, turn.ref, turn.speaker, at, "", topic,
            _speaker_context(turn.speaker), memory.tags, (), mask,
        )  # fmt: skip


def _speaker_context(speaker: str | None) -> str:
    """A person's name, embedded before what they said: questions name people. The roles of a chat carry no meaning."""
    return f"{speaker}:" if speaker and speaker.lower() not in ROLES else ""


def _document(
    text: str,
    line: int,
    anchor: str | None,
    ref: str | None,
    speaker: str | None,
    at: str | None,
    title: str,
    topic: str,
    context: str,
    tags: tuple[str, ...],
    own_tags: tuple[str, ...],
    mask: _Masker,
) -> DocumentRow:
    masked = mask(text)
    facets = " ".join(
        filter(None, (terms.fts_text(speaker or ""), terms.date_words(at), terms.fts_text(" ".join(tags))))
    )

    def words(heading: str, said: str) -> Words:
        return (
            terms.fts_text(title),
            terms.fts_text(" ".join(filter(None, (topic, heading)))),
            terms.fts_text(said),
            terms.identifiers(f"{title} {said}"),
            facets,
        )

    parts = passages.split(masked, first_line=line)
    if not parts:  # nothing but a title, or an empty turn: still findable by its name, speaker and date
        parts = [passages.Passage(title, "", line, "prose")]
    rows: list[PassageRow] = []
    day, events = days.day_of(at), dict[Interval, None]()
    named = speaker if speaker and speaker.lower() not in ROLES else None
    for part in parts:
        untold = "" if rows or title in part.text else f"{title}\n"
        new = _events(f"{untold}{part.heading}\n{part.text}", day, events)
        mentions = entities.mentions(untold + part.text, *(() if rows else (named, own_tags)))
        embedded_after = " > ".join(filter(None, (context, part.heading if part.heading not in part.text else "")))
        rows.append(
            PassageRow(
                heading=part.heading,
                line=part.line,
                kind=part.kind,
                text=part.text,
                context=embedded_after,
                hash=embedding_hash(embedding_text(embedded_after, part.text)),
                keyword_only=not terms.mostly_latin(part.text),
                words=words(part.heading, part.text),
                mentions=tuple(mentions),
                events=new,
            )
        )
    return DocumentRow(anchor, ref, speaker, at, day, line, len(masked), tuple(rows))


def _events(text: str, day: int | None, known: dict[Interval, None]) -> tuple[Interval, ...]:
    """The days that a passage mentions and the document has not mentioned before; they are added to `known`."""
    new = [one for one in dates.mentioned(text, day) if one not in known and one.last - one.first < MAX_EVENT_DAYS]
    new = new[: MAX_EVENTS - len(known)]
    known.update(dict.fromkeys(new))
    return tuple(new)


def embedding_hash(text: str) -> bytes:
    """The key of a vector in the embeddings cache, together with the model."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
