"""Operators that move numbers: no FLOPs, or one add for each number that is added where others lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from automl.price.counting.call import Call, Formula, numel, on_floats, tensors, words

ALIASES = set(
    words("""
    _unsafe_view _reshape_alias unsafe_split unsafe_split_with_sizes lift lift_fresh detach_ t_ transpose_ squeeze_
    unsqueeze_ as_strided_ swapaxes_ swapdims_ alias view_as_real view_as_complex
""")
)
"""Views by another name, besides the operators that PyTorch itself calls views."""

NOTHING = set(
    words("""
    empty empty_like empty_strided new_empty new_empty_strided _local_scalar_dense item is_same_size record_stream
    resize_ set_ _assert_async _assert_tensor_metadata is_nonzero sym_size sym_stride sym_numel sym_storage_offset
    _functional_assert_async is_pinned _nested_tensor_size values indices crow_indices col_indices _indices _values
""")
)
"""What computes and moves nothing."""

MOVES = words("""
    clone copy _to_copy cat stack hstack vstack gather index index_select take embedding
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d roll flip repeat repeat_interleave expand_copy view_copy permute_copy transpose_copy
    select_scatter slice_scatter diagonal_scatter select_backward slice_backward diagonal_backward
    split_with_sizes_copy split_copy unbind_copy
    diag_embed tril triu tril_indices triu_indices masked_select masked_scatter nonzero nonzero_static index_copy
    index_fill scatter fill zero zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full arange
    linspace logspace range eye scalar_tensor rand randn rand_like randn_like randint randint_like randperm bernoulli
    normal normal_functional uniform random exponential geometric cauchy log_normal multinomial poisson
    pixel_shuffle pixel_unshuffle native_channel_shuffle channel_shuffle im2col max_unpool2d max_unpool3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d unfold_copy logical_and logical_or logical_not logical_xor bitwise_and bitwise_or
    bitwise_not bitwise_xor bitwise_left_shift bitwise_right_shift signbit all
    any complex real imag
    to_sparse _to_sparse to_dense _to_dense _coalesce lift_fresh_copy detach_copy
    _efficientzerotensor
""")

ADDS = words("""
    reflection_pad1d_backward reflection_pad2d_backward reflection_pad3d_backward replication_pad1d_backward
    replication_pad2d_backward replication_pad3d_backward col2im unfold_backward embedding_dense_backward
    upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward
    _upsample_nearest_exact1d_backward _upsample_nearest_exact2d_backward _upsample_nearest_exact3d_backward
""")
"""One add an element of the first argument."""

SCATTERS = {"index_add": "source", "scatter_add": "src", "scatter_reduce": "src", "index_reduce": "source"}
"""One add, multiplication or compare an element of the source."""

LOOKUPS = {"gather", "index", "index_select", "take", "embedding", "_embedding_bag", "masked_select"}
"""They read as much of their first argument as they give back, not all of it."""

LIKENESSES = ("_like", "new_zeros", "new_ones", "new_full")
"""They look at the shape of what they are given, not at its numbers."""

OVERWRITES = {"copy", "fill", "zero", "normal", "uniform", "bernoulli", "random", "exponential"}
"""In place, they do not read what they write over."""


def _nothing(_: Call) -> float:
    return 0.0


def _first(call: Call) -> float:
    return float(numel(call.args[0]))


def _scatter(call: Call) -> float:
    source = call[SCATTERS[call.name.removesuffix("_")]]
    return float(numel(source)) if on_floats(call) else 0.0


def _index_put(call: Call) -> float:
    """Adds where it accumulates, and only moves where it does not."""
    return float(numel(call.args[2])) if call.get("accumulate") and on_floats(call) else 0.0


def _bag(call: Call) -> float:
    """An add for each row that is looked up."""
    return float(numel(call["indices"]) * call["weight"].shape[-1])


FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(MOVES, _nothing),
    **dict.fromkeys(ADDS, _first),
    **dict.fromkeys(SCATTERS, _scatter),
    "index_put": _index_put,
    "_unsafe_index_put": _index_put,
    "_index_put_impl": _index_put,
    "_unsafe_index": _nothing,
    "_embedding_bag": _bag,
    "_embedding_bag_forward_only": _bag,
}


def moved_bytes(call: Call, is_written: Iterable[Any]) -> float:
    """Bytes read and written, every tensor once: what is expanded from fewer numbers is read as those.

    Args:
        call: The call.
        is_written: Tensors among its arguments that it changes.
    """
    name = call.name.removesuffix("_").removeprefix("_foreach_")
    changed = {id(tensor) for tensor in is_written}
    returned = list(_unique(call.out))
    written = [*returned, *(tensor for tensor in is_written if all(tensor is not other for other in returned))]
    total = sum(map(_bytes, written))
    if name in SCATTERS or name.endswith("index_put"):
        # Beside indices and source, as much of the target is read and written as the source is long.
        source = numel(call.args[2] if "put" in name else call[SCATTERS[name]])
        if changed:
            touched = source * written[0].element_size()
            return float(2 * touched + sum(_bytes(tensor) for tensor in call.inputs if id(tensor) not in changed))
    for position, tensor in enumerate(() if name.endswith(LIKENESSES) else call.inputs):
        if name in LOOKUPS and position == 0:
            total += sum(map(_bytes, returned[:1]))
        elif not (id(tensor) in changed and (name in OVERWRITES or "out" in call.kwargs)):
            total += _bytes(tensor)
    return float(total)


def _unique(values: Any) -> Iterable[Any]:
    return {id(tensor): tensor for tensor in tensors(values)}.values()


def _bytes(tensor: Any) -> int:
    size = int(tensor.numel() * tensor.element_size())
    try:
        return min(size, int(tensor.untyped_storage().nbytes()))
    except (NotImplementedError, RuntimeError):  # a sparse tensor has no storage of its own
        return int(tensor.values().numel() * tensor.element_size())
