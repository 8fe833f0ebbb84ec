"""A batch of operations on copies: the files as they are, as they will be, and the names given to results.

Reads the store and writes nothing. Two operations that want different things of one memory are told apart here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from memcli import tree
from memcli.batch import FileChange
from memcli.errors import Conflict, NotFound, UsageError
from memcli.memory import first_line, parse, serialise
from memcli.operations import Values
from memcli.resolve import resolve
from memcli.store import Draft, Store, body_of
from memcli.text import digest, path_id, slug
from memcli.undo import is_store_path


@dataclass(slots=True)
class File:
    """A memory as the batch has it so far. `done`: by aspect, the operation that settled it."""

    id: str
    path: str
    before: bytes | None
    after: bytes | None
    target: str | None = None
    done: dict[str, int] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        assert self.after is not None
        return self.after

    def settle(self, number: int, *aspects: str) -> None:
        """Note what an operation decides. Raises UsageError where an earlier one decided it otherwise.

        Much may be appended and linked ("more", "read"); each other aspect is decided once, and what goes is not used.
        """
        against = {"gone": tuple(self.done), "text": ("text", "more"), "more": (), "read": ()}
        for aspect in aspects:
            for other in against.get(aspect, (aspect,)):
                before = self.done.get(other, number)
                if before != number:
                    raise UsageError(
                        f"operation {before} uses {self.id}, which this one removes"
                        if aspect == "gone"
                        else f"operation {before} already says the {aspect} of {self.id}",
                        hint="say it in one operation, or in two batches",
                    )
            self.done.setdefault(aspect, number)


class Lost(Conflict):
    """An operation lost against the text that is there; `exists`: it wanted a new memory where there is one."""

    def __init__(self, message: str, data: bytes, *, hint: str, exists: bool = False) -> None:
        super().__init__(message, present=body_of(data), hint=hint)
        self.digest = digest(data)
        self.exists = exists


class Plan:
    """The batch on copies: files as they are and will be, and the names given to results."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.place = store.place
        self.planned: dict[str, File] = {}
        self.named: dict[str, File | None] = {}
        self._taken: set[str] = set()  # paths that files of the batch have or will have, in lower case

    def files(self) -> list[FileChange]:
        return [FileChange(file.path, file.before, file.after, file.target) for file in self.planned.values()]

    def is_new(self, path: str | None) -> bool:
        return path in self.planned and self.planned[path].before is None

    # --- finding ---

    def find(self, wanted: object) -> File:
        """The memory that an operation names: by `$name` the result of an earlier one, else as everywhere."""
        name = str(wanted)
        if name.startswith("$"):
            if name[1:] not in self.named:
                raise UsageError(f"no operation before this one is called {name[1:]!r}", hint='"as" gives it its name')
            file = self.named[name[1:]]
            if file is None:
                raise UsageError(f"{name} is refused itself", hint="mend that operation first")
        elif not self.place.exists():
            raise NotFound(f"there is no memory called {name!r}", hint="mem ls")
        else:
            target = resolve([self.place], name, self.store.config)
            file = self.at(target.path, target.id)
        if file.after is None:
            raise UsageError(f"operation {file.done['gone']} removes {name!r}", hint="use it before, or leave it")
        return file

    def at(self, path: str, identity: str | None = None) -> File:
        """The memory at a path of the store."""
        if path not in self.planned:
            data = tree.read(self.place, path)
            self.planned[path] = File(identity or parse(data, name=path).id or path_id(path), path, data, data)
        return self.planned[path]

    def existing(self, path: str) -> File | None:
        """The memory at a path as a person types it, if there is one."""
        named = path if path.endswith((".md", ".markdown")) else f"{path}.md"
        bare = named.removeprefix("./").removeprefix(".mem/")
        for candidate in (bare, f"tree/{bare}", f"local/tree/{bare}", *self.new_paths(path)):
            if candidate in self.planned:
                return self.planned[candidate]
            if is_store_path(candidate) and os.path.isfile(self.place.absolute(candidate)):
                return self.at(candidate)
        return None

    def new_paths(self, path: str) -> tuple[str, str]:
        """What a path would be called as a new memory's: in the shared tree, and in the private one."""
        bare = (
            path.removesuffix(".md")
            .removeprefix("./")
            .removeprefix(".mem/")
            .removeprefix("local/")
            .removeprefix("tree/")
        )
        parts = [slug(part) for part in bare.split("/") if part.strip(" .")] or ["memory"]
        return f"tree/{'/'.join(parts)}.md", f"local/tree/{'/'.join(parts)}.md"

    # --- planning ---

    def new(self, draft: Draft, number: int, *, folder: str | None = None) -> File:
        """Plan a new memory, in this folder of the trees or where the draft wants to be."""
        path = draft.path if folder is None else f"{folder}/{draft.path.rsplit('/', 1)[1]}"
        stem, count = path.removesuffix(".md"), 1
        while self.is_taken(path):
            count += 1
            path = f"{stem}-{count}.md"
        assert draft.memory.id is not None
        file = File(draft.memory.id, path, None, serialise(draft.memory))
        file.settle(number, "text", "type", "title", "topic", "tags", "valid_from", "valid_to", "pinned")
        self.planned[path] = file
        self._taken.add(path.lower())
        return file

    def same_name(self, draft: Draft) -> File | None:
        """The memory at the draft's path, if it goes by the very same name."""
        if draft.path in self.planned:
            file = self.planned[draft.path]
            there = file.after is not None and parse(file.after, name=file.path)
            return file if there and draft.name in (there.title, first_line(there.body)) else None
        return self.at(draft.path) if self.store.same_name(draft) is not None else None

    def change(
        self,
        file: File,
        *,
        text: str | None = None,
        append: str | None = None,
        front_matter: Mapping[str, object] | None = None,
        topic: str | None = None,
    ) -> bool:
        """Plan a change to a memory; returns whether anything is another afterwards."""
        edited = self.store.edited(
            file.path, file.data, text=text, append=append, front_matter=front_matter or {}, topic=topic
        )
        changed = edited.data != file.data or edited.path != file.path
        if edited.path != file.path:
            if self.is_taken(edited.path):
                raise Conflict(f"{self.place.shown(edited.path)} already exists", hint="choose another topic")
            file.target = edited.path
            self._taken.add(edited.path.lower())
        file.after = edited.data
        return changed

    def is_taken(self, path: str) -> bool:
        """Whether a file is there, or will be, under a name that differs in case at most."""
        return path.lower() in self._taken or os.path.lexists(self.place.absolute(path))

    def expect(self, file: File, values: Values) -> None:
        """Raise Conflict, with the present text, where the operation was made for another text than is there."""
        wanted = values.get("expected")
        if wanted is not None and (file.before is None or digest(file.before) != wanted):
            raise Lost(
                f"{self.place.shown(file.path)} changed since it was read",
                file.before or b"",
                hint='read what is present, then repeat with "expected": its digest',
            )
