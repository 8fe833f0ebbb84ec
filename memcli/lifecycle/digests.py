"""Digests: the few sentences that say most about a topic or a session, copied from its memories, each with its source.

A topic is a folder of the trees with all that lies below it, sessions apart; a session is an episode with all its parts.
Digests are derived: they lie in `local/digests/`, outside the trees, so that they are never indexed, recalled or counted
as evidence beside what they were made from. The first line of a file says so and holds a fingerprint of its sources, by
which an unchanged group is left alone. All of them can be deleted at any time.

Promises: offline, the same store gives the same sentences, nearly linear in the text of the groups that changed; only
files that carry the first line are replaced or removed; texts are the index's, where secrets are masked.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import NamedTuple

from memcli import tree
from memcli.errors import InvalidMemory, NotFound, StoreUnsafe
from memcli.index import db, search
from memcli.lifecycle.instructions import USERS, by_a_program
from memcli.lifecycle.sentences import Rarity, sentences, telling
from memcli.places import Place, private_dir
from memcli.text import utc_iso

FEWEST = 5  # memories of a topic, or turns of a session, that are worth a digest
MOST_SENTENCES = 8
SHORTEST, LONGEST = 20, 320  # characters of a sentence
LONE = 0.75  # taken off the number of members that have a word: what one alone speaks of says little about all
OF_USER = 1.6  # what a sentence counts that the user said; an agent says three times as much
_SCHEME = b"1"  # a change in how digests are made makes them all anew
_UNFILED = frozenset(("", "inbox"))
_FIRST_LINE = (
    "<!-- digest of {count} {kind}, made {day} from {fingerprint}; derived, not a memory: mem gc makes it anew -->"
)
_MADE_FROM = re.compile(r"<!-- digest of \d+ \w+, made \d{4}-\d\d-\d\d from ([0-9a-f]{64}); derived")
_UNLINKABLE = re.compile(r"[\[\]|#^\n]")


class Report(NamedTuple):
    """Names of digests: `topics/<topic>` or `sessions/<id>`, sorted."""

    made: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...]


class Topic(NamedTuple):
    """A folder of the trees: how many memories lie below it, and its digest, where there is one."""

    name: str
    memories: int
    digest: str | None


class _Source(NamedTuple):
    """A memory file that may give sentences."""

    entry: int
    path: str
    name: str
    hash: str


class _Group(NamedTuple):
    """What one digest is made of; `size` memories or turns, as `kind` says."""

    name: str
    title: str
    kind: str
    size: int
    sources: tuple[_Source, ...]

    @property
    def fingerprint(self) -> str:
        """Of the paths and content hashes of the sources."""
        made_from = "\n".join(f"{source.path}\0{source.hash}" for source in self.sources)
        return hashlib.sha256(_SCHEME + made_from.encode("utf-8", "surrogatepass")).hexdigest()


class _Said(NamedTuple):
    """A sentence that could go into a digest."""

    text: str
    words: frozenset[str]
    by_user: bool
    member: int  # the document: a memory, or a turn
    source: _Source
    anchor: str | None


def plan(place: Place, connection: db.Connection, *, now: float, without: Collection[str] = ()) -> Report:
    """What `renew` would do; writes nothing."""
    return _survey(place, _groups(connection, now, without))


def renew(place: Place, connection: db.Connection, *, now: float, without: Collection[str] = ()) -> Report:
    """Make the digests whose sources changed and remove those whose group is gone.

    Memories that are superseded, no longer valid at `now` (seconds), or named by id in `without` give no sentence.
    Raises StoreUnsafe where a symbolic link leads out of the store, WriteFailed.
    """
    groups = _groups(connection, now, without)
    report = _survey(place, groups)
    making = {*report.made}
    rarity = Rarity(connection)
    for group in groups:
        if group.name in making:
            _write(_file(place, group.name), _compose(connection, group, rarity, now))
    for name in report.removed:
        with suppress(FileNotFoundError):
            os.unlink(_file(place, name))
    return report


def _survey(place: Place, groups: list[_Group]) -> Report:
    """What there is to do, so that there is a digest of each of these groups and no other."""
    _refuse_links(place)
    present = dict(_present(place))
    wanted = {group.name: group.fingerprint for group in groups}
    kept = sorted(name for name, fingerprint in wanted.items() if present.get(name) == fingerprint)
    made = sorted(name for name in wanted.keys() - {*kept} if not _is_someones(place, name, present))
    return Report(tuple(made), tuple(kept), tuple(sorted(present.keys() - wanted.keys())))


def read(place: Place, topic: str) -> str | None:
    """The digest of a topic ("auth/jwt") or, by its id, of a session; None where there is none."""
    _refuse_links(place)
    name = _topic_name(topic)
    for candidate in (f"topics/{name}", f"sessions/{name}"):
        text = _text(place, candidate) if name and ".." not in name.split("/") and "\0" not in name else None
        if text is not None and _MADE_FROM.match(text):
            return text
    return None


def topic(place: Place, connection: db.Connection, wanted: str) -> Topic | None:
    """The topic that `wanted` names, with its digest; None where no folder is called so, or a memory is."""
    name = _topic_name(wanted)
    if name in _UNFILED or search.named(connection, wanted):
        return None
    below = "path > ? || '/' AND path < ? || '0'"  # "0" follows "/"
    sql = f"SELECT count(*) FROM entries WHERE problem IS NULL AND type <> 'episode' AND ({below} OR {below})"
    folders = (f"tree/{name}", f"local/tree/{name}")
    memories = connection.execute(sql, [folder for folder in folders for _ in range(2)]).fetchone()[0]
    return Topic(name, memories, read(place, name)) if memories else None


def _topic_name(wanted: str) -> str:
    path = wanted.removeprefix("./").removeprefix(".mem/")
    return re.sub(r"^(?:local/)?tree/", "", path).strip("/")


# --- files ------------------------------------------------------------------------------------------------------------


def _folder(place: Place) -> str:
    return os.path.join(place.local, "digests")


def _file(place: Place, name: str) -> str:
    return os.path.join(_folder(place), *name.split("/")) + ".md"


def _text(place: Place, name: str) -> str | None:
    try:
        return tree.read_file(_file(place, name), f"digest {name}").decode("utf-8")
    except (NotFound, InvalidMemory):
        return None


def _present(place: Place) -> Iterator[tuple[str, str]]:
    """(name, fingerprint) of the digests on disk."""
    top = _folder(place)
    for folder, _, files in os.walk(top):
        for file in files:
            if file.endswith(".md"):
                name = os.path.join(folder, file)[len(top) + 1 : -3].replace(os.sep, "/")
                if made := _MADE_FROM.match(_text(place, name) or ""):
                    yield name, made[1]


def _is_someones(place: Place, name: str, present: dict[str, str]) -> bool:
    """Whether another file has the place of a digest."""
    return name not in present and os.path.lexists(_file(place, name))


def _refuse_links(place: Place) -> None:
    """Raise StoreUnsafe where a folder of the digests is a symbolic link: a clone may bring one, to write through."""
    top = _folder(place)
    for folder, inner, _ in os.walk(top):
        for one in (folder, *(os.path.join(folder, name) for name in inner)):
            if os.path.islink(one):
                raise StoreUnsafe(f"{one} is a symbolic link out of the store", hint=f"rm {one}")


def _write(path: str, text: str) -> None:
    private_dir(os.path.dirname(path))
    tree.rewrite_private(path, text.encode("utf-8", "replace"))


# --- groups -----------------------------------------------------------------------------------------------------------


def _groups(connection: db.Connection, now: float, without: Collection[str]) -> list[_Group]:
    """All groups of at least `FEWEST` members, by name, their sources in the order of paths or parts."""
    replaced = {
        name
        for own, names in connection.execute("SELECT name, supersedes FROM entries WHERE supersedes <> ''")
        for name in names.split()
        if name != own
    }
    today = utc_iso(now)[:10]
    topics: dict[str, list[_Source]] = {}
    sessions: dict[str, list[tuple[_Source, int, str]]] = {}
    for type_, session, turns, valid_to, title, *values in connection.execute(
        "SELECT type, session, (SELECT count(*) FROM documents WHERE entry = entries.id), valid_to, coalesce(title, ''),"
        " id, path, name, coalesce(hash, '') FROM entries WHERE problem IS NULL ORDER BY coalesce(part, 1), path"
    ):
        source = _Source(*values)
        if source.name in replaced or source.name in without or (valid_to and valid_to[:10] < today[: len(valid_to)]):
            continue
        if type_ == "episode":
            sessions.setdefault(session or source.name, []).append((source, turns, title))
            continue
        for folder in _topics_of(source.path):
            topics.setdefault(folder, []).append(source)
    found = [
        _Group(f"topics/{folder}", folder, "memories", len(sources), tuple(sources))
        for folder, sources in topics.items()
        if len(sources) >= FEWEST
    ]
    for parts in sessions.values():
        (first, _, title), turns = parts[0], sum(turns for _, turns, _ in parts)
        if turns >= FEWEST:
            found.append(_Group(f"sessions/{first.name}", title, "turns", turns, tuple(part[0] for part in parts)))
    return sorted(found)


def _topics_of(path: str) -> Iterator[str]:
    """The folders above a memory that are topics, the uppermost first."""
    parts = path.removeprefix("local/").split("/")[1:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        name = parts[depth - 1]
        nameable = len(os.fsencode(name)) < 250 and not name.endswith(".md")  # a digest is called so, with this ending
        if nameable and folder not in _UNFILED:
            yield folder


# --- which sentences --------------------------------------------------------------------------------------------------


def _compose(connection: db.Connection, group: _Group, rarity: Rarity, now: float) -> str:
    """The text of a digest."""
    first = _FIRST_LINE.format(count=group.size, kind=group.kind, day=utc_iso(now)[:10], fingerprint=group.fingerprint)
    said = _sayings(connection, group)
    chosen = _choose(said, rarity, min(3 + group.size // 10, MOST_SENTENCES))
    lines = [f"- {said[n].text} [[{_link(said[n])}]]" for n in chosen]
    return "\n".join([first, f"# {' '.join(group.title.split())}", "", *lines, ""])


def _link(said: _Said) -> str:
    target = said.source.path.removeprefix("local/").removeprefix("tree/").removesuffix(".md")
    return (said.source.name if _UNLINKABLE.search(target) else target) + (f"#^{said.anchor}" if said.anchor else "")


def _sayings(connection: db.Connection, group: _Group) -> list[_Said]:
    """Every sentence of the group that could stand alone, in the order of the sources; one said twice, once."""
    sources = {source.entry: source for source in group.sources}
    order = {entry: n for n, entry in enumerate(sources)}
    found: dict[str, _Said] = {}
    rows = connection.execute(
        "SELECT entry, document, anchor, speaker, text FROM documents JOIN passages ON document = documents.id"
        " WHERE entry IN (SELECT value FROM json_each(?)) AND kind = 'prose'"
        " ORDER BY documents.entry, documents.ordinal, passages.ordinal",
        (json.dumps(list(sources)),),
    ).fetchall()
    for entry, document, anchor, speaker, text in sorted(rows, key=lambda row: order[row[0]]):
        for sentence in () if anchor and by_a_program(text) else sentences(text):
            if SHORTEST <= len(sentence) <= LONGEST and not sentence.endswith(("?", ":", "？", "：")):
                words = frozenset(telling(sentence))
                if len(words) > 2:
                    one = _Said(sentence, words, (speaker or "").lower() in USERS, document, sources[entry], anchor)
                    found.setdefault(sentence.casefold(), one)
    return list(found.values())


def _choose(said: list[_Said], rarity: Rarity, most: int) -> list[int]:
    """The sentences that together cover most of what several members speak of, in their order; one of each member.

    Greedy cover, gain scaled by the cost of length (Lin and Bilmes 2011): a word weighs by the share of members that have
    it and by its rarity in the store, and only once, which is what keeps repetitions out. Gains only ever fall, so a
    sentence is weighed again only while it leads (Minoux 1978).
    """
    members: dict[str, set[int]] = {}
    for one in said:
        for word in one.words:
            members.setdefault(word, set()).add(one.member)
    weight = {word: (len(held) - LONE) * rarity.of(word) for word, held in members.items()}
    covered: set[str] = set()

    def gain(n: int) -> float:
        words = said[n].words
        new = math.fsum(weight[word] for word in words - covered) * (OF_USER if said[n].by_user else 1)
        return new / math.sqrt(5 + len(words))

    waiting = [(-gain(n), n, 0) for n in range(len(said))]
    heapq.heapify(waiting)
    chosen: list[int] = []
    taken: set[int] = set()
    while waiting and len(chosen) < most:
        loss, n, weighed = heapq.heappop(waiting)
        if said[n].member in taken:
            continue
        if weighed < len(chosen):
            heapq.heappush(waiting, (-gain(n), n, len(chosen)))
            continue
        if loss == 0:
            break  # the best says nothing new
        chosen.append(n)
        covered |= said[n].words
        taken.add(said[n].member)
    return sorted(chosen)
