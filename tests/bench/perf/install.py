"""Putting the working tree into a virtual environment as a user would have it: a wheel, not an editable install."""

from __future__ import annotations

import site
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def install(folder: Path) -> Path:
    """Make an environment with memcli in `folder`; returns its `mem`. What memcli needs is this environment's own.

    Raises SystemExit where the wheel cannot be built (without hatchling it takes a network).
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    _pip("wheel", "--no-deps", *isolation, "--wheel-dir", folder, ROOT)
    _pip("--python", python, "install", "--no-deps", "--no-index", next(folder.glob("memcli-*.whl")))
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(
        "".join(f"{path}\n" for path in site.getsitepackages()), encoding="utf-8"
    )
    return folder / "bin" / "mem"


def _pip(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"memcli cannot be installed here; give an installed command with --mem\n{done.stderr[-600:]}")
