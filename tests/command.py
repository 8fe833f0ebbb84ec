"""Running `mem` in this process, as the installed command would run: arguments in; stdout, stderr and exit code out."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from memcli import config
from memcli.__main__ import main


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


def run_mem(*arguments: str, stdin: str = "", model: bool = False) -> Result:
    """Run one command line. Without `model` everything is found by words only, which is fast and the same everywhere."""
    if not model and not config.load().text("model"):
        without_model()
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["mem", *arguments], io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main()
    finally:
        sys.argv, sys.stdin = before
    return Result(code, out.getvalue(), _without_notice(err.getvalue()) if not model else err.getvalue())


def without_model() -> None:
    """Point the user's configuration at a model that is not there."""
    path = Path(config.user_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("model: /no-model\n", encoding="utf-8")


def _without_notice(text: str) -> str:
    """What was said, but for the notice that there is no model."""
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if "/no-model" not in line and line != "try: mem model verify\n"]
    return "".join(kept)
