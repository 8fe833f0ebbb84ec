"""A text as statements that can be compared: its clauses as typed words, each with its values and whether it denies.

Owns what counts as a value (a number with its unit, a version, a date, a weekday, a time of day, a state such as "enabled")
and what counts as a denial ("not", "never", "no longer"). English; another language gives plain words, which only ever
match where they are the same.

Promises: pure, linear in the first `MAX_READ` characters, bounded (`MAX_STATEMENTS`), no failure on any string.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from memcli.encode.terms import STOP_WORDS

MAX_READ = 12_000
MAX_STATEMENTS = 40
MAX_WORDS = 40  # of a statement; what is longer is a list or a log
RUN_ON = 22  # words of a sentence from which its commas part it into statements


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


DIMENSIONS: dict[str, dict[str, float]] = {
    "time": {"ms": 0.001, "millisecond": 0.001, "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600,
             "hr": 3600, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000},
    "size": {"byte": 1, "kb": 1e3, "kib": 1024, "mb": 1e6, "mib": 2**20, "gb": 1e9, "gib": 2**30, "tb": 1e12},
    "%": {"%": 1, "percent": 1},
    "plain": {"k": 1e3, "m": 1e6},
}  # fmt: skip
_COUNT = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: n for n, word in enumerate(_COUNT.split())}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}  # "the first sprint" is "sprint 1"
_STATES = (
    "enabled disabled", "on off", "open closed merged", "mandatory required optional", "allowed forbidden banned",
    "planned started blocked done finished completed shipped released cancelled canceled abandoned postponed paused",
    "passing failing broken fixed", "supported deprecated unsupported", "active inactive archived",
    "approved rejected pending", "synchronous asynchronous", "manual automatic",
)  # fmt: skip
_IRREGULAR = {
    "ran": "run", "kept": "keep", "went": "go", "goes": "go", "gone": "go", "wrote": "write", "written": "write",
    "sent": "send", "built": "build", "took": "take", "taken": "take", "held": "hold", "chose": "choose",
    "chosen": "choose", "met": "meet", "led": "lead",
}  # fmt: skip
_COUNTED_OFF = word_set(  # stems of what is numbered to tell one from another
    "issue issu pr ticket bug task stori epic sprint phas step stag mileston iterat week day round part chapter section"
    " pag lin row tabl figur not item question cas test run attempt experiment meet lesson rul adr rfc room studio nod shard"
    " replica worker host rack lan gat floor build job cod error http exit status draft option"
)
NEGATIONS = word_set("not never no none nor cannot stopped stop quit")
_BEING = word_set("is are be was were been isn't aren't wasn't stays stay now not turned switched")
_MONTHS = word_set("january february march april may june july august september october november december")
_FUNCTION = STOP_WORDS | word_set(
    "per via behind within until since upon instead rather than any anymore also still already yet now never always even"
    " actually recently currently really kinda etc without cannot stopped stop no not way longer about every i'm i've it's"
    " that's around ever ones use used uses using"
)


class Word(NamedTuple):
    """A word that says something. `key` is what is compared.

    `kind` is word or name, or of values: number, goal, listed, version, date, weekday, clock or state. `unit` of a number
    is its dimension, else the words that it counts, else "@" and the word before it; of a state, its group. `link` is the
    function word right before it; `start` and `end` are offsets in the text; `denied` words are said not to be so.
    """

    key: str
    kind: str
    unit: str
    link: str
    start: int
    end: int
    denied: bool

    @property
    def is_value(self) -> bool:
        return self.kind not in ("word", "name")

    @property
    def is_label(self) -> bool:
        """Whether it stands after its word and may say which one of several is meant: "sprint 2", but also "port 80"."""
        return self.kind == "number" and self.unit.startswith("@")


class Statement(NamedTuple):
    """A clause: its words in order, and whether it says that something is not so.

    `asserts` is false for questions, wishes and doubts, from which nothing follows; `reports` is true where somebody says
    what they did. `run_on`: it is a part of a long sentence. `news`: it says that something is new by now.
    """

    words: tuple[Word, ...]
    negative: bool
    asserts: bool
    reports: bool
    run_on: bool
    news: bool
    start: int
    end: int

    def which(self) -> dict[str, str]:
        """The labels that say which one the statement is about: "Issue 41 …", "… in sprint 2"."""
        return {
            word.unit: word.key
            for place, word in enumerate(self.words)
            if word.is_label and (place <= 1 < len(self.words) - 1 or word.unit[1:] in _COUNTED_OFF)
        }


@lru_cache(maxsize=4096)  # a memory is compared with several
def statements(text: str) -> tuple[Statement, ...]:
    """The statements of `text`, in order; fenced code is left out, since a line of code is no sentence."""
    found: list[Statement] = []
    for start, end, run_on in _parts(_fence().sub(lambda match: "\n" * len(match[0]), text[:MAX_READ])):
        statement = _statement(text, start, end, run_on)
        if statement.words:
            found.append(statement)
            if len(found) == MAX_STATEMENTS:
                break
    return tuple(found)


def _parts(prose: str) -> list[tuple[int, int, bool]]:
    """Where the clauses lie: sentences, those that run on parted at commas."""
    found = []
    for sentence in _sentence().finditer(prose):
        start, end = sentence.span()
        if len(sentence[0].split()) < RUN_ON:
            found.append((start, end, False))
            continue
        for comma in _comma().finditer(prose, start, end):
            found.append((start, comma.start(), True))
            start = comma.end()
        found.append((start, end, True))
    return found


def _statement(text: str, start: int, end: int, run_on: bool) -> Statement:
    words: list[Word] = []
    negative = denying = later = False
    link = ""
    tokens = list(_token().finditer(text, start, end))[: 3 * MAX_WORDS]
    for place, match in enumerate(tokens):
        kind, said = match.lastgroup or "word", match[0]
        lower = said.lower().replace("’", "'")
        if kind == "mark":
            link, denying, later = "", False, later or said == ","
            continue
        if lower in NEGATIONS or lower.endswith("n't"):
            after = tokens[place + 1][0].lower() if place + 1 < len(tokens) else ""
            denying = after not in ("only", "just", "even", ",")
            negative = negative or (denying and not later)
            link = lower
            continue
        if lower in ("instead", "rather", "without") and words:
            denying = later = True
        state = _state(lower, link) if kind == "word" else ""
        if kind == "word" and not state and lower not in _NUMBERS and (lower in _FUNCTION or len(lower) < 2):
            link = lower
            continue
        following = tokens[place + 1 : place + 4]
        if kind == "number" and words and not link and words[-1].key in _COUNTED_OFF:
            following = []  # "issue 41 blocks …" does not count blocks
        key, kind, unit = _typed(kind, said, lower, state, following, words, first=not words)
        if key:
            was = kind == "number" and link == "from" and _old_value().match(text, match.end()) is not None
            if kind == "number":
                kind = _kind_of_number(text, match)
            words.append(Word(key, kind, unit, link, match.start(), match.end(), was or (denying and later)))
            link = ""
    said = text[start:end].rstrip()
    return Statement(
        tuple(words[:MAX_WORDS]),
        negative,
        asserts=not said.endswith("?") and not _doubt().search(said),
        reports=_report().search(said) is not None,
        run_on=run_on,
        news=_news().search(said) is not None,
        start=start,
        end=end,
    )


def _kind_of_number(text: str, match: re.Match[str]) -> str:
    """A number of an enumeration ("sides 5, 12, 13") is not the value of anything; a goal is not what is so."""
    if _list_after().match(text, match.end()) or _list_before().search(
        text[max(0, match.start() - 16) : match.start()]
    ):
        return "listed"
    return "goal" if _goal().search(text[max(0, match.start() - 24) : match.start()]) else "number"


def _state(lower: str, link: str) -> str:
    if link not in _BEING:
        return ""
    return next((group for group in _STATES if lower in group.split()), "")


def _typed(
    kind: str, said: str, lower: str, state: str, following: list[re.Match[str]], before: list[Word], *, first: bool
) -> tuple[str, str, str]:
    """(key, kind, unit) of a token; the key is "" for what says nothing of its own, as the unit after a number."""
    if state:
        return stem(lower), "state", state
    if kind == "word" and lower in _ORDINALS and following and following[0].lastgroup == "word":
        return str(_ORDINALS[lower]), "number", f"@{stem(following[0][0].lower())}"
    if kind == "word" and lower in _NUMBERS:
        if not following or following[0].lastgroup != "word" or following[0][0].lower() in _FUNCTION:
            return ("", "", "") if lower == "one" else (lower, "word", "")
        kind, said = "number", str(_NUMBERS[lower])
    if kind == "number":
        return _number(said, following, before)
    if kind == "word":
        if lower in _WEEKDAYS:
            return stem(lower), "weekday", ""
        known = _dimension(lower)
        if known and before and before[-1].kind == "number" and before[-1].unit == known[0]:
            return "", "", ""
        named = bool(_coded().search(said)) or (said[0].isupper() and not first and lower not in _MONTHS)
        return (stem(lower), "name" if named else "word", "")
    return " ".join(lower.replace(",", " ").lstrip("v").split()), kind, ""


_WEEKDAYS = frozenset(
    f"{day}day{s}" for day in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun") for s in ("", "s")
)


def _dimension(unit: str) -> tuple[str, float] | None:
    for dimension, units in DIMENSIONS.items():
        for form in (unit, unit.removesuffix("s") if len(unit) > 3 else unit):
            if form in units:
                return dimension, units[form]
    return None


def _number(said: str, following: list[re.Match[str]], before: list[Word]) -> tuple[str, str, str]:
    digits, suffix = _digits().match(said.replace(",", "")).groups()  # type: ignore[union-attr]
    value = float(digits.strip("$€£"))
    counted: list[str] = []
    for token in following:
        if token.lastgroup != "word" or token[0].lower() in _FUNCTION:
            break
        counted.append(token[0].lower())
    unit = suffix.lower() or (counted[0] if counted else "")
    if known := _dimension(unit):
        return f"{value * known[1]:.6g}", "number", known[0] if known[0] != "plain" else " ".join(map(stem, counted))
    if suffix:
        return said.lower(), "word", ""
    if said[0] in "$€£":
        return f"{value:.12g}", "number", "money"
    anchor = f"@{before[-1].key}" if before else "@"
    return f"{value:.12g}", "number", " ".join(map(stem, counted)) or anchor


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A light English stem: store, stores, stored and storing are one, and so are migrate and migration."""
    word = word.removesuffix("'s").replace("'", "")
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    for ending in ("ations", "ation", "ions", "ion", "ings", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            word = word[: -len(ending)] + ("at" if "at" in ending else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
        word = word[:-1]
    return word[:-1] if len(word) > 2 and word.endswith("e") else word


# --- patterns --------------------------------------------------------------------------------------------------------


@cache
def _fence() -> re.Pattern[str]:
    return re.compile(r"^ {0,3}(```|~~~)(?:(?!^ {0,3}\1).)*(?:\1|\Z)", re.MULTILINE | re.DOTALL)


@cache
def _sentence() -> re.Pattern[str]:
    return re.compile(r"(?:[^.!?;\n]|[.!?](?=\w))+(?:[.!?;]+|\n|\Z)")


@cache
def _comma() -> re.Pattern[str]:
    return re.compile(r",\s+(?!(?:like|such|including|especially)\b)|\s[-–—]\s|\s(?=(?:but|and I|so that|because)\b)")


@cache
def _token() -> re.Pattern[str]:
    month = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}"
    return re.compile(
        rf"""(?P<date>\b\d{{4}}-\d\d(?:-\d\d)?\b | \b{month}\.?\ \d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\ \d{{4}}\b)?
              | \b\d{{1,2}}(?:st|nd|rd|th)?\ (?:of\ )?{month}\b(?:\ \d{{4}}\b)?)
        | (?P<clock>\b\d{{1,2}}:\d\d(?:\ ?[ap]m\b)? | \b\d{{1,2}}\ ?[ap]m\b)
        | (?P<version>\bv\d+(?:\.\d+)*\b | \b\d+(?:\.\d+){{2,}}(?:-[a-z]+[.\d]*)?)
        | (?P<number>[$€£]?\b\d[\d,]*(?:\.\d+)?(?:%|[a-z]{{1,4}}\b)?(?!\w))
        | (?P<word>\w+(?:['’.:_]\w+)*)
        | (?P<mark>[,:()/—–])""",
        re.VERBOSE | re.IGNORECASE,
    )


@cache
def _doubt() -> re.Pattern[str]:
    """What makes a clause a question, a wish or a doubt. To understand how something came about is none of them."""
    return re.compile(
        r"\b(?:(?:can|could|would|should|will) (?:you|i|we)|(?<!understand )how (?:can|do|to|should|does|did|would)"
        r"|what(?:'s| is| are| if|\b)|(?:not|n't) (?:sure|know|understand|really know)|unsure|wondering|whether"
        r"|(?:want|like|need|hope|plan|trying|going) to(?! understand (?:how|why)\b)|i'd|if (?:i|we|you)|let's|maybe|perhaps)\b"
        r"|^\s*(?:is|are|do|does|did|which|why|where|when|who) ",
        re.IGNORECASE,
    )


@cache
def _report() -> re.Pattern[str]:
    """Words by which somebody says that they did something, or that they have results, which nobody has without doing it."""
    return re.compile(
        r"\b(?:i|we|he|she|they)(?:['’](?:ve|m using)| have| had| just| did| got| use| \w+ed)\b|\b(?:already|recently)\b"
        r"|\bmy (?:\w+ )?(?:score|results?|accuracy|progress|grades?)\b",
        re.IGNORECASE,
    )


@cache
def _news() -> re.Pattern[str]:
    return re.compile(
        r"\b(?:now|recently|currently|new|updated?|(?:in|de)creased|improved|grown|grew|reached|reduced|dropped|raised"
        r"|extended|expanded|total|mov(?:ed|ing)|rescheduled|postponed|switched|migrated|changed|upgraded|added|since)\b",
        re.IGNORECASE,
    )


@cache
def _goal() -> re.Pattern[str]:
    return re.compile(r"\b(?:achiev(?:e|ing)|reach(?:ing)?|goal|target|aim(?:ing)?|least)\b[^,.]{0,12}$", re.IGNORECASE)


@cache
def _old_value() -> re.Pattern[str]:
    return re.compile(r"\s?[\w%]{0,10}\sto\s[$€£]?\d")


@cache
def _list_after() -> re.Pattern[str]:
    return re.compile(r"(?:\s?[a-z]{1,3})?,\s(?:and\s)?\d", re.IGNORECASE)


@cache
def _list_before() -> re.Pattern[str]:
    return re.compile(r"\d(?:\s?[a-z]{1,3})?,\s(?:and\s)?$", re.IGNORECASE)


@cache
def _digits() -> re.Pattern[str]:
    return re.compile(r"([$€£]?\d+(?:\.\d+)?)(.*)", re.DOTALL)


@cache
def _coded() -> re.Pattern[str]:
    return re.compile(r"\d|[_./:]\w|[a-z][A-Z]|^[A-Z]{2,}$")
