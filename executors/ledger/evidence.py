"""What was decided on: the ad's copy, who runs it, and the hashes of its picture, in SQL.

One row for each decision, written in its transaction. What is personal in it expires or is erased,
see docs/records.md; the decision stays.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from adjudicate.documents import Case, Decision, Evidence
from executors.shared.folding import fold
from executors.shared.pictures import keeps

MOST_NAME = 200
"""Characters of an advertiser's name: a database's index has a bound."""
_OF_A_PROBLEM = 1_000
"""Characters of the copy of an ad that could not be reviewed: it may be too long a text."""
NO_PICTURE = "-"
"""In the place of the time at which a picture was deleted."""

ERASED: Mapping[str, str] = {
    **dict.fromkeys(("text", "letters", "advertiser", "context", "copy_hash"), ""),
}
"""What a row without its personal fields has in their place."""


def evidence_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables."""
    return Table(
        "evidence",
        metadata,
        # As they were recorded; the nearest pictures are held in memory by it.
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column(
            "decision_id",
            Text,
            ForeignKey("decisions.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        Column("ad_id", Text, nullable=False, index=True),
        Column("text", Text, nullable=False),
        # The copy's letters and digits as they are read, see executors/shared/folding.py: what a
        # search looks in.
        Column("letters", Text, nullable=False),
        Column("advertiser", String(MOST_NAME), nullable=False, index=True),
        Column("market", String(20), nullable=False),
        Column("product", String(20), nullable=False),
        Column("language", String(20), nullable=False),
        # JSON object.
        Column("context", Text, nullable=False),
        # SHA-256 of the bytes, hex; empty without a picture.
        Column("picture", String(64), nullable=False, index=True),
        Column("phash", String(64), nullable=False),
        # SHA-256 of `letters`, hex; empty without copy.
        Column("copy_hash", String(64), nullable=False, index=True),
        # Of the commitments in the audit trail: without it they say nothing.
        Column("salt", String(64), nullable=False),
        # As the case has them: what figures are made of, without reading the decisions' documents.
        Column("verdict", String(20), nullable=False),
        Column("probability", Float),
        Column("flagged", Boolean, nullable=False),
        Column("audit", Boolean, nullable=False),
        Column("decided_at", String(40), nullable=False, index=True),
        # Empty while the picture is kept; `-` where none ever was.
        Column("picture_gone_at", String(40), nullable=False),
        # Empty while copy, advertiser and context are kept.
        Column("copy_gone_at", String(40), nullable=False),
        # By somebody's request, all of it; empty for a row that was not.
        Column("erased_at", String(40), nullable=False),
        Index("ix_evidence_pictures_due", "picture_gone_at", "decided_at"),
        Index("ix_evidence_copy_due", "copy_gone_at", "decided_at"),
    )


def evidence_row(case: Case, decision: Decision, keep: str) -> dict[str, Any] | None:
    """The row of a decision; None where there is no content to tell of.

    `keep`: of which ads pictures are kept, see `executors.shared.pictures.keeps`.
    """
    if decision.problem is not None and not (case.text or case.picture):
        return None
    text = _clean(case.text if decision.problem is None else case.text[:_OF_A_PROBLEM])
    letters = fold(text).letters
    kept = bool(case.picture) and keeps(keep, decision.outcome, decision.audit)
    return {
        "decision_id": decision.id or "",
        "ad_id": decision.ad_id,
        "text": text,
        "letters": letters,
        "advertiser": _clean(case.advertiser)[:MOST_NAME],
        "market": case.market or "",
        "product": case.product or "",
        "language": case.language or "",
        "context": _clean(json.dumps(case.context, ensure_ascii=False)) if case.context else "",
        "picture": case.picture,
        "phash": case.phash,
        "copy_hash": _hash_of(letters),
        "salt": secrets.token_hex(32),
        "verdict": case.verdict,
        "probability": _finite(case.probability),
        "flagged": decision.flagged,
        "audit": decision.audit,
        "decided_at": decision.decided_at,
        "picture_gone_at": "" if kept else NO_PICTURE,
        "copy_gone_at": "",
        "erased_at": "",
    }


def _hash_of(letters: str) -> str:
    """SHA-256, hex, of a copy's letters and digits as they are read; empty without any."""
    return hashlib.sha256(letters.encode()).hexdigest() if letters else ""


def evidence_of(row: Any) -> Evidence:
    """The document of a row of the table."""
    names = ("ad_id", "text", "advertiser", "market", "product", "language", "picture", "phash")
    return Evidence(
        id=row.decision_id,
        **{
            name: getattr(row, name) for name in (*names, "decided_at", "copy_gone_at", "erased_at")
        },
        context=json.loads(row.context) if row.context else {},
        picture_kept=not row.picture_gone_at,
        picture_gone_at="" if row.picture_gone_at == NO_PICTURE else row.picture_gone_at,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _clean(text: str) -> str:
    """Without what PostgreSQL's text or UTF-8 cannot hold."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
