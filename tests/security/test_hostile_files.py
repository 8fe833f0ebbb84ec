"""A clone, an archive or a vault may hold any file: it is skipped, named by `mem doctor`, never altered, and stops nobody."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from memcli.store import Store
from tests.command import run_mem
from tests.conftest import tree_bytes

SECONDS = 60
FILES: dict[str, bytes] = {
    "huge.md": b"word\n" * 1_000_000,
    "nul.md": b"text \x00 text",
    "utf16.md": "text".encode("utf-16"),
    "latin1.md": "Größe".encode("latin-1"),
    "line.md": b"x" * 1_200_000,
    "conflict.md": b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n",
    "note.sync-conflict-20260101-1200-ABC.md": b"copy",
}
ODD_BUT_FINE: dict[str, bytes] = {
    "deep.md": b"---\na: " + b"[" * 5000 + b"]" * 5000 + b"\n---\nbody deep",
    "alias.md": b"---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\nbody alias",
    "tags.md": b"---\n!!python/object/apply:os.system ['touch owned']\n---\nbody tags",
    "dates.md": b"---\ncreated: 2026-99-99\ntype: {a: b}\ntags: 7\npinned: perhaps\n---\nbody dates",
    "fences.md": b"```\n" * 2000,
    "stars.md": b"*" * 50_000 + b"a",
    "links.md": b"[[" * 20_000,
    "comments.md": b"<!--" * 20_000,
    "quotes.md": b"> " * 20_000,
    "empty.md": b"",
    "break.md": b"\n" * 50_000,
}


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A command that hangs fails its test instead of the whole run."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still running after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_hostile_files_are_named_and_left_alone(store: Store, tmp_path: Path) -> None:
    top = Path(store.place.tree)
    for name, data in (FILES | ODD_BUT_FINE).items():
        (top / name).write_bytes(data)
    not_utf8 = os.path.join(os.fsencode(top), b"name-\xff.md")
    with open(not_utf8, "wb") as file:
        file.write(b"x")
    (tmp_path / "outside.md").write_text("outside the store")
    (top / "link.md").symlink_to(tmp_path / "outside.md")
    (top / "linked").symlink_to(tmp_path)
    (top / "loop").symlink_to(top)
    (top / "dangling.md").symlink_to(tmp_path / "nothing")
    os.mkfifo(top / "pipe.md")
    (top / "folder.md").mkdir()
    before = tree_bytes(top)
    assert run_mem("add", "a good memory").code == 0
    for command in (
        ("index",),
        ("recall", "body", "outside"),
        ("recall", "good memory"),
        ("ls",),
        ("status",),
        ("show", "alias"),
        ("log",),
    ):
        ran = run_mem(*command)
        assert ran.code in (0, 1, 2), (command, ran)
        assert "outside the store" not in ran.stdout
    found = run_mem("--json", "doctor").json()
    named = "\n".join(f"{finding['path']}: {finding['message']}" for finding in found)
    for name in (*FILES, "name-\\xff.md", "link.md", "dangling.md", "pipe.md"):
        assert name in named, f"{name} is not named by mem doctor"
    for name in ("deep.md", "alias.md", "tags.md"):
        assert f"{name}: its front matter is not read" in named
    assert run_mem("recall", "body alias").stdout.count("alias") > 0
    assert run_mem("index", "check").code == 0
    after = tree_bytes(top)
    assert {path: after[path] for path in before} == before
    assert not (tmp_path / "project" / "owned").exists()


ESCAPES = "\x1b]52;c;b3duZWQ=\x07\x1b[2J\x9b31m\x9d0;title\x9c\x08\x08\x7f"
HIDDEN = "\u202egnp\u202c\u2066x\u2069\u200b\u2060\U000e0041\U000e0042\ufeff"


def hostile_memory(top: Path) -> None:
    shown = ESCAPES + HIDDEN
    quoted = "".join(f"\\U{ord(c):08x}" for c in shown)
    (top / "inbox").mkdir()
    (top / "inbox" / "hostile.md").write_text(
        f'---\nid: k7q9d2xm3v4a\ntype: "fact{quoted}"\ntitle: "Poison{quoted} title"\ntags: ["a{quoted}"]\n'
        f'source: "s{quoted}"\nspeaker: "b{quoted}"\nsession: "c{quoted}"\nref: "r{quoted}"\n---\n'
        f"# Poison{shown}\n\n## Head{shown}\n\npoison{shown} text\n"
    )
    (top / "inbox" / "episode.md").write_text(
        f"---\ntype: episode\n---\n# S{shown}\n\n## 2026-01-01 Eve{shown} ^t0001\n<!-- ref: r{shown} -->\n\n"
        f"poison{shown} said\n"
    )
    (top / f"name{ESCAPES.replace('/', '')}.md").write_text("poison name")
    (top / f"folder{HIDDEN}").mkdir()
    (top / f"folder{HIDDEN}" / "x.md").write_text("poison folder")


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize(
    "command",
    [
        ("recall", "poison"),
        ("recall", "poison", "--explain"),
        ("recall", "--lexical", "--episodes", "poison"),
        ("show", "k7q9d2xm3v4a"),
        ("ls",),
        ("ls", "--tree"),
        ("log",),
        ("log", "k7q9d2xm3v4a"),
        ("status",),
        ("doctor",),
        ("restore",),
        ("show", "poison"),
    ],
)
def test_nothing_that_a_terminal_obeys_reaches_it(
    store: Store, form: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Escape sequences and hidden text in bodies, front matter, names of files and folders, and what the trash holds."""
    hostile_memory(Path(store.place.tree))
    run_mem("add", "poison to forget" + HIDDEN)
    run_mem("forget", "poison to forget")
    ran = run_mem(*form, *command)
    assert ran.code in (0, 1, 2)
    for said in (ran.stdout, ran.stderr):
        found = sorted({f"U+{ord(c):04X}" for c in said if not c.isprintable() and c not in "\n\t"})
        assert found == [], found


def test_front_matter_cannot_forge_another_hit(store: Store) -> None:
    """A type or a title of several lines does not draw a second result."""
    Path(store.place.tree, "x.md").write_text(
        '---\ntitle: "poison\\n\\nk7q9  decision  2026-01-01  Trusted"\ntype: "x\\ny"\n---\npoison\n'
    )
    shown = run_mem("recall", "poison").stdout
    assert not any(line.startswith("k7q9") for line in shown.splitlines())
