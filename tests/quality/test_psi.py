"""The index against its formula, and against what chance alone gives."""

import numpy as np
import pytest

from executors.shared.quality.psi import (
    BINS,
    FALSE_ALARM,
    counts_in,
    critical,
    edges_of,
    psi,
    state_of,
)


def test_it_is_the_formula() -> None:
    # (0.9 − 0.5)·ln(0.9 / 0.5) + (0.1 − 0.5)·ln(0.1 / 0.5)
    assert psi([50_000, 50_000], np.array([90_000, 10_000])) == pytest.approx(0.8789, abs=1e-3)
    assert psi([7, 7, 7], np.array([7, 7, 7])) == 0.0


def test_a_bin_that_nothing_falls_into_is_far_and_not_infinite() -> None:
    found = psi([100, 100], np.array([200, 0]))
    assert np.isfinite(found)
    assert found > 1


def test_the_bins_part_the_reference_evenly() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    counts = counts_in(values, edges_of(values))
    assert len(counts) == BINS
    assert counts.min() >= 999
    assert counts.max() <= 1_001


def test_equal_values_are_not_parted_and_still_show_a_move() -> None:
    same = np.full(500, 0.3)
    edges = edges_of(same)
    assert edges.tolist() == pytest.approx([0.3, 0.300001])
    reference = counts_in(same, edges)
    assert psi(reference, counts_in(same, edges)) == 0.0
    for moved in (0.29, 0.31):
        assert psi(reference, counts_in(np.full(500, moved), edges)) > 1


def test_without_values_there_are_no_bins() -> None:
    with pytest.raises(ValueError, match="no values"):
        edges_of(np.zeros(0))


def test_chance_alone_seldom_reaches_the_critical_value() -> None:
    rng = np.random.default_rng(2)
    limit = critical(BINS, 500, 200)
    found = []
    for _ in range(1_000):
        reference, now = rng.normal(size=500), rng.normal(size=200)
        edges = edges_of(reference)
        found.append(psi(counts_in(reference, edges), counts_in(now, edges)))
    expected = (BINS - 1) * (1 / 500 + 1 / 200)
    assert np.mean(found) == pytest.approx(expected, rel=0.15)
    assert 0.0 < np.mean(np.array(found) >= limit) <= 3 * FALSE_ALARM


def test_the_critical_value_falls_with_the_samples_and_grows_with_the_looks() -> None:
    assert critical(BINS, 5_000, 5_000) < critical(BINS, 200, 200)
    assert critical(BINS, 500, 500, looks=9) > critical(BINS, 500, 500)
    assert critical(1, 500, 500) == critical(BINS, 0, 500) == 0.0


@pytest.mark.parametrize(
    ("value", "least", "state"),
    [
        (0.05, 0.01, "stable"),
        (0.15, 0.01, "moderate"),
        (0.15, 0.20, "stable"),
        (0.30, 0.20, "major"),
        (0.30, 0.40, "stable"),
    ],
)
def test_a_state_is_beyond_the_rule_of_thumb_and_beyond_chance(
    value: float, least: float, state: str
) -> None:
    assert state_of(value, least) == state
