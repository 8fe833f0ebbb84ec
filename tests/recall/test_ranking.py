"""What decides between memories, a feature at a time, through the command line.

Each topic is a few memories that answer its question equally well, or the wrong one better, but for the feature in question:
without it another memory goes first (an order of files by path settles what is equal).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.recall.asking import ask, embedded, names, note, shares, talk

NOW = "2026-11-20"  # a Friday
NOTES = {
    "keyword/first.md": note("# First\n\nThe ladder leans on the wall."),
    "keyword/second.md": note("# Second\n\nThe tannin is in the bark."),
    "typo/grass.md": note("# Grass\n\nThe grass is cut at noon, and the shop is shut."),
    "typo/song.md": note("# Song\n\nThe grasshopper sings at noon."),
    "phrase/first.md": note("# First debt\n\nOlga owes Wim money."),
    "phrase/second.md": note("# Second debt\n\nWim owes Olga money."),
    "entity/cook.md": note("# Cook\n\nNgozi Eze likes tea, but not Ngozi."),
    "entity/guest.md": note("# Guest\n\nOkafor likes tea."),
    "entity/singer.md": note("# Voice\n\nThe one who sings in the hall on Sundays is Ngozi Okafor."),
    "code/calls.md": note("# Calls\n\n```\nsession = py.open(timeout=3)\npy.close(session)\n```"),
    "code/lock.md": note("# Lock\n\n```\nacquire('src/auth/session.py', timeout=3)\nrelease()\n```"),
    "temporal/early.md": note("# Early roof\n\nWe decided on slate.", "2026-03-02"),
    "temporal/late.md": note("# Late roof\n\nWe decided on slate.", "2026-11-11"),
    "temporal/now.md": note("# New roof\n\nWe decided on slate.", "2026-11-19"),
    "event/early.md": note("# Early tank\n\nIt was inspected yesterday.", "2026-05-11"),
    "event/late.md": note("# Late tank\n\nIt was inspected yesterday.", "2026-11-13"),
    "event/same.md": note("# Old tank\n\nIt was inspected at once.", "2026-11-12"),
    "dated/first.md": note("# First boiler\n\nThe boiler broke again."),
    "dated/second.md": note("# Second boiler\n\nThe boiler broke on 3 May."),
    "order/middle.md": note("# Price\n\nA crate was put at 5 euros by the board.", "2026-02-01"),
    "order/new.md": note("# Price\n\nA crate is sold for 6 euros in town.", "2026-03-01"),
    "order/old.md": note("# Price\n\nA crate costs 4 euros at the gate.", "2026-01-01"),
    "newer/new.md": note("# Loads\n\nThe van has made 15 trips to the harbour by now.", "2026-02-01"),
    "newer/old.md": note("# Loads\n\nThe van has made 12 trips to the harbour so far.", "2026-01-01"),
    "title/paint.md": note("# Paint\n\nThe yard needs varnish."),
    "title/varnish.md": note("# Varnish\n\nThe yard needs paint, and there is a brush for it in the shed."),
    "path/first.md": note("# Next\n\nAsk about the gutter."),
    "path/gutter/second.md": note("# Next\n\nAsk there at last."),
    "spreading/area.md": note("# Parking\n\nThere is room for six."),
    "spreading/card.md": note("# A card\n\nExtension 4411."),
    "spreading/label.md": note("# Labels\n\nWhen labels stop, try once more, then see [[spreading/card]]."),
    "bridge/away.md": note("# Holiday list\n\nIn August it is Mirabel who is away."),
    "bridge/area.md": note("# Parking\n\nThere is room for six."),
    "bridge/gate.md": note("# The gate\n\nThe barrier froze; Mirabel was called."),
    "semantic/bill.md": note("# First\n\nInvoices are due within a month."),
    "semantic/cat.md": note("# Animal\n\nThe cat sleeps on the sofa."),
    "semantic/compiler.md": note("# Build\n\nThe compiler rejects this type."),
    "tokens/fuel.md": note("# Fuel\n\nFuel for the machines is bought by the barrel in town."),
    "tokens/meeting.md": note(
        "# Meeting\n\nThe fence will be painted in spring. Olga brings the soup on Friday. The pump needs diesel, not"
        " petrol. The rota stays as it is, and the bus leaves at nine."
    ),
    "talk/holiday.md": talk(("Ann", "Where did you go on holiday?"), ("Bob", "Lisbon."), ("Ann", "Nice.")),
    "talk/lunch.md": talk(("Ann", "What did you have for lunch?"), ("Bob", "Soup."), ("Ann", "Good.")),
    "talk/door.md": talk(("Ann", "Which colour is the new door?"), ("Bob", "Green."), ("Ann", "Fine.")),
    "speaker/plums.md": talk(("Bob", "Ann likes plums, I think."), ("Ann", "Plums are what I like.")),
    "said/bread.md": talk(
        ("assistant", "Rye bread baked at home keeps for a week; bake rye bread in a pot."),
        ("user", "I bake rye bread on Sundays at home with my aunt."),
    ),
    "reply/bread.md": talk(
        ("user", "What can I do with rye bread? I would like to keep rye bread for long."),
        ("assistant", "Store it in linen: rye bread lasts."),
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return embedded(tmp_path_factory.mktemp("ranking"), NOTES)


def asked(root: str, topic: str, question: str, *, model: bool = False) -> Any:
    return ask(question, "--root", root, "--path", topic, now=NOW, model=model)


WORDS = [
    ("keyword", "what is tannin", "second", "keyword.prose"),
    ("typo", "grashopper", "song", "keyword.prose"),
    ("phrase", "does Wim owe Olga", "second", "phrase"),
    ("entity", "does Ngozi Okafor like tea", "guest", "entity.prose"),
    ("code", "what does session.py do", "lock", "entity.code"),
    ("temporal", "what did we decide last week", "late", "temporal.near"),
    ("event", "what was inspected 8 days ago", "late", "temporal.near"),
    ("dated", "when did the boiler break", "second", "dated"),
    ("order", "what is the latest price of a crate", "new", "recency"),
    ("order", "what was the first price of a crate", "old", "recency"),
    ("title", "varnish for the yard", "varnish", "keyword.prose"),
    ("path", "about the gutter", "second", "keyword.prose"),
    ("speaker", "what does Ann like, plums?", "plums2", "speaker"),
    ("said", "who bakes rye bread", "bread2", "said"),
    ("reply", "remind me what you told me about rye bread", "bread2", "reply"),
]
WITH_MODEL = [
    ("semantic", "payment deadline", "bill", "semantic.prose"),
    ("tokens", "what fuel does the pump take", "meeting", "late.prose"),
    ("typo", "grashopper", "song", "keyword.prose"),
    ("temporal", "what did we decide last week", "late", "temporal.near"),
    ("order", "what is the latest price of a crate", "new", "recency"),
    ("newer", "how many trips has the van made", "new", "newer"),
    ("said", "who bakes rye bread", "bread2", "said"),
]


@pytest.mark.parametrize(("topic", "question", "best", "feature"), WORDS)
def test_by_words(topic: str, question: str, best: str, feature: str, root: str) -> None:
    answer = asked(root, topic, question)
    assert names(answer)[0] == best
    assert shares(answer, best)[feature] > 0
    assert answer["tier"] == "words"


@pytest.mark.parametrize(("topic", "question", "best", "feature"), WITH_MODEL)
def test_with_the_model(topic: str, question: str, best: str, feature: str, root: str) -> None:
    answer = asked(root, topic, question, model=True)
    assert names(answer)[0] == best
    assert shares(answer, best)[feature] > 0
    assert answer["tier"] == "hybrid"


def test_meaning_needs_no_shared_word(root: str) -> None:
    assert not asked(root, "semantic", "payment deadline")["results"]


@pytest.mark.parametrize("model", [False, True])
def test_a_link_leads_to_what_shares_no_word(model: bool, root: str) -> None:
    answer = asked(root, "spreading", "labels stop", model=model)
    assert names(answer)[:2] == ["label", "card"]
    assert shares(answer, "card")["links"] > 0


def test_a_rare_name_leads_to_what_shares_no_word(root: str) -> None:
    answer = asked(root, "bridge", "barrier froze")
    assert names(answer)[:2] == ["gate", "away"]
    assert shares(answer, "away")["spreading.prose"] > 0


def test_a_session_lends_to_a_short_turn(root: str) -> None:
    """ "Lisbon." shares nothing with the question but who speaks, as "Soup." does."""
    answer = asked(root, "talk", "where did Bob go on holiday")
    assert names(answer)[:2] == ["holiday1", "holiday2"]
    assert shares(answer, "holiday2")["session.keyword"] > shares(answer, "lunch2")["session.keyword"]


def test_a_short_turn_is_read_with_the_question_before_it(root: str) -> None:
    answer = asked(root, "talk", "where did Bob go on holiday", model=True)
    assert names(answer)[:2] == ["holiday1", "holiday2"]
    assert shares(answer, "holiday2")["window"] > 2 * shares(answer, "lunch2")["window"]
    assert shares(answer, "holiday2")["session.late"] > shares(answer, "lunch2")["session.late"]


def test_a_link_by_the_name_of_a_file_leads_there(tmp_path: Path) -> None:
    """As in an Obsidian vault; not where several files are called so."""
    notes = {
        "a/fuse.md": "# Where the fuses lie\n\nExtension 4411.",
        "a/README.md": "# First\n\nThe first.",
        "b/README.md": "# Second\n\nThe second.",
        "lamp.md": "# Lamps\n\nWhen lamps flicker, see [[fuse]] and [[README]].",
    }
    root = embedded(tmp_path, {path: note(text) for path, text in notes.items()})
    answer = ask("lamps flicker", "--root", root, "--lexical")
    assert names(answer) == ["lamp", "fuse"]
    assert shares(answer, "fuse")["links"] > 0
