"""Installing while the process is killed or fails: several files change together or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from memcli.agents.install import targets
from memcli.agents.install.command import Command
from memcli.agents.install.manifest import opened
from memcli.agents.install.plans import Wish, plan, removal
from memcli.errors import WriteFailed
from tests.agents.installed import mem, others, settings

__all__ = ["mem"]


@pytest.mark.parametrize("removing", [False, True])
@pytest.mark.parametrize("killed_after", range(6))
def test_a_kill_between_files_leaves_all_or_nothing(killed_after: int, removing: bool, home: Path) -> None:
    """Two files belong to one installation; the process dies at each step of writing them."""
    settings(home)
    wish = Wish("user", os.getcwd(), Command("mem"), skill=True)
    agent = targets.load("claude-code")
    if removing:
        with opened() as known:
            plan(agent, wish, known).apply(known)
    before = others(home)
    with opened() as known:
        planned = (removal if removing else plan)(agent, wish, known)
    after = {str(Path(c.path).relative_to(home)): c.after for c in planned.changes}
    child = os.fork()
    if child == 0:
        _die_in_step(killed_after)
        with opened() as known:
            (removal if removing else plan)(agent, wish, known).apply(known)
        os._exit(0)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) in (0, 9)
    for path, data in others(home).items():
        assert path.endswith(".mem-new") or data in (before.get(path), after.get(path)), "never half a file"
    with opened():
        pass
    whole = {path: data for path, data in {**before, **after}.items() if data is not None}
    assert others(home) in (before, whole)
    with opened() as known:
        (removal if removing else plan)(agent, wish, known).apply(known)
    assert others(home) == whole


def _die_in_step(number: int) -> None:
    """End this process at the `number`th rename or unlink."""
    steps = iter(range(100))

    def counted(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if next(steps) == number:
                os._exit(9)
            return function(*arguments)

        return call

    os.replace = counted(os.replace)
    os.unlink = counted(os.unlink)


def test_a_failure_between_files_takes_the_first_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(home)
    before = others(home)
    wish = Wish("user", os.getcwd(), Command("mem"), skill=True)
    with opened() as known:
        planned = plan(targets.load("claude-code"), wish, known)
        assert len(planned.changes) == 2
        (home / ".claude/skills").write_text("a file where a folder should be")
        with pytest.raises(WriteFailed):
            planned.apply(known)
        assert known.records == {}
    (home / ".claude/skills").unlink()
    assert others(home) == before
