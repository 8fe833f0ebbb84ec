"""What every importer promises. A new one needs a sample in tests/importers/samples.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.errors import ImportFailed, UsageError
from memcli.importers import Item, Note, Skipped, listing, registry
from memcli.importers.registry import IMPORTERS, Importer
from memcli.memory import parse
from memcli.store import Store
from tests.conftest import tree_bytes
from tests.importers.samples import SAMPLES, SESSIONS, bring, rebuilt_index, squeezed, write

each_importer = pytest.mark.parametrize("importer", IMPORTERS, ids=lambda importer: importer.NAME)


@pytest.fixture
def source(importer: Importer, tmp_path: Path) -> Path:
    return SAMPLES[importer.NAME](tmp_path / "source")


@pytest.fixture
def odd_paths(tmp_path: Path) -> list[Path]:
    folder = write(
        tmp_path / "odd",
        {
            "empty/.keep": "",
            "empty.jsonl": "",
            "binary.md": b"\x00\xff",
            "binary.html": b"\xff\xfe<bv-topic>",
            "CLAUDE.md/not-a-file": "",
            "MEMORY.md": "",
        },
    )
    (folder / "links").mkdir()
    (folder / "links" / "up").symlink_to(folder)
    (folder / "links" / "gone.md").symlink_to(folder / "nowhere")
    (folder / "loop.md").symlink_to(folder / "loop.md")
    os.mkfifo(folder / "AGENTS.md")
    return [
        *folder.rglob("*"), folder, folder / "missing", folder / "binary.md" / "below", Path("/dev/null"), Path("/dev/zero"),
        Path("a\x00b.md"), Path("x" * 5000 + ".md"), folder / os.fsdecode(b"\xff.md"), Path("/"), Path("relative/.."),
    ]  # fmt: skip


@each_importer
def test_has_a_name_and_a_meaning_for_people(importer: Importer) -> None:
    assert importer.NAME.lower() == importer.NAME
    assert importer.MEANING.strip()
    assert registry.for_format(importer.NAME) is importer


@each_importer
def test_claims_answers_for_odd_paths(importer: Importer, odd_paths: list[Path]) -> None:
    answers = [importer.claims(path) for path in odd_paths]
    assert {type(answer) for answer in answers} == {bool}


@each_importer
def test_reading_odd_paths_gives_one_sentence_or_what_can_be_read(importer: Importer, odd_paths: list[Path]) -> None:
    endless = (Path("/"), Path("/dev/zero"), Path("relative/.."))
    for path in odd_paths:
        if path not in endless and path.name != "AGENTS.md":  # a pipe that nobody writes to
            try:
                found = list(importer.read(path))
            except ImportFailed as error:
                found = [Skipped(str(path), error.message)]
            assert all("\n" not in item.reason for item in found if isinstance(item, Skipped))
            assert all(isinstance(item, Item | Note | Skipped) for item in found)


@each_importer
def test_reads_its_sample(importer: Importer, source: Path) -> None:
    found = list(importer.read(source))
    assert [item for item in found if isinstance(item, Item | Note)]
    assert not [item for item in found if isinstance(item, Skipped)]
    refs = [(item.session, item.ref) for item in found if isinstance(item, Item) and item.ref]
    assert len(set(refs)) == len(refs)


@each_importer
def test_reading_and_scanning_write_nothing(importer: Importer, source: Path, tmp_path: Path) -> None:
    before = tree_bytes(tmp_path)
    importer.scan(tmp_path / "source", tmp_path / "home")
    importer.claims(source)
    list(importer.read(source))
    assert tree_bytes(tmp_path) == before


@each_importer
def test_a_scan_stops(importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SAMPLES[importer.NAME](tmp_path / "source")
    for name in (".obsidian/x", ".brv/context-tree/x", ".cursor/rules/x"):
        write(tmp_path / "source", {f"{name}-{n}.md": "x" for n in range(50)})
    monkeypatch.setattr(listing, "MAX_ENTRIES", 20)
    for _, count in importer.scan(tmp_path / "source", tmp_path / "home"):
        assert 0 < count <= 25


@each_importer
def test_a_scan_follows_no_links(importer: Importer, source: Path, tmp_path: Path) -> None:
    project = tmp_path / "linked"
    project.mkdir()
    for entry in os.listdir(tmp_path / "source"):
        (project / entry).symlink_to(tmp_path / "source" / entry)
    assert importer.scan(project, project) == []


@each_importer
def test_importing_twice_changes_nothing(importer: Importer, source: Path, store: Store) -> None:
    first = bring(store, importer.read(source))
    after_first = tree_bytes(store.place.folder)
    second = bring(store, importer.read(source))
    assert first.entries + first.turns > 0
    assert first.problems == second.problems == []
    assert (second.entries, second.turns, second.episodes, second.paths) == (0, 0, 0, [])
    assert second.skipped == first.entries + first.turns
    assert _without_cache(tree_bytes(store.place.folder)) == _without_cache(after_first)


@each_importer
def test_undo_takes_all_of_an_import_back(importer: Importer, source: Path, store: Store) -> None:
    mine = store.add("Mine, and it stays.").path
    brought = bring(store, importer.read(source))
    store.undo()
    left = [name for name in tree_bytes(store.place.folder) if name.startswith(("tree/", "local/tree/"))]
    assert brought.paths
    assert left == [mine]
    assert bring(store, importer.read(source)).entries == brought.entries


@each_importer
def test_every_text_is_in_a_rebuilt_index(importer: Importer, source: Path, store: Store) -> None:
    found = list(importer.read(source))
    bring(store, iter(found))
    indexed = rebuilt_index(store)
    for item in found:
        assert not isinstance(item, Skipped)
        text = item.text if isinstance(item, Item) else parse(item.data, name=item.path).body
        assert any(squeezed(text) in one for one in indexed), text


@each_importer
def test_a_secret_is_masked_and_counted(importer: Importer, source: Path, store: Store, tmp_path: Path) -> None:
    key = "AKIA" + "Q3EXV7LTZ2WJ6RNB"
    line = {".jsonl": f'{{"text": "key {key}"}}\n', ".html": f"<bv-fact>key {key}</bv-fact>\n"}
    if importer.NAME in SESSIONS:
        source = SESSIONS[importer.NAME](tmp_path / "told", [("user", f"my key is {key}"), ("run", f"login {key}", 0)])
    for file in source.rglob("*") if source.is_dir() else [source]:
        if importer.NAME not in SESSIONS and file.suffix in (".md", ".mdc", ".jsonl", ".html"):
            file.write_text(file.read_text() + line.get(file.suffix, f"\nkey {key}\n"))
    brought = bring(store, importer.read(source))
    kept = b"".join(tree_bytes(store.place.folder).values())
    assert key.encode() not in kept
    assert kept.count(b"[secret:") >= sum(brought.masked.values()) > 0


def test_each_sample_is_detected(tmp_path: Path) -> None:
    detected = {name: registry.detect(sample(tmp_path / name)).NAME for name, sample in SAMPLES.items()}
    # A project's folder is many things; its instruction files are asked for by name.
    assert detected == {name: name for name in SAMPLES} | {"instructions": "markdown"}
    assert registry.detect(tmp_path / "instructions" / "AGENTS.md").NAME == "instructions"
    assert registry.detect(tmp_path / "byterover" / ".brv" / "context-tree").NAME == "byterover"


def test_what_nobody_claims_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(ImportFailed) as raised:
        registry.detect(tmp_path / "picture.png")
    assert "\n" not in raised.value.message
    with pytest.raises(UsageError, match="no format 'nonsense'"):
        registry.for_format("nonsense")


def test_scan_finds_what_lies_around(tmp_path: Path, home: Path) -> None:
    project = tmp_path / "project"
    for name in ("instructions", "byterover"):
        SAMPLES[name](project)
    SAMPLES["markdown"](project)
    slug = "".join(c if c.isalnum() and c.isascii() else "-" for c in str(project))
    write(home, {".claude/CLAUDE.md": "Be brief.", f".claude/projects/{slug}/memory/MEMORY.md": "## A\n\nb"})
    found = {
        (importer.NAME, path.relative_to(tmp_path).as_posix(), n)
        for importer, path, n in registry.scan_all(project, home)
    }
    assert found == {
        ("byterover", "project/.brv/context-tree", 7),
        ("claude-memory", f"home/.claude/projects/{slug}/memory", 1),
        ("instructions", "project", 2),
        ("instructions", "home/.claude/CLAUDE.md", 1),
        ("markdown", "project/vault", 2),
    }


def _without_cache(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith("local/cache/")}
