from __future__ import annotations

import torch
from automl_vision.means import Means
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=1, max_size=5), min_size=1, max_size=6))
def test_means_are_over_examples_not_over_batches(batches):
    means = Means()
    for batch in batches:
        values = torch.tensor(batch, dtype=torch.float64)
        means.add({"value": values.sum(), "square": values.square().sum()}, len(batch))
    whole = torch.tensor([value for batch in batches for value in batch], dtype=torch.float64)
    taken = means.take()
    torch.testing.assert_close(taken["value"], whole.mean())
    torch.testing.assert_close(taken["square"], whole.square().mean())
    assert means.take() == {}


def test_no_graph_is_kept():
    means = Means()
    means.add({"loss": torch.ones((), requires_grad=True) * 2}, 1)
    assert not means.take()["loss"].requires_grad
