"""A wall around an edge of Jina's dynamic batching."""

from __future__ import annotations

import asyncio
from typing import Any

from jina.serve.runtimes.worker.batch_queue import BatchQueue


def answer_empty_requests() -> None:
    """Make Jina's batch queue answer a request without documents at once.

    In 3.34 it waits for ever: its batches have no document that belongs to the request, so nothing
    ever says that the request is complete.
    """
    push = BatchQueue.push
    if getattr(push, "answers_empty", False):
        return

    async def push_or_answer(
        self: BatchQueue, request: Any, http: bool = False
    ) -> asyncio.Queue[None]:
        if len(request.docs):
            queue: asyncio.Queue[None] = await push(self, request, http=http)
            return queue
        done: asyncio.Queue[None] = asyncio.Queue()
        done.put_nowait(None)
        return done

    push_or_answer.answers_empty = True  # type: ignore[attr-defined]
    BatchQueue.push = push_or_answer
