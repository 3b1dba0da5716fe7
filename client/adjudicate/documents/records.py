"""What is on record: a decision's evidence, all that is known of a case, and searches over both."""

from docarray import DocList
from pydantic import Field

from adjudicate.documents.appeals import Appeal
from adjudicate.documents.decisions import Decision
from adjudicate.documents.problem import Problem
from adjudicate.documents.review import QueueItem, Review
from adjudicate.wire import Document


class Evidence(Document):
    """What a decision is about; its id is the decision's."""

    ad_id: str = ""
    text: str = ""
    """The ad's copy; empty when it has expired or was erased, as are the next two."""
    advertiser: str = ""
    context: dict[str, str] = Field(default_factory=dict)
    market: str = ""
    product: str = ""
    language: str = ""
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty for an ad without, and once erased."""
    phash: str = ""
    """PDQ hash of the picture, 256 bits, hex; empty where it would mean nothing."""
    picture_kept: bool = False
    """Whether the picture itself is there."""
    decided_at: str = ""
    """UTC, ISO 8601, as are the next three."""
    picture_gone_at: str = ""
    """When the picture was deleted; empty while it is kept, and where none was."""
    copy_gone_at: str = ""
    """When copy, advertiser and context were; empty while they are kept."""
    erased_at: str = ""
    """When all of it was erased by somebody's request; empty otherwise."""


class DecisionAsk(Document):
    """Asks for decisions that all given fields hold of, the newest first; by a picture the nearest
    first. An ask without any is for the newest. Its id is Jina's."""

    decision: str = ""
    """A decision's id or an ad's, exactly."""
    text: str = ""
    """Stands in the copy, however its letters are written: see docs/records.md."""
    picture: str = ""
    """SHA-256, hex, of a picture's bytes: these very bytes."""
    phash: str = ""
    """PDQ hash: pictures that are near-duplicates by it. With `picture`, either."""
    copy_hash: str = ""
    """Ads whose copy reads the same."""
    advertiser: str = ""
    outcome: str = ""
    """An `Outcome`, of the decision or of the ruling, whichever counts."""
    rule: str = ""
    """A rule's code, or the beginning of one that ends in `*`."""
    market: str = ""
    product: str = ""
    since: str = ""
    """UTC, ISO 8601: decided then or later."""
    until: str = ""
    """UTC, ISO 8601: decided before then."""
    limit: int = 50
    after: str = ""
    """The id of the last decision of the page before this one."""
    by: str = ""
    """Who asks; set by the gateway."""
    problem: Problem | None = None


class DecisionRow(Document):
    """A decision as a line of a list; its id is the decision's."""

    ad_id: str = ""
    outcome: str = ""
    """An `Outcome`: the decision's."""
    ruling_outcome: str = ""
    """What people, or propagation, ruled; empty without a ruling."""
    rule: str = ""
    """The ruling's, or else the decision's."""
    reason: str = ""
    """The decision's first."""
    confidence: float = 0.0
    advertiser: str = ""
    market: str = ""
    product: str = ""
    language: str = ""
    excerpt: str = ""
    """How the copy begins."""
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty without, and when it is not kept."""
    distance: int | None = None
    """Bits of 256 in which its picture's PDQ hash differs; None where no picture was asked for."""
    decided_at: str = ""
    """UTC, ISO 8601."""
    problem: Problem | None = None


class CaseFile(Document):
    """All that is known of a decision, for whoever looks into it; its id is the decision's."""

    decision: Decision | None = None
    evidence: Evidence | None = None
    """None for a decision of an earlier release, or one without content."""
    item: QueueItem | None = None
    """Its place in the queue; None when nobody is to look at it."""
    reviews: DocList[Review] = Field(default_factory=DocList[Review])
    """In the order in which they were given."""
    appeals: DocList[Appeal] = Field(default_factory=DocList[Appeal])
    """In the order in which they were opened."""
    history: DocList[DecisionRow] = Field(default_factory=DocList[DecisionRow])
    """The advertiser's other decisions, the newest first."""
    history_counts: dict[str, int] = Field(default_factory=dict)
    """By outcome, of up to 1,000 of these."""
    near: DocList[DecisionRow] = Field(default_factory=DocList[DecisionRow])
    """Decisions on near-duplicates: of the picture by its PDQ hash, nearest first, or with copy
    that reads the same (a distance of None)."""
    problem: Problem | None = None


class ExportRow(Document):
    """A decision with its evidence as a row of a table; its id is the decision's."""

    ad_id: str = ""
    outcome: str = ""
    ruling_outcome: str = ""
    ruling_rule: str = ""
    ruling_source: str = ""
    ruled_at: str = ""
    reasons: list[str] = Field(default_factory=list)
    rule: str = ""
    confidence: float = 0.0
    judged: bool = False
    flagged: bool = False
    audit: bool = False
    cached: bool = False
    advertiser: str = ""
    market: str = ""
    product: str = ""
    language: str = ""
    text: str = ""
    context: dict[str, str] = Field(default_factory=dict)
    picture: str = ""
    phash: str = ""
    trace_id: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)
    decided_at: str = ""
    erased_at: str = ""
    problem: Problem | None = None


class Erasure(Document):
    """What is to be erased, of an ad or of an advertiser; answered with what was."""

    ad: str = ""
    """Every decision on the ad of this id, or the decision of this id."""
    advertiser: str = ""
    """Every decision on an ad of this advertiser, by its name exactly."""
    dry_run: bool = True
    """Whether it is only counted."""
    by: str = ""
    """Who erases; set by the gateway."""
    decisions: int = 0
    """Answer: whose evidence was erased."""
    pictures: int = 0
    """Answer: deleted, since no other ad holds them."""
    pictures_held: int = 0
    """Answer: left, since another ad holds them too."""
    exemplars: list[str] = Field(default_factory=list)
    """Answer: of the library, that have the content of one of these ads. They are left."""
    problem: Problem | None = None


class Expiry(Document):
    """What is past the time that it is kept; answered with what was deleted."""

    dry_run: bool = True
    """Whether it is only counted."""
    by: str = ""
    """Who asks; set by the gateway."""
    pictures: int = 0
    """Answer: ads whose pictures are past their time."""
    copies: int = 0
    """Answer: ads whose copy, advertiser and context are."""
    decisions: int = 0
    """Answer: that are past theirs with all that belongs to them."""
    problem: Problem | None = None
