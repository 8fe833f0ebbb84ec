"""Secrets in text: where they stand, and the text without them.

Owns `find` and `mask`. Promises: linear time in the length of the text; `mask` is idempotent and leaves nothing that
`find` reports; the value of a secret is never kept, repeated, logged or put in an error. Two kinds of evidence count:
a format that a provider gives its credentials (`secret_rules`), and a random-looking value where the text says that a
secret stands (`api_key = "..."`, `Authorization: Bearer ...`, `https://user:...@host`, `curl -u user:...`).
A placeholder (`xxxx`, `<token>`, `${VAR}`, `your-key`) is no secret. It guards against accidents, not against a person
who hides a secret on purpose. Lean: imported by every write; patterns compile on first need.
"""

from __future__ import annotations

import re
from collections import namedtuple
from functools import cache

from memcli.guard.secret_names import is_password_name, is_secret_name
from memcli.guard.secret_rules import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    class Finding(NamedTuple):
        """One secret: the rule that found it, and the span [start, end) of its value in characters of the text."""

        rule: str
        start: int
        end: int
else:
    Finding = namedtuple("Finding", "rule start end")

# Every format is one run of printable ASCII at least this long: prose has next to none, so it costs one scan.
_RUN = re.compile(r"[!-~]{16,}")
_CORE = re.compile(r"[A-Za-z0-9_%+~-]{16}")  # all hold this; most addresses and code do not
_MASKED = re.compile(r"\[secret:[a-z0-9-]{1,40}\]")
_MAX_MASK_CHARS = 50

# A format is told from a placeholder by its characters: real ones are random. Bits per character.
_MIN_FORMAT_ENTROPY = 2.5
_MIN_VALUE_ENTROPY = 2.8

_PLACEHOLDER = (
    r"x{4}|\*{3}|\.{3}|#{4}|_{4}|-{4}|example|change.?me|place.?holder|redacted|dummy|sample|fixme|insert|replace"
    r"|your|abcdef?gh|abc123|123abc|1234567|987654|00000|deadbeefdeadbeef|foobar|lorem|secret:"
    r"|my[-_](?:pass|secret|token|key|api)"
    r"|todo[-_ ]|fake|not[-_]?(?:a[-_])?real|some[-_](?:pass|secret|token|key)|random.?string"
    r"|test[-_]?(?:pass|secret|token|key)"
)
_TEMPLATE = (
    r"^[$<{%@\[(]|\$\{|\$\(|\{\{|#\{|%\(|<[a-z]|^env[.:(]|^process\.env|^os\.environ|^secrets\.|^var\.|^vault:|^\W+$"
)
# As a password or as one half of `user:password`, these say that it is an example.
_EXAMPLE_PASSWORDS = re.compile(
    r"[A-Z]{2,20}(?:_[A-Z]{2,20}){1,4}|(?-i:[a-z]{1,12})?[-_]?(?:pass(?:w(?:or)?d|phrase)?|pwd|pw|secret|token|key|user(?:name)?"
    r"|test(?:ing)?|admin|root|guest|login|postgres|mysql|rabbitmq|redis|minio|minioadmin|foo|bar|baz|qux|hunter2|x+|y+|z+|abc"
    r"|localhost|db|none|null|true|false|x-oauth-basic|x-access-token|api_?key|auth|demo|hello|world|letmein|qwerty|string|value)"
    r"[-_]?\d{0,4}!?",
    re.ASCII | re.IGNORECASE,
)


@cache
def _placeholder() -> re.Pattern[str]:
    return re.compile(f"{_PLACEHOLDER}|{_TEMPLATE}", re.IGNORECASE | re.ASCII)


@cache
def _format(pattern: str) -> re.Pattern[str]:
    """The pattern standing alone, not as the name of a file; an escaped line break (`\\n`) before it is a boundary."""
    return re.compile(
        rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{pattern})(?![A-Za-z0-9_]|\.(?:png|jpe?g|gif|svg|ico|css|js)\b)",
        re.ASCII,
    )


def find(text: str) -> list[Finding]:
    """The secrets of `text`, in order, without overlap; spans are of the secret values alone."""
    found = [*_formats(text), *_private_keys(text), *_named_values(text), *_credentials_of_commands(text)]
    if "[secret:" in text:
        found = [finding for finding in found if not _is_masked(text, finding)]
    return _without_overlap(found)


def mask(text: str) -> tuple[str, list[str]]:
    """`text` with each secret replaced by `[secret:RULE]`, and the rules hit, one per secret replaced."""
    rules: list[str] = []
    # Masking one value can uncover a neighbour that it had hidden. Each round takes characters that no later round
    # gives back, so this ends.
    while found := find(text):
        pieces: list[str] = []
        at = 0
        for finding in found:
            pieces += (text[at : finding.start], f"[secret:{finding.rule}]")
            at = finding.end
        text = "".join(pieces) + text[at:]
        rules += [finding.rule for finding in found]
    return text, rules


def _is_masked(text: str, finding: Finding) -> bool:
    """Whether the span touches what `mask` has put into the text."""
    start = max(0, finding.start - _MAX_MASK_CHARS)
    end = min(len(text), finding.end + _MAX_MASK_CHARS)
    return any(m.start() < finding.end and finding.start < m.end() for m in _MASKED.finditer(text, start, end))


def _without_overlap(found: list[Finding]) -> list[Finding]:
    """Overlapping findings joined to one over all their characters, named for the most specific (listed first)."""
    order = {id(finding): rank for rank, finding in enumerate(found)}
    kept: list[Finding] = []
    rank_kept = 0
    for finding in sorted(found, key=lambda f: (f.start, -f.end)):
        rank = order[id(finding)]
        if kept and finding.start < kept[-1].end:
            last = kept.pop()
            rule = last.rule if rank_kept <= rank else finding.rule
            kept.append(Finding(rule, last.start, max(last.end, finding.end)))
            rank_kept = min(rank_kept, rank)
        else:
            kept.append(finding)
            rank_kept = rank
    return kept


# --- formats


def _formats(text: str) -> Iterator[Finding]:
    """Credentials of a known format, each of which lies within one long run."""
    runs = [(match.start(), match.group()) for match in _RUN.finditer(text) if _CORE.search(match.group())]
    if not runs:
        return
    joined = "\n".join([run for _, run in runs])
    for rule, landmarks, pattern in FORMATS:
        for landmark in landmarks:
            if landmark not in joined:
                continue
            for at, run in runs:
                if landmark in run:
                    yield from _in_run(rule, _format(pattern), run, at)


def _in_run(rule: str, pattern: re.Pattern[str], run: str, at: int) -> Iterator[Finding]:
    """The real credentials of one format in `run`, which begins at `at` in the text."""
    for match in pattern.finditer(run):
        start, end = match.span("value" if "value" in pattern.groupindex else 0)
        if _is_real(run[start:end]):
            yield Finding(rule, at + start, at + end)


def _is_real(value: str) -> bool:
    """A value of a provider's format that is not one from its manual."""
    if _placeholder().search(value[:400]):
        return False
    # Long base64 holds runs of `AAAA`, which are zero bytes; a short credential with one is made up.
    if len(value) < 60 and re.search(r"([A-Za-z0-9])\1{4}", value):
        return False
    return entropy(value) >= _MIN_FORMAT_ENTROPY


def entropy(value: str) -> float:
    """Shannon entropy of the characters of `value`, in bits per character."""
    from math import log2

    size = len(value)
    return -sum(n / size * log2(n / size) for n in map(value.count, set(value)))


# --- private keys

_KEY_HEADER = re.compile(r"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_FOOTER = re.compile(r"-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# Lines of base64 in any of the wrappings in which keys are pasted: plain, quoted, escaped, indented, YAML, diff.
_KEY_LINE_BREAK = r"(?:\\[nr]|[\s\"'+,|>*#])*+"
_KEY_BODY = re.compile(
    r"(?:\s*[A-Z][A-Za-z-]{2,20}: [^\n\\]{0,100}){0,5}"
    rf"(?:{_KEY_LINE_BREAK}[A-Za-z0-9+/=]{{16,}}+)+(?:{_KEY_LINE_BREAK}[A-Za-z0-9+/]{{1,15}}={{1,2}})?"
)
_PUTTY_KEY = re.compile(r"Private-Lines: \d{1,4}\r?\n(?P<value>(?:[A-Za-z0-9+/=]{1,64}\r?\n?)+)")
_MAX_KEY_CHARS = 20_000  # an RSA key of 16,384 bits takes 12,700


def _private_keys(text: str) -> Iterator[Finding]:
    if "PRIVATE KEY" in text:
        at = 0
        while header := _KEY_HEADER.search(text, at):
            at = header.end()
            limit = min(len(text), at + _MAX_KEY_CHARS)
            if footer := _KEY_FOOTER.search(text, at, limit):
                end = footer.start()
            else:
                body = _KEY_BODY.match(text, at, limit)
                end = body.end() if body else at
            if re.search(r"[A-Za-z0-9+/]{40}", text[at:end]):
                yield Finding("private-key", header.start(), footer.end() if footer else end)
                at = footer.end() if footer else end
    if "Private-Lines:" in text:
        for match in _PUTTY_KEY.finditer(text):
            yield Finding("private-key", *match.span("value"))


# --- values that the text says are secret

_SCHEMES = r"(?:(?i:basic|bearer|token|digest|splunk|sso-key|api-?(?:token|key))[ \t]+)?"
_QUOTED = rf"\\?[\"'`]{_SCHEMES}(?P<quoted>[^\s\"'`<>\\]{{8,400}}+)(?:[\"'`\\]|(?=\s|$))"
_BARE = rf"{_SCHEMES}(?P<bare>[A-Za-z0-9_+/~.$!%^@-]{{8,1000}}+={{0,3}}+)(?![\w(\[{{]|<(?!/))"
_VALUE = rf"(?:{_QUOTED}|{_BARE})"


@cache
def _assignment() -> re.Pattern[str]:
    """`name = value`, `"name": "value"`, `<name>value<`, `name("value")`, with the value captured."""
    return re.compile(rf"[=:>(,](?:(?<=[=:>])[=>]?[ \t]{{0,8}}|[ \t]?(?=\\?[\"'])){_VALUE}", re.ASCII)


@cache
def _statement() -> re.Pattern[str]:
    """`the password is value`."""
    return re.compile(rf" (?:is|was)[: ] ?{_VALUE}", re.ASCII)


@cache
def _option() -> re.Pattern[str]:
    """`--token value`, `-vaultToken value`."""
    return re.compile(rf" --?[A-Za-z][\w-]{{2,40}}+[ \t]+(?!-){_VALUE}", re.ASCII)


_NAME_REVERSED = re.compile(r"[\w.$-]{2,80}(?: [A-Za-z]{2,20})?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}|[0-9a-fA-F]{32,}")
_SWITCH = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])|[a-z](?=[A-Z])")
_CODE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|->|::)[A-Za-z_][A-Za-z0-9_]*)+|[a-z]+(?:[_-][a-z]+)+[_-]?\d{0,4}|v?\d[\d.,:_-]*\w{0,4}"
)


def _named_values(text: str) -> Iterator[Finding]:
    patterns = [_assignment()]
    if " is " in text or " is: " in text or " was " in text:
        patterns.append(_statement())
    if " -" in text:
        patterns.append(_option())
    for pattern in patterns:
        for match in pattern.finditer(text):
            group = "quoted" if match.group("quoted") else "bare"
            value = match.group(group)
            if group == "bare":
                value = value.rstrip(".!")  # the end of a sentence
            if not _DIGIT_OR_PADDING.search(value) or len(set(value)) < _MIN_DISTINCT:
                continue
            start = match.start(group)
            rule = _judge(_name_of(text, match.start(), pattern is _option(), match), value, quoted=group == "quoted")
            if rule == "password" and group == "bare":
                value = _REST_OF_WORD.match(text, start).group()  # type: ignore[union-attr]  # it matches at least `value`
            if rule:
                yield Finding(rule, start, start + len(value))


_REST_OF_WORD = re.compile(r"[!-~]{1,200}?(?=[\s\"'`<>,;)\]}]|[^!-~]|$)|[!-~]{1,200}")
_DIGIT_OR_PADDING = re.compile(r"[0-9]|=$")
_MIN_DISTINCT = 6  # characters; fewer cannot reach the entropy asked for below


def _name_of(text: str, at: int, option: bool, match: re.Match[str]) -> str:
    """What the value is called: the words just before the sign at `at`, or the option's own name."""
    if option:
        return match.group().split()[0].lstrip("-")
    before = text[max(0, at - 100) : at].rstrip(" \t\"'`])?:=\\")
    name = _NAME_REVERSED.match(before[::-1])  # from its end: searching for `name$` would be quadratic
    return name.group()[::-1] if name else ""


def _judge(name: str, value: str, *, quoted: bool) -> str | None:
    """The rule under which `value` is a secret when it stands behind `name`, or None."""
    if len(name) < 2:
        return None
    if is_password_name(name):
        return "password" if _is_password(value, quoted=quoted) else None
    strength = is_secret_name(name)
    if strength == "authorization":
        return "authorization" if _is_random(value, path=False) else None
    return "credential" if strength and _is_random(value, strict=strength == "provider") else None


def _is_password(value: str, *, quoted: bool) -> bool:
    if _placeholder().search(value) or _EXAMPLE_PASSWORDS.fullmatch(value) or _CODE.fullmatch(value):
        return False
    if "/" in value and not quoted:
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9_.-]"))
    return (
        kinds >= (2 if quoted else 3)
        and bool(re.search(r"[0-9]", value))
        and entropy(value) >= _MIN_VALUE_ENTROPY - 0.3
    )


def _is_random(value: str, *, strict: bool = False, path: bool = True) -> bool:
    """Whether `value` was drawn by chance: not a word, path (unless `path` rules that out), identifier or template."""
    if _placeholder().search(value) or re.search(r"([A-Za-z0-9])\1{4}", value[:60]) or _CODE.fullmatch(value):
        return False
    if path and (value.startswith(("/", "./", "~/", "--")) or ("/" in value and re.search(r"[.-]|://", value))):
        return False
    if _UUID.fullmatch(value):
        return True
    if entropy(value) < _MIN_VALUE_ENTROPY + (0.4 if strict else 0):
        return False
    if _HEX.fullmatch(value):
        return len(value) >= (32 if strict else 16)
    if len(value) < (20 if strict else 10):
        return False
    # Words change little between letters, digits and cases; random text changes at every second or third character.
    switches = len(_SWITCH.findall(value))
    return bool(re.search(r"[0-9]|=$", value)) and switches >= 3 and switches * 8 >= len(value)


# --- credentials in addresses and commands

_URL = re.compile(r"://(?P<user>[^\s/@:\"'`<>\\()\[\]]{0,100}+):(?P<value>[^\s/@\"'`<>\\]{3,200}+)@(?=[A-Za-z0-9\[_])")
_CURL_USER = re.compile(
    r"[ \t](?:-u|--user|--proxy-user)[ \t=]{0,4}[\"']?(?P<user>[^\s\"':=$<{]{1,64}+)[\"']?"
    r":[\"']?(?P<value>[^\s\"'`]{3,200}+)"
)
_COMMAND_CHARS = 500  # how far behind `curl` its options are looked for


def _credentials_of_commands(text: str) -> Iterator[Finding]:
    if "://" in text and "@" in text:
        yield from _pairs("url-password", _URL.finditer(text))
    if "curl" in text and " -" in text:
        matches = (
            m for m in _CURL_USER.finditer(text) if "curl" in text[max(0, m.start() - _COMMAND_CHARS) : m.start()]
        )
        yield from _pairs("curl-user", matches)


def _pairs(rule: str, matches: Iterable[re.Match[str]]) -> Iterator[Finding]:
    """The passwords of `user:password` pairs that are no examples."""
    for match in matches:
        user, value = match.group("user"), match.group("value")
        if user == value or _placeholder().search(value) or _EXAMPLE_PASSWORDS.fullmatch(value):
            continue
        if len(value) >= 5 and len(set(value)) > 2:
            yield Finding(rule, *match.span("value"))
