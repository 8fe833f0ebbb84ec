"""What events touched is handed on once it is quiet, never while the store is in hand, and never lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memcli.serve.debounce import LONGEST_S, MOST_FOLDERS, QUIET_S, Debounce

STORES = ("a", "b")
FOLDERS = ("tree", "tree/x", "tree/x/y/", "local/tree")


def test_it_waits_until_it_is_quiet() -> None:
    debounce = Debounce()
    debounce.touch("a", {"tree"}, 0.0)
    debounce.touch("a", {"tree/x"}, QUIET_S / 2)
    assert debounce.due(QUIET_S) == []
    assert debounce.next_due() == QUIET_S * 1.5
    assert debounce.due(QUIET_S * 1.5) == [("a", ["tree", "tree/x"])]
    assert debounce.next_due() is None


def test_a_steady_stream_does_not_put_it_off_for_ever() -> None:
    debounce = Debounce()
    now = 0.0
    while not (found := debounce.due(now)):
        debounce.touch("a", {"tree"}, now)
        now += QUIET_S / 2
    assert found == [("a", ["tree"])]
    assert now <= LONGEST_S + QUIET_S


def test_what_comes_while_a_store_is_in_hand_is_the_next_look() -> None:
    debounce = Debounce()
    debounce.touch("a", {"tree/x"}, 0.0)
    assert debounce.due(1.0)
    debounce.touch("a", {"tree"}, 1.1)
    debounce.touch("b", {"tree"}, 1.1)
    assert debounce.due(9.0) == [("b", ["tree"])]
    assert debounce.waits("a")
    debounce.done("a")
    assert debounce.due(9.0) == [("a", ["tree"])]


def test_many_folders_are_everything() -> None:
    debounce = Debounce()
    debounce.touch("a", {f"tree/{n}" for n in range(MOST_FOLDERS + 1)}, 0.0)
    debounce.touch("a", {"tree/one more"}, 0.0)
    assert debounce.due(1.0) == [("a", None)]


def test_a_look_that_failed_is_repeated_later_and_whole() -> None:
    debounce = Debounce()
    debounce.touch("a", {"tree"}, 0.0)
    assert debounce.due(1.0)
    debounce.failed("a", 1.0, wait=30.0)
    debounce.touch("a", {"tree/x"}, 2.0)  # what happens meanwhile does not make it come sooner
    assert debounce.due(30.9) == []
    assert debounce.due(31.0) == [("a", None)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STORES),
            st.sampled_from(["touch", "everything", "done", "failed"]),
            st.sampled_from(FOLDERS),
            st.floats(0.0, 0.4),
        ),
        max_size=60,
    )
)
def test_no_event_is_lost(happenings: list[tuple[str, str, str, float]]) -> None:
    """Whatever happens in whatever order: a folder is looked at by a look that begins after it was touched last."""
    debounce = Debounce()
    now = 0.0
    touched: dict[tuple[str, str], float] = {}
    looks: list[tuple[float, str, list[str] | None, bool]] = []  # when, store, folders, whether it came to an end
    in_hand: dict[str, int] = {}

    def look() -> None:
        for store, folders in debounce.due(now):
            assert store not in in_hand
            in_hand[store] = len(looks)
            looks.append((now, store, folders, True))

    def end(store: str, failed: bool) -> None:
        number = in_hand.pop(store, None)
        if number is None:
            return
        if failed:
            looks[number] = (*looks[number][:3], False)
            debounce.failed(store, now, wait=0.2)
        else:
            debounce.done(store)

    for store, what, folder, later in happenings:
        now += later
        look()
        if what == "touch":
            debounce.touch(store, {folder}, now)
            touched[store, folder] = now
        elif what == "everything":
            debounce.everything(store, now)
            touched[store, "tree/never named"] = now
        else:
            end(store, what == "failed")
    for _ in range(3):
        now += 1.0
        look()
        for store in STORES:
            end(store, failed=False)
    assert not any(debounce.waits(store) for store in STORES)
    assert debounce.next_due() is None
    for (store, folder), when in touched.items():
        assert any(
            began >= when and name == store and ended and (folders is None or folder in folders)
            for began, name, folders, ended in looks
        ), (store, folder)
