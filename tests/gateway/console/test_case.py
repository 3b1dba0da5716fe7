"""The page of a case: what it shows, to whom, and what its answers do."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
import pytest_asyncio
from docarray import DocList

from adjudicate.documents import Appeal, CaseFile, Decision, Evidence, Review, Ruling
from adjudicate.errors import Code, RequestError
from executors.gateway.caller import Scope
from tests.gateway.console.conftest import Desk, csrf_of
from tests.gateway.console.rooms import decision, evidence, item

CASE = "/cases/case-1"


@pytest_asyncio.fixture
async def reviewer(desk: Desk) -> httpx.AsyncClient:
    return await desk.signed_in(Scope.CONSOLE)


def file(**changed: Any) -> CaseFile:
    given = {"decision": decision(), "evidence": evidence(), "item": item(1)}
    return CaseFile(id="case-1", **{**given, **changed})


async def answer(browser: httpx.AsyncClient, do: str, **more: str) -> httpx.Response:
    data = {"csrf": await csrf_of(browser), "do": do, **more}
    return await browser.post(f"{CASE}/review", data=data)


def endpoints(desk: Desk) -> list[str]:
    return [name for name, _ in desk.rooms.asked]


async def test_it_shows_ad_exemplar_claim_and_rule_in_both_languages(
    reviewer: httpx.AsyncClient,
) -> None:
    page = (await reviewer.get(CASE)).text
    assert '<mark class="claim">Cures  insomnia in 7 days</mark>' in page
    assert '<mark class="term">国家级</mark>' in page
    assert "&lt;b&gt;no side effects&lt;/b&gt;" in page
    assert "guarantees a cure within a fixed time" in page
    assert "58%" in page
    assert "Medicines and devices: no assertion" in page
    assert "药品、医疗器械广告不得断言" in page
    assert "13 of 256 bits differ" in page
    assert "Known-good look-alike" in page
    assert "/console/exemplars/known-1/picture?w=960" in page
    assert "12 bits" in page


async def test_rules_to_choose_from_are_those_that_the_ad_is_held_to(
    reviewer: httpx.AsyncClient,
) -> None:
    page = (await reviewer.get(CASE)).text
    assert '<option value="CN-AL-16" selected>' in page
    assert '<option value="CN-AL-15">' in page
    assert "EU-1924-10" not in page


async def test_a_rule_that_is_not_in_force_is_kept_and_no_other_is_chosen(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    desk.rooms.file = file(decision=decision().model_copy(update={"rule": "EU-1924-10"}))
    page = (await reviewer.get(CASE)).text
    chosen = re.findall(r'<option value="([^"]*)" selected>([^<]*)', page)
    assert chosen == [("", "EU-1924-10")]


@pytest.mark.parametrize("do", ["violation", "compliant"])
async def test_an_answer_is_recorded_and_leads_to_the_next_case(
    desk: Desk, reviewer: httpx.AsyncClient, do: str
) -> None:
    came = await answer(reviewer, do, rule="CN-AL-16", breaks="CN-AL-15", note=" seen before ")
    assert came.headers["location"] == "/console/cases/case-2?rule=CN-AL-16"
    (review,) = desk.rooms.reviews
    assert (review.answer, review.rule, review.note) == (do, "CN-AL-15", "seen before")
    assert "/queue/claim" in endpoints(desk)


async def test_a_script_gets_what_was_recorded_and_how_to_say_it(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    headers = {"accept": "application/json", "x-csrf": await csrf_of(reviewer)}
    came = await reviewer.post(f"{CASE}/review", data={"do": "violation"}, headers=headers)
    assert came.json()["said"] == "Recorded: violation."
    assert came.json()["review"]["number"] == 1


@pytest.mark.parametrize("do", ["", "approve", "violation "])
async def test_what_is_no_answer_decides_nothing(
    desk: Desk, reviewer: httpx.AsyncClient, do: str
) -> None:
    came = await answer(reviewer, do)
    assert came.status_code == 422
    assert desk.rooms.reviews == []


@pytest.mark.parametrize(("do", "polarity"), [("add", "violation"), ("lookalike", "lookalike")])
async def test_one_key_answers_and_puts_the_ad_into_the_library(
    desk: Desk,
    reviewer: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    do: str,
    polarity: str,
) -> None:
    taught = []

    async def teach(decision_id: str, body: object) -> dict[str, Any]:
        taught.append(decision_id)
        return {"repeats": False, "polarity": polarity}

    monkeypatch.setattr(desk.console.api.learning, "teach", teach)
    came = await answer(reviewer, do)
    assert taught == ["case-1"]
    assert "library" in came.headers["set-cookie"]


async def test_an_answer_stands_when_the_library_refuses_the_ad(
    desk: Desk, reviewer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def teach(decision_id: str, body: object) -> dict[str, Any]:
        raise RequestError(Code.INVALID_FIELD, "held under another label")

    monkeypatch.setattr(desk.console.api.learning, "teach", teach)
    headers = {"accept": "application/json", "x-csrf": await csrf_of(reviewer)}
    came = await reviewer.post(f"{CASE}/review", data={"do": "add"}, headers=headers)
    assert came.status_code == 200
    assert "held under another label" in came.json()["said"]
    assert len(desk.rooms.reviews) == 1


async def test_an_answer_is_taken_back(desk: Desk, reviewer: httpx.AsyncClient) -> None:
    await answer(reviewer, "violation")
    came = await answer(reviewer, "undo")
    assert came.headers["location"] == f"/console{CASE}"
    assert desk.rooms.reviews == []


async def test_next_gives_the_case_back(desk: Desk, reviewer: httpx.AsyncClient) -> None:
    came = await answer(reviewer, "next", kind="escalation")
    assert came.headers["location"] == "/console/cases/case-2?kind=escalation"
    assert "/queue/release" in endpoints(desk)
    assert desk.rooms.reviews == []


async def test_who_works_on_it_is_said_and_nobody_else_may_answer(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    until = "2126-11-21T20:00:00.000+00:00"
    lease = {"lease_by": "key:other", "lease_name": "<omar>", "lease_until": until}
    desk.rooms.file = file(item=item(1, **lease))
    page = (await reviewer.get(CASE)).text
    assert '&lt;omar&gt; works on this case until <time datetime="2126-11-21T20:00' in page
    assert 'data-do="violation"' not in page


async def test_a_second_answer_is_given_without_knowing_the_first(desk: Desk) -> None:
    first = Review(id="case-1", answer="violation", by="key:omar", by_name="omar", note="obvious")
    reviews = DocList[Review]([first])
    desk.rooms.file = file(item=item(1, stage="second"), reviews=reviews)
    reviewer, lead = await desk.signed_in(Scope.CONSOLE), await desk.signed_in(Scope.LEAD)
    page = (await reviewer.get(CASE)).text
    assert "obvious" not in page
    assert "omar" not in page
    assert "You answer by yourself first" in page
    assert "obvious" in (await lead.get(CASE)).text


async def test_what_reviewers_disagree_on_is_a_leads(desk: Desk) -> None:
    desk.rooms.file = file(item=item(1, stage="lead"))
    reviewer, lead = await desk.signed_in(Scope.CONSOLE), await desk.signed_in(Scope.LEAD)
    assert 'data-do="violation"' not in (await reviewer.get(CASE)).text
    assert 'data-do="violation"' in (await lead.get(CASE)).text


async def test_an_auditor_sees_everything_and_answers_nothing(desk: Desk) -> None:
    auditor = await desk.signed_in(Scope.AUDIT)
    page = (await auditor.get(CASE)).text
    assert "guarantees a cure" in page
    assert "data-do=" not in page
    came = await answer(auditor, "violation")
    assert came.status_code == 403


async def test_a_settled_case_says_what_counts_and_by_whom(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    ruling = Ruling(id="case-1", outcome="approve", source="lead", by="key:x", by_name="lena")
    settled = item(1, state="settled", settled_at="2026-11-21T18:20:00.000+00:00")
    desk.rooms.file = file(decision=decision().model_copy(update={"ruling": ruling}), item=settled)
    page = (await reviewer.get(CASE)).text
    assert "Settled: Approved" in page
    assert "by lena" in page
    assert 'data-do="violation"' not in page
    assert 'data-do="teach"' in page


async def test_an_appeal_stands_at_the_top_and_says_what_the_answers_mean(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    appeal = Appeal(id="a", decision_id="case-1", reason="We <i>have</i> a licence", by_name="shop")
    desk.rooms.file = file(item=item(1, kind="appeal"), appeals=DocList[Appeal]([appeal]))
    page = (await reviewer.get(CASE)).text
    assert "We &lt;i&gt;have&lt;/i&gt; a licence" in page
    assert "Compliant overturns it" in page


async def test_what_is_not_kept_any_more_is_said(desk: Desk, reviewer: httpx.AsyncClient) -> None:
    gone = Evidence(id="case-1", ad_id="x", erased_at="2026-11-21T18:20:00.000+00:00")
    desk.rooms.file = file(evidence=gone)
    page = (await reviewer.get(CASE)).text
    assert "The picture is not kept any more" in page
    assert "Copy and advertiser are not kept any more" in page


async def test_a_decision_of_an_earlier_release_has_a_page(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    bare = Decision(id="case-1", ad_id="old", outcome="approve", decided_at="2026-01-01T00:00:00Z")
    desk.rooms.file = CaseFile(id="case-1", decision=bare)
    page = await reviewer.get(CASE)
    assert page.status_code == 200
    assert "Nobody is asked about this decision" in page.text


async def test_blur_is_as_it_was_left(reviewer: httpx.AsyncClient) -> None:
    reviewer.cookies.set("adjudicate-view", "blur=1&grey=1")
    page = (await reviewer.get(CASE)).text
    assert re.search(r"<html[^>]* data-blur data-grey", page)
    assert len(re.findall(r'data-toggle="\w+"[^>]*aria-pressed="true"', page)) == 2
