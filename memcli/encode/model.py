"""Model folders: what an embedding model needs to be used, read from its `model.yaml`, and where the shipped ones are.

Owns the format of `model.yaml` and the check that a folder holds what it says. Must not load the model: that takes a
hundred times longer, and recall wants to know which model an index belongs to before it decides to. Lean: imported by
every recall, so `model.yaml` keeps to the subset of YAML that `plainyaml` reads.
"""

from __future__ import annotations

import os
from collections import namedtuple

from memcli import plainyaml
from memcli.errors import ModelUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from memcli.plainyaml import Value

DESCRIPTION = "model.yaml"
_HINT = "mem model verify"

ModelFile = namedtuple("ModelFile", "path sha256 bytes")
ModelFile.__doc__ = "One file of a model: its absolute path, the SHA-256 (hex) and the size that it should have."


class ModelFolder(
    namedtuple(
        "ModelFolder",
        "path name revision dimensions max_tokens pooling normalise query_prefix passage_prefix files",
    )
):
    """What `model.yaml` says. `files` maps a role ("weights", "tokenizer", …) to its `ModelFile`; `path` is the folder.

    `dimensions` is the length of a vector; `max_tokens` counts the special tokens; the prefixes go before each text.
    """

    __slots__ = ()

    @property
    def key(self) -> str:
        """Identifies the vectors of this model: those of another key must not be compared with them."""
        return f"{self.name}@{self.revision}"


def shipped() -> str:
    """The folder of the models that come with memcli: inside the package when installed, else beside it."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "models")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "models")


def default() -> str:
    """The model folder that is used when none is chosen."""
    return os.path.join(shipped(), "e5-small")


def available() -> list[str]:
    """Paths of the shipped model folders, sorted; `load` says whether one is usable."""
    try:
        names = sorted(os.listdir(shipped()))
    except FileNotFoundError:
        return []
    paths = (os.path.join(shipped(), name) for name in names)
    return [path for path in paths if os.path.isfile(os.path.join(path, DESCRIPTION))]


def load(path: str | os.PathLike[str]) -> ModelFolder:
    """The model in folder `path`, with its files present and of the stated sizes (`verify` also reads them).

    Raises ModelUnavailable, saying what is missing or wrong.
    """
    folder = os.path.abspath(path)
    try:
        with open(os.path.join(folder, DESCRIPTION), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelUnavailable(f"there is no readable {DESCRIPTION} in {folder}", hint=_HINT) from error
    try:
        model = _from_values(folder, plainyaml.parse(text))
    except ValueError as error:
        raise ModelUnavailable(f"{os.path.join(folder, DESCRIPTION)}: {error}", hint=_HINT) from error
    for file in model.files.values():
        if problem := _size_problem(file):
            raise ModelUnavailable(f"the model {model.name} cannot be used: {problem}", hint=_HINT)
    return model


def verify(folder: ModelFolder) -> list[str]:
    """What is wrong with the files of `folder`, by size and SHA-256, in sentences; empty when they are as described."""
    problems = []
    for file in folder.files.values():
        problem = _size_problem(file)
        if problem is None and _sha256(file.path) != file.sha256:
            problem = f"{file.path} is not the file described: its SHA-256 differs"
        if problem:
            problems.append(problem)
    return problems


def _size_problem(file: ModelFile) -> str | None:
    try:
        size = os.stat(file.path).st_size
    except OSError:
        return f"{file.path} is missing"
    return None if size == file.bytes else f"{file.path} has {size} bytes instead of {file.bytes}"


def _sha256(path: str) -> str:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- model.yaml -------------------------------------------------------------------------------------------------------


def _from_values(folder: str, values: Mapping[str, Value]) -> ModelFolder:
    pooling, normalise = _text(values, "pooling"), values.get("normalise")
    if pooling != "mean" or normalise is not True:
        raise ValueError("only models with pooling: mean and normalise: true can be used")
    described = _mapping(values, "files")
    files = {role: _file(folder, _mapping(described, role)) for role in described}
    if missing := {"weights", "tokenizer"} - set(files):
        raise ValueError(f"files: {sorted(missing)[0]} is not described")
    return ModelFolder(
        path=folder,
        name=_text(values, "name"),
        revision=_text(values, "revision"),
        dimensions=_number(values, "dimensions"),
        max_tokens=_number(values, "max_tokens"),
        pooling=pooling,
        normalise=normalise,
        query_prefix=_text(values, "query_prefix"),
        passage_prefix=_text(values, "passage_prefix"),
        files=files,
    )


def _file(folder: str, values: Mapping[str, Value]) -> ModelFile:
    name = _text(values, "path")
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise ValueError(f"{name!r} is not the name of a file in the model's own folder")
    return ModelFile(os.path.join(folder, name), _text(values, "sha256"), _number(values, "bytes"))


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} should be text")
    return value


def _number(values: Mapping[str, Value], key: str) -> int:
    value = values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{key} should be a whole number above zero")
    return value


def _mapping(values: Mapping[str, Value], key: str) -> dict[str, Value]:
    value = values.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} should be a mapping")
    return value
