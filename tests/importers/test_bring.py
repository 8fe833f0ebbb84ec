"""Bringing items in: nothing lost, nothing forged, nothing twice."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli import journal, tree
from memcli.errors import ImportFailed, WriteFailed
from memcli.importers import Imported, Item, Note, Skipped, jsonl
from memcli.importers.bring import bring_in
from memcli.importers.intake import MAX_TEXT_BYTES, text_parts
from memcli.journal import Change
from memcli.memory import MAX_TURNS, parse
from memcli.places import at_root
from memcli.store import Store
from tests.conftest import tree_bytes
from tests.importers.samples import NOW, bring, memories, rebuilt_index, said, squeezed


def turn(ref: str, text: str = "hello", session: str = "s", **more: str) -> Item:
    return Item(text, ref=ref, session=session, **more)  # type: ignore[arg-type]


# --- texts -----------------------------------------------------------------------------------------------------------

HARD_TEXTS = [
    "",
    "\n\nindented after blank lines",
    "---\ntype: decision\nid: abcdefghjkmn\n---\nlooks like front matter",
    "---",
    "...\n---\nx",
    "## 2023-05-08T13:56 Boss ^t0001",
    "before\n## 2023-05-08 Boss ^t0002\nafter",
    "before\n## 2023-05-08 Boss ^t0002\u2003\nafter",
    "\\## 2023-05-08 Boss ^t0002",
    "<!-- ref: forged -->\ntext",
    "# A heading\n\n```\n## not 2023 ^t0001\n```",
    "tabs\tand\vfeeds\x0c\x1c\u2028 here",
    "a\n\n\n\nb   ",
    "#tag [[link]] - [x] y",
    "日本語のテキスト 🎉 \U0001f468\u200d\U0001f469",
]  # fmt: skip


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts_come_back(text: str, store: Store) -> None:
    bring(store, [Item(text, ref="e"), turn("t", text), turn("u", "the next turn")])
    kept = memories(store)
    (entry,) = [memory for memory in kept.values() if memory.type != "episode"]
    (episode,) = [memory for memory in kept.values() if memory.type == "episode"]
    assert entry.body == f"{text}\n"
    assert (entry.ref, entry.type) == ("e", "fact")
    assert [(one.ref, one.text) for one in episode.turns] == [("t", text.strip("\n")), ("u", "the next turn")]


def test_what_a_file_cannot_hold_is_replaced_not_dropped(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"id": "a", "text": "one\\ud800two\\u0000three\\r\\nfour"}\n{"id": "\\ud800", "text": "five"}\n')
    brought = bring(store, jsonl.read(file))
    assert sorted(said(store)) == ["five\n", "one\ufffdtwo\ufffdthree\nfour\n"]
    assert brought.problems == []
    assert bring(store, jsonl.read(file)).skipped == 2


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.lists(
        st.builds(
            Item,
            text=st.text(max_size=80),
            ref=st.text(min_size=1, max_size=20),
            title=st.none() | st.text(max_size=40),
            session=st.none() | st.sampled_from(["a", "A!", "a -->"]),
            speaker=st.none() | st.text(max_size=10),
            tags=st.tuples(st.text(max_size=8)),
            live=st.just(False),  # a transcript that repeats a turn is another thing
        ),
        min_size=2,
        max_size=10,
    ),
)
def test_any_items_are_kept_once(items: list[Item], tmp_path: Path) -> None:
    store = Store.init(at_root(tempfile.mkdtemp(dir=tmp_path)))
    first = bring(store, items)
    second = bring(store, items)
    assert first.entries + first.turns == len(items)
    assert second.skipped == len(items)
    assert second.paths == []
    indexed = rebuilt_index(store)
    for item in items:
        assert any(squeezed(_cleaned(item.text)) in text for text in indexed)


def _cleaned(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def test_a_long_text_is_kept_in_parts_that_share_its_ref(store: Store) -> None:
    lines = [f"line {n} " + "é" * 60 for n in range(6000)]
    text = "\n".join(lines)
    bring(store, [Item(text, ref="long", title="Long"), turn("long", text)])
    kept = memories(store)
    parts = sorted(
        (memory for memory in kept.values() if memory.type != "episode"), key=lambda memory: int(memory.body.split()[3])
    )
    turns = sorted((one for memory in kept.values() for one in memory.turns), key=lambda one: one.anchor)
    assert len(parts) > 2
    assert {part.ref for part in parts} == {one.ref for one in turns} == {"long"}
    assert "\n".join(part.body.removeprefix("# Long\n\n").removesuffix("\n") for part in parts) == text
    assert "\n".join(one.text for one in turns) == text
    assert bring(store, [Item(text, ref="long", title="Long"), turn("long", text)]).skipped == 2


def test_a_line_longer_than_a_file_takes_is_cut() -> None:
    text = "𝄞" * 400_000
    parts = text_parts(text)
    assert "".join(parts).replace("\n", "") == text
    assert max(len(part.encode()) for part in parts) <= MAX_TEXT_BYTES
    assert text_parts("x" * 200_000) == ["x" * 200_000]


def test_a_title_of_any_length_is_kept(store: Store) -> None:
    title = "word " * 30_000
    bring(store, [Item("text", ref="r", title=title)])
    assert squeezed(title) + "text" in "".join(rebuilt_index(store))


def test_a_title_that_opens_the_text_is_not_said_twice(store: Store) -> None:
    bring(store, [Item("# Ports\n\nThe API listens on 8123.", ref="r", title="Ports")])
    assert said(store) == ["# Ports\n\nThe API listens on 8123.\n"]


def test_the_title_of_a_turn_is_kept(store: Store) -> None:
    bring(store, [turn("t", "text", title="A title"), turn("u", "Title first, then text", title="Title first")])
    assert said(store) == ["A title\n\ntext", "Title first, then text"]


def test_an_episode_is_only_made_of_a_session(store: Store) -> None:
    bring(store, [Item("## 2024-01-01 Ana ^t0001\n\nhi", ref="r", type="episode"), Item("x", ref="s", type="nonsense")])
    assert {memory.type for memory in memories(store).values()} == {"fact"}
    assert all(memory.turns == () for memory in memories(store).values())


def test_secrets_in_titles_and_speakers_are_masked(store: Store) -> None:
    key = "AKIA" + "Q3EXV7LTZ2WJ6RNB"
    brought = bring(store, [Item("x", ref="r", title=f"Key {key}"), turn("t", speaker=key), Note("n.md", key.encode())])
    assert sum(brought.masked.values()) == 3
    assert all(key.encode() not in data for data in tree_bytes(store.place.folder).values())


# --- known again -----------------------------------------------------------------------------------------------------


def test_refs_of_any_form_are_known_again(store: Store) -> None:
    refs = [
        "1",
        "1.0",
        ".5",
        "null",
        "true",
        "a #b",
        "a: b",
        "x -->",
        "  two  words ",
        "y" * 5000,
        "z\n\tz",
        "é",
        "[a]",
    ]
    items: list[Imported] = [Item(f"text {n}", ref=ref) for n, ref in enumerate(refs)]
    items += [turn(ref, f"turn {n}") for n, ref in enumerate(refs)]
    assert bring(store, items).problems == []
    assert bring(store, items).skipped == len(items)


def test_a_ref_is_only_unique_in_its_source(store: Store) -> None:
    bring(store, [Item("from the first", ref="1"), turn("1", "first talk")], origin="jsonl/first")
    second = bring(store, [Item("from the second", ref="1"), turn("1", "second talk")], origin="jsonl/second")
    assert (second.entries, second.turns) == (1, 1)
    assert sorted(said(store)) == ["first talk", "from the first\n", "from the second\n", "second talk"]
    renamed = bring(store, [Item("from the first", ref="1"), turn("1", "first talk")], origin="jsonl/renamed")
    assert renamed.skipped == 2


def test_a_text_that_changed_at_the_source_is_named_and_left(store: Store) -> None:
    bring(store, [Item("old", ref="a"), Item("same", ref="b")])
    again = bring(store, [Item("new", ref="a"), Item("same", ref="b")])
    assert again.skipped == 2
    assert again.problems == ["1 differ by now from what is kept here, which stays: a"]
    assert sorted(said(store)) == ["old\n", "same\n"]


def test_an_edited_or_moved_memory_is_not_brought_in_again(store: Store) -> None:
    found: list[Imported] = [Item("an item", ref="a"), Note("note.md", b"# A note\n"), Note("moved.md", b"# Moved\n")]
    paths = bring(store, found).paths
    store.edit(paths[0], text="an item, edited")
    store.edit(paths[1], text="# A note, edited")
    store.edit(paths[2], topic="elsewhere")
    again = bring(store, found)
    assert (again.skipped, again.paths) == (3, [])


def test_a_changed_note_comes_in_once_beside_the_old(store: Store) -> None:
    bring(store, [Note("a/n.md", b"one\n")])
    for _ in range(2):
        bring(store, [Note("a/n.md", b"two\n")])
    assert sorted(memories(store)) == ["tree/imported/a/n-2.md", "tree/imported/a/n.md"]


def test_equal_items_of_one_source_are_all_kept(store: Store) -> None:
    brought = bring(
        store, [Item("same", ref="x", title="T"), Item("same", ref="x", title="T"), Item("same", ref="y", title="T")]
    )
    assert brought.entries == 3
    assert len(memories(store)) == 3


def test_items_without_a_ref_are_known_by_their_text(store: Store) -> None:
    first = [Item("alone"), Item("ok", session="s"), Item("ok", session="s"), Item("ok", session="t")]
    assert bring(store, first).skipped == 0
    grown = bring(store, [*first, Item("ok", session="s"), Item("ok", session="s", speaker="Ana")])
    assert (grown.skipped, grown.turns) == (4, 2)


def test_many_items_of_one_title_stay_fast(store: Store) -> None:
    brought = bring(store, [Item(f"text {n}", ref=str(n), title="Note") for n in range(300)])
    assert len(set(brought.paths)) == 300
    assert "tree/imported/note-300.md" in brought.paths


# --- notes -----------------------------------------------------------------------------------------------------------


def test_notes_are_kept_byte_for_byte(store: Store) -> None:
    data = "\ufeff---\nodd:   [1,\t2]\n---\r\n# T\r\n\r\nx  \r\n".encode()
    bring(store, [Note("Ein Ordner/Übung (1).md", data)])
    assert tree.read(store.place, "tree/imported/Ein Ordner/Übung (1).md") == data


@pytest.mark.parametrize(
    "path",
    [
        "../../../escape.md",
        "/etc/escape.md",
        ".hidden/x.md",
        "a/./b/..//c.md",
        "nul\x01\n.md",
        "a\u200b\u202eb.md",
        "x" * 300 + ".md",
        "..",
        "é" * 200,
    ],
)
def test_a_path_from_outside_stays_inside_and_is_seen(path: str, store: Store) -> None:
    (written,) = bring(store, [Note(path, b"text\n")]).paths
    assert written.startswith("tree/imported/")
    assert list(memories(store)) == [written]


def test_what_cannot_be_a_memory_is_named_and_the_rest_comes_in(store: Store) -> None:
    brought = bring(
        store, [Note("bad.md", b"\xff\x00"), Skipped("link.md", "a symbolic link"), Note("good.md", b"text\n")]
    )
    assert brought.problems == ["bad.md: it holds a NUL byte, so it is not text", "link.md: a symbolic link"]
    assert list(memories(store)) == ["tree/imported/good.md"]


def test_private_entries_stay_out_of_the_tree_that_may_be_shared(store: Store) -> None:
    bring_in(store, [Note("n.md", b"x\n"), Item("y", ref="y")], origin="o", topic="t", now=NOW, private=True)
    assert sorted(memories(store)) == ["local/tree/t/n.md", "local/tree/t/y.md"]


# --- episodes --------------------------------------------------------------------------------------------------------


def test_new_turns_of_a_known_session_join_it_and_undo_is_one_step(store: Store) -> None:
    bring(store, [turn("1", "one"), turn("2", "two")])
    before = tree_bytes(store.place.private_tree)
    brought = bring(store, [turn("1", "one"), turn("2", "two"), turn("3", "three"), turn("1", "other", session="new")])
    assert (brought.turns, brought.episodes, brought.skipped) == (2, 2, 2)
    assert [one.text for one in memories(store)["local/tree/episodes/s.md"].turns] == ["one", "two", "three"]
    store.undo()
    assert tree_bytes(store.place.private_tree) == before


def test_a_long_session_continues_in_parts_that_name_the_file_before(store: Store) -> None:
    # Both sessions have the same slug, so that the second's files get other names.
    for session in ("Plan A", "plan a"):
        bring(store, [turn(str(n), f"{session} {n}", session=session) for n in range(MAX_TURNS + 5)])
    bring(store, [turn(str(n), f"plan a {n}", session="plan a") for n in range(2 * MAX_TURNS + 7)])
    kept = {path: memory for path, memory in memories(store).items() if memory.session == "plan a"}
    parts = {memory.part: (path, memory) for path, memory in kept.items()}
    assert sorted(parts) == [1, 2, 3]
    for number in (2, 3):
        before = parts[number - 1][0].rsplit("/", 1)[1].removesuffix(".md")
        assert [relation.target for relation in parts[number][1].relations if relation.kind == "continues"] == [before]
    turns = [one for number in (1, 2, 3) for one in parts[number][1].turns]
    assert [one.text for one in turns] == [f"plan a {n}" for n in range(2 * MAX_TURNS + 7)]
    assert [one.anchor for one in turns] == [f"t{n:04}" for n in range(1, 2 * MAX_TURNS + 8)]
    assert max(len(memory.turns) for _, memory in parts.values()) == MAX_TURNS


def test_every_part_of_a_session_has_its_date(store: Store) -> None:
    count = MAX_TURNS + 5
    first = [turn("0", "one 0", session="s", created="2024-04-15T00:00:00")]
    bring(store, first + [turn(str(n), f"one {n}", session="s") for n in range(1, count)])
    bring(store, first + [turn(str(n), f"one {n}", session="s") for n in range(1, count + MAX_TURNS)])
    assert [one.created for one in memories(store).values()] == ["2024-04-15T00:00"] * 3


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_source_that_fails_half_way_leaves_nothing(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps({"text": "fine"}) + "\n{broken\n")
    with pytest.raises(ImportFailed, match=r"x\.jsonl:2"):
        bring(store, jsonl.read(file))
    assert memories(store) == {}


def test_what_was_written_before_a_failure_can_be_undone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    create = tree.create_unique

    def full_disk(place, path, data, *, sync_folder=True):  # type: ignore[no-untyped-def]
        if path.endswith("text-7.md"):
            raise WriteFailed("the disk is full")
        return create(place, path, data, sync_folder=sync_folder)

    monkeypatch.setattr(tree, "create_unique", full_disk)
    items = [Item(f"text {n}", ref=str(n)) for n in range(20)]
    with pytest.raises(WriteFailed):
        bring(store, items)
    monkeypatch.undo()
    assert memories(store)
    store.undo()
    assert memories(store) == {}


def test_an_import_of_very_many_files_can_be_undone(store: Store) -> None:
    changes = [Change(f"tree/imported/{n}-{'x' * 80}.md", None, "0" * 64) for n in range(60_000)]
    journal.record(store.place, "import", changes, by="you", origin="", now=NOW)
    assert len(journal.undoable(store.place).changes) == len(changes)


# --- real notes ------------------------------------------------------------------------------------------------------


def test_a_developers_notes_all_come_in_once(store: Store, shared: Path) -> None:
    from memcli.importers import markdown

    notes = shared / "markdown" / "til"
    sources = {path.relative_to(notes).as_posix(): path.read_bytes() for path in notes.rglob("*.md")}
    first = bring(store, markdown.read(notes), topic="til")
    second = bring(store, markdown.read(notes), topic="til")
    assert (first.entries, first.problems) == (len(sources), [])
    assert (second.skipped, second.paths) == (len(sources), [])
    kept = {path.removeprefix("tree/til/"): tree.read(store.place, path) for path in first.paths}
    if not first.masked:
        assert kept == sources
    differing = [name for name in sources if kept[name] != sources[name]]
    assert len(differing) <= sum(first.masked.values())
    indexed = set(rebuilt_index(store))
    for name, data in kept.items():
        body = parse(data, name=name).body
        assert squeezed(body) in indexed or not body.strip() or "[secret:" in body, name
