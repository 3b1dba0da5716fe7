"""Open access: everything, for this machine alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from executors.gateway.access.asgi import HttpGuard
from executors.gateway.protocols.origins import allow_origins
from executors.shared.settings import AccessSettings, Settings
from tests.gateway.access.gates import PROTOCOLS, Gates, application, open_gates

WEB = ("http", "stream", "jina-ws")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gates() -> AsyncIterator[Gates]:
    async with open_gates(Settings(access=AccessSettings(mode="open"))) as opened:
        yield opened


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_everybody_may_do_everything(gates: Gates, protocol: str) -> None:
    for endpoint in ("/review", "/library/list", "/models/load"):
        answer = await gates.ask(protocol, [], endpoint)
        assert (answer.code, answer.caller) == ("ok", "open")


@pytest.mark.parametrize("protocol", WEB)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example:51001",
        "http://192.168.0.7",
        "null",
        "http://[::ffff:10.0.0.1]",
        "",
    ],
)
async def test_a_page_of_another_site_is_refused(gates: Gates, protocol: str, origin: str) -> None:
    answer = await gates.ask(protocol, [("Origin", origin)])
    assert (answer.code, answer.http) == ("forbidden", 403)


@pytest.mark.parametrize("protocol", WEB)
@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8080", "http://desk.localhost"]
)
async def test_a_page_of_this_machine_is_not(gates: Gates, protocol: str, origin: str) -> None:
    assert (await gates.ask(protocol, [("Origin", origin)])).code == "ok"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:51001", "localhost.evil", "[bad"])
async def test_a_name_that_was_made_to_resolve_to_here_is_refused(gates: Gates, host: str) -> None:
    assert (await gates.get("/ask/review", [("Host", host)])).http in (400, 403)


async def test_a_named_origin_is_no_stranger(gates: Gates) -> None:
    import httpx

    desk = "https://desk.example"
    guarded = allow_origins(HttpGuard(application(gates), None), [desk])
    transport = httpx.ASGITransport(guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        allowed = await http.get("/ask/review", headers={"Origin": desk})
        refused = await http.get("/ask/review", headers={"Origin": "https://evil.example"})
    assert (allowed.status_code, refused.status_code) == (200, 403)
