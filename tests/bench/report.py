"""The retrieval benchmark: how good recall is, what each of its parts adds, and how sure both are.

    python tests/bench/report.py ../shared STORES [--suite NAME …] [--cases] [--write]

Without --suite and --cases everything is asked: the development suites and tests/bench/cases. Missing stores are built
first (STORES as made by suites.py build). Each question is put to the whole system, to the system without each part, and to
each channel alone; differences are paired by question, with a 95 % bootstrap interval. Metrics are those of
../shared/bench/evaluate.py, the baseline is its FTS5. Answers are kept in STORES/report until code, weights or questions
change. --write puts the tables into docs/benchmarks.md and the figures into docs/figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import beds
import figures
import pages
import suites
import tables
import variants
from beds import Bed
from paired import METRICS, Estimate, Result, gain, mean, scored
from variants import FTS5, FULL, without

DOCS = Path(__file__).resolve().parents[2] / "docs"
SIGNIFICANCE = (
    "In brackets: 95 % intervals, by the paired bootstrap over questions; bold where they exclude 0. Of twenty parts"
    " that add nothing, one looks as if it did."
)

ALT = {
    "suites": "R@10 of mem and of FTS5 on each development suite",
    "cases": "R@10 of mem and of FTS5 on each kind of case",
    "ablation": "What recall loses in R@10 without each of its parts",
}


def measure(shared: Path, stores: Path, chosen: list[Bed]) -> tuple[list[Result], dict[str, dict[str, Any]]]:
    """Each bed's scores, and by bed and system what the judge says of it as a whole."""
    judge = suites.judge(shared)
    beds.build([scope for bed in chosen for scope in bed.scopes])
    results, judged = [], {}
    for bed in chosen:
        answers = variants.answers(bed, judge, stores / "report")
        results.append(scored(judge, bed, answers))
        judged[bed.name] = {
            system: judge.score(bed.queries, answers[system].ranked, answers[system].confidence, bed.sessions)
            for system in (FULL, FTS5)
        }
    return results, judged


def blocks(results: list[Result], judged: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The report in Markdown, by the names of its places in docs/benchmarks.md."""
    found = {}
    for family, tell in (("suites", True), ("cases", False)):
        mine = [result for result in results if result.bed.family == family]
        if not mine:
            continue
        digits = 3 if family == "suites" else 2  # a kind of case has some 60 questions
        found[family] = _shown(family, tables.metrics(mine, judged, more=tell))
        ablations = "\n\n".join(tables.ablation(mine, metric, digits) for metric in METRICS)
        figure = "ablation" if family == "suites" else None
        found[f"{family}-ablation"] = _shown(figure, f"{SIGNIFICANCE}\n\n{ablations}")
        found[f"{family}-alone"] = tables.channels_alone(mine)
    return found


def _shown(figure: str | None, text: str) -> str:
    return f"![{ALT[figure]}](figures/{figure}.svg)\n\n{text}" if figure else text


def drawn(results: list[Result]) -> dict[str, str]:
    """The figures as SVG, by name."""
    found = {}
    by_family = {family: [r for r in results if r.bed.family == family] for family in ("suites", "cases")}
    for family, mine in by_family.items():
        if mine:
            groups = [
                figures.Bars(
                    result.bed.name,
                    f"{len(result.bed.answerable)} questions",
                    (mean([result], FULL, "R@10"), mean([result], FTS5, "R@10")),
                )
                for result in mine
            ]
            found[family] = figures.upright(ALT[family], ("mem", "SQLite FTS5, BM25"), groups)
    suite, case = by_family["suites"], by_family["cases"]
    rows = [figures.Bars(part, "", (_lost(suite, part), _lost(case, part))) for part in tables.removals(results)]
    rows.sort(key=lambda row: -max(e.mean for e in row.estimates if e))
    found["ablation"] = figures.lying(ALT["ablation"], ("mean of the suites", "mean of the cases"), rows)
    return found


def _lost(results: list[Result], part: str) -> Estimate | None:
    return gain(results, FULL, without(part), "R@10") if results else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("--suite", nargs="+", default=[], choices=suites.SUITES, metavar="NAME", help="only these")
    parser.add_argument("--cases", action="store_true", help="only the cases (and what --suite names)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/figures")
    arguments = parser.parse_args()
    everything = not arguments.suite and not arguments.cases
    if arguments.write and not everything:
        parser.error("--write needs everything: leave out --suite and --cases")
    suites.at_home(arguments.stores)
    names = suites.SUITES if everything else arguments.suite
    chosen = [beds.of_suite(arguments.shared, arguments.stores, name) for name in names]
    if everything or arguments.cases:
        chosen += beds.of_cases(arguments.stores)
    results, judged = measure(arguments.shared, arguments.stores, chosen)
    found, pictures = blocks(results, judged), drawn(results)
    for name, block in found.items():
        print(f"\n## {name}\n\n{block}")
    folder = DOCS / "figures" if arguments.write else arguments.stores / "report"
    if arguments.write:
        pages.put(DOCS / "benchmarks.md", found)
        folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    beds.say(f"figures in {folder}")


if __name__ == "__main__":
    main()
