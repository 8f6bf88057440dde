"""The analysis ``compound-scaling``: a family under compound scaling beside models scaled in one dimension."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from automl.errors import UsageError
from automl.parts import Analysis, Finding
from automl_strategies.compound import COEFFICIENTS, PHI, Compound, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from automl.engine.record import Record
    from automl.engine.study import Study

BASELINE, COMPOUND = "none", "compound"

ALONE = ("depth", "width", "resolution")
"""Names of scaling in one dimension, in the order of the coefficients."""

COLORS = {COMPOUND: "#0072B2", "depth": "#D55E00", "width": "#009E73", "resolution": "#CC79A7"}
"""Okabe and Ito's palette, which all common kinds of colour blindness keep apart."""

MARKERS = {COMPOUND: "o", "depth": "v", "width": "s", "resolution": "^"}

EQUAL = 1.3
"""Models whose FLOPs differ by no more than this factor are held against each other."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A model of the study.

    Attributes:
        way: How it was scaled: ``none``, ``depth``, ``width``, ``resolution``, ``compound``.
        phi: Its compound coefficient.
        coefficients: alpha, beta, gamma.
        record: The rest.
        flops: Of a prediction.
        score: On the validation split.
    """

    way: str
    phi: float
    coefficients: tuple[float, ...]
    record: Record
    flops: float
    score: float


class CompoundScaling(Analysis):
    """Whether compound scaling beats scaling in one dimension at equal FLOPs (Tan & Le 2019, section 5.1).

    It reads a study that strategy ``compound`` made: the baseline, the grid of coefficients at phi = 1, and the family
    beside the models that are deeper only, wider only or of higher resolution only.
    """

    name = "compound-scaling"
    summary = "a family under compound scaling beside depth, width and resolution alone at equal FLOPs"

    def run(self, study: Study) -> Finding:
        """A row a model, in the order of their FLOPs, and the picture of the family."""
        members = _members(study)
        frozen = _frozen(study, members)
        if frozen is None:
            raise UsageError(
                f"Study {study.name} has no trained models of the grid at phi = 1: search with --strategy "
                f"{Compound.name}."
            )
        # What step 1 froze is the compound way, be it a single dimension.
        named = [dataclasses.replace(m, way=COMPOUND) if m.coefficients == frozen and m.phi else m for m in members]
        family = [member for member in named if _in_family(member, frozen)]
        return Finding(
            title=f"The family under compound scaling of {study.name}, beside scaling in one dimension",
            rows=[_row(member, study) for member in sorted(family, key=lambda each: (each.flops, each.way))],
            sentences=_sentences(study, members, frozen, family),
            figure=_figure(family, study.score),
        )


def _members(study: Study) -> list[Member]:
    found = []
    # In the order in which the strategy went through the grid, which decides between equals.
    for record in sorted(study.records, key=lambda each: each.number):
        result, step = record.result, record.step
        if (
            step is None
            or record.spec.rung is not None
            or result.score is None
            or result.work is None
            or record.values is None
        ):
            continue
        if not {*COEFFICIENTS, PHI} <= step.point.keys():
            continue
        coefficients = tuple(float(step.point[name]) for name in COEFFICIENTS)
        phi = float(step.point[PHI])
        flops = float(result.work.prediction.flops)
        found.append(Member(_way(coefficients, phi), phi, coefficients, record, flops, result.score))
    return found


def _way(coefficients: Sequence[float], phi: float) -> str:
    grown = [name for name, value in zip(ALONE, coefficients, strict=True) if phi and value > 1]
    if not grown:
        return BASELINE
    return grown[0] if len(grown) == 1 else COMPOUND


def _frozen(study: Study, members: list[Member]) -> tuple[float, ...] | None:
    """The coefficients that step 1 chose: the most accurate of the grid, as the strategy itself chose."""
    grid = [member for member in members if member.phi == 1]
    best = min(grid, key=lambda each: rank(each.record.values or (), study.goals), default=None)
    return best.coefficients if best else None


def _in_family(member: Member, frozen: tuple[float, ...]) -> bool:
    return member.way in {BASELINE, *ALONE} or member.coefficients == frozen


def _row(member: Member, study: Study) -> dict[str, Any]:
    config = member.record.spec.config
    return {
        "trial": member.record.name,
        "scaled": member.way,
        **dict(zip((*COEFFICIENTS, PHI), (*member.coefficients, member.phi), strict=True)),
        **{name: config[name] for name in ("depth", "width", "resolution_px") if name in config},
        "parameters": member.record.result.parameters,
        "prediction_flops": member.flops,
        study.score: member.score,
    }


def _sentences(study: Study, members: list[Member], frozen: tuple[float, ...], family: list[Member]) -> list[str]:
    from automl.report import units

    grid = [member for member in members if member.phi == 1]
    chosen = next(member for member in grid if member.coefficients == frozen)
    alpha, beta, gamma = frozen
    score = units.metric(study.score, chosen.score)
    growth = alpha * beta**2 * gamma**2
    first = (
        f"Step 1: of {len(grid)} ways to double the baseline's price, alpha {alpha:.2f}, beta {beta:.2f}, gamma "
        f"{gamma:.2f} scored best ({score}); alpha x beta^2 x gamma^2 = {growth:.2f}."
    )
    told = [first]
    for member in sorted((each for each in family if each.way == COMPOUND), key=lambda each: each.phi):
        rivals = {way: _rival(member, family, way) for way in ALONE}
        words = [f"{way} {units.metric(study.score, rival.score)}" for way, rival in rivals.items() if rival]
        if words:
            flops = units.metric("prediction_flops", member.flops)
            told.append(
                f"At phi {member.phi:g} ({flops}): compound {units.metric(study.score, member.score)}, "
                f"at about the same FLOPs {', '.join(words)}."
            )
    told.append(_noise(study, chosen.score))
    return told


def _rival(member: Member, family: list[Member], way: str) -> Member | None:
    """The model scaled that way whose FLOPs are nearest, where they are near."""
    rivals = [each for each in family if each.way == way and _apart(each, member) <= math.log(EQUAL)]
    return min(rivals, key=lambda each: _apart(each, member)) if rivals else None


def _apart(one: Member, other: Member) -> float:
    return abs(math.log(one.flops / other.flops))


def _noise(study: Study, share: float) -> str:
    """How large a difference between two models is before it means something."""
    examples = study.records[0].spec.data.val_size
    told = "Each model was trained once: another seed gives other scores."
    if not 0 < share < 1 or not examples:
        return told
    points = 100 * 2 * math.sqrt(2 * share * (1 - share) / examples)
    return f"{told} With {examples:,} validation examples, differences below {points:.1f} points may be luck alone."


def _figure(family: list[Member], score: str) -> Figure:
    import matplotlib
    from matplotlib.figure import Figure

    from automl.report import units

    # A matplotlibrc in the working directory may ask for TeX.
    with matplotlib.rc_context({"text.usetex": False}):
        figure = Figure(figsize=(10, 6.5), dpi=110, layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        baseline = [member for member in family if member.way == BASELINE][:1]
        for way, color in COLORS.items():
            line = sorted((*baseline, *(m for m in family if m.way == way)), key=lambda each: each.flops)
            if len(line) == len(baseline):
                continue
            label = "compound scaling" if way == COMPOUND else f"{way} alone"
            axes.plot(
                [member.flops for member in line], [member.score for member in line], label=label, color=color,
                marker=MARKERS[way], markersize=8, linewidth=2.4 if way == COMPOUND else 1.4,
            )  # fmt: skip
        for member in baseline:
            axes.plot([member.flops], [member.score], "D", color="#333333", markersize=10, label="baseline", zorder=5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: units.tick("prediction_flops", value))
        axes.xaxis.set_minor_formatter(lambda value, _: units.tick("prediction_flops", value))
        axes.yaxis.set_major_formatter(lambda value, _: units.tick(score, value))
        axes.set_xlabel("FLOPs of a prediction", fontsize=13)
        axes.set_ylabel(f"validation {units.title(score)}", fontsize=13)
        axes.grid(color="#E6E6E6")
        axes.legend(frameon=False, fontsize=12)
        axes.set_title("Compound scaling beside scaling in one dimension", loc="left", fontsize=15)
    return figure
