"""Tables for the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from automl.engine.record import front
from automl.price.tag import Figure, PriceTag
from automl.report.tables import front_table, live_table, plain_line, price_tag_table, trial_row


def render(table, width=100, **options):
    file = io.StringIO()
    Console(file=file, width=width, **options).print(table)
    return file.getvalue()


def test_the_front_cheapest_first_and_nothing_else(study, green):
    text = render(front_table(study, green, "accuracy"), width=120)
    numbers = [int(match) for match in re.findall(r"^ *(\d+)  phi", text, flags=re.MULTILINE)]
    assert numbers == [record.number for record in front(study, green)]
    assert "val." in text
    assert "test" not in text
    assert "GFLOPs" in text
    assert "2.11 MFLOPs" in text
    assert "103k" in text


def test_a_test_column_once_the_front_was_tested(tested_study, green):
    text = render(front_table(tested_study, green, "accuracy"), width=120)
    assert "test" in text
    best = front(tested_study, green)[-1]
    assert f"{best.test_score * 100:.1f}%" in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_figures_stay_whole_at_every_width(tested_study, green, width):
    text = render(front_table(tested_study, green, "accuracy"), width=width)
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        assert len(re.findall(r"\d [GT]FLOPs .* 2\.11 MFLOPs", text)) == len(front(tested_study, green))
        assert "…" not in text


def test_an_empty_study_has_an_empty_front(green, accuracy):
    for goals in (green, accuracy):
        assert "config" in render(front_table([], goals, "accuracy"))


def test_no_escape_sequences_under_no_color(tested_study, green, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    table = front_table(tested_study, green, "accuracy")
    assert "\x1b[3" not in render(table, force_terminal=True)
    assert "\x1b" not in render(table)


def test_square_brackets_in_a_config_are_not_markup(record, green):
    records = [record(0, (0.9, 1e9), label="widths [8, 16] [bold]deep[/]")]
    assert "widths [8, 16] [bold]deep[/]" in render(front_table(records, green, "accuracy"), width=140)
    rows = [trial_row(records[0], green, "[red]on the front")]
    live = render(live_table(rows, green), width=140)
    assert "widths [8, 16] [bold]deep[/]" in live
    assert "[red]on the front" in live


def test_a_row_says_the_same_in_the_table_and_as_a_line(record, green):
    row = trial_row(record(7, (0.9714, 2.11e12)), green, "on the front")
    assert row == ("7", "phi -1.0 · 16 px · frn · lr 0.07", "97.1%", "2.11 TFLOPs", "on the front")
    line, table = plain_line(row), render(live_table([row], green), width=120)
    assert re.split(r" {2,}", line.strip()) == list(row)
    assert all(word in table for word in row)


def test_rows_of_failed_trials_and_of_one_goal(record, green, accuracy):
    failed = trial_row(record(3, None), green, "failed: out of memory")
    assert (failed.score, failed.price, failed.verdict) == ("-", "-", "failed: out of memory")
    assert trial_row(record(3, (0.5,)), accuracy, "best so far")[2:] == ("50.0%", "1.3 TFLOPs", "best so far")


def test_live_rows_take_one_line_each(study, green):
    rows = [trial_row(record, green, "dominated by trial 3, which is cheaper and better") for record in study]
    lines = render(live_table(rows, green), width=80).splitlines()
    body = lines[next(index for index, line in enumerate(lines) if set(line.strip()) == {"─"}) + 1 :]
    assert len(body) == len(study)
    assert "…" in body[0]


def test_the_price_tag_names_unit_and_method():
    develop = PriceTag({"flops": Figure(1.34e13, "counted"), "wall_s": Figure(212.3, "measured")})
    run = PriceTag({"flops": Figure(2e6, "counted"), "money_usd": Figure(0.002, "catalogue")})
    text = render(price_tag_table({"develop": develop, "run": run}), width=80)
    cells = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    assert cells[0] == ["price", "develop", "run"]
    assert cells[2:] == [
        ["FLOPs", "13.4 TFLOPs counted", "2 MFLOPs counted"],
        ["wall time", "3 min 32 s measured", "-"],
        ["money", "-", "0.002 USD catalogue"],
    ]


def test_an_empty_price_tag_has_no_rows():
    assert len(render(price_tag_table({"develop": PriceTag()})).splitlines()) == 2
