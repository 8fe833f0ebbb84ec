"""Scores of single questions, and what can be said of their means: 95 % intervals by the bootstrap.

Two variants of recall are asked the same questions, so what is resampled is the difference of each question (the paired
bootstrap; Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004). A mean over suites counts them
alike, and resamples within each.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
from beds import Bed
from numpy.typing import NDArray
from variants import Answers

RESAMPLES = 2_000
SEED = 20_261_120
AT_ONCE = 4_000_000  # numbers drawn at a time
LEAST = 0.0005  # what is printed as .000 is 0
METRICS = ("R@10", "nDCG@10")

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low >= LEAST or self.high <= -LEAST


class Result(NamedTuple):
    """A bed's answers, scored: by variant, the METRICS (columns) of each answerable question (rows)."""

    bed: Bed
    scores: dict[str, Floats]

    def of(self, variant: str, metric: str) -> Floats:
        return self.scores[variant][:, METRICS.index(metric)]


def scored(judge: ModuleType, bed: Bed, answers: dict[str, Answers]) -> Result:
    return Result(bed, {name: _each(judge, bed, found) for name, found in answers.items()})


def _each(judge: ModuleType, bed: Bed, found: Answers) -> Floats:
    sessions = bed.sessions
    rows = [judge.score([query], found.ranked, {}, sessions)["micro"] for query in bed.answerable]
    return np.array([[row[name] for name in METRICS] for row in rows])


def mean(results: list[Result], variant: str, metric: str) -> Estimate:
    """What a variant reaches, every bed counting the same."""
    return estimate([result.of(variant, metric) for result in results])


def gain(results: list[Result], variant: str, over: str, metric: str) -> Estimate:
    """What a variant reaches more than another on the same questions."""
    return estimate([result.of(variant, metric) - result.of(over, metric) for result in results])


def estimate(groups: list[Floats]) -> Estimate:
    """The mean of the groups' means; each group holds one number for each of its questions."""
    draw = np.random.default_rng(SEED)
    means = np.mean([_resampled_means(values, draw) for values in groups], axis=0)
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(np.mean([values.mean() for values in groups])), float(low), float(high))


def _resampled_means(values: Floats, draw: np.random.Generator) -> Floats:
    rows = max(1, AT_ONCE // len(values))
    means = []
    for start in range(0, RESAMPLES, rows):
        drawn = draw.integers(len(values), size=(min(rows, RESAMPLES - start), len(values)))
        means.append(values[drawn].mean(axis=1))
    return np.concatenate(means)
