"""No text that a person, a tool or an attacker writes is changed, lost or taken for something else."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli import walk
from memcli.errors import InvalidMemory
from memcli.frontmatter import set_front_matter, split_front_matter
from memcli.guard.safe_yaml import FrontMatterError, load
from memcli.memory import Memory, Turn, episode_body, parse, serialise
from memcli.store import Store
from memcli.text import iso_date
from tests.snapshots import index_rows, rebuilt_rows

EXAMPLES = 200
FULL_EXAMPLES = 5000
FILES, FULL_FILES = 150, 10_000

# Pieces that files are made of, the ones that readers trip over more often than chance would have them.
PIECES = (
    "---\n",
    "---",
    "...\n",
    "\n",
    "\r\n",
    "\r",
    "\ufeff",
    "# Heading\n",
    "## 2023-05-08 Boss ^t0001\n",
    "\\## - x ^t0002\n",
    "<!-- ref: D1:1 -->\n",
    "<!-- hidden -->",
    "```\n",
    "~~~python\n",
    "[[a/b]]",
    "- depends_on [[c]]\n",
    "#tag ",
    "^id",
    "|a|b|\n",
    "id: k7q9d2xm3v4a\n",
    "type: episode\n",
    "type: fact\n",
    "tags: [a, b]\n",
    "tags:\n  - a\n",
    "title: 'q\n",
    "unknown: {x: [1]}\n",
    "# comment\n",
    "created: 2026-02-30\n",
    "pinned: true\n",
    "&a *a\n",
    "\u2028",
    "\u200b",
    "\x1b[31m",
    "\x85",
    "日本語",
    "é",
    "e\u0301",
    "👩‍👩‍👧",
    "text ",
    "  indented\n",
    "\t",
    "1. item\n",
    "<<<<<<< a\n",
    "=======\n",
    ">>>>>>> b\n",
    "$(x)",
    "'",
    '"',
    "\\",
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
markdown = st.lists(st.one_of(st.sampled_from(PIECES), texts), max_size=20).map("".join)
fronted = st.builds("---\n{}\n---\n{}".format, markdown, markdown)
files = st.one_of(markdown, fronted, fronted.map(lambda text: text.replace("\n", "\r\n")))
words = texts.map(lambda text: " ".join(text.split())).filter(bool)
dates = st.sampled_from(["2026", "2026-11", "2026-11-20", "2026-11-20T10:00Z", "2023-05-08T13:56:07+01:00"]).map(
    iso_date
)


def many(examples: int = EXAMPLES) -> Any:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False)


def long(full: bool, test: Any) -> None:
    """Run a hypothesis test with as many examples as were asked for."""
    many(FULL_EXAMPLES if full else EXAMPLES)(test)()


def test_what_was_read_is_written_and_read_the_same(full: bool) -> None:
    @given(files)
    def check(text: str) -> None:
        memory = parse(text.encode(), name="tree/a/note-2026-01-02.md")
        again = parse(serialise(memory), name="tree/a/note-2026-01-02.md")
        assert again == memory

    long(full, check)


def test_any_memory_is_written_and_read_the_same(full: bool) -> None:
    optional = st.none() | words

    @given(
        title=words.map(lambda t: t[:300].strip()),
        body=texts,
        source=optional,
        ref=optional,
        speaker=optional,
        session=optional,
        tags=st.lists(words.map(lambda t: t.lstrip("#").strip()).filter(bool), unique=True).map(tuple),
        part=st.integers(1, 999_999),
        created=st.none() | dates,
        pinned=st.booleans(),
        supersedes=st.lists(words.filter(lambda w: w[0] != "#")).map(tuple),
    )
    def check(**values: Any) -> None:
        values["body"] = values["body"].replace("#", "").replace("[[", "").replace("\r", "")
        memory = Memory(id="k7q9d2xm3v4a", type="lesson", **values)
        assert parse(serialise(memory), name="x.md") == memory

    long(full, check)


def test_episodes_come_back_turn_by_turn(full: bool) -> None:
    speakers = st.none() | words.map(lambda name: name.replace("^", "")[:200].strip()).filter(bool)
    turns = st.lists(st.tuples(speakers, st.none() | dates, st.none() | texts.filter(bool), markdown), max_size=5)

    @given(turns, words)
    def check(said: list[tuple[str | None, str | None, str | None, str]], title: str) -> None:
        given_turns = [Turn(f"t{n:04}", speaker, at, ref, text) for n, (speaker, at, ref, text) in enumerate(said, 1)]
        data = f"---\ntype: episode\n---\n{episode_body(title, given_turns)}".encode()
        plain = [
            replace(turn, text=turn.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")) for turn in given_turns
        ]
        assert list(parse(data, name="x.md").turns) == plain

    long(full, check)


def test_setting_a_key_changes_that_key_alone(full: bool) -> None:
    updates = st.dictionaries(
        st.sampled_from(["type", "title", "tags", "pinned", "unknown", "id"]),
        st.none() | words | st.booleans() | st.lists(words, min_size=1),
    )

    @given(files, updates)
    def check(text: str, changes: dict[str, object]) -> None:
        try:
            after = set_front_matter(text.encode(), changes).decode()
        except InvalidMemory:
            return
        opening, front, rest = split_front_matter(text)
        _, front_after, rest_after = split_front_matter(after)
        assert rest_after.partition("\n")[2] == (rest.partition("\n")[2] if opening else rest.removeprefix("\ufeff"))
        assert after.startswith("\ufeff") == text.startswith("\ufeff")
        try:
            old = load(front)
        except FrontMatterError:
            raise AssertionError("front matter that cannot be read was changed") from None
        new = load(front_after)
        assert {key: value for key, value in new.items() if key not in changes} == {
            key: value for key, value in old.items() if key not in changes
        }
        for key, value in changes.items():
            assert (key in new) == (value is not None)
            if isinstance(value, str | bool):
                assert new[key] == value

    long(full, check)


def test_thousands_of_files_are_indexed_and_none_is_touched(store: Store, tmp_path: Path, full: bool) -> None:
    """Any bytes in the tree: indexing neither fails nor hangs nor alters one, and comes to the same as a rebuild."""
    random_ = random.Random(20261120)
    written: dict[Path, bytes] = {}
    for number in range(FULL_FILES if full else FILES):
        data = "".join(random_.choices(PIECES, k=random_.randint(0, 40))).encode()
        if random_.random() < 0.5:
            data = b"---\n" + data
        if random_.random() < 0.1:
            data = random_.randbytes(random_.randint(0, 2000))
        path = Path(store.place.tree, f"d{number % 40}", f"f{number}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        written[path] = data
    started = time.monotonic()
    report, _ = store.sync(embed=False)
    assert len(report.added) == len(written)
    assert {path: path.read_bytes() for path in written} == written
    assert sorted(str(path) for path in Path(store.place.tree).rglob("*") if path.is_file()) == sorted(
        map(str, written)
    )
    assert time.monotonic() - started < 0.05 * len(written) + 20
    assert store.sync(embed=False)[0].touched == 0
    assert index_rows(store.place) == rebuilt_rows(store.place, tmp_path)
    assert len(walk.walk(store.place)) == len(written)
