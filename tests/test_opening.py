"""Opening a file of which nothing is known (`places.open_regular`)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.places import NotRegular, open_regular, project_chain, small_text
from memcli.store import Store


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")


def test_a_regular_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"text"
    with open_regular(tmp_path / "link", follow=True) as file:
        assert file.read() == b"text"
    for name in ("", "pipe"):
        with pytest.raises(NotRegular):
            open_regular(tmp_path / name)
    with pytest.raises(OSError, match="link"):
        open_regular(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


@needs_proc
def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = descriptors()
    for _ in range(3):
        assert small_text(str(tmp_path)) == ""
        with pytest.raises(NotRegular):
            open_regular(tmp_path)
    assert descriptors() == before


@needs_proc
def test_looking_for_stores_leaves_nothing_open(store: Store) -> None:
    """In a repository as in none: a server looks for every question."""
    os.makedirs(os.path.join(store.place.project, ".git"))
    before = descriptors()
    assert project_chain(store.place.project)
    assert descriptors() == before
