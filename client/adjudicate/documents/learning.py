"""What people's answers teach: exemplars, near-duplicates settled alike, and how well it does."""

from docarray import DocList
from pydantic import Field

from adjudicate.documents.problem import Problem
from adjudicate.documents.quality import Proportion
from adjudicate.wire import Document


class Note(Document):
    """What a reader should know of figures."""

    code: str = ""
    """Stable: programs and translations go by it."""
    text: str = ""
    """The sentence, in English."""
    values: dict[str, str] = Field(default_factory=dict)
    """What is filled in, by name."""


class Lesson(Document):
    """A settled ad as an exemplar of the library; its id is the decision's."""

    exemplar_id: str = ""
    polarity: str = ""
    """`violation` of a confirmed one, `lookalike` of an overturned one."""
    category: str = ""
    rule: str = ""
    bank: str = ""
    text: str = ""
    """The ad's copy."""
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty without."""
    repeats: bool = False
    """The library had this content before: taking the lesson back leaves it there."""
    near_duplicate: str = ""
    """Answer: another exemplar that this one is almost a copy of."""
    note: str = ""
    by: str = ""
    """Who taught it: `key:<id>`, `jwt:<subject>`, or `open`."""
    by_name: str = ""
    role: str = ""
    at: str = ""
    """UTC, ISO 8601; empty until it is in the library."""
    removed_at: str = ""
    """When it was taken back; empty: it was not."""
    remove: bool = False
    """Answer to taking a lesson back: the exemplar is to leave the library, since no other
    decision taught the same."""
    problem: Problem | None = None


class PropagationItem(Document):
    """A near-duplicate of a settled ad; its id is its decision's."""

    source: str = ""
    """Where it was found: an open case of the `queue`, or a decision of the `past`."""
    distance: int | None = None
    """Bits in which the pictures' PDQ hashes differ; None where one of both ads has none, or they
    are no copies."""
    same_copy: bool = False
    """The copy of both is the same once it is folded."""
    whole: bool = False
    """Everything is alike: the pictures, if either ad has one, and the copy, if either has any."""
    skipped: str = ""
    """Why nothing is to happen to it, a `PropagationSkip`; empty: it is settled with the other."""
    state: str = ""
    """Of one that was applied: `applied`, `undone`, or `kept`: a person ruled on it since."""
    outcome: str = ""
    """What counts for it before: a ruling's outcome, or the decision's."""
    rule: str = ""
    kind: str = ""
    """Of its case in the queue, a `CaseKind`; empty without."""
    stage: str = ""
    ad_id: str = ""
    advertiser: str = ""
    market: str = ""
    product: str = ""
    excerpt: str = ""
    """How the copy begins."""
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty without."""
    decided_at: str = ""
    problem: Problem | None = None


class Propagation(Document):
    """A person's ruling on one ad, carried over to its near-duplicates; its id is its own."""

    decision_id: str = ""
    """The settled one."""
    outcome: str = ""
    """Answer: the ruling's, `reject` or `approve`."""
    rule: str = ""
    """Answer: the ruling's."""
    past: bool = False
    """Past decisions as well, not only the queue's open cases."""
    since: str = ""
    """Of the past decisions: from when on. UTC, ISO 8601; empty: 30 days back."""
    until: str = ""
    only: list[str] = Field(default_factory=list)
    """Decisions that it is to be carried over to; empty: to all that are not skipped. Asked of an
    undo: the ones to undo."""
    note: str = ""
    by: str = ""
    by_name: str = ""
    role: str = ""
    items: DocList[PropagationItem] = Field(default_factory=DocList[PropagationItem])
    """Answer: what was found, the queue's first, the nearest first; at most 1,000."""
    found: int = 0
    """Answer: near-duplicates found, those beyond the list as well."""
    applied: int = 0
    """Answer: settled by it; in a preview, those that would be."""
    kept: int = 0
    """Answer to an undo: left as a person ruled since."""
    at: str = ""
    """Answer: when it was applied. UTC, ISO 8601."""
    undone_at: str = ""
    undone_by: str = ""
    problem: Problem | None = None


class PropagationAsk(Document):
    """Asks for one propagation by its id, with its items; or for a page of them without, the
    newest first: all, or a decision's."""

    decision_id: str = ""
    limit: int = 50
    offset: int = 0


class Agreement(Document):
    """Of the ads that both the judge and a person answered: who said what."""

    name: str = ""
    """A rule; empty for all together."""
    both: int = 0
    """Violation, said both."""
    judge_only: int = 0
    """Violation, said the judge; compliant, the person."""
    person_only: int = 0
    neither: int = 0
    """Compliant, said both."""
    share: float | None = None
    """Said the same. None of nothing."""
    low: float = 0.0
    high: float = 1.0
    kappa: float | None = None
    """Cohen's: agreement beyond chance, −1 to 1; None where chance alone would agree."""


class Learning(Document):
    """What people's answers say of the decisions."""

    hours: float = 0.0
    """The window, up to now, of the decisions' time; 0 in a request: 720, thirty days."""
    since: str = ""
    """The beginning of its first hour. UTC, ISO 8601."""
    confidence: float = 0.0
    """Of all intervals: the share of them that hold the true value."""
    answered: int = 0
    """Decisions of the window that people settled."""
    rejects: int = 0
    """Rejections of the window."""
    reject_precision: DocList[Proportion] = Field(default_factory=DocList[Proportion])
    """Of the rejections, those that people find right: all, and by rule. `count` of `total` were
    looked at; `share` weighs appealed ones and others by how many there are of each."""
    appeals: Proportion | None = None
    """Of the decided appeals, those that were overturned."""
    screen_miss: Proportion | None = None
    """Of the ads that passed the screen, those that break a rule by people's answers to the audit
    sample: `count` of `total` answered. `share` weighs each by how many ads it stands for."""
    passed: int = 0
    """Ads that passed the screen: those that `screen_miss` is a share of."""
    audited: int = 0
    """Of these, the audit sample."""
    agreement: DocList[Agreement] = Field(default_factory=DocList[Agreement])
    """Judge and people: all, and by rule."""
    escalations: Proportion | None = None
    """Of the settled escalations, those that break a rule."""
    reviewers: Proportion | None = None
    """Of the cases that two people answered, those on which both said the same."""
    taught: dict[str, int] = Field(default_factory=dict)
    """Exemplars that came of decisions and are in the library, by polarity."""
    propagated: int = 0
    """Ads that are settled with a near-duplicate."""
    notes: DocList[Note] = Field(default_factory=DocList[Note])
    problem: Problem | None = None


class OverviewHour(Document):
    """What happened in one hour."""

    at: str = ""
    """When it began. UTC, ISO 8601, `2026-01-31T23:00:00.000+00:00`."""
    ads: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict)
    judged: int = 0
    p50: float | None = None
    """Milliseconds in the rooms, within 5 %; None without ads."""
    p95: float | None = None
    queued: int = 0
    """Cases that came into the queue."""
    settled: int = 0
    """Cases that people settled."""


class Overview(Document):
    """How the service does now: volume, outcomes, latency, and how long people's work waits."""

    hours: float = 0.0
    """The window, up to now, 1 to 744; 0 in a request: 24."""
    since: str = ""
    """The beginning of the first hour. UTC, ISO 8601."""
    now: str = ""
    ads: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict)
    judged: int = 0
    p50: float | None = None
    """Milliseconds in the rooms, within 5 %; None without ads."""
    p95: float | None = None
    judged_p50: float | None = None
    """Of the ads that the judge was asked about."""
    judged_p95: float | None = None
    hourly: DocList[OverviewHour] = Field(default_factory=DocList[OverviewHour])
    """Every hour of the window, the oldest first, those without ads as well."""
    waiting: int = 0
    """Open cases."""
    waiting_by_kind: dict[str, int] = Field(default_factory=dict)
    waiting_by_age: dict[str, int] = Field(default_factory=dict)
    """Open cases by how long they wait: `1h`, `4h`, `24h`, `72h`, each up to that, and `more`."""
    claimed: int = 0
    """Of these, what somebody works on."""
    oldest_at: str = ""
    """When the open case that waits longest was queued; empty without one."""
    settled: int = 0
    """Cases settled in the window."""
    settle_p50_s: float | None = None
    """Seconds from the queue to the ruling, of the cases settled in the window."""
    settle_p95_s: float | None = None
    appeals: int = 0
    """Open appeals."""
    problem: Problem | None = None


class ThresholdPoint(Document):
    """What one threshold would do to the ads that people answered."""

    threshold: float = 0.0
    """Cosine."""
    flagged: int = 0
    """Answered ads at or above it."""
    violations: int = 0
    """Of these, what people found to break a rule."""
    precision: float | None = None
    """Violations among the flagged; None where nothing is flagged."""
    precision_low: float = 0.0
    precision_high: float = 1.0
    recall: float | None = None
    """Flagged among the violations that `positives` counts; None without any."""
    recall_low: float = 0.0
    recall_high: float = 1.0


class ThresholdEffect(Document):
    """What another threshold of one category and signal would change."""

    category: str = ""
    signal: str = ""
    """`image`, `text` or `image-text`."""
    threshold: float | None = None
    """The candidate, a cosine; None: the one in force."""
    hours: float = 0.0
    """The window, up to now; 0 in a request: 720, thirty days."""
    encoder_version: str = ""
    """Of the ads: cosines of another encoder cannot be compared."""
    current: float | None = None
    """The threshold in force; None: the signal is off."""
    answered: int = 0
    """Ads that people answered and that matched this category by this signal."""
    positives: int = 0
    """Of these, what breaks a rule: recall is a share of them, and of no others."""
    lowest: float | None = None
    """The lowest cosine of these: below it nothing was ever recorded, and nothing is known."""
    points: DocList[ThresholdPoint] = Field(default_factory=DocList[ThresholdPoint])
    """By threshold, the lowest first; at most 200."""
    now: ThresholdPoint | None = None
    """At the threshold in force."""
    then: ThresholdPoint | None = None
    """At the candidate."""
    sampled: int = 0
    """Recent ads of all kinds that the library sampled."""
    sampled_now: int = 0
    """Of these, those that reach the threshold of some category in some signal now."""
    sampled_then: int = 0
    """The same, with the candidate in the place of the one in force."""
    flagged: int = 0
    """Ads of the window that this category flagged by this signal; at most 5,000 are read."""
    unflagged: int = 0
    """Of these, what nothing would flag any more at the candidate. An ad with as many matches as a
    decision holds is not counted: others may have been left out."""
    unflagged_rejected: int = 0
    """Of these, what counts as rejected: violations that would run."""
    notes: DocList[Note] = Field(default_factory=DocList[Note])
    problem: Problem | None = None
