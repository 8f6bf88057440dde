"""The expected best score as a function of budget."""

from __future__ import annotations

import io
import itertools
import json
import math
import statistics
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from rich.console import Console

from automl.parts import Goal
from automl.report.expected import expected_best, expected_curve, expected_table, table_budgets
from automl.report.expected_figures import expected_div, expected_figure_png
from automl.report.figures import FRONT, SIZE_PX
from automl.report.scene import NOTHING

finite = st.floats(-1e6, 1e6)
some_scores = st.lists(finite, min_size=1, max_size=30)
directions = st.sampled_from(["maximize", "minimize"])


@pytest.fixture
def priced(record):
    """Five trials, one failed, of known price; scores with a tie."""
    scores = (0.5, 0.9, None, 0.7, 0.9)
    return [
        record(
            number,
            None if score is None else (score, 1e12),
            spent={"flops": 1e12 * (number + 1), "wall_s": 10.0, "energy_wh": 0.5},
        )
        for number, score in enumerate(scores)
    ]


# Of few distinct values, so that there are ties.
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=4), directions, st.integers(1, 4))
def test_it_is_the_mean_and_deviation_over_all_draws(scores, direction, trials):
    pick = max if direction == "maximize" else min
    best = [pick(draw) for draw in itertools.product(scores, repeat=trials)]
    (found,) = expected_best(scores, direction, [trials])
    assert found.trials == trials
    assert found.mean == pytest.approx(statistics.fmean(best), abs=1e-12)
    assert found.std == pytest.approx(statistics.pstdev(best), abs=1e-7)


def test_by_hand():
    one, two = expected_best([0.0, 1.0], "maximize", [1, 2])
    assert (one.mean, one.std) == (0.5, 0.5)
    assert two.mean == pytest.approx(0.75)
    assert two.std == pytest.approx(math.sqrt(3) / 4)
    assert expected_best([0.0, 1.0], "minimize", [2])[0].mean == pytest.approx(0.25)


@given(some_scores, directions)
def test_one_draw_is_the_plain_mean(scores, direction):
    (found,) = expected_best(scores, direction, [1])
    assert found.mean == pytest.approx(statistics.fmean(scores), abs=1e-6)
    assert found.std == pytest.approx(float(np.std(scores)), abs=1e-5)


@given(some_scores, directions)
def test_more_trials_are_never_worse_and_end_at_the_best(scores, direction):
    found = expected_best(scores, direction, [*range(1, 20), 10**6])
    sign = 1 if direction == "maximize" else -1
    means = [sign * best.mean for best in found]
    assert all(later >= earlier - 1e-6 for earlier, later in itertools.pairwise(means))
    assert means[-1] == pytest.approx(max(sign * score for score in scores), abs=1e-6)
    assert all(min(scores) - 1e-6 <= best.mean <= max(scores) + 1e-6 for best in found)


@given(some_scores, st.integers(1, 50))
def test_the_smallest_is_the_largest_with_the_signs_turned(scores, trials):
    (small,) = expected_best(scores, "minimize", [trials])
    (large,) = expected_best([-score for score in scores], "maximize", [trials])
    assert (small.mean, small.std) == (-large.mean, large.std)


@given(finite, st.integers(1, 20), st.integers(1, 20))
def test_equal_scores_have_no_deviation(score, number, trials):
    (found,) = expected_best([score] * number, "maximize", [trials])
    assert (found.mean, found.std) == (score, 0)


def test_what_makes_no_distribution_is_refused():
    for scores, direction, budgets in (
        ([], "maximize", [1]),
        ([math.nan], "maximize", [1]),
        ([math.inf], "minimize", [1]),
        ([1.0], "up", [1]),
        ([1.0], "maximize", [0]),
    ):
        with pytest.raises(ValueError, match=r"."):
            expected_best(scores, direction, budgets)
    assert expected_best([1.0], "maximize", []) == []


def test_the_curve_has_a_point_a_trial_and_its_mean_price(priced, green):
    points = expected_curve(priced, green)
    assert [point.trials for point in points] == [1, 2, 3, 4, 5]
    for point in points:
        assert point.budget["flops"].value == pytest.approx(3e12 * point.trials)
        assert point.budget["wall_s"].value == pytest.approx(10 * point.trials)
        assert point.budget["energy_wh"].value == pytest.approx(0.5 * point.trials)
    assert points[-1].budget["flops"].value == pytest.approx(sum(r.result.spent["flops"].value for r in priced))


def test_a_failed_trial_counts_as_the_worst(priced, green):
    points = expected_curve(priced, green, [1, 3])
    assert [point.score for point in points] == pytest.approx(
        [best.mean for best in expected_best([0.5, 0.9, 0.5, 0.7, 0.9], "maximize", [1, 3])]
    )
    losses = expected_curve(priced, (Goal("loss", "minimize"), green[1]), [2])
    assert losses[0].score == pytest.approx(expected_best([0.5, 0.9, 0.9, 0.7, 0.9], "minimize", [2])[0].mean)


def test_the_band_stays_within_the_scores_there_were(priced, green):
    points = expected_curve(priced, green)
    for point in points:
        assert 0.5 <= point.low <= point.score <= point.high <= 0.9
        assert point.low == pytest.approx(max(0.5, point.score - point.std))
        assert point.high == pytest.approx(min(0.9, point.score + point.std))
    assert points[0].high < 0.9
    assert points[-1].high == 0.9


def test_a_price_that_one_trial_lacks_is_no_budget(priced, record, green):
    points = expected_curve([*priced, record(5, (0.8, 1.0), spent={"wall_s": 4.0})], green)
    assert set(points[0].budget) == {"wall_s"}


def test_without_a_score_there_is_no_curve(record, green):
    assert expected_curve([], green) == []
    assert expected_curve([record(0, None)], green) == []
    assert expected_table([], green) is None
    assert expected_table([record(0, None)], green) is None


@pytest.mark.parametrize(
    ("trials", "expected"),
    [(1, [1]), (2, [1, 2]), (7, [1, 2, 5, 7]), (50, [1, 2, 5, 10, 20, 50]), (120, [1, 2, 5, 10, 20, 50, 100, 120])],
)
def test_the_table_goes_in_round_steps(trials, expected):
    assert table_budgets(trials) == expected


def test_the_table_tells_score_deviation_and_prices(priced, green):
    table = expected_table(priced, green)
    console = Console(width=100, file=io.StringIO())
    console.print(table)
    text = console.file.getvalue()
    last = expected_curve(priced, green)[-1]
    assert table.row_count == 3
    for word in (f"{100 * last.score:.1f}%", f"{100 * last.std:.1f}%", "15 TFLOPs", "50 s", "2.5 Wh"):
        assert word in text


def painted(path):
    pixels = imread(path)[..., :3]
    assert pixels.shape[:2] == SIZE_PX[::-1]
    return int((np.abs(pixels - np.array(to_rgb(FRONT))).max(axis=-1) < 0.02).sum())


def test_the_image_shows_the_curve(study, record, green, tmp_path):
    assert painted(expected_figure_png(study, green, tmp_path / "many.png")) > 1000
    assert 20 < painted(expected_figure_png([record(0, (0.5, 1.0))], green, tmp_path / "one.png")) < 1000
    assert painted(expected_figure_png([record(0, None)], green, tmp_path / "none.png")) == 0
    losses = [record(number, (10.0**-number, 1.0), spent={}) for number in range(12)]
    goals = (Goal("loss", "minimize", log=True), green[1])
    assert painted(expected_figure_png(losses, goals, tmp_path / "loss.png")) > 1000


def traces(div):
    """The traces and the layout that the element hands to plotly."""
    rest = div[div.index("Plotly.newPlot(") :]
    decoder = json.JSONDecoder()
    found, end = decoder.raw_decode(rest, rest.index("["))
    layout, _ = decoder.raw_decode(rest, rest.index("{", end))
    return {trace.get("name"): trace for trace in found}, layout


def test_the_element_shows_the_curve_and_the_band(study, green):
    priced = expected_curve(study, green)
    div = expected_div(study, green)
    assert len(div) < 200_000, "plotly's script is not in it"
    assert 'src="' not in div
    found, layout = traces(div)
    assert found["expected best"]["y"] == pytest.approx([point.score for point in priced])
    assert found["expected best"]["x"] == pytest.approx([point.budget["wall_s"].value for point in priced])
    assert found["± one standard deviation"]["y"] == pytest.approx([point.high for point in priced])
    assert found["± one standard deviation"]["fill"] == "tonexty"
    assert set(found["best of all trials"]["y"]) == {max(r.values[0] for r in study if r.values)}
    assert "arXiv:1909.03004" in layout["annotations"][0]["text"]
    assert "2 failed" in layout["title"]["text"]
    assert "<b>1 trial</b>" in found["expected best"]["text"][0]


def test_the_element_of_nothing_says_so(record, green):
    assert NOTHING in expected_div([record(0, None)], green)
    found, _ = traces(expected_div([record(0, (0.5, 1.0))], green))
    assert found["expected best"]["y"] == [0.5]


def test_the_modules_are_light():
    program = (
        "import sys, automl.report.expected_figures; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'plotly', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
