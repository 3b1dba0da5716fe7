"""The library room: what known violations an ad resembles, and the exemplars themselves."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Case, Exemplar, Lookup, Problem, RoomStatus
from adjudicate.errors import AdError, Code
from executors.library.checks import check_case, check_exemplar, problem_of
from executors.library.index import FollowingIndex
from executors.library.screener import Screener
from executors.library.store import ExemplarStore
from executors.library.thresholds import load_thresholds
from executors.shared.parameters import whole_number, words
from executors.shared.policy import load_policy
from executors.shared.room import Room
from executors.shared.telemetry import batch_span

MAX_PAGE = 1_000

logger = logging.getLogger(__name__)


class Library(Room):
    """Screens cases against the exemplars, and keeps the exemplars."""

    room = "library"

    def open(self) -> None:
        """Raises `ConfigurationError` for a database, policy or thresholds that cannot be read."""
        settings = self.settings.library
        self._rules = load_policy(self.settings.policies).rules.keys()
        self._thresholds = load_thresholds(settings.thresholds, ceiling=settings.near_duplicate)
        self._store = ExemplarStore(self.settings.database)
        self._index = FollowingIndex(self._store, self._thresholds)
        self._index.current()
        self._screener = Screener(self._index, self._thresholds, settings)

    def describe(self) -> RoomStatus:
        """Counts, versions and what the index is."""
        try:
            snapshot = self._index.current()
        except SQLAlchemyError:
            logger.exception("the exemplars cannot be read")
            return RoomStatus(room=self.room, ready=False, facts={"database": self._store.kind})
        facts = {
            "exemplars": str(len(snapshot.entries)),
            "version": str(snapshot.version),
            "index": snapshot.image.kind,
            "thresholds": f"{self._thresholds.source} {self._thresholds.version}",
            "database": self._store.kind,
        }
        if snapshot.stale:
            facts["stale"] = f"{snapshot.stale} exemplars of another encoder; add them again"
        return RoomStatus(room=self.room, device="cpu", facts=facts)

    @requests(on="/review")
    async def review(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Cases with their matches, whether the judge is asked, and why."""
        return await self._screened(docs, self._screener.review)

    @requests(on="/search")
    async def search(self, docs: DocList[Case], parameters: dict, **kwargs: Any) -> DocList[Case]:
        """Cases with the nearest exemplars as matches, whatever their thresholds.

        `parameters`: `limit`, 1 to 1,000.
        """
        try:
            default = self.settings.library.max_matches
            limit = whole_number(parameters, "limit", default, least=1, most=MAX_PAGE)
        except AdError as error:
            for case in docs:
                case.problem = case.problem or problem_of(error)
            return docs
        return await self._screened(docs, partial(self._screener.nearest, limit=limit))

    @requests(on="/library/add")
    async def add(self, docs: DocList[Exemplar], **kwargs: Any) -> DocList[Exemplar]:
        """Exemplars as they are held now, without picture and embeddings, or with the problem that
        kept them out. What is answered without one is on disk and counts from now on."""
        for exemplar in docs:
            exemplar.problem = exemplar.problem or check_exemplar(exemplar, self._rules)
        sound = [exemplar for exemplar in docs if exemplar.problem is None]
        results: list[Exemplar | AdError]
        try:
            results = await asyncio.to_thread(self._store.add, sound) if sound else []
        except Exception:
            logger.exception("exemplars could not be stored")
            failure = AdError(Code.INTERNAL, "the exemplar could not be stored")
            results = [failure] * len(sound)
        stored = iter(results)
        return DocList[Exemplar](
            _answer(exemplar, exemplar if exemplar.problem else next(stored)) for exemplar in docs
        )

    @requests(on="/library/list")
    async def list_exemplars(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Exemplar]:
        """The exemplar of each id; for an empty id a page, the newest first.

        `parameters`: `limit` (100), `offset` (0), `category`, `polarity`, `image` (false).
        """
        try:
            page = {
                "limit": whole_number(parameters, "limit", 100, least=1, most=MAX_PAGE),
                "offset": whole_number(parameters, "offset", 0, most=10**9),
                "category": words(parameters, "category"),
                "polarity": words(parameters, "polarity"),
            }
        except AdError as error:
            return DocList[Exemplar](
                Exemplar(id=lookup.id, problem=problem_of(error)) for lookup in docs
            )
        image = parameters.get("image") is True
        return DocList[Exemplar](
            await asyncio.to_thread(lambda: list(self._listed(docs, image, page)))
        )

    @requests(on="/library/remove")
    async def remove(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[Lookup]:
        """Takes exemplars out of use; `found` says whether each was in use."""
        found = await asyncio.to_thread(self._store.remove, [lookup.id or "" for lookup in docs])
        for lookup, removed in zip(docs, found, strict=True):
            lookup.found = removed
        return docs

    def close(self) -> None:
        """End the connections to the database."""
        self._store.close()
        super().close()

    async def _screened(
        self, docs: DocList[Case], work: Callable[[Sequence[Case]], None]
    ) -> DocList[Case]:
        """The documents, with `work` done on those that have no problem; never raises."""
        started = time.perf_counter()
        for case in docs:
            case.problem = case.problem or check_case(case)
        cases = [case for case in docs if case.problem is None]
        if not cases:
            return docs
        try:
            with batch_span(self.tracer, "library.screen", [case.traceparent for case in cases]):
                await asyncio.to_thread(work, cases)
        except Exception:
            logger.exception("cases could not be screened")
            for case in cases:
                case.problem = Problem(code=Code.INTERNAL, detail="the library failed on this ad")
        elapsed_ms = (time.perf_counter() - started) * 1_000
        for case in cases:
            case.timings["library"] = elapsed_ms
        return docs

    def _listed(self, lookups: Sequence[Lookup], image: bool, page: dict) -> Iterator[Exemplar]:
        for lookup in lookups:
            if not lookup.id:
                yield from self._store.page(**page, image=image)
                continue
            held = self._store.get(lookup.id, image=image)
            missing = Problem(code=Code.NOT_FOUND, detail="no exemplar has this id")
            yield held or Exemplar(id=lookup.id, problem=missing)


def _answer(asked: Exemplar, result: Exemplar | AdError) -> Exemplar:
    """What was stored, or what was asked with its problem; never with picture or embeddings."""
    if isinstance(result, AdError):
        asked.problem = problem_of(result)
        result = asked
    result.image = result.image_embedding = result.text_embedding = None
    return result
