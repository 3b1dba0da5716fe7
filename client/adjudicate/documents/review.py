"""What people work on: the queue, its cases and leases, their answers, and what counts then."""

from pydantic import Field

from adjudicate.documents.problem import Problem
from adjudicate.wire import Document


class Ruling(Document):
    """What counts for an ad that people have settled; its id is the decision's.

    The decision itself stays as it was made.
    """

    outcome: str = ""
    """`approve` or `reject`."""
    rule: str = ""
    """That a rejected ad breaks."""
    source: str = ""
    """A `RulingSource`: a `review`, a `lead`'s, an `appeal`, or a `propagation` from a
    near-duplicate."""
    by: str = ""
    """Who settled it: `key:<id>`, `jwt:<subject>`, or `open`."""
    by_name: str = ""
    note: str = ""
    at: str = ""
    """UTC, ISO 8601."""


class QueueAsk(Document):
    """Asks for a page of the queue, or for its counts; an empty filter means all."""

    decision_id: str = ""
    """Asks for this case alone, whatever its state."""
    kind: str = ""
    """A `CaseKind`."""
    rule: str = ""
    category: str = ""
    advertiser: str = ""
    market: str = ""
    product: str = ""
    language: str = ""
    state: str = "open"
    """A `CaseState`; empty: both."""
    stage: str = ""
    """A `CaseStage`."""
    mine: bool = False
    """Only what the caller holds a lease of."""
    free: bool = False
    """Only what nobody holds."""
    text: str = ""
    """Stands in the excerpt of the copy, the ad's id or the advertiser's name."""
    sort: str = "priority"
    """`priority`: with age, as the cases are given out; or `oldest`, `newest`."""
    limit: int = 50
    offset: int = 0
    by: str = ""
    by_name: str = ""
    role: str = ""


class QueueItem(Document):
    """A case of the queue; its id is the decision's."""

    kind: str = ""
    """A `CaseKind`."""
    stage: str = ""
    """A `CaseStage`."""
    state: str = ""
    """A `CaseState`."""
    priority: int = 0
    """Higher first; each point is worth a minute of waiting. See docs/review-queue.md."""
    rule: str = ""
    """The decision's."""
    category: str = ""
    """Of the violation that the ad resembles most."""
    outcome: str = ""
    """The decision's."""
    reason: str = ""
    """Of the decision: its first."""
    confidence: float = 0.0
    """The decision's."""
    ad_id: str = ""
    advertiser: str = ""
    market: str = ""
    product: str = ""
    language: str = ""
    excerpt: str = ""
    """How the copy begins."""
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty without."""
    queued_at: str = ""
    """UTC, ISO 8601."""
    lease_by: str = ""
    """Who works on it: `key:<id>` and the like; empty: nobody."""
    lease_name: str = ""
    lease_until: str = ""
    """UTC, ISO 8601."""
    settled_at: str = ""
    """UTC, ISO 8601; empty while it is open."""
    appeal_id: str = ""
    """Of the open appeal, for a case of kind `appeal`."""
    problem: Problem | None = None


class QueueCounts(Document):
    """How much there is to do."""

    open: int = 0
    free: int = 0
    """Of these, what nobody holds a lease of."""
    mine: int = 0
    """Of these, what the caller holds."""
    settled_today: int = 0
    """In the last 24 hours."""
    oldest_at: str = ""
    """When the open case that waits longest was queued. UTC, ISO 8601; empty without."""
    by_kind: dict[str, int] = Field(default_factory=dict)
    by_stage: dict[str, int] = Field(default_factory=dict)
    by_rule: dict[str, int] = Field(default_factory=dict)
    """The most frequent ones; `""` for cases without a rule."""
    by_category: dict[str, int] = Field(default_factory=dict)
    by_market: dict[str, int] = Field(default_factory=dict)
    problem: Problem | None = None


class Claim(Document):
    """Takes a case for some time, renews that, or gives it back; its id is the decision's.

    Without an id, a claim is for the next case by priority and age that the caller may work on and
    the filters let pass; a release is of all that the caller holds.
    """

    by: str = ""
    by_name: str = ""
    role: str = ""
    seconds: int = 0
    """How long; 0: as the service is set."""
    skip: list[str] = Field(default_factory=list)
    """Decisions that are not to be given, such as those that the caller has on the screen."""
    kind: str = ""
    rule: str = ""
    category: str = ""
    advertiser: str = ""
    market: str = ""
    product: str = ""
    language: str = ""
    stage: str = ""
    problem: Problem | None = None


class Review(Document):
    """A person's answer to a case; its id is the decision's."""

    answer: str = ""
    """`violation`, `compliant` or `skip`."""
    rule: str = ""
    """That the ad breaks, for a violation; empty: the decision's."""
    note: str = ""
    """For a skip the reason, which it needs."""
    number: int = 0
    """Answer: of this review. Asked of an undo: which one; 0: the caller's last of this case."""
    by: str = ""
    by_name: str = ""
    role: str = ""
    """A `Role`."""
    kind: str = ""
    """Answer: what the case was, a `CaseKind`."""
    stage: str = ""
    """Answer: at which it was given, a `CaseStage`."""
    at: str = ""
    """Answer: when it was given. UTC, ISO 8601."""
    undone_at: str = ""
    """Answer: when it was taken back; empty: it was not."""
    undone_by: str = ""
    state_after: str = ""
    """Answer: the case's state and stage then: `settled`, `first`, `second` or `lead`."""
    outcome_after: str = ""
    """Answer: what counts for the ad then, the ruling's outcome or the decision's."""
    problem: Problem | None = None
