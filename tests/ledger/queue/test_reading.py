"""The queue as it is read: pages, filters, counts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from adjudicate.errors import AdError, Code
from executors.ledger.queue.tables import CASES
from executors.ledger.times import stamp
from executors.shared.database import writing
from tests.ledger.queue.desk import Desk, each, match


def test_pages_are_in_the_order_in_which_cases_are_given_out(desk: Desk) -> None:
    low, high = desk.escalated(matches=match("low")), desk.escalated(matches=match("high"))
    assert desk.ids() == [high, low]
    assert desk.ids(limit=1) == [high]
    assert desk.ids(limit=1, offset=1) == [low]
    assert each(desk.page(), "priority") == sorted(each(desk.page(), "priority"), reverse=True)


def test_pages_by_age(desk: Desk) -> None:
    old, new = desk.escalated(matches=match("low")), desk.escalated(matches=match("high"))
    with writing(desk.engine) as connection:
        this = update(CASES).where(CASES.c.decision_id == old)
        connection.execute(this.values(queued_at=stamp(-3_600)))
    assert desk.ids(sort="oldest") == [old, new]
    assert desk.ids(sort="newest") == [new, old]


FILTERS: tuple[dict[str, Any], ...] = (
    {"kind": "audit_sample"},
    {"category": "weight"},
    {"advertiser": "Acme"},
    {"market": "US"},
    {"product": "food"},
    {"language": "en"},
    {"text": "MELT"},
    {"text": "acm"},
    {"text": "ad-7"},
    {"free": True},
)


def test_filters(desk: Desk) -> None:
    other = desk.escalated(
        matches=match(), advertiser="Other", market="CN", product="drug", text="治愈一切"
    )
    wanted = desk.sampled(
        matches=match(rule="US-FTC-5", category="weight"),
        advertiser="Acme",
        market="US",
        product="food",
        language="en",
        text="Melts fat away",
        ad_id="ad-7",
    )
    desk.claim("ann", other)
    for filters in FILTERS:
        assert desk.ids(**filters) == [wanted], filters
        assert desk.counts(**filters).open == 1, filters
    assert desk.ids(rule="CN-AL-16") == [other]


def test_text_is_taken_as_it_is_written(desk: Desk) -> None:
    desk.escalated(text="ordinary")
    percent = desk.escalated(text="100% pure")
    chinese = desk.escalated(text="百分之百治愈")
    assert desk.ids(text="%") == [percent]
    assert desk.ids(text="治愈") == [chinese]
    assert desk.ids(text="_") == []


def test_mine_is_what_the_caller_holds(desk: Desk) -> None:
    case = desk.escalated()
    desk.escalated()
    desk.claim("ann", case)
    assert desk.ids(mine=True, by="ann") == [case]
    assert desk.ids(mine=True, by="ben") == []
    desk.end_lease(case)
    assert desk.ids(mine=True, by="ann") == []


def test_settled_cases_are_listed_where_they_are_asked_for(desk: Desk) -> None:
    settled, open_ = desk.escalated(), desk.escalated()
    desk.answer("ann", settled)
    assert desk.ids() == [open_]
    assert desk.ids(state="settled") == [settled]
    assert set(desk.ids(state="")) == {settled, open_}
    assert desk.item(settled).state == "settled"


def test_counts(desk: Desk) -> None:
    desk.escalated(matches=match(), market="CN")
    desk.escalated(matches=match(), market="CN")
    sampled = desk.sampled(market="US")
    gone = desk.escalated()
    desk.answer("ann", gone)
    desk.claim("ann", sampled)
    found = desk.counts(by="ann")
    assert (found.open, found.free, found.mine, found.settled_today) == (3, 2, 1, 1)
    assert found.by_kind == {"escalation": 2, "audit_sample": 1}
    assert found.by_rule == {"CN-AL-16": 2, "": 1}
    assert found.by_category == {"cure": 2, "": 1}
    assert found.by_market == {"CN": 2, "US": 1}
    assert found.by_stage == {"first": 3}
    assert found.oldest_at == min(item.queued_at for item in desk.page())


def test_the_counts_of_an_empty_queue(desk: Desk) -> None:
    found = desk.counts(by="ann")
    assert (found.open, found.oldest_at, found.by_kind) == (0, "", {})


@pytest.mark.parametrize(
    "asked", [{"sort": "best"}, {"limit": 0}, {"limit": 1_001}, {"offset": -1}]
)
def test_a_page_that_cannot_be_is_refused(desk: Desk, asked: dict[str, Any]) -> None:
    with pytest.raises(AdError) as error:
        desk.page(**asked)
    assert error.value.code == Code.INVALID_FIELD


def test_there_is_no_such_case(desk: Desk) -> None:
    with pytest.raises(AdError) as error:
        desk.item("none")
    assert error.value.code == Code.NOT_FOUND


def test_the_next_of_a_long_queue_is_found_by_an_index(desk: Desk) -> None:
    if desk.store.kind != "sqlite":
        pytest.skip("the plan is SQLite's")
    statement = (
        "EXPLAIN QUERY PLAN SELECT * FROM queue_cases WHERE state = 'open' "
        "ORDER BY due, queued_at, decision_id LIMIT 1"
    )
    with desk.engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(statement)]
    assert any("USING INDEX ix_queue_cases_due" in step for step in plan)
