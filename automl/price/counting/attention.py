"""Fused attention: two products of all queries with all keys, and the softmax between them.

A mask leaves the count as it is, as in PyTorch's own formulas: kernels that skip masked blocks do less.
"""

from __future__ import annotations

import math

from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

from automl.price.counting.call import Call, Formula, Parts, numel
from automl.price.counting.matmul import registered

SCORE = 6
"""A score is scaled once, and goes through a softmax: compare, subtract, exponential, add, divide."""

SCORE_BACKWARD = 8
"""It is made again (scale, subtract, exponential), then four of the softmax's derivative and the scale."""

CPU = "_scaled_dot_product_flash_attention_for_cpu"
SOFTMAX = "attention_softmax"
FUSED = tuple(
    packet.__name__ for packet in flop_registry if "attention" in str(packet) and hasattr(packet, "overloads")
)


def _forward(call: Call) -> Parts:
    query, key, value = call.args[:3]
    masked = call.get("attn_mask") is not None
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    products = sdpa_flop_count(query.shape, key.shape, value.shape)  # type: ignore[no-untyped-call]
    return {call.name: float(products), SOFTMAX: float(scores * (SCORE + masked))}


def _backward(call: Call) -> Parts:
    grad, query, key, value = call.args[:4]
    masked = call.get("attn_mask") is not None
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    products = sdpa_backward_flop_count(grad.shape, query.shape, key.shape, value.shape)  # type: ignore[no-untyped-call]
    return {call.name: float(products), SOFTMAX: float(scores * (SCORE_BACKWARD + masked))}


def _on_other_devices(call: Call) -> Parts:
    """Kernels of PyTorch's registry: the scores follow from the products, which are two (backward: five) of them."""
    products = registered(call)
    is_backward = "backward" in call.name
    depth = call.args[1 if is_backward else 0].shape[-1]
    scores = products / (2 * depth * (5 if is_backward else 2))
    return {call.name: products, SOFTMAX: scores * (SCORE_BACKWARD if is_backward else SCORE)}


def _multi_head(call: Call) -> Parts:
    """The whole of a multi-head self-attention, as the fast path of `MultiheadAttention` runs it."""
    query, width = call["query"], call["embed_dim"]
    tokens = numel(query) / width
    scores = tokens * query.shape[-2] * call["num_head"]
    return {
        call.name: tokens * (8 * width**2 + 4 * width * query.shape[-2]),
        "bias": 4 * tokens * width,
        SOFTMAX: scores * (SCORE + (call["mask"] is not None)),
    }


def _encoder_layer(call: Call) -> Parts:
    """The fast path of `TransformerEncoderLayer`: attention, two linear layers, two norms, two additions."""
    source, width = call["src"], call["embed_dim"]
    tokens, length = numel(source) / width, source.shape[-2]
    hidden = call["ffn_weight_1"].shape[0]
    return {
        call.name: tokens * (8 * width**2 + 4 * width * length + 4 * width * hidden),
        "bias": tokens * (5 * width + hidden),
        SOFTMAX: tokens * length * call["num_heads"] * (SCORE + (call["mask"] is not None)),
        "native_layer_norm": 2 * 7 * tokens * width,
        "activation": tokens * hidden * (5 if call["use_gelu"] else 1),
        "add": 2 * tokens * width,
    }


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(FUSED, _on_other_devices),
    CPU: _forward,
    f"{CPU}_backward": _backward,
    "_native_multi_head_attention": _multi_head,
    "_transformer_encoder_layer_fwd": _encoder_layer,
}

MULTIPLY_ADDS = set(FORMULAS)
"""Names under which multiply-adds alone are booked."""
