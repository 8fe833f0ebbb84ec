"""Who may import whom, and what the hot path must not load."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.store import Store
from tests.command import without_model
from tests.serve.running import serving

PACKAGE = Path(__file__).resolve().parents[1] / "memcli"

# From top to bottom: a module imports from its own line and from lines below it.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("agents",),
    ("serve",),
    ("importers",),
    ("store", "acceptance", "doctor", "resolve", "curate", "workspace", "staged"),
    ("recall",),
    ("lifecycle",),
    ("index",),
    ("encode",),
    ("undo", "purge", "batch", "operations"),
    ("journal", "trust"),
    ("tree", "lock"),
    ("walk",),
    ("memory",),
    ("frontmatter",),
    ("guard",),
    ("config", "layout", "githistory"),
    ("places", "caller", "view"),
    ("text", "errors", "plainyaml"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Who alone may import a library, or call a function.
ONLY = {
    "sqlite3": {"index/db.py"},
    "pysqlite3": {"index/db.py"},
    "sqlite_vec": set(),
    "onnxruntime": {"encode/embedder.py"},
    "tokenizers": set(),
}
PRINTERS = ("cli/", "agents/", "__main__.py")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything that a module imports, also inside functions, but not for type checking alone."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        node
        for block in ast.walk(module)
        if isinstance(block, ast.If) and getattr(block.test, "id", getattr(block.test, "attr", "")) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(module):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    layer = layer_of(path)
    if layer == "__init__":
        return
    assert layer in RANK, f"{layer} has no place in LAYERS"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "memcli" and len(parts) > 1 and parts[1] in RANK:
            assert RANK[parts[1]] >= RANK[layer], f"{name_of(path)} imports {name}, which lies above it"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_libraries_have_one_door(path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in ONLY or name_of(path) in ONLY[top], f"{name_of(path)} imports {top}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_front_ends_print(path: Path) -> None:
    if name_of(path).startswith(PRINTERS):
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if getattr(call.func, "id", "") == "print"]


def loaded_by(*arguments: str) -> set[str]:
    """The modules that one command has loaded when it ends, in a process of its own."""
    watch = "import atexit, sys; atexit.register(lambda: print('\\n' + ' '.join(sys.modules), file=sys.stderr))"
    run = f"{watch}\nimport sys\nsys.argv = ['mem', *{list(arguments)!r}]\nfrom memcli.__main__ import main\nsys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    ended = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.splitlines()[-1].split())


NEVER = {"typer", "click", "rich", "sqlite_utils", "yaml", "platformdirs", "sqlite3", "sqlite_vec", "pathspec"}
NEVER_LEXICAL = NEVER | {
    "numpy",
    "onnxruntime",
    "tokenizers",
    "pathlib",
    "dataclasses",
    "typing",
    "unicodedata",
    "hashlib",
    "json",
    "threading",
}


def settled(store: Store) -> None:
    """An index that a recall has nothing to do for."""
    store.add("the deployment order is alphabetical")
    store.sync()
    an_hour_ago = 1_700_000_000
    for folder, _, names in os.walk(store.place.folder):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            if "/cache" not in path:
                os.utime(path, (an_hour_ago, an_hour_ago))
    store.sync()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
def test_a_lexical_recall_is_lean(store: Store) -> None:
    without_model()
    settled(store)
    loaded = loaded_by("recall", "--lexical", "deployment order") - site_modules()
    assert "memcli.recall.pipeline" in loaded
    assert loaded & NEVER_LEXICAL == set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
def test_a_hybrid_recall_loads_the_model_and_no_more(store: Store) -> None:
    settled(store)
    loaded = loaded_by("recall", "deployment order") - site_modules()
    assert "onnxruntime" in loaded
    assert loaded & NEVER == set()


WARM = {
    "memcli", "memcli.errors", "memcli.places", "memcli.serve", "memcli.serve.address", "memcli.serve.client", "memcli.view",
    "__future__", "_json", "_socket", "gc",
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folders are found by platformdirs")
def test_a_warm_recall_loads_ten_small_modules(store: Store) -> None:
    without_model()
    settled(store)
    with serving():
        for _ in range(20):  # on a machine that is busy elsewhere the server may be late, and is not waited for
            loaded = set(_run_bare("from memcli.__main__ import main; main()", "recall", "deployment order"))
            if "memcli.cli.recall" not in loaded:
                break
    assert loaded - set(_run_bare("pass")) == WARM | {"memcli.__main__"}


def _run_bare(code: str, *arguments: str) -> list[str]:
    """The modules that some code has loaded, in a process of its own that looks with nothing but what is built in."""
    look = f"import sys; sys.argv = ['mem', *{list(arguments)!r}]; {code}; print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", look],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr.splitlines()[-1].split()


def site_modules() -> set[str]:
    """What this Python loads by itself, by the .pth files of its environment."""
    listed = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())
