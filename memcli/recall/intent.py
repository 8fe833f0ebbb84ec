"""What a question wants besides its subject: the latest or the first of several answers, a date, what an assistant said.

Only plain signs count, since a wrong one moves the right answer down: "the last invoice" and "still" ask for the latest,
"last name", "last week" and "the current user" do not. Not that a question stands in the present tense, which most do.
English; questions in other languages want nothing special. Lean, pure.
"""

from __future__ import annotations

import re
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LATEST, FIRST = "latest", "first"

_OWNER = r"(?: \b (?:the|my|our|your|his|her|its|their|which|what|whose) | \w['’]s | s['’] )"
# What is last, first or current in a file, a name or a machine, and not in time.
_OF_A_FORM = r"""(?: (?:
    sprint|phase|round|draft|iteration|milestone|semester|quarter|version|edition
  | name|step|line|word|page|chapter|element|item|index|byte|bit|char|character|letter|digit|column|row|argument|parameter
  | stage|layer|part|half|place|floor|class|person|part(?:y|ies)|hand|aid|principle|resort|minute|straw|order )s? \b )"""
_OF_A_MACHINE = r"""(?: (?:
    user|thread|process|director(?:y|ies)|folder|dir|path|branch|commit|line|node|element|index|frame|scope|context|file
  | page|session|request|transaction|object|instance|selection|cursor|row|position|window|tab|shell|working|draw|limit
  | limiting|sensor|sensing|sense|source|sink|loop|flow|density|rating|probe|clamp|mirror|amp|leakage|ripple )s? \b )"""

# Whatever a pattern matches holds one of its signs, so that for most questions it need not be compiled.
_LATEST = rf"""
    \b (?: latest | newest | most\ recent(?:ly)? | currently | nowadays | these\ days | as\ of\ (?:today|now)
         | at\ (?:present|the\ moment) | right\ now | as\ things\ stand | up[ -]to[ -]date ) \b
  | \b (?: is|are|am|'s|do|does ) \b [^.?!]* \b (?: still | now ) \b | \b now \W* $
  | {_OWNER} \ (?:very\ |first\ and\ )? last \ (?! {_OF_A_FORM} ) (?=\w) | \b last\ time \b
  | {_OWNER} \ current \ (?! {_OF_A_MACHINE} ) (?=\w)
"""
_LATEST_SIGNS = "last latest newest recent current now still days today present moment stand date"
_FIRST = rf"""
    \b (?: earliest | originally | initially | at\ first | in\ the\ beginning | at\ the\ (?:outset|very\ (?:start|beginning))
         | first\ (?:time|ever) | to\ begin\ with ) \b
  | {_OWNER} \ (?:very\ )? first \ (?! {_OF_A_FORM} ) (?=\w) | \b did \b [^.?!]* \b first \ (?! {_OF_A_FORM} ) (?=\w)
  | {_OWNER} \ (?:original|initial) \ (?! (?:file|text|source|message|error|author|image|code)s? \b ) (?=\w)
"""
_FIRST_SIGNS = "first earliest original initial begin outset start"
_WHEN = r"""
    (?: ^ | [,;:.?!]\ | \b(?:and|but|so|tell\ me|know|remember|recall|say|said|sure)\ (?:exactly\ )? ) (?:since\ |until\ )? when
        \ (?:exactly\ )? (?: did|do|does|was|were|is|are|will|has|have|had|should|shall|can|would )\b
  | \b (?: know | tell\ me | remember | recall ) \ when \b
  | \b (?: what | which | on\ what | on\ which ) \ (?: (?:exact\ )?dates? | day | month | year | week | weekday | time ) \b
  | \b how \ (?: long\ ago | recently ) \b
"""
_WHEN_SIGNS = "when how date day month year week time"
_NOW = r"\bas\ of\ (?:today|now)\b"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


def _holds(lower: str, signs: str) -> bool:
    return any(sign in lower for sign in signs.split())


def order_of(question: str, dates: Iterable[tuple[int, int]] = ()) -> str | None:
    """LATEST or FIRST where the question asks for that one of several, else None; `dates` are the places of its dates.

    A question that asks for both (from first to last) asks for neither.
    """
    taken = list(dates)

    def asks(pattern: str, signs: str) -> bool:
        return _holds(lower, signs) and any(
            not any(start < match.end() and match.start() < end for start, end in taken)  # "the last week" is a date
            for match in _compiled(pattern).finditer(question)
        )

    lower = question.lower()
    latest, first = asks(_LATEST, _LATEST_SIGNS), asks(_FIRST, _FIRST_SIGNS)
    return None if latest == first else LATEST if latest else FIRST


def asks_when(question: str) -> bool:
    """Whether the answer is a date: "when did", "what day", "how long ago"."""
    return _holds(question.lower(), _WHEN_SIGNS) and _compiled(_WHEN).search(question) is not None


def of_now(question: str) -> list[tuple[int, int]]:
    """Where "as of today" stands: no day to search, but a wish for the latest."""
    return [match.span() for match in _compiled(_NOW).finditer(question)] if "as of" in question.lower() else []


_READ = 1_000  # characters; a longer text asks about none of this
_REPLY = r"""
    \b(?:you|we)\ (?:\w+\ )?(?:said|told|mentioned|suggested|recommended|gave|provided|wrote|listed|explained|described
        |discussed|talked|came\ up|created|made)\b
  | \bremind\ me\b | \b(?:our|previous|last|earlier|past)\ (?:\w+\ )?(?:chat|conversation|discussion|session)s?\b
  | \byour\ (?:\w+\ )?(?:answer|suggestion|recommendation|list|advice|explanation|response)s?\b
"""
_REPLY_SIGNS = "you we remind our previous last earlier past"


def asks_for_reply(text: str) -> bool:
    """Whether a question is about what an assistant said: "remind me what you recommended"."""
    text = text[:_READ]
    return _holds(text.lower(), _REPLY_SIGNS) and _compiled(_REPLY).search(text) is not None


_VALUE = r"""
    ^ \W* (?: how\ (?:many|much|long|often|old|far) | what (?:'s|’s|\ is|\ are|\ was|\ were) | where | who | which
           | when\ is ) \b
"""
_PRESENT = r"\b(?:is|are|am|do|does|have|has|can)\b|['’](?:s|ve|re)\b"
_EARLIER = r"\b(?:previous(?:ly)?|initial(?:ly)?|original(?:ly)?|earlier|first|before|used\ to|ago|had)\b"
_NUMBER = r"""
    \bhow\ (?:many|much|long|often|old|far)\b
  | \b(?:percentage|rate|average|number|amount|score|quota|deadline|count|price|cost|budget|time)\b
"""
_COUNTED = r"""
    \b (?: how\ (?:many|much) | what (?:'s|’s|\ is|\ was) ) \ (?:(?:the|my|our|your|his|her|their|total)\ )*
    ((?:[\w%-]+\ ?){1,4})
"""
_AFTER_COUNTED = frozenset((
    "a", "an", "the", "of", "in", "on", "at", "for", "to", "from", "with", "by", "i", "we", "you", "he", "she", "it", "they",
    "have", "has", "had", "do", "does", "did", "is", "are", "was", "were", "am", "can", "will", "would", "should", "that",
    "which",
))  # fmt: skip


def asks_for_value(text: str) -> bool:
    """Whether a question asks for something that may have changed since: "where is", "how many have", "how many did"."""
    text = text[:_READ]
    if not _compiled(_VALUE).search(text) or _compiled(_EARLIER).search(text):
        return False
    return bool(_compiled(_PRESENT).search(text) or _compiled(_NUMBER).search(text))


def counted(text: str) -> frozenset[str] | None:
    """The words for what a question asks the number of, in the singular: "how many pull requests" → pull, request.

    None where the answer is no number; empty where it is one and nothing says of what ("how old").
    """
    text = text[:_READ]
    if not _compiled(_NUMBER).search(text):
        return None
    words: list[str] = []
    found = _compiled(_COUNTED).search(text)
    for word in found[1].lower().split() if found else ():
        if word in _AFTER_COUNTED:
            break
        words.append(singular(word))
    return frozenset(words)


def singular(word: str) -> str:
    """A word without the s of its plural, as far as that shows."""
    return word[:-1] if word.endswith("s") and len(word) > 3 else word
