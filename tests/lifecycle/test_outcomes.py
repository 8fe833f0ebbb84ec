"""Whether a memory shows in an answer: seldom claimed where it does not."""

from __future__ import annotations

import pytest

from memcli.lifecycle.outcomes import shows
from tests.bench import outcomes

PORT = "The API listens on port 8123 because 8000 is taken by the proxy."


@pytest.mark.parametrize(("known", "answer", "is_shown"), [
    ("start it", "Started the API on port 8123; the proxy has 8000.", True),
    ("start it", "- ran: proxy --port 8123", True),
    ("start it", "- ran: curl http://localhost:8123/", False),  # one name alone may be from anywhere
    ("start it", "Started.", False),
    ("start it on port 8123", "The API listens on port 8123.", False),
    ("start it", "I took a port.\n\nThe proxy is fine.\n\nThe API too.", False),  # nowhere enough of it at once
    ("start it", "```\nThe API listens on port 8123, 8000 is taken by the proxy\n```", False),  # a file's content, perhaps
])  # fmt: skip
def test_a_memory_shows_where_a_sentence_has_most_of_it(known: str, answer: str, is_shown: bool) -> None:
    assert (shows(PORT, known=[known], answers=[answer]) is not None) is is_shown


@pytest.mark.parametrize("memory", ["", "Yes.", "of the and", "🎉" * 50, "x" * 5000])
def test_a_memory_that_says_little_shows_nowhere(memory: str) -> None:
    assert shows(memory, known=[], answers=["Yes, of the and."]) is None


def test_by_the_labels_it_is_right() -> None:
    score = outcomes.score()
    assert len(score.right) + len(score.missed) >= 10
    assert score.precision >= 0.9
    assert score.recall >= 0.7
