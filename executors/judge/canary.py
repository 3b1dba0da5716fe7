"""The judge's canary: the model is asked about the same ad again, whatever is held of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from executors.judge.backend import NEVER, Backend, JudgeUnavailable, Question
from executors.judge.prompt import clean
from executors.judge.questions import picture
from executors.shared.health.ad import canary_case
from executors.shared.health.canaries import CanaryFailed
from executors.shared.passes import OutOfMemory
from executors.shared.policy import Policy
from executors.shared.settings import Settings


async def try_judging(
    pinned: Callable[[], AbstractContextManager[Backend]], policy: Policy, settings: Settings
) -> None:
    """One verdict by the rules of any market, without a written answer, cache or record.

    Raises `CanaryFailed`.
    """
    case = canary_case()
    assert case.image is not None  # the canary has a picture
    with pinned() as backend:
        seen = settings.judge.max_pixels
        question = Question(
            "any",
            clean(case.text),
            picture(case.image, settings.images, backend.max_aspect, seen),
            policy.applicable(None, None),
            explain_above=NEVER,
            canary=True,
        )
        try:
            opinion = await backend.judge(question)
        except JudgeUnavailable as error:
            # A server that is down comes back by itself, and its breaker lets the next one through.
            raise CanaryFailed(f"no verdict: {error.reason}", outside=True) from None
        except OutOfMemory:
            raise CanaryFailed("out of memory") from None
    # Written so that a NaN fails it, too.
    if not 0 <= opinion.violation <= 1:
        raise CanaryFailed(f"the probability of a violation is {opinion.violation}")
