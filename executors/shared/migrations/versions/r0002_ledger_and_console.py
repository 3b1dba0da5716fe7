"""The ledger and the reviewers' console.

Evidence, review queue, appeals, webhooks, learning, and the console's sessions.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables with their indexes, and add a column."""
    _evidence()
    _queue()
    _appeals()
    _learning()
    _sessions()
    op.add_column("quality_samples", Column("categories", Text, nullable=True))


def _evidence() -> None:
    op.create_table(
        "evidence",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("ad_id", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("letters", Text, nullable=False),
        Column("advertiser", String(200), nullable=False),
        Column("market", String(20), nullable=False),
        Column("product", String(20), nullable=False),
        Column("language", String(20), nullable=False),
        Column("context", Text, nullable=False),
        Column("picture", String(64), nullable=False),
        Column("phash", String(64), nullable=False),
        Column("copy_hash", String(64), nullable=False),
        Column("salt", String(64), nullable=False),
        Column("verdict", String(20), nullable=False),
        Column("probability", Float, nullable=True),
        Column("flagged", Boolean, nullable=False),
        Column("audit", Boolean, nullable=False),
        Column("decided_at", String(40), nullable=False),
        Column("picture_gone_at", String(40), nullable=False),
        Column("copy_gone_at", String(40), nullable=False),
        Column("erased_at", String(40), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("decision_id"),
    )
    op.create_index("ix_evidence_ad_id", "evidence", ["ad_id"])
    op.create_index("ix_evidence_advertiser", "evidence", ["advertiser"])
    op.create_index("ix_evidence_copy_due", "evidence", ["copy_gone_at", "decided_at"])
    op.create_index("ix_evidence_copy_hash", "evidence", ["copy_hash"])
    op.create_index("ix_evidence_decided_at", "evidence", ["decided_at"])
    op.create_index("ix_evidence_picture", "evidence", ["picture"])
    op.create_index("ix_evidence_pictures_due", "evidence", ["picture_gone_at", "decided_at"])


def _queue() -> None:
    op.create_table(
        "queue_cases",
        Column("decision_id", Text, nullable=False),
        Column("kind", String(20), nullable=False),
        Column("stage", String(10), nullable=False),
        Column("state", String(10), nullable=False),
        Column("round", Integer, nullable=False),
        Column("audit", Integer, nullable=False),
        Column("priority", Integer, nullable=False),
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
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("decision_id"),
    )
    op.create_index("ix_queue_cases_ad", "queue_cases", ["ad_id"])
    op.create_index("ix_queue_cases_advertiser", "queue_cases", ["advertiser"])
    op.create_index("ix_queue_cases_due", "queue_cases", ["state", "due"])
    op.create_index("ix_queue_cases_lease", "queue_cases", ["lease_by"])
    op.create_index("ix_queue_cases_queued", "queue_cases", ["state", "queued_at"])
    op.create_index("ix_queue_cases_settled", "queue_cases", ["settled_at"])
    op.create_table(
        "reviews",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("round", Integer, nullable=False),
        Column("kind", String(20), nullable=False),
        Column("stage", String(10), nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("answer", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        Column("before", Text, nullable=False),
        Column("undone_at", String(40), nullable=False),
        Column("undone_by", String(200), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_reviews_at", "reviews", ["at"])
    op.create_index("ix_reviews_by", "reviews", ["by"])
    op.create_index("ix_reviews_decision_id", "reviews", ["decision_id"])
    op.create_table(
        "rulings",
        Column("decision_id", Text, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("source", String(20), nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("at", String(40), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("decision_id"),
    )
    op.create_index("ix_rulings_at", "rulings", ["at"])


def _appeals() -> None:
    op.create_table(
        "webhook_deliveries",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("id", String(40), nullable=False),
        Column("event", String(40), nullable=False),
        Column("subject", Text, nullable=False),
        Column("payload", Text, nullable=False),
        Column("state", String(20), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_at", String(40), nullable=False),
        Column("status", Integer, nullable=False),
        Column("error", Text, nullable=False),
        Column("created_at", String(40), nullable=False),
        Column("delivered_at", String(40), nullable=False),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("id"),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_at"])
    op.create_index("ix_webhook_deliveries_subject", "webhook_deliveries", ["subject"])
    op.create_table(
        "appeals",
        Column("id", String(40), nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("contact", Text, nullable=False),
        Column("state", String(20), nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("opened_at", String(40), nullable=False),
        Column("decided_by", String(200), nullable=False),
        Column("decided_name", String(200), nullable=False),
        Column("decided_at", String(40), nullable=False),
        Column("note", Text, nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_appeals_decision_id", "appeals", ["decision_id"])
    op.create_index(
        "ix_appeals_one_open",
        "appeals",
        ["decision_id"],
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    )
    op.create_index("ix_appeals_opened_at", "appeals", ["opened_at"])


def _learning() -> None:
    op.create_table(
        "lessons",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("exemplar_id", String(200), nullable=False),
        Column("polarity", String(20), nullable=False),
        Column("category", String(200), nullable=False),
        Column("rule", String(200), nullable=False),
        Column("bank", String(200), nullable=False),
        Column("repeats", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        Column("removed_at", String(40), nullable=False),
        Column("removed_by", String(200), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_lessons_decision_id", "lessons", ["decision_id"])
    op.create_index("ix_lessons_exemplar_id", "lessons", ["exemplar_id"])
    op.create_table(
        "propagations",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("id", String(40), nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("past", Boolean, nullable=False),
        Column("since", String(40), nullable=False),
        Column("until", String(40), nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        Column("undone_at", String(40), nullable=False),
        Column("undone_by", String(200), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("id"),
    )
    op.create_index("ix_propagations_decision_id", "propagations", ["decision_id"])
    op.create_table(
        "propagation_items",
        Column("propagation", Integer, nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("source", String(20), nullable=False),
        Column("distance", Integer, nullable=True),
        Column("same_copy", Boolean, nullable=False),
        Column("whole", Boolean, nullable=False),
        Column("state", String(20), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["propagation"], ["propagations.number"], ondelete="CASCADE"),
        PrimaryKeyConstraint("propagation", "decision_id"),
    )
    op.create_index("propagation_items_decision", "propagation_items", ["decision_id"])


def _sessions() -> None:
    op.create_table(
        "console_sessions",
        Column("digest", String(64), nullable=False),
        Column("caller", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("created", String(40), nullable=False),
        Column("seen", String(40), nullable=False),
        Column("expires", String(40), nullable=False),
        Column("caller_expires", String(40), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
