"""`mem recall`: its options, and printing answers. Lean: neither typer nor rich is needed to answer.

The Typer application declares the same options for help and completion; a test keeps the two equal. The warm server answers
by the same functions (`cli.serving`): whatever the caller's folder, terminal and clock have to say comes in as a value.
"""

from __future__ import annotations

import os
import sys
import time
from collections import namedtuple

from memcli import config
from memcli.cli.invocation import Invocation, Page, as_json, places, say
from memcli.encode.days import day_of
from memcli.errors import NotFound, UsageError
from memcli.guard.hidden import columns, one_line, printable
from memcli.index.search import Filter
from memcli.recall.answer import EVERY_EPISODE
from memcli.recall.confidence import WEAK
from memcli.recall.pipeline import DEEP, HYBRID, NAME, WORDS, Recall
from memcli.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from memcli.recall.answer import Answer, Hit
    from memcli.recall.candidates import Candidate
    from memcli.recall.shelf import Shelf

Options = namedtuple(
    "Options",
    "query limit budget type tag path since until speaker source batch min_confidence explain lexical episodes fresh"
    " as_of all",
    defaults=(
        "",
        None,
        None,
        (),
        (),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        False,
        False,
        False,
        False,
        None,
        False,
    ),
)

VALUES = {
    "--limit": "limit", "-n": "limit", "--budget": "budget", "--type": "type", "-t": "type", "--tag": "tag",
    "--path": "path", "--since": "since", "--until": "until", "--speaker": "speaker", "--source": "source",
    "--batch": "batch", "--min-confidence": "min_confidence", "--as-of": "as_of",
}  # fmt: skip
FLAGS = {
    "--explain": "explain", "--lexical": "lexical", "--episodes": "episodes", "--fresh": "fresh", "--all": "all",
}  # fmt: skip
_NUMBERS, _LISTS = ("limit", "budget"), ("type", "tag")
TIERS = {
    NAME: "name: it is the id, path or title of a memory",
    WORDS: "words: the model was not needed, or is not there",
    HYBRID: "meaning and words, compared token by token",
    DEEP: "meaning and words, asked again with words of the first find",
}
_CLEAR = 0.65


def parse(arguments: list[str]) -> Options | None:
    """The options of a `mem recall`; None where the Typer application should look (help, an option unknown here)."""
    found: dict[str, object] = {}
    words: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--":
            words += list(waiting)
        elif argument in FLAGS:
            found[FLAGS[argument]] = True
        elif name in VALUES and (equals or (value := next(waiting, ""))):
            key = VALUES[name]
            if key in _NUMBERS:
                if not value.isdigit() or not 0 < int(value) <= 1_000_000:
                    return None
                found[key] = int(value)
            elif key == "min_confidence":
                try:
                    found[key] = float(value)
                except ValueError:
                    return None
                if not 0.0 <= float(value) <= 1.0:
                    return None
            elif key in _LISTS:
                found[key] = (*found.get(key, ()), value)  # type: ignore[misc]
            else:
                found[key] = value
        elif argument.startswith("-") and argument != "-":
            return None
        else:
            words.append(argument)
    return Options(query=" ".join(words), **found)


def run(invocation: Invocation, options: Options) -> int:
    """Answer, print, and return the exit code."""
    where = filter_of(options)
    if options.query == "-":
        options = options._replace(query=sys.stdin.read())
    page = Page(View.of_process())
    with opened(invocation, options, page) as recall:
        if options.batch:
            _batch(recall, options, where, page.view)
            return 0
        code = answer_on(page, recall, invocation, options, where)
        page.show()
        recall.walk_where_due()
        _start_server_where_wanted(recall.config)
    return code


def _start_server_where_wanted(settings: config.Config) -> None:
    """The next question may find a warm server, if the user's own settings ask for one."""
    if settings.number("watch.autostart") and not os.environ.get("MEM_COLD"):
        from memcli.serve import lifetime

        lifetime.start_detached()


def opened(invocation: Invocation, options: Options, page: Page, shelf: Shelf | None = None) -> Recall:
    """The stores of an invocation, opened for a question. Raises UsageError where there is none, NotFound for no store."""
    stores = places(invocation, page.view.here)
    if not options.query.strip() and not options.batch:
        raise UsageError("there is no question", hint='mem recall "what you want to know"')
    recall = Recall(stores, config.load(stores[0]), lexical=options.lexical, fresh=options.fresh, shelf=shelf)
    if not recall.sources:
        raise NotFound("there are no memories here yet", hint='mem add "something worth keeping"')
    return recall


def answer_on(page: Page, recall: Recall, invocation: Invocation, options: Options, where: Filter) -> int:
    """Put the answer to a question on a page; returns the exit code."""
    answer = _ask(recall, options.query, options, where, day_of(time.strftime("%Y-%m-%d")))
    if invocation.json:
        page.print(as_json({"query": options.query, **as_dict(answer, options.explain, page.view)}))
    else:
        _print(page, answer, options)
    return 0 if answer.hits else NotFound.exit_code


def filter_of(options: Options) -> Filter:
    """What the options say of the memories wanted. Raises UsageError for a date that is none."""
    from memcli.cli.dates import since_until

    since, until = since_until(options.since, options.until)
    as_of, _ = since_until(options.as_of, None)
    return Filter(options.type, options.tag, options.path, since, until, options.speaker, options.source, as_of)


def _ask(recall: Recall, query: str, options: Options, where: Filter, now: int | None) -> Answer:
    settings = recall.config
    asked = {
        "now": now,
        "where": where,
        "limit": options.limit or settings.number("recall.limit"),
        "episodes": EVERY_EPISODE if options.episodes or options.batch else settings.number("recall.episodes"),
        "budget": options.budget,
        "least": options.min_confidence or 0.0,
        "archived": options.all,
    }
    answer = recall.ask(query, **asked)
    stale = recall.stale_paths(answer)
    if stale:
        recall.update(stale)
        answer = recall.ask(query, **asked)
    return answer


def _batch(recall: Recall, options: Options, where: Filter, view: View) -> None:
    """Answer a file of questions, one JSON object a line; each is put at its `now`, or when the store was last written."""
    latest = recall.latest_day()
    for row in _questions(options.batch):
        now = day_of(str(row.get("now") or "")) or latest or day_of(time.strftime("%Y-%m-%d"))
        answer = _ask(recall, str(row.get("query", "")), options, where, now)
        print(as_json({"id": row.get("id"), **as_dict(answer, options.explain, view)}))
    for notice in recall.notices_now():
        say(notice)


def _questions(path: str) -> Iterator[dict[str, object]]:
    import json  # only many questions come as JSON

    try:
        # A question with a broken byte is still a question; stdin is not ours to close.
        file = sys.stdin if path == "-" else open(path, encoding="utf-8-sig", errors="replace")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint="mem recall --batch FILE") from None
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UsageError(
                f'{path}:{number} is not a JSON object like {{"id": "1", "query": "…"}}', hint="mem recall --help"
            )
        yield row


# --- printing --------------------------------------------------------------------------------------------------------


def as_dict(answer: Answer, explain: bool, view: View) -> dict[str, object]:
    """An answer for programs."""
    shown: dict[str, object] = {
        "confidence": round(answer.confidence, 4),
        "tier": answer.tier,
        "results": [_hit_dict(hit, answer, explain, view) for hit in answer.hits],
    }
    if explain and answer.added:
        shown["added"] = _added(answer)
    if answer.notices:
        shown["notices"] = answer.notices
    return shown


def _added(answer: Answer) -> list[str]:
    """The words that joined a weak question."""
    return [printable(term.text, newlines=False) for term in answer.added]


def _hit_dict(hit: Hit, answer: Answer, explain: bool, view: View) -> dict[str, object]:
    document, place = hit.candidate.document, hit.candidate.source.place
    row: dict[str, object] = {
        "ref": document.ref,
        "id": document.name,
        "path": place.shown(document.path, view.here),
        "anchor": document.anchor,
        "line": hit.line,
        "score": round(hit.score, 4),
        "type": document.type,
        "title": printable(document.title, newlines=False),
        "created": document.at or document.created,
        "speaker": document.speaker,
        "source": document.source,
        "store": place.label,
        "trust": document.trust,
        "heading": hit.heading or None,
        "text": printable(hit.text),
    }
    if hit.marks:
        row["marks"] = list(hit.marks)
    if hit.replaces:
        row["replaces"] = [_named(candidate) for candidate in hit.replaces]
    if hit.same:
        row["same"] = [candidate.document.name for candidate in hit.same]
    if explain:
        row["why"] = explanation(hit, answer)
    return {key: value for key, value in row.items() if value is not None}


def _named(candidate: Candidate) -> dict[str, object]:
    document = candidate.document
    return {"id": document.name, "title": printable(document.title, newlines=False), "created": document.created}


def explanation(hit: Hit, answer: Answer) -> dict[str, object]:
    """Each share of a hit's score, and for each channel the hit's raw score and its rank among all candidates."""
    return {
        "shares": {name: round(value, 3) for name, value in _shares(hit)},
        "channels": {
            name: {"score": round(score, 3), "rank": answer.rank(name, score)}
            for name, score in hit.candidate.scores.items()
        },
    }


def _shares(hit: Hit) -> list[tuple[str, float]]:
    """What adds to a hit's score, most first."""
    found = [(name, value) for name, value in hit.candidate.shares.items() if abs(value) >= 0.005]
    return sorted(found, key=lambda share: -share[1])


def _print(page: Page, answer: Answer, options: Options) -> None:
    bold, dim, plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if page.view.colour else ("", "", "")
    width = page.view.width
    if answer.hits and answer.confidence < WEAK:
        page.print(f"weak ({_short(answer.confidence)}): nothing clearly about this; closest:")
    ids = answer.short_ids()
    dates = [(hit.candidate.document.at or hit.candidate.document.created or "")[:10] for hit in answer.hits]
    for hit, date in zip(answer.hits, dates, strict=True):
        document = hit.candidate.document
        head = f"{ids[document.name]:<4}  {document.type:<10}  {date:<10}  "
        title = f"{document.speaker}: " if document.anchor and document.speaker else ""
        title += document.title
        room = max(20, width - len(head) - 6)
        shown = one_line(title, room)
        page.print(f"{bold}{head}{_padded(shown, room)}{plain}  {_short(hit.confidence)}")
        indent = " " * (len(ids[document.name]) + 2)
        for line in _snippet(hit, shown, width - len(indent)):
            page.print(f"{indent}{line}")
        if options.explain:
            for line in _explained(hit, answer):
                page.print(f"{indent}{dim}{line}{plain}")
        parts = [
            f"{hit.candidate.source.place.shown(document.path, page.view.here)}:{hit.line}",
            one_line(document.source or "you", 40),
        ]
        parts += (
            [f"and {len(hit.same)} more that {'says' if len(hit.same) == 1 else 'say'} the same"] if hit.same else []
        )
        parts += [f"{bold}{mark}{plain}{dim}" for mark in hit.marks]
        page.print(f"{indent}{dim}{' · '.join(parts)}{plain}")
        for old in hit.replaces:
            since = f" of {(old.document.created or '')[:10]}" if old.document.created else ""
            page.print(
                f"{indent}{dim}replaces {old.document.name[:4]}{since}: {one_line(old.document.title, width - 30)}{plain}"
            )
    _print_footer(page, answer, options)


def _print_footer(page: Page, answer: Answer, options: Options) -> None:
    if not answer.hits and answer.confidence and options.min_confidence and answer.confidence < options.min_confidence:
        page.say(
            f"nothing above {_short(options.min_confidence)} in {answer.considered:,} memories; the closest has"
            f" {_short(answer.confidence)}",
            "to see it: without --min-confidence",
        )
    elif not answer.hits:
        page.say(f"nothing found in {answer.considered:,} memories", "try: other words, or without filters")
    else:
        parts = [f"{len(answer.hits)} of {answer.considered:,}"]
        parts.append("confident" if answer.confidence >= _CLEAR else "likely" if answer.confidence >= WEAK else "weak")
        if answer.more_episodes:
            parts.append(f"{answer.more_episodes} more in past sessions: --episodes")
        if options.explain:
            added = f" ({', '.join(_added(answer))})" if answer.added else ""
            parts.append(f"answered by {TIERS[answer.tier]}{added}")
        page.print(" · ".join(parts))
    for notice in answer.notices:
        page.say(notice)


def _snippet(hit: Hit, title: str, width: int, lines: int = 2) -> Iterator[str]:
    """The beginning of a passage, wrapped to a few lines, without the lines that only repeat the title above them."""
    said = (one_line(line) for line in printable(hit.text).splitlines())
    kept = [line for line in said if line and not set(line) <= set("-=`~*_#") and line.lstrip("# ") != title]
    rest = " ".join(kept)
    for number in range(lines):
        line = one_line(rest, width)
        if number < lines - 1 and line.endswith("…"):
            line = line[:-1].rpartition(" ")[0] or line[:-1]
        if line:
            yield line
        rest = rest[len(line) :].lstrip()


def _explained(hit: Hit, answer: Answer) -> Iterator[str]:
    shares = " + ".join(f"{name} {_short(value)}" for name, value in _shares(hit))
    yield f"{hit.score:.2f} = {shares}"
    for name, score in hit.candidate.scores.items():
        yield f"{name}: {score:.3f}, rank {answer.rank(name, score)}"


def _short(value: float) -> str:
    """.91 for 0.91, as in a table of scores."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - columns(text))
