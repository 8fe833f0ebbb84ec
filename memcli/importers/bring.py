"""Bringing imported items into a store: idempotent, one undo, every text kept.

What is already there (by its ref at the source, or its path and bytes) is left alone; new turns of a known session join it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from memcli import tree
from memcli.errors import InvalidMemory, NotFound
from memcli.guard import secrets
from memcli.importers import Item, Note
from memcli.index import schema
from memcli.memory import (
    DEFAULT_TYPE,
    MAX_EPISODE_BYTES,
    MAX_TURNS,
    Memory,
    Turn,
    compose_turn,
    episode_body,
    parse,
    serialise,
)
from memcli.store import Store, first_line
from memcli.text import content_hash, new_id, slug, utc_iso

EPISODES = "local/tree/episodes"
MAX_TEXT_BYTES = 240 * 1024  # a longer text is kept in parts, so that every file stays readable and indexable
MAX_TEXT_LINE = 128 * 1024


@dataclass(slots=True)
class Brought:
    """What an import did. `skipped` counts what was already there; `masked`, secrets by rule."""

    entries: int = 0
    turns: int = 0
    episodes: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    masked: dict[str, int] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)


def bring_in(store: Store, found: Iterable[Item | Note], *, origin: str, topic: str, now: float) -> Brought:
    """Write what an importer found, as one operation. `origin` says where it came from; `topic` is where entries go.

    The whole source is read before the first file is written, so that a source that fails half-way leaves nothing.
    """
    result = Brought()
    items = [_masked(item, result) for item in found]
    known = _Known(store)
    files: list[tuple[str, bytes]] = []
    sessions: dict[str, list[Item]] = {}
    for item in items:
        if isinstance(item, Note):
            files += _note(item, topic, store, result)
        elif item.ref is not None and item.ref in known.refs:
            result.skipped += 1
        elif item.session is None:
            files += _entry_files(item, origin, topic, now)
            result.entries += 1
        else:
            sessions.setdefault(item.session, []).append(item)
    appended: list[str] = []
    for session, turns in sessions.items():
        result.turns += len(turns)
        result.episodes += 1
        files += _episode_files(store, session, turns, known, origin, appended)
    result.paths = appended + store.write_many(files, verb="import", note=origin)
    return result


class _Known:
    """What the store already holds, from its index: refs, and the open part of each session."""

    def __init__(self, store: Store) -> None:
        store.sync(embed=False)
        connection = schema.open_for_reading(store.place)
        try:
            self.refs = {ref for (ref,) in connection.execute("SELECT ref FROM documents WHERE ref IS NOT NULL")}
            rows = connection.execute("SELECT session, path FROM entries WHERE session IS NOT NULL ORDER BY part")
            self.open_part = {session: path for session, path in rows if path.startswith(EPISODES)}
        finally:
            connection.close()


def _masked(item: Item | Note, result: Brought) -> Item | Note:
    text = item.data.decode("utf-8", "replace") if isinstance(item, Note) else item.text
    masked, rules = secrets.mask(text)
    for rule in rules:
        result.masked[rule] = result.masked.get(rule, 0) + 1
    if isinstance(item, Note):
        return item._replace(data=masked.encode("utf-8")) if rules else item
    clean = masked.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    return item._replace(text=clean)


def _note(note: Note, topic: str, store: Store, result: Brought) -> list[tuple[str, bytes]]:
    """The file for a note, unless it is there already with the same text; a changed one comes in beside the old."""
    parts = [part for part in note.path.split("/") if part not in ("", ".", "..")]
    path = "/".join(["tree", *(slug(part) for part in topic.split("/") if part), *parts])
    try:
        tree.check(note.data)
        if content_hash(tree.read(store.place, path)) == content_hash(note.data):
            result.skipped += 1
            return []
    except NotFound:
        pass
    except InvalidMemory as error:
        result.problems.append(f"{note.path}: {error.message}")
        return []
    result.entries += 1
    return [(path, note.data)]


def _entry_files(item: Item, origin: str, topic: str, now: float) -> list[tuple[str, bytes]]:
    files = []
    for text in text_parts(item.text):
        body = f"# {' '.join(item.title.split())}\n\n{text}\n" if item.title else f"{text}\n"
        memory = Memory(
            body=body,
            id=new_id(),
            type=item.type or DEFAULT_TYPE,
            title=item.title or "",
            created=item.created or None,
            tags=item.tags,
            source=origin,
            ref=item.ref,
            speaker=item.speaker,
        )
        folder = "/".join(["tree", *(slug(part) for part in topic.split("/") if part)])
        name = item.title or first_line(text) or item.ref or utc_iso(now)
        files.append((f"{folder}/{slug(name)}.md", serialise(memory)))
    return files


def text_parts(text: str) -> list[str]:
    """A text in pieces small enough for a file and a line; almost always the text itself."""
    if len(text) < MAX_TEXT_LINE // 4:  # at most 4 bytes a character
        return [text]
    lines: list[str] = []
    for line in text.split("\n"):
        lines += [line[i : i + MAX_TEXT_LINE] for i in range(0, len(line), MAX_TEXT_LINE)] or [""]
    parts, size = [""], 0
    for line in lines:
        length = len(line.encode()) + 1
        if size and size + length > MAX_TEXT_BYTES:
            parts.append("")
            size = 0
        parts[-1] += f"{line}\n"
        size += length
    return [part[:-1] for part in parts]


def _episode_files(
    store: Store, session: str, items: Sequence[Item], known: _Known, origin: str, appended: list[str]
) -> list[tuple[str, bytes]]:
    """The files for the new turns of one session: what fits joins its open part, the rest goes to new parts."""
    texts = [(item, text) for item in items for text in text_parts(item.text)]
    part, first_turn = 1, 1
    open_path = known.open_part.get(session)
    if open_path:
        data = tree.read(store.place, open_path)
        last = parse(data, name=open_path)
        part, first_turn = last.part + 1, 1 + max((int(turn.anchor[1:]) for turn in last.turns), default=0)
        room = _fitting(texts, MAX_TURNS - len(last.turns), MAX_EPISODE_BYTES - len(data))
        if room:
            joining = _turns(texts[:room], first_turn)
            store.edit(open_path, append="\n" + "\n".join(compose_turn(turn) for turn in joining), redact=True)
            appended.append(open_path)
            texts, first_turn = texts[room:], first_turn + room
    files = []
    previous = open_path
    while texts:
        room = max(1, _fitting(texts, MAX_TURNS, MAX_EPISODE_BYTES))
        turns = _turns(texts[:room], first_turn)
        path = f"{EPISODES}/{slug(session)}{f'-part-{part}' if part > 1 else ''}.md"
        files.append((path, _episode(session, part, turns, origin, previous)))
        texts, first_turn, part, previous = texts[room:], first_turn + room, part + 1, path
    return files


def _turns(texts: Sequence[tuple[Item, str]], first: int) -> list[Turn]:
    return [
        Turn(f"t{number:04}", item.speaker, item.created, item.ref, text)
        for number, (item, text) in enumerate(texts, first)
    ]


def _fitting(texts: Sequence[tuple[Item, str]], turns: int, size: int) -> int:
    """How many of these turns fit into a file with room for `turns` turns and `size` bytes."""
    for count, (item, text) in enumerate(texts[: max(turns, 0)]):
        size -= len(text.encode("utf-8", "replace")) + len(item.ref or "") + len(item.speaker or "") + 80
        if size < 0:
            return count
    return min(len(texts), max(turns, 0))


def _episode(session: str, part: int, turns: Sequence[Turn], origin: str, previous: str | None) -> bytes:
    title = f"{session} (part {part})" if part > 1 else session
    body = episode_body(title, turns)
    if part > 1 and previous:
        link = previous.rsplit("/", 1)[1].removesuffix(".md")
        heading, _, rest = body.partition("\n")
        body = f"{heading}\n\n- continues [[{link}]]\n{rest}"
    memory = Memory(
        body=body, id=new_id(), type="episode", title=title, created=turns[0].at, source=origin, session=session
    )
    return serialise(replace(memory, part=part))
