"""From a case to what the judge is asked: which rules, which answer, which picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from adjudicate.documents import Case
from executors.judge.backend import ALWAYS, NEVER, Backend
from executors.judge.review import Invalid
from executors.shared.images import decode
from executors.shared.policy import Policy, Rule
from executors.shared.settings import ImageLimits, Settings

_KEPT = 4
"""Times what the judge sees, that a decoded picture keeps: more would only wait in memory."""


@dataclass(frozen=True)
class Applicable:
    """The rules that an ad is held to, in order, and a version of them."""

    rules: tuple[Rule, ...]
    version: str


class Rules:
    """The applicable rules by market and product; they are worked out once per policy."""

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._known: dict[tuple[str | None, str | None], Applicable] = {}

    def of(self, policy: Policy, case: Case) -> Applicable:
        """Raises `Invalid` when no rule applies: such an ad the judge cannot clear."""
        if policy is not self._policy:
            self._policy, self._known = policy, {}
        key = (case.market, case.product)
        if key not in self._known:
            rules = policy.applicable(*key)
            self._known[key] = Applicable(rules, Policy.version_of(rules))
        found = self._known[key]
        if not found.rules:
            raise Invalid("rules", "no rule of the policy applies to the ad's market and product")
        return found


def explain_above(case: Case, settings: Settings) -> float:
    """The probability above which the case wants a written answer."""
    above: Mapping[str, float] = {
        "always": ALWAYS,
        "violations": settings.decision.approve,
        "never": NEVER,
    }
    return above[case.rationale or settings.judge.rationale]


def check_copy(case: Case, backend: Backend) -> None:
    """Raises `Invalid` for copy that the judge does not read reliably, and for an empty ad."""
    if len(case.text) > backend.max_copy:
        raise Invalid("ad", "the copy is longer than the judge reads reliably")
    if case.image is None and not case.text.strip():
        raise Invalid("ad", "there is neither picture nor copy")


def picture(data: bytes, limits: ImageLimits, max_aspect: float, max_pixels: int) -> Image.Image:
    """The decoded picture, no larger than the judge has use for. Blocking.

    Raises `AdError` as `decode`, and `Invalid` for a shape that the judge does not read reliably.
    """
    image = decode(data, limits)
    if max(image.size) > min(image.size) * max_aspect:
        raise Invalid("ad", "the picture is longer than the judge reads reliably")
    factor = int((image.width * image.height / (_KEPT * max_pixels)) ** 0.5)
    return image.reduce(factor) if factor > 1 else image
