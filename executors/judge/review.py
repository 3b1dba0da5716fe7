"""What the judge's room says of one ad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adjudicate.documents import Finding, Verdict
from adjudicate.errors import AdError


@dataclass(frozen=True)
class Review:
    """Whatever could not be judged, or not reliably, is never `compliant`."""

    verdict: Verdict
    probability: float | None = None
    """Of a violation; None when the judge said none."""
    findings: tuple[Finding, ...] = ()
    """Breaches first. Of an `invalid` verdict one, whose rationale is the reason."""
    error: AdError | None = None
    instruction_found: bool = False
    notes: tuple[str, ...] = ()
    """Codes that become reasons of the decision."""
    cached: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the model and the policy that it was made by."""


class Invalid(ValueError):
    """The ad gets no usable verdict. `kind` is counted; the message says why, to people."""

    def __init__(self, kind: str, reason: str, probability: float | None = None) -> None:
        self.kind = kind
        self.probability = probability
        super().__init__(reason)

    def review(self) -> Review:
        """The verdict `invalid`, with the reason as its finding."""
        finding = Finding(
            rationale=str(self), verdict="invalid", probability=self.probability or 0.0
        )
        return Review("invalid", self.probability, (finding,))
