"""Tables in Markdown, and the places in a page where what was measured goes."""

from __future__ import annotations

import re
from pathlib import Path


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(page: Path, blocks: dict[str, str]) -> None:
    """Put blocks between their markers in a page. Raises SystemExit, with nothing written, where there are none."""
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        begin, end = f"<!-- report:begin {name} -->", f"<!-- report:end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page} has no {begin} … {end}; nothing was written")
        text = pattern.sub(lambda _, new=f"{begin}\n{block}\n{end}": new, text)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")
