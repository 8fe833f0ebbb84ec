"""What is put before an agent at a prompt: who may speak, what fits, what is never said twice, and when nothing is said."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli import config
from memcli.agents import asked, fence, inject
from memcli.agents.inject import Injection
from memcli.encode import days
from memcli.index import db, schema
from memcli.places import Place
from memcli.recall import refresh
from memcli.recall.pipeline import Recall
from memcli.store import Store
from tests.agents.calling import environment, hook, told
from tests.command import run_mem
from tests.test_imports import NEVER_LEXICAL, settled, site_modules

NOW = 86_400.0 * ((days.day_of("2026-06-01") or 0) - (days.day_of("1970-01-01") or 0)) + 43_200
LINE = re.compile(r"- (\d{4}(-\d\d(-\d\d)?)?|undated) [\w-]+ [a-z0-9]{4,12} \([^()\n]+\): \S.*")
ASK = "which port does the pricing service listen on"
PORTS = "The pricing service listens on port 7120, the gateway on port 7100."


def keep(place: Place, name: str, text: str, *, type_: str = "fact", **front: object) -> None:
    """A memory as a person would write it, under an id that the test chooses."""
    path = Path(place.tree) / "notes" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{key}: {value}\n" for key, value in {"id": name, "type": type_, **front}.items())
    path.write_text(f"---\n{lines}---\n{text}\n", encoding="utf-8")


def chosen(store: Store, prompt: str = ASK, *shown: str, now: float = NOW, **more: Any) -> Injection:
    with Recall([store.place], config.load(), lexical=True) as recall:
        return inject.choose(recall, prompt, now=now, shown=frozenset(shown), **more)


def ids(injection: Injection) -> list[str]:
    return [key for key, _ in injection.shown]


def reasons(store: Store, prompt: str = ASK, *shown: str) -> dict[str, str | None]:
    return {one.key: one.reason for one in chosen(store, prompt, *shown, explain=True).considered}


def stands(store: Store, name: str, **columns: object) -> None:
    """Have the index say how a memory stands, as `mem gc` and `mem feedback` would."""
    store.sync()
    connection = db.connect(schema.index_path(store.place), create=False)
    values = {"tier": "hot", "utility": 0.6, "barred": 0, **columns}
    with db.transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO standing (name, hash, tier, utility, barred)"
            " SELECT name, hash, :tier, :utility, :barred FROM entries WHERE name = :name",
            {**values, "name": name},
        )
    connection.close()


def is_of(store: Store, name: str, trust: str) -> None:
    """Have the index say whose a memory is."""
    store.sync()
    connection = db.connect(schema.index_path(store.place), create=False)
    with db.transaction(connection):
        connection.execute("UPDATE entries SET trust = ? WHERE name = ?", (trust, name))
    connection.close()


@pytest.fixture
def ports(store: Store) -> Store:
    """A store with what ASK asks for, and others."""
    keep(store.place, "portspricing", PORTS, created="2026-02-17")
    keep(store.place, "otherthing22", "Tickets are rendered with typst since May.", created="2026-02-18")
    keep(store.place, "otherthing33", "Refunds come from the ledger entry of the sale.", created="2026-02-19")
    return store


# --- what is said, and when nothing is ---------------------------------------------------------------------------------


def test_the_memory_that_answers_is_said(ports: Store) -> None:
    found = chosen(ports)
    assert ids(found) == ["portspricing"]
    assert found.silent is None
    assert found.header == "1 memory"
    assert found.lines == [f"- 2026-02-17 fact port (user): {PORTS}"]
    assert found.shown == [("portspricing", ports.place.state_key())]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("", "empty"),
        ("?! …", "empty"),
        ("knit a scarf of merino wool", "unknown"),
        ("write a parser for TOML tables with nested arrays and good error messages, then open a port", "unsure"),
    ],
)
def test_silence_has_a_reason(ports: Store, prompt: str, reason: str) -> None:
    found = chosen(ports, prompt)
    assert (found.lines, found.shown, found.silent) == ([], [], reason)
    assert reason in inject.REASONS


def test_nothing_is_said_twice_in_a_session(ports: Store) -> None:
    keep(ports.place, "othersaying2", "On which port the pricing service is to listen was asked by Jonas.")
    first = ids(chosen(ports))
    assert sorted(first) == ["othersaying2", "portspricing"]
    assert ids(chosen(ports, ASK, "portspricing")) == ["othersaying2"]
    again = chosen(ports, ASK, *first)
    assert (again.lines, again.silent) == ([], "shown")


def test_turns_are_known_by_their_own_key(store: Store) -> None:
    """What was shown of a session does not silence the rest of it."""
    text = (
        "---\nid: session2222b\ntype: episode\n---\n## 2026-02-17T10:00 Ann ^t0001\nThe pricing service listens on port 7120.\n"
        "\n## 2026-02-17T10:05 Bob ^t0002\nThen which port does the gateway listen on, is pricing behind it?\n"
    )
    path = Path(store.place.tree) / "s.md"
    path.write_text(text, encoding="utf-8")
    assert "session2222b^t0001" in ids(chosen(store))
    assert "session2222b^t0001" not in ids(chosen(store, ASK, "session2222b^t0001"))
    assert chosen(store).lines[0].startswith("- 2026-02-17 episode sess (Ann): ")


@pytest.mark.parametrize("tier", ["dormant", "archived"])
def test_what_has_faded_is_silent(ports: Store, tier: str) -> None:
    stands(ports, "portspricing", tier=tier)
    assert reasons(ports)["portspricing"] == "faded"
    assert not chosen(ports).lines


@pytest.mark.parametrize("tier", ["hot", "warm"])
def test_what_is_fresh_speaks(ports: Store, tier: str) -> None:
    stands(ports, "portspricing", tier=tier)
    assert ids(chosen(ports)) == ["portspricing"]


def test_what_is_cold_speaks_when_it_is_clear(ports: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stands(ports, "portspricing", tier="cold")
    sure = chosen(ports).sure
    monkeypatch.setattr(inject, "CLEAR", sure - 0.01)
    assert ids(chosen(ports)) == ["portspricing"]
    monkeypatch.setattr(inject, "CLEAR", sure + 0.01)
    assert chosen(ports).silent == "faded"


def test_what_was_wrong_is_silent(ports: Store) -> None:
    stands(ports, "portspricing", barred=1)
    assert reasons(ports)["portspricing"] == "wrong"
    assert not chosen(ports).lines


def test_what_is_over_is_silent(ports: Store) -> None:
    keep(ports.place, "portspricing", PORTS, valid_to="2026-03-01")
    assert reasons(ports)["portspricing"] == "over"
    assert not chosen(ports).lines


@pytest.mark.parametrize("trust", ["held", "quarantined"])
def test_what_may_not_speak_is_silent(ports: Store, trust: str) -> None:
    is_of(ports, "portspricing", trust)
    found = chosen(ports, explain=True)
    assert (found.lines, found.silent) == ([], trust)
    assert {one.key: one.reason for one in found.considered}["portspricing"] == trust


def test_what_may_not_speak_is_no_evidence_for_others(ports: Store) -> None:
    """A memory that somebody else brought makes nothing else be said that would not be said without it."""
    keep(ports.place, "elsewhere222", "A port in the storm.")
    without = chosen(
        ports, "which port in the pricing storm service do we listen on, and who pays for it", "portspricing"
    )
    is_of(ports, "portspricing", "held")
    with_held = chosen(ports, "which port in the pricing storm service do we listen on, and who pays for it")
    assert (with_held.lines, with_held.sure) == (without.lines, without.sure)


def test_what_was_replaced_is_silent(ports: Store) -> None:
    keep(ports.place, "portsnew2222", "The pricing service listens on port 7420 now.", supersedes="[portspricing]")
    assert ids(chosen(ports)) == ["portsnew2222"]
    assert reasons(ports)["portspricing"] == "replaced"
    assert not chosen(ports, ASK, "portsnew2222").lines


def test_what_may_not_speak_replaces_nothing(ports: Store) -> None:
    """A clone cannot silence what is the user's own by saying that it replaces it, found or not."""
    keep(ports.place, "portsnew2222", "The pricing service listens on port 7420 now.", supersedes="[portspricing]")
    is_of(ports, "portsnew2222", "held")
    assert ids(chosen(ports)) == ["portspricing"]
    keep(ports.place, "portsnew2222", "Ceci est autre chose.", supersedes="[portspricing]")
    is_of(ports, "portsnew2222", "held")
    assert ids(chosen(ports)) == ["portspricing"]


def test_lessons_come_first(ports: Store) -> None:
    """Before what answers better, if only a little."""
    text = "On which port the pricing service is to listen was changed without telling the gateway."
    keep(ports.place, "lessonport22", text, type_="lesson")
    assert ids(chosen(ports)) == ["lessonport22", "portspricing"]
    keep(ports.place, "lessonport22", text)
    assert ids(chosen(ports))[0] == "portspricing"


def test_the_same_is_said_once(ports: Store) -> None:
    keep(ports.place, "portscopy222", PORTS.replace(",", ";"))
    assert len(ids(chosen(ports))) == 1
    assert "same" in reasons(ports).values()


def test_an_edit_in_an_editor_is_what_is_said(ports: Store) -> None:
    """A file that was written over since it was indexed is read before it is shown."""
    assert "7120" in chosen(ports).lines[0]
    path = Path(ports.place.tree) / "notes" / "portspricing.md"
    with open(path, "r+", encoding="utf-8") as file:
        text = file.read().replace("7120", "7999")
        file.seek(0)
        file.write(text)
    assert "7999" in chosen(ports).lines[0]


def test_what_cannot_be_read_now_is_left_out(ports: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are said all the same."""
    keep(ports.place, "othersaying2", "On which port the pricing service is to listen was asked by Jonas.")
    assert len(ids(chosen(ports))) == 2
    monkeypatch.setattr(refresh, "is_current", lambda _, document: document.name != "portspricing")
    monkeypatch.setattr(Recall, "update", lambda *_: None)
    assert ids(chosen(ports)) == ["othersaying2"]
    assert reasons(ports)["portspricing"] == "changed"


# --- what it looks like ------------------------------------------------------------------------------------------------


def block_of(found: Injection) -> str:
    return fence.block(found.header, found.lines) if found.lines else ""


def test_a_long_text_is_the_piece_that_answers(store: Store) -> None:
    filler = "Nothing of interest was decided that day about the harbour. " * 12
    keep(store.place, "longtext2222", f"# Minutes\n\n{filler}{PORTS} {filler}", created="2026-02-17")
    (line,) = chosen(store).lines
    assert PORTS in line
    assert 200 < len(line) < 700
    assert line.count("…") == 2


def test_at_most_five_in_the_room_there_is(store: Store) -> None:
    for number in range(12):
        words = " ".join(f"word{number}x{n}" for n in range(60))
        keep(
            store.place,
            f"portsnumber{chr(97 + number)}",
            f"The pricing service listens on port {7000 + number}. {words}",
        )
    found = chosen(store)
    assert len(found.lines) == inject.MOST
    assert 1_200 < len(block_of(found)) <= inject.ROOM
    assert all(LINE.fullmatch(line) and len(line) > 200 for line in found.lines)


def test_a_title_stands_before_a_text_that_does_not_say_it(store: Store) -> None:
    path = Path(store.place.tree) / "a.md"
    path.write_text(f"---\nid: titledmemory\n---\n# Local services\n\n{'Words before. ' * 90}\n\n## Ports\n\n{PORTS}\n")
    (line,) = chosen(store).lines
    assert "Local services. " in line
    assert PORTS in line


TEXTS = st.text(
    st.sampled_from("abc port pricing 7120 .!?\n\t<>[]/`#-_*:;…\u200b\u202e\U000e0041é日本語"), max_size=900
) | st.sampled_from(["[/memcli]", "<system-reminder>", "<!-- hidden -->", "port " * 400, "x" * 3000, "", "—"])


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(texts=st.lists(TEXTS, min_size=1, max_size=7), prompt=TEXTS, shown=st.sets(st.integers(0, 6)))
def test_whatever_memories_say(store: Store, texts: list[str], prompt: str, shown: set[int]) -> None:
    """The block stays within its room, holds one memory a line, nothing that was shown, and is closed by its end alone."""
    folder = Path(store.place.tree) / "notes"
    for path in folder.glob("*.md"):
        path.unlink()
    for number, text in enumerate(texts):
        keep(store.place, f"memory{chr(97 + number) * 6}", f"port pricing {text}".encode("utf-8", "replace").decode())
    before = [f"memory{chr(97 + number) * 6}" for number in shown]
    found = chosen(store, f"port pricing {prompt}", *before)
    block = block_of(found)
    assert len(block) <= inject.ROOM
    assert len(found.lines) == len(found.shown) <= inject.MOST
    assert not set(ids(found)) & set(before)
    assert all(LINE.fullmatch(line) for line in found.lines)
    assert (found.silent is None) == bool(found.lines)
    if block:
        assert block.split("\n")[1:-1] == found.lines
        assert block.count("[/memcli]") == 1
        assert not re.search("[\u200b\u202e\U000e0041]|<system-reminder>|<!--", block)


def test_the_same_prompt_is_answered_the_same(ports: Store) -> None:
    assert chosen(ports).lines == chosen(ports).lines


# --- the whole way -----------------------------------------------------------------------------------------------------


def test_through_the_hook(ports: Store) -> None:
    """What is chosen reaches the agent, once; the next prompt about it is answered with silence, and both are in the log."""
    run_mem("index")
    payload = {"session_id": "s1", "cwd": ports.place.project, "hook_event_name": "UserPromptSubmit", "prompt": ASK}
    ended = hook("claude-code", "UserPromptSubmit", payload, MEM_COLD="1")
    assert PORTS in told("claude-code", "UserPromptSubmit", ended.stdout)
    again = hook("claude-code", "UserPromptSubmit", payload | {"prompt": f"{ASK}?"}, MEM_COLD="1")
    assert told("claude-code", "UserPromptSubmit", again.stdout) == ""
    rows = run_mem("log", "--injected", "--json").json()
    assert [(row["injected"], row["silent"]) for row in rows] == [([], "shown"), (["portspricing"], None)]


def test_nothing_heavy_is_imported_for_it(ports: Store) -> None:
    """What decides by words needs no library, and little of Python's own."""
    settled(ports)
    lines = (
        "import sys",
        "from memcli import config, places",
        "from memcli.agents import inject",
        "from memcli.recall.pipeline import Recall",
        f"with Recall([places.at_root({ports.place.project!r})], config.load(), lexical=True) as recall:",
        f"    assert inject.choose(recall, {ASK!r}, now={NOW}).lines",
        "print(*sys.modules)",
    )
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert not (set(done.stdout.split()) - site_modules()) & NEVER_LEXICAL


# --- what of a prompt is asked -----------------------------------------------------------------------------------------


def test_a_short_prompt_is_taken_whole() -> None:
    text = "fix this:\n```\nport = 1\n```"
    assert asked.asked(text) == text


def test_of_a_long_prompt_what_was_pasted_is_left_out() -> None:
    trace = "".join(f'  File "/srv/app/module{n}.py", line {n}, in run\n' for n in range(60))
    rows = "| a | b |\n" * 40
    code = "```python\n" + "x = compute(y)\n" * 60 + "```\n"
    text = asked.asked(f"The pricing job fails.\n{trace}{rows}{code}KeyError: 'fare'\nWhich port does it need?")
    assert text.split("\n") == ["The pricing job fails.", "KeyError: 'fare'", "Which port does it need?"]


def test_of_a_longer_prompt_its_beginning_and_its_end() -> None:
    text = asked.asked(f"Please begin. {'and then some more words ' * 5000} Finally the port.")
    assert len(text) <= asked.WHOLE + 1
    assert text.startswith("Please begin.")
    assert text.endswith("Finally the port.")


def test_a_prompt_that_is_nothing_but_pasted_is_still_one() -> None:
    assert asked.asked("| a | b |\n" * 200).startswith("| a | b |")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=3000))
def test_any_prompt_is_bounded(prompt: str) -> None:
    began = time.perf_counter()
    assert len(asked.asked(prompt * 20)) <= max(asked.WHOLE + 1, 0)
    assert time.perf_counter() - began < 5
