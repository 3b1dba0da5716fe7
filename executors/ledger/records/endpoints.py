"""The ledger room's endpoints for what is on record: found, exported, erased and expired."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import (
    CaseFile,
    DecisionAsk,
    DecisionRow,
    Erasure,
    Expiry,
    ExportRow,
    Lookup,
    Problem,
)
from adjudicate.errors import AdError, Code
from executors.ledger.records.asking import read
from executors.ledger.records.casefile import CaseFiles
from executors.ledger.records.erasing import Eraser
from executors.ledger.records.exporting import Exporter
from executors.ledger.records.near import NearPictures
from executors.ledger.records.retention import Retention
from executors.ledger.records.searching import Search
from executors.ledger.store import EVIDENCE, DecisionStore
from executors.shared.pictures import PictureStore, open_pictures
from executors.shared.quality.refreshing import CLOSE_S, Refreshing
from executors.shared.room import Room

logger = logging.getLogger(__name__)

AT_A_TIME = 2
"""Searches and exports that read the tables at the same time; further ones wait."""
_MOST_WAITING = 32

Answer = TypeVar("Answer")


class RecordsRoom(Room):
    """A room that finds again what it recorded, and forgets it in time."""

    def open_records(self, store: DecisionStore) -> None:
        """Call it from `open`. Raises `ConfigurationError` where pictures cannot be kept."""
        settings = self.settings
        self._pictures: PictureStore = open_pictures(settings)
        self._near_pictures = NearPictures(store.engine, EVIDENCE)
        search = Search(store.engine, self._near_pictures, settings.library.hash_distance)
        self._decision_search = search
        self._case_files = CaseFiles(store, search)
        self._exporter = Exporter(store.engine)
        self._eraser = Eraser(store.engine, self._pictures)
        self._retention = Retention(store.engine, self._pictures, settings.retention)
        self._searches = asyncio.Semaphore(AT_A_TIME)
        self._searches_waiting = 0
        self._records_closing = False
        every = settings.retention.every_s
        # A first search would wait for all of them.
        self._following = threading.Thread(target=self._follow, name="near", daemon=True)
        self._following.start()
        self._expiring: Refreshing[None] | None = None
        if every:
            self._expiring = Refreshing("retention", self._expire_in_time, every, None)
            self._expiring.start()

    def close_records(self) -> None:
        """Call it before the store is closed."""
        self._records_closing = True
        self._following.join(CLOSE_S)
        if self._expiring is not None:
            self._expiring.close()

    @requests(on="/case")
    async def case(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[CaseFile]:
        """The file of each decision, by its id or its ad's, or its problem."""
        files = DocList[CaseFile]()
        for lookup in docs:
            asked = lookup.id or ""
            found = await _answered(partial(self._case_files.of, asked))
            held = isinstance(found, Problem)
            files.append(CaseFile(id=asked, problem=found) if held else found)
        return files

    @requests(on="/decisions/search")
    async def search_decisions(
        self, docs: DocList[DecisionAsk], **kwargs: Any
    ) -> DocList[DecisionRow]:
        """The decisions that each document asks for, or a row with its problem."""
        rows = DocList[DecisionRow]()
        for asked in docs:
            found = await self._in_turn(partial(self._search_rows, asked))
            rows.extend([DecisionRow(problem=found)] if isinstance(found, Problem) else found)
        return rows

    @requests(on="/decisions/export")
    async def export_decisions(
        self, docs: DocList[DecisionAsk], **kwargs: Any
    ) -> DocList[ExportRow]:
        """As `/decisions/search`, all of a decision, the oldest first."""
        rows = DocList[ExportRow]()
        for asked in docs:
            found = await self._in_turn(partial(self._export_rows, asked))
            rows.extend([ExportRow(problem=found)] if isinstance(found, Problem) else found)
        return rows

    @requests(on="/erase")
    async def erase(self, docs: DocList[Erasure], **kwargs: Any) -> DocList[Erasure]:
        """What was erased, or would be, of each ad or advertiser; or the problem."""
        done = DocList[Erasure]()
        for asked in docs:
            found = await _answered(partial(self._eraser.erase, asked))
            done.append(_with(asked, found) if isinstance(found, Problem) else found)
        return done

    @requests(on="/expire")
    async def expire(self, docs: DocList[Expiry], **kwargs: Any) -> DocList[Expiry]:
        """What was past its time and is deleted, or would be; or the problem."""
        done = DocList[Expiry]()
        for asked in docs:
            found = await _answered(partial(self._expire_now, asked))
            done.append(_with(asked, found) if isinstance(found, Problem) else found)
        return done

    def _search_rows(self, asked: DecisionAsk) -> list[DecisionRow]:
        return self._decision_search.rows(read(asked))

    def _export_rows(self, asked: DecisionAsk) -> list[ExportRow]:
        return self._exporter.rows(read(asked), asked.by)

    def _expire_now(self, asked: Expiry) -> Expiry:
        return self._retention.expire(
            dry_run=asked.dry_run, by=asked.by, stop=lambda: self._records_closing
        )

    async def _in_turn(self, work: Callable[[], Answer]) -> Answer | Problem:
        """What reads many rows waits for its turn; if there are too many already, it is refused."""
        if self._searches_waiting >= _MOST_WAITING:
            return Problem(code=Code.OVERLOADED, detail="other searches are under way")
        self._searches_waiting += 1
        try:
            async with self._searches:
                return await _answered(work)
        finally:
            self._searches_waiting -= 1

    def _follow(self) -> None:
        try:
            self._near_pictures.follow()
        except SQLAlchemyError:
            logger.exception("the pictures' hashes cannot be read; the first search tries again")

    def _expire_in_time(self) -> None:
        gone = self._retention.expire(stop=lambda: self._records_closing)
        if gone.pictures or gone.copies or gone.decisions:
            logger.info(
                "past their time: the pictures of %d ads, the copy of %d, and %d decisions",
                gone.pictures,
                gone.copies,
                gone.decisions,
            )


async def _answered(work: Callable[[], Answer]) -> Answer | Problem:
    try:
        return await asyncio.to_thread(work)
    except AdError as error:
        return Problem(code=error.code, detail=error.detail)
    except (SQLAlchemyError, OSError):
        logger.exception("the records cannot be read or written")
        return Problem(code=Code.INTERNAL, detail="the records cannot be read or written")


def _with(asked: Any, problem: Problem) -> Any:
    asked.problem = problem
    return asked
