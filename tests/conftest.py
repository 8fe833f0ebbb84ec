"""Every test has a home of its own, no terminal, and no agent's marker around it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.caller import AGENT_MARKERS, AGENT_VARIABLE, SESSION_VARIABLES
from memcli.places import Place, at_root
from memcli.store import Store

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="the long form of the crash, property and security tests (minutes)"
    )


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long form of a test was asked for."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; the working directory is the empty folder `project` beside it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("DATA", "STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    for marker in (*AGENT_MARKERS, AGENT_VARIABLE, *SESSION_VARIABLES):
        monkeypatch.delenv(marker, raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the store of `project` is, or will be."""
    return at_root(str(tmp_path / "project"))


@pytest.fixture
def store(place: Place) -> Store:
    """An empty store in `project`."""
    return Store.init(place)


@pytest.fixture
def shared() -> Path:
    """The development data beside the repository; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the development data in ../shared, which is not part of the project")
    return SHARED


def tree_bytes(folder: str | os.PathLike[str]) -> dict[str, bytes]:
    """Every file below a folder with its bytes, by relative path."""
    top = Path(folder)
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}
