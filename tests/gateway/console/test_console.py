"""What all pages have in common: who may see them, whose forms are taken, and what they look like
to a browser."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from adjudicate.errors import Code, ServiceError
from executors.gateway.access.asgi import HttpGuard
from executors.gateway.caller import Scope
from executors.gateway.console.console import add_console
from executors.gateway.console.files import Files
from executors.gateway.console.opening import open_console
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared.policy import Policy
from executors.shared.settings import AccessSettings, ConsoleSettings, Settings
from tests.gateway.console.conftest import Desk, csrf_of
from tests.gateway.console.rooms import ConsoleRooms


@pytest.mark.parametrize("path", ["/sign-in", "/queue", "/cases/case-1", "/nowhere"])
async def test_every_page_runs_its_own_scripts_alone(desk: Desk, path: str) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    answer = await browser.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
    assert " onclick" not in answer.text


async def test_a_page_of_another_role_is_refused_in_words(desk: Desk) -> None:
    browser = await desk.signed_in(Scope.LIBRARY)
    answer = await browser.get("/queue")
    assert answer.status_code == 403
    assert "review-console" in answer.text
    assert "/console/queue" not in answer.text.partition("<main")[0]


async def test_the_menu_shows_what_a_role_may(desk: Desk) -> None:
    reviewer = (await (await desk.signed_in(Scope.CONSOLE)).get("/queue")).text
    auditor = (await (await desk.signed_in(Scope.AUDIT)).get("/queue")).text
    assert 'href="/console/audit"' not in reviewer
    assert 'href="/console/audit"' in auditor
    assert "/console/queue/next" in reviewer
    assert "/console/queue/next" not in auditor


async def test_a_form_without_its_token_does_nothing(desk: Desk) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    for data in ({}, {"csrf": "0" * 64}, {"csrf": "ü"}):
        answer = await browser.post("/queue/next", data=data)
        assert answer.status_code == 403
    assert (await browser.post("/queue/next", headers={"x-csrf": "0" * 64})).status_code == 403
    assert "/queue/claim" not in [endpoint for endpoint, _ in desk.rooms.asked]


async def test_a_token_of_another_session_is_none(desk: Desk) -> None:
    mine, theirs = await desk.signed_in(Scope.CONSOLE), await desk.signed_in(Scope.CONSOLE)
    answer = await mine.post("/queue/next", data={"csrf": await csrf_of(theirs)})
    assert answer.status_code == 403
    answer = await mine.post("/queue/next", data={"csrf": await csrf_of(mine)})
    assert answer.headers["location"] == "/console/cases/case-1"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
    ],
)
async def test_a_form_of_another_site_does_nothing(desk: Desk, headers: dict[str, str]) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    csrf = await csrf_of(browser)
    given = {name: value for name, value in {**dict(browser.headers), **headers}.items() if value}
    browser.headers = httpx.Headers(given)
    answer = await browser.post("/queue/next", data={"csrf": csrf})
    assert answer.status_code == 403
    answer = await browser.post("/sign-in", data={"key": desk.key(Scope.ADMIN)})
    assert answer.status_code == 403


async def test_a_form_that_is_too_large_is_not_read(desk: Desk) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    csrf = await csrf_of(browser)
    answer = await browser.post("/queue/next", data={"csrf": csrf, "note": "x" * 70_000})
    assert answer.status_code == 413


async def test_a_script_gets_the_problem_itself(desk: Desk) -> None:
    browser = desk.browser(accept="application/json")
    answer = await browser.get("/queue")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_what_fails_is_said_with_its_code(desk: Desk) -> None:
    async def broken(request: Request) -> Response:
        raise ServiceError(Code.ROOM_UNAVAILABLE, "<b>A room</b> is not answering.")

    desk.console.add("/broken", broken)
    app = desk.console.application()
    guard = HttpGuard(app, None)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        answer = await browser.get("/broken")
    assert answer.status_code == 503
    assert "room_unavailable" in answer.text
    assert "&lt;b&gt;A room&lt;/b&gt;" in answer.text


async def test_a_page_that_is_not_there_is_a_page(desk: Desk) -> None:
    answer = await (await desk.signed_in(Scope.CONSOLE)).get("/nothing")
    assert answer.status_code == 404
    assert "<h1>There is nothing here</h1>" in answer.text


@pytest.mark.parametrize(("name", "value"), [("lang", "zh"), ("theme", "dark")])
async def test_a_choice_in_the_url_is_kept_and_leaves_it(desk: Desk, name: str, value: str) -> None:
    browser = await desk.signed_in(Scope.CONSOLE)
    answer = await browser.get(f"/queue?kind=appeal&{name}={value}")
    assert answer.headers["location"] == "/console/queue?kind=appeal"
    page = (await browser.get("/queue")).text
    assert ('lang="zh-CN"' if name == "lang" else 'data-theme="dark"') in page


async def test_the_browser_says_the_language_until_a_person_does(desk: Desk) -> None:
    browser = desk.browser(**{"accept-language": "de, zh-TW;q=0.9, en;q=0.5"})
    assert "<h1>登录</h1>" in (await browser.get("/sign-in")).text
    await browser.get("/sign-in?lang=en")
    assert "<h1>Sign in</h1>" in (await browser.get("/sign-in")).text


async def test_files_are_kept_for_ever_and_change_their_name_with_their_content(
    desk: Desk,
) -> None:
    browser, files = desk.browser(), Files()
    answer = await browser.get(f"http://test{files.url('/console', 'base.css')}")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    old = await browser.get("/static/000000000000/base.css")
    assert old.headers["cache-control"] == "no-store"
    assert (await browser.get("/static/0/..%2F..%2Fconsole.py")).status_code == 404


async def test_open_access_has_no_sign_in_but_forms_have_tokens(policy: Policy) -> None:
    settings = Settings(access=AccessSettings(mode="open"))
    api = Api(ConsoleRooms(), settings.gateway, lambda: policy)  # type: ignore[arg-type]
    console = open_console(settings, api, None, lambda: policy)
    assert console is not None
    app = create_app(api, 1_000)
    add_console(app, console)
    transport = httpx.ASGITransport(HttpGuard(app, None))
    base = "http://localhost/console"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers={}) as browser:
        assert (await browser.get("/sign-in")).headers["location"] == "/console/start"
        assert (await browser.post("/queue/next")).status_code == 403
        answer = await browser.post("/queue/next", data={"csrf": await csrf_of(browser)})
        assert answer.status_code == 303
        assert (await browser.get("/queue", headers={"host": "evil.example"})).status_code == 403


def test_a_console_that_is_switched_off_is_not_there(policy: Policy) -> None:
    settings = Settings(console=ConsoleSettings(enabled=False))
    api = Api(ConsoleRooms(), settings.gateway, lambda: policy)  # type: ignore[arg-type]
    assert open_console(settings, api, None, lambda: policy) is None


def test_a_file_that_is_not_there_is_a_mistake_of_the_template() -> None:
    with pytest.raises(KeyError):
        Files().url("/console", "nothing.css")
