"""What the warm server answers of stores: what a process of its own would, whatever was changed in between."""

from __future__ import annotations

import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memcli import config
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.index.reconcile import reconcile
from memcli.places import Place, at_root
from memcli.recall.pipeline import Recall
from memcli.recall.shelf import MOST, Shelf
from memcli.serve import client, lifetime
from memcli.store import Store
from memcli.view import View
from tests.command import run_mem, without_model
from tests.serve.running import ask, cold, same, serving, until

pytestmark = pytest.mark.usefixtures("patient")


def files_open() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_answer_is_that_of_a_process_of_its_own(lexical: Store) -> None:
    code, out, _ = same("deployment order")
    assert code == 0
    assert "alphabetical" in out
    assert same("nothing of the kind")[0] == 1


def test_the_folder_of_the_caller_counts(lexical: Store) -> None:
    tree = f"{lexical.place.tree}/inbox"
    warm = client.ask("recall", ["recall", "deployment"], View(tree, 80, False))
    assert warm is not None
    os.chdir(tree)
    assert warm == cold("deployment")
    assert "\n      the-deployment-order-is-alphabetical.md:" in warm[1]


def test_a_relative_root_is_relative_to_the_caller(lexical: Store, tmp_path: Path) -> None:
    words, here = ("deployment", "--root", "../../project"), tmp_path / "elsewhere" / "below"
    here.mkdir(parents=True)
    warm = ask(*words, here=str(here))
    os.chdir(here)
    assert warm == cold(*words)
    assert warm is not None
    assert warm[0] == 0


def test_the_stores_are_those_of_the_callers_folder(lexical: Store, tmp_path: Path) -> None:
    other = Store.init(at_root(str(tmp_path / "other")))
    other.add("the deployment of the other project")
    other.sync()
    warm = ask("deployment", here=str(tmp_path / "other"))
    os.chdir(tmp_path / "other")
    assert warm == cold("deployment")
    assert warm is not None
    assert "other project" in warm[1]


def test_a_new_memory_an_edit_and_a_deletion_are_seen(lexical: Store) -> None:
    same("release")
    written = lexical.add("the release is on Friday")
    assert "Friday" in same("release")[1]
    path = lexical.place.absolute(written.path)
    Path(path).write_text(Path(path).read_text().replace("Friday", "Thursday"))
    assert "Thursday" in same("release")[1]
    os.unlink(path)
    assert same("release")[0] == 1


def test_feedback_is_seen(lexical: Store) -> None:
    name = lexical.add("the release is on Friday").id
    lexical.sync()
    assert "marked wrong" not in same("release")[1]
    run_mem("feedback", name, "--wrong")
    assert "marked wrong" in same("release")[1]


@pytest.mark.parametrize("config_of", ["user", "store"])
def test_settings_are_seen(lexical: Store, config_of: str) -> None:
    lexical.add("the deployment of Friday")
    assert same("deployment")[1].count(".md:") == 2
    config.set_value("recall.limit", "1", place=lexical.place if config_of == "store" else None)
    assert same("deployment")[1].count(".md:") == 1


def test_several_stores_and_the_own_one(lexical: Store, tmp_path: Path) -> None:
    other = Store.init(at_root(str(tmp_path / "other")))
    other.add("the deployment of the other project")
    other.sync()
    run_mem("add", "-g", "deployment is my hobby")
    for _ in range(2):
        assert "hobby" in same("deployment")[1]
        assert "other project" in same("deployment", "--root", str(tmp_path / "other"))[1]
        assert same("deployment", "-g")[1].count(".md:") == 1


def test_what_the_server_cannot_answer_it_leaves_to_the_caller(lexical: Store) -> None:
    for words in (
        ["--help"], ["--batch", "x"], ["x", "--unknown"], ["x", "--limit", "many"], [""], ["-"], ["x", "--since", "soon"],
        ["x", "--root", "/nowhere"],
    ):  # fmt: skip
        assert ask(*words) is None, words


def test_a_store_that_was_deleted_is_let_go(lexical: Store) -> None:
    same("deployment")
    shutil.rmtree(lexical.place.folder)
    assert ask("deployment") is None  # no store is left: an error is told by the caller
    run_mem("init")
    run_mem("add", "deployment begins anew")
    assert "anew" in same("deployment")[1]


def test_an_index_that_was_made_anew_is_read(lexical: Store) -> None:
    same("deployment")
    db.discard_cache(lexical.place)
    assert ask("deployment") is None  # to make an index is the caller's work
    cold("deployment")
    lexical.add("deployment waits for nobody")
    assert "nobody" in same("deployment")[1]


def test_another_users_index_is_not_read(lexical: Store) -> None:
    same("deployment")
    (Path(lexical.place.cache) / "owner").write_text("f" * 32)
    assert ask("deployment") is None
    cold("deployment")
    same("deployment")


def test_an_index_of_another_version_is_not_read(lexical: Store) -> None:
    same("deployment")
    connection = db.connect(schema.index_path(lexical.place), create=False)
    schema.set_meta(connection, "version", "0")
    connection.close()
    assert ask("deployment") is None
    cold("deployment")
    same("deployment")


def test_a_damaged_index_is_left_to_the_caller(lexical: Store) -> None:
    same("deployment")
    lexical.sync()
    path = schema.index_path(lexical.place)
    connection = db.connect(path, create=False)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (os.path.getsize(path) - 4096))
    assert ask("deployment") is None
    code, _, err = cold("deployment")
    assert (code, "was rebuilt" in err) == (0, True)
    same("deployment")


def test_the_model_chosen_meanwhile_is_used(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    store.sync()
    with serving():
        assert "found by words only" not in same("in which sequence do we ship")[2]
        without_model()
        assert "found by words only" in same("in which sequence do we ship")[2]
        config.set_value("model", None)
        assert "found by words only" not in same("in which sequence do we ship")[2]


def test_what_was_wrong_with_a_store_is_not_said_for_ever(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    time.sleep(0.1)  # until the folder's time tells whether it changed: else recall would look, and mend it
    store.sync()
    connection = db.connect(schema.index_path(store.place), create=False)
    model = schema.get_meta(connection, "model")
    with serving():
        schema.set_meta(connection, "model", "another@1")
        assert "its vectors are of another@1" in same("in which sequence do we ship")[2]
        schema.set_meta(connection, "model", model)
        assert "its vectors" not in same("in which sequence do we ship")[2]
    connection.close()


def test_vectors_that_come_later_are_used(store: Store) -> None:
    store.add("the deployment order is alphabetical")
    without_model()
    store.sync()
    with serving():
        same("in which sequence do we ship", "--explain")
        config.set_value("model", None)
        store.sync()
        assert "semantic" in same("in which sequence do we ship", "--explain")[1]


def test_what_is_embedded_for_one_question_is_not_there_for_the_next(store: Store) -> None:
    """Or an answer would depend on the one before."""
    store.add("the deployment order is alphabetical")
    store.sync()
    shelf = Shelf()
    encoder = shelf.encoder(config.load())
    source = shelf.source(store.place, encoder)
    assert encoder.encode("in which order") is not None
    source.revived({1: (b"a hash", "an archived text")})
    assert source.codes([b"a hash"])
    assert shelf.source(store.place, encoder) is source
    assert not source.codes([b"a hash"])
    shelf.clear()


def test_a_model_that_could_not_be_loaded_is_tried_again(store: Store) -> None:
    shelf = Shelf()
    encoder = shelf.encoder(config.load())
    assert shelf.encoder(config.load()) is encoder
    encoder.problem = "no memory was left"
    assert shelf.encoder(config.load()) is not encoder


def test_only_so_many_stores_are_kept_open(tmp_path: Path) -> None:
    without_model()
    shelf = Shelf(most=2)
    places = [made(tmp_path / str(number)) for number in range(4)]
    for place in places:
        shelf.source(place, None)
        shelf.tidy()
    assert shelf.stores() == [place.folder for place in places[2:]]
    shelf.source(places[2], None)
    shelf.source(places[0], None)
    shelf.tidy()
    assert shelf.stores() == [places[2].folder, places[0].folder]
    shutil.rmtree(places[0].folder)
    shelf.tidy()
    assert shelf.stores() == [places[2].folder]
    shelf.clear()
    assert MOST >= 2


def made(folder: Path) -> Place:
    store = Store.init(at_root(str(folder)))
    store.add("something")
    store.sync()
    return store.place


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_files_and_stores_do_not_pile_up(lexical: Store) -> None:
    for number in range(3):
        same(f"deployment {number}")
    before = files_open()
    for number in range(30):
        if number % 10 == 0:
            db.discard_cache(lexical.place)
            cold("deployment")
        assert ask(f"deployment {number}")
    until(lambda: files_open() <= before)


def test_many_clients_at_once_each_get_their_own_answer(lexical: Store) -> None:
    words = [f"word{number}" for number in range(8)]
    for word in words:
        lexical.add(f"{word} stands alone")
    lexical.sync()
    expected = {word: cold(word, "--json") for word in words}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for word, found in zip(words, pool.map(lambda word: ask(word, "--json"), words), strict=True):
                assert found in (expected[word], None)
        assert ask(words[0], "--json") == expected[words[0]]


def test_autostart_starts_a_watcher_after_an_answer_that_no_server_gave(
    lexical_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(lifetime, "start_detached", lambda: started.append(True))
    run_mem("recall", "deployment")
    assert not started
    config.set_value("watch.autostart", "1")
    run_mem("recall", "deployment")
    assert started == [True]
    monkeypatch.setenv("MEM_COLD", "1")
    run_mem("recall", "deployment")
    assert started == [True]


def test_where_much_waits_for_a_vector_the_caller_answers(store: Store) -> None:
    """Others would wait while a server embeds; and an answer by words alone is not what a process of its own gives."""
    run_mem("add", "We deploy the web shop every Tuesday.", model=True)
    for number in range(9):
        (Path(store.place.tree) / f"note-{number}.md").write_text(f"Note number {number} tells of a lighthouse.\n")
    reconcile(store.place)
    settings = config.load(store.place)
    with pytest.raises(IndexUnavailable):
        Recall([store.place], settings, shelf=Shelf())
    with Recall([store.place], settings) as recall:
        recall.ask("where is the lighthouse")
    assert Recall([store.place], settings, shelf=Shelf()).ask("where is the lighthouse").hits
