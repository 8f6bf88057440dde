"""The front as a small picture made of characters."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from automl.report.scene import NOTHING, TRIAL, Scene, scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.engine.record import Record
    from automl.parts import Goal

ON_FRONT = "●"
DOMINATED = "·"

_LINE, _POINT, _OTHER = "cyan", ("green", None, "bold"), "gray"
_LEAST_WIDTH, _LEAST_HEIGHT = 30, 8
_COLUMNS_A_TICK, _ROWS_A_TICK = 11, 3


def front_plot(
    records: Sequence[Record], goals: Sequence[Goal], *, width: int = 80, height: int = 18, color: bool = True
) -> str:
    """A scatter of all trials with the front marked, score up and price across.

    With one goal it shows the score by trial number and the best so far as a line. With three and more it shows
    the first goal against the last, without a line.

    Args:
        records: Finished trials; failed ones are left out.
        goals: The goals of the study, in the order of the records' values.
        width: Columns of the picture, at least 30.
        height: Lines of the picture, at least 8.
        color: Whether colours are written; without them the text holds no escape sequences.

    Returns:
        `height` lines joined by newlines, none wider than `width`; a sentence when there is nothing to draw.
    """
    picture = scene(records, goals)
    if picture is None:
        return NOTHING
    width, height = max(width, _LEAST_WIDTH), max(height, _LEAST_HEIGHT)
    # One line of the height is the heading, which plotext would put at the bottom.
    drawn = _draw(picture, width, height - 1, color=color)
    return "\n".join([_heading(picture, width), *(line.rstrip() for line in drawn.splitlines())])


def _heading(picture: Scene, width: int) -> str:
    """Title of the upright axis at the left, what the marks mean at the right, as much as there is room for."""
    left = picture.y.title
    marks = [f"{ON_FRONT} {'best' if picture.x.metric == TRIAL else 'front'}", f"{DOMINATED} other trials"]
    while marks:
        right = "  ".join(marks)
        gap = width - len(left) - len(right)
        if gap >= 2:  # noqa: PLR2004 - two blanks keep them apart
            return left + " " * gap + right
        marks.pop()
    return left[:width]


def _draw(picture: Scene, width: int, height: int, *, color: bool) -> str:
    import plotext

    # plotext has one figure for the whole process: it is emptied before and after, so that nothing of somebody
    # else's picture shows in ours, nor the other way round.
    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear()
    try:
        figure.plot_size(width, height)
        figure.theme("colorless")
        for axis, scale, room in (("x", picture.x, width // _COLUMNS_A_TICK), ("y", picture.y, height // _ROWS_A_TICK)):
            ticks = scale.ticks(max(2, room))
            figure.ruler(axis).lim(*scale.limits())
            figure.ruler(axis).ticks([scale.place(value) for value, _ in ticks], [label for _, label in ticks])
        figure.axes(False, axis="x", side="upper")
        figure.axes(False, axis="y", side="right")
        figure.label(picture.x.title, axis="x")
        _draw_line(figure, picture)
        # Drawn last, so that no other mark and no line hides a point of the front.
        for points, sign, paint in ((picture.trials, DOMINATED, _OTHER), (picture.front, ON_FRONT, _POINT)):
            if points:
                xs = [picture.x.place(x) for _, x, _ in points]
                ys = [picture.y.place(y) for _, _, y in points]
                figure.draw(figure.signal(xs, ys, marker=plotext.marker(sign, paint)))
        text: str = figure.build().string(colorless=not color)
        return text
    finally:
        figure.clear()
        plotext.terminal.limit()


def _draw_line(figure: Any, picture: Scene) -> None:
    """The steps between the points, each piece in the character that runs its way."""
    import plotext

    corners = [(picture.x.place(x), picture.y.place(y)) for x, y in picture.corners()]
    bends = []
    for start, end in itertools.pairwise(corners):
        sign = "─" if start[1] == end[1] else "│"
        piece = figure.signal([start[0], end[0]], [start[1], end[1]], marker=plotext.marker(sign, _LINE))
        figure.draw(piece.lines())
    # Corners come in threes: a point, the bend, the next point.
    for before, bend, after in zip(corners[::2], corners[1::2], corners[2::2], strict=False):
        rises = after[1] > before[1]
        sign = ("┘" if rises else "┐") if picture.shape == "hv" else ("┌" if rises else "└")
        if before[1] != after[1]:
            bends.append(figure.signal([bend[0]], [bend[1]], marker=plotext.marker(sign, _LINE)))
    for bend in bends:
        figure.draw(bend)
