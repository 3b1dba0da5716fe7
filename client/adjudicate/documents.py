"""The documents that travel through the Flow. The only vocabulary, shared by client and rooms.

    Ad ──► encoder ──► Case ──► library ──► Case ──► judge ──► Case ──► ledger ──► Decision

A client sends `Ad`s and gets `Decision`s. Between the rooms an ad travels as a `Case`, which every
room adds to. `Exemplar` is what the library holds.
"""

# No `from __future__ import annotations` here: Jina copies these classes field by field, and
# deferred annotations cannot be resolved from where it does so.
import re
import time
from collections.abc import Iterable
from typing import Any, Literal, get_args

from docarray import DocList
from docarray.typing import NdArray
from pydantic import Field, ValidationError, field_validator

from adjudicate.errors import AdError, Code
from adjudicate.images import EncodedImage
from adjudicate.wire import Document

Outcome = Literal["approve", "reject", "escalate", "error"]
Signal = Literal["image", "text", "image-text", "hash", "term"]
Polarity = Literal["violation", "lookalike"]
ThresholdState = Literal["active", "shadow", "retired", "file"]
PersonsVerdict = Literal["upheld", "overturned"]
DriftState = Literal["unknown", "stable", "moderate", "major"]
Verdict = Literal["", "violation", "compliant", "invalid", "timeout", "unavailable"]
CanaryResult = Literal["ok", "busy", "failed", "timeout"]
ReplicaState = Literal["unknown", "healthy", "busy", "unhealthy"]
RestartReason = Literal["died", "unhealthy"]

MARKETS = ("CN", "US", "EU")
PRODUCTS = ("drug", "device", "food")
LANGUAGES = ("en", "zh")
RATIONALES = ("always", "violations", "never")


_KNOWN = {
    "market": MARKETS,
    "product": PRODUCTS,
    "language": LANGUAGES,
    "rationale": RATIONALES,
}
_KEY = re.compile(r"[ -~]{1,200}")


class Problem(Document):
    """Why one ad cannot be reviewed: a stable `code` of `adjudicate.errors.Code` and a sentence."""

    code: str
    detail: str = ""


class Match(Document):
    """A known exemplar that the ad resembles, or a term of the policy that stands in its copy."""

    exemplar_id: str
    """Empty for a term."""
    category: str = ""
    rule: str = ""
    polarity: str = "violation"
    similarity: float = 0.0
    """Cosine for `image`, `text` and `image-text`; 1 − distance/bits for `hash`; 1 for `term`."""
    signal: str = "image"
    """What is alike: both pictures (`image`, or as copies `hash`), both texts (`text`), the ad's
    picture and the exemplar's text (`image-text`); or a `term` of the rule in the ad's copy."""
    threshold: float = 0.0
    matched: str = ""
    """The words of the ad's copy that are the term, as they stand there."""


class Finding(Document):
    """One claim of the ad that the judge read, and the rule it was held against."""

    rule: str = ""
    claim: str = ""
    rationale: str = ""
    verdict: str = ""
    probability: float = 0.0


class Ad(Document):
    """What a client sends: a picture, copy, or both.

    An ad that cannot be parsed is not lost: it carries the `problem` to its decision.
    """

    image: EncodedImage | None = None
    url: str | None = None
    text: str = ""
    advertiser: str = ""
    market: str | None = None
    product: str | None = None
    language: str | None = None
    rationale: str | None = None
    """When the judge, if it is asked, writes what the ad says and which rule it breaks: `always`,
    for `violations`, or `never`; None as the service is set."""
    context: dict[str, str] = Field(default_factory=dict)
    traceparent: str | None = None
    """W3C trace context; set by the client, so that a batch can link to each ad's trace."""
    deadline: float | None = None
    """Unix time, seconds, after which nobody waits for the answer."""
    idempotency_key: str | None = None
    """1 to 200 printable ASCII characters. The same key with the same content has one decision,
    however often it is sent; with other content it is the problem `idempotency_conflict`."""
    problem: Problem | None = None

    @field_validator("market", "product", "language", "rationale")
    @classmethod
    def _known_value(cls, value: str | None, info: Any) -> str | None:
        known = _KNOWN[info.field_name]
        if value is not None and value not in known:
            raise ValueError(f"must be one of {', '.join(known)}, not {value[:20]!r}")
        return value

    @field_validator("idempotency_key")
    @classmethod
    def _printable_key(cls, value: str | None) -> str | None:
        if value is not None and not _KEY.fullmatch(value):
            raise ValueError("must be 1 to 200 printable ASCII characters")
        return value

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Ad":
        """An ad from plain data. Never raises: a wrong field becomes the ad's `problem`."""
        return _parsed(cls, data, AD_FIELDS)

    @classmethod
    def from_protobuf(cls, pb_msg: Any) -> Any:
        """As docarray's, but a field that is not known is the ad's problem, not dropped."""
        if unknown := set(pb_msg.data) - set(cls._docarray_fields()):
            return cls._only(pb_msg, _unknown_fields(unknown, AD_FIELDS))
        try:
            return super().from_protobuf(pb_msg)
        except ValidationError as error:
            return cls._only(pb_msg, _invalid_field(error))

    @classmethod
    def _only(cls, pb_msg: Any, problem: Problem) -> Any:
        return cls(id=pb_msg.data["id"].text or None, problem=problem)

    def expired(self) -> bool:
        """Whether nobody waits for this ad any more."""
        return self.deadline is not None and time.time() > self.deadline


AD_FIELDS = (
    *("id", "image", "url", "text", "advertiser", "market", "product", "language", "rationale"),
    *("context", "traceparent", "deadline", "idempotency_key"),
)
"""What a client may set on an ad, in the order of the docs."""


def _unknown_fields(unknown: set[str], known: tuple[str, ...]) -> Problem:
    names = ", ".join(sorted(str(name)[:50] for name in unknown)[:5])
    return Problem(code=Code.UNKNOWN_FIELD, detail=f"not known: {names}; known: {', '.join(known)}")


def _invalid_field(error: ValidationError) -> Problem:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    code = Code.IMAGE_BASE64 if first["type"] == "image_base64" else Code.INVALID_FIELD
    return Problem(code=code, detail=f"{where}: {first['msg']}")


def _parsed(kind: Any, data: dict[str, Any], known: tuple[str, ...]) -> Any:
    """A document of `kind` from plain data; with its `problem` alone if that cannot be."""
    given = data.get("id")
    kept = {"id": given} if isinstance(given, str) and 0 < len(given) <= 200 else {}
    if unknown := set(data) - set(known):
        return kind(**kept, problem=_unknown_fields(unknown, known))
    if given is not None and not kept:
        detail = "id must be text of 1 to 200 characters"
        return kind(problem=Problem(code=Code.INVALID_FIELD, detail=detail))
    try:
        return kind(**{name: value for name, value in data.items() if value is not None})
    except ValidationError as error:
        return kind(**kept, problem=_invalid_field(error))


class Case(Ad):
    """An ad on its way through the rooms. `id` is the id of the decision to come."""

    sparse = True

    ad_id: str = ""
    content_hash: str = ""
    """SHA-256, hex, of picture bytes and text."""
    # encoder
    image_embedding: NdArray | None = None
    """`[D] float32`, unit norm; None without a picture."""
    text_embedding: NdArray | None = None
    """`[W, D] float32`, unit norm per row, one row per window of the copy; None without copy."""
    phash: str = ""
    """PDQ hash of the picture, 256 bits, hex; empty where it would mean nothing."""
    # library
    matches: DocList[Match] = Field(default_factory=DocList[Match])
    """Best first. Every exemplar at or above its threshold, violations and look-alikes."""
    flagged: bool = False
    """The judge is asked. It is the routing condition of the Flow."""
    audit: bool = False
    """Flagged only as part of the audit sample: below every threshold."""
    shadow_flagged: bool | None = None
    """What `flagged` would be by the shadow thresholds, but for the audit sample; None without."""
    near_duplicate: str = ""
    """`hash`: a copy of a confirmed violation; `similarity`: almost one; empty: neither."""
    reasons: list[str] = Field(default_factory=list)
    # judge
    verdict: str = ""
    """A `Verdict`; empty when the judge was not asked."""
    probability: float | None = None
    """Of a violation, 0 to 1, calibrated."""
    findings: DocList[Finding] = Field(default_factory=DocList[Finding])
    instruction_found: bool = False
    """The ad holds text that addresses its reviewer."""
    judge_notes: list[str] = Field(default_factory=list)
    """Codes of what the judge has to say beside its verdict, such as `picture_scaled_down`."""
    cached: bool = False
    """The verdict was made for the same content before, by the same versions."""
    # all
    versions: dict[str, str] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)
    """Milliseconds spent per room; `encoder.model` is a part of `encoder`."""

    @classmethod
    def of(cls, ad: Ad) -> "Case":
        """A new case for an ad: a fresh id, so that two ads of one id stay two."""
        data = {name: getattr(ad, name) for name in (*AD_FIELDS, "problem") if name != "id"}
        return cls(ad_id=ad.id, **data)


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

    def raise_for_problem(self) -> "Decision":
        """The decision itself. Raises `AdError` when its ad could not be reviewed."""
        if self.problem is None:
            return self
        known = self.problem.code in set(Code)
        code = Code(self.problem.code) if known else Code.INTERNAL
        raise AdError(code, self.problem.detail if known else str(self.problem.code))


class Exemplar(Document):
    """A known violation, or a known-good look-alike, that the library holds."""

    image: EncodedImage | None = None
    text: str = ""
    category: str = ""
    rule: str = ""
    severity: str = "medium"
    polarity: str = "violation"
    bank: str = "main"
    """Banks are switched on and off as a whole."""
    enabled: bool = True
    """A switched-off exemplar is kept and listed, but matches nothing."""
    note: str = ""
    added_by: str = ""
    added_at: str = ""
    """UTC, ISO 8601; set by the library where it is not given."""
    content_hash: str = ""
    """SHA-256, hex, of picture bytes and text; set by the library."""
    hits: dict[str, int] = Field(default_factory=dict)
    """Ads that it `flagged`, and of these the `rejected` and the `overturned`, found compliant."""
    last_hit_at: str = ""
    """UTC, ISO 8601; when it last flagged an ad."""
    repeats: str = ""
    """Answer to an addition: the id under which this content is held already."""
    near_duplicate: str = ""
    """Answer to an addition: the exemplar that it is almost a copy of."""
    encoder_version: str = ""
    image_embedding: NdArray | None = None
    """`[D] float32`, unit norm."""
    text_embedding: NdArray | None = None
    """`[W, D] float32`, unit norm per row."""
    phash: str = ""
    problem: Problem | None = None

    @field_validator("polarity")
    @classmethod
    def _known_polarity(cls, value: str) -> str:
        if value not in get_args(Polarity):
            raise ValueError(f"must be one of {', '.join(get_args(Polarity))}, not {value[:20]!r}")
        return value

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Exemplar":
        """An exemplar from plain data. Never raises: a wrong field becomes its `problem`."""
        return _parsed(cls, data, EXEMPLAR_FIELDS)


EXEMPLAR_FIELDS = (
    *("id", "image", "text", "category", "rule", "severity", "polarity", "bank", "enabled"),
    *("note", "added_by", "added_at"),
)
"""What a client may set on an exemplar."""


class Bank(Document):
    """Exemplars that are switched on and off together."""

    name: str = ""
    enabled: bool = True
    note: str = ""
    changed_by: str = ""
    changed_at: str = ""
    """UTC, ISO 8601; empty for a bank that was never switched."""
    exemplars: int = 0
    disabled: int = 0
    """Exemplars of it that are switched off one by one."""
    problem: Problem | None = None


class Change(Document):
    """Who did what to an exemplar or to a bank."""

    exemplar_id: str = ""
    bank: str = ""
    what: str = ""
    note: str = ""
    by: str = ""
    at: str = ""
    """UTC, ISO 8601."""
    problem: Problem | None = None


class ThresholdVersion(Document):
    """The screen's thresholds as they once were, or shall be; its id is a hash of the values."""

    encoder_version: str = ""
    """Of the encoder that they were measured with, and count for."""
    state: str = "retired"
    """A `ThresholdState`; at most one is active and one is shadow per encoder."""
    content: str = ""
    """JSON: cosine by category for `image`, `text` and `image-text`; by signal for `default`."""
    note: str = ""
    created_by: str = ""
    created_at: str = ""
    """UTC, ISO 8601; set by the library."""
    changed_by: str = ""
    changed_at: str = ""
    """When the state last changed. UTC, ISO 8601; set by the library."""
    metrics: str = ""
    """JSON: what was measured when they were made."""
    problem: Problem | None = None


class ModelVersion(Document):
    """A model that the judge may be; its id is its name in models.yml."""

    source: str = ""
    state: str = ""
    """`serving`, `loading`, `here` (its files are), or `missing`."""
    version: str = ""
    """Of weights and calibration, as verdicts name it; empty for one that is not loaded."""
    load_seconds: float = 0.0
    files: int = 0
    """How many have a checksum that loading holds them to."""
    pid: int = 0
    """Process id of the replica that says so."""
    problem: Problem | None = None


class Candidate(Document):
    """One of the things that a query is held against: a picture or a text."""

    image: EncodedImage | None = None
    text: str = ""
    place: int = 0
    """Answer: where it stood among the candidates that were sent."""
    similarity: float = 0.0
    """Answer: the cosine with the query."""
    probability: float = 0.0
    """Answer: the softmax over the candidates at the model's own logit scale."""
    problem: Problem | None = None

    @classmethod
    def parse(cls, data: Any) -> "Candidate":
        """A candidate from plain data; text alone is one too. Never raises."""
        if isinstance(data, dict):
            return _parsed(cls, data, ("id", "image", "text"))
        if isinstance(data, str):
            return cls(text=data)
        detail = "a candidate must be text or an object"
        return cls(problem=Problem(code=Code.INVALID_FIELD, detail=detail))


class Ranking(Document):
    """A query, a picture or a text, against candidates; in the answer the best is first.

    The answer is without pictures.
    """

    image: EncodedImage | None = None
    text: str = ""
    candidates: DocList[Candidate] = Field(default_factory=DocList[Candidate])
    template: str = ""
    """Each candidate's text is put in its `{}`, as in `a photo of a {}`; empty for the text."""
    encoder_version: str = ""
    problem: Problem | None = None

    @classmethod
    def of(cls, query: bytes | str, candidates: Iterable[bytes | str] = ()) -> "Ranking":
        """A query against candidates: bytes are an encoded picture, `str` is a text."""
        return cls(
            **_content(query),
            candidates=DocList[Candidate](Candidate(**_content(one)) for one in candidates),
        )

    @classmethod
    def parse(cls, data: Any) -> "Ranking":
        """A ranking from plain data. Never raises: a wrong field becomes its `problem`."""
        if not isinstance(data, dict) or not isinstance(data.get("candidates", []), list):
            detail = "a query must be an object, and its candidates a list"
            return cls(problem=Problem(code=Code.INVALID_FIELD, detail=detail))
        own = {name: value for name, value in data.items() if name != "candidates"}
        ranking: Ranking = _parsed(cls, own, ("id", "image", "text", "template"))
        ranking.candidates = DocList[Candidate](map(Candidate.parse, data.get("candidates", [])))
        return ranking


def _content(thing: bytes | str) -> dict[str, Any]:
    return {"text": thing} if isinstance(thing, str) else {"image": thing}


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


class PersonVerdict(Document):
    """What a person says of a decision; its id is the decision's."""

    verdict: str = ""
    """`upheld` or `overturned`."""
    by: str = ""
    note: str = ""
    outcome: str = ""
    """Answer: the decision's."""
    at: str = ""
    """Answer: when it was given. UTC, ISO 8601."""
    problem: Problem | None = None


class Lookup(Document):
    """Asks for one thing by its id, or, with an empty id, for a page of things."""

    found: bool = True
    problem: Problem | None = None


class RoomReport(Document):
    """What one process tells for a report; it is asked by one that has only the window.

    A room that passes a request on to the next must take what it gives: hence one document.
    """

    window: str = ""
    """A duration such as `15m`, with one of the next two or neither."""
    since: str = ""
    until: str = ""
    """ISO 8601; UTC where no offset is named. In the answer, the window that it is about."""
    about: str = "process"
    """`process`: itself and its machine; `decisions`: what is recorded of them."""
    room: str = ""
    replica: int = 0
    content: str = ""
    """JSON: an `adjudicate.report.parts.Part`."""
    problem: Problem | None = None


class Canary(Document):
    """The deep check of one replica of a room: sent empty, and answered with what came of it."""

    room: str = ""
    replica: int = 0
    pid: int = 0
    result: str = "ok"
    """A `CanaryResult`."""
    detail: str = ""
    """Why it failed; empty otherwise."""
    outside: bool = False
    """What failed is not in the room, as a database that is down: a restart would not help."""
    milliseconds: float = 0.0


class ReplicaHealth(Document):
    """What the gateway knows of one replica of a room from its canaries, and its restarts."""

    replica: int = 0
    state: str = "unknown"
    """A `ReplicaState`. `busy`: its canary waits behind work that goes on. `unknown`: none has come
    back yet."""
    last_canary: str = ""
    """When the last one came back or was given up: UTC, ISO 8601."""
    milliseconds: float = 0.0
    """It took so long."""
    failures: int = 0
    """In a row."""
    detail: str = ""
    """Why the last one failed."""
    restarts: int = 0
    """By the supervisor, since the service started."""
    restarted_at: str = ""
    """The last time: UTC, ISO 8601."""
    restart_reason: str = ""
    """A `RestartReason`; empty without one."""


class RoomStatus(Document):
    """What one room says about itself, and the gateway about its replicas."""

    room: str
    ready: bool = True
    model: str = ""
    device: str = ""
    precision: str = ""
    pid: int = 0
    """Process id on the room's machine."""
    facts: dict[str, str] = Field(default_factory=dict)
    """Versions and sizes, such as the number of exemplars."""
    counters: dict[str, int] = Field(default_factory=dict)
    """What the room has done since it started."""
    replicas: DocList[ReplicaHealth] = Field(default_factory=DocList[ReplicaHealth])
    """Empty where the deep check is off."""
