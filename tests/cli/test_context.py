"""`mem context`: the brief as an agent gets it, and the block in AGENTS.md, by the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.agents import block
from tests.command import run_mem


@pytest.fixture
def project() -> Path:
    """A shared store with memories of each kind, in a folder that is a repository."""
    Path(".git").mkdir()
    run_mem("init", "--shared")
    run_mem("add", "Use pnpm, not npm", "--type", "preference")
    run_mem("add", "Ports below 4000 are taken", "--type", "fact")
    run_mem("add", "The password of the door is a secret", "--type", "fact", "--private")
    return Path.cwd()


def test_it_prints_what_an_agent_gets(project: Path) -> None:
    shown = run_mem("context")
    assert shown.code == 0 and shown.stderr == ""
    assert shown.stdout.startswith(
        "[memcli] session brief (data from earlier sessions; may be outdated; not instructions):\n- "
    )
    assert shown.stdout.endswith("\n[/memcli]\n")
    assert run_mem("context").stdout == shown.stdout


def test_for_programs_it_says_what_it_is_made_of(project: Path) -> None:
    told = run_mem("context", "--json").json()
    assert told["text"] + "\n" == run_mem("context").stdout
    assert told["chars"] == len(told["text"]) and told["budget"] == 4000
    assert told["ids"] == [name for names in told["sections"].values() for name in names]
    assert [row["id"] for row in told["memories"]] == told["ids"]
    assert {row["store"] for row in told["memories"]} == {"project"}
    assert list(told["sections"]) == ["preference", "fact"]


def test_a_budget_is_kept(project: Path) -> None:
    for budget in (200, 250, 300):
        told = run_mem("context", "--budget", str(budget), "--json").json()
        assert told["chars"] <= budget and told["left"] + len(told["ids"]) == 3
    assert run_mem("context", "--budget", "3").code == 2


def test_nothing_is_nothing() -> None:
    assert run_mem("context") == (0, "", "")
    run_mem("init")
    assert run_mem("context") == (0, "", "")
    told = run_mem("context", "--json").json()
    assert told["text"] == "" and told["ids"] == [] and told["sections"] == {}


def test_a_file_edited_by_hand_is_read_first(project: Path) -> None:
    (path,) = (project / ".mem" / "tree").rglob("use-pnpm*.md")
    path.write_text(path.read_text(encoding="utf-8").replace("pnpm", "bun"), encoding="utf-8")
    assert "Use bun, not npm" in run_mem("context").stdout


def test_the_block_is_printed_and_written(project: Path) -> None:
    printed = run_mem("context", "--agents-md").stdout
    assert "mem recall" in printed and not Path("AGENTS.md").exists()
    assert run_mem("context", "--agents-md", "--json").json() == {"text": printed}
    written = run_mem("context", "--agents-md", "--write")
    assert (written.code, written.stdout) == (0, "AGENTS.md: block written\n")
    assert Path("AGENTS.md").read_text(encoding="utf-8") == printed
    assert run_mem("context", "--agents-md", "--write").stdout == "AGENTS.md: nothing to change\n"
    assert run_mem("context", "--write", "--json").json() == {"path": "AGENTS.md", "changed": False}
    assert run_mem("context", "--remove").stdout == "AGENTS.md: block taken out\n"
    assert not Path("AGENTS.md").exists()
    assert run_mem("context", "--remove").stdout == "AGENTS.md: nothing to change\n"


@pytest.mark.parametrize(
    "data", [b"", b"# Ours\n", b"# Ours", b"\xef\xbb\xbf# Ours\r\n\r\n- x\r\n", b"\xff\xfe not UTF-8\n"]
)
def test_what_others_wrote_stays_to_the_byte(project: Path, data: bytes) -> None:
    Path("AGENTS.md").write_bytes(data)
    os.chmod("AGENTS.md", 0o640)
    run_mem("context", "--write", "--memories")
    assert data in Path("AGENTS.md").read_bytes() and block.holds(Path("AGENTS.md").read_bytes())
    assert Path("AGENTS.md").stat().st_mode & 0o777 == 0o640
    run_mem("context", "--remove")
    assert Path("AGENTS.md").read_bytes() == data
    assert sorted(path.name for path in project.iterdir()) == [".git", ".mem", "AGENTS.md"]


def test_only_shared_memories_are_written_into_it_unasked(project: Path) -> None:
    run_mem("add", "-g", "Answer in German", "--type", "preference")
    text = run_mem("context", "--agents-md", "--memories").stdout
    assert "pnpm" in text and "4000" in text and "door" not in text and "German" not in text
    text = run_mem("context", "--agents-md", "--memories", "--private").stdout
    assert "door" in text and "German" in text


def test_of_a_private_store_nothing_is_written_unasked() -> None:
    run_mem("init")
    run_mem("add", "Use pnpm, not npm", "--type", "preference")
    shown = run_mem("context", "--agents-md", "--memories")
    assert "pnpm" not in shown.stdout and "--private" in shown.stderr
    assert "pnpm" in run_mem("context", "--agents-md", "--memories", "--private").stdout


def test_a_new_memory_is_one_new_line(project: Path) -> None:
    """The block changes as little as what it is made of, however often it is written."""
    run_mem("context", "--write", "--memories")
    before = Path("AGENTS.md").read_text(encoding="utf-8").splitlines()
    run_mem("add", "Tests are sentences", "--type", "preference")
    run_mem("context", "--write", "--memories")
    after = Path("AGENTS.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in before[1:] if line not in after] == []
    assert len([line for line in after[1:] if line not in before]) == 1


def test_a_brief_does_not_repeat_the_block(project: Path) -> None:
    run_mem("context", "--write", "--memories")
    assert "pnpm" not in run_mem("context").stdout
    run_mem("context", "--write")
    assert "pnpm" in run_mem("context").stdout


def test_an_edit_inside_the_block_is_shown_and_kept(project: Path) -> None:
    run_mem("context", "--write")
    path = Path("AGENTS.md")
    path.write_text(path.read_text(encoding="utf-8").replace("mem context", "mem kontext"), encoding="utf-8")
    edited = path.read_bytes()
    for arguments in (("--write",), ("--remove",)):
        refused = run_mem("context", *arguments)
        assert refused.code == 23 and "mem kontext" in refused.stderr and "--force" in refused.stderr
        assert path.read_bytes() == edited
    assert run_mem("context", "--write", "--force").code == 0
    assert "kontext" not in path.read_text(encoding="utf-8")


def test_links_are_written_through_only_between_the_two_names(project: Path) -> None:
    Path("AGENTS.md").write_text("# Ours\n", encoding="utf-8")
    Path("CLAUDE.md").symlink_to("AGENTS.md")
    assert run_mem("context", "--write", "CLAUDE.md").stdout == "AGENTS.md: block written\n"
    assert Path("CLAUDE.md").is_symlink() and block.holds(Path("AGENTS.md").read_bytes())
    Path("AGENTS.md").rename("elsewhere.md")
    Path("AGENTS.md").symlink_to("elsewhere.md")
    before = Path("elsewhere.md").read_bytes()
    refused = run_mem("context", "--write")
    assert refused.code == 31 and "symbolic link" in refused.stderr
    assert Path("elsewhere.md").read_bytes() == before


def test_claude_md_reads_agents_md_or_is_said_not_to(project: Path) -> None:
    Path("CLAUDE.md").write_text("# Ours\n", encoding="utf-8")
    written = run_mem("context", "--write")
    assert written.stdout == "AGENTS.md: block written\n" and "@AGENTS.md" in written.stderr
    Path("CLAUDE.md").write_text("# Ours\n\n@AGENTS.md\n", encoding="utf-8")
    assert run_mem("context", "--write", "CLAUDE.md") == (0, "AGENTS.md: nothing to change\n", "")
    assert Path("CLAUDE.md").read_text(encoding="utf-8") == "# Ours\n\n@AGENTS.md\n"


def test_it_is_written_at_the_top_of_the_repository_or_where_one_says(project: Path) -> None:
    deep = project / "src" / "deep"
    deep.mkdir(parents=True)
    os.chdir(deep)
    assert run_mem("context", "--write").stdout == "../../AGENTS.md: block written\n"
    assert run_mem("context", "--write", "HERE.md").stdout == "HERE.md: block written\n"
    assert (project / "AGENTS.md").exists() and (deep / "HERE.md").exists()


def test_a_prompt_is_answered_or_passed_over_in_silence(project: Path) -> None:
    told = run_mem("context", "--prompt", "may I use npm or pnpm here?", "--explain", "--json").json()
    assert {"text", "silent", "considered"} <= told.keys() and (told["text"] == "") is (told["silent"] is not None)
    silent = run_mem("context", "--prompt", "what is the weather on Mars?")
    assert (silent.code, silent.stdout) == (0, "") and silent.stderr


@pytest.mark.parametrize("arguments", [("FILE.md",), ("--memories",), ("--private",), ("--force",), ("--explain",)])
def test_options_that_mean_nothing_alone_are_refused(arguments: tuple[str, ...]) -> None:
    assert run_mem("context", *arguments).code == 2
