"""The library room: what known violations an ad resembles, and the exemplars themselves."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Case, Exemplar, Problem, RoomStatus
from adjudicate.errors import AdError, Code, ServiceError
from executors.library.canary import check_version, try_search
from executors.library.checks import check_case, problem_of
from executors.library.counting import LibraryGauges, count_screened
from executors.library.effect_endpoints import EffectRoom
from executors.library.embeddings import EmbeddingStore, EncoderFacts
from executors.library.exemplar_endpoints import MAX_PAGE
from executors.library.index import KEPT, FollowingIndex, make_indexes
from executors.library.near import near_duplicates
from executors.library.neighbour_endpoints import NeighbourRoom
from executors.library.schema import VERSION
from executors.library.screener import Screener
from executors.library.shadow_counts import ShadowCounts
from executors.shared.health.checks import Check, writable
from executors.shared.parameters import truth, whole_number
from executors.shared.telemetry.tracing import batch_span, inside

logger = logging.getLogger(__name__)

STALE_POLL_S = 0.1
"""How often a library is looked at that lacks embeddings of an ad's encoder."""


class Library(NeighbourRoom, EffectRoom):
    """Screens cases against the exemplars, and keeps the exemplars."""

    room = "library"

    def open(self) -> None:
        """Raises `ConfigurationError` for a database, policy or thresholds that cannot be read."""
        settings = self.settings.library
        in_force = self.open_thresholds()
        self._shadow_counts = ShadowCounts()
        self._messages = 0
        # Its own: a search that hangs must not take the threads of the ads with each canary.
        self._canary_thread = ThreadPoolExecutor(1, "canary")
        self.open_exemplars()
        embeddings = EmbeddingStore(self._store.engine)
        self._encoder_facts = EncoderFacts(embeddings)
        self._index = FollowingIndex(self._store, make_indexes(settings))
        # The last is the one that counts as used last: that of the most exemplars.
        for encoder_version in reversed(embeddings.most_used(KEPT)):
            self._index.current(encoder_version)
        self._screener = Screener(self._index, in_force, self._terms, settings)
        gauges = LibraryGauges(self._store, self._index, in_force, self._policies)
        gauges.watch(self.telemetry.metrics)
        self.open_quality(self._index)

    def describe(self) -> RoomStatus:
        """Counts, versions and what the index is."""
        try:
            version = self._store.version()
            encoders = self._encoder_facts.of(version)
        except SQLAlchemyError:
            logger.exception("the exemplars cannot be read")
            return RoomStatus(room=self.room, ready=False, facts={"database": self._store.kind})
        facts = {
            "exemplars": str(self._store.count()),
            "version": str(version),
            "index": self.settings.library.index,
            **encoders,
            **self._in_force.facts(),
            **self._policies.facts(),
            "database": self._store.kind,
        }
        counters = self._shadow_counts.counters()
        for snapshot in self._index.loaded():
            for name, count in snapshot.facts().items():
                counters[f"search_{name}"] = counters.get(f"search_{name}", 0) + count
        return RoomStatus(room=self.room, device="cpu", facts=facts, counters=counters)

    async def try_canary(self) -> None:
        """Search for an exemplar that is held, by its own embedding."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._canary_thread, try_search, self._store, self._index, self._screener.review
        )

    def work_done(self) -> int:
        """Messages that were screened."""
        return self._messages

    def checks(self) -> Mapping[str, Check]:
        """The table, the index at its version, and the policy."""
        return {
            "sql": writable(self._store.engine, VERSION),
            "index": lambda: check_version(self._store, self._index),
            "policy": self._policies.check,
        }

    def near_duplicates(self, exemplars: Sequence[Exemplar]) -> list[str]:
        """By the index of the encoder that embedded them."""
        if not exemplars:
            return []
        snapshot = self._index.current(exemplars[0].encoder_version)
        return near_duplicates(snapshot, exemplars, self.settings.library)

    @requests(on="/review")
    async def review(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Cases with their matches, whether the judge is asked, and why.

        They come without their embeddings, which no later room reads.
        """
        cases = await self._screened(docs, self._screener.review)
        self._shadow_counts.count(cases)
        count_screened(cases)
        self.sample(cases)
        for case in cases:
            case.image_embedding = case.text_embedding = None
        return cases

    @requests(on="/search")
    async def search(self, docs: DocList[Case], parameters: dict, **kwargs: Any) -> DocList[Case]:
        """Cases with the nearest exemplars as matches, whatever their thresholds.

        `parameters`: `limit`, 1 to 1,000; `per_category` (false) gives the most similar violation
        of each category in each signal instead, exactly.
        """
        try:
            default = self.settings.library.max_matches
            limit = whole_number(parameters, "limit", default, least=1, most=MAX_PAGE)
            per_category = truth(parameters, "per_category")
        except AdError as error:
            for case in docs:
                case.problem = case.problem or problem_of(error)
            return docs
        if per_category:
            work = partial(self._screener.best_per_category, read=self._store.entries)
        else:
            work = partial(self._screener.nearest, limit=limit)
        return await self._screened(docs, work)

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
            traces = [inside(case.traceparent) for case in cases]
            with batch_span("search", traces, {"adjudicate.index": self.settings.library.index}):
                await self._when_embedded(work, cases)
            self._messages += 1
        except ServiceError as error:
            logger.exception("the index does not answer")
            for case in cases:
                case.problem = problem_of(error)
        except Exception:
            logger.exception("cases could not be screened")
            for case in cases:
                case.problem = Problem(code=Code.INTERNAL, detail="the library failed on this ad")
        elapsed_ms = (time.perf_counter() - started) * 1_000
        for case in cases:
            case.timings["library"] = elapsed_ms
        return docs

    async def _when_embedded(
        self, work: Callable[[Sequence[Case]], None], cases: Sequence[Case]
    ) -> None:
        """Do the work, again for ads whose encoder lacks an exemplar that another encoder's service
        has just added: who follows the additions embeds it within a second or so."""
        give_up = time.monotonic() + self.settings.library.stale_wait_s
        while True:
            await asyncio.to_thread(work, cases)
            cases = self._screener.to_wait_for(cases)
            if not cases or time.monotonic() >= give_up:
                return
            await asyncio.sleep(STALE_POLL_S)

    def shut(self) -> None:
        """End the indexes' threads, and the connections."""
        self.close_quality()
        self._index.close()
        self._canary_thread.shutdown(wait=False, cancel_futures=True)
        super().shut()
