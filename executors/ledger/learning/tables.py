"""The tables of what was learned: propagations, what each changed, and lessons of the library."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)


def propagations_table(metadata: MetaData) -> Table:
    """Each time that a ruling was carried over, as part of the ledger's own tables."""
    return Table(
        "propagations",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("id", String(40), nullable=False, unique=True),
        Column("decision_id", Text, _decision(), nullable=False, index=True),
        Column("outcome", String(20), nullable=False),
        Column("rule", Text, nullable=False),
        Column("past", Boolean, nullable=False),
        # Of the past decisions; empty without.
        Column("since", String(40), nullable=False),
        Column("until", String(40), nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        # Empty: it was not.
        Column("undone_at", String(40), nullable=False),
        Column("undone_by", String(200), nullable=False),
    )


def propagation_items_table(metadata: MetaData) -> Table:
    """What each propagation changed: ads that had no ruling before."""
    return Table(
        "propagation_items",
        metadata,
        Column(
            "propagation",
            Integer,
            ForeignKey("propagations.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        Column("decision_id", Text, _decision(), primary_key=True),
        # `queue`: its case was open, and an undo opens it again; or `past`.
        Column("source", String(20), nullable=False),
        # Bits; null where the pictures are no copies.
        Column("distance", Integer),
        Column("same_copy", Boolean, nullable=False),
        Column("whole", Boolean, nullable=False),
        # `applied`, `undone` or `kept`.
        Column("state", String(20), nullable=False),
        Index("propagation_items_decision", "decision_id"),
    )


def lessons_table(metadata: MetaData) -> Table:
    """Which exemplar came of which decision; the exemplar itself is the library's."""
    return Table(
        "lessons",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("decision_id", Text, _decision(), nullable=False, index=True),
        Column("exemplar_id", String(200), nullable=False, index=True),
        Column("polarity", String(20), nullable=False),
        Column("category", String(200), nullable=False),
        Column("rule", String(200), nullable=False),
        Column("bank", String(200), nullable=False),
        # The library had the content before any decision taught it.
        Column("repeats", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", String(200), nullable=False),
        Column("by_name", String(200), nullable=False),
        Column("at", String(40), nullable=False),
        # Empty: it stands.
        Column("removed_at", String(40), nullable=False),
        Column("removed_by", String(200), nullable=False),
    )


def _decision() -> ForeignKey:
    return ForeignKey("decisions.id", ondelete="CASCADE")
