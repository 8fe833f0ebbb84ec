"""ByteRover's context tree → notes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.errors import ImportFailed
from memcli.importers import Note, Skipped, byterover
from memcli.importers.bv_topic import to_markdown
from memcli.memory import Memory, Relation, parse
from tests.importers.samples import byterover as sample
from tests.importers.samples import squeezed, write


def markdown_of(html: str) -> str:
    return to_markdown(html, name="a_topic").decode().split("---\n", 2)[2]


def topic(inner: str) -> str:
    return f'<bv-topic path="a/b" title="T">{inner}</bv-topic>'


def body_of(inner: str) -> str:
    return markdown_of(topic(inner)).removeprefix("# T\n\n").removesuffix("\n")


def test_entries_keep_their_folders_and_derived_files_stay(tmp_path: Path) -> None:
    notes = {note.path: note.data for note in byterover.read(sample(tmp_path)) if isinstance(note, Note)}
    assert set(notes) == {"design/cache/eviction.md", "design/context.md", "design/old.md", "security/auth.md"}
    assert notes["design/context.md"] == b"# Design\n\n## Overview\nWhat belongs here.\n"
    entry = parse(notes["design/cache/eviction.md"], name="eviction.md")
    assert (entry.title, entry.created) == ("Eviction", "2026-04-05T07:17:50Z")
    assert notes["design/cache/eviction.md"].replace(b"created: 2026-04-05T07:17:50Z\n", b"").count(b"createdAt") == 1


def test_front_matter_that_cannot_be_changed_safely_stays(tmp_path: Path) -> None:
    odd = b"---\n{createdAt: 2026-04-05}\n---\nx\n"
    write(tmp_path, {".brv/context-tree/a.md": odd, ".brv/context-tree/b.md": b"---\ncreatedAt: *x\n---\ny\n"})
    assert [note.data for note in byterover.read(tmp_path) if isinstance(note, Note)] == [
        odd, b"---\ncreatedAt: *x\n---\ny\n",
    ]  # fmt: skip


def test_every_way_to_name_the_tree_reads_the_same(tmp_path: Path) -> None:
    project = sample(tmp_path)
    ways = [project, project / ".brv", project / ".brv" / "context-tree"]
    assert all(byterover.claims(way) for way in ways)
    assert len({tuple(byterover.read(way)) for way in ways}) == 1
    assert byterover.claims(project / ".brv/context-tree/security/auth.html")
    with pytest.raises(ImportFailed):
        list(byterover.read(write(tmp_path / "none", {"a.md": ""})))


def test_other_html_is_left_out_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, {".brv/context-tree/x.html": "<p>hi</p>", ".brv/context-tree/big.html": topic("x " * 300_000)})
    assert list(byterover.read(tmp_path)) == [
        Skipped("big.html", "it is larger than 512 KiB of HTML"),
        Skipped("x.html", "it is HTML, but no ByteRover topic"),
    ]
    assert not byterover.claims(tmp_path / ".brv/context-tree/x.html")


def test_a_topics_attributes_become_front_matter_and_relations() -> None:
    data = to_markdown(
        '<bv-topic path="a" title="JWT &amp; co" summary="A summary" tags="auth, jwt" keywords="rs256,leeway" importance="50"'
        ' related="@security/oauth.html, infra/db" createdat="2026-04-05T07:17:50.975Z"></bv-topic>',
        name="x",
    )
    memory = parse(data, name="x.md")
    assert (memory.title, memory.type, memory.created) == ("JWT & co", "reference", "2026-04-05T07:17:50Z")
    assert memory.tags == ("auth", "jwt")
    assert memory.relations == (Relation("relates_to", "security/oauth"), Relation("relates_to", "infra/db"))
    assert memory.body.startswith("# JWT & co\n\nA summary\n\nKeywords: rs256, leeway\n")
    assert "50" not in memory.body


@pytest.mark.parametrize(
    ("inner", "markdown"),
    [
        (
            '<bv-rule severity="must" id="r-1">Validate <code>aud</code>.</bv-rule>',
            "- [rule] Validate `aud`. (severity: must) ^r-1",
        ),
        ('<bv-fact subject="alg" value="RS256">Uses RS256.</bv-fact>', "- [fact] Uses RS256. (subject: alg)"),
        ('<bv-fact subject="p95" value="<10ms"/>', "- [fact] (subject: p95, value: <10ms)"),
        (
            "<bv-decision>Use <strong>PKCE</strong> and <em>not</em> more.</bv-decision>",
            "- [decision] Use **PKCE** and *not* more.",
        ),
        ("<bv-bug><p>Symptom: 401.</p><p>Cause: skew.</p></bv-bug>", "- [bug] Symptom: 401.\n\n  Cause: skew."),
        ("<bv-reason>Because\n  of that.</bv-reason>", "## Reason\n\nBecause of that."),
        (
            "<bv-changes><li>one</li> <li>two<ul><li>in</li></ul></li></bv-changes>",
            "## Changes\n\n- one\n- two\n  - in",
        ),
        ("<bv-flow><ol><li>a<li>b</ol></bv-flow>", "## Flow\n\n1. a\n2. b"),
        (
            "<bv-examples><pre><code class='language-py'>a = `1`\n  b</code></pre></bv-examples>",
            "## Examples\n\n```py\na = `1`\n  b\n```",
        ),
        (
            '<bv-diagram type="mermaid">graph TD\n  A--&gt;B</bv-diagram>',
            "## Diagram\n\n```mermaid\ngraph TD\n  A-->B\n```",
        ),
        ("<bv-future>kept</bv-future>", "## Future\n\nkept"),
        (
            "<p>see <a href='http://x.y/a(b)'>it</a> <img src='p.png' alt='pic'></p>",
            "see [it](<http://x.y/a(b)>) ![pic](p.png)",
        ),
        ("<table><tr><th>a</th><td>b</td></tr></table>", "| a | b |"),
        ("<script>alert(1)</script><style>x</style>text", "text"),
        ("a < b && c <d e <!-- gone --> <bv-rule>unclosed", "- [rule] unclosed\n\na < b && c <d e"),
        ("<bv-rule></bv-rule><bv-reason> </bv-reason>left", "left"),
        ("<blockquote>one<p>two</p></blockquote>", "> one\n> two"),
        ("<ul>loose<li>item</li></ul>", "- loose\n- item"),
    ],
)
def test_elements(inner: str, markdown: str) -> None:
    assert body_of(inner) == markdown


def test_statements_do_not_read_as_part_of_a_section() -> None:
    assert body_of("<bv-reason>Why.</bv-reason><bv-rule>Do.</bv-rule><bv-fact>Is.</bv-fact>") == (
        "- [rule] Do.\n- [fact] Is.\n\n## Reason\n\nWhy."
    )


_PIECES = st.sampled_from(
    ["<p>", "</p>", "<li>", "</li>", "<ul>", "</ul>", "<bv-rule id='x'>", "</bv-rule>", "<pre>", "</pre>", "<code>", "</code>",
     "<", ">", "<!--", "-->", "<a href=", '"', "'", "&lt;", "&", "<div><span>", "<br/>", "</bv-topic>", "<h2>", "</h2>", "<tr>"]
)  # fmt: skip


@given(st.lists(_PIECES | st.from_regex(r"\Aw[0-9]{1,3}\Z"), max_size=25))
def test_broken_markup_loses_no_word(pieces: list[str]) -> None:
    html = topic(" ".join(pieces))
    data = to_markdown(html, name="x")
    memory: Memory = parse(data, name="x.md")
    if not {"<!--", "<a href="}.intersection(pieces):  # what a comment or a tag holds goes with it
        for piece in pieces:
            assert not piece.startswith("w") or piece in memory.body
    assert data == to_markdown(html, name="x")
    assert squeezed(memory.body)


@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", "<", '<a "', "<a b", "<a b=c ", "<div>", "<p>", "<ul><li>", "</a", "&", "<a x='<a x=\"", "<b>"],
)
def test_no_markup_takes_long(piece: str) -> None:
    started = time.process_time()
    to_markdown(topic(piece * (100_000 // len(piece))), name="x")
    assert time.process_time() - started < 2
