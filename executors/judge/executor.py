"""The judge's door: flagged ads in, the same ads with verdict, probability and findings out."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from docarray import DocList
from jina import requests

from adjudicate.documents import Case, Problem, RoomStatus
from executors.judge import prompt
from executors.judge.answer import SCHEMA_VERSION
from executors.judge.backend import Backend, Question
from executors.judge.cache.verdicts import open_verdicts
from executors.judge.canary import try_judging
from executors.judge.counting import count_judged
from executors.judge.model_endpoints import ModelRoom
from executors.judge.open_backend import open_backend
from executors.judge.review import Review
from executors.judge.reviewer import Reviewer
from executors.shared.batcher import SPENT
from executors.shared.health.checks import Check
from executors.shared.policies import Policies
from executors.shared.settings import JudgeSettings
from executors.shared.telemetry.catalogue import JUDGED, MODEL_LOAD_SECONDS, VERSION
from executors.shared.telemetry.instruments import Observed, versions
from executors.shared.telemetry.tracing import batch_span


class Judge(ModelRoom):
    """Qwen2-VL reads each flagged ad against the policy; others pass as they are."""

    room: ClassVar[str] = "judge"

    def open(self) -> None:
        """Load policy and model. Raises `ConfigurationError` with one clear sentence."""
        settings = self.settings
        self._verdicts = open_verdicts(settings.judge)
        self._policies = Policies(settings.policies, settings.policy_poll_s)
        self._backend = self.open_models(self._open_backend)
        self._reviewer = Reviewer(
            self._backend.pinned, lambda: self._policies.current, settings, self._verdicts
        )
        JUDGED.begin()
        self.telemetry.metrics.watch(MODEL_LOAD_SECONDS, self._load_seconds)
        self.telemetry.metrics.watch(VERSION, self._versions)

    def describe(self) -> RoomStatus:
        """Model, prompt, answer format and policy with their versions, and what was done."""
        backend = self._backend
        model = dict(backend.counters())
        # The backend counts what it has judged, the room all verdicts, those it held among them.
        anew = {"judged_anew": model.pop("judged", 0)}
        return RoomStatus(
            room=self.room,
            model=backend.name,
            device=backend.device,
            precision=backend.precision,
            facts={
                "version": backend.version,
                "prompt": f"{backend.style} {prompt.VERSION}",
                "schema": SCHEMA_VERSION,
                **self._policies.facts(),
                "cache": self._verdicts.kind,
                **{name: fact for name, fact in backend.facts().items() if name != "prompt"},
            },
            counters={**self._reviewer.counters(), **anew, **model},
        )

    async def try_canary(self) -> None:
        """Have the model judge the canary, in a batch with whatever ads there are."""
        await try_judging(self._backend.pinned, self._policies.current, self.settings)

    def work_done(self) -> int:
        """Ads that the model has judged since it was loaded."""
        return self._backend.counters()["judged"]

    def patience_s(self) -> float:
        """A batch may take as long as an ad may wait."""
        return self.settings.judge.timeout_s

    def checks(self) -> Mapping[str, Check]:
        """The model, which is loaded once the room is open, and the policy."""
        return {
            "model": lambda: f"{self._backend.name} {self._backend.version}",
            "policy": self._policies.check,
        }

    @requests(on="/review")
    async def judge(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Give every flagged case `verdict`, `probability` and `findings`. Never raises for one."""
        await asyncio.gather(*(self._judge(case) for case in docs if case.flagged))
        return docs

    def shut(self) -> None:
        """Stop after the batch at work."""
        self._backend.close()
        self._reviewer.close()
        self._policies.close()
        super().shut()

    def _open_backend(self, settings: JudgeSettings) -> Backend:
        return open_backend(settings, on_batch=self._batch_span)

    def _batch_span(self, questions: Sequence[Question]) -> AbstractContextManager[object]:
        traceparents = [question.traceparent for question in questions]
        return batch_span("chat", traceparents)

    def _load_seconds(self) -> Observed:
        serving = self._backend.current
        return [(serving.load_seconds, {"model": serving.name})]

    def _versions(self) -> Observed:
        return versions(
            judge=self._backend.version,
            prompt=f"{self._backend.style} {prompt.VERSION}",
            policy=self._policies.current.version,
        )

    async def _judge(self, case: Case) -> None:
        started = time.perf_counter()
        patience = time.time() + self.settings.judge.timeout_s
        deadline = patience if case.deadline is None else min(patience, case.deadline)
        spent: dict[str, float] = {}
        SPENT.set(spent)  # of this task alone: `gather` has made one for each case
        review = await self._reviewer.review(case, deadline)
        count_judged(review)
        _write(case, review)
        case.timings |= {f"judge.{part}": round(ms, 3) for part, ms in spent.items()}
        case.timings["judge"] = round((time.perf_counter() - started) * 1_000, 3)


def _write(case: Case, review: Review) -> None:
    case.verdict = review.verdict
    case.probability = review.probability
    case.instruction_found = case.instruction_found or review.instruction_found
    case.judge_notes.extend(review.notes)
    case.cached = review.cached
    case.versions |= review.versions
    case.findings.extend(review.findings)
    if review.error is not None and case.problem is None:
        case.problem = Problem(code=review.error.code, detail=review.error.detail)
