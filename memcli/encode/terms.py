"""Text → what FTS5 indexes, and questions → what FTS5 is asked, so that the two meet.

Owns the keyword channel's idea of a word. The FTS5 tokenizer is `porter unicode61 remove_diacritics 2`; it takes runs
of letters and digits for words, so `fts_text` and `query_terms` both rewrite what it would miss:

- scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Burmese) and Hangul become overlapping pairs of
  characters plus the last character of each run: 日本語 → 日本 本語 語. A query of one character asks for it as a
  prefix, which meets the pairs that begin with it and the runs that end in it.
- letters whose vowel signs unicode61 takes for separators (the Indic scripts, Thai, Khmer, Burmese) move to the private
  use area, where every character is part of a word.
- Cyrillic and Arabic words get a second token, their stem behind `STEM_MARK`, because porter only knows English. Stems
  stand at the end of the text, so that phrases stay phrases.

Words of code (`getUserName`, `src/app.py`, `v1.2.3`) also get their parts and joined forms, from `identifiers`.

Promises: pure functions, linear time, no failure on any string, and FTS5 accepts every `match_expression`.
Lean: imported by every recall.
"""

from __future__ import annotations

import re
from collections import namedtuple
from functools import cache, lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_QUERY_TERMS = 64
MAX_IDENTIFIERS = 400
_MAX_JOINED = 64  # characters of a joined form; longer ones are whole file paths that nobody types joined

STEM_MARK = "\uf8ff"
"""Before a stem in the index; private use, so that no stem is ever equal to a word."""

Term = namedtuple("Term", "text kind")
Term.__doc__ = """One thing to ask FTS5 for.

`text` is as the index holds it; `kind` is
  word         a word, lower-cased
  phrase       a word of code as it was written; FTS5 splits it and wants its parts side by side
  identifier   a part or joined form of a word of code, as made by `identifiers`
  gram         two characters of a script without spaces
  prefix       one such character: the beginning of a gram
  stem         the stem of a Cyrillic or Arabic word, behind `STEM_MARK`
"""

# Function words, question words and what people say around a question to an assistant. "us", "may" and "will" are left
# out: they are also a country, a month and a name.
_STOP_WORDS = """
a about above after again against all also am an and any are as at be because been before being below between both
but by can could did do does doing down during each else ever few for from further get gets getting give gives had
has have having he her here hers herself him himself his how i if in into is it its itself just let lets like many
me more most much must my myself no nor not of off on once only or other our ours ourselves out over own please same
shall she should so some such tell than that the their theirs them themselves then there these they this those
through to too under until up upon very was we were what whatever when where whether which while who whom whose why
with would you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# --- the text as indexed ----------------------------------------------------------------------------------------------


def fts_text(text: str) -> str:
    """`text` as it goes into an FTS5 column; ASCII text is returned as it is."""
    if text.isascii():
        return text
    text = _fold(text)
    if not _of_other_scripts(text):
        return text
    stems = [_stem(word) for word in _inflected().findall(text)]
    return " ".join([_gram_runs().sub(lambda run: f" {' '.join(_grams(run[0]))} ", text), *stems])


@cache
def _folds() -> dict[int, str | None]:
    """Characters that are written in several ways, or at which unicode61 would split, → as they are indexed."""
    folds: dict[int, str | None] = dict.fromkeys(range(0xD800, 0xE000), " ")  # lone surrogates: SQLite refuses them
    # Indic scripts, Thai, Lao, Tibetan, Burmese → U+E000…, Khmer → U+E800…; not the marks that end words or sentences.
    folds.update((code, chr(code - 0x0900 + 0xE000)) for code in range(0x0900, 0x10A0))
    folds.update((code, chr(code - 0x1780 + 0xE800)) for code in range(0x1780, 0x17D4))
    folds.update(dict.fromkeys((0x0964, 0x0965, *range(0x0F08, 0x0F15), 0x104A, 0x104B), " "))
    # Accents, Arabic and Hebrew vowel marks, the Arabic stretcher; letters that writers interchange.
    marks = (
        *range(0x0300, 0x0370),
        *range(0x064B, 0x0660),
        0x0670,
        *range(0x06D6, 0x06EE),
        0x0640,
        *range(0x0591, 0x05BE),
        0x05C1,
        0x05C2,
    )
    folds.update(dict.fromkeys(marks))
    folds.update((ord(variant), letter) for variant, letter in zip("أإآٱىةکیؤئЁё", "اااايهكيويЕе", strict=True))
    # Capitals that came after Unicode 6.1, the one that unicode61 knows: Cherokee, Georgian, Osage, Adlam and others.
    younger = (
        (0x037F, 0x037F), (0x0528, 0x052E), (0x13A0, 0x13F5), (0x1C90, 0x1CBF), (0x2C2F, 0x2C2F), (0xA698, 0xA69A),
        (0xA796, 0xA79E), (0xA7AB, 0xA7F5), (0x104B0, 0x104D3), (0x10570, 0x10595), (0x10C80, 0x10CB2), (0x118A0, 0x118BF),
        (0x16E40, 0x16E5F), (0x1E900, 0x1E921),
    )  # fmt: skip
    folds.update((code, chr(code).lower()) for first, last in younger for code in range(first, last + 1))
    return folds


def _fold(text: str) -> str:
    """`text` with one spelling for what has several: composed or not, full width or half (NFKC), and `_folds`."""
    if text.isascii():
        return text
    from unicodedata import normalize  # late: ASCII texts need none of it

    return normalize("NFKC", text).translate(_folds())


def _of_other_scripts(text: str) -> bool:
    """Whether a folded text may hold what `_inflected` or `_gram_runs` look for, and not just accents, quotes and emoji."""
    others = {letter for letter in set(text) if letter >= "\u0400"}
    return any(letter < "\u1e00" or "\u3005" <= letter < "\U0001f000" or letter >= "\U00020000" for letter in others)


@cache
def _gram_runs() -> re.Pattern[str]:
    """Runs of scripts without spaces, after folding: Thai, Lao, Burmese, Khmer, Kana, Han, Hangul."""
    thai_lao, burmese, khmer = "\ue500-\ue5ff", "\ue700-\ue79f", "\ue800-\ue853"
    kana = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    han = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    return re.compile(f"[{thai_lao}{burmese}{khmer}]+|[{kana}{han}]+|[\uac00-\ud7a3]+")


def _grams(run: str) -> list[str]:
    """The overlapping pairs of `run`, and its last character."""
    return [run[i : i + 2] for i in range(len(run))]


@cache
def _inflected() -> re.Pattern[str]:
    """Words of more than three letters in Cyrillic or Arabic script."""
    return re.compile("[\u0400-\u045f\u0490-\u04ff]{4,}|[\u0620-\u064a\u066e-\u06d3]{3,}")


@cache
def _cyrillic_ending() -> re.Pattern[str]:
    return re.compile("(?:[аеиыоуюя]?ми|[аеиыоуюя][мхв]|[ео]го|[ео]му|[аеёиоуыэюяйьі]+)$")


@cache
def _arabic_affixes() -> re.Pattern[str]:
    return re.compile("^(?:[وفبك]?ال|لل|و)(?=.{2})|(?<=..)(?:ها|ان|ات|ون|ين|يه|ه|ي)$")


def _stem(word: str) -> str:
    """The stem of a Cyrillic or Arabic word, marked.

    Cyrillic: one inflectional ending off, then the first five letters (truncation serves inflected languages about as
    well as a stemmer: McNamee and Mayfield 2004). Arabic: the article, و and one suffix off, as in Light10 (Larkey,
    Ballesteros and Connell 2007). At least two letters remain.
    """
    if word[0] >= "\u0600":
        stem = _arabic_affixes().sub("", word)
    else:
        word = word.lower()
        stem = _cyrillic_ending().sub("", word, count=1)[:5]
        stem = stem if len(stem) >= 3 else word[:5]
    return STEM_MARK + stem


# --- words of code ----------------------------------------------------------------------------------------------------


@cache
def _code_word() -> re.Pattern[str]:
    """ASCII words joined by one mark, `::` or `->`: paths, dotted and kebab names; parts may hold `_` and capitals."""
    return re.compile(r"[A-Za-z0-9_]+(?:(?:::|->|[./\\-])[A-Za-z0-9_]+)*")


@cache
def _code_parts() -> re.Pattern[str]:
    """The words inside one name: getHTTPResponse2 → get HTTP Response2. Digits stay with the letters before them."""
    return re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9][0-9a-z]*")


@cache
def _version() -> re.Pattern[str]:
    return re.compile(r"[vV]?\d+(?:\.\d+){1,3}(?![0-9])")


@cache
def _structured() -> re.Pattern[str]:
    """What sets a word of code apart from a plain one: joints, capitals inside, digits after letters, a hex number."""
    return re.compile(
        r"[A-Za-z].*[_./\\:>-]|[_./\\:>-].*[A-Za-z]|[a-z][A-Z]|[A-Z]{2}[a-z]|^[A-Za-z]+[0-9]|^[0-9a-f]{7,}$"
    )


def identifiers(text: str) -> str:
    """Extra tokens for the words of code in `text`: lower-cased, space-separated, each once, at most `MAX_IDENTIFIERS`.

    `getUserName` and `get_user_name` → `get user name getusername`; `src/user_api.py` → its parts, `userapi` and
    `srcuserapipy`; `E0308` → `e0308`; `v1.2.3` and `1.2.3` → `v1p2p3 v1p2`, so that a shorter version meets a longer
    one. Plain words and plain numbers give nothing.
    """
    tokens: dict[str, None] = {}
    for word in dict.fromkeys(_code_word().findall(text)):
        if made := _tokens_of(word):
            tokens.update(dict.fromkeys(made))
            if len(tokens) >= MAX_IDENTIFIERS:
                break
    return " ".join(list(tokens)[:MAX_IDENTIFIERS])


@lru_cache(1 << 16)
def _tokens_of(word: str) -> tuple[str, ...]:
    """`_identifier_tokens`, remembered: nearly all words of a text have been seen in another, and have none."""
    return tuple(_identifier_tokens(word))


def _identifier_tokens(word: str) -> Iterator[str]:
    """The tokens of one word of code: parts, then the joined form of each name in it, then that of the whole."""
    if version := _version().match(word):
        numbers = version[0].lstrip("vV").split(".")
        yield from ("v" + "p".join(numbers[:length]) for length in range(len(numbers), 1, -1))
        if version.end() == len(word):
            return
    if len(word) > 1000 or not _structured().search(word):
        return
    names = [name for name in re.split(r"[^A-Za-z0-9_]+", word) if name.strip("_")]
    joined = []
    for name in names:
        parts = _code_parts().findall(name)
        yield from (part.lower() for part in parts if len(part) <= _MAX_JOINED)
        joined.append("".join(parts).lower())
    yield from (form for form in (*joined, "".join(joined)) if len(form) <= _MAX_JOINED)


# --- questions --------------------------------------------------------------------------------------------------------


@cache
def _query_word() -> re.Pattern[str]:
    """Runs of letters and digits of any script, folded, with the joints that `_code_word` allows."""
    letters = r"[\w\ue000-\ue853]+"
    return re.compile(rf"{letters}(?:(?:::|->|[./\\-]){letters})*")


@cache
def _plain_word() -> re.Pattern[str]:
    return re.compile(r"(?:[^\W_]|[\ue000-\ue853])+")


@cache
def _contraction() -> re.Pattern[str]:
    return re.compile(r"\b[a-z]+n['’]t\b|['’](?:s|d|ll|re|ve|m)\b", re.IGNORECASE)


def query_terms(text: str) -> list[Term]:
    """What to ask for when asked `text`, a question, some words or a piece of code: in order, without repeats.

    Stop words are left out unless there is nothing else. Of more than `MAX_QUERY_TERMS`, identifiers and words with
    digits stay, then the longest words.
    """
    folded = _fold(text.replace("\0", " "))
    plain = _contraction().sub(" ", folded) if "'" in folded or "’" in folded else folded
    terms = _distinct(term for term in _terms(plain) if term.text not in STOP_WORDS)
    if not terms:
        terms = _distinct(_terms(folded))
    if len(terms) > MAX_QUERY_TERMS:
        telling = set(sorted(terms, key=_distinctiveness, reverse=True)[:MAX_QUERY_TERMS])
        terms = [term for term in terms if term in telling]
    return terms


def _distinct(terms: Iterator[Term]) -> list[Term]:
    """Terms once each by text, the first kind seen."""
    return list({term.text: term for term in reversed(list(terms))}.values())[::-1]


def _terms(text: str) -> Iterator[Term]:
    for match in _query_word().finditer(text):
        word = match[0]
        rest = 0
        if not word.isascii():
            for run in _gram_runs().finditer(word):
                yield from _spaced_terms(word[rest : run.start()])
                yield from _gram_terms(run[0])
                rest = run.end()
        yield from _spaced_terms(word[rest:])


def _gram_terms(run: str) -> Iterator[Term]:
    if len(run) == 1:
        yield Term(run, "prefix")
    yield from (Term(gram, "gram") for gram in _grams(run)[:-1])


def _spaced_terms(text: str) -> Iterator[Term]:
    """The terms of a word, or of several with joints between them, in a script that puts spaces between words."""
    words = _plain_word().findall(text)
    if len(words) > 1:
        yield Term(text.strip("_").lower(), "phrase")
    for word in words:
        yield Term(word.lower(), "word")
        for inflected in _inflected().findall(word):
            yield Term(_stem(inflected), "stem")
    if text.isascii():
        yield from (Term(token, "identifier") for token in _identifier_tokens(text))


def _distinctiveness(term: Term) -> tuple[bool, bool, int]:
    return (term.kind in ("phrase", "identifier"), any(c.isdigit() for c in term.text), len(term.text))


def match_expression(terms: list[Term]) -> str:
    """`terms` as an FTS5 MATCH expression, quoted and joined by OR, since AND loses natural questions.

    "" when there is nothing to ask, which FTS5 would refuse: do not ask then.
    """
    quoted = []
    for term in terms:
        text = term.text.translate(_UNQUOTABLE).replace('"', '""')
        if text.strip():
            quoted.append(f'"{text}"*' if term.kind == "prefix" else f'"{text}"')
    return " OR ".join(quoted)


_UNQUOTABLE = {0: " "} | dict.fromkeys(range(0xD800, 0xE000), " ")  # FTS5 stops at NUL; SQLite refuses lone surrogates


def mostly_latin(text: str) -> bool:
    """Whether an English model can read `text`: at least half of its letters are Latin; without letters, it has a digit.

    An English vocabulary spells out other alphabets letter by letter, tokens that are known and carry no meaning, and
    maps emoji to unknown.
    """
    if text.isascii():
        return bool(text.strip())
    ascii_ = len(text.encode("ascii", "ignore").translate(None, _NO_ASCII_LETTERS))
    others = [letter for letter in _beyond_ascii().findall(text) if letter.isalpha()]
    latin = ascii_ + sum(1 for letter in others if letter < "\u0250" or "\u1e00" <= letter <= "\u1eff")
    if not ascii_ and not others:
        return any(character.isdigit() for character in text)
    return 2 * latin >= ascii_ + len(others)


_NO_ASCII_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())


@cache
def _beyond_ascii() -> re.Pattern[str]:
    return re.compile("[^\x00-\x7f]")


# --- dates ------------------------------------------------------------------------------------------------------------

_MONTHS = "january february march april may june july august september october november december"
_WEEKDAYS = "sunday monday tuesday wednesday thursday friday saturday"


def date_words(iso: str | None) -> str:
    """The words of an ISO 8601 date for the keyword index: "2023-05-08T13:56" → "2023-05-08 8 may 2023 monday".

    A year and month give "may 2023", a year itself. The time of day is left out: nobody recalls by the minute, and its
    numbers would match other numbers. "" for anything that is not a date.
    """
    match = re.match(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?!\d))?(?!\d))?(?!\d)", iso or "")
    if not match:
        return ""
    year, month, day = (int(part or 0) for part in match.groups())
    if match[2] is None:
        return match[1]
    if not 1 <= month <= 12 or (match[3] is not None and not 1 <= day <= 31):
        return ""
    month_name = _MONTHS.split()[month - 1]
    if match[3] is None:
        return f"{month_name} {match[1]}"
    return f"{match[0]} {day} {month_name} {match[1]} {_WEEKDAYS.split()[_weekday(year, month, day)]}"


def _weekday(year: int, month: int, day: int) -> int:
    """0 for Sunday (Sakamoto's method, Gregorian)."""
    year -= month < 3
    return (year + year // 4 - year // 100 + year // 400 + (0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4)[month - 1] + day) % 7
