"""A service without models, spoken to over all three protocols: what the client's tests talk to."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import uvicorn
from docarray import DocList
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.types.request.data import DataRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as WebSocketRequest
from websockets.http11 import Response as WebSocketResponse

from adjudicate.documents import (
    AD_FIELDS,
    Ad,
    Bank,
    Case,
    Change,
    Decision,
    Exemplar,
    Finding,
    Lookup,
    Match,
    Problem,
    RoomReport,
    RoomStatus,
)
from adjudicate.errors import STATUS, AdjudicateError, Code
from adjudicate.report.merge import merge
from adjudicate.tracing import trace_id
from adjudicate.transports.faults import fault
from tests.client.fake_library import FakeLibrary

WEBSOCKET_BYTES = 4 * 2**20
"""Of one frame."""
ROOMS = ("encoder", "library", "judge", "ledger")


class FakeService:
    """Decides by an ad's copy: `cures` rejects, `maybe` escalates, anything else approves.

    `slow:0.2` in the copy takes that many seconds. An ad with neither picture nor copy errs.
    """

    def __init__(self) -> None:
        self.requests: list[list[Ad]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[AdjudicateError] = []
        """Raised by the next requests, one each."""
        self.lose = 0
        """How many of the next reviews answer one decision too few."""
        self.drop_after: int | None = None
        """The next WebSocket review breaks after this many decisions."""
        self.close_reason = ""
        """Said when it breaks so."""
        self.key = ""
        """Set: who does not bring it is refused."""
        self.lost = 0
        """How many of the next reviews are decided, and break before they are answered."""
        self.room_down = ""
        self.in_flight = self.most_in_flight = 0
        self.decided: dict[str, Decision] = {}
        self.library = FakeLibrary()
        self.reports: list[RoomReport] = []
        """What the processes tell when a report is asked for."""
        self.windows: list[dict[str, str]] = []
        """That were asked for."""

    @property
    def exemplars(self) -> dict[str, Exemplar]:
        return self.library.exemplars

    def arrive(self, headers: dict[str, str]) -> None:
        """Note what a request came with, and refuse it without the key."""
        self.headers.append(headers)
        sent = {name.lower(): value for name, value in headers.items()}
        if self.key and sent.get("authorization") != f"Bearer {self.key}":
            raise fault(Code.UNAUTHENTICATED)

    def refuse(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    async def decide(self, ad: Ad) -> Decision:
        slow = re.search(r"slow:([\d.]+)", ad.text)
        await asyncio.sleep(float(slow[1]) if slow else 0)
        decision = Decision(ad_id=ad.id, trace_id=trace_id(ad.traceparent), confidence=0.9)
        if not ad.text and ad.image is None:
            decision.problem = Problem(code=Code.AD_EMPTY, detail=STATUS[Code.AD_EMPTY].title)
            decision.reasons = [Code.AD_EMPTY]
        elif "cures" in ad.text:
            decision.outcome, decision.rule, decision.judged = "reject", "cure-claim", True
            decision.matches = DocList[Match]([Match(exemplar_id="x1", similarity=0.91)])
            found = Finding(rule="cure-claim", claim=ad.text, verdict="violation", probability=0.97)
            decision.findings = DocList[Finding]([found])
        else:
            decision.outcome = "escalate" if "maybe" in ad.text else "approve"
        decision.timings = {"encoder": 1.5, "library": 0.5}
        self.decided[decision.id] = decision
        return decision

    async def review(self, ads: list[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """As they become ready."""
        self.refuse()
        self.requests.append(ads)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

        async def one(index: int, ad: Ad) -> tuple[int, Decision]:
            return index, await self.decide(ad)

        try:
            tasks = [asyncio.create_task(one(*numbered)) for numbered in enumerate(ads)]
            if self.lose:
                self.lose -= 1
                tasks.pop().cancel()
            if self.lost:
                self.lost -= 1
                await asyncio.gather(*tasks)
                raise fault(Code.ROOM_UNAVAILABLE, "the answer is lost")
            for task in asyncio.as_completed(tasks):
                yield await task
        finally:
            self.in_flight -= 1

    async def review_in_order(self, ads: list[Ad]) -> list[Decision]:
        by_index = {index: decision async for index, decision in self.review(ads)}
        return [by_index[index] for index in sorted(by_index)]

    def embed(self, ad: Ad) -> Case:
        case = Case.of(ad)
        case.problem = None
        if ad.text:
            case.text_embedding = [0.6, 0.8, float(len(ad.text)) / 3]
        if ad.image:
            case.image_embedding = [1 / 3, 2 / 3, 2 / 3]
        if not ad.text and not ad.image:
            case.problem = Problem(code=Code.AD_EMPTY, detail="nothing there")
        return case

    def search(self, ad: Ad, limit: int) -> list[Match]:
        names = list(self.exemplars) or [f"x{n}" for n in range(limit)]
        return [
            Match(exemplar_id=name, similarity=1 - n / 10) for n, name in enumerate(names[:limit])
        ]

    def rooms(self) -> list[RoomStatus]:
        return [RoomStatus(room=room, ready=room != self.room_down) for room in ROOMS]

    def report(self, asked: dict[str, Any]) -> list[RoomReport]:
        names = ("window", "since", "until")
        self.windows.append({name: asked[name] for name in names if asked.get(name)})
        return self.reports

    async def operation(self, op: str, body: dict[str, Any]) -> Any:
        """What HTTP and WebSocket answer."""
        self.refuse()
        ads = [Ad(**ad) for ad in body.get("ads", [])]
        if op == "embed":
            return {"embeddings": [_embedding(self.embed(ad)) for ad in ads]}
        if op == "search":
            found = [(ad, self.search(ad, body["limit"])) for ad in ads]
            return {"results": [{"ad_id": ad.id, "matches": _json(m)} for ad, m in found]}
        if op.startswith("library."):
            return self.library_operation(op.removeprefix("library."), body)
        if op == "decisions":
            return {"decisions": _json(list(self.decided.values())[: int(body["limit"])])}
        if op == "report":
            told = self.report(body)
            return merge(told).model_dump(mode="json") if told else {}
        if op == "status":
            return {"rooms": _json(self.rooms())}
        if body["id"] not in self.decided:
            raise fault(Code.NOT_FOUND)
        return self.decided[body["id"]].model_dump(mode="json")

    def library_operation(self, op: str, body: dict[str, Any]) -> Any:
        library = self.library
        fields = {k: v for k, v in body.items() if k not in ("id", "op", "request_id")}
        if op == "list":
            return {"exemplars": _json(library.page(body))}
        if op == "add":
            added = library.add([Exemplar(**e) for e in body["exemplars"]], body["dry_run"])
            return {"exemplars": _json(added)}
        if op == "held":
            return {"exemplars": _json(library.held(body["hashes"]))}
        if op == "banks":
            return {"banks": _json(library.banks())}
        if op == "changes":
            return {"changes": _json(library.changes(body["exemplar"]))}
        if op == "remove":
            library.remove(body["id"], fields)
            return {}
        if op == "get":
            return library.get(body["id"]).model_dump(mode="json")
        answer = {"set": library.set, "bank": library.bank}[op](body["id"], fields)
        return answer.model_dump(mode="json")


def _json(documents: list[Any]) -> list[Any]:
    return [document.model_dump(mode="json") for document in documents]


def _embedding(case: Case) -> dict[str, Any]:
    def plain(vector: Any) -> Any:
        return None if vector is None else [float(value) for value in vector]

    problem = case.problem.model_dump(mode="json") if case.problem else None
    vectors = {"image": plain(case.image_embedding), "text": plain(case.text_embedding)}
    return {"ad_id": case.ad_id, **vectors, "problem": problem}


def _known(ad: dict[str, Any]) -> Ad:
    unknown = set(ad) - set(AD_FIELDS)
    assert not unknown, f"sent fields that an ad has not: {unknown}"
    return Ad(**ad)


ABORTED = (Code.UNAUTHENTICATED, Code.OVERLOADED)
"""Refused as a call; what else is refused says so in its response, as Jina's gateway does."""


async def abort(context: Any, error: AdjudicateError) -> None:
    """As `google.rpc.Status`, with `ErrorInfo` and `RetryInfo`."""
    canonical = grpc.StatusCode[STATUS[error.code].grpc]
    status = status_pb2.Status(code=canonical.value[0], message=error.detail)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.code, domain="adjudicate"))
    if error.retry_after is not None:
        wait = Duration()
        wait.FromMilliseconds(round(error.retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=wait))
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(canonical, error.detail, trailing_metadata=metadata)


class GrpcDoor(jina_pb2_grpc.JinaSingleDataRequestRPCServicer):
    """The gateway's unary method."""

    def __init__(self, service: FakeService) -> None:
        self.service = service

    async def process_single_data(self, request: DataRequest, context: Any) -> DataRequest:
        endpoint, rooms = request.header.exec_endpoint, request.header.target_executor
        try:
            self.service.arrive(dict(context.invocation_metadata()))
            documents = await self._answer(endpoint, rooms, request)
        except AdjudicateError as error:
            if error.code is Code.ROOM_UNAVAILABLE:
                await context.abort(grpc.StatusCode.UNAVAILABLE, f"|Gateway: {error.detail}")
            if error.code in ABORTED:
                await abort(context, error)
            if error.retry_after is not None:
                context.set_trailing_metadata((("retry-after", str(error.retry_after)),))
            answer = DataRequest()
            answer.header.status.code = jina_pb2.StatusProto.ERROR
            answer.header.status.description = str(error)
            return answer
        answer = DataRequest()
        answer.data.docs = documents
        return answer

    async def _answer(self, endpoint: str, rooms: str, request: DataRequest) -> DocList[Any]:
        service = self.service
        parameters = request.parameters

        def sent(kind: Any) -> list[Any]:
            request.document_array_cls = DocList[kind]
            return list(request.docs)

        if endpoint == "/review":
            return DocList[Decision](await service.review_in_order(sent(Ad)))
        service.refuse()
        if endpoint == "/status":
            found = [room for room in service.rooms() if re.match(rooms, room.room)]
            if found[0].room == service.room_down:
                raise fault(Code.ROOM_UNAVAILABLE, "no answer")
            return DocList[RoomStatus](found)
        if endpoint == "/report":
            return DocList[RoomReport](service.report(dict(sent(RoomReport)[0])))
        if endpoint == "/embed":
            assert rooms == "^encoder$"
            return DocList[Case]([service.embed(ad) for ad in sent(Ad)])
        if endpoint == "/search":
            assert rooms == "^(encoder|library)$"
            cases = [Case.of(ad) for ad in sent(Ad)]
            for case in cases:
                case.matches = DocList[Match](service.search(case, int(parameters["limit"])))
            return DocList[Case](cases)
        if endpoint.startswith("/library/"):
            return self._library(endpoint.removeprefix("/library/"), sent, dict(parameters))
        lookup = sent(Lookup)[0]
        assert endpoint == "/decision"
        if lookup.id == "":
            return DocList[Decision](list(service.decided.values())[: int(parameters["limit"])])
        missing = Decision(problem=Problem(code=Code.NOT_FOUND))
        return DocList[Decision]([service.decided.get(lookup.id, missing)])

    def _library(self, op: str, sent: Any, parameters: dict[str, Any]) -> DocList[Any]:
        library = self.service.library
        if op == "add":
            dry_run = parameters.get("dry_run", False)
            return DocList[Exemplar](library.add(sent(Exemplar), dry_run))
        lookups = sent(Lookup)
        asked = lookups[0].id
        if op == "list" and not asked:
            return DocList[Exemplar](library.page(parameters))
        if op == "held":
            held = {e.content_hash: e for e in library.held([lookup.id for lookup in lookups])}
            missing = Exemplar(problem=Problem(code=Code.NOT_FOUND))
            return DocList[Exemplar]([held.get(lookup.id, missing) for lookup in lookups])
        if op == "banks":
            return DocList[Bank](library.banks())
        if op == "bank":
            return DocList[Bank]([library.bank(asked, parameters)])
        if op == "changes":
            return DocList[Change](library.changes(asked))
        try:
            if op == "remove":
                library.remove(asked, parameters)
                return DocList[Lookup](lookups)
            found = library.set(asked, parameters) if op == "set" else library.get(asked)
        except AdjudicateError as error:
            problem = Problem(code=error.code)
            kind = Lookup if op == "remove" else Exemplar
            return DocList[kind]([kind(id=asked, problem=problem)])
        return DocList[Exemplar]([found])


def http_door(service: FakeService) -> Starlette:
    """The routes under /v1."""

    def problem(error: AdjudicateError) -> Response:
        status = STATUS[error.code].http
        body = {"type": "about:blank", "title": STATUS[error.code].title, "status": status}
        return JSONResponse(
            {**body, "detail": error.detail, "code": error.code},
            status_code=status,
            headers=None if error.retry_after is None else {"Retry-After": str(error.retry_after)},
            media_type="application/problem+json",
        )

    async def answer(request: Request) -> Response:
        op = operations[request.method, request.scope["route"].path]
        try:
            service.arrive(dict(request.headers))
            if op == "review":
                ads = [_known(ad) for ad in (await request.json())["ads"]]
                return JSONResponse({"decisions": _json(await service.review_in_order(ads))})
            in_body = request.method in ("POST", "PATCH")
            sent = await request.json() if in_body else {**request.query_params}
            result = await service.operation(op, {**sent, **request.path_params})
        except AdjudicateError as error:
            return problem(error)
        return JSONResponse(result, 200) if result else Response(status_code=204)

    operations = {
        ("POST", "/v1/review"): "review",
        ("POST", "/v1/embed"): "embed",
        ("POST", "/v1/search"): "search",
        ("GET", "/v1/library"): "library.list",
        ("POST", "/v1/library"): "library.add",
        ("POST", "/v1/library/held"): "library.held",
        ("GET", "/v1/library/banks"): "library.banks",
        ("PATCH", "/v1/library/banks/{id:path}"): "library.bank",
        ("GET", "/v1/library/changes"): "library.changes",
        ("GET", "/v1/library/{id:path}"): "library.get",
        ("PATCH", "/v1/library/{id:path}"): "library.set",
        ("DELETE", "/v1/library/{id:path}"): "library.remove",
        ("GET", "/v1/decisions/{id}"): "decision",
        ("GET", "/v1/decisions"): "decisions",
        ("GET", "/v1/status"): "status",
        ("GET", "/v1/report"): "report",
    }
    return Starlette(routes=[Route(path, answer, methods=[method]) for method, path in operations])


async def websocket_door(service: FakeService, connection: ServerConnection) -> None:
    """`/v1/stream`."""
    tasks: set[asyncio.Task[None]] = set()

    async def send(frame: dict[str, Any]) -> None:
        await connection.send(json.dumps(frame))

    async def answer(frame: dict[str, Any]) -> None:
        request_id = frame["request_id"]
        try:
            if frame["op"] != "review":
                body = await service.operation(frame["op"], frame)
                await send({"type": "result", "request_id": request_id, "body": body})
                return
            ads = [_known(ad) for ad in frame["ads"]]
            count = 0
            async for index, decision in service.review(ads):
                if service.drop_after == count:
                    service.drop_after = None
                    await connection.close(1011, service.close_reason)
                    return
                count += 1
                said = {"index": index, "decision": decision.model_dump(mode="json")}
                await send({"type": "decision", "request_id": request_id, **said})
            await send({"type": "end", "request_id": request_id})
        except AdjudicateError as error:
            said = {"code": error.code, "status": STATUS[error.code].http, "detail": error.detail}
            if error.retry_after is not None:
                said["retry_after"] = error.retry_after
            await send({"type": "error", "request_id": request_id, **said})

    async for text in connection:
        task = asyncio.create_task(answer(json.loads(text)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def handshake(
    service: FakeService, connection: ServerConnection, request: WebSocketRequest
) -> WebSocketResponse | None:
    """Refuses a WebSocket without the key before it is one, with problem details."""
    try:
        service.arrive(dict(request.headers.raw_items()))
    except AdjudicateError as error:
        body = json.dumps({"code": error.code, "detail": error.detail})
        return connection.respond(HTTPStatus(STATUS[error.code].http), body)
    return None


class FakeServers:
    """The service on three free ports, in a thread of its own; with `tls`, on their TLS forms.

    With `client_ca` who has no certificate of that authority is refused.
    """

    def __init__(self, tls: tuple[str, str] | None = None, client_ca: str | None = None) -> None:
        self.service = FakeService()
        self._tls = tls
        self._client_ca = client_ca
        self.urls: dict[str, str] = {}
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(30)

    def reset(self) -> FakeService:
        """Forget all that earlier tests did. The doors keep the object."""
        self.service.__init__()  # type: ignore[misc]
        return self.service

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        grpc_server = grpc.aio.server()
        jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(
            GrpcDoor(self.service), grpc_server
        )
        grpc_port = self._grpc_port(grpc_server)
        await grpc_server.start()
        http_socket = socket.create_server(("127.0.0.1", 0))
        http = uvicorn.Server(
            uvicorn.Config(
                http_door(self.service),
                log_level="error",
                lifespan="off",
                ssl_certfile=self._tls[0] if self._tls else None,
                ssl_keyfile=self._tls[1] if self._tls else None,
                ssl_ca_certs=self._client_ca,
                ssl_cert_reqs=ssl.CERT_REQUIRED if self._client_ca else ssl.CERT_NONE,
            )
        )
        serving = asyncio.create_task(http.serve(sockets=[http_socket]))
        async with serve(
            lambda connection: websocket_door(self.service, connection),
            "127.0.0.1",
            0,
            process_request=lambda *asked: handshake(self.service, *asked),
            max_size=WEBSOCKET_BYTES,
            close_timeout=1,
            ssl=self._context(),
        ) as websocket:
            ports = {
                "grpc": grpc_port,
                "http": http_socket.getsockname()[1],
                "ws": next(iter(websocket.sockets)).getsockname()[1],
            }
            end = "s" if self._tls else ""
            self.urls = {name: f"{name}{end}://127.0.0.1:{port}" for name, port in ports.items()}
            while not http.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            self._started.set()
            await self._stop.wait()
        http.should_exit = http.force_exit = True
        await serving
        await grpc_server.stop(None)

    def _grpc_port(self, server: grpc.aio.Server) -> int:
        if self._tls is None:
            return server.add_insecure_port("127.0.0.1:0")
        certificate, key = (Path(file).read_bytes() for file in self._tls)
        ca = Path(self._client_ca).read_bytes() if self._client_ca else None
        credentials = grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=ca, require_client_auth=ca is not None
        )
        return server.add_secure_port("127.0.0.1:0", credentials)

    def _context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self._client_ca)
        context.load_cert_chain(*self._tls)
        context.verify_mode = ssl.CERT_REQUIRED if self._client_ca else ssl.CERT_NONE
        return context

    def close(self) -> None:
        """Stop serving."""
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
