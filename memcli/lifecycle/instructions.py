"""What a user tells an agent to do, always or never: how it is recognised, and what it says as signed words.

An instruction has a cue: a correction ("no, use …"), a ban ("don't …", "stop …"), a rule ("always …", "make sure …", "from now
on …") or a preference ("we prefer …", "use X, not Y"). Its words carry a sign: "use pnpm, not npm" is +pnpm −npm. So two
instructions can agree, or contradict each other, whatever their wording. English only.

Promises: pure, linear, no failure on any string. A question is none, nor is a story, nor what a program wrote in the user's
name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from memcli.encode.terms import STOP_WORDS
from memcli.lifecycle.sentences import stem

SHORTEST, LONGEST = 3, 30  # words

_VERBS = """
add answer ask branch build cache call change check close comment commit create delete deploy document edit explain follow
format go import include install keep leave log make merge mock move name open pin prefix print pull push put read rebase
release remove rename reply return run send set show skip squash start stick store tag test touch type update use wrap write
"""
_NO_BANS = """
be care ever feel get have hesitate it know like mind need really remember see that there think understand want worry you
"""
_VERB = f"(?:{'|'.join(_VERBS.split())})"
_DONT = "(?:don['’]?t|do not)"
_LASTING = r"\b(?:from now on|in (?:the )?future|going forward|every time)\b"
_CORRECTING = (
    r"no(?=\s*[,.!;:–—-])|nope|wrong|again|(?:remember|reminder|important|note)(?=\s*[:!–—])"
    r"|(?:as |like )?i (?:said|told you)(?: before| already)?"
)
_OPENING = r"actually|also|and|but|so|well|ok(?:ay)?|hey|hm+|oh|please|pls|just|btw|by the way"
_LEAD = re.compile(rf"(?:(?:(?P<corrects>{_CORRECTING})|{_OPENING})\b[\s,:;.!…–—-]*)+", re.IGNORECASE)
_CUES = (
    # a ban
    rf"(?:{_DONT}|never|stop|avoid|no more|not to)(?: ever)? (?!(?:{'|'.join(_NO_BANS.split())})\b)[a-z]",
    # a rule
    rf"(?:always|(?:{_DONT}|never) forget to|remember (?:to|that)|make sure (?:to|that|you|we|all|every|the)|be sure to"
    rf"|next time|(?:whenever|before|after) you|{_LASTING})\b",
    # a preference
    r"(?P<prefers>(?:i|we)(?:['’]d| would)?(?: (?:really|strongly|much|always|generally|still))* prefer\b"
    rf"|(?:i|we) (?:always|never|only|{_DONT}) {_VERB}\b|i (?:{_DONT} |always |never )?want you to\b"
    rf"|{_VERB} .{{1,60}}\b(?:instead of|rather than|(?:and )?not)\b|use .{{1,40}}\binstead\b|no [a-z].{{1,40}}\buse\b)",
)
_STRONG = re.compile("|".join(_CUES), re.IGNORECASE)
_STRONG_LATER = re.compile(rf"[,;:–—-]\s*(?:please )?(?:always|never|{_DONT}) {_VERB}\b", re.IGNORECASE)
_WEAK = re.compile(
    rf"(?:(?:can|could|would) you )?(?:please )?(?:(?:i|we) )?(?:only )?{_VERB}\b"
    r"|no (?!(?:idea|need|one|problem|thanks|way|worries|longer|matter|more|doubt)\b)[a-z]+ (?:in|on|for|please|to|at)\b"
    r"|.{1,60}\b(?:must|should)(?: not| never| always| only)? (?:be|use|go|have|stay|come)\b",
    re.IGNORECASE,
)
POINTS = re.compile(
    r"\b(?:it|its|them|they|those|these|above|below|yet|for now|right now|today|tomorrow|(?:the )?(?:same|other) (?:one|way)"
    r"|this(?! (?:project|repo|repository|codebase|package|app|service|team|company|machine|workspace))|that\b(?=[.,;!]|$))\b",
    re.IGNORECASE,
)
_BY_A_PROGRAM = re.compile(
    r"\A\s*(?:<[a-z/]|\[Request |Caveat: )"
    r"|<(?:command-|local-command|system-reminder|bash-|environment_context|user_instructions)"
)

_CONTRACTION = re.compile(r"(?<=[a-z])'(?:s|d|ll|re|ve|m)\b")
_TOKEN = re.compile(r"\d+(?:\.\d+)+|[^\W_]+(?:'[^\W_]+)?(?:\+\+|#)?|[,;:()–—!]")
_NEGATING = frozenset(("not", "never", "no", "avoid", "stop", "cannot", "dont"))
_NARROWING = frozenset(("at", "because", "for", "if", "in", "on", "when", "while", "with"))
_NEITHER = frozenset(("after", "before", "unless", "until"))
_CLAUSES_BEGIN = """
always do i instead it just only please prefer so we
"""
_STARTING = frozenset((*_CLAUSES_BEGIN.split(), *_VERBS.split()))
_CUE_WORDS = """
actually again already also always anymore anything avoid dont ever every everything first forget forward future going
go important instead just know let like make must need never next note now ok okay one only please pls prefer rather really
remember reminder said say should something still stop sure tell then thing think time told use used using want way
whenever wrong yes
"""
_SAYING_NOTHING = STOP_WORDS.union(_CUE_WORDS.split())
USERS = frozenset(("user", "human"))
"""The speakers, lower-cased, who give instructions."""


class Instruction(NamedTuple):
    """`text` is the sentence without what leads in; `signs` maps the stems of its words to whether they are wanted, or None
    where that cannot be said: what comes after "before", "until" or "not … without".

    `strong` has a cue that needs no other sentence to be believed; `whole` can be understood without what was said before;
    `prefers` states a preference.
    """

    text: str
    signs: dict[str, bool | None]
    strong: bool
    whole: bool
    prefers: bool

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(word for word in self.signs if any(character.isdigit() for character in word))

    def contradicts(self, other: Instruction) -> bool:
        """Whether one wants what the other does not, or another number of it."""
        opposed = any(sign is not None and other.signs.get(word) is (not sign) for word, sign in self.signs.items())
        return opposed or bool(self.numbers and other.numbers and not self.numbers & other.numbers)


def by_a_program(turn: str) -> bool:
    """Whether a turn under the user's name was written by the agent's program: commands, reminders, notices."""
    return _BY_A_PROGRAM.search(turn[:400]) is not None


def instruction(sentence: str) -> Instruction | None:
    """The instruction that a sentence is; None where it is none."""
    if sentence.endswith(("?", ":")) or not SHORTEST <= len(sentence.split()) <= LONGEST:
        return None
    lead = _LEAD.match(sentence)
    text = sentence[lead.end() :] if lead else sentence
    cue = _STRONG.match(text)
    plain = _WEAK.match(text) is not None
    lasting = (lead is not None and lead["corrects"] is not None) or re.search(_LASTING, text, re.IGNORECASE)
    strong = bool(cue or _STRONG_LATER.search(text) or (plain and lasting))
    if not (strong or plain):
        return None
    signs = signed(text)
    if not signs:
        return None
    prefers = cue is not None and cue["prefers"] is not None
    text = re.sub("not to (?=[a-z])", "don't ", text) if text.startswith("not to ") else text
    return Instruction(text[:1].upper() + text[1:], signs, strong, not POINTS.search(text), prefers)


def signed(text: str) -> dict[str, bool | None]:
    """The stems of the words that say something → whether they are wanted; a word that is both is left out."""
    tokens = _TOKEN.findall(_CONTRACTION.sub("", text.lower().replace("’", "'")))
    found: dict[str, bool | None] = {}
    both: set[str] = set()
    wanted: bool | None = True
    for n, token in enumerate(tokens):
        after = tokens[n + 1] if n + 1 < len(tokens) else ""
        if token in ";:()–—!" or token == "but" or token in _NARROWING or (token == "," and after in _STARTING):
            wanted = True
        elif token == "forget":
            wanted = True  # don't forget to: do
        elif token in _NEGATING or token.endswith("n't") or (token, after) in (("instead", "of"), ("rather", "than")):
            wanted = False
        elif token in _NEITHER or token == "without":
            wanted = None if token in _NEITHER or wanted is False else False
        elif token not in _SAYING_NOTHING and (len(token) > 1 or token.isdigit()) and token != ",":
            key = stem(token)
            if found.setdefault(key, wanted) is not wanted:
                both.add(key)
    return {word: sign for word, sign in found.items() if word not in both}
