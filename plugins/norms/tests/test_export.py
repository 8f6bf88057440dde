"""What becomes of normalizers in an exported model."""

import collections
import json
import types

import pytest
import torch
from automl_norms import automl_normalizers
from torch import nn

from automl.training.export import KEY, _onnx


def test_batch_normalization_is_folded_and_the_rest_gives_the_same():
    """One model of all: exporting takes seconds. `_onnx` itself compares the outputs."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    timms = pytest.importorskip("timm.layers")
    torch.manual_seed(0)

    def block(layer, groups=1):
        return nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False), layer)

    parts = automl_normalizers()
    layers = [nn.BatchNorm2d(8), timms.BatchNormAct2d(8), *(part.layer(8, nn.SiLU()) for part in parts)]
    model = nn.Sequential(*map(block, layers), block(nn.BatchNorm2d(8), groups=8), nn.AdaptiveAvgPool2d(1))
    on_one_place = next(part for part in parts if part.name == "frn").layer(8, nn.SiLU())
    model.append(on_one_place).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        for _ in range(3):  # running averages away from where they start
            model(2 * torch.randn(4, 8, 6, 6) + 1)
    spec = types.SimpleNamespace(data=types.SimpleNamespace(input_shape=(8, 6, 6)), to_json=lambda: {"trial": 1})

    exported = onnx.load_from_string(_onnx(spec, model.eval()))

    kinds = collections.Counter(node.op_type for node in exported.graph.node)
    assert "BatchNormalization" not in kinds
    assert kinds["Conv"] == len(layers) + 1
    assert {entry.key: entry.value for entry in exported.metadata_props}[KEY] == json.dumps({"trial": 1})
