"""Counting what a model computes: one operator at a time, by formulas anybody can check.

Conventions, the same for every operator:

- A FLOP is one primitive operation on one floating-point number: add, subtract, multiply, divide, compare, root,
  exponential and their like cost one each. A multiply-add is two.
- Products, convolutions and attention follow PyTorch's own `flop_registry`; a bias is one add an output element and
  stands under ``bias``, outside the multiply-adds.
- Terms that are smaller than the data by a factor, such as the running averages of a channel, are left out.
- Moving numbers costs no FLOPs, but bytes; views cost neither. Arithmetic on integers and truth values costs none.
- An operator without a formula is named in `Count.uncounted`, never taken for free.

The tables: `elementwise`, `matmul`, `attention`, `recurrent`, `norms`, `reductions`, `pooling`, `losses`, `optimizers`
and `moves`. `table` looks operators up in them, `mode` runs the model and books each call.
"""
