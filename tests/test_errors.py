"""Error classes and near names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl import errors
from automl.errors import near_names, unknown_name

KNOWN = ["efficientnet", "efficientnet-lite", "resnet", "forest", "graph-conv"]


def test_exit_codes_are_documented_and_distinct():
    from automl.cli import EPILOG

    kinds = [errors.AutoMLError, errors.UsageError, errors.StudyError, errors.StorageError, errors.TrialError]
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5]
    for kind in kinds:
        assert issubclass(kind, errors.AutoMLError)
        assert f"\n  {kind.exit_code}    " in EPILOG


@pytest.mark.parametrize(
    ("typed", "best"),
    [
        ("eficientnet", "efficientnet"),
        ("EfficientNet", "efficientnet"),
        ("resnett", "resnet"),
        ("forset", "forest"),
        ("graphconv", "graph-conv"),
        ("eff", "efficientnet"),
        ("g", "graph-conv"),
    ],
)
def test_near_names(typed, best):
    assert near_names(typed, KNOWN)[0] == best


def test_nothing_is_near():
    assert near_names("zzzzz", KNOWN) == []
    assert near_names("", KNOWN) == []
    assert near_names("any", []) == []


def test_names_keep_their_case():
    assert near_names("bn", ["BN", "GN"])[0] == "BN"


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), max_size=8))
def test_near_names_are_known_and_few(typed, known):
    near = near_names(typed, known)
    assert len(near) <= 3
    assert len(set(near)) == len(near)
    assert set(near) <= set(known)


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1), min_size=1))
def test_a_known_name_is_nearest_to_itself(known):
    assert near_names(known[-1], known)[0].casefold() == known[-1].casefold()


def test_message_with_one_near_name():
    assert str(unknown_name("space", "resnett", ["resnet"])) == (
        "There is no space named 'resnett'. Did you mean 'resnet'?"
    )


def test_message_with_several_near_names():
    assert str(unknown_name("space", "effi", KNOWN)).endswith("Did you mean 'efficientnet' or 'efficientnet-lite'?")


def test_message_without_near_names_lists_all():
    assert str(unknown_name("normalizer", "zzz", ["gn", "bn"])).endswith("Known: bn, gn.")


def test_message_without_names():
    assert "no installed plugin brings one (see `automl plugins`)" in str(unknown_name("space", "x", []))
    assert unknown_name("space", "x", []).exit_code == 2
