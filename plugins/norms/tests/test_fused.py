"""The Triton kernels against the CPU's function, in Triton's interpreter: it must be asked for before they are made."""

import os
import subprocess
import sys

import pytest

PROBE = """
import itertools
import torch
from automl_norms import fused, response

torch.manual_seed(0)
shapes = [(2, 3, 4, 5), (3, 70, 1, 1), (1, 5, 50, 47), (2, 1, 3, 3)]
layouts = [torch.contiguous_format, torch.channels_last]
for shape, layout, activates, learns, kind in itertools.product(
    shapes, layouts, [True, False], [True, False], [torch.float32, torch.bfloat16]
):
    x, dz = (torch.randn(shape).to(kind).contiguous(memory_format=layout) for _ in range(2))
    gamma, beta, tau = (torch.randn(shape[1]) for _ in range(3))
    tau, eps = tau if activates else None, torch.tensor(0.1) if learns else 1e-6
    inputs = [t.clone().requires_grad_() if isinstance(t, torch.Tensor) else t for t in (x, gamma, beta, tau, eps)]
    wanted = response.FilterResponse.apply(*inputs)
    wanted.backward(dz)
    z, r = fused.forward(x, gamma, beta, tau, eps)
    dx, (correlation, passed, total) = fused.backward(x, dz, r, gamma, beta, tau)
    assert z.stride() == x.stride() and dx.stride() == x.stride()
    close = dict(rtol=2e-2, atol=2e-2) if kind == torch.bfloat16 else dict(rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(z, wanted.detach(), **close)
    torch.testing.assert_close(dx, inputs[0].grad, **close)
    size, over = shape[2] * shape[3], (0, 2, 3)
    torch.testing.assert_close(correlation.sum(over) * size, inputs[1].grad, **close)
    torch.testing.assert_close(passed.sum(over), inputs[2].grad, **close)
    if activates:
        torch.testing.assert_close((total - passed).sum(over), inputs[3].grad, **close)
print("all agree")
"""


def test_kernels_agree_with_the_cpu():
    pytest.importorskip("triton", reason="Triton is not installed: PyTorch for CPUs comes without it")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    probe = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=False)
    assert probe.stdout == "all agree\n", probe.stderr
