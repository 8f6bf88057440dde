"""Names beside the points of a picture, where there is room for them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.transforms import Bbox

    from automl.engine.record import Record
    from automl.report.scene import Scene

_MOST_IN_FULL = 12
_GAP_PT = 9
_AROUND_POINT_PX = 6.0
_AROUND_LINE_PX = 1.5
_AROUND_LABEL_PX = 2.0


def place_labels(axes: Any, picture: Scene, color: str) -> list[str]:
    """Names the points of the front: number and config where that fits, the number alone, or nothing.

    A label covers no point, no line and no other label, and stays within the axes.

    Args:
        axes: matplotlib axes on which the picture is drawn, their limits set.
        picture: What is drawn on them.
        color: Of the text.

    Returns:
        The labels placed.
    """
    figure = axes.figure
    # The layout decides where points lie in pixels, and nothing is where it will be before it has run.
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    taken = list(_obstacles(axes, picture))
    placed = []
    # Where points are close, a long label reaches over so many of them that one cannot tell whose it is.
    crowded = len(picture.front) > _MOST_IN_FULL
    for record, x, y in _ends_first(picture.front):
        texts = [f"{record.name}: {record.label}", record.name][crowded:]
        for label in _candidates(axes, (x, y), texts, picture):
            box = label.get_window_extent().padded(_AROUND_LABEL_PX)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                label.set_color(color)
                taken.append(box)
                placed.append(label.get_text())
                break
            label.remove()
    return placed


def _candidates(axes: Any, point: tuple[float, float], texts: Sequence[str], picture: Scene) -> Iterator[Any]:
    """Labels at every place around `point`, the fullest text first; each is on the axes when it is yielded."""
    for text in texts:
        for across, along in _places(picture):
            yield axes.annotate(
                text,
                point,
                xytext=(across * _GAP_PT, along * _GAP_PT),
                textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[across],
                va={-1: "top", 0: "center", 1: "bottom"}[along],
                fontsize=11.5,
                # A config in words is not mathematics, whatever dollars it holds.
                parse_math=False,
            )


def _places(picture: Scene) -> list[tuple[int, int]]:
    """Where to try, first the side where a front leaves the plane empty: cheaper and better."""
    better = 1 if picture.up else -1
    cheaper = -1 if picture.shape == "hv" else 1
    return [(cheaper, better), (0, better), (-cheaper, better), (-cheaper, -better), (cheaper, 0), (-cheaper, 0)]


def _ends_first(front: Sequence[tuple[Record, float, float]]) -> Iterator[tuple[Record, float, float]]:
    """The dearest and the cheapest are what people look for; then the rest, evenly from both sides."""
    rest = list(front)
    while rest:
        yield rest.pop()
        if rest:
            yield rest.pop(0)


def _obstacles(axes: Any, picture: Scene) -> Iterator[Bbox]:
    """Boxes in pixels around all that is drawn."""
    from matplotlib.transforms import Bbox

    def box(first: tuple[float, float], second: tuple[float, float], margin: float) -> Bbox:
        (x0, y0), (x1, y1) = axes.transData.transform([first, second])
        return Bbox([[min(x0, x1) - margin, min(y0, y1) - margin], [max(x0, x1) + margin, max(y0, y1) + margin]])

    for _, x, y in [*picture.trials, *picture.front, *picture.tested]:
        yield box((x, y), (x, y), _AROUND_POINT_PX)
    for start, end in itertools.pairwise(picture.corners()):
        yield box(start, end, _AROUND_LINE_PX)
