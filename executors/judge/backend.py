"""What a judge is asked and what it says: the one interface of all backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from executors.judge.prompt import RuleText

ALWAYS = -1.0
NEVER = 2.0
"""For `Question.explain_above`: whatever the probability, and not at all."""

SCALED_DOWN = "picture_scaled_down"
"""A note: the picture alone would not have fitted into memory, and was reduced until it did."""


class JudgeUnavailable(Exception):
    """The judge cannot answer now. `reason` is a code, such as `breaker_open`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class QuestionRefused(ValueError):
    """The ad cannot be put to the judge as it is. The message says why; a person looks at it."""


@dataclass(frozen=True)
class Question:
    """One ad as the judge sees it."""

    market: str
    """A market's code, or `any`."""
    copy: str
    image: Image.Image | None
    rules: Sequence[RuleText]
    """Those that the ad is held to. An answer names a rule by its place among them, from 1."""
    explain_above: float = ALWAYS
    """An answer is written where the probability of a violation is above this."""
    traceparent: str | None = None
    """W3C, of the ad's trace: the span of its batch links to it."""
    canary: bool = False
    """No ad: it counts for nothing."""


@dataclass(frozen=True)
class Tokens:
    """What one ad cost a model, all requests for it together."""

    read: int = 0
    written: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.read + other.read, self.written + other.written)


@dataclass(frozen=True)
class Opinion:
    """What a backend says of one ad."""

    violation: float
    """Calibrated probability, 0 to 1, that the ad breaks a rule."""
    instruction: float
    """Probability, 0 to 1, that picture or copy addresses whoever reviews the ad."""
    written: str | None
    """The answer as the model wrote it; None where none was asked for."""
    notes: tuple[str, ...] = ()
    """Codes of what was done to the ad to judge it, such as `SCALED_DOWN`."""
    tokens: Tokens | None = field(default=None, compare=False)
    """None where nobody knows: a server need not say, and a kept opinion costs none."""


OnBatch = Callable[[Sequence[Question]], AbstractContextManager[object]]
"""Entered around each batch of a backend in this process, in its thread: for a span, as a rule."""


class Backend(Protocol):
    """Whatever judges ads. `judge` may be called by many at once; the backend batches them."""

    name: str
    version: str
    """Of weights and calibration: a verdict of another version is not taken from a cache."""
    device: str
    precision: str
    style: str
    max_copy: int
    """Characters of copy that the model reads reliably; a longer ad goes to a person."""
    max_aspect: float
    """Longer to shorter side of a picture that the model reads reliably."""

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        """Return the opinion on one ad; `deadline` is Unix time in seconds.

        Raises `Expired` when the deadline passes first, `QuestionRefused` when the ad cannot be
        asked about, `JudgeUnavailable` when there will be no answer, `OutOfMemory` when the ad
        alone does not fit, however small it is made.
        """
        ...

    def facts(self) -> Mapping[str, str]:
        """What the room's status says beside name, version, device and precision."""
        ...

    def counters(self) -> Mapping[str, int]:
        """What was done since the start: `judged`, `answers`, `waiting` and others."""
        ...

    def close(self) -> None:
        """Finish the batch at work; what still waits fails with `Closed`."""
        ...
