"""Making a store: its folders, what hides them from git, and the tree that it uses."""

from __future__ import annotations

import os

from memcli.errors import UsageError
from memcli.places import Place, private_dir

_GITIGNORE = {
    True: "# memcli: tree/ is shared, everything else stays on this machine\nlocal/\n",
    False: "# memcli: private\n*\n",
}
_README = """# Memories of this project

`tree/` holds what was learnt here, one Markdown file each: read, edit, move and commit them like any other text.
`local/` is private to one machine. Written and searched with `mem` (memcli), readable without it.
"""


def make(place: Place, *, shared: bool = False, tree_folder: str | None = None) -> Place:
    """Make the folders of a store; safe to repeat. `tree_folder` uses an existing folder as the tree, unchanged."""
    if tree_folder is not None:
        folder = os.path.realpath(tree_folder)
        if not os.path.isdir(folder):
            raise UsageError(f"{tree_folder} is not a folder", hint=f"mkdir -p {tree_folder}")
        if (place.folder + os.sep).startswith(folder + os.sep) and folder != place.project:
            raise UsageError(f"{tree_folder} contains the store itself", hint="run mem init in that folder")
    private_dir(place.folder)
    private_dir(place.private_tree)
    os.chmod(place.local, 0o700)
    if tree_folder is None and not os.path.isdir(place.tree):
        os.makedirs(place.tree, mode=0o777 if shared else 0o700)
    if place.label != "personal":
        _write_if_missing(os.path.join(place.folder, ".gitignore"), _GITIGNORE[shared])
        if shared:
            _start_sharing(place)
        _write_if_missing(os.path.join(place.folder, "README.md"), _README)
    if tree_folder is not None:
        place.allow_tree(folder)
        inside = (folder + os.sep).startswith(place.project + os.sep)
        _set_tree(place.config_file, os.path.relpath(folder, place.project) if inside else folder)
    return Place(place.folder, place.label)


def is_shared(place: Place) -> bool:
    """Whether `tree/` may be committed: the store's .gitignore does not ignore everything."""
    try:
        with open(os.path.join(place.folder, ".gitignore"), encoding="utf-8") as file:
            return "*" not in file.read().split()
    except OSError:
        return False


def _start_sharing(place: Place) -> None:
    """Let git see the tree of a store that was private until now; a .gitignore that somebody changed stays theirs."""
    path = os.path.join(place.folder, ".gitignore")
    with open(path, encoding="utf-8") as file:
        present = file.read()
    if present == _GITIGNORE[False]:
        with open(path, "w", encoding="utf-8") as file:
            file.write(_GITIGNORE[True])


def _write_if_missing(path: str, text: str) -> None:
    if not os.path.lexists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _set_tree(path: str, tree_folder: str) -> None:
    lines = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("tree:")]
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in [*lines, f"tree: {tree_folder}"]))
