"""The judge's door: flagged ads in, the same ads with verdict, probability and findings out."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from docarray import DocList
from jina import requests

from adjudicate.documents import Case, Problem, RoomStatus
from executors.judge.model import QwenJudge
from executors.judge.reviewer import Review, Reviewer
from executors.shared.batcher import Batcher, Expired
from executors.shared.policy import load_policy
from executors.shared.room import Room
from executors.shared.telemetry import batch_span


class Judge(Room):
    """Qwen2-VL reads each flagged ad against the policy; others pass as they are."""

    room: ClassVar[str] = "judge"

    def open(self) -> None:
        """Load policy and model. Raises `ConfigurationError` with one clear sentence."""
        settings = self.settings.judge
        self._judged = self._batches = 0
        self._policy = load_policy(self.settings.policies)
        self._model = QwenJudge(settings)
        self._reviewer = Reviewer(
            self._model, self._policy, self.settings.images, self.settings.decision.approve
        )
        self._batcher: Batcher[Case, Review] = Batcher(
            self._review_batch,
            max_batch=settings.max_batch,
            max_wait=settings.max_wait_ms / 1_000,
            name="judge",
        )

    def describe(self) -> RoomStatus:
        """The model with its version, and the policy's."""
        return RoomStatus(
            room=self.room,
            model=self._model.name,
            device=self._model.device,
            precision=self._model.precision,
            facts={
                "version": self._model.version,
                "prompt": self._model.style,
                "policy": self._policy.version,
            },
            counters={
                "judged": self._judged,
                "batches": self._batches,
                "waiting": self._batcher.waiting,
            },
        )

    @requests(on="/review")
    async def judge(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Give every flagged case `verdict`, `probability` and `findings`. Never raises for one."""
        await asyncio.gather(*(self._judge(case) for case in docs if case.flagged))
        return docs

    def close(self) -> None:
        """Stop the worker after the batch that it is on."""
        self._batcher.close()
        super().close()

    async def _judge(self, case: Case) -> None:
        started = time.perf_counter()
        patience = time.time() + self.settings.judge.timeout_s
        deadline = patience if case.deadline is None else min(patience, case.deadline)
        try:
            review = await self._batcher.submit(case, deadline)
        except Expired:
            review = Review("timeout")
        except Exception as error:  # one ad's failure is its own verdict, never the request's
            self.logger.error(f"an ad could not be judged: {type(error).__name__}: {error}")
            review = Review("unavailable")
        self._write(case, review)
        case.timings["judge"] = round((time.perf_counter() - started) * 1_000, 3)

    def _review_batch(self, cases: Sequence[Case]) -> list[Review]:
        traceparents = [case.traceparent for case in cases]
        with batch_span(self.tracer, "judge.batch", traceparents, {"batch.size": len(cases)}):
            reviews = self._reviewer.review(cases)
        self._batches += 1
        self._judged += len(reviews)
        return reviews

    def _write(self, case: Case, review: Review) -> None:
        case.verdict = review.verdict
        case.probability = review.probability
        case.instruction_found = case.instruction_found or review.instruction_found
        case.versions |= {"judge": self._model.version, "policy": self._policy.version}
        if review.finding is not None:
            case.findings.append(review.finding)
        if review.error is not None and case.problem is None:
            case.problem = Problem(code=review.error.code, detail=review.error.detail)
