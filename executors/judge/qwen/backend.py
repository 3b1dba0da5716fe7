"""The judge in this process: questions of many requests share the model's batches."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from executors.judge.backend import OnBatch, Opinion, Question
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.inputs import Prepared
from executors.judge.tracing import note_batch
from executors.shared.batcher import Batcher, Closed, Expired
from executors.shared.passes import OutOfMemory
from executors.shared.settings import JudgeSettings


class QwenBackend:
    """See `executors.judge.backend.Backend`.

    Pictures are made ready in threads while the model is at work on those before them; the model
    has a thread of its own.
    """

    def __init__(self, settings: JudgeSettings, on_batch: OnBatch | None = None) -> None:
        """Load the model. Raises `ConfigurationError` with what to set."""
        self._on_batch = on_batch
        self.engine = Engine(settings)
        loaded = self.engine.loaded
        self.name = loaded.name
        self.version = loaded.version
        self.device = str(loaded.device)
        self.precision = loaded.precision
        self.style: str = self.engine.style
        self.max_copy = loaded.config.max_copy
        self.max_aspect = loaded.config.max_aspect
        self._attention = settings.attention
        self._preparing = 0
        self._closed = False
        self._makers = ThreadPoolExecutor(min(4, max(1, (os.cpu_count() or 1) // 2)), "judge-input")
        self._batcher: Batcher[Prepared, Opinion | OutOfMemory] = Batcher(
            self._opinions,
            max_batch=settings.max_batch,
            max_wait=settings.max_wait_ms / 1_000,
            coming=lambda: self._preparing,
            name="judge",
        )

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        """See `Backend`. Raises `Closed` after `close`."""
        prepared = await self._prepared(question, deadline)
        opinion = await self._batcher.submit(prepared, deadline)
        if isinstance(opinion, OutOfMemory):
            raise opinion
        return opinion

    def judge_all(self, questions: Sequence[Question]) -> list[Opinion]:
        """`judge` for all of them, outside of an event loop: for benchmarks and calibration.

        Raises what `judge` raises for the first that fails.
        """

        async def everything() -> list[Opinion]:
            return await asyncio.gather(*(self.judge(question) for question in questions))

        return asyncio.run(everything())

    def facts(self) -> Mapping[str, str]:
        """See `Backend`."""
        return {"prompt": self.style, "attention": self._attention}

    def counters(self) -> Mapping[str, int]:
        """See `Backend`; also tokens of prompts and answers, and prefixes that were computed."""
        waiting = self._batcher.waiting + self._preparing
        return {**self.engine.counters(), "waiting": waiting}

    def close(self) -> None:
        """See `Backend`."""
        self._closed = True
        self._makers.shutdown(cancel_futures=True)
        self._batcher.close()

    def _opinions(self, rows: Sequence[Prepared]) -> list[Opinion | OutOfMemory]:
        around = self._on_batch or (lambda _: nullcontext())
        with around([row.question for row in rows]):
            opinions = self.engine.opinions(rows)
            note_batch(self, (o.tokens for o in opinions if isinstance(o, Opinion)))
            return opinions

    async def _prepared(self, question: Question, deadline: float | None) -> Prepared:
        if self._closed:
            raise Closed("the judge is shutting down")
        patience = None if deadline is None else deadline - time.time()
        if patience is not None and patience <= 0:
            raise Expired("the deadline passed")
        self._preparing += 1
        try:
            made = asyncio.get_running_loop().run_in_executor(
                self._makers, self._prepare, question, deadline
            )
            return await asyncio.wait_for(made, patience)
        except TimeoutError:
            raise Expired("the deadline passed") from None
        except asyncio.CancelledError:
            if self._closed and not _is_cancelled():
                raise Closed("the judge is shutting down") from None
            raise
        finally:
            self._preparing -= 1

    def _prepare(self, question: Question, deadline: float | None) -> Prepared:
        if deadline is not None and time.time() >= deadline:
            raise Expired("the deadline passed")
        return self.engine.prepare(question, deadline)


def _is_cancelled() -> bool:
    """Whether it is the caller who no longer waits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
