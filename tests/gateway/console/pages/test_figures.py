"""Overview, quality and the policy, over a real library and ledger."""

from __future__ import annotations

import re

import pytest

from executors.gateway.caller import Scope
from tests.gateway.console.held import case_of
from tests.gateway.console.pages.conftest import Office

pytestmark = pytest.mark.asyncio(loop_scope="module")


def main_of(page: str) -> str:
    return page.partition("<main")[2]


async def test_the_overview_counts_and_draws_what_was_decided(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    empty = main_of((await reviewer.get("/overview")).text)
    assert "No ads in this window." in empty
    office.rooms.decide(*(case_of(number, f"Claim {number}") for number in range(201, 206)))
    page = main_of((await reviewer.get("/overview")).text)
    assert re.search(r"<dd>5<", page)
    bars = re.findall(r'class="fill (\w+)"[^>]*><title>([^<]+)</title>', page)
    assert [(kind, title.rpartition(" ")[2]) for kind, title in bars] == [("escalate", "5")]
    assert "No ads in this window." not in page
    assert 'id="now" data-refresh-s="10"' in page


async def test_a_window_that_is_not_offered_is_the_usual_one(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    page = main_of((await reviewer.get("/overview", params={"hours": "168"})).text)
    assert 'hours=168" aria-current="true"' in page
    page = main_of((await reviewer.get("/overview", params={"hours": "'; drop"})).text)
    assert 'hours=24" aria-current="true"' in page


async def test_quality_is_honest_about_nothing(office: Office) -> None:
    auditor = await office.browser(Scope.AUDIT)
    page = await auditor.get("/quality")
    assert page.status_code == 200
    assert "0 answers of people" in page.text
    assert "Nobody has settled a case of this window" in page.text
    auditor.headers["accept-language"] = "zh"
    chinese = (await auditor.get("/quality")).text
    assert "此时间范围内无人处理过案件" in chinese
    assert "Nobody has settled" not in chinese


async def test_rules_are_looked_through_by_word_market_and_product(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    page = main_of((await reviewer.get("/policies")).text)
    every = set(re.findall(r'href="/console/policies/([\w.-]+)"', page))
    assert {"CN-AL-16", "US-FTC"} <= every
    chinese = main_of((await reviewer.get("/policies", params={"market": "CN"})).text)
    assert "CN-AL-16" in chinese
    assert "US-FTC" not in chinese
    found = main_of((await reviewer.get("/policies", params={"q": "无效退款"})).text)
    assert re.findall(r'<h3><a href="/console/policies/([\w.-]+)"', found) == ["CN-S21-11"]
    none = main_of((await reviewer.get("/policies", params={"q": "no such words"})).text)
    assert "No rule fits." in none


async def test_a_rule_has_a_page_in_both_languages(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    page = main_of((await reviewer.get("/policies/CN-AL-16")).text)
    assert page.index('<p lang="en">') < page.index('<p lang="zh">')
    reviewer.headers["accept-language"] = "zh"
    page = main_of((await reviewer.get("/policies/CN-AL-16")).text)
    assert page.index('<p lang="zh">') < page.index('<p lang="en">')
    assert (await reviewer.get("/policies/NO-1")).status_code == 404


async def test_a_program_s_key_sees_none_of_it(office: Office) -> None:
    curator = await office.browser(Scope.LIBRARY)
    for path in ("/overview", "/quality", "/search", "/appeals", "/propagations", "/audit"):
        assert (await curator.get(path)).status_code == 403, path
    assert (await curator.get("/policies")).status_code == 200
