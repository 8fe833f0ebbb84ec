"""Which names say that a synchronisation left a second copy; what people call their notes is none of them."""

from __future__ import annotations

import pytest

from memcli.store import Store
from memcli.walk import inspect


@pytest.mark.parametrize(
    ("name", "is_copy"),
    [
        ("note.sync-conflict-20261120-101112-ABCDEF.md", True),  # Syncthing
        ("note (Ngozi's conflicted copy 2026-11-20).md", True),  # Dropbox
        ("note (conflicted copy 2026-11-20 101112).md", True),  # Nextcloud
        ("note (SFConflict ngozi@example.org 2026-11-20-10-11-12).md", True),  # Seafile
        ("note_conflict-20261120-101112.md", True),  # ownCloud
        ("note.orig.md", True),
        ("resolving a merge (conflict markers explained).md", False),
        ("how conflicted copy works.md", False),
        ("sync-conflict-handling.md", False),
        ("schema_conflict-resolution.md", False),
        ("note 2.md", False),  # iCloud's, and everybody's
        ("note (1).md", False),
    ],
)
def test_copies_of_a_sync_conflict(store: Store, name: str, is_copy: bool) -> None:
    path = f"tree/{name}"
    with open(store.place.absolute(path), "w", encoding="utf-8") as file:
        file.write("text")
    found = inspect(store.place.absolute(path), path)
    assert found is not None
    assert (found.problem == "a copy left by a sync conflict") is is_copy
