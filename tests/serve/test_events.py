"""What an event names, where events cannot be relied on, and the poll that stands in for them."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from memcli.places import Place
from memcli.serve import events
from memcli.serve.events import Events, Poller, Touched, touched_folders
from memcli.store import Store
from tests.serve.watching import until

ROOT = "/store/tree"


@pytest.mark.parametrize(
    ("paths", "is_folder", "found"),
    [
        (["a.md"], False, {"tree"}),
        (["x/a.MD"], False, {"tree/x"}),
        (["x/a.md", "y/z/b.markdown"], False, {"tree/x", "tree/y/z"}),
        (["x/a.md.tmp", "x/a.md"], False, {"tree/x"}),  # an atomic save
        (["x/4913"], False, set()),  # vim looks whether it may write
        (["x/.a.md.swp"], False, set()),
        (["x/.#a.md"], False, set()),  # emacs' lock
        (["x/#a.md#"], False, set()),
        (["x/a.md~"], False, set()),
        ([".obsidian/plugins/a.md"], False, set()),
        (["x/.git/y/a.md"], False, set()),
        (["x"], True, {"tree", "tree/x/"}),
        (["x/y", "z"], True, {"tree/x", "tree/x/y/", "tree", "tree/z/"}),
        ([".git"], True, set()),
        ([".memignore"], False, None),
        ([""], True, None),
    ],
)
def test_an_event_names_folders(paths: list[str], is_folder: bool, found: set[str] | None) -> None:
    absolute = [f"{ROOT}/{path}".rstrip("/") for path in paths]
    assert touched_folders("tree", ROOT, absolute, is_folder=is_folder) == found


def test_a_path_outside_names_nothing() -> None:
    assert touched_folders("tree", ROOT, ["/store/tree2/a.md", "/a.md"], is_folder=False) == set()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/notes", None),
        ("/mnt/share/notes", "nfs4"),
        ("/mnt/shared", None),
        ("/home/me/cloud/notes", "fuse.sshfs"),
        ("/home/me/a b/notes", "9p"),
    ],
)
def test_file_systems_that_tell_of_no_changes(path: str, kind: str | None) -> None:
    mounts = [
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw",
        "30 21 0:40 / /mnt/share rw - nfs4 server:/x rw",
        "31 21 0:41 / /home/me/cloud rw shared:2 master:1 - fuse.sshfs host: rw",
        "32 21 0:42 / /home/me/a\\040b rw - 9p x rw",
    ]
    assert events._silent(mounts, path) == kind


def test_this_file_system_is_asked(tmp_path: Path) -> None:
    assert events.silent_file_system(str(tmp_path)) is None


def collected() -> tuple[Touched, list[None]]:
    woken: list[None] = []
    return Touched(lambda: woken.append(None)), woken


def test_what_is_touched_is_kept_until_it_is_taken() -> None:
    touched, woken = collected()
    touched.add("a", {"tree"})
    touched.add("a", {"tree/x"})
    touched.add("b", {"tree"})
    assert len(woken) == 1
    assert touched.take() == {"a": {"tree", "tree/x"}, "b": {"tree"}}
    assert touched.take() == {}
    touched.add("a", {"tree"})
    touched.add("a", None)
    touched.add("a", {"tree"})
    assert (touched.take(), len(woken)) == ({"a": None}, 2)


def test_the_limit_of_watches_means_polling(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """watchdog says so of the top of a tree alone, and says nothing where a folder below it found no watch left."""
    watched = Events(collected()[0])
    real = events.Observer.schedule

    def full(observer: object, handler: object, path: str, **options: object) -> object:
        if path == store.place.local:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return real(observer, handler, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(events.Observer, "schedule", full)
    try:
        assert "limit" in str(watched.watch(store.place, [("tree", store.place.tree)]))
    finally:
        watched.close()


def test_lost_events_mean_everything(store: Store) -> None:
    """watchdog logs that the queue overflowed, and tells no handler."""
    touched, _ = collected()
    watched = Events(touched)
    try:
        assert watched.watch(store.place, [("tree", store.place.tree)]) is None
        logging.getLogger("watchdog.observers.inotify_c").warning(
            "Inotify queue overflowed; filesystem events were lost"
        )
        assert touched.take() == {store.place.folder: None}
        logging.getLogger("watchdog").error("InotifyEmitter.queue_events() called when the thread is inactive")
        assert touched.take() == {}, "or watching anew would go on for ever"
    finally:
        watched.close()


def test_a_poll_names_the_folders_that_changed(store: Store) -> None:
    touched, _ = collected()
    kept = Path(store.place.tree, "x", "kept.md")
    kept.parent.mkdir()
    kept.write_text("kept")
    poller = Poller(touched, every_s=0.01)
    seen: dict[str, set[str] | None] = {}

    def hears(store_: Place, wanted: set[str] | None) -> bool:
        seen.update(touched.take())
        return store_.folder in seen and seen.pop(store_.folder) == wanted

    try:
        poller.watch(store.place)
        until(lambda: hears(store.place, None))
        Path(store.place.tree, "new.md").write_text("new")
        until(lambda: hears(store.place, {"tree"}))
        os.utime(kept, (1, 1))
        until(lambda: hears(store.place, {"tree/x"}))
        kept.unlink()
        until(lambda: hears(store.place, {"tree/x"}))
    finally:
        poller.close()
