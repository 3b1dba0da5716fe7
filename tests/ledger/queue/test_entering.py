"""Which decisions become cases, and what their rows say."""

from __future__ import annotations

import pytest

from adjudicate.documents import Case, Problem
from executors.ledger.queue.entering import EXCERPT
from executors.ledger.store import QUEUE
from executors.shared.database import writing
from tests.ledger.queue.conftest import MakeDesk
from tests.ledger.queue.desk import Desk, match


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_escalations_and_the_audit_sample_are_queued_and_nothing_else(desk: Desk) -> None:
    escalated, sampled = desk.escalated(), desk.sampled()
    desk.rejected()
    desk.decide(Case(ad_id="passed"), Case(ad_id="broken", problem=Problem(code="image_empty")))
    assert {item.id: item.kind for item in desk.page()} == {
        escalated: "escalation",
        sampled: "audit_sample",
    }


def test_an_audited_ad_that_the_judge_rejects_is_of_the_audit_sample(desk: Desk) -> None:
    rejected = desk.rejected(audit=True)
    assert (desk.item(rejected).kind, desk.item(rejected).outcome) == ("audit_sample", "reject")


def test_an_audited_ad_that_escalates_is_an_escalation_and_marked(desk: Desk) -> None:
    escalated = desk.escalated(audit=True)
    assert desk.item(escalated).kind == "escalation"
    with writing(desk.engine) as connection:
        (row,) = connection.execute(QUEUE.select())
    assert row.audit == 1


def test_a_seeded_share_of_the_rejected_is_looked_at(make_desk: MakeDesk) -> None:
    desk = make_desk(reject_share=0.25)
    contents = {desk.rejected(content_hash=f"content {at}"): at for at in range(200)}
    chosen = {contents[decision_id] for decision_id in desk.ids(limit=1_000)}
    assert 30 <= len(chosen) <= 70
    again = {desk.rejected(content_hash=f"content {at}"): at for at in range(200)}
    assert {again[one] for one in desk.ids(limit=1_000) if one in again} == chosen


def test_all_or_none_of_the_rejected_where_the_share_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk(reject_share=1)
    rejected = desk.rejected()
    assert desk.ids() == [rejected]


def test_the_case_shows_what_the_list_needs(desk: Desk) -> None:
    decision_id = desk.escalated(
        ad_id="ad",
        text="  " + "cures all " * 100,
        advertiser="Acme",
        market="CN",
        product="drug",
        language="en",
        picture="a" * 64,
        matches=match("high"),
    )
    item = desk.item(decision_id)
    shown = (item.ad_id, item.advertiser, item.market, item.product, item.language, item.picture)
    assert shown == ("ad", "Acme", "CN", "drug", "en", "a" * 64)
    assert (item.rule, item.category, item.outcome) == ("CN-AL-16", "cure", "escalate")
    assert (item.stage, item.state, item.reason) == ("first", "open", "uncertain")
    assert item.excerpt.startswith("cures all")
    assert len(item.excerpt) <= EXCERPT


def test_what_is_sent_again_is_queued_once(desk: Desk) -> None:
    case = Case(flagged=True, content_hash="c", idempotency_key="k")
    desk.decide(case)
    desk.decide(case)
    desk.decide(Case(flagged=True, content_hash="c", idempotency_key="k"))
    assert len(desk.page()) == 1


def test_a_decision_that_is_not_recorded_is_not_queued(desk: Desk) -> None:
    case = Case(flagged=True, content_hash="c")
    desk.decide(case)
    other = Case(id=case.id, flagged=True, content_hash="other")
    (refused,) = desk.decide(other)
    assert refused.outcome == "error"
    assert len(desk.page()) == 1
