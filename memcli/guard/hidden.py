"""Hidden text: what a person does not see, but a terminal or a model obeys.

Owns `printable` (what may be shown or handed out), `findings` (what is hidden, by name, for `mem doctor`) and
`one_line`. Text from disk, a clone or an agent is untrusted. Promises: `printable` is idempotent, linear, and returns
ordinary text in any language as it is: joiners stay where scripts and emoji need them, flags stay whole. Lean.

What stays and what goes (Unicode 15.1; UTS #51 for emoji, UTS #39 and UAX #9 for the rest):

- Terminal sequences go whole; so do control characters, but for line breaks and tabs.
- Bidirectional overrides, embeddings and isolates go: they make text read otherwise than it is. The marks U+200E,
  U+200F and U+061C stay, one at a time, in text with right-to-left letters; elsewhere they have nothing to order.
- ZWJ and ZWNJ stay in emoji sequences and behind letters of joining scripts; ZWSP in scripts without spaces.
- One variation selector stays behind a character that has variants; runs of them, and those behind plain letters, go.
- Tag characters stay only as a flag: black flag, 3 to 6 tags, cancel tag.
"""

from __future__ import annotations

import re
from functools import cache

_BIDI = "\u202a-\u202e\u2066-\u2069"
_MARKS = "\u200e\u200f\u061c"
_ZERO_WIDTH = "\u200b-\u200d\u2060-\u2064\ufeff"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e00ff"
# Soft hyphen, grapheme joiner, Hangul fillers, Khmer inherent vowels, Mongolian separator, deprecated formats,
# interlinear annotation, musical formats, and the unassigned rest of the ignorable plane.
_INVISIBLE = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2065\u206a-\u206f\u3164\uffa0\ufff0-\ufffb"
_INVISIBLE += "\U0001d173-\U0001d17a\U000e01f0-\U000e0fff"
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_BREAKS = "\r\x0b\x0c\x85\u2028\u2029"
_SURROGATES = "\ud800-\udfff"

# One search decides whether there is anything to do.
_SUSPECT = f"[{_CONTROLS}{_BREAKS}{_SURROGATES}{_BIDI}{_MARKS}{_ZERO_WIDTH}{_SELECTORS}{_TAGS}{_INVISIBLE}]"

_JOINING = (
    "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua8ff\ua980-\ua9ff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"

_LINE = r"[^\n\x07\x1b\x80-\x9f]{0,256}"
_STRING = r"[^\x07\x1b\x80-\x9f]{0,4096}(?:\x07|\x1b\\|\x9c)"
# CSI; OSC, DCS, SOS, PM and APC strings, which if unterminated end with their line; other escapes. The 8-bit forms are
# taken for sequences only where they look like one: mis-decoded quotation marks use the same characters.
_ESCAPES = (
    r"\x1b\[[0-?]{0,64}[ -/]{0,16}[@-~]?"
    rf"|\x1b[\]PX^_](?:{_STRING}|{_LINE})"
    r"|\x9b[0-?]{1,64}[ -/]{0,16}[@-~]?"
    rf"|[\x90\x98\x9d-\x9f](?:{_STRING}|(?=[0-9]{{1,4}};){_LINE})"
    r"|\x1b[ -/]{0,4}[0-~]?"
)
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"


@cache
def _escapes() -> re.Pattern[str]:
    return re.compile(_ESCAPES)


def _is_suspect(text: str) -> bool:
    """Whether there is anything to do. For plain ASCII, which most texts are, no pattern is needed."""
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():
        return False
    return _suspects().search(text) is not None


@cache
def _suspects() -> re.Pattern[str]:
    return re.compile(f"{_SUSPECT}+")


@cache
def _flags_or_suspects() -> re.Pattern[str]:
    return re.compile(f"{_FLAG}|{_SUSPECT}+")


@cache
def _one_of(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{characters}]")


def printable(text: str, *, newlines: bool = True) -> str:
    """`text` without what is hidden in it: the same object where nothing is.

    Every kind of line break becomes one newline; with `newlines` false, line breaks and tabs become spaces.
    Lone surrogates become U+FFFD, so that the result can always be encoded.
    """
    if _is_suspect(text):
        text = _clean(text, set())
    if not newlines and ("\n" in text or "\t" in text):
        text = text.replace("\n", " ").replace("\t", " ")
    return text


def visible(text: str) -> str:
    """`text` with what is hidden in it spelled out, as `‹U+202E›`: for a person who has to judge it."""
    return _clean(text, set(), spell=True) if _is_suspect(text) else text


def findings(text: str) -> list[str]:
    """The kinds of hidden content in `text`, sorted; empty for ordinary text."""
    kinds: set[str] = set()
    if _is_suspect(text):
        _clean(text, kinds)
    if "<!--" in text and _comment().search(text):
        kinds.add("html comment")
    if ("![" in text or "<im" in text.lower()) and _image_with_data().search(text):
        kinds.add("image link carrying data")
    return sorted(kinds)


def one_line(text: str, width: int | None = None) -> str:
    """`text` printable and on one line, cut to `width` terminal columns with an ellipsis; wide characters take two."""
    line = " ".join(printable(text).split())
    if width is None or (line.isascii() and len(line) <= width):
        return line
    columns = [_columns(character) for character in line[: 4 * max(width, 0) + 64]]
    if len(columns) == len(line) and sum(columns) <= width:
        return line
    room = width - 1  # the ellipsis takes one
    if room < 0:
        return ""
    end = 0
    while end < len(columns) and columns[end] <= room:
        room -= columns[end]
        end += 1
    return line[:end].rstrip() + "\u2026"


def columns(text: str) -> int:
    """How many terminal columns a printable text takes."""
    return len(text) if text.isascii() else sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if character < "\u0300":
        return 1
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _spelled(hidden: str) -> str:
    return "".join(c if " " <= c <= "~" else f"‹U+{ord(c):04X}›" for c in hidden)


def _clean(text: str, kinds: set[str], *, spell: bool = False) -> str:
    """`text` without what is hidden, or with it spelled out; the names of what was taken out are added to `kinds`."""
    stripped = text
    if _one_of("\x1b\x90\x98\x9b\x9d-\x9f").search(text):
        stripped = _escapes().sub((lambda found: _spelled(found.group())) if spell else "", text)
    if stripped != text:
        kinds.add("terminal escape")
    right_to_left = bool(_one_of(_RIGHT_TO_LEFT).search(stripped))

    def judge(match: re.Match[str]) -> str:
        run = match.group()
        if run[0] == "\U0001f3f4":
            return run
        kept: list[str] = []
        before = stripped[match.start() - 1 : match.start()]
        for at, character in enumerate(run, match.start()):
            after = stripped[at + 1 : at + 2]
            stays = _replacement(character, before, after, right_to_left)
            if stays != character and character not in _BREAKS:
                kinds.add(_kind(character))
            if stays:
                kept.append(stays)
                before = stays
            elif spell and character not in _BREAKS:
                kept.append(_spelled(character))
        return "".join(kept)

    return _flags_or_suspects().sub(judge, stripped)


def _replacement(character: str, before: str, after: str, right_to_left: bool) -> str:
    """What becomes of one suspect character between two neighbours ("" at an end): itself, a substitute or nothing."""
    if character in _BREAKS:
        return "" if character == "\r" and after == "\n" else "\n"
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return character if _belongs(character, before, after, right_to_left) else ""


def _belongs(character: str, before: str, after: str, right_to_left: bool) -> bool:
    """Whether an invisible character does what it is for, given its neighbours."""
    if character in "\u200c\u200d":
        if _one_of(_JOINING).match(before):
            return True
        in_emoji = _one_of(_EMOJI + "\ufe0f\U000e007f").match(before) and _one_of(_EMOJI).match(after)
        return character == "\u200d" and bool(in_emoji)
    if character == "\u200b":
        return bool(_one_of(_SPACELESS).match(before))
    if character in _MARKS:
        return right_to_left and before not in tuple(_MARKS)
    if character in "\ufe0e\ufe0f":
        return bool(_one_of(_EMOJI + "0-9#*").match(before))
    if "\ufe00" <= character <= "\ufe0d":
        return bool(_one_of("0\u1000-\uabff\uf900-\ufaff\u2200-\u22ff\U00010000-\U0003ffff").match(before))
    if "\U000e0100" <= character <= "\U000e01ef":
        return bool(_one_of(_HAN).match(before))
    if character in "\u180b\u180c\u180d\u180f\u180e":
        return bool(_one_of("\u1820-\u18aa").match(before))
    if character == "\u034f":
        return bool(_one_of("\u0300-\u036f\u0591-\u05c7").match(after))
    if character in "\u115f\u1160":
        return bool(_one_of("\u1100-\u1112\u1161-\u11ff").match(after) or _one_of("\u1100-\u115e").match(before))
    return False


# The first class that holds a character names it.
_KINDS = (
    ("bidirectional override", _BIDI),
    ("zero-width", _ZERO_WIDTH + _MARKS),
    ("variation-selector data", _SELECTORS),
    ("tag characters", _TAGS),
    ("invisible character", _INVISIBLE),
    ("lone surrogate", _SURROGATES),
)


def _kind(character: str) -> str:
    return next((name for name, characters in _KINDS if _one_of(characters).match(character)), "control character")


@cache
def _comment() -> re.Pattern[str]:
    """An HTML comment, but for the reference that a turn of an episode carries."""
    return re.compile(r"<!--(?!\s?ref: [\w./:#@+-]{1,200}\s?-->)", re.ASCII)


@cache
def _image_with_data() -> re.Pattern[str]:
    """An image whose address is filled in by whoever renders or writes it, or has a long value in its query."""
    address = r"(?:https?:)?//[^\s\"'<>)]{1,1000}"
    data = r"(?:[?&][^\s\"'<>)=&]{0,40}=[^\s\"'<>)&]{24}|[{$\[<]|%7[Bb]|[?&][^\s\"'<>)=&]{1,40}=(?=[\s)\"']))"
    return re.compile(
        rf"(?:!\[[^\]\n]{{0,300}}\]\(\s{{0,4}}<?|<im[ga]g?e?\s[^>]{{0,300}}?src\s?=\s?[\"']?){address}?{data}",
        re.IGNORECASE,
    )
