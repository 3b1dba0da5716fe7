"""What is counted of each decision, and how long it took by the counts."""

import numpy as np
import pytest

from adjudicate.documents import Case, Decision, Problem
from executors.ledger.learning.activity import activity, bucket_of, quantile
from executors.ledger.quality.tally import Tally


def test_a_decision_counts_by_outcome_and_by_the_time_in_the_rooms() -> None:
    timings = {"encoder": 40.0, "encoder.model": 30.0, "library": 10.0, "gateway": 500.0}
    decision = Decision(outcome="reject", rule="R", judged=True, timings=timings)
    bucket = str(bucket_of(50.0))
    assert list(activity(Case(), decision)) == [
        ("outcome", "reject"),
        ("rejected", "R"),
        ("took", bucket),
        ("took_judged", bucket),
    ]


def test_an_error_is_counted_too_and_an_approval_has_no_rule() -> None:
    tally = Tally(0.01, activity)
    problem = Problem(code="image_empty")
    tally.count(Case(), Decision(outcome="error", problem=problem, decided_at="2026-03-01T12:00"))
    assert {(key.counted, key.of) for key in tally.take()} == {
        ("outcome", "error"),
        ("took", str(bucket_of(0))),
    }
    assert [kind for kind, _ in activity(Case(), Decision(outcome="approve"))] == [
        "outcome",
        "took",
    ]


def test_quantiles_of_the_buckets_are_within_five_percent() -> None:
    times = np.random.default_rng(1).lognormal(4, 1, 5_000)
    buckets: dict[int, int] = {}
    for one in times:
        buckets[bucket_of(one)] = buckets.get(bucket_of(one), 0) + 1
    for share in (0.5, 0.95, 0.99):
        exact = np.quantile(times, share, method="inverted_cdf")
        assert quantile(buckets, share) == pytest.approx(exact, rel=0.05)
    assert quantile({}, 0.5) is None
    assert quantile({bucket_of(7): 1}, 0.01) == pytest.approx(7, rel=0.05)
