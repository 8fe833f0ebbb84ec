"""Questions that no channel may choke on."""

from __future__ import annotations

HOSTILE = (
    '"unbalanced',
    '"" "" ""',
    '"AND" OR NEAR("a b", 5) NOT *',
    "nul\0inside \0 raymacher\0",
    "x" * 20_000,
    "raymacher texturr " * 1100,
    " ".join(f"unknwon{number}" for number in range(2000)),
    "🎉🎉 raymacher 🎉",
    "日本語の記憶を保つ",
    "“" * 500 + "a b" + "”" * 500,
    "`" * 20_000,
    "\ud800 lone raymacher",
    "it's they're l'eau d'or",
    "____ ---- ::::",
)
