"""What people's answers say of all decisions, weighed by what each stands for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from adjudicate.documents import Learning
from executors.ledger.learning.answers import Answer, Answers, Audited
from executors.ledger.learning.estimates import agreements, fill, reject_precision, screen_miss
from executors.shared.quality.intervals import clopper_pearson

HOUR = "2026-03-01T12"


def answer(**fields: Any) -> Answer:
    said = {"outcome": "escalate", "rule": "A", "decided_rule": "A", "audit": False}
    more = {"verdict": "", "ruling": "reject", "appealed": False, "hour": ""}
    return Answer(**{**said, **more, **fields})


def answers(settled: dict[Answer, int] | None = None, **fields: Any) -> Answers:
    nothing: dict[Any, int] = {}
    names = ("rejected", "appealed", "audit_rejected", "passed", "audited", "appeals", "second")
    said = {**dict.fromkeys(names, nothing), **fields}
    return Answers(settled=Counter(settled or {}), **said)


def rejected(ruling: str, **fields: Any) -> Answer:
    return answer(outcome="reject", ruling=ruling, **fields)


def test_the_precision_of_rejections_is_that_of_the_random_sample() -> None:
    given = answers({rejected("reject"): 18, rejected("approve"): 2}, rejected={"A": 2_000})
    (all_of_them, of_rule) = reject_precision(given, 0.95)
    assert (all_of_them.count, all_of_them.total) == (18, 20)
    assert all_of_them.share == pytest.approx(0.9)
    exact = clopper_pearson(18, 20, 0.95)
    assert (all_of_them.low, all_of_them.high) == pytest.approx((exact.low, exact.high))
    assert (of_rule.name, of_rule.share) == ("A", pytest.approx(0.9))


def test_appealed_rejections_weigh_as_many_as_they_are() -> None:
    given = answers(
        {
            rejected("approve", appealed=True): 10,
            rejected("reject"): 20,
        },
        rejected={"A": 1_000},
        appealed={"A": 10},
    )
    found = reject_precision(given, 0.95)[0]
    assert found.share == pytest.approx(0.99), "not 20 of 30"
    assert (found.count, found.total) == (20, 30)


def test_the_audit_samples_rejections_are_all_looked_at_and_weigh_no_more() -> None:
    given = answers(
        {rejected("approve", audit=True, hour=HOUR): 50, rejected("reject"): 10},
        rejected={"A": 1_000},
        audit_rejected={"A": 50},
    )
    assert reject_precision(given, 0.95)[0].share == pytest.approx(0.95)


def test_appeals_alone_say_nothing_of_the_others() -> None:
    given = answers(
        {rejected("approve", appealed=True): 10}, rejected={"A": 1_000}, appealed={"A": 10}
    )
    found = reject_precision(given, 0.95)[0]
    assert (found.share, found.low, found.high) == (None, 0.0, 1.0)
    learning = Learning()
    fill(learning, given, 0.95)
    assert "rejections_unanswered" in [note.code for note in learning.notes]


def test_precision_is_said_by_the_rule_of_the_decision() -> None:
    given = answers(
        {
            rejected("reject", rule="B", decided_rule="A"): 4,
            rejected("approve", rule="B", decided_rule="B"): 4,
        },
        rejected={"A": 40, "B": 400},
    )
    found = reject_precision(given, 0.95)
    assert [(one.name, one.share) for one in found[1:]] == [("B", 0.0), ("A", 1.0)]
    assert reject_precision(answers(), 0.95) == []


def audited(ruling: str, outcome: str = "approve", hour: str = HOUR) -> Answer:
    return answer(outcome=outcome, audit=True, ruling=ruling, hour=hour)


def test_the_screens_misses_are_those_that_people_find_in_the_audit_sample() -> None:
    given = answers(
        {audited("approve"): 97, audited("reject"): 3},
        passed={(HOUR, "0.01"): 10_000},
        audited={Audited(HOUR, "approve"): 100},
    )
    found = screen_miss(given, 0.95)
    assert (found.count, found.total, found.share) == (3, 100, pytest.approx(0.03))
    exact = clopper_pearson(3, 100, 0.95)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_a_part_of_the_sample_that_is_answered_more_often_weighs_no_more() -> None:
    given = answers(
        {audited("approve"): 10, audited("reject", "escalate"): 20},
        passed={(HOUR, "0.1"): 1_000},
        audited={Audited(HOUR, "approve"): 80, Audited(HOUR, "escalate"): 20},
    )
    assert screen_miss(given, 0.95).share == pytest.approx(0.2), "not 20 of 30"


def test_a_share_that_was_changed_is_weighed() -> None:
    later = "2026-03-01T13"
    given = answers(
        {
            audited("reject"): 10,
            audited("approve"): 90,
            audited("approve", hour=later): 90,
        },
        passed={(HOUR, "0.1"): 1_000, (later, "0.01"): 9_000},
        audited={Audited(HOUR, "approve"): 100, Audited(later, "approve"): 90},
    )
    found = screen_miss(given, 0.95)
    assert found.share == pytest.approx(0.01), "not 10 of 190"


def test_a_part_of_the_sample_that_nobody_answered_leaves_it_open() -> None:
    given = answers(
        {audited("approve"): 100},
        passed={(HOUR, "0.01"): 10_000},
        audited={Audited(HOUR, "approve"): 100, Audited(HOUR, "reject"): 5},
    )
    assert screen_miss(given, 0.95).share is None
    assert screen_miss(answers(), 0.95).share is None


def test_agreement_says_who_said_what_and_how_much_is_beyond_chance() -> None:
    settled = Counter(
        {
            answer(verdict="violation", ruling="reject"): 20,
            answer(verdict="violation", ruling="approve"): 5,
            answer(verdict="compliant", ruling="reject"): 10,
            answer(verdict="compliant", ruling="approve", rule="B"): 15,
            answer(verdict="timeout", ruling="reject"): 99,
        }
    )
    found = agreements(settled, 0.95)
    whole = found[0]
    assert (whole.both, whole.judge_only, whole.person_only, whole.neither) == (20, 5, 10, 15)
    assert whole.share == pytest.approx(0.7)
    assert whole.kappa == pytest.approx(0.4), "the textbook's example of Cohen's kappa"
    assert [(one.name, one.share) for one in found[1:]] == [
        ("A", pytest.approx(20 / 35)),
        ("B", 1.0),
    ]
    assert found[2].kappa is None, "where all is one answer, chance alone would agree"
    assert agreements(Counter(), 0.95) == []


def test_the_document_has_all_of_it() -> None:
    learning = Learning()
    given = answers(
        {answer(ruling="reject"): 3, answer(ruling="approve"): 1},
        appeals={"upheld": 6, "overturned": 2},
        second={True: 9, False: 1},
        taught={"violation": 4},
        propagated=7,
    )
    fill(learning, given, 0.9)
    assert (learning.answered, learning.confidence, learning.propagated) == (4, 0.9, 7)
    assert learning.escalations is not None
    assert (learning.escalations.count, learning.escalations.total) == (3, 4)
    assert learning.appeals is not None
    assert learning.appeals.share == pytest.approx(0.25)
    assert learning.reviewers is not None
    assert learning.reviewers.share == pytest.approx(0.9)
    assert learning.taught == {"violation": 4}
    empty = Learning()
    fill(empty, answers(), 0.9)
    assert [note.code for note in empty.notes] == ["none_settled"]
