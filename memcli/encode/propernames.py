"""Names in prose: runs of capitalised words, where the capital is not owed to a sentence that begins.

Pure, lean and linear.
"""

from __future__ import annotations

import re
from functools import cache

from memcli.encode.keys import fold
from memcli.encode.terms import STOP_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 4  # capitalised words of one name; more of them are a heading

_OPENERS = """
able absolutely actually ad add adding agree agreed ah all also always am another any anyone anything anyway apparently
apply appreciate ask asked assume avoid aw awesome aww back based basically because been believe best better big both
break bring build bye call can cannot care change check choose clean click close congrats congratulations consider
context cool copy could crazy create currently date day days decided definitely delete depends deploy describe did
disable do does done done each easy either else enable end english enjoy ensure error especially essentially even
eventually every everyone everything exactly example excited explain fair false family few finally find fine first
five fix follow following for found four from fun further general generally get getting given glad go goal goals gonna
good got gotta great guess gut ha had haha happy has have having hello help here hey hi high hmm hope hopefully how
however http https huge id idea ideally if imagine important in include including indeed input inside install instead
interesting is issue it its just keep key kind know last lately later learn least left less let lets life like likely
list little ll load long look looking looks lot lots love low lucky main make makes many max maybe me mean merge mm most
mostly move much must my name need needed never new next nice no none nope not note notes nothing now number of off often
oh ok okay old on once one only oof open option or original otherwise our output over overall part people perhaps
person place please plus possible prefer pretty previous probably problem provide put quick quickly quite reason recent
recently remember reminder reminds remove rename replace request response result results return right run said same save
say says second see seems send set several shall she should show similarly simple simply since six small so some
someone something sometimes soon sorry sounds specifically start started stay step steps still stop such suggest sum
summary super sure surely switch take talk tell test text than thank thankfully thanks that the their them then there
therefore these they thing things think third this those though three through thus time tip title to today together
tomorrow tonight too totally tough treat tried true truly try two type typically ultimately under unfortunately unless
until update upon us use used user using usually value verify version very via wait wanna want was watch way we welcome
well were what whatever when whenever where whether which while who whoa why will wish with within without woah wonder
wonderful woohoo work works worth would wow write wrong yay yeah year years yep yes yesterday yet you your yup
ok tv pm am im ive id dr mr mrs ms prof sir madam st dear
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
october november december jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
todo fixme nb ps tl dr eg ie etc vs fyi btw imo lol omg
im ive ill id youre youve youll youd hes shes hed shed theyre theyve theyll weve well were wed itll thatll therell dont
doesnt didnt cant isnt wont couldnt shouldnt wouldnt havent hasnt hadnt arent wasnt werent aint hows howd howre howve howll
"""
COMMON = STOP_WORDS | frozenset(_OPENERS.split())
"""Words that no capital makes a name: what sentences, headings and lists begin with, days and months, titles of people."""
_NAMES_TOO = frozenset(("will", "max"))  # of these: names where they have a capital inside a sentence
_IN_NAMES = _NAMES_TOO | {
    "new",
    "open",
    "big",
    "old",
    "may",
    "june",
    "april",
    "august",
    "jan",
}  # and beside another capital
_CONNECTORS = frozenset(("of", "de", "da", "di", "du", "van", "von", "der", "den", "la", "le", "del", "al", "bin", "&"))
_PERSONAL = frozenset(("dr", "mr", "mrs", "ms", "prof", "sir", "madam", "st"))
_TITLES = ("Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "St.", "vs.", "e.g.", "i.e.")


@cache
def _capitalised(ascii_only: bool) -> re.Pattern[str]:
    """Runs of capitalised words, perhaps with a number behind: "Ngozi Okafor", "Bank of America", "Phase 2"."""
    # The scripts that have capitals; Python's re knows no class of them, and compiling one takes a question's time.
    blocks = (
        () if ascii_only else ((0x80, 0x590), (0x10A0, 0x1100), (0x13A0, 0x13F6), (0x1E00, 0x2000), (0x2C00, 0x2D30))
    )
    capital = "[A-Z" + "".join(c for block in blocks for c in map(chr, range(*block)) if c.isupper()) + "]"
    more = r"(?:['’-]\w+)*+"
    connector = "(?:(?:of|de|da|di|du|van|von|der|den|la|le|del|al|bin|&) ){0,2}"
    return re.compile(
        rf"{capital}(?<![\w'’`]{capital})(?:\w+{more}|['’]{capital}\w+{more})"
        rf"(?: {connector}{capital}\w*+{more}){{0,5}}(?: \d{{1,4}}(?:\.\d+)*+\b)?"
    )


def proper_names(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, key, kind) of names in prose: runs of capitals, cut at possessives and at words that are never names."""
    for match in _capitalised(text.isascii()).finditer(text):
        run = match[0]
        start = match.start()
        if " " not in run:  # most are a single word
            lower = run.lower()
            if lower in COMMON and lower not in _NAMES_TOO:
                continue
            yield from _single(run, start, text, _begins(text, start, match.end()))
        else:
            yield from _several(run, start, text)


def _single(word: str, start: int, text: str, initial: bool) -> Iterator[tuple[int, int, str, str]]:
    key = fold(word)
    if len(key) < 2 or (key in COMMON and (initial or key not in _NAMES_TOO)):
        return
    if not initial:
        yield start, start + len(word), key, "error" if word.isupper() and _errno().fullmatch(word) else "name"
    elif not key.endswith("ing"):  # "Deploying needs a tag"
        yield start, start + len(word), key, "initial"


@cache
def _errno() -> re.Pattern[str]:
    return re.compile(
        r"E(?:CONN|NO|ACCES|ADDR|PIPE|PERM|EXIST|TIMEDOUT|HOST|NET|AGAIN|BUSY|INVAL|IO)[A-Z]*|SIG[A-Z]{3,6}"
    )


def _several(run: str, start: int, text: str) -> Iterator[tuple[int, int, str, str]]:
    """The names in a run of several words. `opens` is where it would begin a heading: before the common words at its start."""
    group: list[str] = []
    opens = begin = at = start
    for word in run.split(" "):
        lower = word.lower()
        beside = _CONNECTORS | _IN_NAMES if group else _IN_NAMES
        stop = lower in COMMON and (lower not in beside or (at == start and lower in _NAMES_TOO))
        if not stop:
            if not group:
                begin = at
            group.append(word)
        if stop or word[-2:] in ("'s", "’s"):
            yield from _group(group, begin, opens, text)
            if group or lower in _PERSONAL:
                opens = at + len(word) + 1
            group = []
        at += len(word) + 1
    yield from _group(group, begin, opens, text)


def _group(words: list[str], start: int, opens: int, text: str) -> Iterator[tuple[int, int, str, str]]:
    """One name, with its words as parts where they are several. Five capitals in a row are a heading, not a name."""
    while words and (words[0] in _CONNECTORS or words[0][0].isdecimal()):
        start += len(words[0]) + 1
        words = words[1:]
    while words and words[-1] in _CONNECTORS:
        words = words[:-1]
    capitals = sum(1 for word in words if not word[0].islower() and not word[0].isdecimal())
    if not 0 < capitals <= LONGEST or (capitals == 1 and len(words) > 1 and fold(words[0]) in COMMON):
        return
    end = start + sum(map(len, words)) + len(words) - 1
    after = text[end : end + 1]
    heading = after in ("", "\n", ":", "*") and _begins(text, opens, end)
    if len(words) == 1:
        yield from _single(words[0], start, text, heading or _begins(text, start, end))
        return
    numbered = capitals == 1
    doubtful = heading or (numbered and _begins(text, start, end))
    yield start, end, " ".join(map(fold, words)), "initial" if doubtful else "version" if "." in words[-1] else "name"
    if doubtful and (numbered or after in (":", "*")):
        return  # "Step 2", "Key Features:"
    for word in words:
        key = fold(word)
        if len(key) > 2 and key not in COMMON and key not in _CONNECTORS and not word[0].isdecimal():
            yield start, start + len(word), key, "initial" if heading else "name" if numbered else "part"
        start += len(word) + 1


def _begins(text: str, start: int, end: int) -> bool:
    """Whether the words there open a sentence, line, item or heading, or a clause after a colon."""
    before = text[max(0, start - 12) : start].rstrip(" \t\"'“‘«([{*_>-#•–—|")
    if not before or before[-1] in "\n!?…。！？।":
        return True
    if before[-1] == ":":
        return text[end : end + 1] == " " and text[end + 1 : end + 2].islower()
    return before[-1] == "." and not before.endswith(_TITLES)
