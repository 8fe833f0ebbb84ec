"""Names that are written as code: symbols, files, packages, issues, errors, hosts, handles, tags, links, titles, versions.

Pure, lean and linear: each alternative of the one pattern starts with a rare character or at a word, looks ahead a bounded
stretch and takes what it looked at.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from memcli.encode.keys import fold, joined, words
from memcli.encode.propernames import COMMON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Found = list[tuple[str, str]]  # (key, kind)
    Reader = Callable[[str, str], Found]
    Shape = Callable[[re.Match[str]], Found]

LONGEST_COMMAND = 4  # words between backticks
LONGEST_TITLE = 6  # words between quotation marks


def code_names(text: str) -> tuple[list[tuple[int, int, str, str]], str]:
    """(start, end, key, kind) of what is named by syntax, and the text with these places blanked, as long as before."""
    found: list[tuple[int, int, str, str]] = []
    prose: list[str] = []
    done = 0
    for match in _matches(text):
        group = match.lastgroup or "word"
        start, end = match.span()
        named = _READERS[group](match[group], text[end : end + 1])
        if named:
            found.extend((start, end, key, kind) for key, kind in named)
            if group != "quote":
                prose += (text[done:start], "`" * (end - start))
                done = end
    prose.append(text[done:])
    for match in _installed().finditer(text) if "import" in text or " install " in text or " add " in text else ():
        name = next(group for group in match.groups() if group)
        key = joined(name.split(".")[0]) if "/" not in name else fold(name.lstrip("@"))
        found.append((*match.span(), key, "package"))
    return found, "".join(prose)


def _matches(text: str) -> Iterator[re.Match[str]]:
    """The matches of `_code`, looked for only where `_signs` says that one may begin: most words of a text are plain."""
    if not text.isascii():
        yield from _code().finditer(text)
        return
    done = 0
    while sign := _signs().search(text, done):
        match = _code().search(text, _beginning(text, done, sign.start()))
        if match is None:
            return
        yield match
        done = match.end()


def _beginning(text: str, done: int, at: int) -> int:
    """Where the name may begin that has a sign at `at`: before its word and, at a number, before those that announce it."""
    if text[at] in "#0123456789" and at > done:
        at = max(done, at - _LONGEST_ANNOUNCEMENT)
    while at > done and not text[at - 1].isspace():
        at -= 1
    return at


@cache
def _signs() -> re.Pattern[str]:
    """What every name in ASCII text holds. It begins with one set of characters, which the engine skips to quickly."""
    return re.compile(
        r"""[`"\[@\#:./\\_\-0-9A-Z](?:
          (?<=[0-9]) | (?<=[a-z][A-Z]) | (?<=[\w./\\:@-][./\\:@-])(?=\w) | (?<=[_@\#])(?=\w) | (?<=:)(?=//)
        | (?<=`)(?=[^`\n]{1,120}`) | (?<=\[)(?=\[) | (?<=")(?=[A-Za-z][^"\n]{1,58}[\w!?)]") )""",
        re.VERBOSE,
    )


_LONGEST_ANNOUNCEMENT = len("Pull Requests #")


@cache
def _code() -> re.Pattern[str]:
    return re.compile(
        r"""`(?P<tick>[^`\n]{1,120})`
        | \[\[(?P<link>[^\[\]\n|\#^]{1,200}+)[^\[\]\n]{0,200}+\]\]
        | (?P<url>https?://[^\s<>"'`)\]]{1,500})
        | (?<![\w@/&\#.])(?P<handle>@[A-Za-z0-9_][\w./-]{0,80})
        | (?<![\w@/&\#])(?P<hash>\#\w[\w/-]{0,60})
        | ["“](?P<quote>[^\W\d_][^"“”\n]{1,58}[\w!?)])["”]
        | [「『《](?P<title>[^「」『』《》\n]{1,40})[」』》]
        | \b(?:[Ii]ssues?|[Pp][Rr]s?|[Mm][Rr]s?|[Pp]ull\ [Rr]equests?|[Tt]ickets?|[Bb]ugs?)\ \#?(?P<number>\d{1,7})\b
        | \b(?P<status>(?:HTTP|[Ee]xit\ (?:code|status))[ ]\d{1,3})\b
        | \b(?=[\w./\\:@-]{0,300}?(?:[./\\:_@-]\w|\d|[a-z][A-Z]))(?P<word>[\w./\\:@-]{1,300})""",
        re.VERBOSE,
    )


@cache
def _installed() -> re.Pattern[str]:
    """Packages where they are installed or imported."""
    return re.compile(
        r"\b(?:pip3?|uv|npm|pnpm|yarn|cargo|gem|brew|apt|apt-get|go|poetry|conda) (?:install|add|get|i) "
        r"(?:-{1,2}[\w-]{1,20} ){0,3}([@A-Za-z][\w@/.-]{0,80})"
        r"|^[ \t]{0,40}(?:import ([A-Za-z_][\w.]{0,80})(?=[ \t]*(?:$|,|;| as ))|from ([A-Za-z_][\w.]{0,80}) import )",
        re.MULTILINE,
    )


def _read_tick(content: str, _: str) -> Found:
    """Between backticks anything is a name: one word a symbol or file, a few words a command."""
    content = content.strip().rstrip("()")
    if " " not in content:
        named = _read_word(content, "")
        if not named and "/" in content:
            return [(fold(content.strip("./")), "file"), (joined(content.strip("/").rsplit("/", 1)[-1]), "file")]
        return named or ([(joined(content), "symbol")] if joined(content) and not content.isdigit() else [])
    named = [one for match in _code().finditer(content) if (word := match["word"]) for one in _read_word(word, "")]
    command = content.split()
    return named + ([(fold(" ".join(command)), "symbol")] if len(command) <= LONGEST_COMMAND else [])


def _read_link(target: str, _: str) -> Found:
    stem = target.strip().rsplit("/", 1)[-1].removesuffix(".md")
    return [(key, "link") for key in dict.fromkeys((" ".join(words(stem)), joined(stem)))]


def _read_url(url: str, _: str) -> Found:
    host, _, path = url.partition("://")[2].partition("/")
    host = host.rpartition("@")[2].partition(":")[0].lower().removeprefix("www.")
    parts = path.split("/")
    repository = host in ("github.com", "gitlab.com", "codeberg.org") and len(parts) > 1
    return [(host, "host"), *([(joined(parts[1]), "package")] if repository else [])]


def _read_handle(handle: str, after: str) -> Found:
    name = handle[1:].rstrip("./-")
    if "/" in name:
        return [(fold(name), "package"), (joined(name.rsplit("/", 1)[-1]), "package")]
    key = " ".join(words(name.replace("_", " ")))
    return [(key, "handle")] if key and after != "(" else []


def _read_hash(tag: str, _: str) -> Found:
    name = tag[1:].rstrip("/-")
    if name.isdecimal():
        return [(f"#{int(name[:12])}", "issue")]
    colour = len(name) in (3, 6, 8) and not name.lower().strip("0123456789abcdef")
    code = colour or name[:1].isdecimal() or name in ("define", "include", "ifdef", "endif")
    return [] if code else [(fold(name), "tag")]


def _read_quote(content: str, _: str) -> Found:
    """A title or name in quotes; what people say in quotes is longer, or starts small."""
    key = " ".join(title := words(content))
    named = 1 <= len(title) <= LONGEST_TITLE and (content[0].isupper() or content[0].lower() == content[0].upper())
    return [(key, "quoted")] if named and key not in COMMON else []


def _read_number(number: str, _: str) -> Found:
    return [(f"#{int(number)}", "issue")]


def _read_status(text: str, _: str) -> Found:
    return [(text.lower(), "error")]


@lru_cache(1 << 15)
def _read_word(word: str, after: str) -> Found:
    """What a word with marks, digits or inner capitals names; nothing for the many that are just words or numbers."""
    word = word.rstrip("./\\:@-")
    for pattern, read in _shapes():
        if match := pattern.fullmatch(word):
            return read(match)
    if "/" in word or "\\" in word:
        return _path(word.replace("\\", "/"))
    if "." in word or "::" in word:
        return _dotted(word, after)
    if "_" in word.strip("_") or after == "(" or word[:1].islower():
        structured = "_" in word.strip("_") or any(c.isupper() for c in word[1:]) or any(c.isdigit() for c in word)
        return [(key, "symbol")] if structured and len(key := joined(word)) > 2 else []
    return [(joined(word), "symbol")] if any(c.isdigit() for c in word) and len(word) > 1 else []


@cache
def _shapes() -> list[tuple[re.Pattern[str], Shape]]:
    """Shapes of whole words, tried in this order."""
    number = r"\d+(?:\.\d+)"  # to be repeated
    shapes: list[tuple[str, Shape]] = [
        (rf"[vV]?({number}{{1,2}}\.\d+)|[vV]({number})|[vV]\d+", lambda m: [(m[1] or m[2] or m[0].lower(), "version")]),
        (r"[\d.,:/\\_-]+|\d+-?[A-Za-z-]+|(?:[A-Za-z]|\d{1,2})(?:[.:/]\w)+", lambda m: []),  # a number, 90s, 30-day, e.g
        (rf"([A-Za-z][\w./-]*)@[vV^~]?({number}{{1,3}})", lambda m: [(joined(m[1]), "package"), (m[2], "version")]),
        (r"([\w.-]+)@([\w-]+(?:\.[\w-]+)+)", _email),
        (r"[Cc][Vv][Ee]-\d{4}-\d{3,7}", lambda m: [(m[0].lower(), "issue")]),
        (r"([A-Z][A-Z0-9]{1,9})-(\d{1,7})", _issue),
        (r"[A-Z]{1,5}\d{3,6}", lambda m: [(m[0].lower(), "error")]),
        (r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}", lambda m: [(m[0][:7], "symbol")]),  # a commit
        (r"(?:\w+[.:]{1,2})*([A-Z]\w*(?:Error|Exception|Warning|Fault|Panic))", lambda m: [(joined(m[1]), "error")]),
        (rf"[\w.-]+\.(?:{_EXTENSIONS})(?::\d+){{0,2}}", lambda m: _path(m[0])),
    ]  # fmt: skip
    return [(re.compile(pattern), read) for pattern, read in shapes]


_EXTENSIONS = (
    "py|pyi|ipynb|js|mjs|cjs|jsx|ts|tsx|vue|svelte|go|rs|rb|java|kt|scala|swift|c|h|cc|cpp|hpp|cs|php|pl|lua|exs|erl|hs|ml"
    "|jl|sh|bash|zsh|fish|ps1|bat|sql|md|markdown|rst|txt|json|jsonl|yaml|yml|toml|ini|cfg|conf|env|lock|html|htm|css|scss"
    "|less|csv|tsv|xml|proto|tf|hcl|log|pdf|png|jpg|jpeg|svg|gif|db|sqlite|parquet|gradle|whl|zip|tar|gz|onnx|service"
)
_FOLDERS = frozenset(  # by which a path without an extension is told from "and/or"
    (
        "src",
        "lib",
        "test",
        "tests",
        "docs",
        "bin",
        "etc",
        "usr",
        "home",
        "var",
        "tmp",
        "opt",
        "pkg",
        "cmd",
        "scripts",
        "packages",
    )
)
_DOMAINS = frozenset(("com", "org", "net", "io", "dev", "ai", "app", "co", "edu", "gov", "local", "internal"))
_NO_ISSUE = frozenset(
    ("UTF", "SHA", "ISO", "GPT", "COVID", "RFC", "MD", "AES", "RSA", "HTTP", "UTC", "GMT", "PEP", "ES")
)


def _email(match: re.Match[str]) -> Found:
    return [
        (match[0].lower(), "handle"),
        (" ".join(words(match[1].replace("_", " "))), "handle"),
        (match[2].lower(), "host"),
    ]


def _issue(match: re.Match[str]) -> Found:
    """A tracker's key, and its number alone, since people say "ticket 123"; UTF-8 and PEP-8 are no issues."""
    if match[1] in _NO_ISSUE:
        return [(joined(match[0]), "symbol")]
    return [(f"{match[1].lower()} {int(match[2])}", "issue"), (f"#{int(match[2])}", "issue")]


def _path(path: str) -> Found:
    """A path, its file name and the name's stem; nothing for "and/or"."""
    path = re.sub(r"(?::\d+){1,2}$", "", path).strip("/.").lower()
    folder, _, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if dot and re.fullmatch(_EXTENSIONS, extension):
        keys = [path, name, joined(stem)] if folder else [name, joined(stem)]
    elif folder and ("_" in path or not _FOLDERS.isdisjoint(path.split("/"))):
        keys = [path, joined(name)]
    else:
        return []
    return [(key, "file") for key in dict.fromkeys(keys)]


def _dotted(name: str, after: str) -> Found:
    """A host, or a qualified name with its last part where that is written as an identifier; not "end.Then"."""
    parts = [part for part in re.split(r"\.|:+", name) if part]
    if len(parts) > 1 and parts[-1] in _DOMAINS and "::" not in name:
        machine = [(joined(parts[0]), "host")] if len(parts) > 2 and re.search(r"[\d-]", parts[0]) else []
        return [(name.lower().removeprefix("www."), "host"), *machine]
    code = [bool(re.search(r"_|[a-z][A-Z]", part)) for part in parts]
    if len(parts) < 2 or not ("::" in name or after == "(" or any(code) or len(parts) > 2) or min(map(len, parts)) < 2:
        return []
    last = [(joined(parts[-1]), "symbol")] if (code[-1] or after == "(") and len(parts[-1]) > 3 else []
    return [(".".join(map(joined, parts)), "symbol"), *last]


_READERS: dict[str, Reader] = {
    "tick": _read_tick, "link": _read_link, "url": _read_url, "handle": _read_handle, "hash": _read_hash,
    "quote": _read_quote, "title": _read_quote, "number": _read_number, "status": _read_status, "word": _read_word,
}  # fmt: skip
