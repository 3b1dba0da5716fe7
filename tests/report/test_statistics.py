"""Seven numbers of many."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from adjudicate.report.statistics import binned, statistics_of


def test_the_numbers_are_those_of_the_standard_library() -> None:
    values = np.random.default_rng(0).gamma(2.0, 30.0, 1_001).tolist()
    found = statistics_of(values)
    assert found is not None
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    assert found.model_dump() == pytest.approx(
        {
            "count": 1_001,
            "mean": statistics.fmean(values),
            "min": min(values),
            "max": max(values),
            "std": statistics.pstdev(values),
            "p50": statistics.median(values),
            "p95": hundredths[94],
            "p99": hundredths[98],
        }
    )


def test_what_was_not_measured_is_not_counted() -> None:
    found = statistics_of([1.0, float("nan"), 3.0])
    assert found is not None
    assert (found.count, found.mean) == (2, 2.0)
    assert statistics_of([float("nan")]) is None
    assert statistics_of([]) is None


def test_a_part_without_values_is_a_gap_and_edges_belong_to_the_part_after_them() -> None:
    at = np.array([0.0, 1.0, 10.0, 25.0])
    values = np.array([1.0, 3.0, 5.0, np.nan])
    edges = [0.0, 10.0, 20.0, 30.0]
    assert binned(at, values, edges, "mean") == [2.0, 5.0, None]
    assert binned(at, values, edges, "p95") == [pytest.approx(2.9), 5.0, None]
