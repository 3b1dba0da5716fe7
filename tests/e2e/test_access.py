"""A Flow that asks for a key, over TLS, as talkative as it gets: who comes in, and what it logs."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
import trustme
import websockets
from docarray import DocList
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate import Ad, AsyncClient, Decision
from adjudicate.errors import AuthenticationError, ForbiddenError
from benchmarks._noop_flow import write_flow
from benchmarks._servers import MONITORS
from executors.shared.telemetry.ports import ROOMS
from tests.e2e.otlp import OtlpReceiver
from tests.e2e.service import ROOT, UP, Service

PROTOCOLS = ("grpc", "http", "ws")
TLS_SCHEMES = {"grpc": "grpcs", "http": "https", "ws": "wss"}


class Collector(OtlpReceiver):
    """Keeps what it is sent as bytes, every attribute with it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()

    def Export(self, request: Any, context: Any) -> Any:
        self.sent += request.SerializeToString()
        return super().Export(request, context)


class GuardedService(Service):
    """A service with access required and TLS, and the keys that the tests make."""

    def __init__(self, folder: Path, collector: Collector) -> None:
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        self.ca, certificate, key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
        authority.cert_pem.write_to_path(str(self.ca))
        certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        settings = {
            "ADJUDICATE_ACCESS__MODE": "required",
            "ADJUDICATE_ACCESS__POLL_S": "0.2",
            "ADJUDICATE_TLS__CERTIFICATE": str(certificate),
            "ADJUDICATE_TLS__KEY": str(key),
            "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"localhost:{collector.port}",
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
            "JINA_LOG_LEVEL": "DEBUG",
        }
        super().__init__(folder, settings, (*UP, "--flow", str(write_flow(folder))))
        self.urls = {
            name: url.replace(name, TLS_SCHEMES[name], 1) for name, url in self.urls.items()
        }
        self.collector = collector
        self.secrets: list[str] = []

    def healthy(self) -> bool:
        try:
            answer = httpx.get(f"{self.urls['http']}/health", timeout=5, verify=str(self.ca))
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def keys(self, *arguments: str) -> str:
        """What `adjudicate keys` prints."""
        return subprocess.run(
            [sys.executable, "-m", "adjudicate", "keys", *arguments],
            cwd=ROOT,
            env={**os.environ, **self._settings},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def key(self, scope: str) -> str:
        """A new key, and the service that runs knows it."""
        text = self.keys("create", "--name", scope, "--scope", scope)
        self.secrets.append(text)
        return text

    def client(self, protocol: str, key: str) -> AsyncClient:
        return AsyncClient(self.urls[protocol], api_key=key, ca=self.ca, retries=0)

    def channel(self) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
        target = self.urls["grpc"].partition("//")[2]
        return grpc.aio.secure_channel(target, credentials)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedService]:
    collector = Collector()
    collector.start()
    service = GuardedService(tmp_path_factory.mktemp("guarded"), collector)
    service.start()
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()
        collector.stop()


@pytest.fixture(scope="module")
def review_key(guarded: GuardedService) -> str:
    return guarded.key("review")


def ad() -> Ad:
    return Ad(text="Vitamin C, 500 mg per tablet", market="US")


def request_of(endpoint: str = "/review") -> DataRequest:
    """What Jina's clients send."""
    request = DataRequest()
    request.header.exec_endpoint = endpoint
    request.data.docs = DocList[Ad]([ad()])
    return request


def test_without_any_key_it_starts_and_says_how_to_make_one(guarded: GuardedService) -> None:
    (line,) = [line for line in guarded.output().splitlines() if "keys create" in line]
    said = json.loads(line)
    assert (said["room"], said["level"]) == ("gateway", "warning")
    assert said["event"].startswith("no key is valid")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_key_opens_what_its_scope_allows(
    guarded: GuardedService, review_key: str, protocol: str
) -> None:
    async with guarded.client(protocol, review_key) as client:
        (decision,) = await client.review_all([ad()])
        assert decision.outcome == "approve"
        assert len(await client.status()) == 4
        with pytest.raises(ForbiddenError, match="scope library"):
            await client.library.list()
        with pytest.raises(ForbiddenError, match="scope admin"):
            await client.models.load("any")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("wrong", ["none", "unknown", "altered", "no key at all"])
async def test_without_a_good_key_nothing_opens(
    guarded: GuardedService, review_key: str, protocol: str, wrong: str
) -> None:
    key = {
        "none": "",
        "unknown": "adj_000000000000_" + review_key[-43:],
        "altered": review_key[:-6] + "AAAAAA",
        "no key at all": "hello",
    }[wrong]
    guarded.secrets.append(key or review_key)
    async with guarded.client(protocol, key) as client:
        for ask in (client.review_all([ad()]), client.status(), client.library.list()):
            with pytest.raises(AuthenticationError):
                await ask


async def test_jinas_own_ways_in_ask_for_a_key(guarded: GuardedService, review_key: str) -> None:
    metadata = (("authorization", f"Bearer {review_key}"),)
    async with guarded.channel() as channel:
        stub = jina_pb2_grpc.JinaRPCStub(channel)
        answered = [reply async for reply in stub.Call(iter([request_of()]), metadata=metadata)]
        answered[0].document_array_cls = DocList[Decision]
        assert answered[0].docs[0].outcome == "approve"
        for call in (
            stub.Call(iter([request_of()])),
            jina_pb2_grpc.JinaInfoRPCStub(channel)._status(Empty()),
            jina_pb2_grpc.JinaDiscoverEndpointsRPCStub(channel).endpoint_discovery(Empty()),
        ):
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
        forbidden = [
            reply
            async for reply in stub.Call(iter([request_of("/models/load")]), metadata=metadata)
        ]
        assert forbidden[0].header.status.description.startswith("forbidden: ")


async def test_one_document_at_a_time_leads_past_no_door(
    guarded: GuardedService, review_key: str
) -> None:
    """Jina's service of single documents goes to the first room without asking anyone."""
    metadata = (("authorization", f"Bearer {review_key}"),)
    async with guarded.channel() as channel:
        call = channel.unary_stream("/jina.JinaSingleDocumentRequestRPC/stream_doc")(
            b"", metadata=metadata
        )
        assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("path", ["/", "/v1/stream", "/dry_run"])
async def test_no_websocket_opens_without_a_key(guarded: GuardedService, path: str) -> None:
    context = ssl.create_default_context(cafile=str(guarded.ca))
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(f"{guarded.urls['ws']}{path}", ssl=context)
    response = caught.value.response
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert json.loads(response.body or b"")["code"] == "unauthenticated"


async def test_jinas_websocket_opens_with_one_and_a_browsers_by_subprotocol(
    guarded: GuardedService, review_key: str
) -> None:
    context = ssl.create_default_context(cafile=str(guarded.ca))
    headers = {"Authorization": f"Bearer {review_key}"}
    async with websockets.connect(
        guarded.urls["ws"],
        ssl=context,
        additional_headers=headers,
        subprotocols=["bytes"],  # type: ignore[list-item]
    ) as socket:
        await socket.send(request_of().to_bytes())
        answer = DataRequest(bytes(await socket.recv()))  # type: ignore[arg-type]
        answer.document_array_cls = DocList[Decision]
        assert answer.docs[0].outcome == "approve"
    async with websockets.connect(
        f"{guarded.urls['ws']}/v1/stream",
        ssl=context,
        subprotocols=["adjudicate.v1", f"bearer.{review_key}"],  # type: ignore[list-item]
    ) as socket:
        assert socket.subprotocol == "adjudicate.v1"
        await socket.send('{"op": "review", "ads": [{"text": "hello"}]}')
        assert json.loads(await socket.recv())["decision"]["outcome"] == "approve"


async def test_a_key_in_a_url_is_refused_and_leaves_no_trace(
    guarded: GuardedService, review_key: str
) -> None:
    context = ssl.create_default_context(cafile=str(guarded.ca))
    async with httpx.AsyncClient(verify=context) as http:
        answer = await http.get(f"{guarded.urls['http']}/v1/status?access_token={review_key}")
    assert answer.status_code == 401
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{guarded.urls['ws']}/v1/stream?token={review_key}", ssl=context)


async def test_probes_need_no_key(guarded: GuardedService) -> None:
    async with httpx.AsyncClient(verify=str(guarded.ca)) as http:
        for url in (guarded.urls["http"], guarded.urls["ws"].replace("wss", "https")):
            assert (await http.get(f"{url}/")).status_code == 200
        health = (await http.get(f"{guarded.urls['http']}/health")).json()
        assert (await http.get(f"{guarded.urls['http']}/v1/status")).status_code == 401
    assert health["ready"] is True
    assert {name for room in health["rooms"] for name in room} == {"room", "ready"}
    async with guarded.channel() as channel:
        checked = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        dry = await jina_pb2_grpc.JinaGatewayDryRunRPCStub(channel).dry_run(Empty())
        assert dry.code == jina_pb2.StatusProto.SUCCESS


async def requests_of(guarded: GuardedService, key: str) -> AsyncIterator[str]:
    """What an open connection of each protocol answers, again and again."""
    async with guarded.client("grpc", key) as one, guarded.client("ws", key) as other:
        while True:
            for client in (one, other):
                try:
                    await client.review_all([ad()])
                    yield "ok"
                except AuthenticationError as error:
                    yield error.detail


async def test_a_revoked_key_is_refused_within_seconds_on_open_connections_too(
    guarded: GuardedService,
) -> None:
    key = guarded.key("review")
    answers = requests_of(guarded, key)
    assert [await anext(answers), await anext(answers)] == ["ok", "ok"]
    guarded.keys("revoke", key[4:16])
    async with asyncio.timeout(10):
        while "ok" in (said := {await anext(answers), await anext(answers)}):
            pass
    assert all("revoked" in one for one in said)
    await answers.aclose()


def test_rooms_are_for_the_gateway_alone_and_the_gateway_is_for_everybody(
    guarded: GuardedService,
) -> None:
    ports = {int(url.rsplit(":", 1)[1]) for url in guarded.urls.values()}
    listening = [c for p in guarded.family() for c in p.net_connections() if c.status == "LISTEN"]
    own = {c.laddr.ip for c in listening if c.laddr.port in ports}
    rooms = {c.laddr.ip for c in listening if c.laddr.port not in ports}
    assert own <= {"0.0.0.0", "::"}
    monitors = set(range(guarded.monitor, guarded.monitor + MONITORS))
    assert len({c.laddr.port for c in listening} - ports - monitors) == 4
    assert rooms <= {"127.0.0.1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"ADJUDICATE_TLS__CERTIFICATE": "/no/cert.pem", "ADJUDICATE_TLS__KEY": "/no/k"},
            "/no/cert",
        ),
        ({"ADJUDICATE_ACCESS__HOST": "0.0.0.0"}, "ADJUDICATE_ACCESS__HOST: 0.0.0.0 is reached"),
    ],
    ids=["no certificate", "open to others"],
)
def test_what_would_be_unsafe_does_not_start(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    service = Service(tmp_path, settings)
    service.start()
    assert service.process.wait(60) == 78
    (line,) = service.output().strip().splitlines()
    assert json.loads(line)["level"] == "critical"
    assert said in line


def test_open_access_is_for_this_machine_alone(service: Service) -> None:
    ports = {int(url.rsplit(":", 1)[1]) for url in service.urls.values()}
    listening = [
        connection
        for process in service.family()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
    ]
    assert len(listening) == 3
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_no_key_is_in_a_log_or_a_trace(guarded: GuardedService, review_key: str) -> None:
    """After good, wrong, revoked and misplaced keys, at Jina's most talkative level."""
    deadline = time.monotonic() + 20
    while b"gateway/review" not in guarded.collector.sent and time.monotonic() < deadline:
        time.sleep(0.5)
    sent, log = bytes(guarded.collector.sent), guarded.output()
    assert '"level":"debug"' in log
    assert b"gateway/review" in sent
    for secret in {review_key, *guarded.secrets} - {"hello"}:
        for part in (secret, secret[17:]):
            assert part not in log
            assert part.encode() not in sent


def test_a_killed_supervisor_leaves_no_process_behind(guarded: GuardedService) -> None:
    """The last of this Flow."""
    supervisor, *rooms = guarded.family()
    assert len(rooms) >= len(ROOMS)
    supervisor.kill()
    _, alive = psutil.wait_procs(rooms, timeout=60)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
