"""Labelled ads through the judge: the verdict's logit of each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from adjudicate.calibration.labelled import Labelled
from adjudicate.content import content_hash
from adjudicate.errors import AdError, ConfigurationError
from executors.judge.backend import NEVER, Backend, Question
from executors.judge.calibration.measures import Numbers, Truth
from executors.judge.calibration.split import joined
from executors.shared.images import decode
from executors.shared.policy import Policy
from executors.shared.settings import ImageLimits

AT_A_TIME = 64
_SUREST = 1e-6
"""A server's probability is held away from 0 and 1 by this: their logits are infinite."""

Logits = Callable[[Sequence[Question]], list[float]]


@dataclass
class Judged:
    """What the judge said of the rows, in their order."""

    logits: list[float] = field(default_factory=list)
    """Log odds of a violation, before any temperature."""
    truth: list[bool] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    """Ads of one group share picture, copy or the group that their row names."""
    refused: list[str] = field(default_factory=list)
    """A sentence per row that could not be used."""

    def arrays(self) -> tuple[Numbers, Truth]:
        """Logits `[N]` and truth `[N]`."""
        return np.array(self.logits, dtype=np.float64), np.array(self.truth, dtype=bool)


def judge_labelled(
    labelled: Iterable[Labelled],
    logits: Logits,
    backend: Backend,
    policy: Policy,
    limits: ImageLimits,
    advance: Callable[[int], object] = lambda done: None,
) -> Judged:
    """Ask for every row's logit; `advance` gets the number of rows that were finished.

    An ad that the room would hand to a person without asking, for its length or its picture's
    shape, is refused here too.
    """
    judged = Judged()
    known: list[tuple[str, ...]] = []
    rest = iter(labelled)
    while window := list(islice(rest, AT_A_TIME)):
        asked: list[tuple[Labelled, Question]] = []
        for one in window:
            try:
                asked.append((one, _question(one, backend, policy, limits)))
            except _Refused as refusal:
                judged.refused.append(f"row {one.row}: {refusal}")
        judged.logits += logits([question for _, question in asked]) if asked else []
        judged.truth += [one.violating for one, _ in asked]
        known += [_content(one) for one, _ in asked]
        advance(len(window))
    judged.groups = joined(known)
    return judged


def logits_of(backend: Backend, temperature: float) -> Logits:
    """Return how this backend is asked for logits; `temperature` is the one it divides them by.

    Raises `ConfigurationError`, when it is used, where a server gives no probabilities.
    """
    from executors.judge.qwen.backend import QwenBackend

    if isinstance(backend, QwenBackend):
        return backend.engine.logits

    async def asked(questions: Sequence[Question]) -> list[float]:
        opinions = await asyncio.gather(*(backend.judge(one) for one in questions))
        return [opinion.violation for opinion in opinions]

    def logits(questions: Sequence[Question]) -> list[float]:
        said = asyncio.run(asked(questions))
        if backend.facts().get("probability") == "verdict only":
            raise ConfigurationError(
                f"The server of {backend.name} gives verdicts without probabilities (logprobs): "
                "there is nothing to calibrate."
            )
        sure = [min(max(one, _SUREST), 1 - _SUREST) for one in said]
        return [temperature * math.log(one / (1 - one)) for one in sure]

    return logits


class _Refused(Exception):
    pass


def _question(one: Labelled, backend: Backend, policy: Policy, limits: ImageLimits) -> Question:
    ad = one.ad
    if ad.problem is not None:
        raise _Refused(ad.problem.detail or ad.problem.code)
    if len(ad.text) > backend.max_copy:
        raise _Refused("the copy is longer than the judge reads reliably")
    try:
        image = None if ad.image is None else decode(ad.image, limits)
    except AdError as error:
        raise _Refused(error.detail) from None
    if image is not None and max(image.size) > min(image.size) * backend.max_aspect:
        raise _Refused("the picture is longer than the judge reads reliably")
    rules = policy.applicable(ad.market, ad.product)
    return Question(ad.market or "any", ad.text, image, rules, explain_above=NEVER)


def _content(one: Labelled) -> tuple[str, ...]:
    """What makes two ads alike: the group, the picture's bytes, the words of the copy."""
    found = [f"group {one.group}"]
    if one.ad.image is not None:
        found.append(f"picture {content_hash(one.ad.image, '')}")
    if words := " ".join(one.ad.text.split()).casefold():
        found.append(f"copy {words}")
    return tuple(found)
