"""A session kept in pieces is the session brought in whole, wherever the pieces were cut."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.agents import capture, ingest
from memcli.importers import bring, registry
from memcli.importers.transcripts import MOST_TURN, Reading
from memcli.memory import MAX_TURNS
from memcli.places import at_root
from memcli.store import Store
from tests.command import without_model
from tests.conftest import tree_bytes
from tests.importers import conversations
from tests.importers.conversations import Step

NOW = 1_800_000_000.0
HOSTS = {
    "claude-code": "claude-code",
    "codex": "codex",
    "gemini": "gemini-cli",
    "qwen": "qwen-code",
    "copilot": "copilot-cli",
}
TEXTS = st.sampled_from(
    [
        "use pnpm, please",
        "why?",
        "done",
        "## 2023-05-08 Ana ^t0001",
        "line\n\n- one\n- two",
        "x" * 5000,
        "é 中文 🎉",
        "a [[link]] #tag",
        "<system-reminder>be brief</system-reminder>",
        "[Request interrupted by user]",
        "it is ready",
        "y" * (MOST_TURN // 2),
        "mail me at ana@example.com",
        "```\ncode\n```",
    ]
)
STEPS = st.one_of(
    st.tuples(st.just("user"), TEXTS),
    st.tuples(st.just("agent"), TEXTS),
    st.tuples(
        st.just("run"), st.sampled_from(["pytest -q", "make", "npm test\nnpm run lint"]), st.sampled_from([0, 1])
    ),
    st.tuples(st.just("edit"), st.sampled_from(["src/a.py", "b.ts"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 300, 1500])),
)


def episodes(store: Store) -> dict[str, str]:
    """The episodes of a store by path, without their ids, which are random."""
    files = {name: data for name, data in tree_bytes(store.place.folder).items() if "/episodes/" in name}
    return {name: re.sub(r"(?m)^id: .*$", "id: -", data.decode()) for name, data in files.items()}


def fresh(folder: Path) -> Store:
    (folder / ".git").mkdir(parents=True)
    return Store.init(at_root(str(folder)))


@pytest.fixture
def wanting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who wants sessions kept, and hooks that start no process."""
    from memcli import config

    without_model()
    config.set_value("capture", "1")
    monkeypatch.setattr(capture, "_start", lambda now: None)


@pytest.mark.parametrize("form", sorted(HOSTS))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=14), cuts=st.lists(st.floats(0, 1), max_size=6), data=st.data())
def test_in_pieces_as_in_one(
    form: str, steps: list[Step], cuts: list[float], data: Any, tmp_path: Path, wanting: None
) -> None:
    top = Path(tempfile.mkdtemp(dir=tmp_path))
    written = conversations.WRITERS[form](steps)
    whole, pieces = fresh(top / "whole"), fresh(top / "pieces")
    transcript = top / "transcript.jsonl"
    for cut in [*sorted(int(cut * len(written)) for cut in cuts), len(written)]:
        transcript.write_bytes(written[:cut])
        capture.spool(HOSTS[form], "turn", payload(transcript, pieces), NOW)
        assert ingest.take_in(NOW).problems == []
    importer = next(one for one in registry.SESSIONS if capture.TRANSCRIBED[HOSTS[form]] == one.NAME)
    bring.bring_in(whole, importer.read(transcript), origin=importer.NAME, topic="x", now=NOW)
    assert episodes(pieces) == episodes(whole)
    before = episodes(pieces)
    again = bring.bring_in(pieces, importer.read(transcript), origin=importer.NAME, topic="x", now=NOW)
    assert (again.turns, again.paths) == (0, [])
    assert episodes(pieces) == before
    shutil.rmtree(top)


def payload(transcript: Path, store: Store) -> dict[str, object]:
    return {"session_id": transcript.name, "transcript_path": str(transcript), "cwd": store.place.project}


def test_a_session_of_many_parts_in_pieces(tmp_path: Path, wanting: None) -> None:
    """Parts fill up by turns and by size; where they end must not depend on when they were written."""
    steps: list[Step] = []
    for number in range(MAX_TURNS):
        long = "z" * (9_000 if number % 3 == 0 else 10)
        steps += [
            ("user", f"question {number} {long}"),
            ("agent", f"answer {number} {long}"),
            ("run", f"make {number}", number % 2),
        ]
    written = conversations.claude_code(steps)
    whole, pieces = fresh(tmp_path / "whole"), fresh(tmp_path / "pieces")
    transcript = tmp_path / "transcript.jsonl"
    for part in range(1, 24):
        transcript.write_bytes(written[: len(written) * part // 23])
        capture.spool("claude-code", "turn", payload(transcript, pieces), NOW)
        ingest.take_in(NOW)
    importer = registry.for_format("claude-code")
    bring.bring_in(whole, importer.read(transcript), origin="claude-code", topic="x", now=NOW)
    assert len(episodes(whole)) > 2
    assert episodes(pieces) == episodes(whole)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(max_size=8)
            | st.sampled_from(["user", "assistant", "text", "tool_use"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "type",
                            "message",
                            "content",
                            "payload",
                            "role",
                            "data",
                            "id",
                            "part",
                            "text",
                            "toolCalls",
                            "sessionId",
                            "args",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        ),
        max_size=6,
    ),
    noise=st.binary(max_size=30),
)
def test_no_line_makes_reading_fail_and_every_line_is_counted(rows: list[object], noise: bytes) -> None:
    import io

    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows) + noise.replace(b"\n", b" ") + b"\n"
    for importer in registry.SESSIONS:
        reading = Reading(importer.FORM)
        list(reading.items(io.BytesIO(lines)))
        assert (
            sum(reading.kinds.values()) == len([line for line in lines.splitlines() if line.strip()]) or b"\r" in noise
        )
        assert reading.offset == len(lines) or reading._turn is not None
