"""Where things live: the user's folders, and which stores answer from a working directory.

Owns the layout of a store on disk (docs/format.md), the search for it, and how a file is opened of which nothing is known.
Creates nothing but the user's own state folder. Lean: imported by every command.
"""

from __future__ import annotations

import os
import stat
import sys

from memcli.errors import StoreMissing, StoreUnsafe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedReader

STORE_NAME = ".mem"
_PARTS = (
    "tree",
    "local",
    "local/tree",
    "local/cache",
    "local/journal",
    "local/objects",
    "local/trash",
    "local/digests",
    "config.yaml",
    "config.yaml.new",
    ".gitignore",
)


def user_dir(kind: str) -> str:
    """The user's folder for `kind` ("data", "state", "config"), after the XDG variables where they are set."""
    xdg = os.environ.get(f"XDG_{kind.upper()}_HOME")
    if xdg and os.path.isabs(xdg):
        return os.path.join(xdg, "mem")
    if sys.platform.startswith("linux"):
        default = {"data": ".local/share", "state": ".local/state", "config": ".config"}[kind]
        return os.path.join(os.path.expanduser("~"), default, "mem")
    import platformdirs  # 15 ms that Linux, whose rule is the three lines above, need not spend on each recall

    return {
        "data": platformdirs.user_data_dir,
        "state": platformdirs.user_state_dir,
        "config": platformdirs.user_config_dir,
    }[kind]("mem")


def private_dir(path: str) -> str:
    """Make `path` and its parents where needed, each readable by the user alone (os.makedirs would open the parents)."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent != path:
            private_dir(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass  # another process was faster; a file of that name fails where it is used
    return path


class NotRegular(OSError):
    """A folder, pipe, device or socket."""


def open_regular(path: str | os.PathLike[str], *, follow: bool = False) -> BufferedReader:
    """A regular file, to be read; `follow` a link that it may be. Raises OSError, NotRegular for anything else."""
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    # A folder can be opened so, and `open` would leave its descriptor behind.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(0, "it is no regular file", os.fspath(path))
    return open(descriptor, "rb")


def small_text(path: str, *, follow: bool = True) -> str:
    """The text of a settings file, up to 64 KiB; "" where there is none. A pipe or device, which could block, is none, nor is
    a link unless it is to be followed."""
    try:
        with open_regular(path, follow=follow) as file:
            return file.read(65536).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError:
        return ""


_KEYS: dict[str, str] = {}


def folder_key(folder: str) -> str:
    """The name that a folder has in the user's state."""
    if folder not in _KEYS:  # asked for several times by every hook
        _KEYS[folder] = _sha256(folder.encode("utf-8", "surrogateescape"))[:24]
    return _KEYS[folder]


def _sha256(data: bytes) -> str:
    if TYPE_CHECKING:
        from hashlib import sha256
    else:
        try:
            from _sha2 import sha256  # a hook at each prompt need not load OpenSSL, as hashlib does
        except ImportError:
            try:
                from _sha256 import sha256  # as Python 3.11 calls it
            except ImportError:
                from hashlib import sha256
    return sha256(data).hexdigest()


class Place:
    """One store on disk: its folder and the names inside it. `label` is "project" or "personal"."""

    __slots__ = ("external_tree", "folder", "label")

    def __init__(self, folder: str, label: str = "project") -> None:
        self.folder = os.path.realpath(folder)
        self.label = label
        self._refuse_links()
        self.external_tree = self._read_external_tree()

    def __repr__(self) -> str:
        return f"Place({self.folder!r}, {self.label!r})"

    @property
    def project(self) -> str:
        """The folder that the store belongs to: the one that holds `.mem/`, or the store itself for the personal one."""
        return os.path.dirname(self.folder) if os.path.basename(self.folder) == STORE_NAME else self.folder

    @property
    def tree(self) -> str:
        return self.external_tree or os.path.join(self.folder, "tree")

    @property
    def local(self) -> str:
        return os.path.join(self.folder, "local")

    @property
    def private_tree(self) -> str:
        return os.path.join(self.folder, "local", "tree")

    @property
    def cache(self) -> str:
        return os.path.join(self.folder, "local", "cache")

    @property
    def config_file(self) -> str:
        return os.path.join(self.folder, "config.yaml")

    def exists(self) -> bool:
        return os.path.isdir(self.local) or os.path.isdir(os.path.join(self.folder, "tree"))

    def state_key(self) -> str:
        """The name of this store in the user's state."""
        return folder_key(self.folder)

    def absolute(self, path: str) -> str:
        """The file behind `path` as the index knows it (`tree/…` or `local/tree/…`)."""
        if path.startswith("tree/"):
            return os.path.join(self.tree, path[5:])
        return os.path.join(self.folder, path)

    def relative(self, absolute: str) -> str | None:
        """The inverse of `absolute`; None for a file outside both trees."""
        for prefix, root in (("tree/", self.tree), ("local/tree/", self.private_tree)):
            if absolute.startswith(root + os.sep):
                return prefix + absolute[len(root) + 1 :].replace(os.sep, "/")
        return None

    def shown(self, path: str, here: str | None = None) -> str:
        """`path` as a person would type it from the folder `here`, the working directory where none is given."""
        absolute = self.absolute(path)
        home, here = os.path.expanduser("~"), here or os.getcwd()
        if absolute.startswith(here + os.sep):
            return absolute[len(here) + 1 :]
        return "~" + absolute[len(home) :] if absolute.startswith(home + os.sep) else absolute

    def _refuse_links(self) -> None:
        """A clone may bring symbolic links: a part of the store that is one could be read, written or emptied elsewhere."""
        for name in _PARTS:
            part = os.path.join(self.folder, name)
            if os.path.islink(part):
                raise StoreUnsafe(f"{part} is a symbolic link out of the store", hint=f"rm {part}")

    def _read_external_tree(self) -> str | None:
        """The tree that `mem init --tree` chose, from config.yaml; outside the project only as the user's state allows."""
        lines = small_text(self.config_file).splitlines()
        value = next((line[5:].strip().strip("\"'") for line in lines if line.startswith("tree:")), "")
        if not value:
            return None
        tree = os.path.realpath(os.path.join(self.project, os.path.expanduser(value)))
        if not (tree + os.sep).startswith(self.project + os.sep) and tree not in self.allowed_trees():
            raise StoreUnsafe(
                f"{self.config_file} asks for the tree {tree}, which lies outside its project",
                hint=f"if you want that: mem init --tree {tree}",
            )
        return tree

    def allowed_trees(self) -> list[str]:
        """Trees outside the project that this user chose for this store with `mem init --tree`."""
        try:
            with open(os.path.join(user_dir("state"), "trees", self.state_key()), encoding="utf-8") as file:
                return file.read().splitlines()
        except OSError:
            return []

    def allow_tree(self, tree: str) -> None:
        folder = private_dir(os.path.join(user_dir("state"), "trees"))
        with open(os.path.join(folder, self.state_key()), "w", encoding="utf-8") as file:
            file.write(tree + "\n")


def personal_folder() -> str:
    """Where the user's own store is."""
    return os.path.realpath(user_dir("data"))


def is_personal(place: Place) -> bool:
    """Whether a store is the user's own, in which everything is theirs."""
    return place.folder == personal_folder()


def personal() -> Place:
    return Place(user_dir("data"), "personal")


def at_root(root: str) -> Place:
    """The store that `--root DIR` names: DIR/.mem, or DIR itself when it is a store."""
    folder = os.path.realpath(root)
    if os.path.basename(folder) == STORE_NAME:
        return Place(folder)
    inner = os.path.join(folder, STORE_NAME)
    if not os.path.isdir(inner) and os.path.isdir(os.path.join(folder, "local")):
        return Place(folder, "personal" if folder == personal_folder() else "project")
    return Place(inner)


def project_chain(start: str) -> list[Place]:
    """Stores from `start` upwards to the repository root, nearest first.

    Stops at $HOME, at a change of owner, and after the folder that holds `.git`. Outside a repository only the nearest
    store counts. A linked worktree without a store of its own uses its main worktree's.
    """
    found: list[Place] = []
    home = os.path.realpath(os.path.expanduser("~"))
    folder = os.path.realpath(start)
    owner = _owner(folder)
    repository = None
    while folder != home and _owner(folder) == owner:
        inner = os.path.join(folder, STORE_NAME)
        if os.path.isdir(inner) and not os.path.islink(inner) and _owner(inner) == owner:
            found.append(Place(inner))
        if os.path.lexists(os.path.join(folder, ".git")):
            repository = folder
            break
        parent = os.path.dirname(folder)
        if parent == folder:
            break
        folder = parent
    if repository is None:
        return found[:1]
    if not found:
        main = main_worktree(repository)
        if main and os.path.isdir(os.path.join(main, STORE_NAME)) and _owner(main) == owner:
            return [Place(os.path.join(main, STORE_NAME))]
    return found


def locate(*, root: str | None, personal_only: bool, start: str | None = None) -> list[Place]:
    """The stores that a command reads, the one it writes to first.

    Raises StoreMissing when `root` names no store.
    """
    if root is not None:
        place = at_root(os.path.join(start or "", root))
        if not place.exists():
            raise StoreMissing(f"there is no store in {root}", hint=f"mem --root {root} init")
        return [place]
    if personal_only:
        return [personal()]
    chain = project_chain(start or os.getcwd())
    own = personal()
    return [*chain, own] if all(place.folder != own.folder for place in chain) else chain


def _owner(path: str) -> int:
    try:
        return os.stat(path).st_uid
    except OSError:
        return -1


def _first_line(path: str) -> str:
    return small_text(path).replace("\0", "").partition("\n")[0].strip()


def main_worktree(repository: str) -> str | None:
    """The main worktree of a linked one, read from the `.git` file; git itself is never run."""
    line = _first_line(os.path.join(repository, ".git"))
    if not line.startswith("gitdir: "):
        return None
    gitdir = os.path.realpath(os.path.join(repository, line[8:]))
    named, pointing = (_first_line(os.path.join(gitdir, name)) for name in ("commondir", "gitdir"))
    if not named or not pointing:
        return None
    common, back = (os.path.realpath(os.path.join(gitdir, path)) for path in (named, pointing))
    # The main repository itself must point back here: a `.git` file that somebody sent cannot borrow another project's store.
    ours = os.path.realpath(os.path.join(repository, ".git"))
    theirs = os.path.dirname(gitdir) == os.path.join(common, "worktrees") and back == ours
    return os.path.dirname(common) if theirs and os.path.basename(common) == ".git" else None
