"""What a training would give, learned from every rung of every trial: a Gaussian process over candidate and time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = npt.NDArray[np.float64]


FLAT = 1e-9
"""Spread below which all observations are one."""


class Surface:
    """A Gaussian process over coordinates and time (the log of the budget), fitted by maximum a posteriori.

    Covariance: Matern 5/2 over the coordinates, once for what lasts over time and once for what passes, and a trend
    over time that all candidates share.
    """

    def __init__(self, widths: Sequence[int], timed: bool) -> None:
        self._owner = np.repeat(np.arange(len(widths)), widths)
        count = len(widths)
        # Logarithms of: a weight a dimension, lasting variance, noise; then passing variance, trend, time scale.
        centre = [-math.log(0.2 * count)] * count + [0.0, math.log(1e-3)] + [math.log(0.3), 0.0, math.log(0.5)] * timed
        spread = [1.5] * count + [1.0, 2.0] + [1.0, 1.0, 0.7] * timed
        self._centre, self._spread, self._timed = np.array(centre), np.array(spread), timed
        self._theta = self._centre.copy()

    def learn(self, x: Array, t: Array, y: Array, refit: bool) -> None:
        """Takes these rows for all that is known; `refit` finds the covariance anew."""
        self._x, self._t = x, t
        self._shift, self._scale = float(y.mean()), float(y.std())
        self._flat = self._scale < FLAT
        if self._flat:
            return
        z = (y - self._shift) / self._scale
        if refit:
            squares = (x[:, None, :] - x[None, :, :]) ** 2
            apart = np.stack([squares[:, :, self._owner == d].sum(-1) for d in range(self._owner[-1] + 1)])
            found = minimize(
                self._misfit,
                self._theta,
                args=(apart, (t[:, None] - t[None, :]) ** 2, z),
                jac=True,
                method="L-BFGS-B",
                bounds=list(zip(self._centre - 4 * self._spread, self._centre + 4 * self._spread, strict=True)),
                options={"maxiter": 20},
            )
            self._theta = found.x
        covariance = self._covariance(x, t, x, t)
        covariance[np.diag_indices_from(covariance)] += self._noise
        lower = cholesky(covariance, lower=True)
        self._whiten = solve_triangular(lower, np.eye(len(z)), lower=True)
        self._alpha = self._whiten.T @ (self._whiten @ z)

    def predict(self, x: Array, times: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at each time, both ``(times, candidates)``."""
        shape = len(times), len(x)
        if self._flat:
            return np.full(shape, self._shift), np.zeros(shape)
        # What depends on the candidates alone is the dear part, and the same at every time.
        matern = self._matern(x, self._x)
        mean, variance = np.empty(shape), np.empty(shape)
        for row, time in enumerate(times):
            cross = self._timely(matern, np.full(1, time), self._t)
            half = cross @ self._whiten.T
            mean[row] = cross @ self._alpha
            variance[row] = self._prior - np.einsum("ij,ij->i", half, half)
        return self._shift + self._scale * mean, self._scale * np.sqrt(np.maximum(variance, 1e-10))

    @property
    def _noise(self) -> float:
        return float(np.exp(self._theta[self._owner[-1] + 2])) + 1e-6

    @property
    def _prior(self) -> float:
        count = self._owner[-1] + 1
        rest = np.exp(self._theta[count + 2 : count + 4]).sum() if self._timed else 0.0
        return float(np.exp(self._theta[count]) + rest)

    def _covariance(self, x: Array, t: Array, x2: Array, t2: Array) -> Array:
        return self._timely(self._matern(x, x2), t, t2)

    def _matern(self, x: Array, x2: Array) -> Array:
        root = np.exp(0.5 * self._theta[: self._owner[-1] + 1])[self._owner]
        a, b = x * root, x2 * root
        r = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * a @ b.T
        r *= 5.0
        np.maximum(r, 0.0, out=r)
        np.sqrt(r, out=r)
        fade = np.exp(-r)
        fade *= 1.0 + r + r * r / 3.0
        return fade

    def _timely(self, matern: Array, t: Array, t2: Array) -> Array:
        """Covariance from its part over the candidates and their times."""
        count = self._owner[-1] + 1
        lasting = math.exp(self._theta[count])
        if not self._timed:
            return lasting * matern
        passing, trend, scale = np.exp(self._theta[count + 2 :])
        near = np.exp(-((t[:, None] - t2[None, :]) ** 2) / (2 * scale * scale))
        return matern * (lasting + passing * near) + trend * near

    def _misfit(self, theta: Array, apart: Array, gap: Array, z: Array) -> tuple[float, Array]:
        """Negative log posterior of the covariance's parameters, and its gradient."""
        count = len(apart)
        weights, lasting, noise = np.exp(theta[:count]), math.exp(theta[count]), math.exp(theta[count + 1])
        square = np.tensordot(weights, apart, axes=1)
        r = np.sqrt(5.0 * square)
        fade = np.exp(-r)
        matern = (1.0 + r + r * r / 3.0) * fade
        amount, trend, near = np.full_like(r, lasting), 0.0, 0.0
        if self._timed:
            passing, trend, scale = np.exp(theta[count + 2 :])
            near = np.exp(-gap / (2 * scale * scale))
            amount = lasting + passing * near
        covariance = matern * amount + trend * near
        covariance[np.diag_indices_from(covariance)] += noise + 1e-6
        lower = cholesky(covariance, lower=True)
        whiten = solve_triangular(lower, np.eye(len(z)), lower=True)
        inverse = whiten.T @ whiten
        alpha = inverse @ z
        off = (theta - self._centre) / self._spread
        value = 0.5 * z @ alpha + np.log(np.diag(lower)).sum() + 0.5 * off @ off
        lean = 0.5 * (inverse - np.outer(alpha, alpha))
        slope = lean * amount * (-5.0 / 6.0) * (1.0 + r) * fade
        gradient = [weights * np.tensordot(apart, slope, axes=2), [lasting * (lean * matern).sum()]]
        gradient.append([noise * np.trace(lean)])
        if self._timed:
            by_near = lean * near
            by_scale = by_near * (passing * matern + trend) * gap / (scale * scale)
            gradient.append([passing * (by_near * matern).sum(), trend * by_near.sum(), by_scale.sum()])
        return float(value), np.concatenate(gradient) + off / self._spread
