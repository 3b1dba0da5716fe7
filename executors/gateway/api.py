"""The JSON contract of HTTP and WebSocket: plain data in, plain data out, the same on both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from docarray import BaseDoc, DocList
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adjudicate.documents import Ad, Case, Decision, Exemplar, Lookup, Problem
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.rooms import Rooms, too_many_ads
from executors.shared.settings import GatewaySettings

Body = dict[str, Any]

IN_FLIGHT = 8
"""Messages of one request that are under way in the rooms at the same time."""
MAX_LIMIT = 1_000
"""The largest page of a listing."""

_W3C = TraceContextTextMapPropagator()


class Api:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read and `ServiceError` when a room is
    down; what is wrong with one ad stands in that ad's decision.
    """

    def __init__(self, rooms: Rooms, settings: GatewaySettings) -> None:
        self._rooms = rooms
        self._settings = settings

    async def review(self, body: Body) -> Body:
        """`{"ads": […], "deadline_ms"?}` → `{"decisions": […]}`, in the order of the ads."""
        decisions: dict[int, Body] = {}
        async for index, decision in self.review_each(body, self._settings.batch_ads):
            decisions[index] = decision
        return {"decisions": [decisions[index] for index in sorted(decisions)]}

    async def review_each(
        self, body: Body, per_message: int = 1
    ) -> AsyncIterator[tuple[int, Body]]:
        """Yields (index of the ad in the request, its decision), each as soon as it is there."""
        ads = self._ads(body)
        seconds = _deadline(body)
        gate = asyncio.Semaphore(IN_FLIGHT if per_message > 1 else IN_FLIGHT * 8)

        async def decide(start: int) -> list[tuple[int, Body]]:
            async with gate:
                chunk = DocList[Ad](ads[start : start + per_message])
                with _in_trace_of(chunk[0]):
                    decided = await self._rooms.review(chunk)
            return [(start + at, plain(decision)) for at, decision in enumerate(decided)]

        tasks = [asyncio.ensure_future(decide(at)) for at in range(0, len(ads), per_message)]
        try:
            for done in asyncio.as_completed(tasks, timeout=seconds):
                for index, decision in await done:
                    yield index, decision
        except TimeoutError:
            raise ServiceError(Code.DEADLINE_EXCEEDED) from None
        finally:
            for task in tasks:
                task.cancel()

    async def embed(self, body: Body) -> Body:
        """`{"ads": […]}` → `{"embeddings": [{ad_id, image [D], text [W, D], problem}]}`."""
        cases = await self._rooms.post("/embed", self._ads(body), Case)
        return {
            "embeddings": [
                {
                    "ad_id": case.ad_id,
                    "image": _numbers(case.image_embedding),
                    "text": _numbers(case.text_embedding),
                    "problem": plain(case.problem) if case.problem else None,
                }
                for case in cases
            ]
        }

    async def search(self, body: Body) -> Body:
        """`{"ads": […], "limit"?}` → `{"results": [{ad_id, matches, problem}]}`."""
        limit = _whole(body.get("limit", 10), "limit", 1, MAX_LIMIT)
        cases = await self._rooms.post(
            "/search", self._ads(body), Case, parameters={"limit": limit}
        )
        return {
            "results": [
                {
                    "ad_id": case.ad_id,
                    "matches": [plain(match) for match in case.matches],
                    "problem": plain(case.problem) if case.problem else None,
                }
                for case in cases
            ]
        }

    async def library_add(self, body: Body) -> Body:
        """`{"exemplars": […]}` → the same with their ids, or with a problem each."""
        items = self._items(body, "exemplars")
        exemplars = DocList[Exemplar]([_exemplar(item) for item in items])
        added = await self._rooms.post("/library/add", exemplars, Exemplar)
        return {"exemplars": [_without_embeddings(exemplar) for exemplar in added]}

    async def library_list(self, query: Body) -> Body:
        """`{limit?, offset?, category?, polarity?}` → `{"exemplars": […]}` without pictures."""
        parameters = _page(query) | {
            name: str(query[name]) for name in ("category", "polarity") if query.get(name)
        }
        found = await self._rooms.post(
            "/library/list", DocList[Lookup]([Lookup(id="")]), Exemplar, parameters=parameters
        )
        return {"exemplars": [_without_embeddings(exemplar) for exemplar in found]}

    async def library_get(self, exemplar_id: str) -> Body:
        """One exemplar with its picture. Raises `RequestError` `not_found`."""
        found = await self._rooms.post(
            "/library/list",
            DocList[Lookup]([Lookup(id=exemplar_id)]),
            Exemplar,
            parameters={"image": True},
        )
        if not found or found[0].problem is not None:
            raise RequestError(Code.NOT_FOUND, f"there is no exemplar {exemplar_id[:50]!r}")
        return _without_embeddings(found[0])

    async def library_remove(self, exemplar_id: str) -> Body:
        """Raises `RequestError` `not_found`."""
        found = await self._rooms.post(
            "/library/remove", DocList[Lookup]([Lookup(id=exemplar_id)]), Lookup
        )
        if not found or not found[0].found:
            raise RequestError(Code.NOT_FOUND, f"there is no exemplar {exemplar_id[:50]!r}")
        return {"removed": exemplar_id}

    async def decision(self, decision_id: str) -> Body:
        """A decision by its id, or the latest of an ad's id. Raises `RequestError` `not_found`."""
        found = await self._rooms.post(
            "/decision", DocList[Lookup]([Lookup(id=decision_id)]), Decision
        )
        if not found or (found[0].problem and found[0].problem.code == Code.NOT_FOUND):
            raise RequestError(Code.NOT_FOUND, f"there is no decision {decision_id[:50]!r}")
        return plain(found[0])

    async def decisions(self, query: Body) -> Body:
        """`{limit?, offset?}` → `{"decisions": […]}`, newest first."""
        found = await self._rooms.post(
            "/decision", DocList[Lookup]([Lookup(id="")]), Decision, parameters=_page(query)
        )
        return {"decisions": [plain(decision) for decision in found]}

    async def status(self) -> Body:
        """`{"rooms": [RoomStatus, …]}`; a room that does not answer is not ready."""
        return {"rooms": [plain(status) for status in await self._rooms.status()]}

    def _ads(self, body: Body) -> DocList[Ad]:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        seconds = _deadline(body)
        ads = DocList[Ad]([_ad(item) for item in self._items(body, "ads")])
        for ad in ads:
            ad.traceparent = ad.traceparent or carrier.get("traceparent")
            if seconds is not None and ad.deadline is None:
                ad.deadline = time.time() + seconds
        return ads

    def _items(self, body: Body, name: str) -> list[Any]:
        if not isinstance(body, dict) or not isinstance(body.get(name), list):
            raise RequestError(
                Code.MALFORMED, f'the body must be a JSON object with a list "{name}"'
            )
        items: list[Any] = body[name]
        if not items:
            raise RequestError(Code.NO_ADS, f'the list "{name}" is empty')
        if len(items) > self._settings.max_ads:
            raise too_many_ads(len(items), self._settings.max_ads)
        return items


def parse_body(raw: bytes | str) -> Body:
    """A JSON object. Raises `RequestError` `malformed_request` for anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(Code.MALFORMED, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(Code.MALFORMED, "the body must be a JSON object")
    return body


def plain(doc: BaseDoc) -> Body:
    """A document as JSON data, without what only Jina needs: the ids of nested documents."""
    data: Body = orjson.loads(doc.json())
    for nested in ("matches", "findings"):
        for item in data.get(nested) or ():
            item.pop("id", None)
    if isinstance(data.get("problem"), dict):
        data["problem"].pop("id", None)
    if isinstance(doc, Problem) or "room" in data:
        data.pop("id", None)
    return data


@contextmanager
def _in_trace_of(ad: Ad) -> Iterator[None]:
    """Continue the ad's trace where the request has none of its own, as on a WebSocket."""
    context = _W3C.extract({"traceparent": ad.traceparent or ""})
    wanted = trace.get_current_span(context).get_span_context()
    current = trace.get_current_span().get_span_context()
    if not wanted.is_valid or wanted.trace_id == current.trace_id:
        yield
        return
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def _without_embeddings(exemplar: Exemplar) -> Body:
    data = plain(exemplar)
    data.pop("image_embedding", None)
    data.pop("text_embedding", None)
    return data


def _ad(item: Any) -> Ad:
    if isinstance(item, dict):
        return Ad.parse(item)
    return Ad(problem=Problem(code=Code.INVALID_FIELD, detail="an ad must be a JSON object"))


def _exemplar(item: Any) -> Exemplar:
    if isinstance(item, dict):
        return Exemplar.parse(item)
    detail = "an exemplar must be a JSON object"
    return Exemplar(problem=Problem(code=Code.INVALID_FIELD, detail=detail))


def _numbers(embedding: Any) -> Any:
    return None if embedding is None else embedding.tolist()


def _page(query: Body) -> dict[str, int]:
    return {
        "limit": _whole(query.get("limit", 50), "limit", 1, MAX_LIMIT),
        "offset": _whole(query.get("offset", 0), "offset", 0, 1_000_000_000),
    }


def _whole(value: Any, name: str, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise RequestError(
            Code.MALFORMED, f"{name} must be a whole number from {low} to {high:,}"
        ) from None
    return number


def _deadline(body: Body) -> float | None:
    """Seconds until nobody waits any more."""
    value = body.get("deadline_ms") if isinstance(body, dict) else None
    return None if value is None else _whole(value, "deadline_ms", 1, 3_600_000) / 1000
