"""What counting gives back, as plain data and as price tags."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from automl.price.work import Count, Load, Work

amounts = st.floats(0, 1e15)
counts = st.builds(
    Count,
    amounts,
    amounts,
    amounts,
    st.dictionaries(st.sampled_from(["mm", "convolution"]), amounts),
    st.just(()) | st.just(("aten::fft",)),
    st.lists(st.builds(Load, amounts, amounts, amounts), max_size=3).map(tuple),
)
works = st.builds(Work, counts, counts, counts, st.integers(0, 10**9), amounts, st.just("by hand"))


@given(works)
def test_json_round_trip(work):
    assert Work.from_json(json.loads(json.dumps(work.to_json()))) == work


def test_a_training_is_its_examples_and_its_steps():
    work = Work(Count(1.0), Count(3.0, moved_bytes=5.0, activation_bytes=7.0), Count(2.0, moved_bytes=4.0), 11, 44.0)
    tag = work.training_tag(examples=100, steps=10, batch_size=10)
    assert tag["flops"].value == 3 * 100 + 2 * 10
    assert tag["moved_bytes"].value == 5 * 100 + 4 * 10
    # The results of a whole batch live at one time; the model is there once.
    assert (tag["activation_bytes"].value, tag["parameters"].value, tag["model_bytes"].value) == (70, 11, 44)


def test_what_a_formula_does_not_know_is_absent():
    tag = Work(Count(1.0), Count(3.0)).prediction_tag()
    assert set(tag) == {"flops"}
    assert set(Work(Count(1.0), Count(3.0)).training_tag(1, 1, 1)) == {"flops"}


def test_operators_without_a_formula_are_named_in_the_tag():
    work = Work(Count(1.0, uncounted=("mine::scan",)), Count(3.0), Count(1.0, uncounted=("mine::step",)))
    assert work.prediction_tag()["flops"].without == ("mine::scan",)
    assert work.training_tag(1, 1, 1)["flops"].without == ("mine::step",)
