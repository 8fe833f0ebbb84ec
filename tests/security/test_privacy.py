"""What stays on this machine stays on it: nothing private is seen by git or by other users, and what was purged is gone."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memcli import githistory, journal, tree
from memcli.places import at_root
from memcli.store import Store
from tests.command import run_mem

ROOT = Path(__file__).resolve().parents[2]
SECRET = "ghp_" + "".join("aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"[:36])
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout


def holders(folder: Path, word: str) -> list[str]:
    """Files below a folder whose bytes or name hold a word, in any case."""
    needle = word.lower().encode()
    found = []
    for path in folder.rglob("*"):
        if needle in str(path.relative_to(folder)).lower().encode() or (
            path.is_file() and needle in path.read_bytes().lower()
        ):
            found.append(str(path.relative_to(folder)))
    return found


@needs_git
def test_a_private_store_is_invisible_to_git(tmp_path: Path) -> None:
    git("init")
    run_mem("init")
    run_mem("add", "private thought")
    run_mem("recall", "thought")
    assert git("status", "--porcelain", "--untracked-files=all") == ""


@needs_git
def test_a_shared_store_shows_git_its_tree_and_nothing_else(full: bool) -> None:
    """1,000 recalls in the long form: reading leaves no trace, writing only memories."""
    git("init")
    run_mem("init", "--shared")
    run_mem("add", "shared decision about tokens")
    run_mem("add", "private doubt", "--private")
    shown = git("status", "--porcelain", "--untracked-files=all").splitlines()
    assert sorted(line[3:] for line in shown) == [
        ".mem/.gitignore",
        ".mem/README.md",
        ".mem/tree/inbox/shared-decision-about-tokens.md",
    ]
    git("add", ".")
    git("commit", "-m", "memories")
    for number in range(1000 if full else 20):
        assert run_mem("recall", *(("--lexical",) if number % 2 else ()), f"tokens {number}").code == 0
    run_mem("show", "shared decision about tokens")
    run_mem("log")
    run_mem("doctor")
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    run_mem("add", "another decision")
    assert [line[3:] for line in git("status", "--porcelain", "--untracked-files=all").splitlines()] == [
        ".mem/tree/inbox/another-decision.md"
    ]


@needs_git
def test_a_clone_of_nothing_but_a_tree_still_hides_what_is_local(tmp_path: Path) -> None:
    """A repository that committed `.mem/tree` alone brings no .gitignore: what mem makes there must hide itself."""
    git("init")
    (tmp_path / "project" / ".mem" / "tree").mkdir(parents=True)
    (tmp_path / "project" / ".mem" / "tree" / "a.md").write_text("a memory")
    git("add", ".")
    git("commit", "-m", "memories")
    run_mem("recall", "memory")
    assert git("status", "--porcelain", "--untracked-files=all") == ""


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_files_and_folders_are_the_users_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        run_mem("init")
        run_mem("add", "private thought", "--topic", "a/b", "--private")
        run_mem("add", "thought", "--topic", "a/b")
        run_mem("edit", "thought", "--append", "more")
        run_mem("recall", "thought")
        run_mem("forget", "private thought")
        run_mem("-g", "add", "personal")
    finally:
        os.umask(before)
    open_to_others = []
    for top in (
        tmp_path / "project" / ".mem" / "local",
        tmp_path / "project" / ".mem" / "tree",
        *(tmp_path / "home" / d / "mem" for d in ("data", "state")),
    ):
        for path in (top, *top.rglob("*")):
            if stat.S_IMODE(path.lstat().st_mode) & 0o077 and path.name not in ("README.md", ".gitignore"):
                open_to_others.append(f"{path.relative_to(tmp_path)} {stat.S_IMODE(path.lstat().st_mode):o}")
    assert open_to_others == []
    assert stat.S_IMODE((tmp_path / "project" / ".mem").stat().st_mode) == 0o700


WAYS_IN = {
    "argument": ("add", f"the key is {SECRET}"),
    "stdin": ("add", "-"),
    "file": ("add", "--file", "{file}"),
    "title": ("add", "fine", "--title", f"key {SECRET}"),
    "tag": ("add", "fine", "--tag", SECRET),
    "link": ("add", "fine", "--link", SECRET),
    "topic": ("add", "fine", "--topic", SECRET),
    "edit": ("edit", "kept", f"the key is {SECRET}"),
    "append": ("edit", "kept", "--append", SECRET),
    "edit title": ("edit", "kept", "--title", SECRET),
    "edit tag": ("edit", "kept", "--tag", SECRET),
    "edit link": ("edit", "kept", "--link", SECRET),
    "edit topic": ("edit", "kept", "--topic", SECRET),
    "mv": ("mv", "kept", SECRET),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_a_refused_secret_is_nowhere(tmp_path: Path, way: str) -> None:
    """Not in a file, a name, the index, the journal, a log or a message."""
    run_mem("init")
    run_mem("add", "kept")
    given = tmp_path / "given.txt"
    given.write_text(f"the key is {SECRET}\n")
    ran = run_mem(*(part.format(file=given) for part in WAYS_IN[way]), stdin=f"the key is {SECRET}\n")
    given.unlink()
    assert ran.code == 24, ran
    assert SECRET not in ran.stdout + ran.stderr
    assert holders(tmp_path, SECRET) == []
    assert holders(tmp_path, SECRET[4:]) == []


@pytest.mark.parametrize("way", ["argument", "title", "tag", "append", "edit title"])
def test_redact_masks(tmp_path: Path, way: str) -> None:
    run_mem("init")
    run_mem("add", "kept")
    ran = run_mem(*WAYS_IN[way], "--redact")
    assert ran.code == 0, ran
    assert holders(tmp_path, SECRET) == []


def test_a_secret_typed_in_an_editor_is_masked_wherever_it_is_shown(store: Store) -> None:
    Path(store.place.tree, "x.md").write_text(f"---\ntitle: about {SECRET}\n---\nthe key is {SECRET}\n")
    for command in (
        ("recall", "key"),
        ("--json", "recall", "key"),
        ("ls",),
        ("--json", "ls"),
        ("show", "x"),
        ("--json", "show", "x"),
        ("doctor",),
    ):
        ran = run_mem(*command)
        assert SECRET not in ran.stdout + ran.stderr, command
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in Path(store.place.cache).iterdir())


def test_a_purge_leaves_no_byte(tmp_path: Path) -> None:
    """Earlier versions and names, the trash, the journal, proposals, digests, the index with its log and free pages."""
    run_mem("init")
    for number in range(30):
        run_mem("add", f"other memory number {number} stays")
    one = run_mem(
        "add", "zanzibar xylophone first line\n\nquagmire wombat", "--topic", "a", "--tag", "kumquat"
    ).stdout.split()[0]
    run_mem("edit", "zanzibar xylophone first line", "--append", "obsidian walrus")
    run_mem("mv", "zanzibar xylophone first line", "b")
    run_mem("edit", "zanzibar xylophone first line", "Periwinkle now\n\nmarmalade")
    run_mem("forget", "tree/b/zanzibar-xylophone-first-line")
    run_mem("undo")
    run_mem(
        "curate",
        "--ops",
        "-",
        stdin=json.dumps({"op": "UPDATE", "id": one, "topic": "c/marzipan", "append": "haberdash"}),
    )
    run_mem("recall", "marmalade")
    store = Store(at_root("."))
    told = [(one, "duplicate of zanzibar-xylophone-first-line"), ("other", "stays")]
    journal.record(
        store.place, "feedback", [], by="you", origin="/", now=1.8e9, about=told, note="periwinkle now was wrong"
    )
    local = Path(store.place.local)
    texts = ["Periwinkle now", "quagmire wombat", f"see {one}", "nothing of it", "other memory number 3 stays"]
    (local / "proposals.jsonl").write_text("".join(json.dumps({"v": 1, "why": [text]}) + "\n" for text in texts))
    (local / "digests" / "topics").mkdir(parents=True)
    (local / "digests" / "topics" / "c.md").write_text("# Digest\n- Periwinkle now (marmalade)\n")
    (local / "digests" / "topics" / "inbox.md").write_text("# Digest\n- other memory number 1 stays\n")
    (Path(store.place.tree) / f"{tree.TEMPORARY}left").write_text(f"---\nid: {one}\n---\nmarmalade, half writ")
    assert holders(tmp_path, "zanzibar")
    said = run_mem("forget", one, "--purge", "--yes")
    assert said.code == 0
    assert "can no longer be undone: add of" in said.stderr
    left = {
        word: holders(tmp_path, word)
        for word in (
            "zanzibar", "xylophon", "quagmir", "wombat", "walrus", "kumquat", "periwinkl", "marmalad", "marzipan",
            "haberdash", one,
        )
    }  # fmt: skip
    assert {word: files for word, files in left.items() if files} == {}
    assert len((local / "proposals.jsonl").read_text().splitlines()) == 2
    assert os.listdir(local / "digests" / "topics") == ["inbox.md"]
    assert [event.about for event in journal.events(store.place) if event.verb == "feedback"] == [(("other", "stays"),)]
    assert run_mem("recall", "other memory").code == 0
    assert run_mem("index", "check").code == 0
    assert len(run_mem("ls").stdout.splitlines()) == 30


def test_a_purge_finds_what_was_done_under_a_name_that_somebody_changed(tmp_path: Path) -> None:
    """A file renamed by hand has left its history behind; the id in it leads there."""
    run_mem("init")
    one = run_mem("add", "zanzibar quagmire").stdout.split()[0]
    run_mem("edit", one, "wombat periwinkle")
    inbox = tmp_path / "project" / ".mem" / "tree" / "inbox"
    (inbox / "zanzibar-quagmire.md").rename(inbox / "renamed.md")
    run_mem("add", "zanzibar quagmire\n\nanother memory of that name")
    run_mem("edit", one, "marmalade")
    assert run_mem("forget", one, "--purge", "--yes").code == 0
    assert {word: holders(tmp_path, word) for word in ("wombat", "periwinkl", "marmalad")} == {
        "wombat": [], "periwinkl": [], "marmalad": []
    }  # fmt: skip
    kept = [path for path in (tmp_path / "project" / ".mem" / "local" / "objects").rglob("*") if path.is_file()]
    assert kept == []
    assert run_mem("show", "zanzibar quagmire").code == 0
    assert run_mem("undo").code == 0
    assert run_mem("show", "zanzibar quagmire").code == 1


def test_a_purge_spares_what_only_looks_alike(tmp_path: Path) -> None:
    """A merged memory's own text, a copy with the same id, and a memory with a similar title keep theirs."""
    run_mem("init")
    one = run_mem("add", "tokens\n\nfirst text").stdout.split()[0]
    two = run_mem("add", "tokens of the second kind").stdout.split()[0]
    batch = {"op": "MERGE", "ids": [one, two], "into": {"title": "both", "text": "merged text"}}
    run_mem("curate", "--ops", "-", stdin=json.dumps(batch))
    assert run_mem("forget", "both", "--purge", "--yes").code == 0
    assert holders(tmp_path, "merged text") == []
    assert len(run_mem("restore").stdout.splitlines()) == 2
    assert run_mem("restore", one).code == run_mem("restore", two).code == 0
    tree_ = tmp_path / "project" / ".mem" / "tree" / "inbox"
    (tree_ / "copy.md").write_bytes((tree_ / "tokens.md").read_bytes())
    run_mem("edit", "inbox/copy", "--append", "of the copy")
    assert run_mem("forget", "inbox/tokens", "--purge", "--yes").code == 0
    assert "of the copy" in (tree_ / "copy.md").read_text()
    assert run_mem("undo").code == 0
    assert "of the copy" not in (tree_ / "copy.md").read_text()


@needs_git
def test_a_purge_says_what_git_still_holds(tmp_path: Path) -> None:
    git("init")
    run_mem("init", "--shared")
    one = run_mem("add", "shared decision about tokens").stdout.split()[0]
    git("add", ".")
    git("commit", "-m", "memories")
    two = run_mem("add", "never committed").stdout.split()[0]
    three = run_mem("add", "staged alone").stdout.split()[0]
    git("add", ".mem/tree/inbox/staged-alone.md")
    assert run_mem("forget", two, "--purge", "--yes", "--json").json()[0]["git"] is None
    (staged,) = run_mem("forget", three, "--purge", "--yes", "--json").json()
    assert staged["git"] == {"commits": [], "staged": True, "paths": ["inbox/staged-alone.md"]}
    said = run_mem("forget", one, "--purge", "--yes")
    commit = git("log", "--format=%h").strip()
    assert f"git still holds it in 1 commit ({commit})" in said.stderr
    assert "git filter-repo --invert-paths --path" in said.stderr


@needs_git
def test_asking_git_runs_nothing_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository's monitor, hooks, pager, signature program, filters and helpers are somebody's code."""
    git("init")
    marker = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    run_mem("init", "--shared")
    one = run_mem("add", "shared decision").stdout.split()[0]
    git("add", ".")
    git("commit", "-m", "memories")
    for key in (
        "core.fsmonitor", "core.pager", "pager.log", "gpg.program", "diff.external", "core.sshCommand", "core.editor",
        "filter.x.smudge", "filter.x.clean", "diff.x.textconv", "credential.helper", "core.askPass",
    ):  # fmt: skip
        git("config", key, str(script))
    git("config", "log.showSignature", "true")
    hooks = tmp_path / "project" / ".git" / "hooks"
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        shutil.copy(script, hooks / hook)
    (tmp_path / "project" / ".gitattributes").write_text("*.md filter=x diff=x\n")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(script))
    monkeypatch.setenv("GIT_PAGER", str(script))
    marker.unlink(missing_ok=True)
    (purged,) = run_mem("forget", one, "--purge", "--yes", "--json").json()
    assert len(purged["git"]["commits"]) == 1
    assert not marker.exists()


def test_a_purge_needs_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git, and with one that hangs or fails, the purge is done and says nothing of it."""
    run_mem("init")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setattr(githistory, "TIMEOUT_S", 0.2)
    for number, script in enumerate((None, "#!/bin/sh\nexec sleep 30\n", "#!/bin/sh\nexit 128\n", "not a program")):
        monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin" if script else str(bin_))
        if script:
            (bin_ / "git").write_text(script)
            (bin_ / "git").chmod(0o755)
        one = run_mem("add", f"number {number}").stdout.split()[0]
        ran = run_mem("forget", one, "--purge", "--yes", "--json")
        assert (ran.code, ran.json()[0]["git"]) == (0, None)


def test_a_purge_spares_the_next_memory_of_that_name(tmp_path: Path) -> None:
    """What was at a path before, or came after, is another memory and keeps its history."""
    run_mem("init")
    run_mem("add", "same name\n\nfirst text")
    run_mem("mv", "same name", "moved")
    run_mem("add", "same name\n\nsecond text")
    run_mem("edit", "tree/inbox/same-name", "--append", "second edit")
    assert run_mem("forget", "tree/moved/same-name", "--purge", "--yes").code == 0
    assert holders(tmp_path, "first text") == []
    assert run_mem("undo").code == 0
    assert Path(tmp_path, "project", ".mem", "tree", "inbox", "same-name.md").read_text().endswith("second text\n")


def test_vectors_of_a_purged_text_are_dropped(store: Store) -> None:
    from memcli.index import db, maintenance

    kept, purged = store.add("kept memory about tokens"), store.add("purged memory about something else")
    store.sync()
    store.purge(purged.path)
    store.sync([purged.path])
    maintenance.compact(store.place, force=True)
    connection = db.connect(os.path.join(store.place.cache, "embeddings.db"), create=False)
    assert connection.execute("SELECT count(*) FROM embeddings").fetchone() == (1,)
    connection.close()
    assert Path(store.place.absolute(kept.path)).exists()


def test_transcripts_and_usage_never_enter_the_shared_tree(tmp_path: Path) -> None:
    """A dialogue that is imported goes to local/, also in a shared store."""
    run_mem("init", "--shared")
    talk = tmp_path / "talk.jsonl"
    talk.write_text('{"text": "hello there", "session": "s1", "speaker": "Ann"}\n')
    assert run_mem("import", str(talk)).code == 0
    assert holders(Path(at_root(".").tree), "hello there") == []
    assert re.search("hello there", "".join(p.read_text() for p in Path(at_root(".").private_tree).rglob("*.md")))


def test_the_model_counts_nobodys_use(store: Store, home: Path) -> None:
    """onnxruntime, left alone, makes an id of the user in their home and sends what it counted."""
    store.add("The lighthouse lamp turns every nine seconds.")
    for arguments in (["index"], ["recall", "how often does the light turn"]):
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = {arguments!r}\n"
        code += "from memcli.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "1 vector" in done.stdout or "lighthouse" in done.stdout, done
    written = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
    assert written <= {("data", "mem"), ("state", "mem"), ("config", "mem")}
