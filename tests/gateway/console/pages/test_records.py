"""Search, appeals, label propagation and the audit trail over a real ledger."""

from __future__ import annotations

import html
import json
import re

import pytest

from adjudicate.documents import Case
from executors.gateway.caller import Scope
from tests.gateway.console.conftest import csrf_of
from tests.gateway.console.held import case_of, kept, picture
from tests.gateway.console.pages.conftest import Office, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = re.compile(r'class="copy-line" href="/console/cases/(\w+)"')
LINES = re.compile(r'<td class="n muted" title="(\w{64})">(\d+)</td>')


def record(office: Office, *cases: Case) -> list[str]:
    """Decide them; the decisions' ids."""
    decided = office.rooms.decide(*cases)
    assert {decision.outcome for decision in decided} == {"escalate"}
    return [decision.id or "" for decision in decided]


async def test_decisions_are_found_by_what_their_ads_say_in_both_languages(office: Office) -> None:
    one, other = record(
        office, case_of(101, "包治百病，永不复发"), case_of(102, "Detoxes the liver")
    )
    reviewer = await office.browser(Scope.CONSOLE)
    assert ROW.findall((await reviewer.get("/search", params={"text": "百病"})).text) == [one]
    assert ROW.findall((await reviewer.get("/search", params={"text": "DETOXES"})).text) == [other]
    page = (await reviewer.get("/search", params={"id": "ad-101"})).text
    assert ROW.findall(page) == [one]
    found = (await reviewer.get("/search", params={"advertiser": "Advertiser 102"})).text
    assert ROW.findall(found) == [other]


async def test_days_count_from_their_beginning_to_their_end(office: Office) -> None:
    (one,) = record(office, case_of(103, "Only of today"))
    today = office.rooms.ledger._store.get(one).decided_at[:10]
    reviewer = await office.browser(Scope.CONSOLE)
    within = {"text": "Only of today", "since": today, "until": today}
    assert ROW.findall((await reviewer.get("/search", params=within)).text) == [one]
    later = {"text": "Only of today", "since": "2999-01-01"}
    assert ROW.findall((await reviewer.get("/search", params=later)).text) == []
    wrong = {"text": "Only of today", "since": "yesterday"}
    assert ROW.findall((await reviewer.get("/search", params=wrong)).text) == [one]


async def test_a_picture_finds_its_near_duplicates_by_a_url_that_names_it(office: Office) -> None:
    data = picture("searched by picture")
    kept(office.rooms.settings, data)
    (one,) = record(office, case_of(104, "", data))
    record(office, case_of(105, "", picture("something else")))
    reviewer = await office.browser(Scope.CONSOLE)
    smaller = picture("searched by picture", quality=35)
    files = [("image", ("drop.jpg", smaller, "image/jpeg"))]
    answer = await reviewer.post(
        "/search", data={"csrf": await csrf_of(reviewer, "/search")}, files=files
    )
    assert answer.status_code == 303
    page = (await reviewer.get(answer.headers["location"].removeprefix("/console"))).text
    assert ROW.findall(page) == [one]
    assert "of 256 bits differ" in page


async def test_a_file_that_is_no_picture_is_said(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    files = [("image", ("x.jpg", b"no picture", "image/jpeg"))]
    token = await csrf_of(reviewer, "/search")
    answer = await reviewer.post("/search", data={"csrf": token}, files=files)
    assert answer.status_code == 422
    assert "image_unreadable" in answer.text


async def test_what_was_found_is_a_table_for_leads_and_auditors_alone(office: Office) -> None:
    record(office, case_of(106, "=cmd|'/c calc'!A1"))
    auditor = await office.browser(Scope.AUDIT)
    table = await auditor.get("/search.csv", params={"id": "ad-106"})
    assert table.headers["content-type"].startswith("text/csv")
    assert "attachment" in table.headers["content-disposition"]
    assert "ad-106" in table.text
    assert "'=cmd" in table.text
    reviewer = await office.browser(Scope.CONSOLE)
    assert (await reviewer.get("/search.csv")).status_code == 403
    assert "/console/search.csv" not in (await reviewer.get("/search?id=ad-106")).text


async def test_scripts_in_copy_are_text(office: Office) -> None:
    record(office, case_of(107, "<script>alert(1)</script> marks"))
    reviewer = await office.browser(Scope.CONSOLE)
    page = (await reviewer.get("/search", params={"text": "marks"})).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; marks" in page


async def test_an_appeal_is_opened_and_overturned_by_another_person(office: Office) -> None:
    (one,) = record(office, case_of(108, "Heals for sure"))
    mei, omar = [await office.browser(Scope.CONSOLE, name=name) for name in ("mei", "omar")]
    answer = await send(mei, f"/cases/{one}/review", "/queue", do="violation", rule="CN-AL-16")
    assert answer.status_code in (200, 303), answer.text
    opened = await send(
        omar, "/appeals", "/appeals", decision=one, reason="We <b>quote</b> a study", contact="x@y"
    )
    assert opened.status_code == 303, opened.text
    page = (await omar.get("/appeals")).text
    assert "We &lt;b&gt;quote&lt;/b&gt; a study" in page
    appeal = re.search(r'name="id" value="([^"]+)"', page)
    assert appeal is not None
    same = await send(mei, "/appeals/decide", "/appeals", id=appeal[1], state="overturned")
    assert same.status_code == 409
    done = await send(
        omar, "/appeals/decide", "/appeals", id=appeal[1], state="overturned", note="It does"
    )
    assert done.status_code == 303, done.text
    assert office.rooms.ledger._store.get(one).ruling.outcome == "approve"
    assert one not in (await omar.get("/appeals")).text
    assert one in (await omar.get("/appeals?state=overturned")).text
    auditor = await office.browser(Scope.AUDIT)
    assert (
        'method="post"' not in (await auditor.get("/appeals?state=all")).text.partition("<main")[2]
    )


async def test_a_ruling_is_carried_over_as_chosen_and_taken_back(office: Office) -> None:
    data = picture("carried over")
    kept(office.rooms.settings, data)
    source, chosen, left = record(
        office, *[case_of(number, "", data, market="US") for number in (111, 112, 113)]
    )
    mei = await office.browser(Scope.CONSOLE)
    await send(mei, f"/cases/{source}/review", "/queue", do="violation", rule="CN-AL-16")
    preview = (await mei.get(f"/propagations/preview/{source}")).text
    assert set(re.findall(r'name="only" value="(\w+)"', preview)) == {chosen, left}
    nothing = await send(mei, "/propagations", "/queue", decision=source)
    assert nothing.headers["location"].endswith(f"/propagations/preview/{source}")
    applied = await send(mei, "/propagations", "/queue", decision=source, only=[chosen])
    assert applied.status_code == 303, applied.text
    get = office.rooms.ledger._store.get
    assert get(chosen).ruling.outcome == "reject"
    assert get(left).ruling is None
    path = applied.headers["location"].removeprefix("/console")
    page = (await mei.get(path)).text
    assert re.findall(r'name="only" value="(\w+)"', page) == [chosen]
    assert path in (await mei.get("/propagations")).text
    undone = await send(mei, path, "/queue", only=[chosen])
    assert undone.status_code == 303, undone.text
    assert get(chosen).ruling is None
    assert 'name="only"' not in (await mei.get(path)).text


async def test_the_trail_is_listed_filtered_and_proven_whole(office: Office) -> None:
    (one,) = record(office, case_of(109, "For the trail"))
    auditor = await office.browser(Scope.AUDIT)
    page = (await auditor.get("/audit", params={"subject": one})).text
    assert len(LINES.findall(page)) == 1
    assert "Decided" in page
    none = (await auditor.get("/audit", params={"subject": one, "what": "erased"})).text
    assert LINES.findall(none) == []
    proven = await send(auditor, "/audit/verify", "/audit")
    assert "The trail is whole." in proven.text
    end = re.search(r'<span class="hash">(\w{64})</span>', proven.text)
    assert end is not None
    assert (
        "The trail is whole." in (await send(auditor, "/audit/verify", "/audit", head=end[1])).text
    )
    cut = await send(auditor, "/audit/verify", "/audit", head="ab" * 32)
    assert "The trail is whole." not in cut.text


async def test_the_trail_is_exported_line_by_line(office: Office) -> None:
    (one,) = record(office, case_of(110, "For the export"))
    auditor = await office.browser(Scope.AUDIT)
    answer = await auditor.get("/audit.jsonl", params={"subject": one})
    (line,) = answer.text.splitlines()
    assert json.loads(line)["subject"] == one
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("scope", [Scope.CONSOLE, Scope.LEAD, Scope.LIBRARY])
async def test_the_trail_is_for_auditors(office: Office, scope: Scope) -> None:
    person = await office.browser(scope)
    for path in ("/audit", "/audit.jsonl"):
        assert (await person.get(path)).status_code == 403
    answer = await send(person, "/audit/verify", "/policies")
    assert answer.status_code == 403
    assert "whole" not in html.unescape(answer.text)
