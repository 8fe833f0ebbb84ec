"""Each verb that the transcripts do not show, through the command line."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from memcli.cli.app import VERBS
from memcli.encode import model as models
from memcli.recall import refresh
from memcli.store import Store
from tests.command import run_mem
from tests.conftest import tree_bytes


def added(text: str, *options: str, model: bool = False) -> str:
    return run_mem("add", text, *options, model=model).stdout.split()[0]


def test_an_existing_vault_is_used_in_place(tmp_path: Path) -> None:
    """`init --tree` indexes a vault, leaves out what it should, and changes no byte of it."""
    vault = tmp_path / "vault"
    for name, text in {
        "Daily/2026-05-01.md": "Talked about #pears with [[Ann]].",
        "Ann.md": "---\ncustom: {a: 1}  # kept\n---\r\nLikes pears.\r\n",
        ".obsidian/app.md": "pears",
        "drafts/x.md": "pears",
        ".memignore": "drafts/\n",
        "pears.png": "pears",
    }.items():
        (vault / name).parent.mkdir(parents=True, exist_ok=True)
        (vault / name).write_text(text, encoding="utf-8", newline="")
    before = tree_bytes(vault)
    assert run_mem("init", "--tree", str(vault)).code == 0
    found = run_mem("recall", "pears", "--json").json()["results"]
    assert sorted(row["title"] for row in found) == ["2026 05 01", "Ann"]
    assert {row["created"] for row in found if row["title"] != "Ann"} == {"2026-05-01"}
    assert tree_bytes(vault) == before
    ann = next(row["id"] for row in found if row["title"] == "Ann")
    run_mem("edit", ann, "--pin")
    assert (vault / "Ann.md").read_bytes() == b"---\ncustom: {a: 1}  # kept\npinned: true\n---\r\nLikes pears.\r\n"


def test_what_is_nearly_the_same_is_said_at_add(store: Store) -> None:
    """The near-duplicate report is wired, and silent for other memories."""
    added("Refresh tokens are rotated on every single use.", model=True)
    first = run_mem("add", "Deploys go out on Tuesday mornings.", model=True)
    assert "--supersedes" not in first.stderr
    again = run_mem("add", "Refresh tokens get rotated at every use.", model=True)
    assert "duplicate: " in again.stderr
    assert "--supersedes" in again.stderr


def test_a_changed_value_is_said_at_add(store: Store) -> None:
    old = added("The gateway retries failed requests 3 times.")
    said = run_mem("add", "The gateway retries failed requests 5 times.", "--title", "Retries").stderr
    assert f"5 times here, 3 times in {old[:4]}" in said


def test_export_and_import_are_inverse(store: Store, tmp_path: Path) -> None:
    """What `export` writes, `import` reads back: texts, types, tags, sessions, speakers, order."""
    added("Rotate tokens\n\n- on every use", "--type", "decision", "--tag", "auth")
    talk = tmp_path / "talk.jsonl"
    talk.write_text(
        "".join(
            json.dumps({"id": f"t{n}", "text": f"turn {n}", "session": "s", "speaker": "Ann"}) + "\n" for n in range(3)
        ),
        encoding="utf-8",
    )
    run_mem("import", str(talk))
    assert run_mem("export", str(tmp_path / "all.jsonl")).code == 0
    assert run_mem("export", str(tmp_path / "all.jsonl")).code == 2
    other = tmp_path / "other"
    other.mkdir()
    run_mem("--root", str(other), "init")
    run_mem("--root", str(other), "import", str(tmp_path / "all.jsonl"))
    rows = [json.loads(line) for line in run_mem("--root", str(other), "export").stdout.splitlines()]
    assert rows == [json.loads(line) for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows if row.get("session") == "s"] == ["turn 0", "turn 1", "turn 2"]
    assert run_mem("export", str(tmp_path / "files"), "--format", "markdown").code == 0
    assert (tmp_path / "files" / "inbox" / "rotate-tokens.md").read_bytes() in tree_bytes(store.place.tree).values()


def test_index_verbs(store: Store) -> None:
    """update, check, rebuild and sql; check notices what nobody indexed."""
    one = added("apple one")
    assert run_mem("index", "check").code == 0
    (Path(store.place.tree) / "by-hand.md").write_text("pear\n", encoding="utf-8")
    assert run_mem("index", "check").code == 27
    assert run_mem("index", "check").code == 0
    assert run_mem("index", "rebuild", "--json").json()[0]["memories"] == 2
    rows = run_mem("index", "sql", "select name, type from entries order by path", "--json").json()
    assert rows[1] == {"name": one, "type": "fact"}
    assert "1 removed" in _forget_outside(store)


def _forget_outside(store: Store) -> str:
    (Path(store.place.tree) / "by-hand.md").unlink()
    return run_mem("index").stdout


def test_another_model_replaces_all_vectors(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`model use` embeds the store anew; a store that was not yet is answered by words and says so; never both mixed."""
    added("Invoices are due within a month.", model=True)
    folder = tmp_path / "other-model"
    shutil.copytree(models.default(), folder)
    described = (folder / "model.yaml").read_text(encoding="utf-8")
    revision = models.load(models.default()).revision
    (folder / "model.yaml").write_text(
        described.replace(f"revision: {revision}", "revision: 2-other"), encoding="utf-8"
    )
    other = tmp_path / "elsewhere"
    other.mkdir()
    run_mem("--root", str(other), "init", model=True)
    run_mem("--root", str(other), "add", "Invoices are due within a month.", model=True)

    used = run_mem("model", "use", str(folder), model=True)
    assert "e5-small@2-other" in used.stdout
    models_of = "select distinct value from meta where key = 'model'"
    assert run_mem("index", "sql", models_of, "--json", model=True).json() == [{"value": "e5-small@2-other"}]
    assert run_mem("recall", "payment deadline for bills", "--json", model=True).json()["results"]

    with monkeypatch.context() as patch:
        patch.setattr(refresh, "update", lambda *_, **__: [])  # a recall may embed a few passages itself; not here
        elsewhere = run_mem("--root", str(other), "recall", "payment deadline for bills", "--json", model=True).json()
    assert elsewhere["results"] == []
    assert "run mem index" in " ".join(elsewhere["notices"])
    assert run_mem("--root", str(other), "index", model=True).code == 0
    assert run_mem("--root", str(other), "recall", "payment deadline for bills", "--json", model=True).json()["results"]
    listed = run_mem("model", "list", "--json", model=True).json()
    assert [row["in_use"] for row in listed if row["revision"] == "2-other"] == [True]


def test_a_damaged_model_is_named_and_words_still_found(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(models.default(), folder)
    weights = folder / "model.onnx"
    data = bytearray(weights.read_bytes())
    data[1000:2000] = bytes(1000)
    weights.write_bytes(data)
    assert run_mem("model", "verify", str(folder), model=True).code == 28
    assert "SHA-256" in run_mem("model", "use", str(folder), model=True).stderr
    run_mem("config", "set", "model", str(folder), model=True)
    weights.write_bytes(b"")
    result = run_mem("add", "apple one", model=True)
    assert result.code == 0
    found = run_mem("recall", "apple", model=True)
    assert "apple one" in found.stdout
    assert "found by words only" in found.stderr
    assert run_mem("doctor", model=True).code == 1


def test_settings_do_something(store: Store) -> None:
    """Each setting for recall and add changes what they do; the store's file may not choose a model."""
    for n in range(4):
        added(f"apple number {n}")
    run_mem("config", "set", "recall.limit", "2")
    assert len(run_mem("recall", "apple", "--json").json()["results"]) == 2
    run_mem("config", "set", "recall.limit", "3", "--store")
    assert len(run_mem("recall", "apple", "--json").json()["results"]) == 3
    run_mem("config", "unset", "recall.limit", "--store")
    assert run_mem("config", "get", "recall.limit").stdout.strip() == "2"
    run_mem("config", "set", "add.topic", "team/notes")
    assert "team/notes/pear.md" in run_mem("add", "pear", "--json").json()["path"]
    assert run_mem("config", "set", "model", "/x", "--store").code == 2


def test_lists_and_trees(store: Store) -> None:
    added("apple one", "--topic", "fruit/red", "--tag", "a")
    added("pear two", "--topic", "fruit/green", "--type", "lesson")
    assert [row["title"] for row in run_mem("ls", "fruit/red", "--json").json()] == ["apple one"]
    assert [row["title"] for row in run_mem("ls", "--type", "lesson", "--json").json()] == ["pear two"]
    assert [row["title"] for row in run_mem("ls", "--tag", "a", "--json").json()] == ["apple one"]
    drawn = run_mem("ls", "--tree").stdout
    assert drawn.index("green/") < drawn.index("pear two") < drawn.index("red/") < drawn.index("apple one")


def test_relations_are_indexed_and_shown(store: Store) -> None:
    one = added("Session store", "--topic", "auth")
    two = added("Token rotation", "--link", "depends on:auth/session-store", "--link", "payments")
    expected = [["depends on", "auth/session-store"], ["relates to", "payments"]]
    assert run_mem("show", two, "--json").json()["relations"] == expected
    run_mem("edit", one, "--link", "used by:auth/token-rotation")
    assert run_mem("show", one, "--json").json()["relations"] == [["used by", "auth/token-rotation"]]
    rows = run_mem("index", "sql", "select kind, target from relations order by kind", "--json").json()
    assert len(rows) == 3


def test_aliases_and_options_anywhere(store: Store) -> None:
    run_mem("remember", "apple one")
    assert run_mem("find", "apple", "--json").json() == run_mem("--json", "search", "apple").json()
    assert run_mem("rm", "apple one").code == 0
    assert run_mem("recall", "apple", "--json").code == 1


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb(verb: str) -> None:
    shown = run_mem(verb, "--help")
    assert shown.code == 0
    assert "Usage: mem" in shown.stdout


def test_an_unforeseen_failure_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is no traceback; its memory is safe."""
    from memcli import journal

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(journal, "lineage", fail)
    one = added("apple")
    result = run_mem("log", one)
    assert result.code == 70
    assert "RuntimeError: two" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_private_store_can_be_shared_later(store: Store) -> None:
    """`init --shared` on a private store lets git see the tree; a .gitignore that somebody changed is left alone."""
    ignore = Path(store.place.folder) / ".gitignore"
    assert "\n*\n" in ignore.read_text(encoding="utf-8")
    assert run_mem("init", "--shared", "--json").json()["shared"] is True
    assert ignore.read_text(encoding="utf-8").splitlines()[-1] == "local/"
    ignore.write_text("*\n!README.md\n", encoding="utf-8")
    assert run_mem("init", "--shared", "--json").json()["shared"] is False
    assert ignore.read_text(encoding="utf-8") == "*\n!README.md\n"


def test_without_onnxruntime_words_are_found_and_it_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform without a wheel gets keyword recall, and is told."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    said = run_mem("add", "apple one", model=True)
    assert said.code == 0
    assert "found by words only" in said.stderr
    found = run_mem("recall", "apple", model=True)
    assert "apple one" in found.stdout
    assert "found by words only" in found.stderr


def test_the_home_folder_has_the_personal_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.mem` in the home folder would never be read: the search for stores stops there."""
    monkeypatch.chdir(home)
    assert run_mem("init").code == 2
    assert not (home / ".mem").exists()
    assert run_mem("-g", "init").code == 0
    run_mem("add", "apple one")
    assert run_mem("recall", "apple", "--json").json()["results"][0]["store"] == "personal"
