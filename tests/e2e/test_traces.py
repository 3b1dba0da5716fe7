"""Traces of the running Flow: whole from the client to SQL and model, and free of what ads hold."""

from __future__ import annotations

import asyncio
import io
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from socket import create_server

import httpx
import pytest
import websockets
from docarray import DocList
from opentelemetry.sdk.trace import TracerProvider
from PIL import Image, PngImagePlugin

from adjudicate import Ad, AsyncClient
from adjudicate.documents import Lookup
from adjudicate.errors import AdjudicateError
from adjudicate.tracing import new_traceparent
from adjudicate.transports.address import parse_url
from adjudicate.transports.grpc import GrpcTransport
from benchmarks._noop_flow import NoopFlow
from tests.e2e.conftest import sample_ad, sample_rows
from tests.e2e.otlp import OtlpReceiver, ReceivedSpan
from tests.e2e.service import Service

ROOMS = ("encoder", "gateway", "judge", "ledger", "library")
SERVICES = {f"adjudicate-{room}" for room in ROOMS}
PATIENCE_S = 30.0


def judged_ad() -> Ad:
    """One that is flagged, and that no cache knows."""
    flagged = next(row for row in sample_rows() if row["kind"] == "image" and row["rule"])
    return sample_ad({**flagged, "text": f"{flagged['text']} No. {random.random()}"})


def is_whole(spans: Sequence[ReceivedSpan]) -> bool:
    """Whether every room has sent its spans, and all hang below one that is not here."""
    above = {span.parent_id for span in spans} - {span.span_id for span in spans}
    names = {span.name for span in spans}
    return (
        {span.service for span in spans} >= SERVICES
        and len(above) == 1
        and {"search", "record", "COMMIT"} <= names
        and any(name.startswith("chat ") for name in names)
    )


async def test_one_review_is_one_connected_trace_down_to_sql_and_model(
    service: Service, receiver: OtlpReceiver, protocol: str
) -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("advertiser's upload") as upload:
        async with AsyncClient(service.urls[protocol]) as client:
            (decided,) = await client.review_all([judged_ad()])
    assert decided.judged
    assert decided.trace_id == f"{upload.get_span_context().trace_id:032x}"
    spans = await asyncio.to_thread(receiver.wait_for, decided.trace_id, is_whole, PATIENCE_S)
    # Only the client's span is not here: nothing has exported it.
    assert is_whole(spans), [(span.service, span.name) for span in spans]
    assert not [span for span in spans if span.failed]

    chat = next(span for span in spans if span.name.startswith("chat "))
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.usage.input_tokens"] > 0
    assert chat.attributes["adjudicate.batch.size"] == 1
    assert chat.attributes["adjudicate.batch.wait"] >= 0
    assert chat.attributes["adjudicate.device"]
    assert any(span.name.startswith("embeddings ") for span in spans)
    sql = [span for span in spans if "db.query.text" in span.attributes]
    assert {span.service for span in sql} == {"adjudicate-library", "adjudicate-ledger"}
    assert {span.attributes["db.system.name"] for span in sql} == {"sqlite"}


async def test_a_batch_links_to_every_ad_in_it_and_each_ad_links_back(
    service: Service, receiver: OtlpReceiver
) -> None:
    async with AsyncClient(service.urls["grpc"], request_size=1, prefetch=32) as client:
        decided = await client.review_all([Ad(text=f"linked {n}") for n in range(32)])
    wanted = {decision.trace_id for decision in decided}
    assert len(wanted) == 32

    def linked() -> bool:
        spans = receiver.all_spans()
        rooms = [s for s in spans if s.name == "encoder/review" and s.trace_id in wanted]
        batches = {s.span_id: s for s in spans if s.name.startswith("embeddings ")}
        both = [
            room
            for room in rooms
            if any(room.span_id in batches[one].linked for one in room.linked if one in batches)
        ]
        return {room.trace_id for room in both} == wanted

    for _ in range(int(PATIENCE_S / 0.3)):
        if linked():
            break
        await asyncio.sleep(0.3)
    assert linked()


async def test_whoever_sends_no_trace_gets_one_and_finds_it(
    service: Service, receiver: OtlpReceiver
) -> None:
    async with httpx.AsyncClient(base_url=service.urls["http"]) as http:
        answer = await http.post("/v1/review", json={"ads": [{"text": "one"}, {"text": "two"}]})
    ids = {decision["trace_id"] for decision in answer.json()["decisions"]}
    (trace_id,) = ids

    def has_root(spans: list[ReceivedSpan]) -> bool:
        return {"POST /v1/review", "ledger/review"} <= {span.name for span in spans}

    spans = await asyncio.to_thread(receiver.wait_for, trace_id, has_root, PATIENCE_S)
    root = next(span for span in spans if span.name == "POST /v1/review")
    assert (root.parent_id, root.attributes["http.route"]) == ("", "/v1/review")
    assert root.attributes["http.response.status_code"] == 200
    below = [span for span in spans if span.name.endswith("/review") and span is not root]
    assert {span.parent_id for span in below} == {root.span_id}


async def test_errors_say_their_trace_on_every_protocol(service: Service) -> None:
    traceparent = new_traceparent()
    trace_id = traceparent[3:35]
    headers = {"traceparent": traceparent}
    async with httpx.AsyncClient(base_url=service.urls["http"], headers=headers) as http:
        assert (await http.get("/v1/nothing")).json()["trace_id"] == trace_id
    stream = f"{service.urls['ws']}/v1/stream"
    async with websockets.connect(stream, additional_headers=headers) as socket:
        await socket.send(json.dumps({"op": "nothing", "request_id": 1}))
        assert json.loads(await socket.recv())["trace_id"] == trace_id
    transport = GrpcTransport(parse_url(service.urls["grpc"]), headers)
    with pytest.raises(AdjudicateError) as refused:
        await transport._post("/nothing", DocList[Lookup]([Lookup(id="1")]), Lookup)
    await transport.close()
    assert refused.value.trace_id == trace_id
    async with AsyncClient(service.urls["http"]) as client:
        with pytest.raises(AdjudicateError) as missing:
            await client.decision("nothing")
    assert len(missing.value.trace_id) == 32


async def test_probes_leave_no_spans(service: Service, receiver: OtlpReceiver) -> None:
    noise, wanted = new_traceparent(), new_traceparent()
    async with httpx.AsyncClient(base_url=service.urls["http"]) as http:
        for route in ("/health", "/v1/status", "/", "/docs", "/openapi.json"):
            await http.get(route, headers={"traceparent": noise})
        await http.post(
            "/v1/review", json={"ads": [{"text": "late"}]}, headers={"traceparent": wanted}
        )
    transport = GrpcTransport(parse_url(service.urls["grpc"]), {"traceparent": noise})
    await transport.status()
    await transport.close()
    async with AsyncClient(service.urls["grpc"]) as client:
        (after,) = await client.review_all([Ad(text="later")])
    for trace_id in (wanted[3:35], after.trace_id):
        seen = await asyncio.to_thread(receiver.wait_for, trace_id, bool, PATIENCE_S)
        assert seen
    assert receiver.spans(noise[3:35]) == []


async def test_a_client_that_asks_for_no_trace_gets_an_id_and_no_spans(
    service: Service, receiver: OtlpReceiver
) -> None:
    quiet = f"{new_traceparent()[:-2]}00"
    async with AsyncClient(service.urls["grpc"]) as client:
        (first,) = await client.review_all([Ad(text="unseen", traceparent=quiet)])
        (after,) = await client.review_all([Ad(text="seen")])
    assert first.trace_id == quiet[3:35]
    await asyncio.to_thread(
        receiver.wait_for, after.trace_id, lambda s: len({x.service for x in s}) > 3, PATIENCE_S
    )
    assert receiver.spans(first.trace_id) == []


async def test_what_an_ad_holds_and_who_sends_it_is_in_no_span(
    service: Service, receiver: OtlpReceiver
) -> None:
    planted = [
        f"planted-{what}-{random.getrandbits(64):x}" for what in ("copy", "name", "key", "id")
    ]
    copy, name, key, odd = planted
    note = f"planted-picture-{random.getrandbits(64):x}"
    ad = Ad(
        text=f"{judged_ad().text} {copy}",
        image=picture(note),
        advertiser=name,
        context={"campaign": name},
        idempotency_key=key,
    )
    headers = {"authorization": f"Bearer {key}", "x-api-key": key, "tracestate": f"a={odd}"}
    traces = []
    for url in service.urls.values():
        async with AsyncClient(url) as client:
            traces += [decision.trace_id for decision in await client.review_all([ad])]
    async with httpx.AsyncClient(base_url=service.urls["http"], headers=headers) as http:
        await http.get(f"/v1/decisions/{odd}")
        await http.get(f"/v1/{odd}", params={"q": odd})
        body = {"ads": [{"text": copy, "traceparent": f"00-{odd}"}], odd: 1}
        await http.post("/v1/review", json=body)
        await http.post("/v1/review", json={"ads": body["ads"]})
    (last,) = await judged(service)
    for trace_id in (*traces, last):
        assert await asyncio.to_thread(
            receiver.wait_for,
            trace_id,
            lambda s: "ledger/review" in {x.name for x in s},
            PATIENCE_S,
        )
    seen = receiver.bytes_seen()
    assert b"gateway/review" in seen
    for text in (*planted, note):
        assert text.encode() not in seen, text


async def judged(service: Service) -> list[str]:
    async with AsyncClient(service.urls["grpc"]) as client:
        return [decision.trace_id for decision in await client.review_all([judged_ad()])]


def picture(note: str) -> bytes:
    """A PNG that says `note` in a text chunk, as it is, uncompressed."""
    said = PngImagePlugin.PngInfo()
    said.add_text("comment", note)
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


@pytest.mark.slow
async def test_a_collector_that_never_answers_fails_no_request_and_holds_no_stop(
    tmp_path: Path,
) -> None:
    with create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        settings = {
            "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"localhost:{port}",
            "ADJUDICATE_TELEMETRY__METRICS_INTERVAL_S": "1",
        }
        with NoopFlow(tmp_path, settings) as flow:
            async with AsyncClient(flow.urls["grpc"], request_size=4) as client:
                for _ in range(3):
                    decided = await client.review_all([Ad(text=f"fine {n}") for n in range(200)])
                    assert {decision.outcome for decision in decided} == {"approve"}
            await asyncio.to_thread(said_by, flow.server.log, port, ROOMS)
        log = flow.server.log.read_text()
    assert said_by(flow.server.log, port) == sorted(ROOMS)  # once each
    assert "stopped" in log
    assert "was killed" not in log
    assert "opentelemetry" not in log


def said_by(log: Path, port: int, wanted: Sequence[str] = ()) -> list[str]:
    """The rooms that have logged that the receiver fails, as soon as all of `wanted` have."""
    said = f"the OTLP receiver localhost:{port} fails: it does not answer in time"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines() if said in line]
        rooms = sorted(line["room"] for line in lines)
        if set(wanted) <= set(rooms) or time.monotonic() > deadline:
            return rooms
        time.sleep(0.1)
