"""Whether a text was written here or brought by git, in real repositories of every kind, and in what only looks like one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.trust.gitobjects import Objects
from memcli.trust.origin import BROUGHT, UNTOLD, WRITTEN, Origins
from memcli.trust.repositories import around
from tests.trust.git import clone, commit, git, needs_git, repository

pytestmark = needs_git
THEIRS = "what somebody else wrote\n"


def origin(file: Path, text: str | bytes | None = None) -> str:
    if text is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    return Origins().of(os.path.realpath(file), file.read_bytes())


def test_what_a_package_manager_installed_was_not_written_here(tmp_path: Path) -> None:
    assert origin(tmp_path / "node_modules/x/README.md", "buy\n") == UNTOLD


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    many = {f"tree/{number}.md": f"note {number} of many\n" for number in range(300)}
    return repository(tmp_path / "theirs", {"tree/a.md": THEIRS, **many})


@pytest.fixture
def cloned(theirs: Path, tmp_path: Path) -> Path:
    return clone(theirs, tmp_path / "clone")


def test_without_version_control_everything_was_written_here(tmp_path: Path) -> None:
    assert origin(tmp_path / "plain" / "a.md", "mine\n") == WRITTEN


def test_what_a_clone_brought_and_what_was_edited_in_it(cloned: Path) -> None:
    assert origin(cloned / "tree/a.md") == BROUGHT
    assert origin(cloned / "tree/299.md") == BROUGHT
    assert origin(cloned / "tree/a.md", "what I wrote\n") == WRITTEN
    assert origin(cloned / "tree/copy.md", THEIRS) == BROUGHT  # the text counts, not the name
    assert origin(cloned / "deep/er/new.md", "new\n") == WRITTEN


@pytest.mark.parametrize("prepare", [
    lambda at: git(at, "repack", "-a", "-d", "-q"),
    lambda at: (git(at, "repack", "-a", "-d", "-q"), _index_of_version_1(at)),
    lambda at: (git(at, "repack", "-a", "-d", "-q"), git(at, "multi-pack-index", "write")),
    lambda at: [git(at, "unpack-objects", "-q", check=False) or _unpack(at)],
], ids=["packed", "pack index 1", "multi-pack-index", "loose"])  # fmt: skip
def test_every_way_to_keep_objects(cloned: Path, prepare: Callable[[Path], object]) -> None:
    prepare(cloned)
    assert origin(cloned / "tree/a.md") == BROUGHT
    assert origin(cloned / "tree/77.md") == BROUGHT
    assert origin(cloned / "tree/a.md", "mine\n") == WRITTEN


def _index_of_version_1(at: Path) -> None:
    for pack in (at / ".git/objects/pack").glob("*.pack"):
        index = pack.with_suffix(".idx")
        index.unlink()
        git(at, "index-pack", "--index-version=1", "-o", str(index), str(pack))
        assert index.read_bytes()[:4] != b"\xfftOc"


def _unpack(at: Path) -> None:
    folder = at / "packs"
    folder.mkdir()
    for path in (at / ".git/objects/pack").iterdir():
        path.rename(folder / path.name)
    for pack in folder.glob("*.pack"):
        with pack.open("rb") as data:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=at, stdin=data, check=True)


def test_sha256_repositories(tmp_path: Path) -> None:
    at = repository(tmp_path / "new", {"a.md": THEIRS}, "--object-format=sha256")
    assert origin(at / "a.md") == BROUGHT
    git(at, "repack", "-a", "-d", "-q")
    assert origin(at / "a.md") == BROUGHT
    assert origin(at / "a.md", "mine\n") == WRITTEN


def test_an_unknown_object_format_tells_nothing(cloned: Path) -> None:
    (cloned / ".git/config").write_text("[extensions]\n\tobjectFormat = sha3\n")
    assert origin(cloned / "tree/a.md", "mine\n") == UNTOLD


def test_alternates_count(cloned: Path, theirs: Path, tmp_path: Path) -> None:
    shared = clone(theirs, tmp_path / "shared", "--shared")
    assert origin(shared / "tree/a.md") == BROUGHT
    assert origin(shared / "tree/a.md", "mine\n") == WRITTEN


def test_a_linked_worktree(cloned: Path, tmp_path: Path) -> None:
    git(cloned, "worktree", "add", "-q", str(tmp_path / "beside"))
    assert origin(tmp_path / "beside/tree/a.md") == BROUGHT
    assert origin(tmp_path / "beside/tree/a.md", "mine\n") == WRITTEN


def test_a_submodule_and_the_repository_above_it(cloned: Path, theirs: Path) -> None:
    git(cloned, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(theirs), "vendor/theirs")
    assert (cloned / "vendor/theirs/.git").is_file()
    assert origin(cloned / "vendor/theirs/tree/a.md") == BROUGHT
    assert origin(cloned / "vendor/theirs/tree/a.md", "mine\n") == WRITTEN
    commit(cloned, {"x.md": "only the outer one has this\n"})
    assert origin(cloned / "vendor/theirs/x.md", "only the outer one has this\n") == BROUGHT


def test_line_ends_are_seen_through(tmp_path: Path, theirs: Path) -> None:
    at = clone(theirs, tmp_path / "windows", "-c", "core.autocrlf=true")
    assert b"\r\n" in (at / "tree/a.md").read_bytes()
    assert origin(at / "tree/a.md") == BROUGHT
    assert origin(at / "tree/a.md", "mine\r\nand more\r\n") == WRITTEN


MIXED = b"one\r\ntwo\nthree\r\n"


@pytest.mark.parametrize(("attributes", "content"), [
    ("*.md ident\n", "by $Id$ somebody\n"),
    ("*.md working-tree-encoding=UTF-7\n", "caf\u00e9 + somebody\n"),
    ("*.md text eol=crlf\n", MIXED),
    ("* eol=crlf\n", MIXED),
    ("[attr]strange ident\n[attr]stranger strange\n*.md stranger\n", "by $Id$ somebody\n"),
], ids=["ident", "encoding", "mixed line ends", "eol for all", "macros"])  # fmt: skip
def test_what_git_writes_otherwise_than_it_keeps_it_is_not_taken_for_an_edit(
    tmp_path: Path, attributes: str, content: str | bytes
) -> None:
    source = repository(tmp_path / "source")
    (source / "a.md").write_bytes(content if isinstance(content, bytes) else content.encode())
    name = git(source, "hash-object", "-w", "--no-filters", "a.md").strip()
    git(source, "update-index", "--add", "--cacheinfo", f"100644,{name},a.md")
    (source / ".gitattributes").write_text(attributes)
    git(source, "add", ".gitattributes")
    git(source, "commit", "-q", "-m", "odd")
    at = clone(source, tmp_path / "at")
    blob = subprocess.run(["git", "cat-file", "blob", "HEAD:a.md"], cwd=at, capture_output=True, check=True).stdout
    assert (at / "a.md").read_bytes() != blob, "git wrote it as it is: this tests nothing"
    assert origin(at / "a.md") in (UNTOLD, BROUGHT)


def test_a_filter_of_the_users_own_configuration(cloned: Path) -> None:
    (cloned / ".git/info").mkdir(exist_ok=True)
    (cloned / ".git/info/attributes").write_text("*.md filter=upper\n")
    assert origin(cloned / "tree/a.md", "mine\n") == UNTOLD
    (cloned / ".git/info/attributes").write_text(
        "*.png filter=lfs diff=lfs merge=lfs -text\n*.md diff=markdown text=auto\n"
    )
    assert origin(cloned / "tree/a.md", "mine\n") == WRITTEN
    (Path.home() / ".gitconfig").write_text("[core]\n\tattributesFile = ~/mine\n")
    (Path.home() / "mine").write_text("tree/** filter=upper\n")
    assert origin(cloned / "tree/a.md") == UNTOLD


@pytest.mark.parametrize("name", [".hg", ".svn", ".jj", "CVS"])
def test_another_version_control_tells_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "at" / name).mkdir(parents=True)
    assert origin(tmp_path / "at/tree/a.md", "mine\n") == UNTOLD


def _cycle(at: Path) -> None:
    (at / ".git/objects/info/alternates").write_text(f"{at}/.git/objects\n../objects\n")


def _many_alternates(at: Path) -> None:
    folders = [at.parent / f"o{number}" for number in range(40)]
    for folder in folders:
        folder.mkdir()
    (at / ".git/objects/info/alternates").write_text("".join(f"{folder}\n" for folder in folders))


def _replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(at: Path) -> None:
        path = at / ".git" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)

    return change


def _as_file(text: str) -> Callable[[Path], object]:
    def change(at: Path) -> None:
        shutil.rmtree(at / ".git")
        (at / ".git").write_bytes(text.encode("utf-8", "surrogateescape"))

    return change


def _in_objects(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda at: [change(path) for path in (at / ".git/objects/pack").glob("*.idx")]


@pytest.mark.parametrize("spoil", [
    _cycle,
    _many_alternates,
    lambda at: (at / ".git/objects/info/alternates").write_text("/nowhere/at/all\n"),
    lambda at: (at / ".git/objects/info/alternates").write_text("x" * 400_000),
    lambda at: os.mkfifo(at / ".git/objects/info/alternates"),
    _replaced("config", os.mkfifo),
    _replaced("config", lambda path: path.symlink_to("/dev/zero")),
    _replaced("objects", lambda path: path.symlink_to("/")),
    _replaced("objects", lambda path: path.write_text("no folder")),
    _as_file("gitdir: /dev/zero\n"), _as_file("gitdir: ../elsewhere\n"), _as_file("gitdir: a\0b\n"), _as_file("nonsense"),
    _as_file(""), _as_file("gitdir: " + "x/" * 300_000), _as_file("gitdir: \udcff\n"),
    lambda at: (shutil.rmtree(at / ".git"), os.mkfifo(at / ".git")),
    lambda at: (shutil.rmtree(at / ".git"), (at / ".git").symlink_to("/")),
    lambda at: (at / ".git/commondir").write_text("../../elsewhere"),
    lambda at: os.mkfifo(at / ".git/commondir"),
    _in_objects(lambda path: path.unlink()),
    _in_objects(lambda path: (path.unlink(), os.mkfifo(path))),
    _in_objects(lambda path: (path.unlink(), path.write_bytes(b"\xfftOc\0\0\0\2" + os.urandom(4000)))),
    _in_objects(lambda path: (path.unlink(), path.write_bytes(b""))),
    _in_objects(lambda path: (path.unlink(), path.symlink_to("/dev/zero"))),
    lambda at: os.mkfifo(at / ".gitattributes"),
    lambda at: (at / ".gitattributes").write_text("x" * 400_000),
])  # fmt: skip
def test_a_spoiled_repository_tells_nothing_and_hangs_nobody(cloned: Path, spoil: Callable[[Path], object]) -> None:
    file = cloned / "tree/mine.md"
    git(cloned, "repack", "-a", "-d", "-q")
    assert origin(file, "mine\n") == WRITTEN
    spoil(cloned)
    assert origin(file) == (WRITTEN if spoil is _cycle else UNTOLD)  # a cycle ends where it began


def test_an_empty_folder_called_git_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "at/.git").mkdir(parents=True)
    assert origin(tmp_path / "at/a.md", "mine\n") == WRITTEN


def test_objects_are_read_as_git_reads_them(tmp_path: Path) -> None:
    at = repository(tmp_path / "long", {"a.md": "line\n" * 3000})
    for number in range(12):  # so alike that git keeps deltas
        commit(at, {"a.md": "line\n" * (3000 - number) + f"and {number}\n"})
    git(at, "repack", "-a", "-d", "-q", "-f", "--depth=50")
    objects = Objects(around(str(at))[0])
    names = [line.split()[0] for line in git(at, "rev-list", "--all", "--objects").splitlines()]
    assert len(names) > 36
    for name in names:
        found = objects.read(name)
        kind = git(at, "cat-file", "-t", name).strip()
        said = subprocess.run(["git", "cat-file", kind, name], cwd=at, capture_output=True, check=True).stdout
        assert found is not None and (found.kind, found.data) == (kind, said)
        assert objects.name(kind, said) == name
    assert objects.read("0" * 40) is None


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_a_file_that_git_takes_for_its_own_was_not_written_here(tmp_path: Path, version: str) -> None:
    files = {f"tree/{number:03}/a.md": f"note {number}\n" for number in range(40)}
    at = repository(tmp_path / "at", files)
    git(at, "update-index", "--index-version", version)
    if version == "3":
        git(at, "update-index", "--skip-worktree", "tree/007/a.md")
        assert (at / ".git/index").read_bytes()[4:8] == b"\0\0\0\3"
    file = at / "tree/007/a.md"
    stat = file.stat()
    file.write_bytes(b"NOTE 7\n")  # as if git had written it so, by attributes that are gone
    assert origin(file) == WRITTEN
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert origin(file) == UNTOLD
    assert origin(at / "tree/new.md", "new\n") == WRITTEN


@pytest.mark.parametrize("spoil", [
    lambda at: (at / ".git/index").write_bytes(b"DIRC\0\0\0\2\0\0\0\1" + b"tree/a.md\0"),
    lambda at: (at / ".git/index").write_bytes(b"DIRC\0\0\0\4\0\0\0\x09" + os.urandom(200)),
    lambda at: (at / ".git/index").write_bytes(b"XXXX"),
    lambda at: ((at / ".git/index").unlink(), os.mkfifo(at / ".git/index")),
    lambda at: git(at, "update-index", "--split-index"),
], ids=["cut off", "garbage", "no index", "pipe", "split"])  # fmt: skip
def test_an_index_that_cannot_be_read_tells_nothing(cloned: Path, spoil: Callable[[Path], object]) -> None:
    spoil(cloned)
    assert origin(cloned / "tree/mine.md", "mine\n") in (WRITTEN, UNTOLD)
    assert origin(cloned / "tree/a.md", THEIRS.upper()) in (WRITTEN, UNTOLD)
    assert origin(cloned / "tree/a.md", THEIRS) == BROUGHT
