"""Undo: taking back everything that was done, last first, brings every byte back."""

from __future__ import annotations

import random
from pathlib import Path

from memcli import tree, walk
from memcli.errors import Conflict
from memcli.journal import undoable
from memcli.places import at_root
from memcli.store import Store
from tests.conftest import tree_bytes

SEQUENCES, FULL_SEQUENCES = 10, 200
OPERATIONS = 20


def snapshot(store: Store) -> tuple[dict[str, bytes], list[str]]:
    """Every file of both trees with its bytes, and every folder."""
    tops = (Path(store.place.tree), Path(store.place.private_tree))
    files = {f"{top}/{path}": data for top in tops for path, data in tree_bytes(top).items()}
    return files, sorted(str(path) for top in tops for path in top.rglob("*") if path.is_dir())


def begin(folder: Path, number: int) -> Store:
    """A store with files of every kind, some written by hand: CRLF, a byte order mark, no front matter."""
    store = Store.init(at_root(str(folder / f"p{number}")))
    for name, data in {
        "plain.md": b"by hand, no end of line",
        "dos.md": b"\xef\xbb\xbf---\r\ntags: [a]\r\nodd: {x: 1}\r\n---\r\n# Dos\r\n\r\ntext\r\n",
        "auth/deep/note.md": b"---\nid: k7q9d2xm3v4a\n---\n# Note\n",
    }.items():
        path = Path(store.place.tree, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    clock = iter(range(1_795_000_000, 1_796_000_000))
    return Store(store.place, now=lambda: float(next(clock) // 3))  # several operations in one second


def operate(store: Store, random_: random.Random) -> bool:
    """One random operation; False when there was nothing to do it to."""
    paths = [found.path for found in walk.walk(store.place)]
    path = random_.choice(paths) if paths else None
    text = " ".join(random_.choices(("alpha", "beta", "gamma", "ünï", "\\n"), k=random_.randint(1, 5)))
    topic = random_.choice(("", "auth", "auth/deep", "new/topic"))
    match random_.choice(("add", "edit", "append", "front", "move", "forget", "many", "restore", "overwrite")):
        case "add":
            store.add(text, topic=topic, private=random_.random() < 0.3, tags=["t"], supersedes=["x"])
        case "edit" if path:
            return store.edit(path, text=text) is not None
        case "append" if path:
            store.edit(path, append=text)
        case "front" if path:
            store.edit(path, front_matter={"tags": [text], "pinned": random_.choice((True, None))})
        case "move" if path:
            store.edit(path, topic=topic, append=random_.choice((None, text)))
        case "forget" if path:
            store.forget(random_.sample(paths, min(len(paths), random_.randint(1, 3))))
        case "many":
            store.write_many(
                [(f"tree/{topic or 'in'}/{n}.md", text.encode()) for n in range(3)], verb="import", note="test"
            )
        case "restore" if trash := tree.trash(store.place):
            store.restore(random_.choice(trash)[0])
        case "overwrite":
            store.add(f"same name\n\n{text}", overwrite=True)
        case _:
            return False
    return True


def test_undoing_everything_leaves_the_tree_as_it_was(tmp_path: Path, full: bool) -> None:
    for number in range(FULL_SEQUENCES if full else SEQUENCES):
        random_ = random.Random(number)
        store = begin(tmp_path, number)
        history = [snapshot(store)]
        for _ in range(OPERATIONS):
            try:
                done = operate(store, random_)
            except Conflict:
                continue
            now = snapshot(store)
            if done and now != history[-1]:
                history.append(now)
        while len(history) > 1:
            history.pop()
            event = undoable(store.place)
            store.undo()
            assert snapshot(store) == history[-1], (number, len(history), event)
