"""An answer is taken back: the case is as it was, as long as nobody has built on the answer."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from adjudicate.documents import AuditAsk
from adjudicate.errors import AdError, Code
from executors.ledger.audit.reading import page as audit_page
from executors.ledger.queue.reading import reviews_of
from executors.ledger.store import VERDICTS
from tests.ledger.queue.conftest import MakeDesk
from tests.ledger.queue.desk import Desk, match


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # on the other database too: tests/ledger/appeals


def test_what_was_settled_is_open_again_and_theirs(desk: Desk) -> None:
    case = desk.escalated(matches=match())
    number = desk.answer("ann", case).number
    undone = desk.undo("ann", case)
    assert (undone.number, undone.state_after, undone.outcome_after) == (
        number,
        "first",
        "escalate",
    )
    assert undone.undone_at
    assert undone.undone_by == "ann"
    item = desk.item(case)
    assert (item.state, item.settled_at, item.lease_by) == ("open", "", "ann")
    assert desk.counted(case) == "escalate"
    assert desk.answer("ann", case, "compliant").outcome_after == "approve"


def test_without_an_id_it_is_the_last_answer(desk: Desk) -> None:
    first, second = desk.escalated(), desk.escalated()
    desk.answer("ann", first)
    desk.answer("ann", second)
    desk.answer("ben", desk.escalated())
    assert desk.undo("ann").id == second


def test_taking_back_twice_takes_back_one(desk: Desk) -> None:
    first, second = desk.escalated(), desk.escalated()
    desk.answer("ann", first)
    desk.answer("ann", second)
    once, twice = desk.undo("ann"), desk.undo("ann")
    assert (twice.id, twice.undone_at) == (second, once.undone_at)
    assert desk.counted(first) == "reject"


def test_the_word_on_the_decision_goes_with_it(desk: Desk) -> None:
    case = desk.sampled()
    desk.answer("ann", case, "violation")
    desk.undo("ann", case)
    with desk.engine.connect() as connection:
        assert connection.execute(select(VERDICTS)).all() == []


def test_who_was_told_hears_of_it(desk: Desk) -> None:
    case = desk.escalated(ad_id="ad")
    desk.answer("ann", case)
    desk.undo("ann", case)
    settled, reopened = desk.told()
    assert (settled["type"], reopened["type"]) == ("decision.settled", "decision.reopened")
    said = {name: reopened["data"][name] for name in ("decision_id", "ad_id", "outcome")}
    assert said == {"decision_id": case, "ad_id": "ad", "outcome": "escalate"}


def test_nobody_is_told_when_nothing_was_settled(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case, "skip")
    desk.undo("ann", case)
    assert desk.told() == []
    assert desk.claim("ann") == case


def test_it_stays_in_the_history_and_in_the_trail(desk: Desk) -> None:
    case = desk.escalated()
    number = desk.answer("ann", case).number
    desk.undo("ann", case)
    with desk.engine.connect() as connection:
        (review,) = reviews_of(connection, case)
    assert (review.number, review.undone_by) == (number, "ann")
    entries = audit_page(desk.engine, AuditAsk(subject=case))
    assert [entry.what for entry in entries][:1] == ["review_undone"]


def test_after_some_minutes_it_takes_a_lead(desk: Desk) -> None:
    case = desk.escalated()
    desk.age_review(desk.answer("ann", case).number, 901)
    with pytest.raises(AdError, match="more than 15 minutes ago") as error:
        desk.undo("ann", case)
    assert error.value.code == Code.UNDO_REFUSED
    assert desk.undo("lea", number=1, role="lead").state_after == "first"
    assert desk.item(case).lease_by == "lea"


def test_anothers_answer_takes_a_lead(desk: Desk) -> None:
    case = desk.escalated()
    number = desk.answer("ann", case).number
    with pytest.raises(AdError) as error:
        desk.undo("ben", case, number=number)
    assert error.value.code == Code.FORBIDDEN
    with pytest.raises(AdError) as error:
        desk.undo("ben", case)
    assert error.value.code == Code.NOT_FOUND
    assert desk.undo("lea", case, number=number, role="lead").undone_by == "lea"


def test_a_first_answer_stands_once_there_is_a_second(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    desk.answer("ann", case)
    desk.answer("ben", case)
    with pytest.raises(AdError, match="answered or skipped since") as error:
        desk.undo("ann", case)
    assert error.value.code == Code.UNDO_REFUSED
    assert desk.undo("ben", case).state_after == "second"
    desk.release("ben")
    assert desk.undo("ann", case).state_after == "first"


def test_an_answer_stands_while_another_works_on_what_it_led_to(make_desk: MakeDesk) -> None:
    desk = make_desk(second_review=("*",))
    case = desk.escalated()
    desk.answer("ann", case)
    desk.claim("ben")
    with pytest.raises(AdError) as error:
        desk.undo("ann", case)
    assert error.value.code == Code.CLAIMED_ELSEWHERE


def test_an_answer_stands_that_was_carried_over_to_other_ads(make_desk: MakeDesk) -> None:
    built: set[str] = set()
    desk = make_desk(built_on=lambda connection, decision_id: decision_id in built)
    case = desk.escalated()
    desk.answer("ann", case)
    built.add(case)
    with pytest.raises(AdError, match="carried over") as error:
        desk.undo("ann", case)
    assert error.value.code == Code.UNDO_REFUSED
    built.clear()
    assert desk.undo("ann", case).state_after == "first"


def test_an_answer_stands_that_was_appealed_against(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    desk.appeal(case)
    with pytest.raises(AdError, match="an appeal was made since"):
        desk.undo("ann", case)


def test_a_skip_that_made_it_a_leads_is_taken_back(make_desk: MakeDesk) -> None:
    desk = make_desk(skips_to_lead=1)
    case = desk.escalated()
    desk.answer("ann", case, "skip")
    assert desk.undo("ann", case).state_after == "first"
    assert desk.answer("ann", case).state_after == "settled"


def test_what_was_erased_meanwhile_does_not_come_back(desk: Desk) -> None:
    case = desk.sampled(text="secret copy", advertiser="Acme")
    desk.answer("ann", case, note="quotes secret copy")
    appeal = desk.appeal(case)
    desk.decide_appeal("ben", appeal.id or "", "overturned")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reviews SET note = ''")
        connection.exec_driver_sql("UPDATE rulings SET note = ''")
    desk.undo("ben", case)
    held = desk.store.get(case)
    assert held is not None
    assert held.ruling is not None
    assert (held.ruling.outcome, held.ruling.by, held.ruling.note) == ("reject", "ann", "")
