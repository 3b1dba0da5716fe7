"""What is answered: a decision; and what a person says of it."""

from docarray import DocList
from pydantic import Field

from adjudicate.documents.evidence import Finding, Match
from adjudicate.documents.problem import Problem
from adjudicate.documents.review import Ruling
from adjudicate.errors import AdError, Code
from adjudicate.wire import Document


class Decision(Document):
    """What a client gets back for one ad."""

    ad_id: str = ""
    outcome: str = "error"
    """An `Outcome`."""
    reasons: list[str] = Field(default_factory=list)
    """Codes, most decisive first."""
    rule: str = ""
    confidence: float = 0.0
    """Probability of the outcome, 0 to 1, as far as it is known."""
    matches: DocList[Match] = Field(default_factory=DocList[Match])
    findings: DocList[Finding] = Field(default_factory=DocList[Finding])
    problem: Problem | None = None
    judged: bool = False
    flagged: bool = False
    """The screen sent it to the judge; not so the audit sample, nor copies of known violations."""
    shadow_flagged: bool | None = None
    """Whether the shadow thresholds would have; None when there were none."""
    audit: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    cached: bool = False
    trace_id: str = ""
    timings: dict[str, float] = Field(default_factory=dict)
    """Milliseconds spent per room and in the gateway; `encoder.model` is a part of `encoder`."""
    decided_at: str = ""
    """UTC, ISO 8601."""
    ruling: Ruling | None = None
    """What people settled since, which then counts; None while the decision itself does. It is
    there when a decision is read again, not in the answer to a review."""

    def raise_for_problem(self) -> "Decision":
        """The decision itself. Raises `AdError` when its ad could not be reviewed."""
        if self.problem is None:
            return self
        known = self.problem.code in set(Code)
        code = Code(self.problem.code) if known else Code.INTERNAL
        raise AdError(code, self.problem.detail if known else str(self.problem.code))


class PersonVerdict(Document):
    """What a person says of a decision; its id is the decision's."""

    verdict: str = ""
    """`upheld` or `overturned`."""
    by: str = ""
    note: str = ""
    caller: str = ""
    """Whose key it came with: set by the gateway."""
    outcome: str = ""
    """Answer: the decision's."""
    at: str = ""
    """Answer: when it was given. UTC, ISO 8601."""
    problem: Problem | None = None
