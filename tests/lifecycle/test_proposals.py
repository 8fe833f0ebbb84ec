"""Proposals: kept until somebody decides, at most twenty, and never twice what was rejected."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.errors import Ambiguous, NotFound, UsageError
from memcli.lifecycle import proposals
from memcli.lifecycle.proposals import ACCEPTED, OPEN, REJECTED, About, Draft, Proposal
from memcli.places import Place
from memcli.store import Store
from memcli.text import content_hash

NOW = 1_767_225_600.0  # 2026-01-01


def about(store: Store, text: str) -> About:
    written = store.add(text)
    with open(store.place.absolute(written.path), "rb") as file:
        return About(written.id, written.path, content_hash(file.read()))


def draft(*memories: About, kind: str = "changed", reason: str = "5 → 7") -> Draft:
    return Draft(kind, memories, reason, ({"op": "SUPERSEDE", "id": "b", "by": "a"},))


def plain(number: int) -> Draft:
    """A proposal about no memory, so that no file has to be there."""
    return Draft(f"lesson{number}", (), f"reason {number}", ())


def file_of(place: Place) -> str:
    return os.path.join(place.local, "proposals.jsonl")


def test_what_is_proposed_is_open_until_it_is_decided(store: Store) -> None:
    (made,) = proposals.propose(store.place, [draft(about(store, "Pears"), about(store, "Plums"))], NOW)
    assert proposals.open_proposals(store.place) == [made]
    assert proposals.decide(store.place, made.id[:4], ACCEPTED, NOW) == made
    assert proposals.open_proposals(store.place) == []
    with pytest.raises(NotFound):
        proposals.decide(store.place, made.id, REJECTED, NOW)


def test_decisions_survive_the_cache(store: Store) -> None:
    store.sync(embed=False)
    (made,) = proposals.propose(store.place, [plain(1)], NOW)
    proposals.decide(store.place, made.id, REJECTED, NOW)
    for name in os.listdir(store.place.cache):
        os.unlink(os.path.join(store.place.cache, name))
    assert proposals.propose(store.place, [plain(1)], NOW) == []


def test_a_rejected_pair_comes_back_in_no_kind_and_no_order(store: Store) -> None:
    pears, plums = about(store, "Pears"), about(store, "Plums")
    (made,) = proposals.propose(store.place, [draft(pears, plums)], NOW)
    proposals.decide(store.place, made.id, REJECTED, NOW)
    assert proposals.propose(store.place, [draft(plums, pears, kind="duplicate")], NOW) == []
    assert proposals.rejected_pairs(store.place) == {frozenset((pears.hash, plums.hash))}
    assert len(proposals.propose(store.place, [draft(pears, plums, kind="link")], NOW)) == 1


def test_what_is_open_is_not_proposed_again(store: Store) -> None:
    proposals.propose(store.place, [plain(1)], NOW)
    assert proposals.propose(store.place, [plain(1), plain(2), plain(2)], NOW)[0].draft == plain(2)
    assert len(proposals.open_proposals(store.place)) == 2


def test_the_oldest_expire_when_more_come(store: Store) -> None:
    for number in range(OPEN + 3):
        proposals.propose(store.place, [plain(number)], NOW + number)
    assert [one.draft for one in proposals.open_proposals(store.place)] == [plain(n) for n in range(3, OPEN + 3)]


def test_the_same_findings_again_push_nothing_out(store: Store) -> None:
    """Each `mem gc` finds what the last one found, and more than there is room for."""
    drafts = [plain(number) for number in range(3 * OPEN)]
    made = proposals.propose(store.place, drafts, NOW)
    assert len(made) == OPEN
    assert proposals.propose(store.place, drafts, NOW + 1) == []
    assert proposals.open_proposals(store.place) == made


def test_what_expired_comes_again_where_there_is_room(store: Store) -> None:
    for number in range(OPEN + 1):
        proposals.propose(store.place, [plain(number)], NOW)
    assert proposals.propose(store.place, [plain(0)], NOW) == []
    proposals.decide(store.place, proposals.open_proposals(store.place)[0].id, REJECTED, NOW)
    assert [one.draft for one in proposals.propose(store.place, [plain(0)], NOW)] == [plain(0)]


@pytest.mark.parametrize("change", ["edit", "forget", "move"])
def test_a_proposal_about_another_text_is_stale(store: Store, change: str) -> None:
    pears = about(store, "Pears")
    proposals.propose(store.place, [draft(pears, about(store, "Plums"))], NOW)
    if change == "edit":
        store.edit(pears.path, append="and quinces")
    elif change == "forget":
        store.forget([pears.path])
    else:
        store.edit(pears.path, topic="fruit")
    with open(file_of(store.place), "rb") as file:
        before = file.read()
    assert proposals.open_proposals(store.place) == []
    with open(file_of(store.place), "rb") as file:
        assert file.read() == before, "reading writes nothing"
    proposals.propose(store.place, [plain(1)], NOW)
    with open(file_of(store.place), encoding="utf-8") as lines:
        assert [json.loads(line)["do"] for line in lines] == ["propose", "stale", "propose"]


def test_a_purged_memory_leaves_no_trace(store: Store) -> None:
    pears, plums = about(store, "Pears are sold by the pound"), about(store, "Plums")
    proposals.propose(store.place, [draft(pears, plums, reason="Pears are sold by the pound"), plain(1)], NOW)
    store.purge(pears.path)
    with open(file_of(store.place), "rb") as file:
        left = file.read()
    assert pears.id.encode() not in left
    assert b"pound" not in left
    assert [one.draft for one in proposals.open_proposals(store.place)] == [plain(1)]


def test_line_ends_alone_do_not_make_it_stale(store: Store) -> None:
    pears = about(store, "Pears")
    (made,) = proposals.propose(store.place, [draft(pears)], NOW)
    absolute = store.place.absolute(pears.path)
    with open(absolute, "rb") as file:
        data = file.read()
    with open(absolute, "wb") as file:
        file.write(data.replace(b"\n", b"\r\n"))
    assert proposals.open_proposals(store.place) == [made]


def test_ids_are_found_by_their_beginning(store: Store) -> None:
    several = [Proposal("abcd", "", plain(1)), Proposal("abce", "", plain(2))]
    assert proposals.find(several, "abcd").draft == plain(1)
    with pytest.raises(Ambiguous):
        proposals.find(several, "abc")
    for wanted in ("x", ""):
        with pytest.raises(NotFound):
            proposals.find(several, wanted)
    with pytest.raises(UsageError):
        proposals.decide(store.place, "abcd", "maybe", NOW)


def test_a_torn_last_line_is_skipped_and_closed_off(store: Store) -> None:
    proposals.propose(store.place, [plain(1), plain(2)], NOW)
    with open(file_of(store.place), "rb+") as file:
        file.truncate(os.path.getsize(file.name) - 5)
    assert [one.draft for one in proposals.open_proposals(store.place)] == [plain(1)]
    proposals.propose(store.place, [plain(3)], NOW)
    assert [one.draft for one in proposals.open_proposals(store.place)] == [plain(1), plain(3)]


LINES = st.lists(
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["do", "id", "at", "kind", "about", "reason", "operations"]), inner, max_size=7
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b'{"do":"accepted","id":[]}', b'{"do":"propose","id":{},"about":[["a"]]}', b"[" * 5000]),
    max_size=6,
)  # fmt: skip


@given(LINES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_anything_is_read(store: Store, lines: list[bytes]) -> None:
    """A synced or cloned store may bring any bytes."""
    with open(file_of(store.place), "wb") as file:
        file.write(b"\n".join(lines))
    proposals.open_proposals(store.place)
    (made,) = proposals.propose(store.place, [plain(1)], NOW)
    assert made in proposals.open_proposals(store.place)


def test_writers_at_once_lose_nothing_and_double_nothing(store: Store) -> None:
    threads = [
        threading.Thread(target=lambda n=n: proposals.propose(store.place, [plain(n % 6)], NOW)) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.draft.reason for one in proposals.open_proposals(store.place)) == [
        f"reason {n}" for n in range(6)
    ]


def test_only_the_user_may_read_them(store: Store) -> None:
    proposals.propose(store.place, [plain(1)], NOW)
    assert os.stat(file_of(store.place)).st_mode & 0o077 == 0
