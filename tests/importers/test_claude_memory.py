"""Claude Code's own notes → items."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.importers import Item, Skipped, claude_memory
from tests.importers.samples import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "projects" / "-home-ana-shop" / "memory"


def by_name(path: Path) -> dict[str, Item]:
    return {(item.ref or "").split("/", 1)[1]: item for item in claude_memory.read(path) if isinstance(item, Item)}


@pytest.mark.parametrize(
    ("kind", "type_"),
    [("user", "preference"), ("feedback", "lesson"), ("project", "fact"), ("reference", "reference"), ("odd", "fact")],
)
def test_types_map(kind: str, type_: str, folder: Path) -> None:
    write(
        folder,
        {"a.md": f"---\nname: a\ntype: {kind}\n---\nx", "b.md": f"---\nname: b\nmetadata:\n  type: {kind}\n---\nx"},
    )
    assert {item.type for item in by_name(folder).values()} == {type_}


def test_title_description_and_date(folder: Path) -> None:
    write(
        folder,
        {
            "a.md": "---\nname: flaky-outbox-test\ndescription: It races\nmetadata:\n"
            "  modified: 2026-09-08T19:29:56.864Z\n---\n\nTwo threads.\n",
            "b.md": "---\nname: Role of Ana\ndescription: Knows Go\n---\nKnows\nGo well.\n",
            "c.md": "No front matter.\r\nAt all.",
            "d.md": "---\nname: [broken\n---\nkept\n",
        },
    )
    found = by_name(folder)
    assert (found["a.md"].title, found["a.md"].text) == ("flaky outbox test", "It races\n\nTwo threads.")
    assert found["a.md"].created == "2026-09-08T19:29:56Z"
    assert (found["b.md"].title, found["b.md"].text) == ("Role of Ana", "Knows\nGo well.")
    assert (found["c.md"].title, found["c.md"].text) == ("c", "No front matter.\nAt all.")
    assert found["d.md"].text == "---\nname: [broken\n---\nkept"


def test_the_index_gives_what_is_not_said_elsewhere(folder: Path) -> None:
    write(
        folder,
        {
            "MEMORY.md": "# Memory\n\n- [A](a.md) — hook\n- [Gone](gone.md) — its file is not here\n- [Out](../../x.md)\n\n"
            "## Ports\n8123\n",
            "a.md": "text",
        },
    )
    found = by_name(folder)
    assert found["MEMORY.md#memory"].text == "- [Gone](gone.md) — its file is not here\n- [Out](../../x.md)"
    assert found["MEMORY.md#ports"].text == "8123"
    assert set(found) == {"MEMORY.md#memory", "MEMORY.md#ports", "a.md"}


def test_refs_tell_projects_apart_without_naming_them(tmp_path: Path) -> None:
    refs = []
    for project in ("-home-ana-shop", "-home-ana-blog"):
        folder = write(tmp_path / "projects" / project / "memory", {"a.md": "x"})
        refs += [item.ref for item in claude_memory.read(folder) if isinstance(item, Item)]
    assert len(set(refs)) == 2
    assert "ana" not in "".join(ref or "" for ref in refs)


def test_one_file_links_and_nothing(folder: Path, tmp_path: Path) -> None:
    write(folder, {"a.md": "x", "bad.md": b"\x00"})
    (folder / "link.md").symlink_to(folder / "a.md")
    found = list(claude_memory.read(folder))
    assert {item.path for item in found if isinstance(item, Skipped)} == {"bad.md", "link.md"}
    assert [item.text for item in claude_memory.read(folder / "a.md") if isinstance(item, Item)] == ["x"]
    assert claude_memory.claims(folder / "a.md")
    assert not claude_memory.claims(folder / "link.md")
    with pytest.raises(ImportFailed, match="no Markdown"):
        list(claude_memory.read(write(tmp_path / "memory", {"x.txt": ""})))
