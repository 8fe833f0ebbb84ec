"""The texts that speed is measured on: real ones up to about 100,000 passages, and from there on generated ones.

Real: the messages, functions, issues and notes of ../shared, first as they are (sessions cut to a few thousand characters, so
that a file holds about five passages), then the messages and notes once more, cut into pieces of a few sentences, which are
other texts with other vectors. Generated: a real text again, some of its sentences exchanged for other real ones, half of its
names and identifiers crossed with others and its numbers drawn anew. Words so keep their frequencies, and the vocabulary grows
with the texts. The same seed gives the same texts on every machine. What a store of some size holds is a prefix of one order.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from itertools import chain, count, groupby
from pathlib import Path
from typing import Any, NamedTuple

from memcli.encode import passages
from memcli.memory import Memory, Turn, episode_body, serialise
from memcli.text import slug
from tests.bench import suites

SEED = 20_261_120
REAL = 100_000  # passages of real texts; further ones are generated
SESSION = 4_000  # characters of the turns that share a file
PIECE = 260  # characters up to which sentences make one piece
PIECES = {True: 10, False: 3}  # that share a file: a session's, a note's
EXCHANGED, VARIED = (
    0.25,
    0.5,
)  # sentences, and names, identifiers and numbers, that a generated text does not share with its original
WORD = re.compile(r"\b(?:[A-Z][a-z]{3,}|[a-z]{2,}_[a-z_\d]+|[a-z]{2,}[A-Z][A-Za-z]+|\d{3,})\b")
SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z])")


class Text(NamedTuple):
    """One memory file before it is written: the turns of a session, or the one part of a note.

    Parts are (speaker, ISO date or None, text). `origin` is the number of the real text, `round` 0 for that text itself.
    """

    session: bool
    type: str
    name: str
    parts: tuple[tuple[str | None, str | None, str], ...]
    origin: int = -1
    round: int = 0

    @property
    def passages(self) -> int:
        """How many passages the product makes of it."""
        return sum(max(1, len(passages.split(text))) for _, _, text in self.parts)

    def path(self, number: int, topics: list[str]) -> str:
        """Where it lies, as file `number` of a store with these topics."""
        if self.session:
            return f"local/tree/episodes/{slug(self.name)}-{number}.md"
        return f"tree/{topics[number % len(topics)]}/{slug(self.parts[0][2][:60])}-{number}.md"

    def file(self) -> bytes:
        """The file as `mem` itself would have written it."""
        said = self.parts[0]
        identity = "m" + sha256(f"{self.origin} {self.round} {self.name}".encode()).hexdigest()[:11]
        if not self.session:
            created = said[1] and said[1][:10]
            return serialise(Memory(body=f"{said[2].strip()}\n", id=identity, type=self.type, created=created))
        turns = [Turn(f"t{n:04}", who, at, None, text) for n, (who, at, text) in enumerate(self.parts, 1)]
        body = episode_body(self.name, turns)
        return serialise(
            Memory(body=body, id=identity, type="episode", title=self.name, created=said[1], session=self.name)
        )


# --- real texts ------------------------------------------------------------------------------------------------------


def real(shared: Path) -> list[Text]:
    """All real texts, in a fixed order that mixes the sources."""
    sessions, notes = list(_sessions(shared)), list(_notes(shared))
    found = [*_cut_to_size(sessions), *notes, *_in_pieces(sessions, notes)]
    random.Random(SEED).shuffle(found)
    return [text._replace(origin=number) for number, text in enumerate(found)]


def _sessions(shared: Path) -> Iterator[Text]:
    for suite in ("longmemeval", "beam", "locomo"):
        rows = suites.rows(shared / "data" / suite / "corpus.jsonl")
        for name, turns in groupby(rows, key=lambda row: str(row["session"])):
            yield Text(True, "episode", name, tuple(map(_part, turns)))


def _part(row: dict[str, Any]) -> tuple[str | None, str | None, str]:
    return row.get("speaker"), row.get("date"), row["text"]


def _notes(shared: Path) -> Iterator[Text]:
    for suite, type_ in (("cosqa", "reference"), ("cofix", "lesson")):
        for row in suites.rows(shared / "data" / suite / "corpus.jsonl"):
            yield Text(False, type_, row["id"], (_part(row),))
    for path in sorted((shared / "markdown").rglob("*.md")):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        if text.strip():
            yield Text(False, "procedure", path.stem, ((None, None, text),))


def _cut_to_size(sessions: Iterable[Text]) -> Iterator[Text]:
    for text in sessions:
        run: list[tuple[str | None, str | None, str]] = []
        for part in text.parts:
            if run and sum(len(said) for _, _, said in run) + len(part[2]) > SESSION:
                yield text._replace(parts=tuple(run))
                run = []
            run.append(part)
        yield text._replace(parts=tuple(run))


def _in_pieces(sessions: list[Text], notes: list[Text]) -> Iterator[Text]:
    """What several sentences of a longer text say, as texts of their own; three in four become turns."""
    whole = {part[2].strip() for text in (*sessions, *notes) for part in text.parts}
    for number, text in enumerate((*sessions, *(note for note in notes if note.type == "procedure"))):
        session = number % 4 > 0
        pieces = [(who, at, piece) for who, at, said in text.parts for piece in _pieces(said) if piece not in whole]
        if session:
            for start in range(0, len(pieces), PIECES[True]):
                yield Text(True, "episode", f"{text.name} in brief", tuple(pieces[start : start + PIECES[True]]))
            continue
        for start in range(0, len(pieces), PIECES[False]):
            some = pieces[start : start + PIECES[False]]
            joined = "".join(f"## {_first_words(piece)}\n\n{piece}\n\n" for _, _, piece in some)
            yield Text(False, "fact", text.name, ((None, some[0][1], joined),))


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for line in text.split("\n"):
        for sentence in SENTENCE_END.split(line.strip()):
            if piece and len(piece) + len(sentence) > PIECE:
                yield piece
                piece = ""
            piece = f"{piece} {sentence}".strip()[: 4 * PIECE]
    if len(piece) > PIECE // 4:
        yield piece


def _first_words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text)[:5]) or "Note"


# --- topics ----------------------------------------------------------------------------------------------------------


def topics(shared: Path, passages: int) -> list[str]:
    """Folders for the notes of a store: as many as a folder holds notes, so that both grow with the store."""
    wanted = max(4, round((0.1 * passages) ** 0.5))
    domains = sorted(path.name for path in (shared / "markdown" / "til").iterdir() if path.is_dir())
    words = Counter(
        word
        for path in sorted((shared / "markdown" / "til").rglob("*.md"))
        for word in set(re.findall(r"[a-z]{5,12}", path.read_text(encoding="utf-8", errors="replace")))
    )
    chosen = [word for word, _ in sorted(words.most_common(2 * wanted), key=lambda pair: pair[0])][:wanted]
    return [f"{domains[n % len(domains)]}/{word}" for n, word in enumerate(chosen)]


# --- generated texts -------------------------------------------------------------------------------------------------


class Generator:
    """Makes further texts out of real ones."""

    def __init__(self, texts: list[Text]) -> None:
        self._texts = texts
        prose = [said for text in texts if text.type != "reference" for _, _, said in text.parts]
        self._sentences = [
            one for said in prose for one in SENTENCE_END.split(said) if 30 < len(one) < 200 and "\n" not in one
        ]
        counts = Counter(re.findall(r"\b[A-Za-z][a-z]{3,}\b", "\n".join(prose)))
        self._names: list[str] = sorted(word for word in counts if word[0].isupper() and word.lower() not in counts)
        self._known = frozenset(self._names)

    def round(self, number: int) -> Iterator[Text]:
        """Every real text once more, as round `number` (from 1 on) tells it."""
        for text in self._texts:
            draw = random.Random(SEED + 1_000_003 * number + text.origin)
            parts = tuple((who, _later(at, 37 * number), self._varied(said, draw)) for who, at, said in text.parts)
            yield text._replace(parts=parts, round=number, name=f"{text.name} {number}")

    def _varied(self, text: str, draw: random.Random) -> str:
        sentences = SENTENCE_END.split(text)
        if len(sentences) > 1:
            sentences = [
                draw.choice(self._sentences) if "\n" not in one and draw.random() < EXCHANGED else one
                for one in sentences
            ]

        def other(found: re.Match[str]) -> str:
            word = found.group()
            if draw.random() > VARIED:
                return word
            if word.isdigit():
                return str(draw.randrange(10 ** (len(word) - 1), 10 ** len(word)))
            if "_" in word or not word[0].isupper():
                return self._crossed_identifier(word, draw)
            return self._crossed_name(word, draw) if word in self._known else word

        varied = WORD.sub(other, " ".join(sentences))
        return varied if varied != text else f"{text}\n# {draw.choice(self._sentences)}"

    def _crossed_name(self, word: str, draw: random.Random) -> str:
        another: str = draw.choice(self._names)
        if draw.random() < 0.5:
            return another
        return word[: (len(word) + 1) // 2] + another[len(another) // 2 :]

    def _crossed_identifier(self, word: str, draw: random.Random) -> str:
        middle = re.search(r"_|(?<=[a-z])(?=[A-Z])", word)
        cut = middle.start() if middle else len(word) // 2
        name = draw.choice(self._names)
        return f"{name.lower()}{word[cut:]}" if draw.random() < 0.5 else f"{word[:cut]}_{name.lower()}"


def _later(at: str | None, days: int) -> str | None:
    if at is None:
        return None
    try:
        return f"{date.fromisoformat(at[:10]) + timedelta(days % 700)}{at[10:]}"
    except ValueError:
        return at


def corpus(shared: Path, size: int) -> Iterator[Text]:
    """Texts of at least `size` passages, and hardly more: real ones first, generated ones after."""
    texts = list(_first(real(shared), REAL))
    generator = None if size <= REAL else Generator(texts)
    rounds = (text for number in count(1) for text in generator.round(number)) if generator else iter(())
    return _first(chain(texts, rounds), size)


def _first(texts: Iterable[Text], passages: int) -> Iterator[Text]:
    """The first texts that together make so many passages."""
    for text in texts:
        yield text
        passages -= text.passages
        if passages <= 0:
            return
