"""Whether a memory that was put before an agent shows in what the agent then did: a use that is noticed without being told.

A memory shows where one sentence of the answer, or one line of what was done, has most of what it says, or a name in it (a
path, an identifier, a number with letters) and something more. Words that the user wrote anywhere in the session count for
nothing, nor do those that the agent used before it was shown the memory: what it had already, it has not from the memory.
It may still have found the same in a file; so much is asked for that this is rare.

Promises: pure, precision before recall, English stems. What it costs and finds: tests/bench/outcomes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memcli.lifecycle.sentences import sentences, telling

FEWEST = 3  # words that a sentence must share with a memory
SHARE = 0.6  # of what only the memory says
_NAME = re.compile(r"[\w./:@-]*(?:[a-z][A-Z]|[A-Za-z][_\d]|[A-Za-z\d][./:@][A-Za-z\d]|--[a-z])[\w./:@-]*|\d{4,}")
_PLAIN = re.compile(r"[A-Za-z]+|\w\.\w")  # CamelCase is a trademark as often as an identifier, and e.g. is no name
_DONE = re.compile(r"^- (?:ran|edited|wrote|deleted): .*$", re.MULTILINE)


def shows(memory: str, *, known: Iterable[str], answers: Iterable[str]) -> str | None:
    """The sentence of the `answers` in which a memory's text shows, or None; `known` are texts that it may be from as well."""
    before = "\n".join(known)
    said, named = telling(before), _names(before)
    words = telling(memory) - said
    names = {name for name in _names(memory) - named if not telling(name) <= said}
    if not words:
        return None
    for answer in answers:
        done: list[str] = _DONE.findall(answer)
        for sentence in (*done, *sentences(_DONE.sub("", answer))):
            shared = telling(sentence) & words
            if len(shared) >= max(FEWEST, SHARE * len(words)):
                return sentence
            if shared and (hit := _names(sentence) & names):
                beside = shared - {stem for name in hit for stem in telling(name)}
                if len(beside) >= (2 if all(map(_PLAIN.fullmatch, hit)) else 1) or len(hit) > 1:
                    return sentence
    return None


def _names(text: str) -> set[str]:
    """The names in a text as words, and the parts of those that have parts: of an address its port, of a path its file."""
    whole = {name.strip(".:/-@").lower() for name in _NAME.findall(text)}
    parts = {part for name in whole for part in re.split(r"[/:@]+", name) if _NAME.fullmatch(part)}
    return whole | parts
