"""The outbox: messages that are to be delivered, written with what they tell of."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text


def deliveries_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables."""
    return Table(
        "webhook_deliveries",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("id", String(40), nullable=False, unique=True),
        Column("event", String(40), nullable=False),
        Column("subject", Text, nullable=False, index=True),
        Column("payload", Text, nullable=False),
        Column("state", String(20), nullable=False),
        Column("attempts", Integer, nullable=False),
        # When it is due; while a sender has it, when that sender's lease ends.
        Column("next_at", String(40), nullable=False),
        Column("status", Integer, nullable=False),
        Column("error", Text, nullable=False),
        Column("created_at", String(40), nullable=False),
        Column("delivered_at", String(40), nullable=False),
        Index("ix_webhook_deliveries_due", "state", "next_at"),
    )


DELIVERIES = deliveries_table(MetaData())
"""For statements alone: what makes the table is that of the ledger's own metadata."""
