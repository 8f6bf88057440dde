"""What the strategies of this plugin promise beyond the contract."""

from __future__ import annotations

import itertools
import math
import random
import re
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

import optuna
import pytest
from automl_strategies import Gp, Grid, Nsga2, Random, Tpe
from automl_strategies.optuna_searcher import OptunaSearcher
from automl_strategies.points import Cells, drawn, key, levels, typed
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.errors import UsageError
from automl.parts import Categorical, Float, Goal, Integer
from automl.parts.strategy import Outcome, Problem, Step
from automl.testing.strategies import LANDMARKS, TINY
from automl.testing.strategy_run import GOALS, WIDE, Run

ALL = [Random(), Grid(), Tpe(), Tpe().variant("multivariate"), Nsga2(), Gp()]
names = [part.name for part in ALL]
every = pytest.mark.parametrize("part", ALL, ids=names)
samplers = pytest.mark.parametrize("part", ALL[2:], ids=names[2:])
FAIL, PRUNED, COMPLETE = optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE
README = Path(__file__).parents[1] / "README.md"


def trials(searcher, *states):
    found = searcher._study.get_trials(deepcopy=False)
    return [trial for trial in found if not states or trial.state in states]


def points(run):
    return [step.point for step in run.told]


@every
def test_a_small_space_is_tried_to_its_last_point(part):
    run = Run(part, dimensions=TINY).go(100)
    tried = {(point["kind"], point["depth"]) for point in points(run)}
    assert tried == set(itertools.product("ab", (1, 2, 3)))
    assert len(run.told) == 6


@every
def test_the_few_points_that_are_admitted_are_found(part):
    space = (Integer("a", 1, 10, 1), Integer("b", 1, 10, 1), Integer("c", 1, 10, 1))
    admitted = {(1, 1, 1), (7, 2, 9), (10, 10, 10)}
    run = Run(part, dimensions=space, refuse=lambda point: tuple(point.values()) not in admitted).go(10)
    assert {tuple(point.values()) for point in points(run)} == admitted


@every
def test_nothing_left_to_vary_is_one_candidate(part):
    run = Run(part, dimensions=()).go(5)
    assert points(run) == [{}]


@every
def test_a_point_is_put_to_admits_once(part):
    asked = []
    run = Run(part, dimensions=TINY, refuse=lambda point: asked.append(key(point, TINY)) or point["kind"] == "a")
    run.go(100)
    assert [run.ask() for _ in range(3)] == [None] * 3
    assert len(asked) == len(set(asked)) == 6


@every
def test_landmarks_beyond_the_range_are_left_out(part):
    stray = ({**LANDMARKS[0], "width": 1000}, {**LANDMARKS[0], "kind": "z"}, {**LANDMARKS[0], "share": 1})
    first = Run(part, landmarks=stray).ask()
    assert first.point == {**LANDMARKS[0], "share": 1.0}
    assert type(first.point["share"]) is float


class TestRandom:
    def test_a_search_that_goes_on_draws_as_one_that_never_stopped(self):
        whole = Run(Random(), landmarks=LANDMARKS).go(20)
        parts = Run(Random(), landmarks=LANDMARKS).go(9).restart().go(20)
        assert parts.told == whole.told

    def test_another_seed_draws_other_points(self):
        one, other = (Run(Random(), seed=seed).go(5) for seed in (0, 1))
        assert not {str(p) for p in points(one)} & {str(p) for p in points(other)}

    def test_each_decade_of_a_logarithmic_range_gets_its_share(self):
        drawer = random.Random(0)
        space = (Float("x", 1e-4, 1.0, 0.1, log=True), Integer("n", 1, 3, 1, log=True), Float("y", 0.0, 4.0, 1.0))
        found = [drawn(space, drawer) for _ in range(4000)]
        decades = [sum(-d - 1 <= math.log10(p["x"]) < -d for p in found) / 4000 for d in range(4)]
        assert decades == pytest.approx([0.25] * 4, abs=0.03)
        quarters = [sum(q <= p["y"] < q + 1 for p in found) / 4000 for q in range(4)]
        assert quarters == pytest.approx([0.25] * 4, abs=0.03)
        span = math.log(3.5 / 0.5)
        shares = [math.log((n + 0.5) / (n - 0.5)) / span for n in (1, 2, 3)]
        assert [sum(p["n"] == n for p in found) / 4000 for n in (1, 2, 3)] == pytest.approx(shares, abs=0.03)


class TestGrid:
    SPACE = (Categorical("kind", ("a", "b"), "a"), Float("x", 1e-4, 1.0, 0.1, log=True), Integer("n", 1, 3, 1))

    def test_every_cell_comes_once_and_then_nothing(self):
        run = Run(Grid(), dimensions=self.SPACE).go(1000)
        cells = {(p["kind"], round(math.log10(p["x"]), 6), p["n"]) for p in points(run)}
        assert cells == set(itertools.product("ab", (-4, -3, -2, -1, 0), (1, 2, 3)))
        assert len(run.told) == 30

    def test_the_seed_shuffles(self):
        one, other = (points(Run(Grid(), dimensions=self.SPACE, seed=seed).go(30)) for seed in (0, 1))
        assert one != other
        assert sorted(map(str, one)) == sorted(map(str, other))

    def test_a_search_that_goes_on_visits_what_is_left(self):
        whole = Run(Grid(), dimensions=self.SPACE).go(30)
        parts = Run(Grid(), dimensions=self.SPACE).go(11).restart().go(100)
        assert parts.told == whole.told

    def test_a_huge_grid_is_not_laid_out(self):
        space = tuple(Float(f"x{place}", 0.0, 1.0, 0.5) for place in range(60))
        run = Run(Grid(), dimensions=space).go(20)
        assert len({str(point) for point in points(run)}) == 20
        assert {value for point in points(run) for value in point.values()} == {0.0, 0.25, 0.5, 0.75, 1.0}

    def test_a_huge_grid_that_is_refused_has_an_end(self):
        space = tuple(Float(f"x{place}", 0.0, 1.0, 0.5) for place in range(8))
        assert Run(Grid(), dimensions=space, refuse=lambda _: True).ask() is None

    @pytest.mark.parametrize(
        ("dimension", "expected"),
        [
            (Categorical("c", ("x", "y"), "x"), ["x", "y"]),
            (Categorical("c", tuple(range(20)), 1), list(range(20))),
            (Integer("n", -2, 7, 0), list(range(-2, 8))),
            (Integer("n", 0, 100, 0), [0, 25, 50, 75, 100]),
            (Integer("n", 1, 256, 1, log=True), [1, 4, 16, 64, 256]),
            (Float("x", -1.0, 1.0, 0.0), [-1.0, -0.5, 0.0, 0.5, 1.0]),
            (Float("x", 0.3, 0.3, 0.3), [0.3]),
        ],
    )
    def test_levels(self, dimension, expected):
        assert list(levels(dimension)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 7), max_size=4), st.integers(0, 2**40))
def test_cells_are_every_combination_once(lengths, seed):
    space = [Integer(f"d{place}", 0, 9, 0) for place in range(len(lengths))]
    cells = Cells(space, [range(length) for length in lengths], seed)
    found = [tuple(point.values()) for point in cells]
    assert len(found) == cells.count == math.prod(lengths)
    assert set(found) == set(itertools.product(*map(range, lengths)))


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1.0, 1e6), st.booleans(), st.integers(0, 2**32))
def test_draws_and_levels_keep_to_the_range(low, factor, log, seed):
    space = (
        Float("x", low, low * factor, low, log=log),
        Integer("n", math.ceil(low), math.ceil(low * factor), math.ceil(low), log=log),
    )
    found = [drawn(space, random.Random(seed)), *({"x": x, "n": n} for x in levels(space[0]) for n in levels(space[1]))]
    for point in found:
        assert typed(point, space) == point
        assert all(d.low <= point[d.name] <= d.high for d in space)


def problem(dimensions=WIDE, goals=GOALS[:2], admits=lambda point: True, **options):
    return Problem(tuple(dimensions), tuple(goals), (1, 3), 0, admits, **options)


class TestOptunaSearcher:
    @samplers
    def test_outcomes_reach_the_study(self, part):
        searcher = part.start(problem())
        first, second, third = (searcher.ask() for _ in range(3))
        searcher.tell(second, Outcome((0.5, 1e6), 1.0))
        searcher.tell(first, Outcome(None, 1.0))
        running = [trial for trial in trials(searcher) if not trial.state.is_finished()]
        assert [trial.params for trial in running] == [third.point]
        (done,), (failed,) = trials(searcher, COMPLETE), trials(searcher, FAIL)
        assert done.params == second.point
        assert done.values == pytest.approx([0.5, 6.0]), "a logarithmic goal is told as its logarithm"
        assert failed.params == first.point
        assert [str(direction.name) for direction in searcher._study.directions] == ["MAXIMIZE", "MINIMIZE"]

    @samplers
    def test_of_a_trial_told_twice_the_last_outcome_counts(self, part):
        searcher = part.start(problem())
        point = dict(LANDMARKS[0])
        searcher.tell(Step(4, point, 0), Outcome((0.1, 10.0), 1.0))
        searcher.tell(Step(4, point, 1, 0), Outcome((0.7, 100.0), 2.0))
        assert searcher.ask().trial == 5
        (told,) = trials(searcher, COMPLETE)
        assert told.values == pytest.approx([0.7, 2.0])
        searcher.tell(Step(9, dict(LANDMARKS[1]), 0), Outcome((0.2, 10.0), 1.0))
        assert searcher.ask().trial == 10
        assert len(trials(searcher, COMPLETE)) == 2
        assert len([trial for trial in trials(searcher) if not trial.state.is_finished()]) == 2

    @samplers
    def test_steps_in_flight_survive_a_study_made_anew(self, part):
        searcher = part.start(problem())
        mine = searcher.ask()
        searcher.tell(Step(9, dict(LANDMARKS[1]), 0), Outcome((0.2, 10.0), 1.0))
        searcher.ask()
        searcher.tell(mine, Outcome((0.6, 10.0), 1.0))
        assert mine.point in [trial.params for trial in trials(searcher, COMPLETE)]

    @samplers
    def test_a_search_that_goes_on_does_not_begin_with_the_same_draws(self, part):
        fresh, goes_on = part.start(problem()), part.start(problem())
        goes_on.tell(Step(0, dict(LANDMARKS[0]), 1), Outcome((0.1, 10.0), 1.0))
        assert fresh.ask().point != goes_on.ask().point

    @pytest.mark.parametrize("part", ALL[2:4], ids=names[2:4])
    def test_tpe_learns_what_is_refused(self, part):
        searcher = part.start(problem(admits=lambda point: point["rate"] < 0.01))
        for _ in range(10):
            searcher.tell(searcher.ask(), Outcome((0.5, 10.0), 1.0))
        refused = trials(searcher, PRUNED)
        assert refused
        assert not trials(searcher, FAIL)
        assert all(trial.params["rate"] >= 0.01 and any(v > 0 for v in trial.constraints.values()) for trial in refused)
        assert not any(v > 0 for trial in trials(searcher, COMPLETE) for v in trial.constraints.values())

    @pytest.mark.parametrize("part", ALL[4:], ids=names[4:])
    def test_the_others_are_told_of_a_failure(self, part):
        searcher = part.start(problem(admits=lambda point: point["rate"] < 0.01))
        for _ in range(5):
            searcher.tell(searcher.ask(), Outcome((0.5, 10.0), 1.0))
        assert trials(searcher, FAIL)
        assert not trials(searcher, PRUNED)

    def test_a_repeated_proposal_is_no_breach_of_a_limit(self):
        searcher = Tpe().start(problem(TINY))
        for _ in range(6):
            searcher.tell(searcher.ask(), Outcome((0.5, 10.0), 1.0))
        assert searcher.ask() is None
        assert trials(searcher, FAIL)
        assert not trials(searcher, PRUNED)

    def test_nsga2_breeds_from_a_restored_history_and_from_landmarks(self):
        searcher = Nsga2().start(problem(landmarks=LANDMARKS))
        draw = random.Random(0)
        for number in range(48):
            searcher.tell(Step(number, drawn(WIDE, draw), 1), Outcome((draw.random(), 10.0), 1.0))
        for _ in range(3):
            searcher.tell(searcher.ask(), Outcome((draw.random(), 10.0), 1.0))
        generations = [trial.system_attrs["NSGAIISampler:generation"] for trial in trials(searcher, COMPLETE)]
        assert generations == [0] * 50 + [1]

    @samplers
    def test_nothing_is_said_and_nothing_is_changed(self, part, capfd):
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.INFO)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                Run(part, landmarks=LANDMARKS).go(14)
            assert optuna.logging.get_verbosity() == optuna.logging.INFO
        finally:
            optuna.logging.set_verbosity(verbosity)
        assert capfd.readouterr() == ("", "")

    def test_a_history_from_outside_the_ranges_is_known_but_not_modelled(self):
        searcher = Tpe().start(problem())
        searcher.tell(Step(0, {**LANDMARKS[0], "width": 1000}, 1), Outcome((0.1, 10.0), 1.0))
        assert searcher.ask().trial == 1
        assert not trials(searcher, COMPLETE)

    def test_a_sampler_without_anything_new_gives_way_to_chance(self):
        stuck = {**LANDMARKS[0]}
        made = []

        def sampler(seed):
            made.append(seed)
            return optuna.samplers.PartialFixedSampler(stuck, optuna.samplers.RandomSampler(seed))

        searcher = OptunaSearcher(problem(), sampler, attempts=4)
        steps = [searcher.ask() for _ in range(3)]
        assert steps[0].point == stuck
        assert len({str(step.point) for step in steps}) == 3
        assert len(trials(searcher, FAIL)) == 8
        assert len(made) == 1


@pytest.mark.parametrize("part", ALL[2:], ids=names[2:])
def test_what_learns_beats_chance(part):
    budget = 30 if part.name == "gp" else 160
    goals = GOALS[:1]

    def late_scores(strategy):
        run = Run(strategy, goals=goals, seed=1).go(budget)
        return statistics.mean(outcome.values[0] for _, outcome in run._outcomes[-10:])

    assert late_scores(part) > late_scores(Random()) + 0.05


def test_tpe_has_the_one_variant():
    assert Tpe().variant("multivariate").name == "tpe:multivariate"
    with pytest.raises(UsageError, match="tpe:multivariate"):
        Tpe().variant("univariate")


def test_one_goal_may_be_a_price():
    searcher = Tpe().start(problem(goals=(Goal("flops", "minimize", log=True),)))
    searcher.tell(searcher.ask(), Outcome((0.0,), 1.0))
    assert math.isfinite(trials(searcher, COMPLETE)[0].value)


def test_the_strategy_of_the_readme_runs(tmp_path):
    (code,) = (
        text for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "def start" in text
    )
    (tmp_path / "automl_mine.py").write_text(code)
    (tmp_path / "test_mine.py").write_text(
        "from automl_mine import Neighbours\n"
        "from automl.testing.strategies import StrategySuite\n"
        "class TestNeighbours(StrategySuite):\n    part = Neighbours()\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "test_mine.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)
