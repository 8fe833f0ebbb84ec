"""What the git hook after a commit tells: what this user wrote in it is theirs, though no index saw it before git had it.

Git itself is not run. Whatever is not a plain commit made here, or came from elsewhere before it was committed, is left to the
next look at the files, which holds what it cannot tell.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from memcli import walk
from memcli.places import Place, project_chain
from memcli.text import content_hash
from memcli.trust import commits
from memcli.trust.gitobjects import Objects
from memcli.trust.record import Record
from memcli.trust.repositories import Repository, Untold, around, read_bytes
from memcli.trust.verdict import YOURS

_BUSY = ("rebase-merge", "rebase-apply", "sequencer", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
_PLAIN = re.compile(r"commit(?: \((?:initial|amend)\))?: ")
MAX_LOG = 64 * 2**20


class _Move(NamedTuple):
    """The last line of HEAD's reflog: the commits before (None: none) and after, and what was done."""

    before: str | None
    after: str
    what: str


def committed(here: str) -> None:
    """Note what the commit just made says of the stores above the folder `here`. Raises WriteFailed."""
    for place in project_chain(here):
        if not Record(place).exists:
            continue  # not met yet: what is there now will be held
        try:
            _on_commit(place)
        except (Untold, OSError, ValueError, RecursionError):
            continue


def _on_commit(place: Place) -> None:
    """Note as the user's what their commit changed in the tree, unless it was held before or came from elsewhere."""
    repository = next(iter(around(place.tree)), None)
    if repository is None or any(os.path.lexists(os.path.join(repository.gitdir, name)) for name in _BUSY):
        return
    move = _last_move(repository)
    if move is None or not _PLAIN.match(move.what) or move.after != commits.head(repository):
        return
    objects = Objects(repository)
    after = commits.commit(objects, move.after)
    if len(after.parents) > 1:
        return
    before = commits.commit(objects, move.before).tree if move.before else None
    below = os.path.relpath(place.tree, repository.root) + "/"
    below = "" if below == "./" else below
    record = Record(place)
    not_before = max(record.met_at, _written(os.path.join(repository.common, "FETCH_HEAD")))
    words = {}
    for path, blob in commits.changed(objects, before, after.tree, below):
        written = objects.written_at(blob)
        # Git had it before it was committed: a squashed merge, a picked commit, another's stash.
        if written is None or written <= not_before or not path.lower().endswith(walk.SUFFIXES):
            continue
        found = objects.read(blob)
        if found is not None and not record.words([name := content_hash(found.data)]):
            words[name] = YOURS
    record.note(words)


def _last_move(repository: Repository) -> _Move | None:
    log = read_bytes(os.path.join(repository.gitdir, "logs", "HEAD"), MAX_LOG) or b""
    last = log.rstrip(b"\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    moved, _, what = last.partition("\t")
    before, _, rest = moved.partition(" ")
    after = rest.partition(" ")[0]
    return _Move(before if before.strip("0") else None, after, what) if after else None


def _written(path: str) -> int:
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return 0
