"""One flagged ad through the judge. Whatever cannot be used is never `compliant`."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from PIL import Image

from adjudicate.documents import Case
from adjudicate.errors import AdError
from executors.judge.backend import Backend, JudgeUnavailable, Opinion, Question, QuestionRefused
from executors.judge.cache.in_flight import InFlight
from executors.judge.cache.key import Content, key_of, maker, picture_hash
from executors.judge.cache.near import Look
from executors.judge.cache.twins import NOTE, Seen, Twins, folded
from executors.judge.cache.verdicts import Verdicts
from executors.judge.counting import count_tokens
from executors.judge.instructions import addresses_reviewer
from executors.judge.prompt import clean
from executors.judge.questions import Applicable, Rules, check_copy, explain_above, picture
from executors.judge.review import Invalid, Review
from executors.judge.verdict import read
from executors.shared.batcher import Expired
from executors.shared.passes import OutOfMemory
from executors.shared.policy import Policy
from executors.shared.settings import Settings
from executors.shared.telemetry.catalogue import JUDGE_INVALID
from executors.shared.telemetry.tracing import inside

OUT_OF_MEMORY = "judge_out_of_memory"

Pinned = Callable[[], AbstractContextManager[Backend]]
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Asked:
    """One ad, and what is asked of whom."""

    case: Case
    backend: Backend
    rules: Applicable
    above: float
    """As `Question.explain_above`."""
    deadline: float

    @property
    def market(self) -> str:
        return self.case.market or "any"

    @cached_property
    def copy(self) -> str:
        """As the judge is shown it."""
        return clean(self.case.text)

    def question(self, image: Image.Image | None) -> Question:
        return Question(
            self.market,
            self.case.text,
            image,
            self.rules.rules,
            self.above,
            traceparent=inside(self.case.traceparent),
        )


class Reviewer:
    """Asks for what is not known yet: a verdict held for the same content is taken again, and the
    same ad, or almost the same, is not judged twice at a time."""

    def __init__(
        self, pinned: Pinned, policy: Callable[[], Policy], settings: Settings, verdicts: Verdicts
    ) -> None:
        """`pinned` keeps one model for one ad; `policy` is the one in force now."""
        self._pinned = pinned
        self._policy = policy
        self._settings = settings
        self._verdicts = verdicts
        self._rules = Rules()
        self._in_flight: InFlight[Opinion] = InFlight()
        self._twins = Twins(settings.decision.reject, self._in_thread)
        # Decoded pictures that wait for the judge are the room's memory: two batches of them.
        waiting = max(2 * settings.judge.max_batch, settings.judge.concurrency)
        self._places = asyncio.Semaphore(waiting)
        threads = max(1, min(8, (os.cpu_count() or 1) // 2))
        self._threads = ThreadPoolExecutor(threads, "judge-decode")
        self._reviewing = 0
        self._counts: Counter[str] = Counter()

    async def review(self, case: Case, deadline: float) -> Review:
        """Return the review of one case; `deadline` is Unix time in seconds. Never raises."""
        self._reviewing += 1
        try:
            with self._pinned() as backend:
                policy = self._policy()
                versions = {"judge": backend.version, "policy": policy.version}
                review = await self._in_time(case, backend, policy, deadline)
        finally:
            self._reviewing -= 1
        found = review.instruction_found or addresses_reviewer(case.text)
        self._counts["judged"] += review.verdict in ("violation", "compliant", "invalid")
        self._counts[review.verdict] += 1
        return replace(review, instruction_found=found, versions=versions)

    def counters(self) -> Mapping[str, int]:
        """What became of the ads, by verdict, and how many were not judged anew."""
        counted = ("judged", "violation", "compliant", "invalid", "timeout", "unavailable")
        return {
            **dict.fromkeys(counted, 0),
            **self._counts,
            **self._verdicts.counters(),
            "joined": self._in_flight.joined,
            "joined_near_identical": self._twins.joined,
            "reviewing": self._reviewing,
        }

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _in_time(
        self, case: Case, backend: Backend, policy: Policy, deadline: float
    ) -> Review:
        try:
            if (left := deadline - time.time()) <= 0:
                return Review("timeout")
            async with asyncio.timeout(left):
                return await self._review(self._asked(case, backend, policy, deadline))
        except (Expired, TimeoutError):
            return Review("timeout")
        except Invalid as invalid:
            return self._invalid(invalid)
        except QuestionRefused as refused:
            return self._invalid(Invalid("ad", str(refused)))
        except AdError as error:
            return Review("unavailable", error=error)
        except JudgeUnavailable as error:
            return Review("unavailable", notes=(error.reason,))
        except OutOfMemory:
            return Review("unavailable", notes=(OUT_OF_MEMORY,))
        except Exception as error:  # one ad's failure is its own verdict, never the request's
            _log(error)
            return Review("unavailable")

    def _invalid(self, invalid: Invalid) -> Review:
        self._counts[f"invalid_{invalid.kind}"] += 1
        JUDGE_INVALID.add(1, {"reason": invalid.kind})
        return invalid.review()

    def _asked(self, case: Case, backend: Backend, policy: Policy, deadline: float) -> _Asked:
        check_copy(case, backend)
        rules = self._rules.of(policy, case)
        return _Asked(case, backend, rules, explain_above(case, self._settings), deadline)

    async def _review(self, asked: _Asked) -> Review:
        picture_sha = await self._in_thread(lambda: picture_hash(asked.case.image))
        content = Content(picture_sha, asked.copy, asked.market, asked.rules.version)
        made_by = maker(asked.backend, self._settings.judge.max_pixels)
        key = key_of(content, made_by)
        if held := await self._verdicts.get(key, asked.above):
            return replace(self._read(asked, held), cached=True)
        opinion = await self._in_flight.once(
            (key, asked.above), lambda: self._opinion(asked, key, made_by)
        )
        return self._read(asked, opinion)

    async def _opinion(self, asked: _Asked, key: str, made_by: str) -> Opinion:
        async with self._places:
            image, look = await self._in_thread(lambda: self._picture(asked))
            group = (asked.market, asked.rules.version, made_by, asked.above, folded(asked.copy))
            question = asked.question(image)
            opinion = await self._twins.judge(
                Seen(group, asked.copy, look), lambda: self._judged(asked, question)
            )
        if NOTE not in opinion.notes and self._usable(asked, opinion):
            await self._verdicts.put(key, opinion)
        return opinion

    async def _judged(self, asked: _Asked, question: Question) -> Opinion:
        opinion = await asked.backend.judge(question, asked.deadline)
        provider, model = self._settings.judge.backend, asked.backend.name
        count_tokens(opinion.tokens, provider, model, question.traceparent)
        return opinion

    def _picture(self, asked: _Asked) -> tuple[Image.Image | None, Look | None]:
        if asked.case.image is None:
            return None, None
        seen = self._settings.judge.max_pixels
        image = picture(asked.case.image, self._settings.images, asked.backend.max_aspect, seen)
        return image, Look.of(image, seen)

    def _usable(self, asked: _Asked, opinion: Opinion) -> bool:
        try:
            self._read(asked, opinion)
        except Invalid:
            return False
        return True

    def _read(self, asked: _Asked, opinion: Opinion) -> Review:
        return read(opinion, asked.case, asked.rules.rules, asked.above, self._settings)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _log(error: Exception) -> None:
    """Where it failed, and not the message: it may quote the ad."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{where.name}, {os.path.basename(where.filename)}, line {where.lineno}"
    logger.error("an ad could not be judged: %s in %s", type(error).__name__, place)
