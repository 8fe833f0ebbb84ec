"""`mem curate` at the command line: what programs read, exit codes, and what a dry run leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from memcli.store import Store
from tests.command import Result, run_mem
from tests.conftest import tree_bytes


def curate(*operations: dict[str, Any], options: tuple[str, ...] = ()) -> Result:
    text = "".join(json.dumps(operation) + "\n" for operation in operations)
    return run_mem("curate", "--ops", "-", "--json", *options, stdin=text)


def test_each_operation_has_its_outcome(store: Store) -> None:
    done = curate({"op": "ADD", "text": "new", "as": "n"}, {"op": "LINK", "from": "$n", "to": "missing"}, {"op": "NO"})
    rows = done.json()
    assert done.code == 2
    assert [(row["n"], row["op"], row["outcome"]) for row in rows] == [
        (1, "ADD", "refused"),
        (2, "LINK", "refused"),
        (3, "NO", "refused"),
    ]
    assert set(rows[0]) == {"n", "op", "outcome", "id", "path", "problem"}
    assert set(rows[1]) == {"n", "op", "outcome", "id", "path", "problem", "hint"}
    added = curate({"op": "ADD", "text": "new"}).json()[0]
    assert set(added) == {"n", "op", "outcome", "id", "path"}
    exists = curate({"op": "ADD", "text": "new"})
    assert exists.code == 23
    assert exists.json()[0]["present"] == "new\n"
    updated = curate({"op": "UPDATE", "id": added["id"], "append": "x", "expected": exists.json()[0]["digest"]})
    assert updated.json()[0]["outcome"] == "changed"


def test_the_exit_code_is_that_of_the_worst(store: Store) -> None:
    """Not found 1, not understood 2, taken 23, a secret 24, too large 25."""
    run_mem("add", "taken")
    secret = "ghp_" + "".join("aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"[:36])
    unknown, wrong, taken = {"op": "DELETE", "id": "zebra"}, {"op": "ADD"}, {"op": "ADD", "text": "taken"}
    hidden, large = {"op": "ADD", "text": secret}, {"op": "ADD", "text": "x " * 2_200_000}
    assert curate(unknown).code == 1
    assert curate(unknown, wrong).code == 2
    assert curate(taken, unknown, wrong).code == 23
    assert curate(taken, hidden, unknown).code == 24
    assert curate(hidden, large, taken).code == 25
    assert len(run_mem("ls", "--json").json()) == 1


def test_what_was_done_is_found_at_once(store: Store) -> None:
    one = run_mem("add", "the old apple").stdout.split()[0]
    assert curate({"op": "SUPERSEDE", "id": one, "by": {"text": "the new pear"}}).code == 0
    assert run_mem("recall", "pear", "--json").json()["results"][0]["title"] == "the new pear"
    assert run_mem("index", "check").code == 0


def test_a_dry_run_without_a_store_makes_none(home: Path, tmp_path: Path) -> None:
    done = curate({"op": "ADD", "text": "new"}, options=("--dry-run",))
    assert (done.code, done.json()[0]["outcome"], done.json()[0]["id"]) == (0, "added", None)
    assert curate({"op": "DELETE", "id": "x"}, options=("--dry-run",)).code == 1
    assert not (home / "data").exists()
    assert curate({"op": "ADD", "text": "new"}).code == 0
    assert (home / "data" / "mem" / "tree" / "inbox" / "new.md").exists()


def test_a_dry_run_touches_no_byte(store: Store, home: Path) -> None:
    """Of the store, the index and the user's state."""
    one = run_mem("add", "one").stdout.split()[0]
    an_hour_ago = 1_700_000_000
    for top in (store.place.tree, store.place.private_tree):  # what changed just now is looked at once more
        for folder, _, names in os.walk(top):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.utime(path, (an_hour_ago, an_hour_ago))
    run_mem("index")
    before = tree_bytes(store.place.folder), tree_bytes(home)
    operations = [{"op": "UPDATE", "id": one, "append": "x", "topic": "y"}, {"op": "ADD", "text": "new"}]
    assert curate(*operations, options=("--dry-run",)).code == 0
    assert curate(*operations, {"op": "DELETE", "id": "?"}, options=("--dry-run",)).code == 1
    assert (tree_bytes(store.place.folder), tree_bytes(home)) == before


def test_a_file_written_by_hand_is_known_to_a_dry_run(store: Store) -> None:
    run_mem("index")
    (Path(store.place.tree) / "by-hand.md").write_text("# By hand\n")
    assert curate({"op": "DELETE", "id": "By hand"}, options=("--dry-run",)).json()[0]["outcome"] == "trashed"
    assert (Path(store.place.tree) / "by-hand.md").exists()


def test_operations_that_are_too_many_bytes(store: Store, tmp_path: Path, monkeypatch: Any) -> None:
    from memcli.cli import curate as verb

    monkeypatch.setattr(verb, "MAX_OPS_BYTES", 100)
    ops = tmp_path / "ops.json"
    ops.write_text(json.dumps([{"op": "ADD", "text": "x" * 100}]))
    assert run_mem("curate", "--ops", str(ops)).code == 2
    ops.write_bytes(b'{"op": "ADD", "text": "\xff"}')
    assert run_mem("curate", "--ops", str(ops)).code == 2


def test_present_text_reaches_the_terminal_clean(store: Store) -> None:
    """Text that is there is shown as text, not obeyed."""
    run_mem("add", "taken\n\n\x1b]0;owned\x07")
    shown = run_mem("curate", "--ops", "-", stdin=json.dumps({"op": "ADD", "text": "taken"}))
    assert shown.code == 23
    assert "\x1b" not in shown.stdout + shown.stderr
