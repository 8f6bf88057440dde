"""The normalizers against the suite, and each against its own paper."""

import pytest
import torch
from automl_norms.group import group_count
from automl_norms.normalizers import (
    BatchNorm,
    BatchRenorm,
    EvoB0,
    EvoS0,
    FilterResponse,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Unnormalized,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from automl.testing.normalizers import NormalizerSuite


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class TestBatchNorm(NormalizerSuite):
    part = BatchNorm()

    def test_state_dict_is_that_of_torch(self):
        assert BatchNorm().layer(8, nn.SiLU()).state_dict().keys() == nn.BatchNorm2d(8).state_dict().keys()

    def test_hyper_parameters_are_those_of_torch(self):
        layer, torchs = BatchNorm().layer(8, None), nn.BatchNorm2d(8)
        assert (layer.eps, layer.momentum) == (torchs.eps, torchs.momentum)

    def test_cannot_train_on_a_single_value(self):
        with pytest.raises(ValueError, match="more than 1 value"):
            BatchNorm().layer(8, None)(torch.randn(1, 8, 1, 1))


class TestGroupNorm(NormalizerSuite):
    part = GroupNorm()

    def test_trains_on_one_example_of_one_place(self):
        x = torch.randn(1, 8, 1, 1, requires_grad=True)
        (GroupNorm().layer(8, nn.SiLU())(x) * torch.randn_like(x)).sum().backward()
        assert x.grad.any()


class TestBatchRenorm(NormalizerSuite):
    part = BatchRenorm()


class TestLayerNorm(NormalizerSuite):
    part = LayerNorm()


class TestInstanceNorm(NormalizerSuite):
    part = InstanceNorm()
    constant_on_1x1 = True


class TestEvoNormB0(NormalizerSuite):
    part = EvoB0()


class TestEvoNormS0(NormalizerSuite):
    part = EvoS0()


class TestUnnormalized(NormalizerSuite):
    part = Unnormalized()


@given(st.integers(1, 4096))
def test_groups_are_the_most_that_fit(channels):
    def fits(groups):
        return channels % groups == 0 and groups <= 32 and (groups == 1 or channels // groups >= 8)

    count = group_count(channels)
    assert fits(count)
    assert not any(fits(more) for more in range(count + 1, 33))


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (7, 1), (8, 1), (16, 2), (24, 3), (40, 5), (256, 32)])
def test_groups_by_hand(channels, groups):
    assert group_count(channels) == groups


class TestFilterResponse(NormalizerSuite):
    part = FilterResponse()

    def test_trains_on_one_example_of_one_place(self):
        x = torch.randn(1, 8, 1, 1, requires_grad=True)
        FilterResponse().layer(8, nn.SiLU())(x).sum().backward()
        assert x.grad.any()
