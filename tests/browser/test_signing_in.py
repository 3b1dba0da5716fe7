"""Who gets into the console: nobody without a key, and each as far as the key's role goes."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.crawl import START, pages
from tests.browser.desk import Desk
from tests.e2e.conftest import sample_rows


def test_a_wrong_key_opens_nothing_and_is_told_so(desk: Desk, person: Person) -> None:
    stranger = person()
    stranger.sign_in("adj_000000000000_" + "x" * 43)
    expect(stranger.page.get_by_role("alert")).to_be_visible()
    assert "/sign-in" in stranger.page.url
    assert stranger.page.locator("nav a").count() == 0
    assert stranger.context.cookies() == [] or not signed_in_cookie(stranger.context.cookies())
    assert stranger.go(START).url.rpartition("/")[2].startswith("sign-in")


def signed_in_cookie(cookies: list[dict[str, object]]) -> list[dict[str, object]]:
    return [cookie for cookie in cookies if cookie["httpOnly"]]


def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(person: Person) -> None:
    mei = person("mei")
    mei.go(START)
    (cookie,) = signed_in_cookie(mei.context.cookies())
    assert cookie["sameSite"] == "Strict"
    assert cookie["name"] not in mei.page.evaluate("document.cookie")


@pytest.fixture(scope="module")
def everything(desk: Desk, driver, signed_in) -> set[str]:  # type: ignore[no-untyped-def]
    """Every address that a lead's pages name: pages, pictures, parts of pages, downloads."""
    addresses: set[str] = set()
    with driver.visit(desk.origin, state=signed_in("lena")) as lena:
        lena.context.on("request", lambda request: addresses.add(request.url))
        for path in pages(lena):
            lena.go(path)
            lena.page.wait_for_load_state("networkidle")
            links: list[str] = lena.page.locator("[href], [src], [action]").evaluate_all(
                "all => all.map((one) => one.href || one.src || one.action)"
            )
            addresses |= {link for link in links if isinstance(link, str)}
    return {each for each in addresses if each.startswith(f"{desk.origin}/console")}


OPEN_TO_ALL = re.compile(r"/console/(static/|sign-in|$)")


def test_without_a_session_nothing_of_what_a_lead_can_reach_is_shown(
    desk: Desk, everything: set[str]
) -> None:
    assert len(everything) > 20
    told = [row["text"] for row in sample_rows() if row["text"]] + ["Advertiser 0", "益生堂"]
    with httpx.Client(follow_redirects=False, timeout=60) as stranger:
        for address in sorted(everything):
            if OPEN_TO_ALL.search(address):
                continue
            answer = stranger.get(address)
            assert answer.status_code in (303, 401, 405), f"{address}: {answer.status_code}"
            assert not [text for text in told if text in answer.text], address
            assert not answer.headers.get("content-type", "").startswith("image/"), address


def test_who_signs_out_is_out_also_with_the_old_cookie(desk: Desk, person: Person) -> None:
    omar = person()
    omar.sign_in(desk.keys["omar"])
    omar.page.wait_for_selector("nav")
    cookies = {one["name"]: one["value"] for one in omar.context.cookies()}
    with omar.page.expect_navigation():
        omar.page.locator("form[action$='/sign-out'] button").click()
    assert omar.go(START).url.rpartition("/")[2].startswith("sign-in")
    again = httpx.get(f"{desk.origin}{START}", cookies=cookies, follow_redirects=False)
    assert (again.status_code, "sign-in" in again.headers["location"]) == (303, True)


def test_a_program_that_may_only_send_ads_does_not_get_in(desk: Desk, person: Person) -> None:
    shop = person()
    shop.sign_in(desk.keys["shop"])
    expect(shop.page.locator("main")).not_to_contain_text("Advertiser")
    assert shop.go("/console/queue").status in (200, 403)
    assert shop.page.locator("[data-case]").count() == 0


def test_an_auditor_reads_and_has_nothing_to_decide_with(person: Person) -> None:
    ada = person("ada")
    ada.go("/console/queue")
    expect(ada.page.locator("[data-case]").first).to_be_visible()
    ada.page.locator("[data-case] a").first.click()
    ada.page.wait_for_selector("[data-case-id]")
    for key in ("v", "c", "s", "a"):
        assert ada.page.locator(f"main [data-key='{key}']:not([disabled])").count() == 0


def test_a_form_of_another_site_does_nothing(desk: Desk, person: Person) -> None:
    """Nor does a request that has the cookie, but not the token of the page."""
    mei = person("mei")
    mei.go(START)
    cookies = {one["name"]: one["value"] for one in mei.context.cookies()}
    for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(
            f"{desk.origin}/console/sign-out", cookies=cookies, headers=headers, data={}
        )
        assert answer.status_code == 403, headers
    assert mei.go(START).status == 200
    assert "sign-in" not in mei.page.url
