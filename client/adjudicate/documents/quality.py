"""How the service does over time."""

from docarray import DocList
from pydantic import Field

from adjudicate.documents.problem import Problem
from adjudicate.wire import Document


class Proportion(Document):
    """A share that was seen in a sample, and between which bounds it lies."""

    name: str = ""
    """Of what: a rule, an outcome; empty for all together."""
    count: int = 0
    total: int = 0
    share: float | None = None
    """None of nothing. Not always `count / total`: see the field that holds it."""
    low: float = 0.0
    high: float = 1.0


class Drift(Document):
    """How far one feature of the ads has moved from the reference."""

    feature: str
    """The highest similarity to a known violation by signal, `image`, `text` or `image-text`; or
    the embeddings of pictures or copy, `embedding.image`, `embedding.text`."""
    state: str = "unknown"
    """A `DriftState`; `unknown` without a reference or with too few ads."""
    psi: float | None = None
    """Population stability index; of embeddings the largest of their directions."""
    critical: float | None = None
    """The index that samples of these sizes reach by chance once in a hundred times."""
    ads: int = 0
    """Sampled ads that have the feature."""
    reference_ads: int = 0


class Reference(Document):
    """The window of ads that drift is measured against."""

    hours: float = 0.0
    """Asked: how far back it goes; 0: as the service is set. Answered: its length."""
    encoder_version: str = ""
    """Of the embeddings; another encoder's cannot be compared with them."""
    library_version: str = ""
    """Of the exemplars that the similarities are to; others move the similarities too."""
    since: str = ""
    """UTC, ISO 8601."""
    until: str = ""
    ads: int = 0
    """Sampled ads in it."""
    note: str = ""
    created_by: str = ""
    created_at: str = ""
    problem: Problem | None = None


class Quality(Document):
    """How the service does over time: drift, what the judge finds, what the screen misses, and
    what people say of its decisions."""

    hours: float = 0.0
    """The window, up to now; 0 in a request: as the service is set."""
    since: str = ""
    """UTC, ISO 8601. The counts of decisions are by whole hours: they begin with its hour."""
    encoder_version: str = ""
    library_version: str = ""
    sampled: int = 0
    """Ads of this encoder in the sample of the window."""
    reference: Reference | None = None
    """None until one is set for this encoder."""
    drift: DocList[Drift] = Field(default_factory=DocList[Drift])
    positive: DocList[Proportion] = Field(default_factory=DocList[Proportion])
    """Of the flagged ads that the judge answered, those that it found to break a rule: all, and by
    rule. The audit sample has no part in it."""
    screen_miss: Proportion | None = None
    """Of the ads that passed the screen, those that break a rule, by the audit sample: `count` of
    `total` audited ads. `share` weighs them by the share that was audited at their time."""
    passed: int = 0
    """Ads that passed the screen: those that `screen_miss` is a share of."""
    unjudged: int = 0
    """Ads of the audit sample that the judge gave no usable verdict on: not in `screen_miss`."""
    agreement: DocList[Proportion] = Field(default_factory=DocList[Proportion])
    """Of the decisions that people gave a verdict on, those that they upheld: all, and by
    outcome."""
    notes: list[str] = Field(default_factory=list)
    """What a reader should know of these figures, a sentence each."""
    problem: Problem | None = None
