"""The tables of release 0.1.0.

That release made them without these steps: in a database of its they are there already, and are
taken over as they are.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of all rooms, their indexes with them."""
    _keys()
    _exemplars()
    _thresholds()
    _quality()
    _decisions()


def _keys() -> None:
    _table(
        "api_keys",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("id", String(32), nullable=False),
        Column("name", String(200), nullable=False),
        Column("scopes", Text, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("created", String(40), nullable=False),
        Column("expires", String(40), nullable=False),
        Column("revoked", String(40), nullable=False),
        Column("last_used", String(40), nullable=False),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("id"),
    )
    _table(
        "api_keys_version",
        Column("id", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        PrimaryKeyConstraint("id"),
    )


def _exemplars() -> None:
    _table(
        "banks",
        Column("name", String(200), nullable=False),
        Column("enabled", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("changed_by", String(200), nullable=False),
        Column("changed_at", String(40), nullable=False),
        PrimaryKeyConstraint("name"),
    )
    _table(
        "exemplar_changes",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("exemplar_id", String(200), nullable=False),
        Column("bank", String(200), nullable=False),
        Column("what", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        PrimaryKeyConstraint("number"),
    )
    _index("ix_exemplar_changes_exemplar_id", "exemplar_changes", ["exemplar_id"])
    _table(
        "exemplar_hits",
        Column("exemplar_id", String(200), nullable=False),
        Column("flagged", Integer, nullable=False),
        Column("rejected", Integer, nullable=False),
        Column("overturned", Integer, nullable=False),
        Column("last_hit_at", String(40), nullable=False),
        PrimaryKeyConstraint("exemplar_id"),
    )
    _table(
        "exemplars",
        Column("id", String(200), nullable=False),
        Column("content_hash", String(64), nullable=False),
        Column("text", Text, nullable=False),
        Column("category", String(200), nullable=False),
        Column("rule", String(200), nullable=False),
        Column("severity", String(20), nullable=False),
        Column("polarity", String(20), nullable=False),
        Column("bank", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("added_by", String(200), nullable=False),
        Column("added_at", String(40), nullable=False),
        Column("phash", String(64), nullable=False),
        Column("enabled", Boolean, nullable=False),
        Column("removed", Boolean, nullable=False),
        Column("revision", Integer, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("content_hash"),
    )
    _index("ix_exemplars_added_at", "exemplars", ["added_at"])
    _index("ix_exemplars_bank", "exemplars", ["bank"])
    _index("ix_exemplars_category", "exemplars", ["category"])
    _index("ix_exemplars_revision", "exemplars", ["revision"])
    _table(
        "exemplars_version",
        Column("id", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    _table(
        "embeddings",
        Column("exemplar_id", String(200), nullable=False),
        Column("encoder_version", String(200), nullable=False),
        Column("text_windows", Integer, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("image", LargeBinary, nullable=True),
        Column("text", LargeBinary, nullable=True),
        ForeignKeyConstraint(["exemplar_id"], ["exemplars.id"]),
        PrimaryKeyConstraint("exemplar_id", "encoder_version"),
    )
    _index("embeddings_followed", "embeddings", ["encoder_version", "revision"])
    _table(
        "exemplar_images",
        Column("exemplar_id", String(200), nullable=False),
        Column("image", LargeBinary, nullable=False),
        ForeignKeyConstraint(["exemplar_id"], ["exemplars.id"]),
        PrimaryKeyConstraint("exemplar_id"),
    )


def _thresholds() -> None:
    _table(
        "threshold_changes",
        Column("id", Integer, nullable=False),
        Column("count", Integer, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    _table(
        "threshold_versions",
        Column("version", String(20), nullable=False),
        Column("encoder_version", String(200), nullable=False),
        Column("content", Text, nullable=False),
        Column("state", String(20), nullable=False),
        Column("note", Text, nullable=False),
        Column("created_by", String(200), nullable=False),
        Column("created_at", String(40), nullable=False),
        Column("changed_by", String(200), nullable=False),
        Column("changed_at", String(40), nullable=False),
        Column("metrics", Text, nullable=False),
        PrimaryKeyConstraint("version", "encoder_version"),
    )
    _index("ix_threshold_versions_created_at", "threshold_versions", ["created_at"])
    _index(
        "one_active_one_shadow_per_encoder",
        "threshold_versions",
        ["encoder_version", "state"],
        unique=True,
        sqlite_where=text("state IN ('active', 'shadow')"),
        postgresql_where=text("state IN ('active', 'shadow')"),
    )


def _quality() -> None:
    _table(
        "quality_counts",
        Column("hour", String(20), nullable=False),
        Column("counted", String(20), nullable=False),
        Column("of", String(200), nullable=False),
        Column("ads", Integer, nullable=False),
        PrimaryKeyConstraint("hour", "counted", "of"),
    )
    _table(
        "quality_references",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("encoder_version", String(200), nullable=False),
        Column("library_version", Integer, nullable=False),
        Column("since", String(40), nullable=False),
        Column("until", String(40), nullable=False),
        Column("ads", Integer, nullable=False),
        Column("content", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("created_by", String(200), nullable=False),
        Column("created_at", String(40), nullable=False),
        PrimaryKeyConstraint("number"),
    )
    _index("ix_quality_references_encoder_version", "quality_references", ["encoder_version"])
    _table(
        "quality_samples",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("at", String(40), nullable=False),
        Column("encoder_version", String(200), nullable=False),
        Column("library_version", Integer, nullable=False),
        Column("image", Float, nullable=True),
        Column("text", Float, nullable=True),
        Column("image_text", Float, nullable=True),
        Column("image_sketch", LargeBinary, nullable=True),
        Column("text_sketch", LargeBinary, nullable=True),
        PrimaryKeyConstraint("number"),
    )
    _index("quality_samples_window", "quality_samples", ["encoder_version", "at"])


def _decisions() -> None:
    _table(
        "decisions",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("id", Text, nullable=False),
        Column("ad_id", Text, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("reasons", Text, nullable=False),
        Column("document", Text, nullable=False),
        Column("content_hash", Text, nullable=False),
        Column("trace_id", String(32), nullable=False),
        Column("decided_at", String(40), nullable=False),
        Column("versions", Text, nullable=False),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("id"),
    )
    _index("ix_decisions_ad_id", "decisions", ["ad_id"])
    _index("ix_decisions_content_hash", "decisions", ["content_hash"])
    _index("ix_decisions_decided_at", "decisions", ["decided_at"])
    _index("ix_decisions_outcome", "decisions", ["outcome"])
    _table(
        "decision_keys",
        Column("key", String(200), nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("fingerprint", String(64), nullable=False),
        ForeignKeyConstraint(
            ["decision_id"],
            ["decisions.id"],
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        PrimaryKeyConstraint("key"),
    )
    _index("ix_decision_keys_decision_id", "decision_keys", ["decision_id"])
    _table(
        "decision_verdicts",
        Column("number", Integer, autoincrement=True, nullable=False),
        Column("decision_id", Text, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("verdict", String(20), nullable=False),
        Column("by", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("at", String(40), nullable=False),
        ForeignKeyConstraint(["decision_id"], ["decisions.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("number"),
    )
    _index("ix_decision_verdicts_at", "decision_verdicts", ["at"])
    _index("ix_decision_verdicts_decision_id", "decision_verdicts", ["decision_id"])


def _table(name: str, *parts: Any) -> None:
    op.create_table(name, *parts, if_not_exists=True)


def _index(name: str, table: str, columns: list[str], **more: Any) -> None:
    op.create_index(name, table, columns, if_not_exists=True, **more)
