"""What of a prompt is asked: people paste logs, traces and whole files beside the sentence that says what they want.

A short prompt is taken as it is. Of a long one, fenced blocks, stack frames, tables and rulers are left out, since their
words say where the text is from and not what it is about; then its beginning and its end, where the wish stands. Bounded,
so that what was pasted does not decide how long the model reads. Pure. Lean.
"""

from __future__ import annotations

import re
from functools import cache

WHOLE = 800  # characters, about 200 tokens: 20 ms of the model
BEGINNING = 500  # of these, for a longer prompt; the rest is its end
_READ = 20_000  # characters of a prompt that are looked at


def asked(prompt: str) -> str:
    """The part of a prompt to search for: all of a short one, at most WHOLE characters of a long one."""
    if len(prompt) <= WHOLE:
        return prompt
    prompt = prompt[:_READ] if len(prompt) <= 2 * _READ else f"{prompt[:_READ]}\n{prompt[-_READ:]}"
    lines = _fenced().sub("\n", prompt).split("\n")
    text = "\n".join([line for line in lines if line.strip() and not _pasted().match(line)]) or prompt
    if len(text) <= WHOLE:
        return text
    beginning, end = text[:BEGINNING], text[BEGINNING - WHOLE :]
    return f"{beginning.rpartition(' ')[0] or beginning}\n{end.partition(' ')[2] or end}"


@cache
def _fenced() -> re.Pattern[str]:
    return re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)


@cache
def _pasted() -> re.Pattern[str]:
    """The beginning of a line that a program wrote: a stack frame, a row of a table, a ruler, a prompt of a shell."""
    return re.compile(r'\s*(?:File "|at \S+.*[(:]|\d+: +0x|#\d+ |\||[-=+|*_\s]+$|>>> |\$ |goroutine \d|\^+\s*$)')
