"""Operators that treat every element alike: FLOPs an output element.

A composed function costs its textbook expression in primitives, which stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from automl.price.counting.call import Call, Formula, numel, on_floats, words

PRIMITIVES = words("""
    add sub rsub subtract mul multiply div divide true_divide floor_divide remainder fmod neg abs sign sgn reciprocal
    square
    eq ne lt le gt ge maximum minimum fmax fmin clamp_min clamp_max where masked_fill relu threshold
    exp exp2 expm1 log log2 log10 log1p sqrt rsqrt pow float_power sin cos tan asin acos atan atan2 sinh cosh tanh
    asinh acosh atanh erf erfc erfinv lgamma digamma floor ceil round trunc frac ldexp copysign hypot
    _conj conj_physical nan_to_num heaviside
    isnan isinf isfinite isposinf isneginf
""")
"""One each."""

COMPOSED = {
    "sigmoid": 4,  # 1 / (1 + exp(-x))
    "silu": 5,  # x * sigmoid(x)
    "hardsigmoid": 4,  # clamp(x + 3, 0, 6) / 6
    "hardswish": 5,  # x * hardsigmoid(x)
    "hardtanh": 2,  # clamp to two sides
    "leaky_relu": 2,  # a compare and a multiplication
    "prelu": 2,
    "_prelu_kernel": 2,
    "rrelu_with_noise": 2,
    "elu": 4,  # compare, exp(x) - 1, times alpha
    "celu": 5,
    "softplus": 4,  # log(1 + exp(beta x)) / beta, with beta taken into one
    "mish": 5,  # x * tanh(log(1 + exp(x)))
    "log_sigmoid_forward": 6,  # min(x, 0) - log1p(exp(-|x|))
    "softshrink": 3,
    "hardshrink": 2,
    "glu": 5,  # a * sigmoid(b), by element of the half that is left
    "logit": 3,  # log(x / (1 - x))
    "sinc": 3,
    "xlogy": 2,
    "logaddexp": 6,  # max + log1p(exp(-|a - b|))
    "special_xlog1py": 3,
    "lerp": 3,  # a + w (b - a)
    "addcmul": 3,  # a + v b c
    "addcdiv": 3,  # a + v b / c
    "polar": 2,  # r cos(a), r sin(a): a complex number counts twice
    "addr": 2,  # a + b c of an outer product
    "native_dropout": 2,  # times mask, times 1 / (1 - p)
    "native_dropout_backward": 2,
    "_fused_dropout": 2,
}
"""Functions of several primitives."""

BACKWARD = {
    "threshold_backward": 1,  # g where x > 0
    "sigmoid_backward": 3,  # g y (1 - y)
    "tanh_backward": 3,  # g (1 - y y)
    "silu_backward": 9,  # g s (1 + x (1 - s)), s = sigmoid(x)
    "hardsigmoid_backward": 3,  # g / 6 between two bounds
    "hardswish_backward": 5,  # g (x / 3 + 1/2) between two bounds
    "hardtanh_backward": 2,
    "leaky_relu_backward": 2,
    "_prelu_kernel_backward": 4,  # of x, and of the slope
    "rrelu_with_noise_backward": 1,
    "elu_backward": 4,
    "softplus_backward": 5,  # g z / (1 + z), z = exp(beta x)
    "mish_backward": 14,  # g (t + x s (1 - t t)), t = tanh(softplus(x)), s = sigmoid(x)
    "log_sigmoid_backward": 6,
    "softshrink_backward": 2,
    "hardshrink_backward": 2,
    "glu_backward": 5,  # by element of both halves: their gradients are nine operations
    "logit_backward": 4,
}
"""Their derivatives, by element of the result."""


def elementwise(cost: float) -> Callable[[Call], float]:
    """So many FLOPs an output element; a complex number is two real ones."""

    def formula(call: Call) -> float:
        if not on_floats(call):
            return 0.0
        first = call.first
        factor = 2 if getattr(getattr(first, "dtype", None), "is_complex", False) else 1
        return cost * factor * numel(first)

    return formula


def _sum(call: Call) -> float:
    """``a + alpha b``: one more where alpha is not one."""
    return elementwise(1 if call.get("alpha", 1) in (1, None) else 2)(call)


def _product(call: Call) -> float:
    """Complex numbers multiply in six operations."""
    is_complex = getattr(getattr(call.first, "dtype", None), "is_complex", False)
    return elementwise(3 if is_complex else 1)(call)


def _clamp(call: Call) -> float:
    """One a side."""
    return elementwise(sum(call[side] is not None for side in ("min", "max")))(call)


def _gelu(call: Call) -> float:
    """With erf: ``x / 2 (1 + erf(x / sqrt 2))``; with tanh: ``x / 2 (1 + tanh(b (x + c x x x)))``."""
    return elementwise(5 if call["approximate"] == "none" else 9)(call)


def _gelu_backward(call: Call) -> float:
    """With erf: ``g (cdf(x) + x pdf(x))``, of four operations each; with tanh the derivative of the line above."""
    return elementwise(11 if call["approximate"] == "none" else 18)(call)


FORMULAS: dict[str, Formula] = {
    **{name: elementwise(1) for name in PRIMITIVES},
    **{name: elementwise(cost) for name, cost in (COMPOSED | BACKWARD).items()},
    **dict.fromkeys(("add", "sub", "rsub"), _sum),
    **dict.fromkeys(("mul", "multiply"), _product),
    "clamp": _clamp,
    "gelu": _gelu,
    "gelu_backward": _gelu_backward,
}
