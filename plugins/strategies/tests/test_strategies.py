from __future__ import annotations

from automl_strategies import Gp, Grid, Nsga2, Pareto, Random, Tpe

from automl.testing.strategies import StrategySuite


class TestRandom(StrategySuite):
    part = Random()


class TestGrid(StrategySuite):
    part = Grid()


class TestTpe(StrategySuite):
    part = Tpe()


class TestTpeMultivariate(StrategySuite):
    part = Tpe().variant("multivariate")


class TestNsga2(StrategySuite):
    part = Nsga2()
    steps = 60


class TestGp(StrategySuite):
    part = Gp()
    steps = 12


class TestPareto(StrategySuite):
    part = Pareto()
