"""Recurrent layers as one operator: the kernels a CPU (mkldnn) or a GPU (cuDNN, the fused cells) runs them with.

The same layers made of products and elementwise operators, as on the meta device, cost the same.
"""

from __future__ import annotations

from automl.price.counting.call import Call, Formula, Parts, numel

GATES = {"lstm": 22, "gru": 16, "tanh": 2, "relu": 2}
"""FLOPs a hidden unit and step, products and biases apart.

LSTM: 4 adds, 3 sigmoids of 4, tanh, ``f c + i g`` (3), tanh, times the output gate. GRU: 2 adds, 2 sigmoids of 4,
``n = tanh(x + r h)`` (3), ``(h - n) z + n`` (3).
"""

CUDNN_MODES = ("relu", "tanh", "lstm", "gru")
ROWS = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}


def _mkldnn(call: Call) -> Parts:
    """One layer in one direction."""
    x, hidden = call["input"], call["hidden_size"]
    steps = numel(x) / x.shape[-1]
    return _layer(call.name, steps, 2.0 * steps * 4 * hidden * (x.shape[-1] + hidden), hidden, call["has_biases"])


def _mkldnn_backward(call: Call) -> Parts:
    """Twice the products: gradients of inputs and of weights."""
    x, hidden = call["input"], call["hidden_size"]
    steps = numel(x) / x.shape[-1]
    return _layer(call.name, steps, 4.0 * steps * 4 * hidden * (x.shape[-1] + hidden), hidden, call["has_biases"])


def _layer(name: str, steps: float, products: float, hidden: int, biased: object) -> Parts:
    return {
        name: products,
        "bias": 8.0 * steps * hidden if biased else 0.0,
        "recurrent_gates": GATES["lstm"] * steps * hidden,
    }


def _cudnn(call: Call) -> Parts:
    """All layers and directions: at every step each weight meets one number."""
    return _stack(call, passes=1)


def _cudnn_backward(call: Call) -> Parts:
    return _stack(call, passes=2)


def _stack(call: Call, passes: int) -> Parts:
    x, mode = call["input"], CUDNN_MODES[call["mode"]]
    steps = numel(x) / x.shape[-1]
    weights = sum(weight.numel() for weight in call["weight"] if weight.ndim > 1)
    biases = sum(weight.numel() for weight in call["weight"] if weight.ndim == 1)
    layers = call["num_layers"] * (2 if call["bidirectional"] else 1)
    return {
        call.name: 2.0 * steps * weights * passes,
        "bias": steps * biases,
        "recurrent_gates": GATES[mode] * steps * layers * call["hidden_size"],
    }


def _cell(call: Call) -> Parts:
    """The gates of one step; their products are operators of their own."""
    mode = "lstm" if "lstm" in call.name else "gru"
    units = numel(call["input_gates"]) / ROWS[mode]
    biased = call.get("input_bias") is not None
    return {"bias": 2.0 * ROWS[mode] * units if biased else 0.0, "recurrent_gates": GATES[mode] * units}


def _cell_backward(call: Call) -> Parts:
    """About what the gates themselves cost."""
    mode = "lstm" if "lstm" in call.name else "gru"
    return {"recurrent_gates": GATES[mode] * numel(call.out[0]) / ROWS[mode]}


FORMULAS: dict[str, Formula] = {
    "mkldnn_rnn_layer": _mkldnn,
    "mkldnn_rnn_layer_backward": _mkldnn_backward,
    "_cudnn_rnn": _cudnn,
    "_cudnn_rnn_backward": _cudnn_backward,
    "_thnn_fused_lstm_cell": _cell,
    "_thnn_fused_gru_cell": _cell,
    "_thnn_fused_lstm_cell_backward_impl": _cell_backward,
    "_thnn_fused_gru_cell_backward": _cell_backward,
}

MULTIPLY_ADDS = {"mkldnn_rnn_layer", "mkldnn_rnn_layer_backward", "_cudnn_rnn", "_cudnn_rnn_backward"}
"""Names under which multiply-adds alone are booked."""
