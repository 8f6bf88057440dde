"""The expected score against the budget as pictures: an image, and an element of the page."""

from __future__ import annotations

import dataclasses
import html
import io
from typing import TYPE_CHECKING, Any

from automl.files import write_bytes
from automl.report import units
from automl.report.expected import BUDGETS, ExpectedPoint, expected_curve, table_budgets
from automl.report.figures import FRONT, GRID, INK, OTHER, SIZE_PX, _plotly_axis, _scale, without_programs
from automl.report.scene import NOTHING, TRIAL, Axis

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from automl.engine.record import Record
    from automl.parts import Goal

_LOG_FROM_TRIALS = 10
_BAND_ALPHA = 0.16


@dataclasses.dataclass(frozen=True)
class _Picture:
    """What both pictures show.

    Attributes:
        points: The curve.
        xs: The budget at each of them.
        x: The direction of the budget; of the number of trials where no price is known of all.
        y: The direction of the score.
        best: The best score there was.
        title: What is shown, in a line.
        band: Name of the band.
    """

    points: list[ExpectedPoint]
    xs: list[float]
    x: Axis
    y: Axis
    best: float
    title: str
    band: str = "± one standard deviation"

    @property
    def x_title(self) -> str:
        """What stands along the budget."""
        if self.x.metric == TRIAL:
            return "trials, n"
        return f"{self.x.title} spent: n trials x the mean price of one"


def _picture(records: Sequence[Record], goals: Sequence[Goal]) -> _Picture | None:
    points = expected_curve(records, goals)
    if not points:
        return None
    known = [quantity for quantity in BUDGETS if quantity in points[0].budget]
    # A price of nothing at all, of trials that were cut off at once, makes no axis.
    price = next((quantity for quantity in known if points[0].budget[quantity].value > 0), None)
    xs = [point.budget[price].value if price else float(point.trials) for point in points]
    scores = [record.values[0] for record in records if record.values is not None]
    best = max(scores) if goals[0].direction == "maximize" else min(scores)
    low, high = min(point.low for point in points), max(point.high for point in points)
    failed = len(records) - len(scores)
    trials = f"{len(records)} trial{'' if len(records) == 1 else 's'}" + (f", {failed} failed" if failed else "")
    log_y = goals[0].log and low > 0
    return _Picture(
        points,
        xs,
        Axis(price or TRIAL, log=len(points) >= _LOG_FROM_TRIALS, low=xs[0], high=xs[-1]),
        Axis(goals[0].metric, log=log_y, low=min(low, best), high=max(high, best)),
        best,
        f"Expected best {units.title(goals[0].metric)} against budget ({trials})",
    )


@without_programs
def expected_figure_png(records: Sequence[Record], goals: Sequence[Goal], path: str | os.PathLike[str]) -> Path:
    """Writes an image of the expected best score against the budget, 1200 by 800 pixels.

    Args:
        records: Finished trials, failed ones too.
        goals: The goals of the study, in the order of the records' values.
        path: The file to write, whole or not at all.

    Returns:
        `path` as a Path.

    Raises:
        OSError: The file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    dpi = 100
    layout = ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2)
    figure = Figure(figsize=(SIZE_PX[0] / dpi, SIZE_PX[1] / dpi), dpi=dpi, facecolor="white", layout=layout)
    picture = _picture(records, goals)
    if picture is None:
        figure.text(0.5, 0.5, NOTHING, ha="center", fontsize=15, color=INK)
    else:
        _draw(figure, picture)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return write_bytes(path, image.getvalue())


def _draw(figure: Any, picture: _Picture) -> None:
    """The picture on a matplotlib figure."""
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(OTHER)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    _scale(axes, "x", picture.x, 9)
    _scale(axes, "y", picture.y, 8)
    axes.xaxis.set_label_text(picture.x_title, fontsize=15, color=INK)
    axes.axhline(picture.best, color=OTHER, linewidth=1.4, linestyle=(0, (4, 3)), label="best of all trials")
    lows, highs = [point.low for point in picture.points], [point.high for point in picture.points]
    axes.fill_between(picture.xs, lows, highs, color=FRONT, alpha=_BAND_ALPHA, linewidth=0, label=picture.band)
    axes.plot(picture.xs, [point.score for point in picture.points], color=FRONT, linewidth=2.2, label="expected best")
    _mark_trials(axes, picture)
    axes.set_title(picture.title, loc="left", parse_math=False, fontsize=17, color=INK, pad=38)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], names[::-1], loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, frameon=False,
        fontsize=13, labelcolor=INK, handletextpad=0.5, columnspacing=1.5,
    )  # fmt: skip
    figure.supxlabel(
        r"$E[V^*_n] = \sum_i\; v_i\, (\hat{P}(V \leq v_i)^n - \hat{P}(V < v_i)^n)$"
        "   Dodge et al. 2019, arXiv:1909.03004; n draws with replacement, a failed trial counts as the worst.",
        x=0.02, ha="left", fontsize=12, color=INK,
    )  # fmt: skip


def _mark_trials(axes: Any, picture: _Picture) -> None:
    """Dots with the number of trials, as far as they have room."""
    from matplotlib.patheffects import withStroke

    marked = [picture.points[trials - 1] for trials in table_budgets(len(picture.points))]
    xs = [picture.xs[point.trials - 1] for point in marked]
    axes.plot(
        xs, [point.score for point in marked], "o", color=FRONT, markersize=9, markeredgecolor="white",
        markeredgewidth=1.2,
    )  # fmt: skip
    left, right = picture.x.limits()
    last = None
    below = -18 if picture.points[-1].score >= picture.points[0].score else 18
    # From the right, because the last says how many there were.
    for point, x in reversed(list(zip(marked, xs, strict=True))):
        place = (picture.x.place(x) - left) / (right - left)
        if last is None or last - place > 0.045:  # noqa: PLR2004 - the width of a label
            axes.annotate(
                f"n = {point.trials}" if last is None else str(point.trials), (x, point.score), (0, below),
                textcoords="offset points", ha="center", va="center", fontsize=12, color=INK,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )  # fmt: skip
            last = place


def expected_div(records: Sequence[Record], goals: Sequence[Goal]) -> str:
    """The picture as an element of a page that has plotly's script already.

    Args:
        records: Finished trials, failed ones too.
        goals: The goals of the study, in the order of the records' values.
    """
    from plotly import graph_objects

    picture = _picture(records, goals)
    if picture is None:
        return f"<p>{NOTHING}</p>"
    metric = goals[0].metric
    figure = graph_objects.Figure()
    lows, highs = [point.low for point in picture.points], [point.high for point in picture.points]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=picture.xs, y=lows, showlegend=False, **edge)
    red, green, blue = (int(FRONT[start : start + 2], 16) for start in (1, 3, 5))
    fill = f"rgba({red},{green},{blue},{_BAND_ALPHA})"
    figure.add_scatter(x=picture.xs, y=highs, fill="tonexty", fillcolor=fill, name=picture.band, **edge)
    figure.add_scatter(
        x=picture.xs[:: max(1, len(picture.xs) - 1)], y=[picture.best] * min(2, len(picture.xs)), mode="lines",
        name="best of all trials", hoverinfo="skip", line={"color": OTHER, "width": 1.5, "dash": "dash"},
    )  # fmt: skip
    figure.add_scatter(
        x=picture.xs, y=[point.score for point in picture.points], name="expected best",
        mode="lines+markers" if len(picture.xs) < _LOG_FROM_TRIALS else "lines", line={"color": FRONT, "width": 2.5},
        text=[_hover(point, metric) for point in picture.points], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        template="plotly_white",
        title={"text": html.escape(picture.title), "x": 0.02, "font": {"size": 20}},
        font={"family": "sans-serif", "size": 14, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "reversed"},
        hoverlabel={"align": "left"},
        margin={"t": 100, "r": 30, "b": 110},
        # Ticks at 1, 2 and 5 of the few decades that trials span; by default it writes all nine.
        xaxis={
            **_plotly_axis(picture.x),
            "title": {"text": picture.x_title},
            **({"dtick": "D2"} if picture.x.log else {}),
        },
        yaxis=_plotly_axis(picture.y),
    )
    figure.add_annotation(
        text="E[V*<sub>n</sub>] = Σ<sub>i</sub> v<sub>i</sub> (P(V ≤ v<sub>i</sub>)<sup>n</sup> - "
        "P(V &lt; v<sub>i</sub>)<sup>n</sup>), Dodge et al. 2019, arXiv:1909.03004; "
        "n draws with replacement, a failed trial counts as the worst.",
        xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", yshift=-65, showarrow=False, align="left",
        font={"size": 12},
    )  # fmt: skip
    text: str = figure.to_html(
        full_html=False, include_plotlyjs=False, include_mathjax=False, div_id="expected", default_height="80vh",
        config={
            "displaylogo": False, "responsive": True, "showSendToCloud": False,
            "modeBarButtonsToRemove": ["select2d", "lasso2d"],
        },
    )  # fmt: skip
    return text


def _hover(point: ExpectedPoint, metric: str) -> str:
    """What the pointer shows of a place on the curve."""
    score, std = units.metric(metric, point.score), units.metric(metric, point.std)
    lines = [f"<b>{point.trials} trial{'' if point.trials == 1 else 's'}</b>", f"expected best: {score} ± {std}"]
    lines += [f"{units.title(name)}: {units.metric(name, figure.value)}" for name, figure in point.budget.items()]
    return "<br>".join(lines)
