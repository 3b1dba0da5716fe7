"""Pictures of ads are kept before the ads' decisions are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from jina.types.request.data import DataRequest
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adjudicate.documents import Decision, Problem
from adjudicate.errors import STATUS, Code
from executors.gateway.routing.pictures import documents
from executors.shared.pictures import PictureStore, keeps

THREADS = 8
PATIENCE_S = 30.0
"""For the pictures of one request."""
_ATTEMPTS = 3
_LONG_AGO = timedelta(days=1)

logger = logging.getLogger(__name__)


class Keeping:
    """Writes the pictures of one request side by side, in threads of its own.

    An ad whose picture could not be kept is answered with the problem `picture_not_kept`: its
    decision is on record, and comes back when the ad is sent again with its idempotency key.
    """

    def __init__(self, store: PictureStore, keep: str) -> None:
        """`keep`: of which ads, see `executors.shared.pictures.keeps`."""
        self._store = store
        self._keep = keep
        self._threads = ThreadPoolExecutor(THREADS, "pictures")

    async def keep(self, ads: Sequence[Any], answer: DataRequest) -> None:
        """Keep what is to be kept of the ads' pictures; `answer` has their decisions, in their
        order. All are protobuf, not unpacked."""
        decisions = documents(answer)
        wanted = [
            (decision, ad.data["image"])
            for ad, decision in zip(ads, decisions, strict=False)
            if "image" in ad.data and self._wants(decision)
        ]
        if not wanted:
            return
        kept = await asyncio.gather(*(self._kept(picture) for _, picture in wanted))
        for (decision, _), is_kept in zip(wanted, kept, strict=True):
            if not is_kept:
                _refuse(decision)

    def _wants(self, decision: Any) -> bool:
        said = decision.data
        if not keeps(self._keep, said["outcome"].text, said["audit"].boolean):
            return False
        # One that was made long ago, and is sent again: its picture may have been deleted since.
        at = said["decided_at"].text
        return not at or at > (datetime.now(UTC) - _LONG_AGO).isoformat(timespec="milliseconds")

    async def _kept(self, picture: Any) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await loop.run_in_executor(self._threads, self._put, picture)
        except (OSError, TimeoutError):
            logger.exception("a picture could not be kept in %s", self._store.url)
            return False
        return True

    def _put(self, picture: Any) -> None:
        for attempt in Retrying(
            retry=retry_if_exception_type(OSError),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(0.1, max=2),
            reraise=True,
        ):
            with attempt:
                self._store.put(picture.blob)


def _refuse(message: Any) -> None:
    """Put an error in the place of a decision."""
    said = message.data
    code = Code.PICTURE_NOT_KEPT
    refusal = Decision(
        id=said["id"].text,
        ad_id=said["ad_id"].text,
        reasons=[code],
        problem=Problem(code=code, detail=STATUS[code].title),
        trace_id=said["trace_id"].text,
        decided_at=said["decided_at"].text,
    )
    message.CopyFrom(refusal.to_protobuf())
