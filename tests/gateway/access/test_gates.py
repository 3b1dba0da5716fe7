"""Who comes in and who does not, on each protocol: the table of attacks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
import websockets
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from executors.gateway.access.credentials import MAX_CHARACTERS
from executors.gateway.access.grpc import GrpcGuard
from executors.gateway.access.keys import key_id_of
from executors.gateway.access.ring import ASK_AGAIN_S
from executors.gateway.caller import Scope
from tests.gateway.access.gates import (
    LIBRARY,
    PROTOCOLS,
    REVIEW,
    Gates,
    Headers,
    Keys,
    make_keys,
    open_gates,
    settings_of,
)
from tests.gateway.access.issuer import claims, forged, rsa_key, signed_with_the_public_key, token

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    return make_keys(f"sqlite:///{folder}/keys.db")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gates(folder: Path, keys: Keys) -> AsyncIterator[Gates]:
    async with open_gates(
        settings_of(folder, f"sqlite:///{folder}/keys.db", poll_s=0.05)
    ) as opened:
        yield opened


def bearer(credential: str) -> Headers:
    return [("Authorization", f"Bearer {credential}")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_key_and_a_token_come_in_as_who_they_are(
    gates: Gates, keys: Keys, protocol: str
) -> None:
    by_key = await gates.ask(protocol, bearer(keys.review))
    assert (by_key.code, by_key.caller) == ("ok", f"key:{key_id_of(keys.review)}")
    by_token = await gates.ask(protocol, bearer(token()))
    assert (by_token.code, by_token.caller) == ("ok", "jwt:team-7")
    other_header = await gates.ask(protocol, [("X-API-Key", keys.review)])
    assert other_header.caller == by_key.caller
    any_case = await gates.ask(protocol, [("authorization", f"bEARER  {keys.review}")])
    assert any_case.caller == by_key.caller


def attacks(keys: Keys) -> dict[str, tuple[Headers, str]]:
    """Headers of an attack, and what its refusal is about."""
    good, wrong = keys.review, keys.review[:-6] + "AAAAAA"
    none = forged({"alg": "none", "kid": "k1"}, claims())
    return {
        "no key": ([], "no key"),
        "empty": ([("Authorization", "")], "Bearer"),
        "scheme alone": ([("Authorization", "Bearer")], "characters"),
        "another scheme": ([("Authorization", f"Basic {good}")], "Bearer"),
        "no scheme": ([("Authorization", good)], "Bearer"),
        "two words": (bearer(f"{good} {good}"), "characters"),
        "quotes": (bearer(f'"{good}"'), "characters"),
        "wrong secret": (bearer(wrong), "not known"),
        "unknown id": (bearer("adj_000000000000_" + good[-43:]), "not known"),
        "malformed key": (bearer("adj_x"), "not known"),
        "key cut": (bearer(good[:-1]), "not known"),
        "key and more": (bearer(good + "A"), "not known"),
        "digest for key": (bearer("adj_" + "a" * 64), "not known"),
        "expired key": (bearer(keys.expired), "expired"),
        "revoked key": (bearer(keys.revoked), "revoked"),
        "alg none": (bearer(none), "token"),
        "alg none with a signature": (bearer(none + "AAAA"), "token"),
        "key confusion": (bearer(signed_with_the_public_key()), "token"),
        "stranger's token": (bearer(token(rsa_key("stranger"))), "token"),
        "wrong issuer": (bearer(token(iss="https://evil.example")), "issuer"),
        "wrong audience": (bearer(token(aud="other")), "audience"),
        "expired token": (bearer(token(exp=1)), "expired"),
        "token for ever": (bearer(token(exp=None)), "claims"),
        "unknown kid": (bearer(token(kid="k9")), "token"),
        "oversized token": (bearer("a" * (MAX_CHARACTERS + 1)), "more than"),
        "two Authorization headers": (bearer(good) + bearer(good), "more than one"),
        "a wrong and a right one": (bearer(wrong) + bearer(good), "more than one"),
        "two kinds of header": ([*bearer(good), ("X-API-Key", good)], "more than one"),
        "cookie": ([("Cookie", f"authorization=Bearer {good}")], "no key"),
        "proxy header": ([("Proxy-Authorization", f"Bearer {good}")], "no key"),
        "said to be local": (
            [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")],
            "no key",
        ),
    }


NAMES = list(attacks(Keys("adj_" + "0" * 12 + "_" + "A" * 43, "", "", "", "", None)))  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_no_attack_comes_in(gates: Gates, keys: Keys, protocol: str) -> None:
    for name, (headers, about) in attacks(keys).items():
        answer = await gates.ask(protocol, headers)
        if answer.http == 400:  # the WebSocket's server has a shorter limit of its own
            assert name == "oversized token"
            continue
        assert answer.code == "unauthenticated", name
        assert about in answer.detail, (name, answer.detail)
        if protocol != "grpc":
            assert (answer.http, answer.challenge) == (401, 'Bearer realm="adjudicate"'), name
        assert keys.review[20:] not in answer.detail


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_scope_allows_its_own_and_no_more(gates: Gates, keys: Keys, protocol: str) -> None:
    for credential, allowed, other in (
        (keys.review, REVIEW, LIBRARY),
        (keys.library, LIBRARY, REVIEW),
        (token(scope="review"), REVIEW, LIBRARY),
        (token(scope="admin"), LIBRARY, None),
        (token(scope=""), None, REVIEW),
    ):
        if allowed:
            assert (await gates.ask(protocol, bearer(credential), allowed)).code == "ok"
        if other:
            refused = await gates.ask(protocol, bearer(credential), other)
            assert refused.code == "forbidden"
            assert "scope" in refused.detail


@pytest.mark.parametrize("protocol", ["http", "stream", "jina-ws"])
@pytest.mark.parametrize(
    "query",
    ["?access_token={}", "?key={}", "?q=1&Token={}", "?{}", "?api_key=x", "?a=Bearer%20{}"],
)
async def test_a_key_in_the_url_is_refused_beside_a_good_one_too(
    gates: Gates, keys: Keys, protocol: str, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for headers in ([], bearer(keys.review)):
        answer = await gates.ask(protocol, headers, query=query.format(keys.review))
        assert answer.code == "unauthenticated"
        assert "not in the URL" in answer.detail
    shown = [r.getMessage() for r in caplog.records if r.name.startswith("uvicorn")]
    assert shown
    assert not [line for line in shown if keys.review in line]


@pytest.mark.parametrize("raw", [b"Bearer \xff\xfe", "Bearer kéy".encode(), "Bearer ключ".encode()])
async def test_what_is_not_ascii_is_refused(gates: Gates, raw: bytes) -> None:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gates.http_port}", verify=False
    ) as http:
        answer = await http.get("/ask/review", headers=[(b"Authorization", raw)])
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    # gRPC's own clients send no such thing; one that is made for it might.
    assert gates.authenticator is not None

    class Details:
        method = "/jina.JinaRPC/Call"
        invocation_metadata = (("authorization", raw.decode("latin-1")),)

    async def inside(details: object) -> str:
        return "inside"

    assert await GrpcGuard(gates.authenticator).intercept_service(inside, Details()) != "inside"


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_probes_need_no_key(gates: Gates, path: str) -> None:
    assert (await gates.get(path, [])).http == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/docs", "/openapi.json", "/redoc", "/v1/status", "/x")),
        *(
            ("GET", path)
            for path in ("/%2f", "/health/", "/%2e", "/health/../ask/review", "/HEALTH")
        ),
        *((method, "/") for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")),
        ("POST", "/health"),
    ],
)
async def test_nothing_else_is_to_be_had_without_one(gates: Gates, method: str, path: str) -> None:
    assert (await gates.get(path, [], method)).http == 401


async def test_grpc_health_needs_no_key_and_reflection_does(gates: Gates, keys: Keys) -> None:
    target = f"127.0.0.1:{gates.grpc_port}"
    wanted = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflecting = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [reply async for reply in reflecting(iter([wanted]))]
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        metadata = (("authorization", f"Bearer {keys.review}"),)
        replies = [reply async for reply in reflecting(iter([wanted]), metadata=metadata)]
        assert replies[0].list_services_response.service
        # Not even which methods there are.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/made.up/Method")(b"")
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_refused_call_is_refused_before_it_sends_anything(gates: Gates) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel:
        call = channel.stream_stream("/jina.JinaRPC/Call")()
        async with asyncio.timeout(5):
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_the_refusal_of_a_large_post_does_not_wait_for_it(gates: Gates) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gates.http_port)
    writer.write(b"POST /ask/review HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"401" in await reader.readline()
    writer.close()


async def test_a_stream_of_jinas_client_comes_in_as_its_caller(gates: Gates, keys: Keys) -> None:
    answer = await gates.call(bearer(keys.review), method="/jina.JinaRPC/Call")
    assert (answer.code, answer.caller) == ("ok", f"key:{key_id_of(keys.review)}")


async def test_two_callers_at_a_time_are_not_mixed_up(gates: Gates, keys: Keys) -> None:
    credentials = [keys.review, token(), token(sub="other")] * 10
    for protocol in ("http", "grpc"):
        answers = await asyncio.gather(*(gates.ask(protocol, bearer(c)) for c in credentials))
        wanted = [f"key:{key_id_of(keys.review)}", "jwt:team-7", "jwt:other"] * 10
        assert [answer.caller for answer in answers] == wanted


async def test_an_open_connection_of_a_revoked_key_gets_nothing_more(
    gates: Gates, keys: Keys
) -> None:
    key, secret = keys.store.create("short-lived", [Scope.REVIEW])
    url = f"ws://127.0.0.1:{gates.http_port}/v1/stream"
    metadata = (("authorization", f"Bearer {secret}"),)
    await asyncio.sleep(ASK_AGAIN_S)
    async with (
        websockets.connect(url, additional_headers=bearer(secret)) as socket,
        grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel,
    ):
        call = channel.stream_stream("/jina.JinaRPC/Call")(metadata=metadata)
        await call.write(REVIEW.encode())
        assert b'"ok"' in await call.read()
        keys.store.revoke(key.id)
        said = "ok"
        async with asyncio.timeout(10):
            while said == "ok":
                await socket.send(REVIEW)
                said = json.loads(await socket.recv())["code"]
                await asyncio.sleep(0.01)
        assert said == "unauthenticated"
        await call.write(REVIEW.encode())
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_browser_comes_in_by_subprotocol(gates: Gates, keys: Keys) -> None:
    offers = ["adjudicate.v1", f"bearer.{keys.review}"]
    answer = await gates.open("/v1/stream", [], subprotocols=offers)
    assert answer.caller == f"key:{key_id_of(keys.review)}"
    assert answer.seen.endswith("adjudicate.v1")  # else a browser closes the connection
    by_token = await gates.open(
        "/v1/stream", [], subprotocols=["adjudicate.v1", f"bearer.{token()}"]
    )
    assert by_token.caller == "jwt:team-7"


@pytest.mark.parametrize(
    ("offers", "headers"),
    [
        (["adjudicate.v1"], False),
        (["adjudicate.v1", "bearer."], False),
        (["adjudicate.v1", "bearer.adj_wrong"], False),
        (["adjudicate.v1", "{}"], False),
        (["adjudicate.v1", "bearer.{}", "bearer.{}x"], False),
        (["adjudicate.v1", "bearer.{}"], True),
    ],
)
async def test_a_wrong_offer_does_not(
    gates: Gates, keys: Keys, offers: list[str], headers: bool
) -> None:
    offered = [offer.format(keys.review) for offer in offers]
    sent = bearer(keys.review) if headers else []
    assert (await gates.open("/v1/stream", sent, subprotocols=offered)).http == 401


@pytest.mark.parametrize("protocol", ["http", "stream", "jina-ws"])
async def test_what_comes_after_the_guard_never_sees_the_key(
    gates: Gates, keys: Keys, protocol: str
) -> None:
    for headers in (bearer(keys.review), [("x-api-key", keys.review)]):
        answer = await gates.ask(protocol, headers)
        assert answer.code == "ok"
        assert "user-agent" in answer.seen
        assert keys.review not in answer.seen
    offers = ["adjudicate.v1", f"bearer.{keys.review}"]
    answer = await gates.open("/v1/stream", [], subprotocols=offers)
    assert keys.review not in answer.seen


async def test_no_log_line_holds_a_key(
    gates: Gates, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative level, of all that is ours: keys that are good, wrong and misplaced."""
    caplog.set_level(logging.DEBUG)
    good_token = token()
    secrets = (keys.review, keys.revoked, keys.review[:-6] + "AAAAAA", good_token)
    for secret in secrets:
        for protocol in PROTOCOLS:
            await gates.ask(protocol, bearer(secret))
    ours = ("executors", "adjudicate", "uvicorn", "sqlalchemy", "fastapi", "starlette")
    lines = [
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if record.name.startswith(ours)
    ]
    assert not [line for line in lines if any(secret[17:] in line for secret in secrets)]


async def test_jina_finds_its_health_check_behind_the_guard(gates: Gates) -> None:
    from jina.serve.runtimes.servers.http import _install_health_check

    from executors.gateway.access.asgi import HttpGuard
    from tests.gateway.access.gates import application

    app: Any = application(gates)
    before = len(app.routes)
    _install_health_check(HttpGuard(app, gates.authenticator), logging.getLogger("test"))
    assert len(app.routes) == before
