"""What a user's sentence to an agent is, when it is for more than the moment: a decision, a preference, or an order that lasts.

Sharper than `instructions`, which finds what recurs in several sessions: here one sentence is all there is. So questions,
hedges ("maybe", "for now"), orders about this one thing ("the second option", "line 40"), and what can only be understood with
what was said before are nothing. English only. Pure.
"""

from __future__ import annotations

import re

from memcli.lifecycle import instructions
from memcli.lifecycle.instructions import Instruction
from memcli.lifecycle.sentences import telling

ORDER, DECISION, PREFERENCE = "order", "decision", "preference"
SHORTEST = 3  # words


def _any(words: str) -> str:
    """An expression for any of these, which are parted by `|` or line ends."""
    return "|".join(word.strip() for line in words.strip().splitlines() for word in line.split("|"))


_LEADS = _any(r"""
ok(?:ay)?|alright|right|yes|yeah|yep|so|well|hm+|also|and|then|good|great|cool|fine|thanks|actually|no|nope
fyi|btw|by the way|note|remember
""")
_HEDGES = _any(r"""
maybe|perhaps|probably|might|what if|wonder|not sure|i guess|i think|wdyt|thoughts|hypothetical\w*|suppose|imagine
in theory|either|e\.g|for example|for instance|at least for|temporar\w+|for (?:the moment|this (?:one|time|test|pr|run))
just this once|this time|quick(?:ly)?|if we|if i|would be|should we|could we|can we
""")
_CHOOSING = "use|go with|stick (?:with|to)|keep using|switch to|move to|drop"
_DECISIONS = _any(rf"""
let['’]?s (?:{_CHOOSING}|standardi[sz]e on|stay with|avoid|not use|always|never)\b
(?:we|i)(?:['’]ve| have)? (?:have )?(?:decided|agreed|chosen|settled)\b
we(?:['’]ll| will|['’]re going to| are going to) (?:{_CHOOSING}|support)\b
we(?:['’]re| are) going with\b
(?:go|going) with\b|decision:|the decision is\b|from now on\b
""")
_LOOKING_INTO = _any(r"""
find|see|check|debug|look|figure|test|try|verify|understand|inspect|reproduce|confirm|investigate|profile|measure|get|explore
narrow|bisect|show
""")
_PROPOSALS = "suggestion|approach|option|idea|plan|proposal|recommendation|one|way"
_ONCE = re.compile(
    rf"\bto (?:{_LOOKING_INTO})\b|\b(?:{_PROPOSALS}|variant|version|number|the) ?(?:[a-d1-9]|one|first|second|third|last)\b"
    rf"|\b(?:your|the|that|this|first|second|simpler|latter|former) (?:{_PROPOSALS})\b",
    re.IGNORECASE,
)
_DOING = _any(r"""
see|know|understand|add|fix|make|get|be able|try|test|run|check|build|create|change|have|implement|remove|start|do|go|look|find
update|write|use this|learn
""")
_LIKES = re.compile(
    r"(?:i|we)(?: (?:really|much|generally|usually|still|always))* (?:prefer|like|love|hate|dislike|want)\b"
    rf"(?! to (?:{_DOING})\b)"
    r"(?! (?:you to|it|that|this|the (?:idea|first|second|new)|a|an|how|what|your|some|another|more)\b)",
    re.IGNORECASE,
)
_THINGS = _any(r"""
button|tests?|file|function|page|error|bug|issue|change|line|output|branch|pr|above|following|two|three|class|method|variable
comment|import
""")
_OF_THE_MOMENT = re.compile(
    rf"\b(?:the (?:{_THINGS})|line \d+|right now|today|first\b(?=[,.]?$)|(?:un)?til (?:i|you|we)"
    r"|before (?:i|we) (?:go|start|merge|ship))\b",
    re.IGNORECASE,
)
_LEAD = re.compile(rf"(?:(?:{_LEADS})\b[\s,.!;:–—-]*)+", re.IGNORECASE)
_HEDGE = re.compile(rf"\b(?:{_HEDGES})\b", re.IGNORECASE)
_DECIDED = re.compile(f"(?:{_DECISIONS})", re.IGNORECASE)
_RATHER = re.compile(r"^(?!.*\bones?\b).*(?:, not|\binstead of|\brather than) \w", re.IGNORECASE)
_CONTRADICTING = re.compile(r"(?:no|nope|wrong|actually|again|i (?:said|told you))\b", re.IGNORECASE)


def kind_of(sentence: str) -> str | None:
    """What a sentence of the user is; None for nothing that lasts."""
    is_statement = not sentence.endswith(("?", ":", "…")) and not _HEDGE.search(sentence)
    if not is_statement or not SHORTEST <= len(sentence.split()) <= instructions.LONGEST:
        return None
    text = without_lead(sentence)
    if decided := _DECIDED.match(text):
        return DECISION if telling(text[decided.end() :]) and not _ONCE.search(text) and _is_whole(text) else None
    says = instructions.instruction(sentence)
    if says is not None and says.strong and _lasts(sentence, says):
        return PREFERENCE if says.prefers and not _CONTRADICTING.match(sentence) else ORDER
    if _CONTRADICTING.match(sentence) and _RATHER.search(text) and len(telling(text)) > 1 and _is_whole(text):
        return ORDER
    if _LIKES.match(text) and len(telling(text)) > 1 and _is_whole(text):
        return PREFERENCE
    return None


def without_lead(sentence: str) -> str:
    """The sentence without what leads in ("ok, …", "no, …")."""
    lead = _LEAD.match(sentence)
    return (sentence[lead.end() :] if lead else sentence).strip()


def _lasts(sentence: str, says: Instruction) -> bool:
    """Whether an instruction is for more than the moment, and can be understood by itself or by its first clause."""
    is_here = re.search(r"\bhere\b", sentence, re.IGNORECASE) is not None
    if _OF_THE_MOMENT.search(sentence) or (is_here and not _CONTRADICTING.match(sentence)):
        return False
    if says.whole:
        return True
    clause = re.split(r"\s[—–-]\s|;\s", sentence)[0]
    first = instructions.instruction(clause) if clause != sentence else None
    return first is not None and first.strong and first.whole and len(first.signs) > 1


def _is_whole(text: str) -> bool:
    """Whether it can be understood without what was said before."""
    return instructions.POINTS.search(text) is None and not _OF_THE_MOMENT.search(text)
