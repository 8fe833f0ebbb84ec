"""What is wrong with a store, in sentences a person can act on. Looks, and changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from memcli import config, tree
from memcli.encode import model as models
from memcli.errors import MemError
from memcli.index import db, schema
from memcli.index.update import model_folder
from memcli.places import Place
from memcli.store import Store


class Finding(NamedTuple):
    """`severity` is "error" (something does not work), "warning" (look at it) or "note"."""

    severity: str
    path: str
    message: str
    hint: str


def examine(store: Store) -> list[Finding]:
    """Everything that is worth saying about a store, the worst first. The index is brought up to date before."""
    place = store.place
    findings: list[Finding] = []
    try:
        report, _ = store.sync(embed=False)
        if report.rebuilt:
            findings.append(Finding("note", place.folder, f"the index was rebuilt: {report.rebuilt}", "nothing to do"))
        findings += [Finding("warning", place.shown(found.path), f"not indexed: {found.problem}", _mend(found.problem))
                     for found in report.problems]  # fmt: skip
        findings += _indexed(place)
    except MemError as error:
        findings.append(Finding("error", place.folder, error.message, error.hint or "mem index rebuild"))
    findings += [*_model(store), *_files(place), *_settings(place)]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: (order[finding.severity], finding.path))


def _mend(problem: str | None) -> str:
    if problem and "conflict" in problem:
        return "merge it by hand, then mem index"
    return "make it a UTF-8 text of ordinary size, or name it in .memignore"


def _indexed(place: Place) -> Iterator[Finding]:
    """What the index knows about the files: secrets, hidden text, ids claimed twice, front matter, links to nothing."""
    connection = schema.open_for_reading(place)
    try:
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            yield Finding("error", place.cache, "the index is damaged", "mem index rebuild")
        for path, rules, hidden in connection.execute(
            "SELECT path, secrets, hidden FROM entries WHERE secrets <> '' OR hidden <> ''"
        ):
            shown = place.shown(path)
            if rules:
                names = ", ".join(rules.split())
                yield Finding(
                    "warning", shown, f"holds a secret ({names}); masked wherever it is shown", "take it out: mem edit"
                )
            if hidden:
                names = ", ".join(hidden.strip().split("\n"))
                yield Finding(
                    "warning",
                    shown,
                    f"holds hidden text ({names}); cleaned wherever it is shown",
                    "look at it: mem show",
                )
        for path, claimed in connection.execute(
            "SELECT path, claimed FROM entries WHERE claimed IS NOT NULL AND claimed <> name"
        ):
            yield Finding(
                "warning",
                place.shown(path),
                f"claims the id {claimed}, which another file holds",
                "give one another id",
            )
        for path, problem in connection.execute(
            "SELECT path, front_problem FROM entries WHERE front_problem IS NOT NULL"
        ):
            yield Finding("warning", place.shown(path), f"its front matter is not read: {problem}", "mend it: mem edit")
    except db.DatabaseError as error:
        yield Finding("error", place.cache, f"the index is damaged: {error}", "mem index rebuild")
    finally:
        connection.close()


def _model(store: Store) -> Iterator[Finding]:
    try:
        for problem in models.verify(model_folder(store.config)):
            yield Finding("error", "model", problem, "reinstall memcli, or mem model use PATH")
    except MemError as error:
        yield Finding(
            "error", "model", f"{error.message}; recall works by words only", "reinstall memcli, or mem model use PATH"
        )


def _files(place: Place) -> Iterator[Finding]:
    """Leftovers of killed processes, and folders open to other users."""
    for root in (place.tree, place.private_tree, place.local):
        for folder, _, names in os.walk(root):
            for name in names:
                if name.startswith(tree.TEMPORARY):
                    yield Finding(
                        "note", os.path.join(folder, name), "left by a killed process", "mem index check --clean"
                    )
    if os.path.isdir(place.local) and stat.S_IMODE(os.stat(place.local).st_mode) & 0o077:
        yield Finding("warning", place.local, "other users of this machine can read it", f"chmod -R go= {place.local}")


def _settings(place: Place) -> Iterator[Finding]:
    for path, of_store in ((config.user_file(), False), (place.config_file, True)):
        for key in config.unknown_keys(path, store=of_store):
            yield Finding("warning", path, f"the setting {key!r} means nothing here", "mem config lists what there is")
