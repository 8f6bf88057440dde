"""Single layers by hand, and the same layer on CPU tensors and on those of the meta device."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from automl.price.flops import count, count_call, multiply_add_flops


class Attention(nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        batch, length, width = x.shape
        query, key, value = (
            layer(x).view(batch, length, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        return self.out(attended.transpose(1, 2).reshape(batch, length, width))


def convnet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=4),
        nn.ReLU(),
        nn.BatchNorm2d(8),
        nn.GroupNorm(2, 8),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(72, 5),
    )


def encoder():
    return nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)


def lstm():
    return nn.LSTM(64, 64, batch_first=True)


def forward(build, shape):
    return count(build, shape).prediction


@pytest.mark.parametrize(
    ("layer", "products", "bias"),
    [
        (lambda: nn.Conv2d(8, 16, 3, padding=1), 2 * 8 * 16 * 9 * 100, 16 * 100),
        (lambda: nn.Conv2d(8, 16, 3, padding=1, bias=False), 2 * 8 * 16 * 9 * 100, 0),
        (lambda: nn.Conv2d(8, 16, 3, padding=1, groups=4), 2 * 2 * 16 * 9 * 100, 16 * 100),
        (lambda: nn.Conv2d(8, 8, 3, padding=1, groups=8), 2 * 1 * 8 * 9 * 100, 8 * 100),
        (lambda: nn.Conv2d(8, 16, 3, stride=2), 2 * 8 * 16 * 9 * 16, 16 * 16),
        (lambda: nn.ConvTranspose2d(8, 16, 2, stride=2), 2 * 8 * 16 * 4 * 100, 16 * 400),
    ],
    ids=["bias", "no bias", "grouped", "depthwise", "strided", "transposed"],
)
def test_convolutions_by_hand(layer, products, bias):
    work = count(layer, (8, 10, 10))
    assert multiply_add_flops(work.prediction) == products
    assert work.prediction.flops == products + bias
    # The input wants no gradient; that of the weight costs as much as the convolution, grouped or not.
    assert multiply_add_flops(work.training) == 2 * products


def test_attention_by_hand():
    counted = forward(Attention, (128, 64))
    projections, scores = 128 * 4 * 64 * 64, 4 * 128 * 128
    assert multiply_add_flops(counted) == 2 * (projections + 2 * 128 * 128 * 64) == 2**23
    assert counted.flops == 2**23 + 4 * 128 * 64 + 6 * scores


def test_a_transformer_layer_by_hand():
    """On CPU tensors without gradients a fused path would hide all of it."""
    counted = forward(encoder, (128, 64))
    products = 2 * (128 * (4 * 64 * 64 + 2 * 64 * 256) + 2 * 128 * 128 * 64)
    biases = 128 * (5 * 64 + 256)
    others = 128 * 256 + 2 * 7 * 128 * 64 + 2 * 128 * 64 + 6 * 4 * 128 * 128  # relu, norms, additions, softmax
    assert multiply_add_flops(counted) == products == 2**24
    assert counted.flops == products + biases + others


def test_recurrent_layers_by_hand():
    counted = forward(lstm, (50, 64))
    products = 50 * 2 * 4 * 64 * (64 + 64)
    assert multiply_add_flops(counted) == products == 3_276_800
    assert counted.flops == products + 50 * 64 * (8 + 22)
    counted = forward(lambda: nn.GRU(64, 64, batch_first=True), (50, 64))
    assert multiply_add_flops(counted) == 3 / 4 * products
    assert counted.flops == 3 / 4 * products + 50 * 64 * (6 + 16)


def test_message_passing_by_hand():
    nodes, edges, width = 1000, 20_000, 64
    layer = nn.Linear(width, width, bias=False, device="meta")
    x = torch.zeros(nodes, width, device="meta")
    source, target = torch.zeros(2, edges, dtype=torch.int64, device="meta")
    counted = count_call(lambda: torch.zeros_like(x).index_add_(0, target, layer(x)[source]))
    assert multiply_add_flops(counted) == 2 * nodes * width * width
    assert counted.flops == 2 * nodes * width * width + edges * width
    scattered = count_call(lambda: torch.zeros_like(x).scatter_add_(0, target[:, None].expand(-1, width), x[source]))
    assert scattered.flops == edges * width


def test_sparse_products_count_what_is_stored():
    dense = torch.zeros(100, 100)
    dense[range(100), range(100)] = 1.0
    x = torch.zeros(100, 7)
    for matrix in (dense.to_sparse_coo(), dense.to_sparse_csr()):
        assert multiply_add_flops(count_call(lambda matrix=matrix: matrix @ x)) == 2 * 100 * 7


def test_embeddings_move_the_rows_they_look_up():
    counted = count(lambda: nn.Embedding(10_000, 16), (3,)).prediction
    assert counted.flops == 0
    assert counted.moved_bytes == 2 * 4 * 3 * 16 + 8 * 3


@pytest.mark.parametrize("gradients", [True, False], ids=["with gradients", "without"])
@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (convnet, (2, 3, 16, 16)),
        (Attention, (2, 16, 64)),
        (encoder, (2, 16, 64)),
        (lambda: nn.TransformerEncoder(encoder(), 2), (2, 16, 64)),
        (lstm, (2, 5, 64)),
        (lambda: nn.LSTM(64, 32, 2, bidirectional=True, batch_first=True), (2, 5, 64)),
        (lambda: nn.GRU(64, 32, batch_first=True), (2, 5, 64)),
        (lambda: nn.Embedding(100, 16), (2, 7)),
    ],
    ids=["convnet", "attention", "encoder layer", "encoder", "lstm", "two-way lstm", "gru", "embedding"],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_cpu_and_meta_agree(build, shape, gradients):
    counts = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            model = build().eval()
            x = torch.zeros(shape, dtype=torch.int64 if isinstance(model, nn.Embedding) else torch.float32)
        with torch.set_grad_enabled(gradients):
            counts.append(count_call(lambda model=model, x=x: model(x)))
    on_cpu, on_meta = counts
    assert on_cpu.uncounted == on_meta.uncounted == ()
    assert on_cpu.flops == on_meta.flops
    assert multiply_add_flops(on_cpu) == multiply_add_flops(on_meta)


@pytest.mark.parametrize("build", [convnet, Attention, encoder], ids=["convnet", "attention", "encoder layer"])
def test_cpu_and_meta_agree_on_training(build):
    counts = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            model, x = build(), torch.zeros((2, 3, 16, 16) if build is convnet else (2, 16, 64))
            counts.append(count_call(lambda model=model, x=x: model(x).sum().backward()))
    assert counts[0].uncounted == counts[1].uncounted == ()
    assert counts[0].flops == counts[1].flops


def test_the_kernels_of_fast_paths_have_formulas():
    """As CPUs and GPUs run them without gradients; the same arithmetic as with gradients."""
    width, hidden, heads, x = 16, 32, 2, torch.randn(2, 5, 16)
    layer = nn.TransformerEncoderLayer(width, heads, hidden, batch_first=True).eval()
    attention, first, second = layer.self_attn, layer.norm1, layer.norm2
    fused = count_call(
        lambda: torch._transformer_encoder_layer_fwd(
            *(x, width, heads, attention.in_proj_weight, attention.in_proj_bias),
            *(attention.out_proj.weight, attention.out_proj.bias, False, False, 1e-5),
            *(first.weight, first.bias, second.weight, second.bias),
            *(layer.linear1.weight, layer.linear1.bias, layer.linear2.weight, layer.linear2.bias),
        )
    )
    plain = forward(lambda: nn.TransformerEncoderLayer(width, heads, hidden, batch_first=True), (5, width))
    assert fused.uncounted == ()
    assert fused.flops == 2 * plain.flops
    assert multiply_add_flops(fused) == 2 * multiply_add_flops(plain)
