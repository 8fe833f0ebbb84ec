#!/usr/bin/env python3
"""Compute models/e5-small/token-mean.npy: the mean token vector that token codes and questions are centred on.

    apt-get download wordnet-base && dpkg -x wordnet-base_*.deb build/wordnet      (WordNet 3.0 and its licence)
    python models/token_mean.py build/wordnet/usr/share/wordnet

Late interaction compares tokens after the direction that all of them share is taken away. That direction is computed once,
from texts that anybody may use, so that the codes of every store mean the same and never change: 3,000 glosses, 4,000
example sentences and 300 longer runs of glosses of WordNet 3.0, and 500 docstrings and 500 functions of Python's standard
library (this interpreter's), each kind with the same weight. Writes the file, its sums in model.yaml, and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import random
import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from memcli.encode import model as models
from memcli.encode.embedder import Embedder

FILE = "token-mean.npy"


def wordnet(folder: Path, shuffle: random.Random) -> tuple[list[str], list[str], list[str]]:
    """Glosses, example sentences, and runs of twelve glosses."""
    glosses = [
        line.partition("|")[2].strip()
        for file in sorted(folder.glob("data.*"))
        for line in file.read_text(encoding="latin-1").splitlines()
        if "|" in line and not line.startswith("  ")
    ]
    shuffle.shuffle(glosses)
    examples = [example for gloss in glosses for example in re.findall(r'"([^"]{20,})"', gloss)]
    runs = [" ".join(glosses[start : start + 12]) for start in range(0, 3600, 12)]
    return glosses[:3000], examples[:4000], runs


def standard_library(shuffle: random.Random) -> tuple[list[str], list[str]]:
    """Docstrings and functions."""
    docstrings, functions = [], []
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        source = file.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                code = ast.get_source_segment(source, node) or ""
                functions += [code] if 80 < len(code) < 1200 else []
                docstring = ast.get_docstring(node) or ""
                docstrings += [docstring[:900]] if len(docstring) > 60 else []
    shuffle.shuffle(docstrings)
    shuffle.shuffle(functions)
    return docstrings[:500], functions[:500]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wordnet", type=Path, help="the folder of WordNet's data.noun, data.verb, …")
    folder = models.load(models.default())
    embedder = Embedder.open(folder)
    shuffle = random.Random(1)
    kinds = (*wordnet(parser.parse_args().wordnet, shuffle), *standard_library(shuffle))
    mean = np.mean([embedder.token_mean(texts) for texts in kinds], axis=0).astype(np.float32)
    path = Path(folder.path) / FILE
    np.save(path, mean)
    described = Path(folder.path) / models.DESCRIPTION
    entry = (
        f"  token_mean:  # float32 [384]; written by models/token_mean.py\n    path: {FILE}\n"
        f"    sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}\n    bytes: {path.stat().st_size}\n"
    )
    text = re.sub(r"  token_mean:.*\n(?:    .*\n)+", "", described.read_text(encoding="utf-8"))
    described.write_text(text + entry, encoding="utf-8")
    print("now: python models/convert.py --sums, and another revision in model.yaml if the mean changed")


if __name__ == "__main__":
    main()
