"""Many values in seven numbers, and in a row of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

Series = list[float | None]
"""One value for each part of a window; None where nothing was measured."""


class Statistics(BaseModel):
    """Of all values of a measure; in its unit."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    count: int
    mean: float
    min: float
    max: float
    std: float
    """Of these values themselves, divided by their count and not by one less."""
    p50: float
    p95: float
    p99: float


def statistics_of(values: ArrayLike) -> Statistics | None:
    """The statistics of what is a number among the values; None where nothing is.

    Percentiles are interpolated linearly between the two nearest values, as numpy does by default.
    """
    found = np.asarray(values, dtype=np.float64)
    found = found[np.isfinite(found)]
    if not len(found):
        return None
    p50, p95, p99 = np.percentile(found, (50, 95, 99))
    return Statistics(
        count=len(found),
        mean=float(found.mean()),
        min=float(found.min()),
        max=float(found.max()),
        std=float(found.std()),
        p50=float(p50),
        p95=float(p95),
        p99=float(p99),
    )


def statistics_by_name(columns: Mapping[str, ArrayLike]) -> dict[str, Statistics]:
    """The statistics of each column; a column without a number is left out."""
    found = {name: statistics_of(values) for name, values in columns.items()}
    return {name: one for name, one in found.items() if one is not None}


def binned(at: NDArray[Any], values: NDArray[Any], edges: Sequence[float], how: str) -> Series:
    """The `mean`, `p50` or `p95` of the values between each two edges; `at`, ascending, says when
    each of them was measured."""
    places = np.searchsorted(at, np.asarray(edges))
    series: Series = []
    for first, last in pairwise(places):
        part = values[first:last]
        part = part[np.isfinite(part)]
        if not len(part):
            series.append(None)
        elif how == "mean":
            series.append(float(part.mean()))
        else:
            series.append(float(np.percentile(part, int(how[1:]))))
    return series
