from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from memcli import plainyaml
from memcli.encode import model
from memcli.errors import ModelUnavailable

WEIGHTS, TOKENIZER = b"weights", b"{}"


def describe(**changes: str) -> str:
    lines = {
        "name": "tiny",
        "revision": '"1"  # comment',
        "dimensions": "3",
        "max_tokens": "512",
        "pooling": "mean",
        "normalise": "true",
        "query_prefix": '"query: "',
        "passage_prefix": "'passage: '",
        **changes,
    }
    text = "# a model\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()) + "files:\n"
    for role, path, content in (("weights", "model.onnx", WEIGHTS), ("tokenizer", "tokenizer.json", TOKENIZER)):
        digest = hashlib.sha256(content).hexdigest()
        text += f"  {role}:\n    path: {path}\n    sha256: {digest}\n    bytes: {len(content)}\n"
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.yaml").write_text(describe())
    (tmp_path / "model.onnx").write_bytes(WEIGHTS)
    (tmp_path / "tokenizer.json").write_bytes(TOKENIZER)
    return tmp_path


def test_a_model_folder_is_read(folder: Path) -> None:
    tiny = model.load(folder)
    assert (tiny.name, tiny.dimensions, tiny.max_tokens) == ("tiny", 3, 512)
    assert (tiny.query_prefix, tiny.passage_prefix) == ("query: ", "passage: ")
    assert tiny.files["weights"].path == str(folder / "model.onnx")
    assert tiny.key == "tiny@1"
    assert model.verify(tiny) == []


def test_the_key_changes_with_the_revision(folder: Path) -> None:
    before = model.load(folder).key
    (folder / "model.yaml").write_text(describe(revision='"2"'))
    assert model.load(folder).key != before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dimensions": "many"}, "dimensions"),
        ({"dimensions": "0"}, "dimensions"),
        ({"pooling": "cls"}, "pooling"),
        ({"normalise": "false"}, "normalise"),
        ({"name": "3"}, "name"),
        ({"name": "*anchor"}, "line 2"),
        ({"name": "yes"}, "line 2"),
        ({"name": "[a, *b]"}, "line 2"),
        ({"name": '"a" b'}, "line 2"),
        ({"revision": "1.0"}, "revision"),
        ({"revision": "1e5"}, "line 3"),
        ({"extra": "a\nextra: b"}, "line 11"),
        ({"extra": "a\n   odd: b"}, "line 11"),
        ({"extra": "|"}, "line 10"),
    ],
)
def test_what_is_not_understood_is_refused(folder: Path, changes: dict[str, str], reason: str) -> None:
    (folder / "model.yaml").write_text(describe(**changes))
    with pytest.raises(ModelUnavailable, match=reason) as caught:
        model.load(folder)
    assert caught.value.hint == "mem model verify"


def test_files_outside_of_the_folder_are_refused(folder: Path) -> None:
    (folder / "model.yaml").write_text(describe().replace("path: model.onnx", 'path: "../model.onnx"'))
    with pytest.raises(ModelUnavailable, match="own folder"):
        model.load(folder)


def test_a_model_needs_its_weights_described(folder: Path) -> None:
    (folder / "model.yaml").write_text(describe().replace("  weights:", "  heavy:"))
    with pytest.raises(ModelUnavailable, match="weights"):
        model.load(folder)


def test_missing_and_cut_off_files_are_named(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"cut")
    with pytest.raises(ModelUnavailable, match="has 3 bytes instead of 7"):
        model.load(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelUnavailable, match="missing"):
        model.load(folder)
    with pytest.raises(ModelUnavailable, match=r"no readable model\.yaml"):
        model.load(folder / "nowhere")


def test_verify_sees_a_changed_file_of_the_same_size(folder: Path) -> None:
    tiny = model.load(folder)
    (folder / "model.onnx").write_bytes(WEIGHTS[::-1])
    assert [str(folder / "model.onnx") in problem for problem in model.verify(tiny)] == [True]


@pytest.mark.parametrize("path", model.available())
def test_shipped_models_are_read_as_pyyaml_reads_them(path: str) -> None:
    text = (Path(path) / "model.yaml").read_text(encoding="utf-8")
    assert plainyaml.parse(text) == yaml.safe_load(text)
    assert model.verify(model.load(path)) == []


def test_a_model_is_shipped() -> None:
    assert [Path(path).name for path in model.available()] == ["e5-small"]
