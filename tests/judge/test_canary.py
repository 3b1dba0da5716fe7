"""The judge's canary asks the model itself, and no verdict of it is kept."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext

import pytest

from executors.judge.backend import NEVER, JudgeUnavailable, Opinion
from executors.judge.canary import try_judging
from executors.shared.health.canaries import CanaryFailed
from executors.shared.passes import OutOfMemory
from executors.shared.policy import load_policy
from executors.shared.settings import Settings
from tests.judge.scripted import Says, Scripted

SETTINGS = Settings()
POLICY = load_policy(SETTINGS.policies)


async def ask(*says: Says) -> Scripted:
    backend = Scripted(*says)
    await try_judging(lambda: nullcontext(backend), POLICY, SETTINGS)
    return backend


async def test_the_model_is_asked_for_a_verdict_alone_by_the_rules_of_any_market() -> None:
    backend = await ask(Opinion(0.1, 0.0, None))
    (question,) = backend.asked
    assert question.canary
    assert question.explain_above == NEVER
    assert question.image is not None
    assert question.traceparent is None
    assert tuple(question.rules) == POLICY.applicable(None, None)


async def test_it_is_asked_each_time_anew() -> None:
    backend = Scripted(Opinion(0.1, 0.0, None))
    for _ in range(2):
        await try_judging(lambda: nullcontext(backend), POLICY, SETTINGS)
    assert len(backend.asked) == 2


@pytest.mark.parametrize("violation", [math.nan, -0.1, 1.1])
async def test_a_probability_that_is_none_fails(violation: float) -> None:
    with pytest.raises(CanaryFailed, match="probability") as failed:
        await ask(Opinion(violation, 0.0, None))
    assert not failed.value.outside


async def test_a_server_that_is_down_is_not_healed_by_a_restart() -> None:
    with pytest.raises(CanaryFailed, match="breaker_open") as failed:
        await ask(JudgeUnavailable("breaker_open"))
    assert failed.value.outside


async def test_a_device_without_memory_is_the_rooms_own_fault() -> None:
    with pytest.raises(CanaryFailed, match="out of memory") as failed:
        await ask(OutOfMemory("x"))
    assert not failed.value.outside


async def test_the_model_is_held_while_it_is_asked() -> None:
    """Else a model that is exchanged meanwhile would be closed under the canary."""
    held = []

    @contextmanager
    def pinned():  # type: ignore[no-untyped-def]
        held.append("begun")
        yield Scripted(lambda question: held.append("asked") or Opinion(0.1, 0.0, None))
        held.append("ended")

    await try_judging(pinned, POLICY, SETTINGS)
    assert held == ["begun", "asked", "ended"]
