"""The JSON contract of HTTP and WebSocket: plain data in, plain data out, the same on both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from docarray import DocList

from adjudicate.documents import Ad, Case, Decision, Lookup, Problem
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.caller import CALLER, SERVICE
from executors.gateway.fetch.repeats import expect
from executors.gateway.operations.appeals import AppealApi
from executors.gateway.operations.audit import AuditApi
from executors.gateway.operations.bodies import MAX_LIMIT, Body, items_of, page_of, plain, whole
from executors.gateway.operations.learning import LearningApi
from executors.gateway.operations.library import LibraryApi
from executors.gateway.operations.models import ModelApi
from executors.gateway.operations.moderations import ModerationApi
from executors.gateway.operations.openai_embeddings import EmbeddingApi
from executors.gateway.operations.openai_models import ModelListApi
from executors.gateway.operations.quality import QualityApi
from executors.gateway.operations.queue import QueueApi
from executors.gateway.operations.rankings import RankingApi
from executors.gateway.operations.records import RecordsApi
from executors.gateway.operations.report import ReportApi
from executors.gateway.operations.thresholds import ThresholdApi
from executors.gateway.operations.webhooks import WebhookApi
from executors.gateway.routing.endpoints import REVIEW
from executors.gateway.routing.rooms import Rooms
from executors.shared.pictures import PictureStore
from executors.shared.policy import Policy
from executors.shared.settings import GatewaySettings

IN_FLIGHT = 8
"""Messages of one request that are under way in the rooms at the same time."""


class Api:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read and `ServiceError` when a room is
    down; what is wrong with one ad stands in that ad's decision.
    """

    def __init__(
        self,
        rooms: Rooms,
        settings: GatewaySettings,
        policy: Callable[[], Policy] = lambda: Policy.of(()),
        pictures: PictureStore | None = None,
    ) -> None:
        """`policy`: the one in force; `pictures`: where those of ads are kept."""
        self._rooms = rooms
        self.policy = policy
        self._settings = settings
        self.max_ads = settings.max_ads
        self.library = LibraryApi(rooms, settings)
        self.thresholds = ThresholdApi(rooms, settings)
        self.ranking = RankingApi(rooms, settings)
        self.models = ModelApi(rooms)
        self.quality = QualityApi(rooms)
        self.audit = AuditApi(rooms)
        self.records = RecordsApi(rooms, pictures)
        self.learning = LearningApi(rooms, policy, self.records.picture)
        self.queue = QueueApi(rooms)
        self.appeals = AppealApi(rooms)
        self.webhooks = WebhookApi(rooms)
        self.reports = ReportApi(rooms)
        self.model_list = ModelListApi(rooms, self.models)
        self.moderations = ModerationApi(self.review, policy)
        self.embeddings = EmbeddingApi(self.cases)

    async def review(self, body: Body) -> Body:
        """`{"ads": […], "deadline_ms"?}` → `{"decisions": […]}`, in the order of the ads."""
        decisions: dict[int, Body] = {}
        async with aclosing(self.review_each(body, self._settings.batch_ads)) as decided:
            async for index, decision in decided:
                decisions[index] = decision
        return {"decisions": [decisions[index] for index in sorted(decisions)]}

    async def review_each(
        self, body: Body, per_message: int = 1
    ) -> AsyncGenerator[tuple[int, Body], None]:
        """Yields (index of the ad in the request, its decision), each as soon as it is there."""
        ads = self._ads(body)
        seconds = _deadline(body)
        gate = asyncio.Semaphore(IN_FLIGHT if per_message > 1 else IN_FLIGHT * 8)

        async def decide(start: int) -> list[tuple[int, Body]]:
            async with gate:
                decided = await self._rooms.review(DocList[Ad](ads[start : start + per_message]))
            return [(start + at, plain(decision)) for at, decision in enumerate(decided)]

        async with self._rooms.door.enter(REVIEW, len(ads)):
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

    async def cases(self, body: Body) -> DocList[Case]:
        """`{"ads": […]}` → a case for each, with its embeddings."""
        return await self._rooms.post("/embed", self._ads(body), Case)

    async def embed(self, body: Body) -> Body:
        """`{"ads": […]}` → `{"embeddings": [{ad_id, image [D], text [W, D], problem}]}`."""
        cases = await self.cases(body)
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
        """`{"ads": […], "limit"?, "per_category"?}` →
        `{"results": [{ad_id, matches, versions, problem}]}`."""
        parameters: Body = {"limit": whole(body.get("limit", 10), "limit", 1, MAX_LIMIT)}
        if body.get("per_category") is not None:
            parameters["per_category"] = body["per_category"]
        cases = await self._rooms.post("/search", self._ads(body), Case, parameters=parameters)
        return {
            "results": [
                {
                    "ad_id": case.ad_id,
                    "matches": [plain(match) for match in case.matches],
                    "versions": case.versions,
                    "problem": plain(case.problem) if case.problem else None,
                }
                for case in cases
            ]
        }

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
            "/decision", DocList[Lookup]([Lookup(id="")]), Decision, parameters=page_of(query)
        )
        return {"decisions": [plain(decision) for decision in found]}

    async def status(self) -> Body:
        """`{"rooms": [RoomStatus, …]}`; a room that does not answer is not ready."""
        return {"rooms": [plain(status) for status in await self._rooms.status()]}

    async def health(self) -> Body:
        """`{"rooms": [{room, ready}, …]}` for whoever asks: probes have no key, and so hear no more
        than that."""
        caller = CALLER.set(SERVICE)
        try:
            rooms = await self._rooms.status()
        finally:
            CALLER.reset(caller)
        return {"rooms": [{"room": status.room, "ready": status.ready} for status in rooms]}

    def _ads(self, body: Body) -> DocList[Ad]:
        seconds = _deadline(body)
        ads = DocList[Ad]([_ad(item) for item in items_of(body, "ads", self._settings.max_ads)])
        expect(ad.url for ad in ads)
        for ad in ads:
            if seconds is not None and ad.deadline is None:
                ad.deadline = time.time() + seconds
        return ads


def _ad(item: Any) -> Ad:
    if isinstance(item, dict):
        return Ad.parse(item)
    return Ad(problem=Problem(code=Code.INVALID_FIELD, detail="an ad must be a JSON object"))


def _numbers(embedding: Any) -> Any:
    return None if embedding is None else embedding.tolist()


def _deadline(body: Body) -> float | None:
    """Seconds until nobody waits any more."""
    value = body.get("deadline_ms") if isinstance(body, dict) else None
    return None if value is None else whole(value, "deadline_ms", 1, 3_600_000) / 1000
