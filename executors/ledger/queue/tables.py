"""The tables of the queue: cases, what people answered, and what counts then."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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


def cases_table(metadata: MetaData) -> Table:
    """One row per decision that ever was in the queue, with copies of what the list shows."""
    return Table(
        "queue_cases",
        metadata,
        _decision(primary_key=True),
        Column("kind", String(20), nullable=False),
        Column("stage", String(10), nullable=False),
        Column("state", String(10), nullable=False),
        # An appeal opens the case anew: what was answered before it is of an earlier round.
        Column("round", Integer, nullable=False),
        Column("audit", Integer, nullable=False),
        Column("priority", Integer, nullable=False),
        # Unix time in seconds, less a minute for each point of priority: the order of the queue.
        Column("due", BigInteger, nullable=False),
        Column("rule", Text, nullable=False),
        Column("category", Text, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("reason", Text, nullable=False),
        Column("confidence", Float, nullable=False),
        Column("ad_id", Text, nullable=False),
        Column("advertiser", Text, nullable=False),
        Column("market", String(10), nullable=False),
        Column("product", String(20), nullable=False),
        Column("language", String(10), nullable=False),
        Column("excerpt", Text, nullable=False),
        Column("picture", String(64), nullable=False),
        Column("queued_at", String(40), nullable=False),
        Column("lease_by", String(200), nullable=False),
        Column("lease_name", String(200), nullable=False),
        Column("lease_until", String(40), nullable=False),
        Column("settled_at", String(40), nullable=False),
        Index("ix_queue_cases_due", "state", "due"),
        Index("ix_queue_cases_queued", "state", "queued_at"),
        Index("ix_queue_cases_settled", "settled_at"),
        Index("ix_queue_cases_lease", "lease_by"),
        Index("ix_queue_cases_ad", "ad_id"),
        Index("ix_queue_cases_advertiser", "advertiser"),
    )


def reviews_table(metadata: MetaData) -> Table:
    """What people answered. A row is added, and at most once marked as taken back."""
    return Table(
        "reviews",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        _decision(index=True),
        Column("round", Integer, nullable=False),
        Column("kind", String(20), nullable=False),
        Column("stage", String(10), nullable=False),
        # What counted for the ad when it was answered.
        Column("outcome", String(20), nullable=False),
        Column("answer", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False, index=True),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False, index=True),
        # JSON: the case and the ruling as they were, for the undo.
        Column("before", Text, nullable=False),
        Column("undone_at", String(40), nullable=False),
        Column("undone_by", String(200), nullable=False),
    )


def rulings_table(metadata: MetaData) -> Table:
    """What counts now for an ad that people, or propagation, settled."""
    return Table(
        "rulings",
        metadata,
        _decision(primary_key=True),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("source", String(20), nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("at", String(40), nullable=False, index=True),
    )


def _decision(*, primary_key: bool = False, index: bool = False) -> Column[str]:
    return Column(
        "decision_id",
        Text,
        ForeignKey("decisions.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


# For statements alone: what makes the tables are those of the ledger's own metadata.
_STATEMENTS = MetaData()
CASES = cases_table(_STATEMENTS)
REVIEWS = reviews_table(_STATEMENTS)
RULINGS = rulings_table(_STATEMENTS)
