"""Appeals: opened against what counts, decided by another person."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from adjudicate.documents import AppealAsk, Case, Problem
from adjudicate.errors import AdError, Code
from executors.ledger.appeals.reading import appeals_of, page
from tests.ledger.queue.conftest import MakeDesk
from tests.ledger.queue.desk import Desk, match

PEOPLE = 5


def code(error: pytest.ExceptionInfo[AdError]) -> Code:
    return error.value.code


def test_an_appeal_against_a_decision_makes_a_case_of_it(desk: Desk) -> None:
    rejected = desk.rejected(matches=match(), text="cures all", advertiser="Acme")
    appeal = desk.appeal(rejected, contact="legal@acme.example")
    assert (appeal.state, appeal.outcome, appeal.rule) == ("open", "reject", "CN-AL-16")
    assert (appeal.by, appeal.contact, appeal.reason) == (
        "key:shop",
        "legal@acme.example",
        "it cures nothing",
    )
    item = desk.item(rejected)
    assert (item.kind, item.stage, item.state) == ("appeal", "first", "open")
    assert (item.excerpt, item.advertiser, item.appeal_id) == ("cures all", "Acme", appeal.id)


def test_an_appeal_goes_before_escalations(desk: Desk) -> None:
    escalated, rejected = desk.escalated(matches=match()), desk.rejected(matches=match())
    desk.appeal(rejected)
    assert desk.ids() == [rejected, escalated]


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [("violation", "upheld", "reject"), ("compliant", "overturned", "approve")],
)
def test_an_answer_to_its_case_decides_an_appeal(
    desk: Desk, answer: str, state: str, outcome: str
) -> None:
    rejected = desk.rejected(matches=match())
    appeal = desk.appeal(rejected)
    review = desk.answer("ann", rejected, answer, note="looked again")
    assert (review.kind, review.outcome_after) == ("appeal", outcome)
    with desk.engine.connect() as connection:
        (held,) = appeals_of(connection, rejected)
    assert (held.id, held.state, held.decided_by, held.decided_name) == (
        appeal.id,
        state,
        "ann",
        "Ann",
    )
    assert (held.note, held.decided_at) == ("looked again", review.at)
    ruled = desk.store.get(rejected)
    assert ruled is not None
    assert ruled.ruling is not None
    assert (ruled.outcome, ruled.ruling.outcome, ruled.ruling.source) == (
        "reject",
        outcome,
        "appeal",
    )


@pytest.mark.parametrize(
    ("state", "outcome", "rule"), [("upheld", "reject", "CN-AL-16"), ("overturned", "approve", "")]
)
def test_an_appeal_is_decided_by_its_id(desk: Desk, state: str, outcome: str, rule: str) -> None:
    rejected = desk.rejected(matches=match())
    appeal = desk.appeal(rejected)
    decided = desk.decide_appeal("ann", appeal.id or "", state)
    assert decided.state == state
    held = desk.store.get(rejected)
    assert held is not None
    assert held.ruling is not None
    assert (held.ruling.outcome, held.ruling.rule) == (outcome, rule)
    assert desk.decide_appeal("ann", appeal.id or "", state) == decided
    with pytest.raises(AdError) as error:
        desk.decide_appeal("ben", appeal.id or "", state)
    assert code(error) == Code.CASE_SETTLED


def test_an_overturned_approval_is_a_violation_of_the_rule_that_is_named(desk: Desk) -> None:
    (approved,) = desk.decide(Case(content_hash="c"))
    appeal = desk.appeal(approved.id or "", reason="it is my picture")
    desk.decide_appeal("ann", appeal.id or "", "overturned", rule="CN-AL-9")
    held = desk.store.get(approved.id or "")
    assert held is not None
    assert held.ruling is not None
    assert (held.ruling.outcome, held.ruling.rule) == ("reject", "CN-AL-9")


def test_who_settled_the_case_does_not_decide_the_appeal(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    appeal = desk.appeal(case)
    for attempt in (
        lambda: desk.claim("ann", case),
        lambda: desk.answer("ann", case, "compliant"),
        lambda: desk.decide_appeal("ann", appeal.id or "", "upheld"),
    ):
        with pytest.raises(AdError) as error:
            attempt()
        assert code(error) == Code.OTHER_PERSON
    with pytest.raises(AdError) as error:
        desk.claim("ann")
    assert code(error) == Code.QUEUE_EMPTY
    assert desk.claim("ben") == case
    assert desk.answer("ben", case, "compliant").outcome_after == "approve"


def test_neither_of_two_who_agreed_decides_the_appeal(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    desk.answer("ann", case)
    desk.answer("ben", case)
    desk.appeal(case)
    for person in ("ann", "ben"):
        with pytest.raises(AdError) as error:
            desk.claim(person, case)
        assert code(error) == Code.OTHER_PERSON
    assert desk.answer("cid", case, "compliant").outcome_after == "approve"


def test_where_access_is_open_anybody_decides(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("open", case, role="admin")
    desk.appeal(case)
    assert desk.claim("open", role="admin") == case
    assert desk.answer("open", case, "compliant", role="admin").outcome_after == "approve"


def test_a_decision_has_one_open_appeal_at_a_time(desk: Desk) -> None:
    rejected = desk.rejected()
    first = desk.appeal(rejected)
    with pytest.raises(AdError, match=str(first.id)) as error:
        desk.appeal(rejected)
    assert code(error) == Code.APPEAL_OPEN
    desk.answer("ann", rejected)
    second = desk.appeal(rejected, reason="still")
    assert second.outcome == "reject"
    assert desk.answer("ben", rejected, "compliant").outcome_after == "approve"


def test_of_many_who_appeal_at_once_one_is_heard(desk: Desk) -> None:
    rejected = desk.rejected()
    together = threading.Barrier(PEOPLE)

    def appeal(_: int) -> str:
        together.wait()
        try:
            return desk.appeal(rejected).state
        except AdError as error:
            return error.code

    with ThreadPoolExecutor(PEOPLE) as pool:
        assert Counter(pool.map(appeal, range(PEOPLE))) == {
            "open": 1,
            Code.APPEAL_OPEN: PEOPLE - 1,
        }


def test_what_nobody_has_settled_is_not_appealed_against(desk: Desk) -> None:
    with pytest.raises(AdError, match="nobody has settled it yet") as error:
        desk.appeal(desk.escalated())
    assert code(error) == Code.NOT_REVIEWABLE
    (broken,) = desk.decide(Case(problem=Problem(code="image_empty")))
    with pytest.raises(AdError) as error:
        desk.appeal(broken.id or "")
    assert code(error) == Code.NOT_REVIEWABLE


@pytest.mark.parametrize(
    ("fields", "code_"),
    [
        ({"reason": " "}, Code.INVALID_FIELD),
        ({"reason": "x" * 10_001}, Code.INVALID_FIELD),
        ({"contact": "x" * 501}, Code.INVALID_FIELD),
    ],
)
def test_an_appeal_says_why(desk: Desk, fields: dict[str, str], code_: Code) -> None:
    with pytest.raises(AdError) as error:
        desk.appeal(desk.rejected(), **fields)
    assert code(error) == code_


@pytest.mark.parametrize("decision_id", ["none", "", "\0"])
def test_there_is_no_such_decision(desk: Desk, decision_id: str) -> None:
    with pytest.raises(AdError) as error:
        desk.appeal(decision_id)
    assert code(error) == Code.NOT_FOUND


def test_who_must_know_is_told(desk: Desk) -> None:
    rejected = desk.rejected(ad_id="ad")
    appeal = desk.appeal(rejected, contact="legal@acme.example")
    desk.answer("ann", rejected, "compliant")
    told = {message["type"]: message["data"] for message in desk.told()}
    assert set(told) == {"decision.settled", "appeal.decided"}
    decided = told["appeal.decided"]
    assert (decided["appeal_id"], decided["state"], decided["outcome"]) == (
        appeal.id,
        "overturned",
        "approve",
    )
    assert told["decision.settled"]["changed"] is True
    assert "acme" not in str(told)


def test_taking_the_answer_back_opens_the_appeal_again(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case, "violation", note="first word")
    appeal = desk.appeal(case)
    desk.answer("ben", case, "compliant")
    desk.undo("ben", case)
    held = desk.store.get(case)
    assert held is not None
    assert held.ruling is not None
    assert (held.ruling.outcome, held.ruling.by, held.ruling.note, held.ruling.source) == (
        "reject",
        "ann",
        "first word",
        "review",
    )
    with desk.engine.connect() as connection:
        (open_,) = appeals_of(connection, case)
    assert open_ == appeal
    assert desk.item(case).kind == "appeal"


def test_appeals_are_listed(desk: Desk) -> None:
    first, second = desk.rejected(), desk.rejected()
    old, new = desk.appeal(first), desk.appeal(second)
    desk.answer("ann", first)

    def ids(**asked: str) -> set[str | None]:
        with desk.engine.connect() as connection:
            return {one.id for one in page(connection, AppealAsk(**{"id": "", **asked}))}

    assert ids() == {old.id, new.id}
    assert ids(state="open") == {new.id}
    assert ids(state="upheld") == {old.id}
    assert ids(decision_id=first) == {old.id}
    assert ids(id=str(new.id)) == {new.id}
    for asked, expected in (({"state": "lost"}, Code.INVALID_FIELD), ({"id": "x"}, "not_found")):
        with pytest.raises(AdError) as error:
            ids(**asked)
        assert code(error) == expected
