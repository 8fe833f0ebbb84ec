"""What is answered to a call of a hook: the same function in the hook's own process and in the warm server.

It reads the stores, and writes to the user's state what the session was shown (`agents.sessions`); nothing else. Silence is the
rule, and its reason is noted as one word of REASONS. Raises nothing that an agent could cause; what fails in a store is silence
too. Lean.
"""

from __future__ import annotations

import os
import time
from collections import namedtuple

from memcli import config
from memcli.agents import fence, hook, hosts, payload, sessions
from memcli.agents.hosts import COMPACT, PROMPT, START
from memcli.agents.sessions import DEADLINE, Session
from memcli.errors import MemError
from memcli.places import locate, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json.encoder import encode_basestring_ascii as quoted

    from memcli.agents.hosts import Host
    from memcli.agents.payload import Call
    from memcli.config import Config
    from memcli.places import Place
    from memcli.recall.shelf import Shelf
else:
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:  # another Python than CPython
        from json.encoder import encode_basestring_ascii as quoted

Said = namedtuple("Said", "text stores", defaults=("", ()))
Said.__doc__ = "What a hook prints, and the folders of the stores that were asked for it."

REASONS = {
    DEADLINE: "it would have taken longer than a hook may",
    "unchanged": "a session that goes on has it already, and nothing changed",
    "unreadable": "the index cannot be asked as it is (mem index)",
    "nothing": "there is nothing to say",
    "failed": "something failed (MEM_DEBUG=1 logs it)",
}
"""Why nothing was said, besides the reasons of `inject.choose`."""

MOST_PROMPT = 64_000  # characters that are looked at; recall reads 20,000
PROMPT_ROOM, START_ROOM = 1_500, 4_000  # characters of a block, its marks included
PAUSED, NO_HOOKS = "hooks-paused", "no-hooks"
_GOES_ON = frozenset(("resume", "fork"))  # sources of a start that keeps what the session was told
_BY_PEOPLE = frozenset(("", "user", "sdk"))  # sources of a prompt
_TITLES = (
    "Generate a title for this conversation",
    "Generate a short title",
    "Summarize this coding conversation in under",
)


def respond(
    agent: str,
    event: str,
    marks: list[str],
    text: str,
    *,
    here: str,
    now: float,
    until: float,
    shelf: Shelf | None = None,
) -> Said:
    """What is said to `text`, which `agent` sent at its `event` from the folder `here`; `marks` are "NAME=value" of the
    environment (`hook.TOLD`), `now` is in seconds since the epoch, `until` a moment of `time.monotonic()`."""
    if agent not in hosts.NAMES or os.path.exists(os.path.join(user_dir("state"), PAUSED)):
        return Said()
    raw = payload.parse(text)
    host = _really(hosts.load(agent), marks, raw)
    named = raw.get("hook_event_name")
    event = named if isinstance(named, str) and named in host.events else event
    ours = host.events.get(event)
    if ours is None:
        return Said()
    call = payload.Call(host, raw)
    call.cwd = call.cwd or here
    silence: str = host.silence.get(ours, "")
    if call.agent:  # a subagent: it was told by whoever sent it
        return Said(silence)
    places = _places(call.cwd)
    if not places:
        return Said(silence)
    if ours not in (START, PROMPT):
        _keep(host, ours, call, now)
        return Said(silence)
    told = _told(host, ours, call, places, now, until, shelf)
    spoken = in_shape(host.reply[ours], event, told.text, told.notice) if told.text or told.notice else silence
    return Said(spoken, told.stores)


def is_told(agent: str, event: str) -> bool:
    """Whether an agent may be told something at this event of its own."""
    return agent in hosts.NAMES and hosts.load(agent).events.get(event) in (START, PROMPT)


def _really(host: Host, marks: list[str], raw: dict[str, object]) -> Host:
    """The agent that runs: it may be another than the one that the hook was installed for."""
    known = dict(mark.split("=", 1) for mark in marks)
    session = known.get(host.session_variable)
    if session and session == payload.first(raw, host.session):
        return host
    return next((hosts.load(name) for variable, name in host.loaded_by if known.get(variable)), host)


def _places(here: str) -> list[Place]:
    """The stores that may speak in a folder; none where one of them is told not to."""
    try:
        places = locate(root=None, personal_only=False, start=here or os.sep)
    except MemError:  # a store that is not safe
        return []
    return [] if any(os.path.lexists(os.path.join(place.folder, NO_HOOKS)) for place in places) else places


# --- what is said -----------------------------------------------------------------------------------------------------


class _Told:
    """What comes of a call: the text for the model, or in one word why there is none; and a notice for the user."""

    __slots__ = ("digest", "forget", "injected", "notice", "silent", "stores", "text")

    def __init__(self) -> None:
        self.text = self.digest = self.notice = ""
        self.silent: str | None = "nothing"
        self.injected: list[tuple[str, str]] = []
        self.forget = False
        self.stores: tuple[str, ...] = ()


def _told(
    host: Host, ours: str, call: Call, places: list[Place], now: float, until: float, shelf: Shelf | None
) -> _Told:
    told = _Told()
    about = prompt_of(call) if ours == PROMPT else call.source
    if ours == PROMPT and not about:
        return told
    session = Session(host.name, call.session, call.cwd)
    began = time.monotonic()
    try:
        key = session.begin(ours, about, now)
    except OSError:  # who cannot remember what was said says nothing, lest it be said at every prompt
        return told
    if key is None:
        return told
    try:
        settings = config.load()
        if settings.number("capture"):
            _spool(host, ours, call, now)
        if ours == START and START in host.reply:
            _begin(told, session, host, call, places, now)
        elif ours == PROMPT and PROMPT in host.reply:
            _answer(told, session, about, places, settings, now, until, shelf)
    except MemError:
        told.silent = "unreadable"
    except Exception as error:  # whatever it is, the agent goes on
        told.silent = DEADLINE if "interrupted" in str(error) else "failed"
        if shelf is not None:
            shelf.clear()
        hook.note(error)
    if told.silent is None and time.monotonic() > until:
        told.silent = DEADLINE  # nobody waits for it any more
    if told.silent is not None:
        told.text, told.injected = "", []
    _end(told, session, key, places, now, ms=int(1000 * (time.monotonic() - began)))
    return told


def _end(told: _Told, session: Session, key: str, places: list[Place], now: float, *, ms: int) -> None:
    """Note what came of a call; what cannot be noted is not said."""
    had = told.digest if told.silent in (None, "unchanged") else ""
    try:
        _count(told.injected, places, now)
        session.end(
            key,
            silent=told.silent,
            injected=told.injected,
            chars=len(told.text),
            ms=ms,
            text=had,
            forget=told.forget,
        )
    except (OSError, MemError):
        told.text = ""


def prompt_of(call: Call) -> str:
    """What somebody asks in a prompt; "" where nobody does: a command, a notice of the agent, what only repeats us."""
    if call.source not in _BY_PEOPLE:
        return ""
    prompt = fence.strip(call.prompt[:MOST_PROMPT])
    if prompt.startswith("!") or prompt.startswith(_TITLES):
        return ""
    command = prompt.split(None, 1)[0] if prompt.startswith("/") else ""
    return "" if command and "/" not in command[1:] else prompt


def _begin(told: _Told, session: Session, host: Host, call: Call, places: list[Place], now: float) -> None:
    """The brief, to a session that begins; to one that goes on, where it is no longer what it was told."""
    from memcli.agents import brief
    from memcli.index import trusting

    goes_on = call.source in _GOES_ON
    # opencode tells the first prompt before the start; a start after a start means that the session was shortened.
    told.forget = not goes_on and bool(call.source or not call.session or session.last_text(START))
    if host.notices and not goes_on and call.source != "compact":
        told.notice = trusting.notice(places)
    made = brief.compose(places, here=call.cwd or os.sep, now=now, budget=START_ROOM, agent=host.name)
    told.stores = tuple({place.folder: None for place, _ in made.shown})
    if not made.text:
        return
    told.digest = sessions.digest(made.text)
    before = session.last_text(START) if goes_on else ""
    if told.digest == before or (call.source == "fork" and not before):
        told.silent = "unchanged"
        return
    told.silent, told.text = None, made.text
    told.injected = [(name, place.state_key()) for place, name in made.shown]
    if call.source != "compact":
        sessions.prune()


def _answer(
    told: _Told, session: Session, prompt: str, places: list[Place], settings: Config, now: float, until: float,
    shelf: Shelf | None,
) -> None:  # fmt: skip
    """The memories for a prompt."""
    from memcli.agents import inject
    from memcli.recall.hurried import Hurried

    with Hurried(places, settings, until, lexical=shelf is None, shelf=shelf) as recall:
        told.stores = tuple(source.place.folder for source in recall.sources)
        if recall.sources:
            chosen = inject.choose(recall, prompt, now=now, shown=session.shown())
            told.silent, told.injected = chosen.silent, chosen.shown
            told.text = fence.block(chosen.header, chosen.lines)
            told.digest = sessions.digest(told.text) if chosen.lines else ""
        elif recall.unasked:
            told.silent = "unreadable"


def _count(injected: list[tuple[str, str]], places: list[Place], now: float) -> None:
    """Count these memories as shown, for `mem review`; an episode's turns are the episode."""
    from memcli.lifecycle import exposure

    for place in places:
        key = place.state_key()
        names = [name.partition("^")[0] for name, store in injected if store == key]
        if names:
            exposure.note(place, dict.fromkeys(names), now)


# --- what is kept -----------------------------------------------------------------------------------------------------


def _keep(host: Host, ours: str, call: Call, now: float) -> None:
    """Have a session kept, where its user wants that; one that forgets what it was told may be told again."""
    try:
        if ours == COMPACT:
            session = Session(host.name, call.session, call.cwd)
            if session.shown() and (key := session.begin(ours, "", now)):
                session.end(key, silent="nothing", forget=True)
        if config.load().number("capture"):
            _spool(host, ours, call, now)
    except (OSError, MemError) as error:
        hook.note(error)


def _spool(host: Host, ours: str, call: Call, now: float) -> None:
    from memcli.agents import capture

    capture.spool(host.name, ours, call.raw, now)


# --- shapes -----------------------------------------------------------------------------------------------------------


def in_shape(shape: str, event: str, text: str, notice: str = "") -> str:
    """A reply that brings a text to the model: one JSON object, ASCII, on a line, or the text itself. With a `notice`, which
    only an envelope can hold, for the user."""
    if shape == hosts.PLAIN:
        return f"{text}\n"
    said = quoted(text)
    if shape == hosts.ENVELOPE:
        inner = f'{{"hookEventName":{quoted(event)},"additionalContext":{said}}}'
        parts = [f'"hookSpecificOutput":{inner}'] if text else []
        parts += [f'"systemMessage":{quoted(notice)}'] if notice else []
        said = f"{{{','.join(parts)}}}"
    elif shape == hosts.CLINE:
        said = f'{{"cancel":false,"contextModification":{said},"errorMessage":""}}'
    else:
        said = f'{{"{"additional_context" if shape == hosts.CURSOR else "additionalContext"}":{said}}}'
    return f"{said}\n"
