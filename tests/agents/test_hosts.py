"""The contract of every agent's file: what it declares is whole, and known to what cannot load it."""

from __future__ import annotations

import pytest

from memcli.agents import hook, hosts
from memcli.agents.hosts import COMPACT, CURSOR, END, PROMPT, START, TURN
from memcli.agents.told import READ_BY

SHAPES = {hosts.ENVELOPE, hosts.FLAT, hosts.CURSOR, hosts.CLINE, hosts.PLAIN}


@pytest.mark.parametrize("name", hosts.NAMES)
def test_a_host_is_whole(name: str) -> None:
    host = hosts.load(name)
    assert host.name == name and host.label
    assert set(host.events.values()) <= {START, PROMPT, TURN, COMPACT, END}
    assert PROMPT in host.events.values() and TURN in host.events.values()
    assert set(host.reply) <= {START, PROMPT} and set(host.reply.values()) <= SHAPES
    for places in (host.session, host.cwd, host.prompt, host.transcript, host.turn):
        assert isinstance(places, tuple) and all(isinstance(place, str) for place in places)


@pytest.mark.parametrize("name", hosts.NAMES)
def test_nothing_that_is_said_unasked_stops_an_agent(name: str) -> None:
    for text in hosts.load(name).silence.values():
        assert text in ('{"continue":true}', '{"cancel":false}')


@pytest.mark.parametrize("name", hosts.NAMES)
def test_the_hook_knows_what_tells_hosts_apart_without_loading_them(name: str) -> None:
    host = hosts.load(name)
    wanted = {variable for variable, _ in host.loaded_by} | (
        {host.session_variable} if host.session_variable else set()
    )
    assert wanted <= set(hook.TOLD)
    assert all(other in hosts.NAMES for _, other in host.loaded_by)


@pytest.mark.parametrize("name", hosts.NAMES)
def test_events_that_start_a_session_have_more_time(name: str) -> None:
    for event, ours in hosts.load(name).events.items():
        more = hook.deadline_s([name, event]) == hook.START_DEADLINE_MS / 1000
        assert more == (ours == START), event


def test_an_unknown_name_imports_nothing() -> None:
    for name in ("os", "../x", "", "claude_code", "claude-code.x"):
        with pytest.raises(KeyError):
            hosts.load(name)


def test_what_agents_read_by_themselves_is_known_for_each() -> None:
    assert set(READ_BY) <= set(hosts.NAMES)


def test_cursor_alone_can_be_told_nothing_at_a_prompt() -> None:
    told_nothing = {name for name in hosts.NAMES if PROMPT not in hosts.load(name).reply}
    assert told_nothing == {"cursor", "windsurf"}
    assert hosts.load("cursor").reply == {START: CURSOR}
