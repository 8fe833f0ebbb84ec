from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode.passages import LIMIT, SMALL, TARGET, Passage, looks_like_code, split
from memcli.text import estimate_tokens

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def words(count: int) -> str:
    return "word " * (count - 1) + "word."


def characters(text: str) -> str:
    return "".join(character for character in text if not character.isspace())


markdown = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "# Title",
                "## Part",
                "Head\n====",
                "- item",
                "1. item",
                "```",
                "~~~py",
                "    indented",
                "",
                "---",
                "| a | b |",
            ]
        ),
        st.sampled_from(
            ["def f(x):", "import os", "x = 1;", "diff --git a/x b/x", "@@ -1 +1 @@", "+# new", "# comment\r"]
        ),
        st.text(max_size=40),
        st.integers(1, 500).map(words),
    ),
    max_size=12,
).map("\n".join)


@given(markdown)
def test_nothing_is_lost_and_every_passage_is_a_slice_of_its_line(text: str) -> None:
    passages = split(text, first_line=7)
    assert "".join(characters(passage.text) for passage in passages) == characters(text)
    lines = text.split("\n")
    for passage in passages:
        assert passage.text in text
        assert passage.text.strip()
        assert passage.text.split("\n")[0] in lines[passage.line - 7]
        assert estimate_tokens(passage.text) <= LIMIT


@pytest.mark.parametrize("text", ["", " \n\t\n", "\u3000\n"])
def test_blank_text_has_no_passage(text: str) -> None:
    assert split(text) == []


@pytest.mark.parametrize(
    "text", ["Rotate tokens.", "# Title\nFew words", "- a\n- b\n\n```\nx = 1\n```", "## A\nx\n## B\ny"]
)
def test_a_few_words_are_one_passage(text: str) -> None:
    assert [passage.text for passage in split(text)] == [text]


def test_heading_paths_leave_out_the_title() -> None:
    text = f"# Title\n{words(90)}\n## Setup\n{words(90)}\n### Linux ##\n{words(90)}\n\nWindows\n-------\n{words(90)}"
    passages = split(text)
    assert [(passage.heading, passage.line) for passage in passages] == [
        ("", 1),
        ("Setup", 3),
        ("Setup > Linux", 5),
        ("Windows", 8),
    ]
    assert passages[1].text.startswith("## Setup\n")


def test_a_later_heading_of_level_one_is_part_of_the_path() -> None:
    text = f"{words(60)}\n\n# Part\n\n{words(60)}\n\n## Detail\n\n{words(60)}\n\n# Other\n\n{words(60)}"
    assert [passage.heading for passage in split(text)] == ["", "Part", "Part > Detail", "Other"]


def test_headings_without_text_go_with_what_follows() -> None:
    text = f"## A\n\n### B\n\n{words(90)}"
    assert split(text) == [Passage(text, "A > B", 1, "prose")]


def test_headings_in_code_are_not_headings() -> None:
    text = f"## Run\n\n```sh\n# not a heading\nmake {words(60)}\n```\n\n    # nor this\n    x = {words(60)}"
    assert {passage.heading for passage in split(text)} == {"Run"}


def test_short_list_items_are_merged_up_to_the_target() -> None:
    text = "\n".join(f"- item {i} {words(37)}" for i in range(20))
    sizes = [estimate_tokens(passage.text) for passage in split(text)]
    assert len(sizes) < 20
    assert all(TARGET - 45 < size <= TARGET for size in sizes[:-1])


def test_a_small_rest_joins_its_neighbour() -> None:
    assert len(split(f"{words(190)}\n\n{words(30)}")) == 1
    assert len(split(f"{words(190)}\n\n{words(SMALL + 30)}")) == 2


def test_overlong_prose_is_cut_at_sentence_ends() -> None:
    sentence = words(30)
    passages = split(" ".join([sentence] * 40))
    assert len(passages) > 5
    assert all(passage.text.endswith(".") and passage.text.startswith("word") for passage in passages)


def test_chinese_sentences_are_ends_too() -> None:
    passages = split("我们每次使用都会轮换刷新令牌。" * 60)
    assert len(passages) > 3
    assert all(passage.text.endswith("。") for passage in passages)


def test_fenced_code_is_not_cut_and_stays_with_its_lead_in() -> None:
    code = "```python\n" + "\n\n".join(f"call_{i}(argument)" for i in range(35)) + "\n```"
    text = f"{words(150)}\n\nRun this:\n\n{code}\n\n{words(150)}"
    passages = split(text)
    assert [passage.kind for passage in passages] == ["prose", "code", "prose"]
    assert passages[1].text == f"Run this:\n\n{code}"


def test_kind_follows_most_of_the_characters() -> None:
    assert split(f"{words(100)}\n\n```\nx = 1\n```")[0].kind == "prose"
    assert split("Like this:\n\n    for item in items:\n        process(item)\n    done()")[0].kind == "code"


def test_an_unclosed_fence_runs_to_the_end() -> None:
    passages = split(f"```\ncode();\n\n## heading\n\n{words(60)}")
    assert [(passage.heading, passage.kind) for passage in passages] == [("", "code")]


def test_an_unfenced_diff_is_code_and_its_comments_are_no_headings() -> None:
    diff = (
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n # comment\n"
        + "-old_name(value)\n+new_name(value)\n" * 30
    )
    passages = split(f"{words(90)}\n\nFix:\n{diff}\n{words(90)}")
    assert {passage.heading for passage in passages} == {""}
    assert [passage.kind for passage in passages].count("code") >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def add(a, b):\n    return a + b", True),
        ("import os\nimport sys", True),
        ("from memcli import errors", True),
        ("const limit = 5;\nlet n = 0;", True),
        ("pub fn main() {\n    run();\n}", True),
        ("# a comment\nx = 1\ny = load(x)\nfor i in y:\n    print(i)\n", True),
        ("import taxes rose again, the minister said. Prices follow.", False),
        ("Return the book.\nIf it rains: stay.\nFor now, wait.\nWith love, Ann", False),
        ("We use `def` here:\n\n```python\ndef f(): ...\n```", False),
        ("- a: b\n- c: d\n- e: f\n- g: h", False),
        ("Class of 2020: we met again.", False),
    ],
)
def test_whole_texts_of_code_are_told_from_prose(text: str, expected: bool) -> None:
    assert looks_like_code(text) is expected


@pytest.mark.parametrize("unit", ["x", "漢", "`", "#", "=\n", "- ", "a.", "(x", "a b ", "~~~\n\n", "## a\n", "\n"])
def test_long_texts_take_linear_time(unit: str) -> None:
    text = (unit * 350_000)[:350_000]
    begin = time.process_time()
    passages = split(text)
    assert time.process_time() - begin < 10
    assert "".join(characters(passage.text) for passage in passages) == characters(text)


def test_a_long_heading_is_not_repeated_in_full() -> None:
    text = f"{words(60)}\n## {'x' * 5000}\n{words(60)}"
    assert len(split(text)[-1].heading) <= 120


@pytest.mark.skipif(not DATA.is_dir(), reason="the evaluation data is not beside the repository")
@pytest.mark.parametrize(("suite", "low", "high"), [("cosqa", 0.99, 1), ("locomo", 0, 0), ("beam", 0, 0.01)])
def test_how_many_documents_look_like_code(suite: str, low: float, high: float) -> None:
    lines = (DATA / suite / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:1500]
    share = sum(looks_like_code(json.loads(line)["text"]) for line in lines) / len(lines)
    assert low <= share <= high
