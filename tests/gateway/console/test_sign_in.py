"""Signing in with a key, what a session may, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from executors.gateway.caller import Scope
from executors.gateway.console.pages.sign_in import local
from tests.gateway.console.conftest import Desk, csrf_of


async def test_who_has_not_signed_in_is_led_to_sign_in_and_back(desk: Desk) -> None:
    browser = desk.browser()
    answer = await browser.get("/queue?kind=appeal")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?then=%2Fqueue%3Fkind%3Dappeal"
    form = await browser.get("/sign-in?then=/queue?kind=appeal")
    assert 'value="/queue?kind=appeal"' in form.text
    data = {"key": desk.key(Scope.CONSOLE), "then": "/queue?kind=appeal"}
    answer = await browser.post("/sign-in", data=data)
    assert answer.headers["location"] == "/console/queue?kind=appeal"
    assert (await browser.get("/queue?kind=appeal")).status_code == 200


@pytest.mark.parametrize(
    "key", ["adj_000000000000_" + "a" * 43, "no-such-key", "no such key", "x" * 9_000]
)
async def test_a_wrong_key_opens_nothing_and_the_page_says_so(desk: Desk, key: str) -> None:
    browser = desk.browser()
    answer = await browser.post("/sign-in", data={"key": key})
    assert answer.status_code == 401
    assert "not known, expired or revoked" in answer.text
    assert key not in answer.text
    assert "set-cookie" not in answer.headers
    assert (await browser.get("/queue")).status_code == 303


async def test_a_key_without_a_page_is_told_so_and_has_no_session(desk: Desk) -> None:
    browser = desk.browser()
    answer = await browser.post("/sign-in", data={"key": desk.key(Scope.REVIEW)})
    assert answer.status_code == 403
    assert "review-console" in answer.text
    assert (await browser.get("/queue")).status_code == 303


async def test_the_cookie_is_out_of_reach_and_says_nothing_of_the_key(desk: Desk) -> None:
    browser, key = desk.browser(), desk.key(Scope.CONSOLE)
    answer = await browser.post("/sign-in", data={"key": key})
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/console"))
    assert "Max-Age" not in cookie
    assert key.rsplit("_", 1)[-1] not in cookie


async def test_the_cookie_opens_the_console_and_nothing_else(desk: Desk) -> None:
    browser = await desk.signed_in(Scope.ADMIN)
    assert (await browser.get("http://test/v1/library")).status_code == 401
    assert (await browser.get("http://test/consoles")).status_code == 401


async def test_who_signs_out_is_out_also_with_the_old_cookie(desk: Desk) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    cookies = dict(browser.cookies)
    answer = await browser.post("/sign-out", data={"csrf": await csrf_of(browser)})
    assert answer.headers["location"] == "/console/sign-in"
    other = desk.browser()
    other.cookies.update(cookies)
    assert (await other.get("/queue")).status_code == 303
    assert "/queue/release" in [endpoint for endpoint, _ in desk.rooms.asked]


async def test_a_revoked_key_ends_its_sessions(desk: Desk) -> None:
    browser = desk.browser()
    key = desk.key(Scope.CONSOLE)
    await browser.post("/sign-in", data={"key": key})
    assert (await browser.get("/queue")).status_code == 200
    desk.keys.revoke(key.split("_")[1])
    assert await until(lambda: led_to_sign_in(browser))


async def led_to_sign_in(browser: httpx.AsyncClient) -> bool:
    answer = await browser.get("/queue")
    return answer.headers.get("location", "").startswith("/console/sign-in")


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20) -> bool:
    """Whether it comes to hold: the keys' table is looked at from time to time."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  what is waited for is another's poll
            await asyncio.sleep(0.02)
    return True


async def test_a_link_on_another_site_opens_by_way_of_a_page_of_ours(desk: Desk) -> None:
    answer = await desk.browser(**{"sec-fetch-site": "cross-site"}).get("/cases/case-1?kind=appeal")
    assert answer.status_code == 200
    assert 'content="0;url=/console/cases/case-1?kind=appeal"' in answer.text
    assert "summer-sleep" not in answer.text


@pytest.mark.parametrize(
    ("then", "kept"),
    [
        ("/cases/a%2Fb?kind=appeal", "/cases/a%2Fb?kind=appeal"),
        ("//evil.example", ""),
        ("https://evil.example", ""),
        ("/\\evil.example", ""),
        ("/queue\r\nset-cookie: a=b", ""),
        ("", ""),
    ],
)
def test_only_pages_of_the_console_are_led_back_to(then: str, kept: str) -> None:
    assert local(then) == kept


async def test_a_sign_in_is_in_the_audit_trail(desk: Desk) -> None:
    key = desk.key(Scope.AUDIT)
    await desk.browser().post("/sign-in", data={"key": "wrong"})
    await desk.browser().post("/sign-in", data={"key": key})
    assert desk.rooms.noted == [("signed_in", f"key:{key.split('_')[1]}")]
