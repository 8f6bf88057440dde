"""From runs to tables and plots: how much of the best known front a share of the purse has bought."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import statistics
from typing import TYPE_CHECKING, Any

from methods import BY_READING
from problems import hypervolume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from problems import Problem, Scales, Values

MARKS = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the purse at which searches are compared."""

LEVELS = (0.9, 0.95, 0.99)
"""Shares of the best known hypervolume whose price is asked for."""

GRID = tuple(10 ** (-2.5 + 2.5 * step / 80) for step in range(81))
"""Shares of the purse at which curves are drawn."""

OURS, YARDSTICK = "pareto", "tpe"
COLOURS = ("#d62728", "#ff9896", "#7f7f7f", "#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#bcbd22", "#8c564b", "#e377c2")


@dataclasses.dataclass(frozen=True)
class Run:
    """One search of one problem in one reading: hypervolume, 0 to 1, after shares of the purse, rising."""

    method: str
    seed: int
    shares: list[float]
    volumes: list[float]
    losses: list[Values]

    def at(self, share: float) -> float:
        """Hypervolume when a share of the purse is spent."""
        return max((v for s, v in zip(self.shares, self.volumes, strict=True) if s <= share), default=0.0)

    def price_of(self, volume: float) -> float:
        """Share of the purse at which a hypervolume is reached; infinite when it never is."""
        pairs = zip(self.shares, self.volumes, strict=True)
        return next((share for share, found in pairs if found >= volume and share <= 1.0), math.inf)


def improvements(reached: Iterable[Sequence[float]], last: int) -> list[Sequence[float]]:
    """Of the points of a run those that no earlier one beats, among all points or among full trainings."""
    kept, every, full = [], [], []
    for point in reached:
        accuracy, price = point[3:]
        fronts = [every, full] if point[2] == last else [every]
        if any(not any(a >= accuracy and p <= price for a, p in front) for front in fronts):
            kept.append(point)
            for front in fronts:
                front.append((accuracy, price))
    return kept


def read(path: Path) -> list[dict[str, Any]]:
    """The runs of one problem, as `run.py` wrote them down."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def curves(records: Iterable[dict[str, Any]], scales: Scales, reading: str, last: int) -> list[Run]:
    """Runs of one problem in one reading."""
    made = []
    for record in records:
        if record["method"] in BY_READING and record["reading"] != reading:
            continue
        run = Run(record["method"], record["seed"], [], [], [])
        for spent, _, rung, *values in record["improvements"]:
            share = spent / scales.purse
            if share <= 1.0 and (reading == "every" or rung == last):
                run.losses.append(scales.losses(tuple(values), reading))
                run.shares.append(share)
                run.volumes.append(hypervolume(run.losses))
        made.append(run)
    return made


def best_known(runs: Iterable[Run], scales: Scales, reading: str) -> float:
    """Hypervolume of the front of the table, or of the sample and all runs together."""
    known = [scales.losses(tuple(values), reading) for values in scales.front[reading]]
    return hypervolume(known + [loss for run in runs for loss in run.losses])


def report(out: Path, problems: dict[str, Problem], methods: Sequence[str]) -> None:
    """Writes ``tables.md``, ``shares.csv`` and a plot a reading of every problem into the folder."""
    panels, text, rows = [], [], []
    for name, problem in problems.items():
        records, scales = read(out / f"{name}.jsonl"), problem.scales(out / "scales")
        for reading in ("full", "every") if problem.timed else ("full",):
            runs = curves(records, scales, reading, len(problem.rungs) - 1)
            best = best_known(runs, scales, reading)
            by_method = {m: found for m in methods if (found := [run for run in runs if run.method == m])}
            if by_method:
                title = name if not problem.timed else f"{name}, {_reading(reading)}"
                panels.append((title, by_method, best))
                text += [f"### {title}", "", *_table(by_method, best), ""]
                rows += [
                    (name, reading, run.method, run.seed, *(f"{run.at(mark) / best:.4f}" for mark in MARKS))
                    for run in runs
                ]
    (out / "tables.md").write_text("\n".join(text))
    with (out / "shares.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("problem", "reading", "method", "seed", *(f"share_at_{mark:g}" for mark in MARKS)))
        writer.writerows(rows)
    _plot(panels, methods, out / "fronts.png")
    print("\n".join(text))


def _reading(reading: str) -> str:
    return "only full trainings count" if reading == "full" else "every rung counts"


def _table(by_method: dict[str, list[Run]], best: float) -> list[str]:
    """A row a method: mean share with its standard deviation, significance against ours, prices."""
    marks = " | ".join(f"{mark:.0%}" for mark in MARKS)
    levels = " | ".join(f"to {level:.0%}" for level in LEVELS)
    target = statistics.fmean(run.at(1.0) for run in by_method[YARDSTICK]) if YARDSTICK in by_method else None
    lines = [f"| | seeds | {marks} | {levels} | to {YARDSTICK}'s end |", "|---" * (len(MARKS) + len(LEVELS) + 3) + "|"]
    for method, runs in by_method.items():
        cells = [_share([run.at(mark) / best for run in runs], _stars(by_method, method, mark)) for mark in MARKS]
        cells += [_price([run.price_of(level * best) for run in runs]) for level in LEVELS]
        cells.append("-" if target is None else _price([run.price_of(target) for run in runs]))
        lines.append(f"| {method} | {len(runs)} | {' | '.join(cells)} |")
    return lines


def _share(shares: list[float], stars: str) -> str:
    spread = f" ± {statistics.stdev(shares):.3f}" if len(shares) > 1 else ""
    return f"{statistics.fmean(shares):.3f}{spread}{stars}".replace("0.", ".")


def _price(shares: list[float]) -> str:
    """Median share of the purse, searches that never got there counting as endless, and how many did."""
    reached = sum(map(math.isfinite, shares))
    middle = statistics.median_high(shares)
    return f"{f'{middle:.1%}' if math.isfinite(middle) else '> 100%'} ({reached}/{len(shares)})"


def _stars(by_method: dict[str, list[Run]], method: str, mark: float) -> str:
    """A star where ours is better, a dagger where it is worse: Mann-Whitney, two-sided, p < 0.05."""
    from scipy.stats import mannwhitneyu

    ours, theirs = ([run.at(mark) for run in by_method.get(name, [])] for name in (OURS, method))
    if method == OURS or min(len(ours), len(theirs)) < 3 or set(ours) == set(theirs):  # noqa: PLR2004
        return ""
    if mannwhitneyu(ours, theirs).pvalue >= 0.05:  # noqa: PLR2004
        return ""
    return " \\*" if statistics.fmean(ours) > statistics.fmean(theirs) else " †"


def _plot(panels: list[tuple[str, dict[str, list[Run]], float]], methods: Sequence[str], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = 2
    rows = math.ceil(len(panels) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12, 3.6 * rows), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (title, by_method, best) in zip(axes.flat, panels, strict=False):
        for method, runs in by_method.items():
            colour = COLOURS[list(methods).index(method) % len(COLOURS)]
            gaps = [sorted(max(1.0 - run.at(share) / best, 1e-4) for run in runs) for share in GRID]
            middle = [statistics.fmean(gap) for gap in gaps]
            width = 2.4 if method == OURS else 1.2
            axis.plot(GRID, middle, color=colour, label=method, linewidth=width)
            axis.fill_between(
                GRID, [_quartile(g, 0.25) for g in gaps], [_quartile(g, 0.75) for g in gaps], color=colour, alpha=0.1
            )
        axis.set(xscale="log", yscale="log", title=title, xlabel="share of the purse spent", xlim=(GRID[0], 1))
        axis.set_ylabel("missing hypervolume")
    # One legend below all pictures covers none of the curves; how many seeds there were stands in the tables.
    handles = {line.get_label(): line for axis in figure.axes for line in axis.get_lines()}
    figure.legend(handles.values(), handles, fontsize=9, ncols=5, loc="lower center")
    figure.tight_layout(rect=(0, 0.045, 1, 1))
    figure.savefig(path, dpi=110)


def _quartile(ordered: list[float], part: float) -> float:
    return ordered[round(part * (len(ordered) - 1))]
