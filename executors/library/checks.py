"""What a case must have to be screened, and an exemplar to be held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from adjudicate.documents import Case, Exemplar, Problem
from adjudicate.errors import AdError, AdjudicateError, Code
from executors.shared.policy import Policy

SEVERITIES = ("low", "medium", "high")

NORM_TOLERANCE = 1e-3
"""How far a norm may be from 1: more than rounding in half precision, less than a mistake."""

MOST_CHARACTERS = 200
"""Of what names something: an id, a category, a rule, a bank, a person."""

_NAMES = ("id", "category", "rule", "bank", "added_by")
_CLOCKS_DIFFER = timedelta(minutes=5)


def problem_of(error: AdjudicateError) -> Problem:
    """The error as a document carries it."""
    return Problem(code=error.code, detail=error.detail)


def check_case(case: Case) -> Problem | None:
    """Why a case cannot be screened; None when it can. Unembedded is not the same as harmless."""
    try:
        _check_embedded(case)
    except AdError as error:
        return Problem(code=Code.INTERNAL, detail=f"the ad cannot be screened: {error.detail}")
    return None


def check_exemplar(exemplar: Exemplar, policy: Policy) -> Problem | None:
    """Why an exemplar cannot be held; None when it can."""
    try:
        check_labels(exemplar, policy)
        exemplar.added_at = _utc(exemplar.added_at)
        _check_embedded(exemplar)
    except AdError as error:
        return problem_of(error)
    return None


def check_labels(exemplar: Exemplar, policy: Policy) -> None:
    """Raises `AdError` `invalid_field` for labels that no exemplar may have."""
    if exemplar.polarity == "violation" and not (exemplar.category and exemplar.rule):
        raise AdError(Code.INVALID_FIELD, "a violation names its category and its rule")
    if exemplar.rule and not policy.knows(exemplar.rule):
        # A rejection by label propagation cites this rule to the advertiser; where the rule is
        # switched off there is none, and the exemplar waits for it to be switched on again.
        raise AdError(Code.INVALID_FIELD, f"rule {exemplar.rule[:50]!r} is not in the policy")
    if exemplar.severity not in SEVERITIES:
        raise AdError(Code.INVALID_FIELD, f"severity must be one of {', '.join(SEVERITIES)}")
    if not exemplar.bank.strip():
        raise AdError(Code.INVALID_FIELD, "bank must not be empty")
    for name in _NAMES:
        check_words(name, getattr(exemplar, name) or "")
    for name in ("text", "note"):
        check_words(name, getattr(exemplar, name), most=None)


def check_words(name: str, value: str, most: int | None = MOST_CHARACTERS) -> None:
    """Raises `AdError` `invalid_field` for text that no column takes."""
    if most is not None and len(value) > most:
        raise AdError(Code.INVALID_FIELD, f"{name} must have at most {most} characters")
    if "\0" in value:
        raise AdError(Code.INVALID_FIELD, f"{name} must not hold NUL characters")


def _utc(added_at: str) -> str:
    """The time in UTC, as the library writes it; empty when it is not given."""
    if not added_at:
        return ""
    try:
        time = datetime.fromisoformat(added_at)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise AdError(Code.INVALID_FIELD, "added_at must be a time of ISO 8601") from None
    if time > datetime.now(UTC) + _CLOCKS_DIFFER:
        raise AdError(Code.INVALID_FIELD, "added_at must not be in the future")
    return time.isoformat(timespec="microseconds")


def _check_embedded(document: Case | Exemplar) -> None:
    has_text = bool(document.text.strip())
    image, text = document.image_embedding, document.text_embedding
    if document.image is None and not has_text and image is None and text is None:
        raise AdError(Code.AD_EMPTY)
    if document.image is not None and image is None:
        raise AdError(Code.INTERNAL, "its picture has no embedding")
    if has_text and text is None:
        raise AdError(Code.INTERNAL, "its text has no embedding")
    dimensions = {
        _dimension(name, embedding, axes)
        for name, embedding, axes in (("picture", image, 1), ("text", text, 2))
        if embedding is not None
    }
    if len(dimensions) > 1:
        raise AdError(Code.INTERNAL, "picture and text are embedded in different dimensions")


def _dimension(name: str, embedding: Any, axes: int) -> int:
    values = np.asarray(embedding, np.float32)
    if values.ndim != axes or values.size == 0:
        raise AdError(Code.INTERNAL, f"the embedding of its {name} has shape {values.shape}")
    norms = np.linalg.norm(values, axis=-1)
    # Written so that a NaN fails it.
    if not bool(np.all(np.abs(norms - 1) <= NORM_TOLERANCE)):
        raise AdError(Code.INTERNAL, f"the embedding of its {name} has no unit norm")
    return values.shape[-1]
