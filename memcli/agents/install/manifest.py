"""What was installed where: `hooks-manifest.json` in the user's state, and the bytes of files as they were before.

With it `uninstall` gives back a file byte for byte where nobody has changed it since, and else knows what in it was made by
us. Without it everything still works by looking at the commands. All of it is the user's alone: settings hold keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from memcli.agents.install import files
from memcli.agents.install.files import Change
from memcli.errors import MemError, WriteFailed
from memcli.lock import named_lock
from memcli.places import private_dir, user_dir

_FORMAT = 1


class Record(NamedTuple):
    """One file that we changed. `before`: it without us, `after`: as we left it; hashes, None for no file.

    `made`: what in it had not been there; `owners`: the installations that it belongs to ("codex user").
    """

    before: str | None
    after: str | None
    made: tuple[tuple[str | int, ...], ...]
    owners: tuple[str, ...]


class Manifest:
    """The records by path, and the folders that had to be made. Made by `opened` under its lock, or only to be read."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.folders: list[str] = []
        self._pending: list[Any] = []
        self._read()

    def recover(self) -> None:
        """Undo what a process that was killed had begun."""
        if self._pending:
            _undo(self._pending)
            self._write()

    def before(self, path: str) -> bytes | None:
        """A file as it is without us; None where it would not be, or where that is not known."""
        record = self.records.get(path)
        return _kept(record.before) if record and record.before else None

    def untouched(self, path: str, data: bytes | None) -> bool:
        """Whether a file is as we left it, and what it was before is still known."""
        record = self.records.get(path)
        if record is None or record.after != files.digest(data):
            return False
        return record.before is None or self.before(path) is not None

    def apply(self, changes: list[Change], owner: str, *, remove: bool = False) -> None:
        """Make all the changes, or none; whoever is killed in between is undone by the next `opened`."""
        for change in changes:
            _keep(change.before)
            _keep(change.origin)
        pending = [(c.path, files.digest(c.before), files.digest(c.after), c.mode) for c in changes]
        self._write(pending)
        try:
            for change in changes:
                self.folders += files.write(change)
        except BaseException:
            _undo(pending)
            self._write()
            raise
        for change in changes:
            self._note(change, owner, remove=remove)
        if remove:
            self.folders = files.drop_folders(self.folders)
        self._write()
        self._sweep()

    def share(self, paths: Iterable[str], owner: str, *, remove: bool = False) -> None:
        """Note that files which others of ours use too belong to `owner` as well, or no longer."""
        known = dict(self.records)
        for path in paths:
            record = self.records[path]
            others = tuple(name for name in record.owners if name != owner)
            self.records[path] = record._replace(owners=others if remove else (*others, owner))
        if self.records != known:
            self._write()

    def _note(self, change: Change, owner: str, *, remove: bool) -> None:
        old = self.records.pop(change.path, None)
        if not remove:
            made = {*change.made, *(old.made if old else ())}
            owners = dict.fromkeys([*(old.owners if old else ()), owner])
            before, after = files.digest(change.origin), files.digest(change.after)
            self.records[change.path] = Record(before, after, tuple(sorted(made, key=str)), tuple(owners))

    def _read(self) -> None:
        try:
            with open(_path(), encoding="utf-8") as file:
                read = json.load(file)
            self.records = {path: _record(values) for path, values in read["files"].items()}
            self.folders = [str(folder) for folder in read.get("folders", ())]
            self._pending = [tuple(item) for item in read.get("pending", ())]
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            pass  # without it, commands are known by their text

    def _write(self, pending: list[Any] | None = None) -> None:
        known = {path: record._asdict() for path, record in self.records.items()}
        content = {"format": _FORMAT, "files": known, "folders": self.folders, "pending": pending or []}
        try:
            private_dir(os.path.dirname(_path()))
            with open(f"{_path()}.new", "w", encoding="utf-8", opener=_private) as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{_path()}.new", _path())
        except OSError as error:
            raise WriteFailed(f"cannot write {_path()}: {error.strerror}") from None

    def _sweep(self) -> None:
        """Drop the bytes that no record needs any more."""
        needed = {record.before for record in self.records.values()}
        for name in os.listdir(_folder()) if os.path.isdir(_folder()) else ():
            if name not in needed:
                with suppress(OSError):
                    os.unlink(os.path.join(_folder(), name))


@contextmanager
def opened() -> Iterator[Manifest]:
    """The manifest, while no other `mem` installs anything; what one that was killed had begun is undone first."""
    with named_lock("hooks", "the hooks of your agents"):
        manifest = Manifest()
        manifest.recover()
        yield manifest


def _undo(pending: list[Any]) -> None:
    """Give files back that are already changed; one that a third has changed since, or that resists, is left as it is."""
    for path, before, after, mode in pending:
        try:
            files.drop_unfinished(path)
            present = files.current(path)
            if files.digest(present) == after and before != after:
                files.write(Change(path, present, _kept(before) if before else None, mode))
        except (OSError, MemError):
            continue


def _record(values: dict[str, Any]) -> Record:
    made = tuple(tuple(path) for path in values["made"])
    return Record(values["before"], values["after"], made, tuple(values["owners"]))


def _path() -> str:
    return os.path.join(user_dir("state"), "hooks-manifest.json")


def _folder() -> str:
    return os.path.join(user_dir("state"), "hooks-before")


def _keep(data: bytes | None) -> None:
    """Keep bytes under their hash."""
    name = files.digest(data)
    if data is None or name is None:
        return
    path = os.path.join(_folder(), name)
    try:
        private_dir(_folder())
        if not os.path.exists(path):
            with open(f"{path}.new", "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{path}.new", path)
    except OSError as error:
        raise WriteFailed(f"cannot keep what is there now in {_folder()}: {error.strerror}") from None


def _kept(name: str) -> bytes | None:
    return files.current(os.path.join(_folder(), name))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
