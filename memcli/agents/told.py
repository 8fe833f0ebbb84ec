"""What an agent is told anyway: its instruction files, and whether they say something already.

A text is said already where nearly all runs of three words of it stand in the files, and all that hold a number or a "not": so
"use npm, not pnpm" does not say "use pnpm, not npm", nor "commit to main" what "never commit to main" says. Files are read
bounded, from the working folder up to the repository's root and from the user's home; links that lead out of the repository
are not followed. Lean.
"""

from __future__ import annotations

import os
import re

from memcli.encode import terms
from memcli.places import small_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CLAUDE = ("CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/rules")
_COPILOT = (".github/copilot-instructions.md", ".github/instructions")
READ_BY = {
    "claude-code": ("AGENTS.md", *_CLAUDE),
    "codex": ("AGENTS.override.md", "AGENTS.md"),
    "gemini-cli": ("GEMINI.md", "AGENTS.md"),
    "qwen-code": ("QWEN.md", "AGENTS.md"),
    "copilot-cli": ("AGENTS.md", *_CLAUDE, "GEMINI.md", *_COPILOT),
    "vscode": ("AGENTS.md", *_CLAUDE, *_COPILOT),
    "cursor": ("AGENTS.md", ".cursorrules", ".cursor/rules"),
    "opencode": ("AGENTS.md", "CLAUDE.md"),
    "windsurf": ("AGENTS.md", ".windsurfrules", ".windsurf/rules"),
    "cline": ("AGENTS.md", ".clinerules"),
    "kiro-cli": ("AGENTS.md", ".kiro/steering"),
}
"""Files and folders of rules that an agent reads from the working folder and from those above it."""
_OF_THE_USER = {
    "claude-code": (".claude/CLAUDE.md",),
    "codex": (".codex/AGENTS.md",),
    "gemini-cli": (".gemini/GEMINI.md",),
    "qwen-code": (".qwen/QWEN.md",),
    "opencode": (".config/opencode/AGENTS.md",),
}
MOST_FILES = 40
MOST_FOLDERS = 16  # from the working folder upwards
IMPORTS = 5  # `@path` lines of one file that are followed, once
ENOUGH = 0.8  # of a text's runs of three words
RUN = 3
_TURNING = """
don doesn ever kein keine keinen never nicht nichts nie niemals no none not nur ohne only unless without
"""


class Told:
    """What a few texts say."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs: set[str] = set()
        self._flat: list[str] = []
        for text in texts:
            found = _words(text)
            self._runs.update(_runs(found))
            self._flat.append(f" {' '.join(found)} ")

    def says(self, text: str) -> bool:
        """Whether a text is said already; one of fewer than three words, only whole."""
        if not self._runs:
            return False
        found = _words(text)
        if len(found) < RUN:
            return bool(found) and any(f" {' '.join(found)} " in flat for flat in self._flat)
        runs = _runs(found)
        new = [run for run in runs if run not in self._runs]
        turned = any(word in _TURNING.split() or word.isdigit() for run in new for word in run.split())
        return not turned and len(new) <= (1.0 - ENOUGH) * len(runs)


def told(here: str, root: str | None, agent: str | None = None) -> Iterator[str]:
    """The texts that an agent reads by itself in the folder `here` of the repository `root`; any agent, where none is known."""
    agent = agent if agent in READ_BY else None
    names = dict.fromkeys(name for one, some in READ_BY.items() if agent in (None, one) for name in some)
    seen: set[str] = set()
    for folder in _upwards(os.path.realpath(here), root):
        for name in names:
            for path in _files(os.path.join(folder, name)):
                yield from _with_imports(path, root or folder, seen)
    home = os.path.expanduser("~")
    for one, some in _OF_THE_USER.items():
        for name in some if agent in (None, one) else ():
            yield from _with_imports(os.path.join(home, name), None, seen)


def without_block(text: str) -> str:
    """A text without the block that `mem` keeps in it (`agents.block`): what others say."""
    return re.sub(r"^<!-- BEGIN memcli .*?^<!-- END memcli -->", "", text, flags=re.M | re.S)


def _upwards(folder: str, root: str | None) -> Iterator[str]:
    for _ in range(MOST_FOLDERS):
        yield folder
        if root is None or folder == root:
            return
        folder = os.path.dirname(folder)


def _files(path: str) -> list[str]:
    """The path itself, or the rules in it where it is a folder."""
    if not os.path.isdir(path):
        return [path]
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return []
    return [os.path.join(path, name) for name in names if name.endswith((".md", ".mdc"))][:MOST_FILES]


def _with_imports(path: str, root: str | None, seen: set[str], *, follow: bool = True) -> Iterator[str]:
    """A file's text and those of the files that it imports (`@docs/rules.md`), each once; only what lies below `root`."""
    real = os.path.realpath(path)
    if real in seen or len(seen) >= MOST_FILES or (root is not None and not real.startswith(root + os.sep)):
        return
    text = small_text(real)
    if not text:
        return
    seen.add(real)
    yield text
    if follow:
        for name in re.findall(r"(?:^|\s)@([\w./-]{1,200}\.md)\b", text)[:IMPORTS]:
            yield from _with_imports(os.path.join(os.path.dirname(real), name), root, seen, follow=False)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", terms.fts_text(text).lower())


def _runs(found: list[str]) -> list[str]:
    return [" ".join(found[n : n + RUN]) for n in range(len(found) - RUN + 1)]
