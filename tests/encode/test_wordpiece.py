"""Our WordPiece gives the ids of the `tokenizers` package, on any text but for control tokens spelt out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.encode import model
from memcli.encode.wordpiece import WordPiece

tokenizers = pytest.importorskip("tokenizers")
PATH = Path(model.default()) / "tokenizer.json"
OURS = WordPiece.load(str(PATH))
THEIRS = tokenizers.Tokenizer.from_file(str(PATH))
THEIRS.enable_truncation(512)

# Scripts whose Unicode properties both sides know alike; the newest characters depend on the Unicode version.
LETTERS = st.one_of(
    st.characters(max_codepoint=0x24F, exclude_categories=("Cs",)),
    st.sampled_from("αβγДжщ漢字かなカナ한국어ابتثहिन्दीไทย“”—…€№™½ﬁıİß\u0301\u200b\u00ad😀👨‍👩‍👧🇫🇷\ufeff\ufffd\x00\x07"),
)


@given(st.text(LETTERS, max_size=200))
def test_same_ids_as_the_library(text: str) -> None:
    if not any(token in text for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")):
        assert OURS.encode(text, 512) == THEIRS.encode(text).ids


@pytest.mark.parametrize(
    "text", ["", " ", "a" * 101, "x" * 5000, "a b " * 600, "-" * 700, "naïve Café ＡＢＣ", "Ünïcödé/ÄÖÜ_ß"]
)
def test_edges(text: str) -> None:
    """Empty, overlong and accented texts, and the cut at 512 tokens."""
    ids = OURS.encode(text, 512)
    assert ids == THEIRS.encode(text).ids
    assert len(ids) <= 512


def test_control_tokens_in_a_text_are_text() -> None:
    """A memory cannot end the model's input early by spelling out a separator."""
    assert OURS.encode("a [SEP] b", 512).count(102) == 1


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    described = json.loads(PATH.read_text(encoding="utf-8"))
    described["normalizer"]["lowercase"] = False
    (tmp_path / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ValueError, match="uncased WordPiece"):
        WordPiece.load(str(tmp_path / "tokenizer.json"))


def test_same_ids_on_the_development_suites(shared: Path) -> None:
    for suite in ("locomo", "cosqa", "beam"):
        with open(shared / "data" / suite / "corpus.jsonl", encoding="utf-8") as file:
            texts = [json.loads(line)["text"][:4000] for line, _ in zip(file, range(400), strict=False)]
        assert [OURS.encode(text, 512) for text in texts] == [
            encoding.ids for encoding in THEIRS.encode_batch_fast(texts)
        ]
