"""A model card beside an exported model: what it is, how good, and what it has cost."""

from __future__ import annotations

import datetime
import platform
from typing import TYPE_CHECKING, Any

from automl.report import price, units
from automl.report.plain import markdown_cell

if TYPE_CHECKING:
    from pathlib import Path

    from automl.engine.record import Record
    from automl.engine.study import Study
    from automl.price.tag import PriceTag
    from automl.training.trial import TrialSpec


def model_card(study: Study, record: Record, exported: Path) -> str:
    """The card of a trial's model, Markdown under YAML metadata as model hubs read it.

    ``co2_eq_emissions`` holds the grams of the training and of the search that found the model, where the carbon of the
    electricity is known; otherwise it is left out, since 0 would be a lie.

    Args:
        study: The search the model comes from.
        record: Its trial.
        exported: The file the card is about.
    """
    return f"---\n{_metadata(study, record)}\n---\n\n{_text(study, record, exported)}"


def _metadata(study: Study, record: Record) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=study.data.task,
            dataset_type=study.data.source,
            dataset_name=study.data.source,
            dataset_split=split,
            metric_type=study.score,
            metric_value=value,
        )
        for split, value in (("validation", record.result.score), ("test", record.test_score))
        if value is not None
    ]
    carbon: dict[str, Any] = {"co2_eq_emissions": emissions} if (emissions := _carbon(study, record)) else {}
    data = ModelCardData(
        model_name=f"{study.name}-{record.name}",
        library_name="automl",
        pipeline_tag=study.data.task,
        tags=["automl", study.settings.space],
        metrics=[study.score],
        eval_results=results,
        **carbon,
    )
    text: str = data.to_yaml()
    return text


def _length(spec: TrialSpec) -> str:
    """How long the training was, and whether it was meant to go on."""
    return f"{spec.last_epoch} epochs" + (f" of {spec.epochs}" if spec.rung is not None else "")


def _carbon(study: Study, record: Record) -> dict[str, Any]:
    """Emissions under the keys of model hubs; empty where they are not known."""
    training, bill = record.result.training, study.bill
    if "carbon_g" not in training:
        return {}
    figure = bill.get("carbon_g", training["carbon_g"])
    found: dict[str, Any] = {
        "emissions": float(f"{figure.value:.4g}"),
        "source": f"{figure.method}: {figure.how}",
        "training_type": f"the whole search; the training of this model alone: {training['carbon_g'].value:.4g} g",
        "hardware_used": platform.processor() or platform.machine(),
    }
    if study.settings.country:
        found["geographical_location"] = study.settings.country
    return found


def _text(study: Study, record: Record, exported: Path) -> str:
    tags = price.three_columns(study, record)
    spec = record.spec
    facts = [
        ("file", exported.name),
        ("study and trial", f"{study.name}, trial {record.name}"),
        ("space", f"{spec.space}: {record.label}"),
        ("data", f"{study.data.source}: {study.data.train_size:,} training examples of {study.data.input_shape}"),
        ("training", f"{_length(spec)}, batches of {spec.batch_size}, seed {spec.seed}"),
        (f"validation {units.title(study.score)}", units.metric(study.score, record.result.score)),
        (f"test {units.title(study.score)}", units.metric(study.score, record.test_score)),
        ("made", datetime.datetime.now(datetime.UTC).date().isoformat()),
    ]
    lines = [f"# {study.name}, trial {record.name}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {markdown_cell(str(value))} |" for name, value in facts]
    lines += ["", "## Price tag", "", *markdown_table(tags), ""]
    lines += [f"- {note}" for note in price.notes(tags)]
    if sentence := price.factors_sentence(study.records):
        lines += ["", sentence]
    config = "\n".join(f"{name}: {value!r}" for name, value in spec.config.items())
    return "\n".join([*lines, "", "## Config", "", "```", config, "```", ""])


def markdown_table(tags: dict[str, PriceTag]) -> list[str]:
    """Price tags side by side as lines of Markdown, each figure with its method."""
    lines = [f"| price | {' | '.join(tags)} |", "|---" + "|---:" * len(tags) + "|"]
    for quantity in price.shown(tags):
        cells = [
            f"{price.amount(quantity, tag[quantity])} ({tag[quantity].method})" if quantity in tag else units.UNKNOWN
            for tag in tags.values()
        ]
        lines.append(f"| {units.title(quantity)} | {' | '.join(cells)} |")
    return lines
