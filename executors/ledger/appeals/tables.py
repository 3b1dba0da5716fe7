"""The table of appeals."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, Text, text

_OPEN = text("state = 'open'")


def appeals_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables."""
    table = Table(
        "appeals",
        metadata,
        Column("id", String(40), primary_key=True),
        Column(
            "decision_id",
            Text,
            ForeignKey("decisions.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        Column("reason", Text, nullable=False),
        Column("contact", Text, nullable=False),
        Column("state", String(20), nullable=False),
        # What counted when it was opened.
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("opened_at", String(40), nullable=False, index=True),
        Column("decided_by", String(200), nullable=False),
        Column("decided_name", String(200), nullable=False),
        Column("decided_at", String(40), nullable=False),
        Column("note", Text, nullable=False),
    )
    # Two requests at the same time must not open two.
    Index(
        "ix_appeals_one_open",
        table.c.decision_id,
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    return table


APPEALS = appeals_table(MetaData())
"""For statements alone: what makes the table is that of the ledger's own metadata."""
