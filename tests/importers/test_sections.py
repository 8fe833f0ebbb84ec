"""Splitting a Markdown file that holds many memories."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memcli.importers.sections import Section, split
from tests.importers.samples import squeezed


def test_the_documents_title_alone_is_no_section() -> None:
    assert split("# Title\n\n## A\n\na\n") == [Section("A", "a", "a")]
    assert split("# Title\n") == [Section("Title", "title", "")]
    assert split("## Never use tabs\n") == [Section("Never use tabs", "never-use-tabs", "")]
    assert split(" \n\n") == []


def test_a_fence_hides_headings_until_it_closes() -> None:
    assert [section.title for section in split("~~~\n# a\n```\n# b\n~~~\n# c\nd\n```\n# e")] == [None, "c"]


@given(
    st.lists(
        st.sampled_from(["# One", "## Two", "### Three", "text", "", "```", "~~~~", "  - item", "#", "## "]),
        max_size=12,
    )
)
def test_no_text_is_lost_and_anchors_are_unique(lines: list[str]) -> None:
    sections = split("\n".join(lines))
    kept = "".join(squeezed(f"{section.title or ''}{section.text}") for section in sections)
    for line in lines:
        if line not in ("# One", "", "## "):
            assert squeezed(line).strip("#") in kept
    anchors = [section.anchor for section in sections]
    assert len(set(anchors)) == len(anchors)
