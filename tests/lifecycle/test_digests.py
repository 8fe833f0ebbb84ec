"""Digests of topics and sessions: what they say, when they are made anew, and what they must never touch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.errors import StoreUnsafe
from memcli.index import schema
from memcli.lifecycle import digests
from memcli.lifecycle.digests import Report
from memcli.lifecycle.sentences import sentences, stem, telling
from memcli.store import Store
from tests.recall.asking import note, talk, write

NOW = 1_795_000_000.0  # 2026-11-18
AUTH = {
    "auth/rotation.md": note("Refresh tokens rotate on every use. The mascot of the team is a heron."),
    "auth/reuse.md": note("A refresh token that is used twice revokes the whole family of tokens."),
    "auth/storage.md": note("Refresh tokens are stored hashed, never as plain text."),
    "auth/lifetime.md": note("A refresh token lives for thirty days."),
    "auth/jwt/signing.md": note("Access tokens are signed with EdDSA."),
}
CHAT = talk(
    ("user", "The export of invoices takes nine minutes, please make it faster."),
    ("assistant", "I will look at how the invoices are exported. Let me read the code first."),
    ("user", "Most of the time goes into the tax table, which is read for every invoice."),
    ("assistant", "The tax table is now read once for the whole export of invoices."),
    ("user", "The export takes eleven seconds now, thank you."),
    session="export",
)


def renew(store: Store, now: float = NOW, without: frozenset[str] = frozenset()) -> Report:
    store.sync(embed=False)
    connection = schema.open_for_reading(store.place)
    try:
        planned = digests.plan(store.place, connection, now=now, without=without)
        made = digests.renew(store.place, connection, now=now, without=without)
    finally:
        connection.close()
    assert made == planned
    return made


def lines(text: str | None) -> list[str]:
    assert text is not None
    return [line for line in text.splitlines() if line.startswith("- ")]


def on_disk(store: Store) -> dict[str, tuple[bytes, int]]:
    files = Path(store.place.local, "digests").rglob("*.md")
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def test_says_what_several_memories_speak_of_and_where_it_stands(store: Store) -> None:
    write(store.place.tree, AUTH)
    assert renew(store).made == ("topics/auth",)
    text = digests.read(store.place, "auth")
    assert text is not None
    assert text.startswith("<!-- digest of 5 memories, made 2026-11-18 from ")
    assert "refresh token" in text.lower()
    assert "heron" not in text
    for line in lines(text):
        sentence, link = line[2:-2].split(" [[")
        assert sentence in AUTH[f"{link}.md"]


def test_what_is_covered_is_not_said_again(store: Store) -> None:
    orders = ("Tokens rotate on every use.", "On every use tokens rotate.", "Every use: tokens rotate on.")
    write(store.place.tree, {f"auth/{n}.md": note(orders[n % 3]) for n in range(6)})
    renew(store)
    assert len(lines(digests.read(store.place, "auth"))) == 1


def test_one_sentence_of_each_memory(store: Store) -> None:
    parts = ("Rotate refresh tokens with every use.", "Partition order tables by month.", "Bake rye bread at night.")
    files = {f"mixed/{n}.md": note(parts[n % 3].replace(" every", "").replace("night", "dawn")) for n in range(6)}
    write(store.place.tree, files | {"mixed/all.md": note(" ".join(parts))})
    renew(store)
    links = [line.rsplit("[[")[-1] for line in lines(digests.read(store.place, "mixed"))]
    assert len(links) == 3 == len({*links})


def test_a_session_is_linked_by_its_turns(store: Store) -> None:
    write(store.place.private_tree, {"episodes/export.md": CHAT})
    (name,) = renew(store).made
    text = digests.read(store.place, name.removeprefix("sessions/"))
    assert text is not None and "[[episodes/export#^t000" in text
    assert all(f"^{line[:-2].rsplit('^')[-1]}" in CHAT for line in lines(text))


def test_few_memories_the_inbox_and_sessions_are_no_topic(store: Store) -> None:
    write(store.place.tree, {f"inbox/{n}.md": note(f"The build number {n} of the gateway failed.") for n in range(6)})
    write(store.place.tree, {f"few/{n}.md": note(f"The build number {n} of the gateway failed.") for n in range(4)})
    write(store.place.private_tree, {f"episodes/{n}.md": talk(("user", "Hello there, gateway.")) for n in range(6)})
    assert renew(store) == Report((), (), ())
    assert not Path(store.place.local, "digests").exists()


def test_an_unchanged_group_is_left_alone_and_a_changed_one_made_anew(store: Store) -> None:
    write(store.place.tree, AUTH | {f"db/{n}.md": note(f"Table {n} of the database is partitioned.") for n in range(5)})
    renew(store)
    before = on_disk(store)
    assert renew(store, NOW + 1e6) == Report((), ("topics/auth", "topics/db"), ())
    assert on_disk(store) == before
    write(store.place.tree, {"auth/lifetime.md": note("A refresh token lives for ninety days.")})
    assert renew(store) == Report(("topics/auth",), ("topics/db",), ())
    assert "thirty" not in str(digests.read(store.place, "auth"))


def test_a_group_that_is_gone_takes_its_digest_with_it(store: Store) -> None:
    write(store.place.tree, AUTH)
    renew(store)
    Path(store.place.tree, "auth/reuse.md").unlink()
    assert renew(store).removed == ("topics/auth",)
    assert digests.read(store.place, "auth") is None


@pytest.mark.parametrize("how", ["supersedes", "valid_to", "without"])
def test_what_no_longer_holds_gives_no_sentence(how: str, store: Store) -> None:
    write(
        store.place.tree,
        AUTH | {"auth/a.md": "---\nid: oldrefresh22\n---\nRefresh tokens live for a refreshing year.\n"},
    )
    assert "year" in "".join(lines(_digest(store)))
    gone: frozenset[str] = frozenset()
    if how == "supersedes":
        write(store.place.tree, {"auth/b.md": "---\nsupersedes: [oldrefresh22]\n---\nThey live for a day.\n"})
    elif how == "valid_to":
        ended = "---\nid: oldrefresh22\nvalid_to: 2026-10\n---\nRefresh tokens live for a refreshing year.\n"
        write(store.place.tree, {"auth/a.md": ended})
    else:
        gone = frozenset(("oldrefresh22",))
    assert "year" not in "".join(lines(_digest(store, gone)))


def _digest(store: Store, without: frozenset[str] = frozenset()) -> str | None:
    renew(store, without=without)
    return digests.read(store.place, "auth")


def test_a_digest_is_private_and_never_indexed(store: Store) -> None:
    write(store.place.tree, AUTH)
    renew(store)
    top = Path(store.place.local, "digests")
    assert {stat.S_IMODE(path.stat().st_mode) for path in top.rglob("*") if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in top.rglob("*.md")} == {0o600}
    report, _ = store.sync(embed=False)
    assert report.added == []


def test_secrets_are_masked(store: Store) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    write(store.place.tree, {f"ci/{n}.md": note(f"The runner {n} signs in with {secret} at night.") for n in range(5)})
    renew(store)
    text = str(digests.read(store.place, "ci"))
    assert "runner" in text and secret not in text


def test_a_file_that_is_no_digest_is_left_alone(store: Store) -> None:
    write(store.place.tree, AUTH)
    own = Path(store.place.local, "digests/topics/auth.md")
    own.parent.mkdir(parents=True)
    own.write_text("Mine.\n", encoding="utf-8")
    assert renew(store) == Report((), (), ())
    assert own.read_text(encoding="utf-8") == "Mine.\n"
    assert digests.read(store.place, "auth") is None


@pytest.mark.parametrize("link", ["digests", "digests/topics"])
def test_nothing_is_written_through_a_link(link: str, store: Store, tmp_path: Path) -> None:
    write(store.place.tree, AUTH)
    outside = tmp_path / "outside"
    outside.mkdir()
    at = Path(store.place.local, link)
    at.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(outside, at)
    with pytest.raises(StoreUnsafe):
        renew(store)
    assert list(outside.iterdir()) == []


def test_a_topic_is_shown_unless_a_memory_is_called_so(store: Store) -> None:
    write(store.place.tree, AUTH | {"few/one.md": note("One."), "deep.md": note("# few\n\nA memory.")})
    renew(store)
    connection = schema.open_for_reading(store.place)
    try:
        found = digests.topic(store.place, connection, ".mem/tree/auth/")
        assert found is not None and (found.name, found.memories) == ("auth", 5)
        assert found.digest == digests.read(store.place, "auth")
        assert digests.topic(store.place, connection, "auth/jwt") == digests.Topic("auth/jwt", 1, None)
        assert digests.topic(store.place, connection, "few") is None
        assert digests.topic(store.place, connection, "nothing") is None
    finally:
        connection.close()


@pytest.mark.parametrize("wanted", ["../../secret", "", ".", "/etc/passwd", "a\0b"])
def test_reads_nothing_else(wanted: str, store: Store) -> None:
    Path(store.place.local, "secret.md").write_text(
        "<!-- digest of 1 x, made 2026-01-01 from " + "0" * 64 + "; derived -->"
    )
    assert digests.read(store.place, wanted) is None


# --- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# Title\n\nOne here. Two\nhere.", ["One here.", "Two here."]),
        ("- first item\n  goes on\n- second", ["first item goes on", "second"]),
        ("See e.g. Redis. Dr. Who came.", ["See e.g. Redis.", "Dr. Who came."]),
        ("Before.\n```\ncode. More.\n```\nAfter.", ["Before.", "After."]),
        ("1. Item\n   ```sh\n   run. Now.\n   ```\n2. Next", ["Item", "Next"]),
        ("| a | b |\n|---|---|\n- relates to [[x]]\nText.", ["Text."]),
        ("これは文です。次の文。", ["これは文です。", "次の文。"]),
    ],
)
def test_sentences(text: str, found: list[str]) -> None:
    assert list(sentences(text)) == found


@given(st.text(alphabet=st.sampled_from("ab .!?\n`-#>|[]1。é\ud800"), max_size=80))
def test_every_sentence_stands_in_its_text(text: str) -> None:
    joined = " ".join(text.split())
    for sentence in sentences(text):
        assert all(" ".join(part.split()) in joined for part in sentence.split(" ") if part)
        telling(sentence)


def test_forms_of_a_word_are_one() -> None:
    assert {stem(word) for word in ("test", "tests", "tested", "testing")} == {"test"}
    assert {stem(word) for word in ("commit", "commits", "committed", "committing")} == {"commit"}
    assert {stem(word) for word in ("message", "messages")} == {"messag"}
    assert stem("class") == "class"
