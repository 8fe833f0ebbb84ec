"""What people wrote for their coding agents: CLAUDE.md, AGENTS.md, GEMINI.md, rules of Cursor, Copilot and Windsurf.

One memory for each section (headings of level 1 and 2), known again by file and heading. Its type: *reference* when the
heading announces a description (overview, architecture, structure, background, stack), else *procedure* when the
section holds a code block or numbered steps, else *preference*: a standing wish, which fades slowest.
`@path` imports are left as text and not followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from memcli import walk
from memcli.errors import ImportFailed
from memcli.frontmatter import split_front_matter
from memcli.importers import Item, Skipped
from memcli.importers.listing import count, is_plain_file, is_plain_folder
from memcli.importers.markdown import bytes_of, reason_of
from memcli.importers.sections import split

NAME = "instructions"
MEANING = "instruction files of coding agents: CLAUDE.md, AGENTS.md, rules of Cursor and others"

FILES = (
    "AGENTS.md", "CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md",
    ".cursorrules", ".windsurfrules",
)  # fmt: skip
RULE_FOLDERS = (".cursor/rules", ".claude/rules", ".windsurf/rules")
USER_FILES = (".claude/CLAUDE.md", ".codex/AGENTS.md", ".gemini/GEMINI.md")
_RULE_SUFFIXES = (".md", ".mdc")
_NAMES = frozenset(name.rsplit("/", 1)[-1] for name in FILES)

_DESCRIPTION = re.compile(
    r"\b(?:overview|about|introduction|background|architecture|structure|layout|stack|components?|glossary|context)\b",
    re.IGNORECASE,
)
_STEPS = re.compile(r"^ {0,3}(?:```|~~~|1[.)] )", re.MULTILINE)
_OUR_RULES = ("memcli.md", "memcli.mdc")  # what `mem hooks install` writes says how to use mem, which is no memory
_OUR_BLOCK = re.compile(r"^<!-- BEGIN memcli .*?^<!-- END memcli -->", re.MULTILINE | re.DOTALL)
_METADATA = re.compile(r"(description|globs|paths|applyTo|alwaysApply|trigger)[ \t]*:[ \t]*(.*?)[ \t\r]*")


def claims(path: Path) -> bool:
    if is_plain_file(path):
        is_rule = _is_rules(path.parent) and path.name.lower().endswith(_RULE_SUFFIXES)
        return path.name in _NAMES or is_rule
    return is_plain_folder(path) and _is_rules(path) and count(path, _RULE_SUFFIXES, enough=1) > 0


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    """The project as one source, by the number of its instruction files; then each file meant for all projects."""
    files = sum(_leads_to_file(here, name) for name in FILES)
    folders = [here / folder for folder in RULE_FOLDERS if _is_inside(here, folder)]
    ours = sum(is_plain_file(folder / name) for folder in folders for name in _OUR_RULES)
    rules = sum(count(folder, _RULE_SUFFIXES) for folder in folders) - ours
    found = [(here, files + rules)] if files + rules > 0 else []
    own = [] if here == home else [name for name in USER_FILES if _leads_to_file(home, name)]
    return found + [(home / name, 1) for name in own]


def read(path: Path) -> Iterator[Item | Skipped]:
    """The sections of one instruction file, of a folder of rules, or of all such files of a project's folder."""
    if not os.path.isdir(path):
        yield from _sections(path, _root_of(path))
        return
    if _is_rules(path):
        top, files = _root_of(path / "rule.md"), _rules(path)
    else:
        top = path
        files = [path / name for name in FILES if _leads_to_file(path, name)]
        for folder in RULE_FOLDERS:
            files += _rules(path / folder) if _is_inside(path, folder) else []
    if not files:
        raise ImportFailed(f"{path} holds no instruction file of an agent known here", hint="mem import FILE")
    for file in files:
        try:
            yield from _sections(file, top)
        except ImportFailed as error:
            yield Skipped(_relative(file, top), reason_of(error))


def _sections(file: Path, top: Path) -> Iterator[Item]:
    """The sections of one file; `top` is the folder that its ref is relative to."""
    text = _OUR_BLOCK.sub("", bytes_of(file, file.name).decode("utf-8-sig"))
    about, text = _without_metadata(text)
    ref = _relative(file, top)
    named = about or f"{file.stem.lstrip('.')} instructions"
    sections = split(text)
    for section in sections:
        # What a rule file says it is about is a better name than the only heading in it.
        title = named if section.title is None or (about and len(sections) == 1) else section.title
        yield Item(
            text=section.text,
            ref=f"{ref}#{section.anchor}" if section.anchor else ref,
            title=title,
            type=_type_of(title, section.text),
        )


def _type_of(title: str, text: str) -> str:
    if _DESCRIPTION.search(title):
        return "reference"
    return "procedure" if _STEPS.search(text) else "preference"


def _without_metadata(text: str) -> tuple[str | None, str]:
    """(what a rule file says it is about, its text without front matter).

    Read by line: globs such as `**/*.ts` are no valid YAML. Front matter with nothing known in it stays in the text.
    """
    opening, front, rest = split_front_matter(text)
    known = {match[1]: match[2].strip("\"'") for line in front.split("\n") if (match := _METADATA.fullmatch(line))}
    if not opening or not known:
        return None, text
    files = known.get("globs") or known.get("paths") or known.get("applyTo") or ""
    about = known.get("description") or ""
    if about and files:
        about = f"{about} ({files})"
    return about or (f"for {files}" if files else None), rest.partition("\n")[2]


def _relative(file: Path, top: Path) -> str:
    """`file` as seen from `top`: what its refs begin with."""
    relative = os.path.relpath(os.path.abspath(file), os.path.abspath(top)).replace(os.sep, "/")
    return f"~/{relative}" if os.path.abspath(top) == os.path.abspath(Path.home()) else relative


def _root_of(file: Path) -> Path:
    """The folder that an instruction file speaks for: its repository's, else the one above its agent's folder."""
    folders = list(Path(os.path.abspath(file)).parents)
    for folder in folders:
        if os.path.lexists(folder / ".git"):
            return folder
    return next(folder for folder in folders if not (folder.name.startswith(".") or _is_rules(folder)))


def _is_rules(folder: Path) -> bool:
    return "/".join(folder.parts[-2:]) in RULE_FOLDERS


def _leads_to_file(folder: Path, name: str) -> bool:
    return _is_inside(folder, name) and is_plain_file(folder / name)


def _is_inside(folder: Path, name: str) -> bool:
    """Whether `folder/name` exists with no link on the way."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if os.path.islink(path) or not os.path.exists(path):
            return False
    return True


def _rules(folder: Path) -> list[Path]:
    listed = walk.list_folder(os.fspath(folder), _RULE_SUFFIXES)
    return [folder / item.path for item in listed if not item.problem and item.path not in _OUR_RULES]
