"""A user of its own for a measurement: an empty home, with or without a model to embed with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcli import config
from tests.bench.perf.bulk import fresh


@contextmanager
def home(folder: Path, *, model: bool) -> Iterator[None]:
    before = dict(os.environ)
    fresh(folder)
    os.environ.update({f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")})
    os.environ["HOME"] = str(folder)
    if not model:
        file = Path(config.user_file())
        file.parent.mkdir(parents=True)
        file.write_text("model: /no-model\n", encoding="utf-8")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
