"""The documents that travel through the Flow. The only vocabulary, shared by client and rooms.

    Ad ──► encoder ──► Case ──► library ──► Case ──► judge ──► Case ──► ledger ──► Decision

A client sends `Ad`s and gets `Decision`s. Between the rooms an ad travels as a `Case`, which every
room adds to. `Exemplar` is what the library holds.
"""

# No `from __future__ import annotations` here: Jina copies these classes field by field, and
# deferred annotations cannot be resolved from where it does so.
import time
from typing import Any, Literal, get_args

from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from pydantic import Field, ValidationError, field_validator

from adjudicate.errors import Code
from adjudicate.images import EncodedImage

Outcome = Literal["approve", "reject", "escalate", "error"]
Signal = Literal["image", "text", "hash"]
Polarity = Literal["violation", "lookalike"]
Verdict = Literal["", "violation", "compliant", "invalid", "timeout", "unavailable"]

MARKETS = ("CN", "US", "EU")
PRODUCTS = ("drug", "device", "food")
LANGUAGES = ("en", "zh")


class Problem(BaseDoc):
    """Why one ad cannot be reviewed: a stable `code` of `adjudicate.errors.Code` and a sentence."""

    code: str
    detail: str = ""


class Match(BaseDoc):
    """A known exemplar that the ad resembles."""

    exemplar_id: str
    category: str = ""
    rule: str = ""
    polarity: str = "violation"
    similarity: float = 0.0
    """Cosine for `image` and `text`; 1 − distance/bits for `hash`."""
    signal: str = "image"
    threshold: float = 0.0


class Finding(BaseDoc):
    """One claim of the ad that the judge read, and the rule it was held against."""

    rule: str = ""
    claim: str = ""
    rationale: str = ""
    verdict: str = ""
    probability: float = 0.0


class Ad(BaseDoc):
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
    context: dict[str, str] = Field(default_factory=dict)
    traceparent: str | None = None
    """W3C trace context; set by the client, so that a batch can link to each ad's trace."""
    deadline: float | None = None
    """Unix time, seconds, after which nobody waits for the answer."""
    problem: Problem | None = None

    @field_validator("market", "product", "language")
    @classmethod
    def _known_value(cls, value: str | None, info: Any) -> str | None:
        known = {"market": MARKETS, "product": PRODUCTS, "language": LANGUAGES}[info.field_name]
        if value is not None and value not in known:
            raise ValueError(f"must be one of {', '.join(known)}, not {value[:20]!r}")
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
    *("id", "image", "url", "text", "advertiser", "market", "product", "language", "context"),
    *("traceparent", "deadline"),
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

    ad_id: str = ""
    content_hash: str = ""
    """SHA-256, hex, of picture bytes and text."""
    # encoder
    image_embedding: NdArray | None = None
    """`[D] float32`, unit norm; None without a picture."""
    text_embedding: NdArray | None = None
    """`[W, D] float32`, unit norm per row, one row per window of the copy; None without copy."""
    phash: str = ""
    """Perceptual hash of the picture, 256 bits, hex."""
    # library
    matches: DocList[Match] = Field(default_factory=DocList[Match])
    """Best first. Every exemplar at or above its threshold, violations and look-alikes."""
    flagged: bool = False
    """The judge is asked. It is the routing condition of the Flow."""
    audit: bool = False
    """Flagged only as part of the audit sample: below every threshold."""
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
    # all
    versions: dict[str, str] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)
    """Milliseconds spent per room."""

    @classmethod
    def of(cls, ad: Ad) -> "Case":
        """A new case for an ad: a fresh id, so that two ads of one id stay two."""
        data = {name: getattr(ad, name) for name in (*AD_FIELDS, "problem") if name != "id"}
        return cls(ad_id=ad.id, **data)


class Decision(BaseDoc):
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
    audit: bool = False
    versions: dict[str, str] = Field(default_factory=dict)
    cached: bool = False
    trace_id: str = ""
    timings: dict[str, float] = Field(default_factory=dict)
    decided_at: str = ""
    """UTC, ISO 8601."""


class Exemplar(BaseDoc):
    """A known violation, or a known-good look-alike, that the library holds."""

    image: EncodedImage | None = None
    text: str = ""
    category: str = ""
    rule: str = ""
    severity: str = "medium"
    polarity: str = "violation"
    note: str = ""
    added_by: str = ""
    added_at: str = ""
    """UTC, ISO 8601; set by the library."""
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
    *("id", "image", "text", "category", "rule", "severity", "polarity", "note", "added_by"),
)
"""What a client may set on an exemplar."""


class Lookup(BaseDoc):
    """Asks for one thing by its id, or, with an empty id, for a page of things."""

    found: bool = True


class RoomStatus(BaseDoc):
    """What one room says about itself."""

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
