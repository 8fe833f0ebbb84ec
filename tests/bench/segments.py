"""Where sessions that run into each other are cut: by pauses, as `importers.segments` does, or by the words.

    python -m tests.bench.segments ../shared

Streams of turns are made of LongMemEval's sessions, ten at a time, so that the borders are known. Compared are cutting
nowhere, at pauses (from the sessions' own dates), and where a user's turn shares few words with the turns before it, weighted
by rarity, in the manner of TextTiling (Hearst 1997) but looking back alone, since a session is cut while it goes on. The
threshold is chosen on one half of the streams; figures are of the other. Pk (Beeferman et al. 1999) and WindowDiff (Pevzner and
Hearst 2002) are errors: how often two turns, half a session apart, are wrongly said to be together or apart. F1 is of the
exact turn.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from memcli.importers import Item, segments
from memcli.lifecycle.sentences import telling

SESSIONS, STREAMS = 10, 60
BEFORE = 8  # turns that a turn is compared with
Cut = Callable[[Sequence[Item]], set[int]]


class Stream(NamedTuple):
    """Turns, and the numbers of those with which another session begins."""

    turns: list[Item]
    borders: set[int]


class Score(NamedTuple):
    pk: float
    window_diff: float
    f1: float


def streams(shared: Path, seed: int = 7) -> list[Stream]:
    sessions: dict[str, list[Item]] = {}
    with open(shared / "data" / "longmemeval" / "corpus.jsonl", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            item = Item(row["text"], created=row["date"], session=row["session"], speaker=row["speaker"])
            sessions.setdefault(row["session"], []).append(item)
    chosen = random.Random(seed)
    names = sorted(name for name, turns in sessions.items() if len(turns) >= 4)
    made = []
    for _ in range(STREAMS):
        some = sorted(chosen.sample(names, SESSIONS), key=lambda name: sessions[name][0].created or "")
        turns: list[Item] = []
        borders = set()
        for name in some:
            borders |= {len(turns)} if turns else set()
            turns += sessions[name]
        made.append(Stream(turns, borders))
    return made


def score(stream: Stream, found: set[int]) -> Score:
    count = len(stream.turns)
    window = max(2, round(count / (len(stream.borders) + 1) / 2))
    together = apart = 0
    for start in range(count - window):
        real = sum(start < border <= start + window for border in stream.borders)
        said = sum(start < border <= start + window for border in found)
        together += (real > 0) != (said > 0)
        apart += real != said
    right = len(stream.borders & found)
    f1 = 2 * right / max(1, len(stream.borders) + len(found))
    return Score(together / (count - window), apart / (count - window), f1)


def nowhere(turns: Sequence[Item]) -> set[int]:
    return set()


def at_pauses(turns: Sequence[Item]) -> set[int]:
    return {n for n in range(1, len(turns)) if segments.begins_anew(turns[n], turns[n - 1].created)}


def by_words(threshold: float, rarity: dict[str, float]) -> Cut:
    def cut(turns: Sequence[Item]) -> set[int]:
        words = [telling(turn.text) for turn in turns]
        found = set()
        begin = 0
        for n in range(1, len(turns)):
            if turns[n].speaker != "user" or not words[n]:
                continue
            before = set().union(*words[max(begin, n - BEFORE) : n])
            shared = sum(rarity[word] for word in words[n] & before) / sum(rarity[word] for word in words[n])
            if shared < threshold:
                found.add(n)
                begin = n
        return found

    return cut


def mean(some: Sequence[Stream], cut: Cut) -> Score:
    scores = [score(stream, cut(stream.turns)) for stream in some]
    return Score(*(sum(one[n] for one in scores) / len(scores) for n in range(3)))


def main() -> None:
    made = streams(Path(sys.argv[1]))
    half, other = made[: STREAMS // 2], made[STREAMS // 2 :]
    held = Counter(word for stream in half for turn in stream.turns for word in telling(turn.text))
    total = sum(len(stream.turns) for stream in half)
    every = {word for stream in made for turn in stream.turns for word in telling(turn.text)}
    rarity = {word: math.log(1 + total / (1 + held[word])) for word in every}
    best = min((n / 100 for n in range(2, 80, 2)), key=lambda one: mean(half, by_words(one, rarity)).pk)
    words = by_words(best, rarity)
    ways: dict[str, Cut] = {
        "nowhere": nowhere,
        f"at pauses of {segments.PAUSE_HOURS:g} hours": at_pauses,
        f"by words (below {best:.2f})": words,
        "both": lambda turns: at_pauses(turns) | words(turns),
    }
    print(f"{'cut':<28} {'Pk':>6} {'WinDiff':>8} {'F1':>6}")
    for name, cut in ways.items():
        one = mean(other, cut)
        print(f"{name:<28} {one.pk:6.3f} {one.window_diff:8.3f} {one.f1:6.3f}")


if __name__ == "__main__":
    main()
