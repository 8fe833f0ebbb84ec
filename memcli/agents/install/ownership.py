"""Which commands in somebody's settings are ours: `mem hook …`, alone or behind the guard that we write around it.

A command that does more than that is the user's own, even where it also calls `mem hook`: it is never changed.
"""

from __future__ import annotations

import shlex

_OPERATORS = frozenset(("&&", "||", ";", "&", "|", "{", "}", "(", ")"))
_HARMLESS = (["true"], [":"], ["exit", "0"])
_FIELDS = ("command", "bash", "linux", "osx")  # where agents keep the shell's line of an entry


def is_ours(entry: object) -> bool:
    """Whether an entry of a list of hooks is a call of `mem hook`, as a line for the shell or as a program with `args`."""
    if not isinstance(entry, dict):
        return False
    command, arguments = entry.get("command"), entry.get("args")
    if isinstance(command, str) and isinstance(arguments, list) and arguments:
        return _calls_us([command, *map(str, arguments)])
    line = next((entry[field] for field in _FIELDS if isinstance(entry.get(field), str)), None)
    return line is not None and is_our_line(line)


def is_our_line(line: str) -> bool:
    """Whether a line for the shell is `mem hook …` and nothing else but the guard."""
    commands = _commands(line)
    ours = [words for words in commands if _calls_us(words)]
    rest = [words for words in commands if not _calls_us(words)]
    return len(ours) == 1 and all(words in _HARMLESS or _is_guard(words) for words in rest)


def _calls_us(words: list[str]) -> bool:
    return (
        len(words) > 1 and words[0].replace("\\", "/").rpartition("/")[2] in ("mem", "mem.exe") and words[1] == "hook"
    )


def _is_guard(words: list[str]) -> bool:
    return words[:2] == ["command", "-v"] and len(words) > 2


def _commands(line: str) -> list[list[str]]:
    """The simple commands of a line, without redirections."""
    for posix in (True, False):
        found = _split(line, posix)
        if any(map(_calls_us, found)):
            return found
    return _split(line, True)


def _split(line: str, posix: bool) -> list[list[str]]:
    """Not as POSIX, backslashes are part of a path and quotes stay around words, as on Windows."""
    lexer = shlex.shlex(line, posix=posix, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation mark without its pair: nothing that we wrote
        return []
    commands: list[list[str]] = [[]]
    skip = False
    for word in words:
        if word in _OPERATORS:
            commands.append([])
        elif set(word) <= set("<>&|") and word:
            skip = True
        elif skip:
            skip = False
        else:
            commands[-1].append(word if posix else word.strip("\"'"))
    return [words for words in commands if words]
