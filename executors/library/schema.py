"""The library's tables. The pictures and the embeddings, which are large, stand apart from the
labels, which are listed, switched and edited: so a switch of a bank rewrites small rows only."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from executors.shared.hits import hits_table

METADATA = MetaData()

MAIN_BANK = "main"
"""The bank of an exemplar that names none."""

EXEMPLARS = Table(
    "exemplars",
    METADATA,
    Column("id", String(200), primary_key=True),
    Column("content_hash", String(64), nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("category", String(200), nullable=False, index=True),
    Column("rule", String(200), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("polarity", String(20), nullable=False),
    Column("bank", String(200), nullable=False, index=True),
    Column("note", Text, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("added_at", String(40), nullable=False, index=True),
    Column("phash", String(64), nullable=False),
    # Switched off by a person: listed, but it matches nothing.
    Column("enabled", Boolean, nullable=False),
    # Taken out: neither listed nor matched. The row stays, since decisions name it.
    Column("removed", Boolean, nullable=False),
    # The table's version at which this row last changed: what a replica still has to read.
    Column("revision", Integer, nullable=False, index=True),
)

IMAGES = Table(
    "exemplar_images",
    METADATA,
    Column("exemplar_id", ForeignKey("exemplars.id"), primary_key=True),
    Column("image", LargeBinary, nullable=False),
)

EMBEDDINGS = Table(
    "embeddings",
    METADATA,
    Column("exemplar_id", ForeignKey("exemplars.id"), primary_key=True),
    Column("encoder_version", String(200), primary_key=True),
    Column("text_windows", Integer, nullable=False),
    # As that of the exemplar, so that what follows one encoder does not read again all that
    # another one adds.
    Column("revision", Integer, nullable=False),
    Column("image", LargeBinary),
    Column("text", LargeBinary),
    Index("embeddings_followed", "encoder_version", "revision"),
)

BANKS = Table(
    "banks",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", String(40), nullable=False),
)

CHANGES = Table(
    "exemplar_changes",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    # One of the two is empty: a change is of an exemplar or of a whole bank.
    Column("exemplar_id", String(200), nullable=False, index=True),
    Column("bank", String(200), nullable=False),
    Column("what", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", String(40), nullable=False),
)

VERSION = Table(
    "exemplars_version",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)

HITS = hits_table(METADATA)
