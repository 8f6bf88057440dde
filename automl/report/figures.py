"""The front as pictures: a page to explore and an image to pass on."""

from __future__ import annotations

import functools
import html
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from automl.files import write_bytes, write_text
from automl.report import units
from automl.report.history import hypervolume_history
from automl.report.labels import place_labels
from automl.report.scene import NOTHING, TRIAL, Axis, Scene, scene

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from automl.engine.record import Record
    from automl.parts import Goal

__all__ = ["front_figure_html", "front_figure_png", "hypervolume_history"]

F = TypeVar("F", bound=Callable[..., Any])

# Blue and vermilion of Okabe and Ito's palette, which all common kinds of colour blindness keep apart.
FRONT, TEST, OTHER, INK, GRID = "#0072B2", "#D55E00", "#A6A6A6", "#333333", "#E6E6E6"

SIZE_PX = (1200, 800)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
html, body {{ height: 100%; margin: 0; background: #fff; color: {ink}; font-family: sans-serif; }}
section {{ max-width: 70rem; margin: 0 auto; padding: 0.5rem 1.5rem 1.5rem; line-height: 1.45; }}
table.price {{ border-collapse: collapse; display: block; overflow-x: auto; }}
table.price th, table.price td {{ padding: 0.3rem 1.2rem 0.3rem 0; text-align: right; vertical-align: top;
  border-bottom: 1px solid #e6e6e6; }}
table.price th:first-child {{ text-align: left; font-weight: normal; }}
small, li {{ color: #5a5a5a; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def front_figure_html(
    records: Sequence[Record],
    goals: Sequence[Goal],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    sections: Sequence[str] = (),
) -> Path:
    """Writes a page that shows the front and, under the pointer, what each trial is.

    The page holds all it needs, the plotting library too (some 5 MB), so that it opens without a network.

    Args:
        records: Finished trials; failed ones are left out.
        goals: The goals of the study, in the order of the records' values.
        path: The file to write, whole or not at all.
        title: Heading of the picture; without one it says what is shown.
        sections: Parts of the page below the picture, as HTML.

    Returns:
        `path` as a Path.

    Raises:
        OSError: The file cannot be written.
    """
    picture = scene(records, goals)
    heading = html.escape(title or (picture.title if picture else NOTHING))
    body = f"<p>{NOTHING}</p>" if picture is None else _plotly_div(picture, goals, heading)
    return write_text(path, _PAGE.format(title=heading, ink=INK, body="\n".join([body, *sections])))


def without_programs(function: F) -> F:
    """Draws without TeX: a ``matplotlibrc`` in the working directory may have it started on names from outside."""

    @functools.wraps(function)
    def drawn(*args: Any, **options: Any) -> Any:
        import matplotlib

        with matplotlib.rc_context({"text.usetex": False}):
            return function(*args, **options)

    return cast("F", drawn)


@without_programs
def front_figure_png(
    records: Sequence[Record], goals: Sequence[Goal], path: str | os.PathLike[str], *, title: str = ""
) -> Path:
    """Writes an image of the front, 1200 by 800 pixels: all trials grey, the front joined and named.

    Args:
        records: Finished trials; failed ones are left out.
        goals: The goals of the study, in the order of the records' values.
        path: The file to write, whole or not at all.
        title: Heading of the picture; without one it says what is shown.

    Returns:
        `path` as a Path.

    Raises:
        OSError: The file cannot be written.
    """
    # A Figure of its own and not pyplot, whose list of open figures belongs to the caller.
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    dpi = 100
    layout = ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2)
    figure = Figure(figsize=(SIZE_PX[0] / dpi, SIZE_PX[1] / dpi), dpi=dpi, facecolor="white", layout=layout)
    picture = scene(records, goals)
    if picture is None:
        figure.text(0.5, 0.5, NOTHING, ha="center", fontsize=15, color=INK)
    else:
        _draw(figure.add_subplot(), picture, title or picture.title)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return write_bytes(path, image.getvalue())


def _draw(axes: Any, picture: Scene, title: str) -> None:
    """The picture on matplotlib axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(OTHER)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for name, axis, most in (("x", picture.x, 9), ("y", picture.y, 8)):
        _scale(axes, name, axis, most)
    one_goal = picture.x.metric == TRIAL
    if picture.trials:
        xs, ys = _columns(picture.trials)
        axes.plot(xs, ys, "o", color=OTHER, markersize=7, alpha=0.8, markeredgewidth=0, label="other trials")
    if picture.line:
        steps = {"hv": "steps-post", "vh": "steps-pre"}[picture.shape]
        label = "best so far" if one_goal else None
        axes.plot(*zip(*picture.line, strict=True), color=FRONT, linewidth=1.8, drawstyle=steps, label=label)
    for record, x, y in picture.tested:
        if record.values is not None:
            axes.plot([x, x], [record.values[0], y], color=TEST, linewidth=1, alpha=0.7)
    if picture.tested:
        xs, ys = _columns(picture.tested)
        axes.plot(
            xs, ys, "o", markerfacecolor="white", markeredgecolor=TEST, markeredgewidth=1.8, markersize=9,
            label="the same on the test split",
        )  # fmt: skip
    xs, ys = _columns(picture.front)
    axes.plot(
        xs, ys, "o", color=FRONT, markersize=11, markeredgecolor="white", markeredgewidth=1.2,
        label="best trial" if one_goal else "front, on the validation split",
    )  # fmt: skip
    axes.set_title(title, loc="left", parse_math=False, fontsize=17, color=INK, pad=38)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        names[::-1],
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=4,
        frameon=False,
        fontsize=13,
        labelcolor=INK,
        handletextpad=0.4,
        columnspacing=1.5,
    )
    place_labels(axes, picture, INK)


def _scale(axes: Any, name: str, axis: Axis, most: int) -> None:
    """Range, ticks and title of one direction."""
    from matplotlib.ticker import NullLocator

    matplotlib_axis = {"x": axes.xaxis, "y": axes.yaxis}[name]
    axes.set(**{f"{name}scale": "log" if axis.log else "linear"})
    low, high = axis.limits()
    axes.set(**{f"{name}lim": (10**low, 10**high) if axis.log else (low, high)})
    ticks = axis.ticks(most)
    matplotlib_axis.set_ticks([value for value, _ in ticks], [label for _, label in ticks])
    matplotlib_axis.set_minor_locator(NullLocator())
    matplotlib_axis.set_tick_params(labelsize=13, labelcolor=INK, color=GRID)
    matplotlib_axis.set_label_text(axis.title, parse_math=False, fontsize=15, color=INK)
    matplotlib_axis.labelpad = 10


def _plotly_div(picture: Scene, goals: Sequence[Goal], title: str) -> str:
    """The picture as an element of a page, with the script that draws it."""
    from plotly import graph_objects

    one_goal = picture.x.metric == TRIAL
    figure = graph_objects.Figure()

    def marks(points: Sequence[tuple[Record, float, float]], name: str, **marker: Any) -> None:
        if points:
            xs, ys = _columns(points)
            words = [_hover(record, goals) for record, _, _ in points]
            figure.add_scatter(
                x=xs, y=ys, mode="markers", name=name, text=words, hovertemplate="%{text}<extra></extra>", marker=marker
            )

    marks(picture.trials, "other trials", color=OTHER, size=8)
    if picture.line:
        xs, ys = [x for x, _ in picture.line], [y for _, y in picture.line]
        line = {"color": FRONT, "width": 2, "shape": picture.shape}
        figure.add_scatter(
            x=xs, y=ys, mode="lines", line=line, name="best so far", hoverinfo="skip", showlegend=one_goal
        )
    marks(picture.tested, "the same on the test split", color=TEST, size=10, symbol="circle-open", line={"width": 2})
    marks(picture.front, "best trial" if one_goal else "front, on the validation split", color=FRONT, size=12)
    figure.update_layout(
        template="plotly_white",
        title={"text": title, "x": 0.02, "font": {"size": 20}},
        font={"family": "sans-serif", "size": 14, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "reversed"},
        hoverlabel={"align": "left"},
        margin={"t": 100, "r": 30},
        xaxis=_plotly_axis(picture.x),
        yaxis=_plotly_axis(picture.y),
    )
    text: str = figure.to_html(
        full_html=False, include_plotlyjs=True, include_mathjax=False, div_id="front",
        default_height="min(85vh, 50rem)",
        # Since plotly 7 there is a button that sends the data to its maker unless it is turned off.
        config={
            "displaylogo": False, "responsive": True, "showSendToCloud": False,
            "modeBarButtonsToRemove": ["select2d", "lasso2d"],
        },
    )  # fmt: skip
    return text


def _plotly_axis(axis: Axis) -> dict[str, Any]:
    """Range and format; ticks are left to plotly, which makes new ones when a person zooms."""
    layout: dict[str, Any] = {
        "title": {"text": html.escape(axis.title)},
        "type": "log" if axis.log else "linear",
        "range": list(axis.limits()),
        "zeroline": False,
    }
    if axis.log:
        # By default it writes all of 1 to 9 in every decade, one over the other; asked for few, 1, 2 and 5.
        layout["nticks"] = 6
    if units.unit(axis.metric):
        layout["tickformat"] = "~s"
    elif units.is_fraction(axis.metric):
        layout["tickformat"] = "~%"
    return layout


def _hover(record: Record, goals: Sequence[Goal]) -> str:
    """What the pointer shows of a trial."""
    lines = [f"<b>trial {record.name}</b>", html.escape(record.label)]
    for goal, value in zip(goals, record.values or (), strict=False):
        lines.append(f"{html.escape(units.title(goal.metric))}: {units.metric(goal.metric, value)}")
        if goal is goals[0] and record.test_score is not None:
            lines.append(f"on the test split: {units.metric(goal.metric, record.test_score)}")
    return "<br>".join(lines)


def _columns(points: Sequence[tuple[Record, float, float]]) -> tuple[list[float], list[float]]:
    return [x for _, x, _ in points], [y for _, _, y in points]
