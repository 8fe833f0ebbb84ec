"""What `tests.bench.injection` counts, and, where the development data is, a short form of what it measures by words alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.agents.evidence import ENOUGH
from memcli.encode import days
from tests.bench import injection, suites
from tests.bench.injection import Prompt, Told


def test_the_prompts_are_there() -> None:
    prompts = injection.unrelated()
    assert len(prompts) == 200
    assert len({text for _, text in prompts}) == 200
    memories, needs = injection.project()
    names = {heading.split()[1] for heading, _ in memories}
    assert len(memories) == len(needs) == 60
    assert {name for name, _ in needs} == names
    assert all(days.day_of(heading.split()[2]) for heading, _ in memories)


@pytest.mark.parametrize(
    ("block", "text", "held"),
    [
        ("… the port is 7120 …", "the port is 7120", True),
        ("the port\nis 7120", "the port is   7120", True),
        ("the port is 71", "the port is 7120", False),
        ("", "x" * 300, False),
        ("", "", False),
        (f"- {'abc ' * 60}…", "abc " * 100, True),
        (f"- {'abc ' * 49}…", "abc " * 100, False),
    ],
)
def test_what_counts_as_held(block: str, text: str, held: bool) -> None:
    assert injection.holds(block, text) is held


def test_shares() -> None:
    def told(kind: str, text: str, gold: tuple[str, ...] = ()) -> Told:
        return Told("locomo", Prompt(kind, "?", gold, 0.0), text, None if text else "unsure", 1.0)

    found = injection.shares(
        [
            told("answerable", "7120", ("7120",)),
            told("answerable", "", ("7120",)),
            told("benign", ""),
            told("coding", "7120"),
        ]
    )
    assert found == {
        "helpful locomo": 0.5, "helpful locomo + longmemeval": 0.5, "silent benign: locomo": 1.0,
        "silent benign: locomo + longmemeval": 1.0, "silent coding: locomo": 0.0, "silent coding: all": 0.0,
    }  # fmt: skip
    assert "| helpful locomo | .500 |" in injection.table({"warm": found})


def test_by_words_alone(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store of LoCoMo, every eighth prompt: well below what is measured over all, so that chance does not fail it."""
    for kind in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind.lower()))
    config = tmp_path / "home" / "config" / "mem"
    config.mkdir(parents=True)
    (config / "config.yaml").write_text("model: /no-model\n")
    scope, documents, _ = next(iter(suites.scopes(shared, "locomo")))
    suites.make_store(tmp_path / "locomo" / scope, documents)
    suite, store, prompts = next(iter(injection.scopes(shared, tmp_path, ["locomo"])))
    found = injection.shares(list(injection.tell(suite, store, prompts[::8], cold=True)))
    assert found["helpful locomo"] >= 0.5
    assert found["silent benign: locomo"] >= 0.97
    assert found["silent coding: locomo"] >= 0.93
    assert found["silent unanswerable: locomo"] >= 0.35
    assert os.environ["XDG_STATE_HOME"].startswith(str(tmp_path))
    assert ENOUGH == 0.5  # what the figures above were measured at
