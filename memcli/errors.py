"""The exception tree: every way in which memcli refuses or fails, with its exit code and the next command to try.

    MemError
    ├── UsageError          2   the command line, or what was given to it, is not understood
    ├── NotFound            1   nothing answers to that name, id or query
    ├── Ambiguous           2   more than one memory answers; candidates are listed
    ├── StoreError         20   the store itself cannot be used
    │   ├── StoreMissing   21   there is no store where one was asked for
    │   └── StoreUnsafe    22   the store asks for more than a store may (a tree outside its project, another owner)
    ├── Conflict           23   the file changed since it was read, or the path is taken; nothing was written
    ├── SecretFound        24   the text holds a secret; nothing was written
    ├── InvalidMemory      25   the text cannot be kept as a memory (too large, not text)
    ├── UndoImpossible     26   there is nothing to undo, or undoing would lose later work
    ├── IndexUnavailable   27   the index cannot be opened or built
    ├── ModelUnavailable   28   the embedding model is missing or broken; keyword recall still works
    ├── ImportFailed       29   the source cannot be read as the format asked for
    ├── WriteFailed        30   the disk refused a write
    ├── SettingsRefused    31   an agent's or git's settings are not what mem can change safely; nothing was written
    ├── ExtraMissing       32   the command needs packages that are installed on request alone
    ├── UserAsked          33   only the user may decide this, and an agent asked for it
    └── Unexpected         70   a bug in memcli, or a failure of the machine that nobody foresaw

Messages are one sentence without a full stop at the end; `hint` is the next command to try. Neither ever holds a secret.
Lean: imported by every command.
"""

from __future__ import annotations


class MemError(Exception):
    """Base of everything memcli raises on purpose; `exit_code` is what the process returns."""

    exit_code = 20

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MemError):
    exit_code = 2


class NotFound(MemError):
    exit_code = 1


class Ambiguous(MemError):
    """More than one memory answers to a name; `candidates` are (id, path, title) of each."""

    exit_code = 2

    def __init__(self, message: str, candidates: list[tuple[str, str, str]], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates


class StoreError(MemError):
    exit_code = 20


class StoreMissing(StoreError):
    exit_code = 21


class StoreUnsafe(StoreError):
    exit_code = 22


class Conflict(MemError):
    """A write lost against another; `present` is the text that is there now, when there is one."""

    exit_code = 23

    def __init__(self, message: str, *, present: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.present = present


class SecretFound(MemError):
    exit_code = 24


class InvalidMemory(MemError):
    exit_code = 25


class UndoImpossible(MemError):
    exit_code = 26


class IndexUnavailable(MemError):
    exit_code = 27


class ModelUnavailable(MemError):
    exit_code = 28


class ImportFailed(MemError):
    exit_code = 29


class WriteFailed(MemError):
    exit_code = 30


class SettingsRefused(MemError):
    """An agent's or git's settings stay as they are; `snippet` is what to put there by hand, and `path` where."""

    exit_code = 31

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = ""
        self.snippet = ""


class ExtraMissing(MemError):
    exit_code = 32


class UserAsked(MemError):
    exit_code = 33


class Unexpected(MemError):
    exit_code = 70
