"""What the counts mean."""

import pytest

from executors.ledger.quality.figures import agreement, positive_rates, screen_miss
from executors.shared.quality.intervals import clopper_pearson


def test_the_positive_rate_is_of_all_judged_for_every_rule() -> None:
    counts = {
        ("judged", ""): 200,
        ("positive", ""): 50,
        ("positive", "US-FDA"): 10,
        ("positive", "US-FTC"): 45,
    }
    found = positive_rates(counts, 0.95)
    assert [(rate.name, rate.count, rate.share) for rate in found] == [
        ("", 50, 0.25),
        ("US-FTC", 45, 0.225),
        ("US-FDA", 10, 0.05),
    ]
    assert {rate.total for rate in found} == {200}
    assert found[0].low < 0.25 < found[0].high
    assert positive_rates({}, 0.95) == []
    assert positive_rates({("judged", ""): 5}, 0.95)[0].share == 0.0


def test_the_screens_misses_are_estimated_from_the_audit_sample() -> None:
    counts = {("passed", "0.01"): 30_000, ("audited", "0.01"): 300, ("missed", "0.01"): 3}
    found = screen_miss(counts, 0.95)
    assert (found.count, found.total, found.share) == (3, 300, pytest.approx(0.01))
    exact = clopper_pearson(3, 300, 0.95)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_a_share_that_was_changed_is_weighed() -> None:
    counts = {
        ("passed", "0.1"): 1_000,
        ("audited", "0.1"): 100,
        ("missed", "0.1"): 10,
        ("passed", "0.01"): 9_000,
        ("audited", "0.01"): 90,
    }
    found = screen_miss(counts, 0.95)
    assert found.share == pytest.approx(0.01)
    assert found.count / found.total == pytest.approx(10 / 190), "what not weighing would say"
    assert found.low < 0.01 < found.high


def test_no_miss_among_few_is_no_proof() -> None:
    found = screen_miss({("passed", "0.01"): 1_000, ("audited", "0.01"): 10}, 0.95)
    assert (found.share, found.low) == (0.0, 0.0)
    assert found.high > 0.3
    nothing = screen_miss({("passed", "0"): 1_000}, 0.95)
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)


def test_agreement_is_said_of_all_and_by_outcome() -> None:
    said = {("reject", "upheld"): 8, ("reject", "overturned"): 2, ("approve", "upheld"): 10}
    found = agreement(said, 0.95)
    assert [(one.name, one.count, one.total) for one in found] == [
        ("", 18, 20),
        ("approve", 10, 10),
        ("reject", 8, 10),
    ]
    assert agreement({}, 0.95) == []
