"""JSON Lines → items."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.errors import ImportFailed
from memcli.importers import Item, jsonl


def items(text: str | bytes, tmp_path: Path) -> list[Item]:
    file = tmp_path / "x.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(jsonl.read(file))


def test_all_keys(tmp_path: Path) -> None:
    line = (
        '\ufeff{"id": 7, "text": "t", "title": "T", "type": "decision", "tags": ["a", 1], "created": "2026-01-02 03:04:00",'
        ' "session": "s", "speaker": "Ana", "more": {}}\r\n\n'
    )
    assert items(line, tmp_path) == [Item("t", "7", "T", "decision", ("a", "1"), "2026-01-02T03:04", "s", "Ana")]


def test_odd_values_are_left_out_and_the_text_is_kept(tmp_path: Path) -> None:
    line = '{"text": "t", "id": [], "type": "novel", "tags": "one", "created": "soon", "session": " ", "speaker": null}'
    assert items(line, tmp_path) == [Item("t", tags=("one",))]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"), ('{"title": "x"}', 'has no "text"'), ('{"text": 3}', 'has no "text"'), ("[1]", 'has no "text"'),
        (b'{"text": "\xff"}', "is not JSON"), ("[" * 100_000, "is not JSON"), ('{"text": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(line: str | bytes, problem: str, tmp_path: Path) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    with pytest.raises(ImportFailed, match=problem) as raised:
        items(b'{"text": "fine"}\n' + raw, tmp_path)
    assert "x.jsonl:2" in raised.value.message


def test_a_line_of_any_length_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 100)
    with pytest.raises(ImportFailed, match="longer than"):
        items('{"text": "' + "x" * 1000 + '"}', tmp_path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="cannot read"):
        list(jsonl.read(tmp_path / "none.jsonl"))
