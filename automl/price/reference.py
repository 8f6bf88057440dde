"""Reference models for a calibration: plain torch, over four decades of FLOPs, of all kinds of arithmetic intensity."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn


@dataclasses.dataclass(frozen=True)
class Reference:
    """A model to time.

    Attributes:
        name: What the table of a calibration calls it.
        build: Makes it, on the device in force.
        input_shape: Shape of one example, without the batch.
    """

    name: str
    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]


def references(*, quick: bool = False) -> list[Reference]:
    """The models, the kinds in turn; a few small ones when `quick`.

    Perceptrons are bound by their weights' way from memory, dense convolutions by arithmetic, depthwise ones by the
    traffic of their maps; the smallest of each kind is bound by the number of operator calls.
    """
    small = [
        Reference("perceptron 64", lambda: _perceptron(64, 2), (64,)),
        Reference("convolutions 8 at 32 px", lambda: _convolutions(8, 3), (3, 32, 32)),
        Reference("depthwise 8 at 32 px", lambda: _depthwise(8, 3), (3, 32, 32)),
        Reference("transformer 64 of 32", lambda: _transformer(64, 2), (32, 64)),
    ]
    if quick:
        return small
    return [
        *small,
        Reference("perceptron 256", lambda: _perceptron(256, 4), (256,)),
        # A quarter of a gigabyte, more than caches hold: out of them weights come faster than any other traffic.
        Reference("perceptron 4096", lambda: _perceptron(4096, 4), (4096,)),
        Reference("convolutions 16 at 64 px", lambda: _convolutions(16, 4), (3, 64, 64)),
        Reference("convolutions 24 at 128 px", lambda: _convolutions(24, 4), (3, 128, 128)),
        Reference("convolutions 48 at 192 px", lambda: _convolutions(48, 4), (3, 192, 192)),
        Reference("depthwise 24 at 96 px", lambda: _depthwise(24, 4), (3, 96, 96)),
        Reference("depthwise 32 at 160 px", lambda: _depthwise(32, 4), (3, 160, 160)),
        Reference("depthwise 48 at 224 px", lambda: _depthwise(48, 4), (3, 224, 224)),
        Reference("transformer 128 of 64", lambda: _transformer(128, 4), (64, 128)),
        Reference("transformer 256 of 128", lambda: _transformer(256, 6), (128, 256)),
        Reference("transformer 384 of 196", lambda: _transformer(384, 8), (196, 384)),
    ]


def _perceptron(width: int, layers: int) -> nn.Module:
    from torch import nn

    hidden = [module for _ in range(layers) for module in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def _convolutions(width: int, stages: int) -> nn.Module:
    """Two dense 3x3 convolutions a stage, the first with stride 2; widths double."""
    from torch import nn

    layers: list[nn.Module] = []
    last = 3
    for stage in range(stages):
        out = width * 2**stage
        layers += [*_block(last, out, 2), *_block(out, out, 1)]
        last = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 10))


def _depthwise(width: int, stages: int) -> nn.Module:
    """Inverted bottlenecks: 1x1 to four times the channels, 3x3 a channel of its own, 1x1 back."""
    from torch import nn

    layers = _block(3, width, 2)
    last = width
    for stage in range(stages):
        out, wide = width * (stage + 2) // 2, 4 * last
        for stride in (2, 1):
            layers += [*_block(last, wide, 1, 1), *_block(wide, wide, stride, 3, wide), *_block(wide, out, 1, 1)[:1]]
            last, wide = out, 4 * out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 10))


def _block(width: int, out: int, stride: int, kernel: int = 3, groups: int = 1) -> list[nn.Module]:
    """As models are deployed, and counted: a batch normalization would be part of the convolution's weights."""
    from torch import nn

    return [nn.Conv2d(width, out, kernel, stride, kernel // 2, groups=groups), nn.SiLU()]


def _transformer(width: int, layers: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(*[_layer(width) for _ in range(layers)], nn.LayerNorm(width), nn.Linear(width, 10))


def _layer(width: int) -> nn.Module:
    """Written out: PyTorch's own layer takes a fused path in evaluation, for which there is one big operator."""
    from torch import nn

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = width // 32
            self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
            self.inwards, self.outwards = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, tokens, _ = x.shape
            triple = self.inwards(self.before(x)).view(batch, tokens, 3, self.heads, 32).permute(2, 0, 3, 1, 4)
            mixed = nn.functional.scaled_dot_product_attention(*triple.unbind(0))
            x = x + self.outwards(mixed.transpose(1, 2).reshape(batch, tokens, width))
            result: torch.Tensor = x + self.contract(nn.functional.gelu(self.expand(self.between(x))))
            return result

    return Layer()
