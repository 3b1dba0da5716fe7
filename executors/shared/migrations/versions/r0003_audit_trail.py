"""The audit trail, which nobody changes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Text, text

revision = "0003"
down_revision = "0002"

GENESIS = "9462ae80468ea068937bd77c9aa8c35676719fc1350c4ef2372556099dbdda5a"


def upgrade() -> None:
    """Make the tables, and have the database refuse to change them."""
    _audit_trail()
    if op.get_bind().dialect.name == "postgresql":
        _append_only_on_postgresql()
    else:
        _append_only_on_sqlite()


def _audit_trail() -> None:
    op.create_table(
        "audit_entries",
        Column("number", Integer, autoincrement=False, nullable=False),
        Column("at", String(40), nullable=False),
        Column("what", String(40), nullable=False),
        Column("subject", Text, nullable=False),
        Column("by", Text, nullable=False),
        Column("facts", Text, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        PrimaryKeyConstraint("number"),
    )
    for column in ("at", "what", "subject", "by"):
        op.create_index(f"ix_audit_entries_{column}", "audit_entries", [column])
    op.create_table(
        "audit_head",
        Column("id", Integer, autoincrement=False, nullable=False),
        Column("number", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("at", String(40), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.execute(
        text(
            "INSERT INTO audit_head (id, number, hash, at) VALUES (1, 0, :genesis, '')"
        ).bindparams(genesis=GENESIS)
    )


def _append_only_on_sqlite() -> None:
    refused = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    refusals = {
        "audit_entries_no_update": "UPDATE ON audit_entries",
        "audit_entries_no_delete": "DELETE ON audit_entries",
        # INSERT OR REPLACE takes a row away without the trigger above.
        "audit_entries_no_replace": "INSERT ON audit_entries "
        "WHEN EXISTS (SELECT 1 FROM audit_entries WHERE number = NEW.number)",
        "audit_head_no_delete": "DELETE ON audit_head",
        "audit_head_forward": "UPDATE ON audit_head WHEN NEW.number < OLD.number",
        "audit_head_one_row": "INSERT ON audit_head WHEN EXISTS (SELECT 1 FROM audit_head)",
    }
    for name, when in refusals.items():
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} {refused}")


def _append_only_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    refused = "EXECUTE FUNCTION audit_append_only()"
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON audit_entries FOR EACH STATEMENT {refused}"
    )
    op.execute(
        "CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE "
        f"ON audit_head FOR EACH STATEMENT {refused}"
    )
    op.execute(
        "CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head FOR EACH ROW "
        f"WHEN (NEW.number < OLD.number) {refused}"
    )
