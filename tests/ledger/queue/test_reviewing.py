"""A person's answer, and what follows from it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from adjudicate.documents import AuditAsk
from adjudicate.errors import AdError, Code
from executors.ledger.audit.reading import page as audit_page
from executors.ledger.queue.reading import reviews_of
from executors.ledger.store import VERDICTS
from tests.ledger.queue.conftest import MakeDesk
from tests.ledger.queue.desk import Desk, match

PEOPLE = 6


def code(error: pytest.ExceptionInfo[AdError]) -> Code:
    return error.value.code


@pytest.mark.parametrize(
    ("answer", "outcome", "rule"),
    [("violation", "reject", "CN-AL-16"), ("compliant", "approve", "")],
)
def test_one_persons_answer_settles_a_case(
    desk: Desk, answer: str, outcome: str, rule: str
) -> None:
    case = desk.escalated(matches=match())
    review = desk.answer("ann", case, answer, note="seen")
    assert (review.state_after, review.outcome_after, review.rule) == ("settled", outcome, rule)
    held = desk.store.get(case)
    assert held is not None
    assert held.outcome == "escalate"
    ruling = held.ruling
    assert ruling is not None
    assert (ruling.outcome, ruling.rule, ruling.source) == (outcome, rule, "review")
    assert (ruling.by, ruling.by_name, ruling.note) == ("ann", "Ann", "seen")
    item = desk.item(case)
    assert (item.state, item.settled_at, item.lease_by) == ("settled", ruling.at, "")
    assert desk.ids() == []


def test_a_violation_is_of_the_rule_that_the_person_names(desk: Desk) -> None:
    case = desk.escalated(matches=match())
    assert desk.answer("ann", case, rule="CN-AL-18").rule == "CN-AL-18"
    held = desk.store.get(case)
    assert held is not None
    assert held.ruling is not None
    assert held.ruling.rule == "CN-AL-18"


def test_the_same_answer_again_changes_nothing(desk: Desk) -> None:
    case = desk.escalated()
    first, again = desk.answer("ann", case), desk.answer("ann", case)
    assert again == first
    with desk.engine.connect() as connection:
        assert len(reviews_of(connection, case)) == 1
    assert [message["type"] for message in desk.told()] == ["decision.settled"]


def test_another_answer_has_to_take_the_first_back(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    with pytest.raises(AdError, match="you answered violation") as error:
        desk.answer("ann", case, "compliant")
    assert code(error) == Code.CASE_SETTLED
    with pytest.raises(AdError, match="is settled") as error:
        desk.answer("ben", case)
    assert code(error) == Code.CASE_SETTLED
    assert desk.counted(case) == "reject"


def test_nobody_answers_what_another_works_on(desk: Desk) -> None:
    case = desk.escalated()
    desk.claim("ann")
    with pytest.raises(AdError) as error:
        desk.answer("ben", case)
    assert code(error) == Code.CLAIMED_ELSEWHERE
    desk.end_lease(case)
    assert desk.answer("ben", case).state_after == "settled"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"answer": "maybe"}, "answer must be one of"),
        ({"answer": "skip", "note": " "}, "a skip needs a reason"),
        ({"answer": "violation", "note": "n" * 10_001}, "note is too long"),
        ({"answer": "violation", "rule": "r\0"}, "rule is too long, or has a NUL"),
    ],
)
def test_an_answer_that_is_none_is_refused(desk: Desk, fields: dict[str, str], said: str) -> None:
    case = desk.escalated()
    with pytest.raises(AdError, match=said) as error:
        desk.answer("ann", case, **fields)
    assert code(error) == Code.INVALID_FIELD
    assert desk.ids() == [case]


def test_a_skipped_case_goes_back_but_not_to_the_same_person(desk: Desk) -> None:
    case = desk.escalated()
    desk.claim("ann")
    review = desk.answer("ann", case, "skip", note="cannot read Chinese")
    assert (review.state_after, review.outcome_after) == ("first", "escalate")
    with pytest.raises(AdError) as error:
        desk.claim("ann")
    assert code(error) == Code.QUEUE_EMPTY
    assert desk.claim("ben") == case


def test_what_enough_people_skip_is_a_leads(make_desk: MakeDesk) -> None:
    desk = make_desk(skips_to_lead=2)
    case = desk.escalated()
    assert desk.answer("ann", case, "skip").state_after == "first"
    assert desk.answer("ann", case, "skip").state_after == "first"
    assert desk.answer("ben", case, "skip").state_after == "lead"
    with pytest.raises(AdError) as error:
        desk.answer("cid", case)
    assert code(error) == Code.FORBIDDEN
    assert desk.answer("lea", case, role="lead").state_after == "settled"
    held = desk.store.get(case)
    assert held is not None
    assert held.ruling is not None
    assert held.ruling.source == "lead"


@pytest.mark.parametrize("patterns", [("CN-AL-16",), ("CN-AL-*",), ("US-*", "*")])
def test_a_rule_may_take_two_people_who_agree(
    make_desk: MakeDesk, patterns: tuple[str, ...]
) -> None:
    desk = make_desk(second_review=patterns)
    case = desk.escalated(matches=match())
    first = desk.answer("ann", case)
    assert (first.state_after, first.outcome_after) == ("second", "escalate")
    assert desk.told() == []
    with pytest.raises(AdError) as error:
        desk.claim("ann", case)
    assert code(error) == Code.OTHER_PERSON
    assert desk.answer("ann", case).number == first.number
    assert desk.claim("ben") == case
    second = desk.answer("ben", case)
    assert (second.stage, second.state_after, second.outcome_after) == (
        "second",
        "settled",
        "reject",
    )


def test_a_rule_that_takes_one_person_is_settled_by_one(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("US-*",))
    assert desk.answer("ann", desk.escalated(matches=match())).state_after == "settled"
    named = desk.escalated(matches=match())
    assert desk.answer("ann", named, rule="US-FTC-5").state_after == "second"


def test_two_who_disagree_leave_it_to_a_lead(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    desk.answer("ann", case, "violation")
    assert desk.answer("ben", case, "compliant").state_after == "lead"
    assert desk.counted(case) == "escalate"
    with pytest.raises(AdError) as error:
        desk.answer("lea", case, role="reviewer")
    assert code(error) == Code.FORBIDDEN
    last = desk.answer("lea", case, "compliant", role="lead")
    assert (last.stage, last.state_after, last.outcome_after) == ("lead", "settled", "approve")


def test_a_lead_who_was_one_of_the_two_leaves_it_to_another(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    desk.answer("lea", case, "violation", role="lead")
    desk.answer("ben", case, "compliant")
    with pytest.raises(AdError) as error:
        desk.claim("lea", case, role="lead")
    assert code(error) == Code.OTHER_PERSON
    assert desk.claim("max", role="admin") == case


def test_where_access_is_open_nobody_is_another_person(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    assert desk.answer("open", case, role="admin").state_after == "settled"


@pytest.mark.parametrize(
    ("answer", "verdict"), [("violation", "overturned"), ("compliant", "upheld")]
)
def test_what_people_say_of_the_audit_sample_counts_for_the_quality_of_decisions(
    desk: Desk, answer: str, verdict: str
) -> None:
    case = desk.sampled()
    desk.answer("ann", case, answer)
    with desk.engine.connect() as connection:
        rows = connection.execute(select(VERDICTS)).all()
    assert [(row.decision_id, row.outcome, row.verdict, row.by) for row in rows] == [
        (case, "approve", verdict, "ann")
    ]


def test_an_escalation_has_nothing_to_uphold(desk: Desk) -> None:
    desk.answer("ann", desk.escalated())
    with desk.engine.connect() as connection:
        assert connection.execute(select(VERDICTS)).all() == []


def test_who_must_know_is_told_of_what_was_settled(desk: Desk) -> None:
    case = desk.sampled(ad_id="ad", text="secret copy", advertiser="Acme")
    desk.answer("ann", case, "violation", rule="CN-AL-16", note="quotes secret copy")
    (message,) = desk.told()
    data = message["data"]
    assert message["type"] == "decision.settled"
    assert data.pop("at") <= message["timestamp"]
    assert data == {
        "decision_id": case,
        "ad_id": "ad",
        "outcome": "reject",
        "rule": "CN-AL-16",
        "source": "review",
        "changed": True,
    }


def test_it_is_said_when_nothing_has_changed(desk: Desk) -> None:
    desk.answer("ann", desk.sampled(), "compliant")
    assert [message["data"]["changed"] for message in desk.told()] == [False]


def test_the_audit_trail_has_the_answer_and_the_ruling_and_nothing_of_the_ad(desk: Desk) -> None:
    case = desk.escalated(text="secret copy", advertiser="Acme", matches=match())
    desk.answer("key:ann", case, note="quotes secret copy")
    entries = audit_page(desk.engine, AuditAsk(subject=case, oldest=True))
    assert [(entry.what, entry.by) for entry in entries][1:] == [
        ("reviewed", "key:ann"),
        ("ruled", "key:ann"),
    ]
    assert "secret" not in str([entry.facts for entry in entries])
    assert '"answer":"violation"' in entries[1].facts.replace(" ", "")


def test_of_many_who_answer_at_once_one_is_taken(desk: Desk) -> None:
    case = desk.escalated()
    together = threading.Barrier(PEOPLE)

    def say(person: int) -> str:
        together.wait()
        try:
            return desk.answer(f"key:{person}", case).state_after
        except AdError as error:
            return error.code

    with ThreadPoolExecutor(PEOPLE) as pool:
        said = sorted(pool.map(say, range(PEOPLE)))
    assert said == sorted(["settled", *[Code.CASE_SETTLED] * (PEOPLE - 1)])
    assert len(desk.told()) == 1
