"""The queue's page, and the way to the next case."""

from __future__ import annotations

import re

import httpx
import pytest_asyncio

from executors.gateway.caller import Scope
from tests.gateway.console.conftest import Desk, csrf_of
from tests.gateway.console.rooms import COPY, item


@pytest_asyncio.fixture
async def reviewer(desk: Desk) -> httpx.AsyncClient:
    return await desk.signed_in(Scope.CONSOLE)


def asked(desk: Desk, endpoint: str) -> dict[str, object]:
    """What the rooms were asked last."""
    return next(body for name, body in reversed(desk.rooms.asked) if name == endpoint)


async def test_a_case_is_a_row_that_leads_to_it(desk: Desk, reviewer: httpx.AsyncClient) -> None:
    page = (await reviewer.get("/queue")).text
    assert len(re.findall(r"data-case=", page)) == 12
    assert 'href="/console/cases/case-1"' in page
    assert "Morpheus &amp; Söhne &lt;GmbH&gt;" in page
    assert "<b>no side" not in page
    assert "&lt;b&gt;no side" in page or "&lt;b&gt;" not in COPY[:60]


async def test_a_long_queue_comes_a_page_at_a_time(desk: Desk, reviewer: httpx.AsyncClient) -> None:
    desk.rooms.cases = [item(number) for number in range(1, 10_001)]
    page = (await reviewer.get("/queue?offset=9950&kind=escalation")).text
    assert len(re.findall(r"data-case=", page)) == 50
    assert "9951–10000 of 10,000" in page
    assert 'href="?offset=9900&amp;kind=escalation"' in page
    assert 'rel="next"' not in page


async def test_filters_go_to_the_ledger_and_along_with_who_starts(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    page = (await reviewer.get("/queue?rule=CN-AL-16&market=CN&text=sleep&view=free")).text
    listed = asked(desk, "/queue/list")
    assert (listed["rule"], listed["market"], listed["text"]) == ("CN-AL-16", "CN", "sleep")
    assert (listed["state"], listed["free"]) == ("open", True)
    assert '<input type="hidden" name="rule" value="CN-AL-16">' in page
    data = {"csrf": await csrf_of(reviewer), "rule": "CN-AL-16"}
    answer = await reviewer.post("/queue/next", data=data)
    assert answer.headers["location"] == "/console/cases/case-1?rule=CN-AL-16"
    assert asked(desk, "/queue/claim")["rule"] == "CN-AL-16"


async def test_what_the_url_cannot_mean_is_passed_over(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    answer = await reviewer.get("/queue?view=everything&sort=luck&offset=-1&by=me&role=admin")
    assert answer.status_code == 200
    listed = asked(desk, "/queue/list")
    assert (listed["state"], listed["sort"], listed["offset"]) == ("open", "priority", 0)
    assert listed["by"] == ""


async def test_an_empty_queue_says_so_and_has_nothing_to_start(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    desk.rooms.cases = []
    page = (await reviewer.get("/queue")).text
    assert "Nothing waits" in page
    assert re.search(r'data-key="n"[^>]* disabled', page)
    answer = await reviewer.post("/queue/next", data={"csrf": await csrf_of(reviewer)})
    assert answer.headers["location"] == "/console/queue"
    assert "No+case+waits" in answer.headers["set-cookie"]


async def test_a_script_is_told_the_next_case_and_when_there_is_none(
    desk: Desk, reviewer: httpx.AsyncClient
) -> None:
    headers = {"accept": "application/json", "x-csrf": await csrf_of(reviewer)}
    data = {"skip": ["case-1", "case-2"]}
    answer = await reviewer.post("/queue/next", data=data, headers=headers)
    assert answer.json() == {"id": "case-3"}
    desk.rooms.cases = []
    assert (await reviewer.post("/queue/next", headers=headers)).json() == {"id": ""}


async def test_an_auditor_looks_at_the_queue_and_takes_nothing(desk: Desk) -> None:
    auditor = await desk.signed_in(Scope.AUDIT)
    assert (await auditor.get("/queue")).status_code == 200
    answer = await auditor.post("/queue/next", data={"csrf": await csrf_of(auditor)})
    assert answer.status_code == 403
