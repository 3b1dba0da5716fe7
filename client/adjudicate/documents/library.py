"""What the library holds: exemplars in their banks, what was done to them, and thresholds."""

from typing import Any, get_args

from docarray.typing import NdArray
from pydantic import Field, field_validator

from adjudicate.documents.problem import Problem, parsed
from adjudicate.documents.values import Polarity
from adjudicate.images import EncodedImage
from adjudicate.wire import Document


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
        return parsed(cls, data, EXEMPLAR_FIELDS)


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
