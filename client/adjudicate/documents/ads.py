"""What is sent: an ad; and an ad on its way through the rooms, a case."""

import re
import time
from typing import Any, ClassVar

from docarray import DocList
from docarray.typing import NdArray
from pydantic import Field, ValidationError, field_validator

from adjudicate.documents.evidence import Finding, Match
from adjudicate.documents.problem import Problem, invalid_field, parsed, unknown_fields
from adjudicate.documents.values import LANGUAGES, MARKETS, PRODUCTS, RATIONALES
from adjudicate.images import EncodedImage
from adjudicate.wire import Document

_KNOWN = {
    "market": MARKETS,
    "product": PRODUCTS,
    "language": LANGUAGES,
    "rationale": RATIONALES,
}
_KEY = re.compile(r"[ -~]{1,200}")


class Ad(Document):
    """What a client sends: a picture, copy, or both.

    An ad that cannot be parsed is not lost: it carries the `problem` to its decision.
    """

    sparse = True
    strict: ClassVar[bool] = True
    """Whether a field that is not known is the document's problem."""

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
        return parsed(cls, data, AD_FIELDS)

    @classmethod
    def from_protobuf(cls, pb_msg: Any) -> Any:
        """As docarray's, but a field that is not known is the ad's problem, not dropped."""
        if cls.strict and (unknown := set(pb_msg.data) - set(cls._docarray_fields())):
            return cls._only(pb_msg, unknown_fields(unknown, AD_FIELDS))
        try:
            return super().from_protobuf(pb_msg)
        except ValidationError as error:
            return cls._only(pb_msg, invalid_field(error))

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


class Case(Ad):
    """An ad on its way through the rooms. `id` is the id of the decision to come."""

    # Only rooms write cases: a field that is not known is one of a later release, whose rooms work
    # beside this one's while an upgrade rolls.
    strict = False

    ad_id: str = ""
    content_hash: str = ""
    """SHA-256, hex, of picture bytes and text."""
    # encoder
    picture: str = ""
    """SHA-256, hex, of the picture's bytes; empty without a picture."""
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
