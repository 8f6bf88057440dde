"""The front as a page and as an image."""

from __future__ import annotations

import html.parser
import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from automl.engine.record import front
from automl.parts import Goal
from automl.report import figures
from automl.report.figures import front_figure_html, front_figure_png
from automl.report.labels import place_labels
from automl.report.scene import NOTHING, scene


class Page(html.parser.HTMLParser):
    """The tags of a page, and the text of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def drawn(page):
    """The traces and the layout that the page hands to plotly."""
    script = next(script for script in page.scripts if "Plotly.newPlot(" in script and len(script) < 1_000_000)
    rest = script[script.index("Plotly.newPlot(") :]
    decoder = json.JSONDecoder()
    traces, end = decoder.raw_decode(rest, rest.index("["))
    layout, end = decoder.raw_decode(rest, rest.index("{", end))
    config, _ = decoder.raw_decode(rest, rest.index("{", end))
    return {trace["name"]: trace for trace in traces}, layout, config


def colored(path, color, tolerance=0.02):
    """How many pixels of an image have a colour."""
    pixels = imread(path)[..., :3]
    return int((np.abs(pixels - np.array(to_rgb(color))).max(axis=-1) < tolerance).sum())


def test_the_page_is_whole_and_needs_no_network(tested_study, green, tmp_path):
    path = front_figure_html(tested_study, green, tmp_path / "front.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert scripts
    assert not any("src" in attrs for attrs in scripts)
    assert not [tag for tag, _ in page.tags if tag in {"link", "img", "iframe"}]
    assert max(map(len, page.scripts)) > 1_000_000, "plotly.js is in the page"
    assert "plotly.js" in "".join(page.scripts)
    _, _, config = drawn(page)
    assert config["showSendToCloud"] is False


def test_the_page_shows_the_front_the_others_and_the_test_scores(tested_study, green, tmp_path):
    path = front_figure_html(tested_study, green, tmp_path / "front.html", title="digits & <b>frn</b>")
    traces, layout, _ = drawn(Page(path.read_text(encoding="utf-8")))
    best = front(tested_study, green)
    points = traces["front, on the validation split"]
    assert points["y"] == [record.values[0] for record in best]
    assert points["x"] == [record.values[1] for record in best]
    assert traces["the same on the test split"]["y"] == pytest.approx(
        [record.test_score for record in tested_study if record.test_score is not None]
    )
    scored = sum(record.values is not None for record in tested_study)
    assert len(traces["other trials"]["x"]) == scored - len(best)
    assert traces["best so far"]["line"]["shape"] == "hv"
    assert (layout["xaxis"]["type"], layout["yaxis"]["type"]) == ("log", "linear")
    assert layout["title"]["text"] == "digits &amp; &lt;b&gt;frn&lt;/b&gt;"
    hover = points["text"][0]
    for word in (f"trial {best[0].number}", best[0].label, "lifetime FLOPs: ", "accuracy: ", "on the test split: "):
        assert word in hover


def test_a_config_cannot_break_out_of_the_page(record, green, tmp_path):
    records = [record(0, (0.9, 1e9), label="</script><img src=x>")]
    page = Page(front_figure_html(records, green, tmp_path / "front.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "img" not in [tag for tag, _ in page.tags]


def test_one_goal_in_a_page(scores_only, accuracy, tmp_path):
    page = Page(front_figure_html(scores_only, accuracy, tmp_path / "best.html").read_text(encoding="utf-8"))
    traces, layout, _ = drawn(page)
    so_far = traces["best so far"]["y"]
    assert so_far == sorted(so_far)
    assert so_far[-1] == traces["best trial"]["y"][0]
    assert layout["xaxis"]["title"]["text"] == "trial"


def test_the_image_has_its_size_and_is_not_blank(study, tested_study, green, tmp_path):
    plain = front_figure_png(study, green, tmp_path / "plain.png")
    tested = front_figure_png(tested_study, green, tmp_path / "tested.png")
    assert imread(plain).shape[:2] == (800, 1200)
    assert colored(plain, "white") > 0.8 * 1200 * 800
    assert colored(plain, figures.FRONT) > 1500
    assert colored(plain, figures.OTHER, tolerance=0.1) > 200
    assert colored(plain, figures.TEST) == 0
    assert colored(tested, figures.TEST) > 300


def test_an_image_leaves_no_figure_open(study, green, tmp_path):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    front_figure_png(study, green, tmp_path / "front.png")
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("values", "goals"),
    [
        ([], (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))),
        ([(0.9, 1e9)], (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))),
        ([(0.9, 1e9)] * 3, (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))),
        ([(0.9, 0.0), (0.95, 1.0)], (Goal("accuracy", "maximize"), Goal("lifetime_flops", "minimize", log=True))),
        ([(0.9,), (0.8,)], (Goal("rmse", "minimize", log=True),)),
        ([(1.0, 2.0), (2.0, 3.0)], (Goal("rmse", "minimize"), Goal("speed", "maximize"))),
        (
            [(0.9, 1.0, 3.0), (0.8, 2.0, 1.0)],
            (Goal("f1", "maximize"), Goal("a_s", "minimize"), Goal("b_s", "minimize")),
        ),
    ],
)
def test_small_and_odd_studies_are_drawn(record, tmp_path, values, goals):
    records = [record(number, value) for number, value in enumerate(values)]
    assert imread(front_figure_png(records, goals, tmp_path / "front.png")).shape[:2] == (800, 1200)
    page = front_figure_html(records, goals, tmp_path / "front.html").read_text(encoding="utf-8")
    assert (NOTHING in page) == (not values)


def test_labels_stay_inside_and_apart(study, green):
    figure = Figure(figsize=(12, 8), dpi=100)
    axes = figure.add_subplot()
    picture = scene(study, green)
    axes.set(xscale="log", xlim=[10**place for place in picture.x.limits()], ylim=picture.y.limits())
    placed = place_labels(axes, picture, "black")
    numbers = {text.partition(":")[0] for text in placed}
    assert numbers <= {str(record.number) for record in front(study, green)}
    assert len(numbers) == len(placed) >= len(picture.front) - 2
    frame = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == len(placed), "labels that did not fit are gone"
    for index, box in enumerate(boxes):
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
        assert not any(box.overlaps(other) for other in boxes[:index])
        assert not any(box.contains(*axes.transData.transform((x, y))) for _, x, y in [*picture.trials, *picture.front])


@pytest.mark.parametrize("write", [front_figure_html, front_figure_png])
def test_an_unwritable_place_is_an_os_error_and_leaves_nothing(study, green, tmp_path, write):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        write(study, green, tmp_path / "taken" / "front")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
