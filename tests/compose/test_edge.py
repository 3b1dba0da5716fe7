"""compose's nginx in front of the real Flow: TLS, three protocols on one port."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import websockets
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

from adjudicate import Ad, AsyncClient, Decision
from adjudicate.errors import AdjudicateError, AuthenticationError, CertificateError, Code
from benchmarks._exported import ExportedFlow
from benchmarks._servers import ENVIRONMENT
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.shared.settings import ROOT
from tests.compose.conftest import NewEdge
from tests.compose.edge import Edge
from tests.e2e.conftest import plain_ads

PROTOCOLS = ("grpc", "http", "ws")
CLAIM = "Cures diabetes in 7 days"


class Front:
    """The Flow with nginx before it."""

    def __init__(self, flow: ExportedFlow, edge: Edge, ca: Path, key: str) -> None:
        self.flow, self.edge, self.ca, self.key = flow, edge, ca, key
        self.direct = flow.urls[0]

    def client(self, protocol: str, **options: Any) -> AsyncClient:
        chosen = {"api_key": self.key, "ca": self.ca, **options}
        return AsyncClient(self.edge.urls[protocol], **chosen)

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.edge.urls["http"],
            verify=ssl.create_default_context(cafile=str(self.ca)),
            timeout=60,
            **options,
        )

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
        return grpc.secure_channel(self.edge.urls["grpc"].partition("//")[2], credentials)

    def logged(self, **fields: Any) -> dict[str, Any]:
        """The line of nginx' log with these values. It is written after the answer."""
        for _ in range(600):
            for line in self.edge.access_log.read_text().splitlines():
                found: dict[str, Any] = json.loads(line)
                if found.items() >= fields.items():
                    return found
            time.sleep(0.05)
        raise AssertionError(f"no line with {fields}")


@pytest.fixture(scope="module")
def front(
    tmp_path_factory: pytest.TempPathFactory, new_edge: NewEdge, secrets: Path
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("flow")
    settings = {
        "ADJUDICATE_ACCESS__MODE": "required",
        "ADJUDICATE_ACCESS__POLL_S": "0.2",
        "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
    }
    with closing(KeyStore(f"sqlite:///{folder / 'adjudicate.db'}")) as keys:
        _, key = keys.create("tests", [Scope.REVIEW])
    with ExportedFlow(folder, settings) as flow:
        edge = new_edge()
        edge.start(flow.urls)
        yield Front(flow, edge, secrets / "ca.pem", key)


def picture(side: int) -> bytes:
    """Noise, which no format makes smaller: 3 bytes a pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


async def decided(client: AsyncClient, *ads: Ad) -> list[Decision]:
    async with client:
        return await client.review_all(ads)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_ad_is_decided_as_without_nginx(front: Front, protocol: str) -> None:
    ads = (Ad(text=CLAIM, market="US"), Ad(text="Vitamin C, 500 mg", market="US"))
    straight = AsyncClient(front.direct[protocol], api_key=front.key)
    found = await decided(front.client(protocol), *ads)
    assert [each.outcome for each in found] == [
        each.outcome for each in await decided(straight, *ads)
    ]
    assert found[0].flagged
    assert not found[1].flagged


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_picture_of_many_megabytes_comes_through(front: Front, protocol: str) -> None:
    image = picture(2_200)
    assert 14_000_000 < len(image) < 20_000_000
    (decision,) = await decided(front.client(protocol), Ad(image=image, market="US"))
    assert decision.problem is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_picture_that_is_too_large_is_its_ads_error(front: Front, protocol: str) -> None:
    ads = (Ad(image=picture(2_600), market="US"), Ad(text="Nice tea", market="US"))
    large, small = await decided(front.client(protocol), *ads)
    assert large.problem is not None
    assert large.problem.code == Code.IMAGE_TOO_LARGE
    assert small.problem is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_stream_of_many_ads_is_answered_in_full(front: Front, protocol: str) -> None:
    ads = plain_ads(120)
    found = await decided(front.client(protocol, request_size=4, prefetch=8), *ads)
    assert [each.ad_id for each in found] == [ad.id for ad in ads]
    assert not [each.problem for each in found if each.problem]


JINA_CLIENT = """
import sys
from docarray import DocList
from jina import Client
from adjudicate import Ad
from adjudicate.documents import Decision
port, key = sys.argv[1:]
sent = {"authorization": f"Bearer {key}"}
credentials = {"grpc": {"metadata": tuple(sent.items())}, "websocket": {"headers": sent}}
ads = DocList[Ad]([Ad(id=str(n), text=f"Tea number {n}") for n in range(12)])
for protocol, own in credentials.items():
    # Jina's WebSocket client mixes up the answers to several requests, without nginx too.
    size = 3 if protocol == "grpc" else 12
    client = Client(host="localhost", port=int(port), protocol=protocol, tls=True)
    found = client.post("/review", ads, return_type=DocList[Decision], request_size=size, **own)
    print(protocol, sorted(int(each.ad_id) for each in found))
"""


def test_jinas_own_client_is_served_through_it(front: Front) -> None:
    """In a process of its own: gRPC keeps the authority that it was first told."""
    trusted = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(front.ca), "SSL_CERT_FILE": str(front.ca)}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", JINA_CLIENT, str(front.edge.port), front.key],
        env={**os.environ, **ENVIRONMENT, **trusted},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = [line for line in ran.stdout.splitlines() if line.endswith("]")]
    assert said == [f"{name} {list(range(12))}" for name in ("grpc", "websocket")], ran.stderr


async def test_frames_of_a_websocket_come_one_by_one(front: Front) -> None:
    url = f"{front.edge.urls['ws']}/v1/stream"
    tls = ssl.create_default_context(cafile=str(front.ca))
    protocols = [websockets.Subprotocol(each) for each in ("adjudicate.v1", f"bearer.{front.key}")]
    async with websockets.connect(url, ssl=tls, subprotocols=protocols) as socket:
        assert socket.subprotocol == "adjudicate.v1"
        ads = [{"text": "Nice tea"}, {"text": "Vitamin C"}]
        await socket.send(json.dumps({"op": "review", "request_id": 7, "ads": ads}))
        kinds = [json.loads(await socket.recv())["type"] for _ in range(3)]
        assert kinds == ["decision", "decision", "end"]
        await socket.send("[]")
        assert json.loads(await socket.recv())["code"] == Code.MALFORMED


REFUSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/v1/review", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("POST", "/v1/review", {"content": b"{}", "headers": {"content-type": "text/plain"}}),
    ("POST", "/v1/review", {"json": {"ads": []}}),
    ("POST", "/v1/review", {"json": {"ads": [{"text": "a"}] * 1_001}}),
    ("PUT", "/v1/review", {}),
    ("GET", "/v1/decisions/nothing", {}),
    ("GET", "/v1/nothing", {}),
    ("GET", "/v1/library", {}),  # which the key does not allow
)


def same(answer: httpx.Response) -> dict[str, Any]:
    """What must be alike: all but the trace id, and what belongs to a connection or a clock."""
    told = {name: value for name, value in answer.json().items() if name != "trace_id"}
    kept = ("content-type", "www-authenticate", "allow", "retry-after", "cache-control")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return {"status": answer.status_code, "body": told, "headers": headers}


@pytest.mark.parametrize(("method", "path", "sent"), REFUSED)
def test_what_the_gateway_refuses_is_refused_in_its_words(
    front: Front, method: str, path: str, sent: dict[str, Any]
) -> None:
    key = {"authorization": f"Bearer {front.key}"}
    sent = {**sent, "headers": {**key, **sent.get("headers", {})}}
    with front.http() as http, httpx.Client(base_url=front.direct["http"]) as straight:
        found = same(http.request(method, path, **sent))
        assert found == same(straight.request(method, path, **sent))
    assert found["status"] >= 400
    assert found["body"]["code"] in set(Code)


# The longest that the gateway reads; its WebSocket's library wants the whole header in 8 KiB.
LONGEST = {"grpc": "x" * 8_192, "http": "x" * 8_192, "ws": "x" * 8_150}


@pytest.mark.parametrize("key", [None, "adj_0123456789ab_wrong", "longest"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_who_has_no_key_is_refused_by_the_gateway(
    front: Front, protocol: str, key: str | None
) -> None:
    key = LONGEST[protocol] if key == "longest" else key
    async with front.client(protocol, api_key=key, retries=0) as client:
        with pytest.raises(AuthenticationError) as refusal:
            await client.review_all([Ad(text="Nice tea")])
    assert refusal.value.code == Code.UNAUTHENTICATED


def test_a_body_that_nobody_wants_does_not_hide_the_refusal(front: Front) -> None:
    with front.http() as http:
        answer = http.post("/v1/review", content=os.urandom(8_000_000))
    assert answer.status_code == 401
    assert answer.json()["code"] == Code.UNAUTHENTICATED
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_in_a_url_is_refused_and_stands_in_no_log(front: Front) -> None:
    with front.http() as http:
        answer = http.get("/v1/decisions", params={"api_key": front.key})
    assert answer.json()["code"] == Code.UNAUTHENTICATED
    assert front.logged(path="/v1/decisions")["status"] == 401
    assert front.key not in front.edge.access_log.read_text() + front.edge.nginx.log


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_who_does_not_know_the_authority_does_not_trust_it(
    front: Front, protocol: str
) -> None:
    async with front.client(protocol, ca=None, retries=0) as client:
        with pytest.raises(CertificateError):
            await client.review_all([Ad(text="Nice tea")])


def test_grpcs_health_service_answers_without_a_key(front: Front) -> None:
    with front.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service="adjudicate"), timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_deadline_of_grpc_goes_on_to_the_gateway(front: Front) -> None:
    with front.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watched = stub.Watch(health_pb2.HealthCheckRequest(), timeout=1)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(watched)
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_trace_goes_through_and_is_in_nginx_log(front: Front) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "authorization": f"Bearer {front.key}",
        "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01",
    }
    with front.http(headers=headers) as http:
        (decision,) = http.post("/v1/review", json={"ads": [{"text": "Nice tea"}]}).json()[
            "decisions"
        ]
    assert decision["trace_id"] == trace_id
    logged = front.logged(trace_id=trace_id)
    assert logged["address"] == "127.0.0.1"
    assert logged["upstream_status"] == "200"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_reload_loses_nothing(front: Front, protocol: str) -> None:
    ads = plain_ads(60)
    async with front.client(protocol, request_size=2, prefetch=4, retries=0) as client:
        stream = client.review(ads)
        found = [(await anext(stream)).ad_id]
        await asyncio.to_thread(front.edge.reload, front.flow.urls)
        found += [each.ad_id async for each in stream]
    assert sorted(map(str, found)) == sorted(str(ad.id) for ad in ads)


def test_a_gateway_that_starts_again_behind_nginx_loses_no_ad(front: Front) -> None:
    """Clients repeat what was refused or cut off; each of them gets each ad once.

    They run beside: what this thread starts lives as long as it does.
    """
    begun = {protocol: threading.Event() for protocol in PROTOCOLS}

    async def review(protocol: str) -> list[str]:
        ads = [Ad(id=f"{protocol}-{ad.id}", text=ad.text) for ad in plain_ads(80)]
        found = []
        async with front.client(protocol, request_size=2, prefetch=2, retries=40) as client:
            async for each in client.review(ads):
                assert each.problem is None
                found.append(each.ad_id or "")
                begun[protocol].set()
        return found

    with ThreadPoolExecutor(len(PROTOCOLS)) as pool:
        running = {name: pool.submit(asyncio.run, review(name)) for name in PROTOCOLS}
        assert all(event.wait(60) for event in begun.values())
        front.flow.restart_replica("gateway", 0)
        found = {protocol: one.result(240) for protocol, one in running.items()}
    for protocol in PROTOCOLS:
        assert sorted(found[protocol]) == sorted(f"{protocol}-{ad.id}" for ad in plain_ads(80))
    assert front.logged(path="/v1/review", status=503)


async def test_while_no_gateway_listens_the_refusal_has_its_code(front: Front) -> None:
    """The last: it takes the gateway away."""
    assert await asyncio.to_thread(front.flow.stop_replica, "gateway", 0) == 0
    for protocol in PROTOCOLS:
        async with front.client(protocol, retries=0) as client:
            with pytest.raises(AdjudicateError) as refusal:
                await client.review_all([Ad(text="Nice tea")])
        assert refusal.value.code == Code.ROOM_UNAVAILABLE
        assert refusal.value.retry_after == 1
