"""How far a cosine that was computed in reduced precision can be from the true one.

Let x be an exemplar's vector and q a query, as float32 holds them, and x', q' the same after
rounding to the precision of the scan (bf16: 8 significant bits, so |x − x'| ≤ 2⁻⁸|x|; fp16: 2⁻¹¹,
and an absolute part where it underflows; fp32: x' = x). Write e for the norms of the rounding
errors and n for the norms of the vectors. Then

    |x·q − x'·q'| = |(x − x')·q + x'·(q − q')| ≤ e_x n_q + (n_x + e_x) e_q        (Cauchy–Schwarz).

The scan computes x'·q' with products that are exact in fp32 (8 + 8 ≤ 24 bits, 11 + 11 ≤ 24) or
rounded once, and fp32 sums in an order that is its own. For any order

    |fl(x'·q') − x'·q'| ≤ γ |x'|·|q'| ≤ γ (n_x + e_x)(n_q + e_q),    γ = D u / (1 − D u),  u = 2⁻²⁴

(Higham, Accuracy and Stability of Numerical Algorithms, 3.1 and 4.2). A matrix unit may truncate
where fp32 would round, and align the terms of a block before it adds them: that at most doubles u
and adds a few terms a block (Fasi, Higham, Mikaitis, Pranesh, Numerical behavior of NVIDIA tensor
cores, 2021). γ is taken four times as large, with eight terms more. Products below the smallest
normal number may be flushed to zero, D·2⁻¹²⁶ in all: `_UNDERFLOW` is far more.

So fl(x'·q') ≥ x·q − ε with ε = e_x n_q + (n_x + e_x) e_q + 4γ(n_x + e_x)(n_q + e_q). The norms are
measured, not assumed: e_x of a real vector is about 0.4 of its bound, which halves what has to be
scored again.

The result may be rounded once more, to bf16. Rounding, to nearest or toward zero, is monotone, so
fl(x'·q') ≥ t implies round(fl(x'·q')) ≥ ⌊t⌋, the largest number of that precision not above t.
Hence a scan that keeps what reaches ⌊floor − ε⌋ keeps every pair whose true cosine reaches the
floor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

_MEASURED = 1 + 1e-3
"""A norm computed in fp32 is off by D·2⁻²⁵ of itself at most: less than this for D < 16,000."""
_UNDERFLOW = 1e-12


class Norms(NamedTuple):
    """Upper bounds over some vectors: of their norms, and of their rounding errors' norms."""

    vector: float = 0.0
    error: float = 0.0

    def either(self, other: Norms) -> Norms:
        """Bounds that hold for both."""
        return Norms(max(self.vector, other.vector), max(self.error, other.error))


def measure(exact: torch.Tensor, reduced: torch.Tensor) -> Norms:
    """The bounds for `[N, D] float32` vectors and what they were rounded to."""
    if not exact.numel():
        return Norms()
    # The difference is exact: a number and what it was rounded to are within a factor of two
    # (Sterbenz), or the latter is zero.
    error = torch.linalg.vector_norm(exact - reduced.to(torch.float32), dim=1).max()
    vector = torch.linalg.vector_norm(exact, dim=1).max()
    return Norms(float(vector) * _MEASURED, float(error) * _MEASURED + _UNDERFLOW)


def slack(dimension: int, vectors: Norms, queries: Norms) -> float:
    """ε of the module's text: how far below its floor a scanned score may be."""
    rounded = (vectors.vector + vectors.error, queries.vector + queries.error)
    conversion = vectors.error * queries.vector + rounded[0] * queries.error
    gamma = 4 * (dimension + 8) * 2.0**-24
    return conversion + gamma * rounded[0] * rounded[1] + _UNDERFLOW


def rounded_down(values: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    """Of each float64 the largest number of `precision` that is not above it."""
    near = values.to(precision)
    below = torch.nextafter(near, torch.tensor(-torch.inf, dtype=precision))
    return torch.where(near.to(torch.float64) > values, below, near)
