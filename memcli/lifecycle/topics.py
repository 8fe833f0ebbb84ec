"""Order in the tree: which unfiled memories belong to a topic, which make a new one, and which links lead nowhere.

An unfiled memory lies at the top of a tree or in `inbox`. Its topic is told by its nearest neighbours (k nearest
neighbours, votes by similarity); a new topic is a group of unfiled memories that are each other's neighbours and share
words by which it can be named. Sessions have no topic and are left out.

Promises: finds and changes nothing; offline; the same store gives the same answers; the work is one matrix product of the
`ASKED` newest unfiled memories with all, else linear.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from memcli.encode import terms
from memcli.index import db, graph
from memcli.lifecycle import nearness
from memcli.lifecycle.sentences import Rarity, sentences, stem, words

ASKED = 2000  # unfiled memories of one run, the newest; the next run finds what this one left
NEIGHBOURS = 8
NEAREST = 0.2  # cosine, less what all memories share, from which a memory is a neighbour
AGREED = 0.75  # of the votes must be for one topic
VOTERS = 3  # memories of a topic that must be among the neighbours
FEWEST = 4  # memories that make a new topic
CLOSE = 0.45  # cosine of two memories of a new topic
NAMED_BY = 0.75  # of its memories have the words that name it
TITLED_BY = 0.4  # of them have the words in their title, which keeps out what is merely often said
TELLING = 0.25  # of the memories with such a word are in it
MOST = 10  # answers of each kind
UNFILED = frozenset(("", "inbox"))
MAX_TITLES_OF_A_PIECE = 500  # three letters that more titles have do not help to find one
RESEMBLES = 0.5  # Dice coefficient of the letters of a title and of a link that may mean it
_ATTACHMENT = re.compile(r"\.(?!md$|markdown$)[a-z0-9]{1,5}$", re.IGNORECASE)


class Filed(NamedTuple):
    """A memory: its id, path as the index names it, and content hash."""

    id: str
    path: str
    hash: str

    @property
    def topic(self) -> str:
        """The folders below the tree; "" or "inbox" for an unfiled one."""
        return self.path.removeprefix("local/").partition("/")[2].rpartition("/")[0]


class Move(NamedTuple):
    """An unfiled memory and the topic of most of its neighbours; `share` of the votes, 0..1."""

    memory: Filed
    topic: str
    share: float
    neighbours: tuple[Filed, ...]


class NewTopic(NamedTuple):
    """Unfiled memories that belong together, and a name for it, made of words that most of them have."""

    topic: str
    memories: tuple[Filed, ...]


class BrokenLink(NamedTuple):
    """A `[[target]]` that names no memory; `meant` is the one that it resembles most, if one does."""

    memory: Filed
    target: str
    meant: Filed | None


class Links(NamedTuple):
    """Memories without a link in or out, sessions aside, and links that lead nowhere; both by path."""

    orphans: tuple[Filed, ...]
    broken: tuple[BrokenLink, ...]


# --- where unfiled memories belong ------------------------------------------------------------------------------------


def misplaced(connection: db.Connection, *, without: frozenset[str] = frozenset()) -> tuple[list[Move], list[NewTopic]]:
    """Unfiled memories that belong to a topic, the surest first, and groups of others that make one, the largest first.

    Memories that are superseded, or named by id in `without`, neither ask nor vote.
    """
    known = _memories(connection, without)
    numbers, rows = nearness.of_memories(connection)
    row_of = {number: row for row, number in enumerate(numbers)}
    held = [(number, row_of[number]) for number in known if number in row_of]
    unfiled = [pair for pair in held if known[pair[0]].topic in UNFILED][-ASKED:]
    if len(held) < FEWEST or not unfiled:
        return [], []
    everyone = np.array([row for _, row in held])
    similar = rows[[row for _, row in unfiled]] @ rows[everyone].T
    moves: list[Move] = []
    near: dict[int, dict[int, float]] = {}
    for (number, _), cosines in zip(unfiled, similar, strict=True):
        best = np.argsort(-cosines, kind="stable")[: 2 * NEIGHBOURS + 1].tolist()
        around = {held[n][0]: float(cosines[n]) for n in best if held[n][0] != number and cosines[n] >= NEAREST}
        near[number] = around
        if move := _vote(known, number, around):
            moves.append(move)
    moves.sort(key=lambda move: (-move.share, -len(move.neighbours), move.memory.path))
    settled = {move.memory.id for move in moves}
    loose = {number: around for number, around in near.items() if known[number].id not in settled}
    return moves[:MOST], _new_topics(connection, known, loose)[:MOST]


def _memories(connection: db.Connection, without: frozenset[str]) -> dict[int, Filed]:
    """The current memories that are no sessions, by entry number, the newest last."""
    rows = connection.execute(
        "SELECT id, name, path, coalesce(hash, ''), supersedes FROM entries WHERE problem IS NULL AND type <> 'episode'"
        " ORDER BY coalesce(created, ''), path"
    ).fetchall()
    replaced = {name for row in rows for name in row[4].split() if name != row[1]} | without
    return {number: Filed(name, path, hash_) for number, name, path, hash_, _ in rows if name not in replaced}


def _vote(known: dict[int, Filed], number: int, around: dict[int, float]) -> Move | None:
    """The deepest topic for which enough of the nearest filed memories are, each by its cosine; those above count along."""
    filed = [(other, cosine) for other, cosine in around.items() if known[other].topic not in UNFILED][:NEIGHBOURS]
    votes: Counter[str] = Counter()
    voters: dict[str, list[Filed]] = {}
    for other, cosine in filed:
        parts = known[other].topic.split("/")
        for depth in range(1, len(parts) + 1):
            votes["/".join(parts[:depth])] += cosine  # type: ignore[assignment]
            voters.setdefault("/".join(parts[:depth]), []).append(known[other])
    total = sum(cosine for _, cosine in filed)
    agreed = [name for name in votes if votes[name] >= AGREED * total and len(voters[name]) >= VOTERS]
    if not agreed:
        return None
    topic = max(agreed, key=lambda name: (name.count("/"), votes[name], name))
    return Move(known[number], topic, votes[topic] / total, tuple(voters[topic]))


def _new_topics(
    connection: db.Connection, known: dict[int, Filed], near: dict[int, dict[int, float]]
) -> list[NewTopic]:
    """Groups around the memory with most close neighbours, then around the next of what is left, as far as they have a name."""
    close = {
        number: {other for other, cosine in around.items() if other in near and cosine >= CLOSE}
        for number, around in near.items()
    }
    mutual = {number: {other for other in others if number in close[other]} for number, others in close.items()}
    left = set(mutual)
    rarity = Rarity(connection)
    taken = {known[number].topic for number in known}
    found: list[NewTopic] = []
    for centre in sorted(mutual, key=lambda number: (-len(mutual[number]), known[number].path)):
        group = sorted({centre, *mutual[centre]} & left)
        if centre not in left or len(group) < FEWEST:
            continue
        name, named = _name(connection, group, rarity)
        if len(named) >= FEWEST and name not in taken:
            found.append(NewTopic(name, tuple(sorted((known[number] for number in named), key=lambda one: one.path))))
            left.difference_update(named)
            taken.add(name)
    return sorted(found, key=lambda one: (-len(one.memories), one.topic))


def _name(connection: db.Connection, group: list[int], rarity: Rarity) -> tuple[str, list[int]]:
    """The one or two words that most of a group have and few others, as they are mostly written; who has the first."""
    written: dict[str, Counter[str]] = {}
    having: dict[str, set[int]] = {}
    titled: dict[str, set[int]] = {}
    marks = ",".join("?" * len(group))
    for number, title, text in connection.execute(
        "SELECT entries.id, coalesce(title, ''), text FROM entries JOIN documents ON entry = entries.id"
        f" JOIN passages ON document = documents.id WHERE entries.id IN ({marks}) ORDER BY passages.id",
        group,
    ):
        for word in words(" ".join((title, *sentences(text)))):
            if len(word) > 2 and word not in terms.STOP_WORDS and not word.isdigit():
                having.setdefault(stem(word), set()).add(number)
                written.setdefault(stem(word), Counter())[word] += 1
        for word in words(title):
            titled.setdefault(stem(word), set()).add(number)
    shared = [
        word
        for word, held in having.items()
        if len(held) >= max(FEWEST, NAMED_BY * len(group), TELLING * rarity.memories_with(word))
        and len(titled.get(word, ())) >= TITLED_BY * len(group)
    ]
    shared.sort(key=lambda word: (-len(having[word]) * rarity.of(word), word))
    if not shared:
        return "", []
    chosen = [shared[0], *(word for word in shared[1:2] if rarity.of(word) >= 0.8 * rarity.of(shared[0]))]
    chosen.sort(key=[*written].index)  # as they stand in the text
    return "-".join(written[word].most_common(1)[0][0] for word in chosen), sorted(having[shared[0]])


# --- links ------------------------------------------------------------------------------------------------------------

# What a link means is said by `graph`: a memory of this id, title or path, or the only file of this name.
_BROKEN = f"""
SELECT entry, target FROM relations
WHERE NOT EXISTS (SELECT 1 FROM entries WHERE name = replace(target, '.mem/', ''))
  AND NOT EXISTS (SELECT 1 FROM entries WHERE title = replace(target, '.mem/', '') COLLATE NOCASE)
  AND NOT {graph.ALONE.format("replace(target, '.mem/', '')")}
  AND NOT EXISTS (SELECT 1 FROM entries, (SELECT replace(target, '.mem/', '') AS bare) WHERE path IN (
    bare, bare || '.md', 'tree/' || bare, 'tree/' || bare || '.md', 'local/tree/' || bare, 'local/tree/' || bare || '.md'))
ORDER BY entry, target"""


def links(connection: db.Connection) -> Links:
    """Memories that no link leads to or from, and links that lead nowhere; those to attachments are left out."""
    everyone = _memories(connection, frozenset())
    entry_of = dict(
        connection.execute(
            "SELECT id, entry FROM documents WHERE ordinal = 0 AND anchor IS NULL ORDER BY id"
        ).fetchall()
    )
    linked = {entry_of.get(document) for document in graph.linked(connection, list(entry_of))}
    orphans = [memory for number, memory in everyone.items() if number not in linked]
    broken = [
        (everyone[entry], target)
        for entry, target in connection.execute(_BROKEN)
        if entry in everyone and not _ATTACHMENT.search(target)
    ]
    titles = _Titles(connection) if broken else None
    return Links(
        tuple(sorted(orphans, key=lambda memory: memory.path)),
        tuple(
            BrokenLink(memory, target, titles.like(target) if titles else None)
            for memory, target in sorted(broken, key=lambda pair: (pair[0].path, pair[1]))
        ),
    )


class _Titles:
    """The titles and file names of a store by their pieces of three letters, to find what a link may have meant."""

    def __init__(self, connection: db.Connection) -> None:
        self._pieces: list[frozenset[str]] = []
        self._memories: list[Filed] = []
        self._having: dict[str, list[int]] = {}
        for name, path, hash_, title in connection.execute(
            "SELECT name, path, coalesce(hash, ''), coalesce(title, '') FROM entries WHERE problem IS NULL ORDER BY path"
        ):
            for text in {title, path.rpartition("/")[2].rpartition(".")[0]}:
                pieces = _pieces(text)
                for piece in pieces:
                    self._having.setdefault(piece, []).append(len(self._pieces))
                self._pieces.append(pieces)
                self._memories.append(Filed(name, path, hash_))

    def like(self, target: str) -> Filed | None:
        """The memory whose title or file name resembles the last part of a link most, from `RESEMBLES` on."""
        wanted = _pieces(target.rpartition("/")[2].removesuffix(".md"))
        having = [self._having.get(piece, []) for piece in wanted]
        shared = {n for some in having if len(some) <= MAX_TITLES_OF_A_PIECE for n in some}
        best: tuple[float, int] | None = None
        for n in shared:
            dice = 2 * len(wanted & self._pieces[n]) / (len(wanted) + len(self._pieces[n]))
            if dice >= RESEMBLES and (best is None or (-dice, n) < best):
                best = (-dice, n)
        return self._memories[best[1]] if best else None


def _pieces(text: str) -> frozenset[str]:
    said = f" {' '.join(words(text))} "
    return frozenset(said[at : at + 3] for at in range(len(said) - 2))
